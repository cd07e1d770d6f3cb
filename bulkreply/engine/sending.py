"""The last look before a call leaves: nobody who must not be written to, and no more people than the job allows."""

from __future__ import annotations

from collections.abc import Iterable

from bulkreply.batching import Batch
from bulkreply.engine.headcount import Caps, Headcount
from bulkreply.engine.recording import Recorder
from bulkreply.guard import Guard, people_of
from bulkreply.net.memory import reached_path
from bulkreply.outcomes import Outcome
from bulkreply.quota import Reached
from bulkreply.sinks import ReplySink
from bulkreply.wire.answer import Settled


class Sending:
    """Stands between the batches of a run and their calls. People are counted before they are reached."""

    def __init__(self, sink: ReplySink, recorder: Recorder, caps: Caps) -> None:
        self._sink = sink
        self._recorder = recorder
        self._caps = caps
        self._guard = Guard(sink, lenient=True)
        self._unread = 0
        self._count = Headcount(caps, Reached(reached_path(sink.client.account_name), sink.client.clock))

    @property
    def asks(self) -> bool:
        """Whether people are better read all together before the first call."""
        return not self._caps.everybody and self._guard.reads_ahead

    async def open(self, work: Iterable[Batch]) -> None:
        """Reads whom the records of a run would reach, with the fewest calls."""
        await self._guard.read(batch for one in work if len(batch := self._sink.resolve(one)[0]))

    async def passed(self, batch: Batch) -> tuple[Batch, Batch | None]:
        """The records that may be sent now, counted, and those that have to wait; who must not be reached is settled.

        Raises:
            RunPaused: The cap is reached and none of them may be sent.
            UsageProblem: One of them alone is more than the cap.
        """
        blocked = {} if self._caps.everybody else await self._guard.blocked(batch)
        if len(self._guard.unread) > self._unread:
            self._unread = len(self._guard.unread)
            await self._recorder.note(unread_rules=" ".join(sorted(self._guard.unread)))
        if blocked:
            left = batch.only(sorted(blocked))
            settled = Settled.all(len(left), Outcome.SKIPPED)
            settled.failures = {i: blocked[at] for i, at in enumerate(sorted(blocked))}
            await self._recorder.replace(0, left, settled)
            batch = batch.only([i for i in range(len(batch)) if i not in blocked])
        weights = await people_of(self._sink, batch, self._count.counted)
        fits = self._count.take(batch, weights) if any(weights) else len(batch)
        if fits == len(batch):
            return batch, None
        return batch.only(range(fits)), batch.only(range(fits, len(batch)))

    def turn(self, batch: Batch) -> None:
        """Called when a call is about to leave.

        Raises:
            RunPaused: A new day began while it waited, and has no room for it.
        """
        self._count.turn(batch)

    def told(self, batch: Batch, settled: Settled) -> None:
        """What became of records that were sent."""
        self._count.told(batch, settled)

    def back(self, batch: Batch) -> None:
        """Records that are not sent after all."""
        self._count.back(batch)
