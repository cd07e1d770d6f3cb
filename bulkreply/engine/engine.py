"""The loop: batches go out through a bounded pool, answers are judged, fates recorded, doubts resolved."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bulkreply.batching import Batch
from bulkreply.engine.admission import Admission
from bulkreply.engine.burst import Burst
from bulkreply.engine.doubts import Doubt, Doubts
from bulkreply.engine.fates import Fates
from bulkreply.engine.headcount import NO_CAPS, Caps
from bulkreply.engine.identities import Identities
from bulkreply.engine.later import Later
from bulkreply.engine.recording import Progress, Recorder, Rules
from bulkreply.engine.remains import Remains
from bulkreply.engine.sending import Sending
from bulkreply.errors import BulkreplyError, DiskFatal, Interrupted, RunPaused
from bulkreply.ledger import Entry, Ledger, State
from bulkreply.ledger.scribe import Scribe
from bulkreply.quota import Permit
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage
from bulkreply.wire.answer import Failure
from bulkreply.wire.verdict import Verdict

WATCH_S = 1.0


class Engine:
    """One execution, or continuation, of a run.

    Args:
        stop: Set by a signal: no further batch is begun, those under way are recorded.
        keep_answer: Told positions and body of answers that calls were made for.
    """

    def __init__(
        self,
        ledger: Ledger,
        stage: Stage,
        sink: ReplySink,
        sizes: BatchSizes,
        rules: Rules,
        stop: asyncio.Event,
        progress: Progress,
        identities: Identities,
        keep_answer: Callable[[tuple[int, ...], bytes], None] = lambda positions, body: None,
        caps: Caps = NO_CAPS,
    ) -> None:
        self._ledger = ledger
        self._remains = Remains(ledger, stage, sink, sizes)
        self._sink = sink
        self._sizes = sizes
        self._rules = rules
        self._stop = stop
        self._progress = progress
        self._identities = identities
        self._keep_answer = keep_answer
        self._positions = stage.positions
        self._caps = caps
        self._client = sink.client
        self._again: deque[Batch] = deque()
        self._fresh: Iterator[Batch] = iter(())
        self._wave = 0
        self._held: Batch | None = None
        self._problem: BulkreplyError | None = None

    async def run(self) -> None:
        """Sends what is left and settles what is in doubt.

        Raises:
            BulkreplyError: The run stopped before its end; what was answered is recorded.
        """
        done = self._ledger.settled()
        self._progress.tally = self._ledger.tally()
        async with Scribe(self._ledger) as scribe:
            self._recorder = Recorder(scribe, self._progress, self._rules, self._client, self._identities)
            self._doubts = Doubts(self._sink, self._recorder, self._rules)
            self._later = Later(self._sink, self._recorder, self._identities)
            self._admission = Admission(self._sink, self._recorder)
            self._sending = Sending(self._sink, self._recorder, self._caps)
            burst = Burst(self._rules.burst, self._positions - len(done))
            self._fates = Fates(
                self._sink,
                self._recorder,
                self._doubts,
                self._later,
                self._sending,
                burst,
                self._again,
                self._keep_answer,
            )
            watch = asyncio.create_task(self._watch())
            try:
                await self._run(done)
            except Interrupted:  # a wait that was ended; why is known where a problem did it
                if self._problem is None:
                    raise
            finally:
                watch.cancel()
        if self._problem is not None:
            raise self._problem
        if self._stop.is_set():
            raise Interrupted("stopped as asked; every answer so far is recorded", signal_number=2)

    async def _run(self, done: Spans) -> None:
        begun = done | self._remains.begun()
        admitted = Spans()
        if self._admission.asks:
            admitted = await self._admission.open(self._remains.batches(done, 1000), begun)
        if self._sending.asks:
            await self._sending.open(self._remains.batches(done | admitted, 1000))
        followed = self._recall(done)
        self._fresh = self._remains.batches(begun | admitted)
        await self._together([self._follow(entry.id, entry.at_s, batch, entry.job) for entry, batch in followed])
        while True:
            while await self._pass() and self._doubts:
                await self._resolve()
            if self._stopping:
                return
            self._again.extend(await self._later.again())
            if self._held is None and not self._again:
                return
            if self._held is not None and not self._again:  # all it waits for has an outcome
                batch, self._held = self._held, None
                self._wave = self._sink.route(batch).wave
                await self._ready(batch)

    def _recall(self, done: Spans) -> list[tuple[Entry, Batch]]:
        """Batches an earlier process left open: those with a job are followed again, the others are in doubt."""
        followed = []
        for entry, batch in self._remains.recalled(done, self._admission.prepare):
            if entry.state is State.FOLLOWING:
                followed.append((entry, batch))
            else:
                self._doubts.add(Doubt(entry.id, batch, entry.at_s, entry.at_s))
        return followed

    async def _pass(self) -> bool:
        """Sends until nothing is left to send or enough is in doubt; whether the run may go on."""
        await self._together([self._work() for _ in range(self._client.patience.width)])
        return not self._stopping

    async def _together(self, tasks: list[Coroutine[Any, Any, None]]) -> None:
        """Runs workers side by side. A problem of one lets the others record what they have under way."""
        await asyncio.gather(*(self._guarded(task) for task in tasks))

    async def _guarded(self, task: Coroutine[Any, Any, None]) -> None:
        try:
            await task
        except BulkreplyError as problem:
            self._problem = self._problem or problem
        except OSError as error:
            self._problem = self._problem or DiskFatal.of(error)

    def _now_s(self) -> float:
        return self._client.clock.now_s()

    async def _next(self) -> Batch | None:
        """The next batch to send; None when there is none for now."""
        while not self._stopping and not self._doubts.enough(self._now_s()):
            if self._again:
                return self._again.popleft()
            batch = None if self._held is not None else next(self._fresh, None)
            if batch is None:
                return None
            if self._sink.route(batch).wave > self._wave:
                self._held = batch
                return None
            await self._ready(batch)
        return None

    async def _ready(self, batch: Batch) -> None:
        """Puts a batch among those to send, its slots filled and its ids known."""
        if len(batch := await self._later.filled(batch)):
            self._again.extend(self._admission.prepare(batch))

    async def _work(self) -> None:
        while (batch := await self._next()) is not None:
            batch, rest = await self._sending.passed(batch)
            if len(rest):
                self._again.appendleft(rest)
            if not len(batch):
                continue
            prepared, settled = await self._sink.prepare(batch)
            if settled is not None:
                await self._recorder.replace(0, batch, settled)
                self._sending.told(batch, settled)
                continue
            permit = await self._permit(batch)
            if permit is None:
                self._sending.back(batch)
                self._again.appendleft(batch)
                return
            entry, at_s = await self._intend(batch, permit)
            await self._deliver(entry, at_s, batch, prepared, permit)

    async def _intend(self, batch: Batch, permit: Permit, before: int = 0) -> tuple[int, float]:
        """Records that a batch is about to be sent; a permit that cannot be used then goes back."""
        try:
            self._sending.turn(batch)
            return await self._recorder.intend(batch, before)
        except BaseException:
            self._client.give_back(permit)
            raise

    async def _permit(self, batch: Batch) -> Permit | None:
        """Waits for the quota; None when the run is to stop before the quota allows a call."""
        try:
            return await self._client.permit(self._sink.operation(batch))
        except RunPaused as pause:
            self._problem = self._problem or pause
        except Interrupted:
            pass
        return None

    @property
    def _stopping(self) -> bool:
        return self._stop.is_set() or self._problem is not None

    async def _watch(self) -> None:
        """Ends waiting when a signal comes, a problem arises, or the quota asks for more than the patience."""
        lanes = {self._client.lane(operation) for operation in self._sink.target.operations}
        while not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), WATCH_S)
            opens_s = min(self._client.quota.next_open_s(lane) for lane in lanes)
            if opens_s - self._now_s() > self._client.patience.park_s and not self._stopping:
                words = "the quota opens too late for this run's patience"
                self._problem = RunPaused(words, resume_at=opens_s, hint="resume then; nothing is lost")
        self._client.leave()

    async def _deliver(self, entry: int, at_s: float, batch: Batch, prepared: Batch, permit: Permit) -> None:
        """Sends one batch until its fate is known, in doubt, or divided."""
        attempt, began_s, operation, tried = 0, at_s, self._sink.operation(batch), False
        while True:
            delivery = await self._sink.deliver(prepared, permit)
            judgement = delivery.judgement
            self._sizes.heard(operation, batch, judgement, self._now_s() - at_s)
            match judgement.verdict:
                case Verdict.DONE if delivery.settled is not None and self._fates.reads_back(batch):
                    return self._doubt(entry, at_s, batch)
                case Verdict.DONE if delivery.settled is not None:
                    return await self._fates.settle(entry, batch, delivery)
                case Verdict.FOLLOW:
                    await self._recorder.follow(entry, delivery.job)
                    return await self._follow(entry, at_s, batch, delivery.job)
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

    async def _follow(self, entry: int, at_s: float, batch: Batch, job: str) -> None:
        """A background job's result is opaque: when it has ended, Reply is read."""
        self._progress.doing = "following background jobs"
        await self._sink.follow(job)
        self._progress.doing = "sending"
        self._doubt(entry, at_s, batch, answered=True)

    async def _resolve(self) -> None:
        """Waits until every request in doubt must be done with, then reads Reply."""
        delay_s = self._doubts.due_s - self._now_s()
        if delay_s > 0 and not self._doubts.enough(self._now_s()):
            self._progress.doing = "waiting until lost requests have settled"
            try:
                await asyncio.wait_for(self._stop.wait(), delay_s)
                return
            except TimeoutError:
                pass
        self._progress.doing = "verifying requests whose answer was lost"
        try:
            self._again.extend(await self._doubts.resolve(self._now_s()))
        except BulkreplyError as problem:
            self._problem = self._problem or problem
        self._progress.doing = "sending"
