"""A job that Reply refuses from its first row on, in the same words: it stops at once, and no row is blamed for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bulkreply.batching import Batch
from bulkreply.catalog import Operation
from bulkreply.errors import SameRefusal
from bulkreply.outcomes import Outcome
from bulkreply.wire.answer import Failure, Settled

FEW = 100
"""With no more records to send, all of them are tried."""

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|«[^»]*»|“[^”]*”")
_NUMBERS = re.compile(r"\d+")


@dataclass(slots=True)
class _Streak:
    """The refusals of one operation since the run began; `over` once Reply took something, or said something else."""

    words: tuple[str, ...] = ()
    count: int = 0
    positions: list[int] = field(default_factory=list)
    over: bool = False
    probing: bool = False


class Burst:
    """Watches the first answers to each operation of a run.

    Args:
        most: Refusals in the same words that are enough, 0 for never.
        waiting: Records the run has to send.
    """

    def __init__(self, most: int, waiting: int) -> None:
        self._most = most if waiting > FEW else 0
        self._waiting = waiting
        self._streaks: dict[str, _Streak] = {}

    def taken(self, operation: Operation) -> None:
        """Reply took a record: what it refuses is the fault of rows."""
        self._of(operation).over = True

    def refused(
        self, operation: Operation, positions: Iterable[int], failures: Mapping[int, Failure], shared: bool = False
    ) -> None:
        """Notes refused records, before they are recorded.

        Args:
            failures: Why, by index.
            shared: Whether they were refused for what all records of their call share.

        Raises:
            SameRefusal: So many were refused, and never for another reason, that the others need not be tried.
        """
        streak = self._of(operation)
        if streak.over:
            return
        said = {_words(failure) for failure in failures.values()} | ({streak.words} if streak.words else set())
        if len(said) != 1:
            streak.over = True
            return
        streak.words = said.pop()
        streak.positions += positions
        streak.count += 1 if shared else len(failures)
        if streak.count >= self._most and len(streak.positions) < self._waiting:
            raise _refusal(operation, streak, next(iter(failures.values())))

    def positions(self, operation: Operation) -> list[int]:
        """The records that were refused in the same words."""
        return self._of(operation).positions

    def settled(self, operation: Operation, batch: Batch, settled: Settled) -> None:
        """Notes what an answer says of each record.

        Raises:
            SameRefusal: As `refused`.
        """
        if self._of(operation).over:
            return
        if any(outcome != Outcome.REJECTED for outcome in settled.outcomes):
            self.taken(operation)
        else:
            self.refused(operation, batch.positions, settled.failures)

    def parts(self, operation: Operation, batch: Batch) -> tuple[list[Batch], list[Batch]]:
        """How a batch that was refused as a whole goes again: what goes at once, and what can wait.

        Before Reply has taken anything a few records go alone: if each of them is refused for the same reason, that
        costs less than halving a thousand records until each is alone.
        """
        streak = self._of(operation)
        if streak.over or not self._most:
            return list(batch.halves()), []
        if streak.probing:
            return [], list(batch.halves())
        streak.probing = True
        chosen = sorted({i * len(batch) // self._most for i in range(self._most)})
        rest = [i for i in range(len(batch)) if i not in set(chosen)]
        return [batch.one(i) for i in chosen], [batch.only(rest)] if rest else []

    def _of(self, operation: Operation) -> _Streak:
        found = self._streaks.get(operation.label)
        if found is None:
            found = self._streaks[operation.label] = _Streak(over=not self._most)
        return found


def _words(failure: Failure) -> tuple[str, ...]:
    """What a refusal says, without what it says of one record; a code of Reply's own says enough."""
    place = _NUMBERS.sub("0", failure.field)
    if failure.code.count(".") > 1:
        return failure.code, place
    return failure.code, place, _NUMBERS.sub("0", _QUOTED.sub("", failure.message)).casefold()


def _refusal(operation: Operation, streak: _Streak, failure: Failure) -> SameRefusal:
    why = ": ".join(filter(None, (failure.code, failure.field, failure.message)))
    hint = (
        "mend what it says, at Reply or in the job, and resume; the rows were not taken and go again. "
        "If only these rows are bad: --set policy.burst=0"
    )
    return SameRefusal(f"{operation.label}: the first {len(streak.positions):,} rows are all refused: {why}", hint=hint)
