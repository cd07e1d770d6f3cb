"""Batches that were sent and whose answer never came: they wait until Reply must be done with them, are read back, and
only what is proven absent goes again."""

from __future__ import annotations

from dataclasses import dataclass

from bulkreply.batching import Batch
from bulkreply.engine.checks import CHANGED, unknown
from bulkreply.engine.recording import Recorder, Rules, columns_of
from bulkreply.proof import Proof, Verified
from bulkreply.sinks import ReplySink

ENOUGH = 20
"""Batches in doubt that are verified together while there is still other work."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch in doubt.

    Attributes:
        entry: Its record in the ledger.
        sent_s: When its intent was recorded, Unix seconds: what it made is not older.
        lost_s: When it was last known to be under way, Unix seconds: from then on it settles.
        why: Why, `wire: …` when something was wrong with its answer.
        answered: Whether nothing was lost: a background job has ended, which does not say what it did. It is read back
            whatever the job says of lost answers.
    """

    entry: int
    batch: Batch
    sent_s: float
    lost_s: float
    why: str = ""
    answered: bool = False


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
        return [doubt for doubt in self._waiting if doubt.lost_s + self._rules.settle_s <= now_s]

    @property
    def due_s(self) -> float:
        """When all of them have settled, Unix seconds."""
        return max(doubt.lost_s for doubt in self._waiting) + self._rules.settle_s

    def add(self, doubt: Doubt) -> None:
        """Remembers a batch in doubt."""
        self._waiting.append(doubt)

    async def resolve(self, now_s: float) -> list[Batch]:
        """Settles what can be proven of the requests that have settled; what must go again.

        Raises:
            BulkreplyError: Reply could not be read; the batches stay in doubt.
        """
        waiting, again = self._settled(now_s), []
        looked_at = [doubt for doubt in waiting if self._reads(doubt)]
        repeats = any(self._proof.repeats(doubt.batch) for doubt in looked_at)
        taken = await self._recorder.ids_made() if repeats else ()
        verified = await self._proof.verify([(doubt.batch, doubt.sent_s) for doubt in looked_at], taken)
        proofs = {id(doubt): proof for doubt, proof in zip(looked_at, verified, strict=True)}
        for doubt in waiting:
            proof = proofs.get(id(doubt), Verified({}, tuple(range(len(doubt.batch)))))
            rest = await self._record(doubt, proof)
            if rest is not None:
                again.append(rest)
        self._waiting = [doubt for doubt in self._waiting if doubt not in waiting]
        return again

    def _reads(self, doubt: Doubt) -> bool:
        cannot_go_again = self._rules.ambiguous == "resend" and not self._sink.named(doubt.batch)
        if doubt.answered or cannot_go_again:
            return self._proof.verifiable(doubt.batch)
        return self.verifies(doubt.batch)

    async def _record(self, doubt: Doubt, proof: Verified) -> Batch | None:
        """Writes down what is proven of one batch; the records to send again, if any."""
        indexes, settled = columns_of(proof.settled)
        batch = doubt.batch
        proven = batch.only(indexes)
        once = self._sink.operation(batch).repeat == "never"  # and what is there may be what it made
        left = [i for i in proof.missing if once and i in proof.changed]
        free = [i for i in proof.missing if i not in left]
        if free and not self._may_repeat(batch.only(free, batch.attempt + 1)):
            left, free = sorted([*left, *free]), []
        if left:
            rest = batch.only(left)
            codes = {place: CHANGED for place, i in enumerate(left) if i in proof.changed}
            lost = unknown(self._sink, rest, codes, doubt.why)
            await self._recorder.give_up(doubt.entry, proven, settled, rest, lost, doubt.sent_s)
        else:
            await self._recorder.replace(doubt.entry, proven, settled)
        return batch.only(free, batch.attempt + 1) if free else None

    def _may_repeat(self, batch: Batch) -> bool:
        if self._rules.ambiguous == "hold" or batch.attempt >= self._rules.attempts or not self._sink.named(batch):
            return False
        operation = self._sink.operation(batch)
        if operation.result == "blind" and operation.repeat == "never":
            return False  # it may still be under way there: absence proves nothing
        return self.verifies(batch) or (operation.repeat != "never" and not operation.sends)

    def verifies(self, batch: Batch) -> bool:
        """Whether reading Reply will tell what became of a batch."""
        return self._rules.ambiguous == "verify" and self._proof.verifiable(batch)
