"""Writes what happens to batches into the ledger, each fact in one transaction, and keeps count for whoever watches."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bulkreply.batching import Batch
from bulkreply.engine.identities import Identities
from bulkreply.errors import BudgetSpent
from bulkreply.ledger import Ledger
from bulkreply.ledger.reopening import take_back
from bulkreply.ledger.scribe import Scribe
from bulkreply.net.client import Client
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans
from bulkreply.wire.answer import Settled


@dataclass(frozen=True, slots=True)
class Rules:
    """What the job says about how to run.

    Attributes:
        ambiguous: What to do with a call whose answer was lost: `verify`, `resend` or `hold`.
        settle_s: How long a lost request may still be at work at Reply; only then it is read back.
        rejects_allowed: Most rejected rows, -1 for any number.
        attempts: Times a record is sent before it is left `unknown`.
        burst: First refusals in the same words that stop a run, 0 for any number.
    """

    ambiguous: str = "verify"
    settle_s: float = 30.0
    rejects_allowed: int = -1
    attempts: int = 4
    burst: int = 20


@dataclass(slots=True)
class Progress:
    """What a run has done so far.

    Attributes:
        rows: Staged rows.
        rejected_before: Rows rejected before anything was staged; they count against the budget.
    """

    rows: int
    rejected_before: int = 0
    tally: dict[Outcome, int] = field(default_factory=dict)
    doing: str = "sending"

    @property
    def done(self) -> int:
        """Staged rows with an outcome."""
        return sum(self.tally.values())

    def count(self, outcomes: bytes | bytearray) -> None:
        """Adds settled rows."""
        for code in set(outcomes):
            outcome = Outcome(code)
            self.tally[outcome] = self.tally.get(outcome, 0) + outcomes.count(code)


TEXT_ID = "reply.id"
"""Code of a ledger row that is no failure: it keeps an id that is no number, as its message."""


def failure_rows(positions: Sequence[int], settled: Settled) -> dict[int, tuple[str, str, str]]:
    """What the ledger keeps a row of its own for, by position: failures, and ids that are no numbers."""
    if not (settled.failures or settled.texts):
        return {}
    ids = {positions[i]: (TEXT_ID, "", text) for i, text in settled.texts.items()}
    return ids | {positions[i]: (f.code, f.field, f.message) for i, f in settled.failures.items()}


class Recorder:
    """Every change of a batch's fate, on disk when the `await` returns, but for `settle`.

    Raises:
        DiskFatal: From every method: nothing may be sent whose result could not be recorded.
    """

    def __init__(
        self, scribe: Scribe, progress: Progress, rules: Rules, client: Client, identities: Identities
    ) -> None:
        self._scribe = scribe
        self._progress = progress
        self._rules = rules
        self._clock = client.clock
        self._identities = identities

    async def intend(self, batch: Batch, before: int = 0) -> tuple[int, float]:
        """Records that a batch is about to be sent: its number and the time.

        Args:
            before: Its number so far, when it is sent again: an intent is never older than the bytes it speaks of.
        """
        at_s = self._clock.now_s()

        def write(ledger: Ledger) -> int:
            if before:
                ledger.replace(before)
            return ledger.intend(batch.spans, batch.attempt, at_s)

        return await self._scribe.write(write), at_s

    async def settle(self, entry: int, batch: Batch, settled: Settled) -> None:
        """Records outcomes of a whole batch, on disk no later than the next intent, which is waited for."""
        rows = failure_rows(batch.positions, settled)

        def write(ledger: Ledger) -> None:
            ledger.settle(entry, bytes(settled.outcomes), settled.ids, rows)

        self._scribe.leave(write)
        self._identities.note(batch.positions, settled)
        self._count(settled.outcomes)

    async def follow(self, entry: int, job: str) -> None:
        """Records the background job of a batch."""
        await self._scribe.write(lambda ledger: ledger.follow(entry, job))

    async def replace(self, entry: int, batch: Batch, settled: Settled | None = None) -> None:
        """Takes a batch back, so that its records may go again in others.

        Args:
            batch: The records of it that are settled all the same.
            settled: Their outcomes.
        """
        rows = failure_rows(batch.positions, settled) if settled else {}

        def write(ledger: Ledger) -> None:
            if entry:
                ledger.replace(entry)
            if settled is not None and len(batch):
                ledger.settle_unsent(batch.spans, bytes(settled.outcomes), settled.ids, rows)

        await self._scribe.write(write)
        if settled is not None:
            self._identities.note(batch.positions, settled)
            self._count(settled.outcomes)

    async def break_off(self, entry: int, through: Batch, settled: Settled, left: Batch, at_s: float) -> int:
        """Settles the first records of a round, in one transaction with what becomes of the others.

        Args:
            left: The records of it that are still under way, under an intent of their own; all others are free.

        Returns:
            The number of that intent, 0 when nothing is left.
        """

        def write(ledger: Ledger) -> int:
            ledger.replace(entry)
            if len(through):
                ledger.settle_unsent(through.spans, bytes(settled.outcomes), settled.ids, rows)
            return ledger.intend(left.spans, left.attempt, at_s) if len(left) else 0

        rows = failure_rows(through.positions, settled)
        number = await self._scribe.write(write)
        self._identities.note(through.positions, settled)
        self._count(settled.outcomes)
        return number

    async def give_up(
        self, entry: int, proven: Batch, settled: Settled, left: Batch, unknown: Settled, sent_s: float
    ) -> None:
        """Settles a batch in doubt for good, in one transaction: no record of it is free to go again in between.

        Args:
            proven: The records of it whose fate is known, `settled`.
            left: Those that stay `unknown`, kept with when they were sent.
        """
        rows, known = failure_rows(left.positions, unknown), failure_rows(proven.positions, settled)

        def write(ledger: Ledger) -> None:
            if entry:
                ledger.replace(entry)
            if len(proven):
                ledger.settle_unsent(proven.spans, bytes(settled.outcomes), settled.ids, known)
            again = ledger.intend(left.spans, left.attempt, sent_s)
            ledger.settle(again, bytes(unknown.outcomes), unknown.ids, rows)

        await self._scribe.write(write)
        for batch, outcomes in ((proven, settled), (left, unknown)):
            self._identities.note(batch.positions, outcomes)
            self._count(outcomes.outcomes)

    async def take_back(self, positions: Sequence[int]) -> None:
        """Makes rows as if they had never been sent: they were not taken, and it is not their fault."""
        spans = Spans.of(sorted(positions))
        await self._scribe.write(lambda ledger: take_back(ledger, spans))
        left = self._progress.tally.get(Outcome.REJECTED, 0) - len(spans)
        self._progress.tally[Outcome.REJECTED] = max(0, left)

    async def ids_made(self) -> set[str]:
        """Ids of the records at Reply that rows of the run became."""

        def read(ledger: Ledger) -> set[str]:
            numbers = {str(one) for result in ledger.results() for one in result.ids if one}
            return numbers | {text for _, code, _, text in ledger.failures() if code == TEXT_ID}

        return await self._scribe.write(read)

    async def note(self, **facts: str) -> None:
        """Keeps facts about the run, for its report."""
        await self._scribe.write(lambda ledger: ledger.note(**facts))

    def _count(self, outcomes: bytes | bytearray) -> None:
        self._progress.count(outcomes)
        check_budget(self._progress, self._rules)


def check_budget(progress: Progress, rules: Rules) -> None:
    """Whether the run may go on: rows rejected before anything was sent count as well.

    Raises:
        BudgetSpent: More rows are rejected than the job allows.
    """
    rejected = progress.tally.get(Outcome.REJECTED, 0) + progress.rejected_before
    if 0 <= rules.rejects_allowed < rejected:
        raise BudgetSpent(
            f"{rejected} rows are rejected, the job allows {rules.rejects_allowed}",
            hint="see the rejects; mend the job or the file, or raise policy.reject: "
            "then bulkreply run JOB --accept-changed-input",
        )


def columns_of(found: Mapping[int, tuple[Outcome, int]]) -> tuple[list[int], Settled]:
    """Outcomes by index as columns: the indexes in order, and their outcomes."""
    indexes = sorted(found)
    settled = Settled(bytearray(found[i][0] for i in indexes), array("q", [found[i][1] for i in indexes]))
    return indexes, settled
