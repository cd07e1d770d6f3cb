"""What an answer said of a batch, written down; what of it goes again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bulkreply.batching import Batch
from bulkreply.catalog import Operation
from bulkreply.engine.burst import Burst
from bulkreply.engine.doubts import Doubts
from bulkreply.engine.later import Later
from bulkreply.engine.recording import Recorder
from bulkreply.engine.sending import Sending
from bulkreply.errors import SameRefusal
from bulkreply.outcomes import Outcome
from bulkreply.sinks import Delivery, ReplySink
from bulkreply.wire.answer import Settled, removes
from bulkreply.wire.verdict import Judgement


class Fates:
    """Records answers of one run.

    Args:
        again: Batches to send before all others; what goes again is put there.
        keep_answer: Told positions and body of answers that calls were made for.

    Raises:
        SameRefusal: From `settle` and `reject`: Reply refuses everything, always in the same words.
        BudgetSpent: Likewise: more rows are rejected than the job allows.
    """

    def __init__(
        self,
        sink: ReplySink,
        recorder: Recorder,
        doubts: Doubts,
        later: Later,
        sending: Sending,
        burst: Burst,
        again: deque[Batch],
        keep_answer: Callable[[tuple[int, ...], bytes], None],
    ) -> None:
        self._sink = sink
        self._recorder = recorder
        self._doubts = doubts
        self._later = later
        self._sending = sending
        self._burst = burst
        self._again = again
        self._keep_answer = keep_answer

    def reads_back(self, batch: Batch) -> bool:
        """Whether only reading Reply tells what became of a batch, although it was answered."""
        blind = self._sink.operation(batch).result == "blind" and self._sink.target.mode is not None
        return blind and self._doubts.verifies(batch)

    async def settle(self, entry: int, batch: Batch, delivery: Delivery) -> None:
        """Records what an answer said."""
        assert delivery.settled is not None
        operation, settled = self._sink.operation(batch), delivery.settled
        if operation.reads or (self._sink.target.mode is None and operation.result in ("whole", "job")):
            self._keep_answer(batch.positions, delivery.said)
        self._sending.told(batch, settled)
        if batch.attempt and operation.result != "positional":
            settled = settled.claimed(self._sink.success(batch), removes(operation))
        try:
            self._burst.settled(operation, batch, settled)
        except SameRefusal:
            await self._stop(entry, batch, operation)
            raise
        return await self._later.settle(entry, batch, settled, operation)

    async def break_off(self, entry: int, through: Batch, settled: Settled, left: Batch, at_s: float) -> int:
        """Records what answers said of the first records of a round; the number of the intent of what is left."""
        self._sending.told(through, settled)
        if len(through):
            self._burst.taken(self._sink.operation(through))
        return await self._recorder.break_off(entry, through, settled, left, at_s)

    async def split(self, entry: int, batch: Batch, judgement: Judgement) -> None:
        """Divides a batch that was refused as a whole; the call did nothing."""
        operation = self._sink.operation(batch)
        await self._recorder.replace(entry, batch.only([]))
        if judgement.oversized:
            self._again.extendleft(reversed(batch.halves()))
            return
        first, late = self._burst.parts(operation, batch)
        self._again.extendleft(reversed(first))
        self._again.extend(late)

    async def reject(self, entry: int, batch: Batch, judgement: Judgement) -> None:
        """The records named are refused; the call did nothing, so the others go again."""
        operation, refused = self._sink.operation(batch), sorted(judgement.failures)
        settled = Settled.all(len(refused), Outcome.REJECTED)
        settled.failures = {i: judgement.failures[index] for i, index in enumerate(refused)}
        left = batch.only(refused)
        try:
            self._burst.refused(operation, left.positions, settled.failures, judgement.shared)
        except SameRefusal:
            await self._stop(entry, batch, operation)
            raise
        await self._recorder.replace(entry, left, settled)
        self._sending.told(left, settled)
        rest = [i for i in range(len(batch)) if i not in judgement.failures]
        if rest:
            self._again.appendleft(batch.only(rest))

    async def _stop(self, entry: int, batch: Batch, operation: Operation) -> None:
        """The run stops, and nobody is blamed: what was refused in the same words goes again when it is resumed."""
        await self._recorder.replace(entry, batch.only([]))
        self._sending.back(batch)
        await self._recorder.take_back(self._burst.positions(operation))
