"""Rows of a finished run whose fate is not known: read back later, or decided by somebody who has looked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import orjson
import polars as pl

from bulkreply.batching import Batch
from bulkreply.belonging import opened, require_same_account
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.engine.checks import ABSENT, CHANGED, THERE, unknown
from bulkreply.engine.recording import columns_of, failure_rows
from bulkreply.engine.remains import Remains
from bulkreply.errors import UsageProblem
from bulkreply.execution import Order, continue_run, identities_of
from bulkreply.ledger import Ledger
from bulkreply.ledger.reopening import Sent, take_back, unknown_rows
from bulkreply.net.client import Client
from bulkreply.net.opening import open_client
from bulkreply.plan import resolve_target
from bulkreply.proof import Proof, Verified
from bulkreply.report import Report
from bulkreply.runs import RunFolder, locked
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage
from bulkreply.wire.answer import Failure, Settled, removes
from bulkreply.wrapup import conclude

FOUND = Failure("answer.found", "its answer was lost; Reply was read later and has it")
ASSUMED = Failure("assumed.done", "its answer was lost; somebody looked at Reply and said that it was done")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of unknown rows that reading Reply does not settle.

    Attributes:
        rows: Row numbers it is about, empty for all.
        resend: Send them again, whatever they do.
        done: They were done, somebody has looked.
    """

    rows: frozenset[int] = frozenset()
    resend: bool = False
    done: bool = False


async def settle_unknown(order: Order, run: RunFolder, decision: Decision) -> Report:
    """Reads back the unknown rows of a finished run and settles what is proven; the rest as decided.

    Without a decision nothing is sent.

    Raises:
        UsageProblem: There are no such rows, or their staged records are gone.
        BulkreplyError: Reply could not be read; nothing changed.
    """
    with locked(order.runs, order.job.name) as lock:
        stage = Stage.load(run.stage_folder)
        if stage is None:
            raise UsageProblem(f"the staged records of run {run.name} are gone", hint="unknown.csv says what to check")
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            lock.claim(client.account_name, run.name)
            began_s = SYSTEM_CLOCK.now_s()
            with opened(run) as ledger:
                require_same_account(ledger.facts(), order.account, client)
                client.counts.add(orjson.loads(ledger.facts().get("requests", "{}")))
                left = await _Settling(order, client, stage, ledger, decision).run()
                if not (decision.resend and left):
                    report = conclude(order.job, run, ledger, stage, client, began_s, None)
                    order.concluded(run)
                    return report
                with ledger.transaction():
                    take_back(ledger, left)
                    ledger.note(state="paused", requests="{}")  # the client counts them already
            return await continue_run(order, client, run)


class _Settling:
    """One look at the unknown rows of a run."""

    def __init__(self, order: Order, client: Client, stage: Stage, ledger: Ledger, decision: Decision) -> None:
        self._order = order
        self._client = client
        self._stage = stage
        self._ledger = ledger
        self._decision = decision

    async def run(self) -> Spans:
        """Settles what can be; the positions that stay unknown.

        Raises:
            UsageProblem: There are no such rows.
        """
        sent = [one for one in map(self._wanted, unknown_rows(self._ledger)) if one.positions.pairs]
        if not sent:
            raise UsageProblem("there are no such unknown rows", hint="`bulkreply status RUN` counts them")
        target = resolve_target(self._order.job, self._order.catalog)
        target = target.addressed(orjson.loads(self._ledger.facts().get("fields", "[]")))
        identities = await identities_of(self._order, self._client, target, self._stage, self._ledger, reading=True)
        self._sink = ReplySink(self._client, target, identities.id_of)
        sizes = BatchSizes(self._client.account_name, 0)
        remains = Remains(self._ledger, self._stage, self._sink, sizes)
        batches = [(batch, one.at_s) for one in sent for batch in self._batches(remains, one)]
        return self._record(batches, await self._proofs(batches))

    def _batches(self, remains: Remains, sent: Sent) -> Iterator[Batch]:
        """Rows that were sent together, as they travelled: records Reply held already, and others."""
        for batch in remains.batches_at(sent.positions, sent.attempt):
            known = [i for i, at in enumerate(batch.positions) if at in sent.ids]
            ids = tuple(str(sent.ids[batch.positions[i]]) for i in known)
            if known:
                yield replace(batch.only(known), ids=ids, known=self._sink.target.known is not None)
            if len(known) < len(batch):
                yield batch.only([i for i in range(len(batch)) if i not in set(known)])

    def _wanted(self, sent: Sent) -> Sent:
        """The part of a batch that is asked for."""
        if not self._decision.rows:
            return sent
        found = self._stage.records(pl.Series("position", list(sent.positions), dtype=pl.UInt32))
        found = found.filter(pl.col("row").is_in(list(self._decision.rows)))
        return replace(sent, positions=Spans.of(found["position"].to_list()))

    async def _proofs(self, batches: list[tuple[Batch, float]]) -> list[Verified | None]:
        """What reading Reply says of each batch, None where reading says nothing."""
        proof = Proof(self._sink)
        read = [(batch, at_s) for batch, at_s in batches if proof.verifiable(batch)]
        verified = iter(await proof.verify(read) if read else ())
        return [next(verified) if proof.verifiable(batch) else None for batch, _ in batches]

    def _record(self, batches: Iterable[tuple[Batch, float]], proofs: Iterable[Verified | None]) -> Spans:
        """Writes everything down in one transaction."""
        fates: list[tuple[Batch, Settled, float]] = []
        left: list[int] = []
        for (batch, at_s), proof in zip(batches, proofs, strict=True):
            indexes, found = columns_of(proof.settled if proof is not None else {})
            found.failures = dict.fromkeys(range(len(indexes)), FOUND)
            rest = [i for i in range(len(batch)) if i not in set(indexes)]
            fates.append((batch.only(indexes), found, at_s))
            fates.append((batch.only(rest), self._undecided(batch.only(rest), proof, rest), at_s))
            left += () if self._decision.done else batch.only(rest).positions
        with self._ledger.transaction() as ledger:
            take_back(ledger, Spans.of(sorted(at for batch, _, _ in fates for at in batch.positions)))
            for batch, fate, at_s in fates:
                if len(batch):
                    entry = ledger.intend(batch.spans, batch.attempt, at_s)
                    ledger.settle(entry, bytes(fate.outcomes), fate.ids, failure_rows(batch.positions, fate))
        return Spans.of(sorted(left))

    def _undecided(self, batch: Batch, proof: Verified | None, indexes: list[int]) -> Settled:
        """Rows that reading Reply did not settle: done if somebody says so, else unknown with what was seen."""
        if self._decision.done:
            return Settled.all(len(batch), self._sink.success(batch), ASSUMED)
        codes: dict[int, str] = {}
        if proof is not None:
            missing = THERE if removes(self._sink.operation(batch)) else ABSENT
            codes = {place: CHANGED if i in proof.changed else missing for place, i in enumerate(indexes)}
        return unknown(self._sink, batch, codes)
