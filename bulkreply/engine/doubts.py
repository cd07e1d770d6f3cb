"""Batches that were sent and whose answer never came: they wait until Reply must be done with them, are read back, and
only what is proven absent goes again."""

from __future__ import annotations

from dataclasses import dataclass

from bulkreply.batching import Batch
from bulkreply.engine.recording import Recorder, Rules, columns_of
from bulkreply.proof import Proof, Verified
from bulkreply.sinks import ReplySink
from bulkreply.wire.answer import in_doubt

ENOUGH = 20
"""Batches in doubt that are verified together while there is still other work."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch in doubt.

    Attributes:
        entry: Its record in the ledger.
        at_s: When its intent was recorded, Unix seconds.
        why: Why, `wire: …` when something was wrong with its answer.
    """

    entry: int
    batch: Batch
    at_s: float
    why: str = ""


class Doubts:
    """The batches in doubt of a run."""

    def __init__(self, sink: ReplySink, recorder: Recorder, rules: Rules) -> None:
        self._sink = sink
        self._proof = Proof(sink)
        self._recorder = recorder
        self._rules = rules
        self._waiting: list[Doubt] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def enough(self, now_s: float) -> bool:
        """Whether so many have settled that they are worth a look before the other work is done."""
        return len(self._waiting) >= ENOUGH and len(self._settled(now_s)) >= ENOUGH

    def _settled(self, now_s: float) -> list[Doubt]:
        return [doubt for doubt in self._waiting if doubt.at_s + self._rules.settle_s <= now_s]

    @property
    def due_s(self) -> float:
        """When all of them have settled, Unix seconds."""
        return max(doubt.at_s for doubt in self._waiting) + self._rules.settle_s

    def add(self, entry: int, batch: Batch, at_s: float, reason: str = "") -> None:
        """Remembers a batch in doubt."""
        self._waiting.append(Doubt(entry, batch, at_s, reason))

    async def resolve(self, now_s: float) -> list[Batch]:
        """Settles what can be proven of the requests that have settled; what must go again.

        Raises:
            BulkreplyError: Reply could not be read; the batches stay in doubt.
        """
        waiting, again = self._settled(now_s), []
        looked_at = [doubt for doubt in waiting if self.verifies(doubt.batch)]
        verified = await self._proof.verify([(doubt.batch, doubt.at_s) for doubt in looked_at])
        proofs = {id(doubt): proof for doubt, proof in zip(looked_at, verified, strict=True)}
        for doubt in waiting:
            proof = proofs.get(id(doubt), Verified({}, tuple(range(len(doubt.batch)))))
            rest = await self._record(doubt, proof)
            if rest is not None:
                again.append(rest)
        self._waiting = [doubt for doubt in self._waiting if doubt not in waiting]
        return again

    async def _record(self, doubt: Doubt, proof: Verified) -> Batch | None:
        """Writes down what is proven of one batch; the records to send again, if any."""
        indexes, settled = columns_of(proof.settled)
        batch = doubt.batch
        rest = batch.only(proof.missing, batch.attempt + 1) if proof.missing else None
        if rest is not None and not self._may_repeat(rest):
            await self._recorder.replace(doubt.entry, batch.only(indexes), settled)
            await self._recorder.replace(0, rest, in_doubt(len(rest), doubt.why))
            return None
        await self._recorder.replace(doubt.entry, batch.only(indexes), settled)
        return rest

    def _may_repeat(self, batch: Batch) -> bool:
        if self._rules.ambiguous == "hold" or batch.attempt >= self._rules.attempts:
            return False
        operation = self._sink.operation(batch)
        if operation.result == "blind" and operation.repeat == "never":
            return False  # it may still be under way there: absence proves nothing
        return self.verifies(batch) or (operation.repeat != "never" and not operation.sends)

    def verifies(self, batch: Batch) -> bool:
        """Whether reading Reply will tell what became of a batch."""
        return self._rules.ambiguous == "verify" and self._proof.verifiable(batch)
