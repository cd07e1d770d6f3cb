"""How many records one call may carry: it grows to what Reply takes, falls back from what it does not, and what was
learned is remembered per account and operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkreply.batching import Batch
from bulkreply.catalog.model import Operation
from bulkreply.clock import SYSTEM_CLOCK, Clock
from bulkreply.secrets import keep, state_folder
from bulkreply.wire.verdict import Judgement, Verdict

STREAK = 3
"""Full calls that are taken in a row before a larger one is tried."""
WORTH = 10
"""Calls a larger size has to save before it is tried: one that is refused is lost, one in doubt costs a few reads."""
STEP = 1.25
"""A size that is not larger by this is not worth trying."""
SLOW_S = 5.0
"""Where an answer takes longer, no larger call is tried."""
ROOM_BYTES = 1_000_000
"""No call is grown above this; servers and what stands before them refuse bodies from 1 MiB on."""
REFUSED_S = 30 * 86_400.0
"""For so long a size that was refused is not tried again."""
DOUBTED_S = 86_400.0
"""Likewise one whose answer did not come, or did not say what became of the records."""


@dataclass(slots=True)
class _Size:
    """What is known of one operation.

    Attributes:
        start: What the catalog, or the job, begins with.
        now: What calls carry.
        taken: The most a call was taken with, 0 while there was none.
        refused: The fewest that were refused, 0 when none were.
        until_s: How long that is believed, Unix seconds.
        grows: Whether larger ones are tried in this run.
        streak: Full calls taken in a row.
        strikes: Full calls refused in a row although calls of that size were taken before.
        tried: First and last position of the larger call under way.
    """

    start: int
    now: int
    taken: int = 0
    refused: int = 0
    until_s: float = 0.0
    grows: bool = True
    streak: int = 0
    strikes: int = 0
    tried: tuple[int, int] | None = None

    def larger(self, most: int) -> int:
        """The size to try next: twice as many, or half way to what was refused; the same where that is no gain."""
        wanted = min(most, (self.now + self.refused) // 2 if self.refused else 2 * self.now)
        return wanted if wanted >= STEP * self.now else self.now


class BatchSizes:
    """The sizes that work now, by operation.

    Never more than the catalog's `max` for an operation: what Reply documents, or as far as it is tried where Reply
    documents nothing. One larger call is under way at a time; the others keep to what is known to work.

    Args:
        account_name: Fingerprint of the account.
        wanted: Records per call the user asked for, 0 for the catalog's; those do not grow.
    """

    def __init__(self, account_name: str, wanted: int = 0, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = state_folder() / "sizes" / f"{account_name}.json"
        self._wanted = wanted
        self._clock = clock
        self._remembered = self._read()
        self._known: dict[str, _Size] = {}

    def now(self, operation: Operation, left: int = 0) -> int:
        """Records the next call may carry.

        Args:
            left: Records still to be sent; a larger call is tried only where so many are left that it pays.
        """
        batch = operation.batch
        if batch is None:
            return 1
        if batch.whole:
            return batch.max
        known = self._of(operation)
        if known.streak < STREAK or not known.grows or known.tried is not None:
            return known.now
        wanted = known.larger(batch.max)
        return wanted if left * (1 / known.now - 1 / wanted) >= WORTH else known.now

    def most(self, operation: Operation) -> int:
        """Records that one call may ever carry."""
        batch = operation.batch
        assert batch is not None
        return min(self._wanted or batch.max, batch.max)

    def cut(self, operation: Operation, batch: Batch) -> None:
        """A batch was made; until it is answered no other larger one is tried."""
        if operation.batch is not None and not operation.batch.whole:
            known = self._of(operation)
            if len(batch) > known.now:
                known.tried = batch.positions[0], batch.positions[-1]

    def heard(self, operation: Operation, batch: Batch, judgement: Judgement, took_s: float) -> None:
        """What came of a call.

        Args:
            took_s: Seconds until its answer.
        """
        if operation.batch is None or operation.batch.whole or judgement.verdict is Verdict.WAIT:
            return
        known = self._of(operation)
        if known.tried is not None and batch.positions[0] <= known.tried[1] and batch.positions[-1] >= known.tried[0]:
            known.tried = None
        if judgement.verdict is Verdict.DONE:
            self._taken(operation, known, batch, took_s)
        elif judgement.verdict is Verdict.SPLIT and judgement.oversized:
            self._refused(operation, known, len(batch))
        elif judgement.ambiguous or judgement.verdict in (Verdict.VERIFY, Verdict.FOLLOW):
            self._doubted(operation, known, len(batch))

    def _taken(self, operation: Operation, known: _Size, batch: Batch, took_s: float) -> None:
        size = len(batch)
        if size >= 0.9 * known.now:  # some of its rows may have been settled without a call
            known.streak, known.strikes = known.streak + 1 if took_s <= SLOW_S else 0, 0
        if known.grows and size > known.now:
            known.now, known.streak = size, 0
        if known.streak == STREAK and known.grows:
            assert operation.batch is not None
            grown_bytes = sum(map(len, batch.bodies)) / size * known.larger(operation.batch.max)
            known.streak -= grown_bytes > ROOM_BYTES
        if known.taken < size < (known.refused or size + 1):
            known.taken = size
            if size > known.start or known.refused:
                self._remember(operation, known)

    def _refused(self, operation: Operation, known: _Size, size: int) -> None:
        """A call did nothing, for its size.

        One that is not larger than what was taken before is refused for its rows, not for their number, until that
        goes on.
        """
        if size <= known.taken:
            known.strikes += size >= known.now
            if known.strikes < STREAK:
                return
            known.taken = size // 2
        known.now = min(known.now, max(1, known.taken, size // 2))
        known.streak = known.strikes = 0
        self._bound(known, size, REFUSED_S)
        self._remember(operation, known)

    def _doubted(self, operation: Operation, known: _Size, size: int) -> None:
        """A call was answered late, not at all, or by a background job: one of a grown size may be so for its size."""
        known.streak, known.grows = 0, known.grows and size <= known.start
        if size > known.start:
            known.now = max(known.start, min(known.now, size // 2))
            known.taken = min(known.taken, known.now)
            self._bound(known, size, DOUBTED_S)
            self._remember(operation, known)

    def _bound(self, known: _Size, size: int, for_s: float) -> None:
        known.refused = min(known.refused or size, size)
        known.until_s = max(known.until_s, self._clock.now_s() + for_s)

    def _of(self, operation: Operation) -> _Size:
        known = self._known.get(operation.label)
        if known is None:
            known = self._known[operation.label] = self._begun(operation)
        return known

    def _begun(self, operation: Operation) -> _Size:
        """What a run begins with."""
        assert operation.batch is not None
        start = min(self._wanted or operation.batch.start, operation.batch.max)
        words = self._remembered.get(operation.label, {})
        taken, refused, until_s = (words.get(name, 0) for name in ("taken", "refused", "until_s"))
        if until_s < self._clock.now_s():
            refused, until_s = 0, 0.0
        now = start if self._wanted else max(start, min(taken, operation.batch.max))
        if 0 < refused <= now:
            now = max(1, min(taken, refused - 1), refused // 2)
        alone = operation.sends or operation.final or operation.repeat == "never" or operation.result == "blind"
        return _Size(start, now, taken, refused, until_s, grows=not (self._wanted or alone))

    def _remember(self, operation: Operation, known: _Size) -> None:
        """Where the disk does not take it, later runs learn it again."""
        words = {"taken": known.taken, "refused": known.refused, "until_s": round(known.until_s)}
        keep(self._path, json.dumps(self._read() | {operation.label: words}))

    def _read(self) -> dict[str, Mapping[str, Any]]:
        try:
            found = json.loads(Path(self._path).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {name: words for name, words in found.items() if _sensible(words)} if isinstance(found, dict) else {}


def _sensible(words: object) -> bool:
    numbers = words.values() if isinstance(words, dict) else (None,)
    return all(isinstance(number, int) and number >= 0 for number in numbers)
