"""The loop: batches go out through a bounded pool, answers are judged, fates recorded, doubts resolved."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any

import orjson

from bulkreply.batching import Batch
from bulkreply.engine.admission import Admission
from bulkreply.engine.burst import Burst
from bulkreply.engine.courier import Courier
from bulkreply.engine.doubts import Doubt, Doubts
from bulkreply.engine.fates import Fates
from bulkreply.engine.headcount import NO_CAPS, Caps
from bulkreply.engine.identities import Identities
from bulkreply.engine.later import Later
from bulkreply.engine.recording import Progress, Recorder, Rules
from bulkreply.engine.remains import Remains
from bulkreply.engine.rounds import ROUND_S, Rounds
from bulkreply.engine.sending import Sending
from bulkreply.errors import BulkreplyError, DiskFatal, Interrupted, RunPaused
from bulkreply.ledger import Entry, Ledger, State
from bulkreply.ledger.scribe import Scribe
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage

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
        self._rounds = Rounds(sink, sizes, rules)
        self._remains = Remains(ledger, stage, sink, sizes, self._rounds.cut)
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
        self._fresh: Generator[Batch] | None = None
        self._wave = 0
        self._held: Batch | None = None
        self._requests = ""
        self._problem: BulkreplyError | None = None

    async def run(self) -> None:
        """Sends what is left and settles what is in doubt.

        Raises:
            BulkreplyError: The run stopped before its end; what was answered is recorded.
        """
        done = self._ledger.settled()
        self._progress.tally = self._ledger.tally()
        async with Scribe(self._ledger, self._note_requests) as scribe:
            self._recorder = Recorder(scribe, self._progress, self._rules, self._client, self._identities)
            self._doubts = Doubts(self._sink, self._recorder, self._rules)
            self._later = Later(self._sink, self._recorder, self._identities)
            self._admission = Admission(self._sink, self._recorder)
            self._sending = Sending(self._sink, self._recorder, self._caps)
            burst = Burst(self._rules.burst, self._positions - len(done))
            fates = Fates(
                self._sink,
                self._recorder,
                self._doubts,
                self._later,
                self._sending,
                burst,
                self._again,
                self._keep_answer,
            )
            self._courier = Courier(
                self._sink,
                self._recorder,
                self._sizes,
                self._rounds,
                self._rules,
                self._sending,
                self._doubts,
                fates,
                self._again,
                self._progress,
            )
            watch = asyncio.create_task(self._watch())
            try:
                await self._run(done)
            except Interrupted:  # a wait that was ended; why is known where a problem did it
                if self._problem is None:
                    raise
            finally:
                watch.cancel()
                if self._fresh is not None:
                    self._fresh.close()  # records are read ahead on a thread
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
        await self._together([self._courier.follow(one.id, one.at_s, batch, one.job) for one, batch in followed])
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
                alone = self._sink.operation(batch).batch is None  # then it may have been sent late in a round
                lost_s = entry.at_s + (ROUND_S if alone else 0.0)
                self._doubts.add(Doubt(entry.id, batch, entry.at_s, lost_s))
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
        except Interrupted:  # a wait that was ended: why is known to whoever ended it
            pass
        except BulkreplyError as problem:
            self._problem = self._problem or problem
        except OSError as error:
            self._problem = self._problem or DiskFatal.of(error)

    def _note_requests(self, ledger: Ledger) -> None:
        """What a kill would otherwise make the report forget."""
        said = orjson.dumps(self._client.counts.as_words()).decode()
        if said != self._requests:
            ledger.note(requests=said)
            self._requests = said

    def _now_s(self) -> float:
        return self._client.clock.now_s()

    async def _next(self) -> Batch | None:
        """The next batch to send; None when there is none for now."""
        while not self._stopping and not self._doubts.enough(self._now_s()):
            if self._again:
                return self._again.popleft()
            batch = None if self._held is not None or self._fresh is None else next(self._fresh, None)
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
            await self._courier.take(batch)

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
