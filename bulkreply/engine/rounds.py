"""Records that travel one by one, a few of them under one intent, where nothing holds their calls back.

A call of one record costs little more than its answer then. After a kill all records of a round are in doubt, those
that were never sent as well; so only what Reply can be read for travels like this.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bulkreply.batching import Batch
from bulkreply.engine.recording import Rules
from bulkreply.errors import BulkreplyError
from bulkreply.proof import Proof
from bulkreply.quota import Permit
from bulkreply.sinks import Delivery, ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.wire.answer import Settled, removes
from bulkreply.wire.verdict import Verdict

ROUND = (2, 20)
"""Records of a round, at least and at most."""
ROUND_S = 0.5
"""A round that is older begins no further call: what it says of when its records were sent is no more off than this."""
ROUNDS_LEFT = 4
"""Rounds that all who send have still before them, or the last ones would be sent by few."""


@dataclass(slots=True)
class Told:
    """What came of a round.

    Attributes:
        through: Outcomes of the first records, each taken and nothing else said of it.
        under_way: How many were begun after those, and what came of them is not known, or odd: 0 or 1.
        odd: The answer to that one, where there is one.
        problem: What kept the others from being begun.
    """

    through: list[Settled] = field(default_factory=list)
    under_way: int = 0
    odd: Delivery | None = None
    problem: BulkreplyError | None = None


class Rounds:
    """How many records of a run go under one intent: more and more while they are through in no time."""

    def __init__(self, sink: ReplySink, sizes: BatchSizes, rules: Rules) -> None:
        self._sink = sink
        self._sizes = sizes
        self._proof = Proof(sink)
        self._verifies = rules.ambiguous == "verify"
        self._size = ROUND[0]

    def most(self, batch: Batch) -> int:
        """Records of a batch that may go together: in one call, or in a round of calls."""
        operation = self._sink.operation(batch)
        if operation.batch is not None:
            return len(batch) if operation.batch.whole else self._sizes.most(operation)
        return self._size if self._suits(batch) else 1

    def cut(self, batch: Batch, left: int) -> int:
        """Records of a round to be cut.

        Args:
            batch: Any of its kind.
            left: Records that are not cut yet.
        """
        return max(1, min(self.most(batch), left // (ROUNDS_LEFT * self._sink.client.patience.width)))

    def _suits(self, batch: Batch) -> bool:
        """Whether nothing has to be asked between the calls, and each can be read back; sent once, they go alone.

        A record that is not there may never have been: who deletes has to have seen it.
        """
        operation, route, target = self._sink.operation(batch), self._sink.route(batch), self._sink.target
        asks = bool(operation.merges or operation.recheck or operation.later or route.current or target.known)
        once = operation.repeat == "never" or operation.sends or operation.final or operation.result == "blind"
        if target.mode is None or not route.main or route.spec.repeats or asks or once or batch.attempt:
            return False
        if removes(operation) and target.mode.only != "known":
            return False
        unbounded = self._sink.client.unbounded(operation)
        return unbounded and self._verifies and self._proof.verifiable(batch)

    async def send(self, batch: Batch, permit: Permit, until_s: float) -> Told:
        """Sends records one after the other as long as each is plainly taken.

        Args:
            permit: For the first of them.
            until_s: After this time no other is begun, Unix seconds.
        """
        told, client = Told(), self._sink.client
        operation, began_s = self._sink.operation(batch), client.clock.now_s()
        try:
            while (at := len(told.through)) < len(batch) and (not at or client.clock.now_s() < until_s):
                if at:
                    permit = await client.permit(operation)
                told.under_way = 1
                delivery = await self._sink.deliver(batch.one(at), permit)
                settled = delivery.settled
                if delivery.judgement.verdict is not Verdict.DONE or settled is None or settled.failures:
                    told.odd = delivery
                    break
                told.through.append(settled)
                told.under_way = 0
        except BulkreplyError as problem:
            told.problem = problem
        self._adapt(len(batch), len(told.through), client.clock.now_s() - began_s)
        return told

    def _adapt(self, count: int, through: int, took_s: float) -> None:
        """The next rounds are larger where there is time for more, smaller where there was none for all."""
        least, most = ROUND
        if took_s < ROUND_S / 2:
            self._size = min(most, max(self._size, 2 * through))
        elif through < count:
            self._size = max(least, through)
