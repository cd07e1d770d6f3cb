"""Who waits in one rate class, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from bulkreply.quota.pacing import EvenPace
from bulkreply.quota.store import LaneNote
from bulkreply.quota.windows import Lane

_FOREIGN_POLL_S = 0.015
_WAKE_LATE_S = 0.0005


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one call now; give it back with `Quota.release` when the answer is there.

    Attributes:
        wider: Its place in the wider class that it counts in too.
    """

    rate_class: str
    number: int
    wider: Permit | None = None


@dataclass(slots=True, eq=False)
class Queue:
    """Who waits in one lane, who is in flight, and what is not written yet."""

    lane: Lane
    waiting: deque[asyncio.Future[Permit]] = field(default_factory=deque)
    in_flight: set[int] = field(default_factory=set)
    unwritten: dict[int, int] = field(default_factory=dict)
    written_flight: int = 0
    note_changed: bool = False
    needs_answer: bool = False
    even: EvenPace = field(default_factory=EvenPace)
    factor: float | None = None

    @property
    def idle(self) -> bool:
        """Whether a turn would do nothing here."""
        return not (self.waiting or self.unwritten or self.note_changed or self.written_flight != self.lane.own_flight)

    def note(self) -> LaneNote:
        """What the file is to remember besides calls."""
        lane = self.lane
        return LaneNote(lane.parked_until_ms, lane.parked_at_ms, lane.pace, lane.longest_ms)

    def choose(self, now_ms: int, owners: int) -> list[asyncio.Future[Permit]]:
        """Take the first in line for whom there is room, as far as an even pace allows."""
        room = self.lane.available(now_ms)
        chosen: list[asyncio.Future[Permit]] = []
        while self.waiting and len(chosen) < room:
            caller = self.waiting.popleft()
            if not caller.done():
                chosen.append(caller)
        if self.factor is not None and chosen:
            allowed = self.even.take(len(chosen), self.lane.even_rate_per_s(self.factor) / owners)
            self.waiting.extendleft(reversed(chosen[allowed:]))
            del chosen[allowed:]
        return chosen

    def next_turn_s(self, now_ms: int) -> float | None:
        """In how many seconds looking again makes sense; None: not before an answer of ours."""
        self.needs_answer = False
        while self.waiting and self.waiting[0].done():
            self.waiting.popleft()
        if not self.waiting:
            return None
        opening_ms = self.lane.opening_ms(now_ms)
        if opening_ms is None:
            self.needs_answer = True
            return _FOREIGN_POLL_S if self.lane.foreign_flight else None
        if opening_ms <= now_ms:
            return 0.0 if self.factor is None else 1.0 / self.even.rate_per_s
        return (opening_ms - now_ms) / 1000 + _WAKE_LATE_S
