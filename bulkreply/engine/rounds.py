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
from bulkreply.wire.answer import Settled
from bulkreply.wire.verdict import Verdict

ROUND = 10
"""Records of a round."""
ROUND_S = 0.5
"""A round that is older begins no further call: what it says of when its records were sent is no more off than this."""


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
    """How many records of a run go under one intent."""

    def __init__(self, sink: ReplySink, sizes: BatchSizes, rules: Rules) -> None:
        self._sink = sink
        self._sizes = sizes
        self._proof = Proof(sink)
        self._verifies = rules.ambiguous == "verify"

    def most(self, batch: Batch) -> int:
        """Records of a batch that may go together: in one call, or in a round of calls."""
        operation = self._sink.operation(batch)
        if operation.batch is not None:
            return self._sizes.most(operation)
        return ROUND if self._suits(batch) else 1

    def _suits(self, batch: Batch) -> bool:
        """Whether nothing has to be asked between the calls, and each can be read back; sent once, they go alone."""
        operation, route, target = self._sink.operation(batch), self._sink.route(batch), self._sink.target
        asks = bool(operation.merges or operation.recheck or operation.later or route.current or target.known)
        once = operation.repeat == "never" or operation.sends or operation.final or operation.result == "blind"
        if target.mode is None or not route.main or route.spec.repeats or asks or once or batch.attempt:
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
        operation = self._sink.operation(batch)
        try:
            while (at := len(told.through)) < len(batch) and (not at or client.clock.now_s() < until_s):
                permit = permit if not at else await client.permit(operation)
                told.under_way = 1
                delivery = await self._sink.deliver(batch.one(at), permit)
                if delivery.judgement.verdict is not Verdict.DONE or not delivery.settled or delivery.settled.failures:
                    told.odd = delivery
                    break
                told.through.append(delivery.settled)
                told.under_way = 0
        except BulkreplyError as problem:
            told.problem = problem
        return told
