"""The event log: every write, in order, in a few bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Effect(IntEnum):
    """What a write did to one thing."""

    CREATED = 0
    UPDATED = 1
    UNCHANGED = 2
    SKIPPED = 3
    FAILED = 4
    DELETED = 5

    @property
    def word(self) -> str:
        """As Reply would say it: an update that changed nothing is still `updated`."""
        return "updated" if self is Effect.UNCHANGED else self.name.lower()

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return self in (Effect.CREATED, Effect.UPDATED, Effect.DELETED)


@dataclass(frozen=True, slots=True)
class Event:
    """One call's writes: ids and effects side by side; id 0 stands for a thing that got none."""

    time_s: float
    request: int
    operation: str
    ids: array[int]
    effects: bytes


class EventLog:
    """The writes of one account."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.totals = [0] * len(Effect)

    def note(self, time_s: float, request: int, operation: str, ids: Sequence[int], effects: Sequence[Effect]) -> None:
        """Append the writes of one call."""
        for effect in Effect:
            self.totals[effect] += effects.count(effect)
        self._events.append(Event(time_s, request, operation, array("q", ids), bytes(effects)))

    def __len__(self) -> int:
        return sum(len(event.ids) for event in self._events)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One mapping per written thing, oldest first."""
        for event in self._events:
            for number, code in zip(event.ids, event.effects, strict=True):
                effect = Effect(code)
                yield {
                    "time": event.time_s,
                    "request": event.request,
                    "operation": event.operation,
                    "id": number or None,
                    "effect": effect.word,
                    "changed": effect.changed,
                }

    def by_operation(self) -> dict[str, int]:
        """How many things each operation wrote to."""
        counts: dict[str, int] = {}
        for event in self._events:
            counts[event.operation] = counts.get(event.operation, 0) + len(event.ids)
        return counts
