"""Records whose turn comes after others of the run: they need an id those get, or Reply refuses them until those are
done."""

from __future__ import annotations

from array import array

from bulkreply.batching import Batch
from bulkreply.catalog import Operation
from bulkreply.engine.identities import Identities
from bulkreply.engine.recording import Recorder
from bulkreply.sinks import ReplySink
from bulkreply.wire.answer import Failure, Settled

_WORDS = "what this comes after was not taken"


class Later:
    """The records of a run that have to wait for others."""

    def __init__(self, sink: ReplySink, recorder: Recorder, identities: Identities) -> None:
        self._sink = sink
        self._recorder = recorder
        self._identities = identities
        self._put_off: list[tuple[Batch, Settled]] = []
        self._moved: set[str] = set()

    async def filled(self, batch: Batch) -> Batch:
        """The batch with its slots filled. Records that wait for one that was refused or left alone are left out."""
        batch, unfilled = self._sink.resolve(batch)
        if not unfilled:
            return batch
        out, left = batch.only(unfilled), set(unfilled)
        addresses = out.addresses or [None] * len(out)
        texts = (out.group + body + (address or "") for body, address in zip(out.bodies, addresses, strict=True))
        outcomes = bytearray(self._identities.outcome_without(text) for text in texts)
        failures = dict.fromkeys(range(len(out)), Failure("row.notReached", _WORDS))
        await self._recorder.replace(0, out, Settled(outcomes, array("q", bytes(8 * len(out))), failures))
        return batch.only([i for i in range(len(batch)) if i not in left])

    async def settle(self, entry: int, batch: Batch, settled: Settled, operation: Operation) -> None:
        """Records outcomes; records that Reply may take once others are done are put off instead."""
        if not settled.failures:
            self._moved.add(batch.group)
            return await self._recorder.settle(entry, batch, settled)
        words = {i: failure.code.rpartition(".")[2] for i, failure in settled.failures.items()}
        late = [i for i, word in words.items() if word in operation.later]
        rest = [i for i in range(len(batch)) if i not in set(late)]
        if rest:
            self._moved.add(batch.group)
        if not late:
            return await self._recorder.settle(entry, batch, settled)
        await self._recorder.replace(entry, batch.only(rest), settled.only(rest))
        self._put_off.append((batch.only(late), settled.only(late)))
        return None

    async def again(self) -> list[Batch]:
        """What was put off and may be taken now; where nothing of its group was done in between, it is refused."""
        put_off, moved = self._put_off, self._moved
        self._put_off, self._moved = [], set()
        for batch, settled in put_off:
            if batch.group not in moved:
                await self._recorder.replace(0, batch, settled)
        return [batch for batch, _ in put_off if batch.group in moved]
