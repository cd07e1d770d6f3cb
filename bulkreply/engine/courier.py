"""One batch on its way: counted, prepared, allowed by the quota, intended, sent, and its answer followed to a fate."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from bulkreply.batching import Batch
from bulkreply.engine.doubts import Doubt, Doubts
from bulkreply.engine.fates import Fates
from bulkreply.engine.recording import Progress, Recorder, Rules
from bulkreply.engine.rounds import ROUND_S, Rounds
from bulkreply.engine.sending import Sending
from bulkreply.quota import Permit
from bulkreply.sinks import Delivery, ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.wire.answer import Failure, Settled
from bulkreply.wire.verdict import Judgement, Verdict


class Courier:
    """Takes the batches of one run to Reply.

    Args:
        again: Batches to send before all others; what is not sent, or goes again, is put there.

    Raises:
        BulkreplyError: From `take` and `follow`: the run cannot go on; nothing of the batch is lost.
    """

    def __init__(
        self,
        sink: ReplySink,
        recorder: Recorder,
        sizes: BatchSizes,
        rounds: Rounds,
        rules: Rules,
        sending: Sending,
        doubts: Doubts,
        fates: Fates,
        again: deque[Batch],
        progress: Progress,
    ) -> None:
        self._sink = sink
        self._client = sink.client
        self._recorder = recorder
        self._sizes = sizes
        self._rounds = rounds
        self._rules = rules
        self._sending = sending
        self._doubts = doubts
        self._fates = fates
        self._again = again
        self._progress = progress

    async def take(self, batch: Batch) -> None:
        """Sends the records of a batch that are to be sent.

        Raises:
            Interrupted: The run is to stop.
            RunPaused: The quota opens too late for the patience of this run.
        """
        if len(batch) > self._rounds.most(batch):
            self._again.extendleft(reversed(batch.halves()))
            return
        batch, rest = await self._sending.passed(batch)
        if rest is not None:
            self._again.appendleft(rest)
        if len(batch) > 1 and self._sink.operation(batch).batch is None:
            await self._round(batch)
        elif len(batch):
            await self._together(batch)

    async def _together(self, batch: Batch) -> None:
        """Sends records in one call."""
        prepared, settled = await self._sink.prepare(batch)
        if settled is not None:
            await self._recorder.replace(0, batch, settled)
            self._sending.told(batch, settled)
            return
        entry, at_s, permit = await self._begin(batch)
        await self._deliver(entry, at_s, batch, prepared, await self._sink.deliver(prepared, permit))

    async def _round(self, batch: Batch) -> None:
        """Sends records one by one under one intent; what was not begun of it when it ends early goes again."""
        entry, at_s, permit = await self._begin(batch)
        told = await self._rounds.send(batch, permit, at_s + ROUND_S)
        settled, through = Settled.plainly(told.through), len(told.through)
        if through == len(batch):
            return await self._fates.settle(entry, batch, Delivery(Judgement(Verdict.DONE), settled))
        begun = through + told.under_way
        if begun < len(batch):
            self._again.appendleft(batch.only(range(begun, len(batch))))
        left = batch.only(range(through, begun))
        entry = await self._fates.break_off(entry, batch.only(range(through)), settled, left, at_s)
        if told.problem is not None:
            raise told.problem
        if told.odd is not None:
            await self._deliver(entry, at_s, left, left, told.odd)
        return None

    async def _begin(self, batch: Batch) -> tuple[int, float, Permit]:
        """Waits for the quota, and records that the batch is about to be sent."""
        try:
            permit = await self._client.permit(self._sink.operation(batch))
        except BaseException:
            self._sending.back(batch)
            self._again.appendleft(batch)
            raise
        return *await self._intend(batch, permit), permit

    async def _intend(self, batch: Batch, permit: Permit, before: int = 0) -> tuple[int, float]:
        """Records that a batch is about to be sent; a permit that cannot be used then goes back."""
        try:
            self._sending.turn(batch)
            return await self._recorder.intend(batch, before)
        except BaseException:
            self._client.give_back(permit)
            raise

    async def _deliver(self, entry: int, at_s: float, batch: Batch, prepared: Batch, delivery: Delivery) -> None:
        """Follows an answer, and sends the batch again, until its fate is known, in doubt, or divided."""
        attempt, began_s, operation, tried = 0, at_s, self._sink.operation(batch), False
        while True:
            judgement = delivery.judgement
            self._sizes.heard(operation, batch, judgement, self._now_s() - at_s)
            match judgement.verdict:
                case Verdict.DONE if delivery.settled is not None and self._fates.reads_back(batch):
                    return self._doubt(entry, at_s, batch)
                case Verdict.DONE if delivery.settled is not None:
                    return await self._fates.settle(entry, batch, delivery)
                case Verdict.FOLLOW:
                    await self._recorder.follow(entry, delivery.job)
                    return await self.follow(entry, at_s, batch, delivery.job)
                case Verdict.WAIT if not tried:
                    await self._recorder.replace(entry, batch.only([]))
                    return self._again.appendleft(batch)
                case Verdict.RETRY if judgement.ambiguous and self._rules.ambiguous == "hold":
                    return self._doubt(entry, at_s, batch, judgement.reason)
                case Verdict.RETRY:
                    if judgement.ambiguous:
                        tried, batch = True, replace(batch, attempt=max(1, batch.attempt))
                    elif not tried:  # nothing of it left the machine, so nothing of it is in doubt
                        await self._recorder.replace(entry, batch.only([]))
                        entry = 0
                    attempt += judgement.reason.startswith("status")
                    await self._client.pause_before_repeat(judgement, attempt, began_s, operation)
                    permit = await self._client.permit(operation)
                    entry, at_s = await self._intend(batch, permit, entry)
                    delivery = await self._sink.deliver(prepared, permit)
                case Verdict.SPLIT | Verdict.REJECT if operation.batch is not None and operation.batch.whole:
                    words = next(iter(judgement.failures.values()), Failure("reply.refused", judgement.reason))
                    refused = replace(judgement, failures=dict.fromkeys(range(len(batch)), words))
                    return await self._fates.reject(entry, batch, refused)
                case Verdict.SPLIT:
                    return await self._fates.split(entry, batch, judgement)
                case Verdict.REJECT:
                    return await self._fates.reject(entry, batch, judgement)
                case Verdict.STOP:
                    if not tried:
                        await self._recorder.replace(entry, batch.only([]))
                        self._sending.back(batch)
                    raise self._client.stop(judgement, operation)
                case _:
                    return self._doubt(entry, at_s, batch, judgement.reason)

    def _doubt(self, entry: int, at_s: float, batch: Batch, reason: str = "", answered: bool = False) -> None:
        """Remembers a batch whose fate is in doubt; unless that was `answered`, it may still be at work at Reply."""
        lost_s = self._now_s() - (self._rules.settle_s if answered else 0)
        self._doubts.add(Doubt(entry, batch, at_s, lost_s, reason, answered))

    async def follow(self, entry: int, at_s: float, batch: Batch, job: str) -> None:
        """A background job's result is opaque: when it has ended, Reply is read."""
        self._progress.doing = "following background jobs"
        await self._sink.follow(job)
        self._progress.doing = "sending"
        self._doubt(entry, at_s, batch, answered=True)

    def _now_s(self) -> float:
        return self._client.clock.now_s()
