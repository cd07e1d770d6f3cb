"""Where records go. A sink takes batches and answers with outcomes; here the Reply form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from bulkreply.batching import Batch
from bulkreply.catalog import Operation
from bulkreply.catalog.inputs import filler, inputs_of
from bulkreply.errors import RunPaused
from bulkreply.lookup import detail_of
from bulkreply.mapping import ID_MARK
from bulkreply.net.client import Client
from bulkreply.outcomes import Outcome
from bulkreply.quota import Permit
from bulkreply.slots import fill as fill_slots
from bulkreply.slots import has_slots
from bulkreply.targets import Target
from bulkreply.wire.agreement import other_ids
from bulkreply.wire.answer import Failure, Settled, WrongShape
from bulkreply.wire.call import Call, fill, with_options, write_call
from bulkreply.wire.compare import already, at_path, holds
from bulkreply.wire.merge import merged
from bulkreply.wire.route import Route, address_of, parameters, route_of
from bulkreply.wire.shapes import job_of, outcome_of_refusal, settle
from bulkreply.wire.verdict import Judgement, Verdict

JOB_POLL_S = (0.5, 15.0)
FINAL_JOB_STATES = ("done", "failed", "expired", "cancelled")
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of sending a batch: outcomes when Reply said them, otherwise what to do next.

    Attributes:
        said: The answer's body, for calls that are made for their answer.
    """

    judgement: Judgement
    settled: Settled | None = None
    job: str = ""
    said: bytes = b""


@dataclass(slots=True)
class ReplySink:
    """Sends records to one account.

    Attributes:
        id_of: What fills slots: inside of a slot -> JSON text of an id, None while it has none.
        held: Key -> the record Reply held before, for replacements; filled by whoever looked it up.
        made: Ids of records that other calls of the same row come after, and that the run made.
    """

    client: Client
    target: Target
    id_of: Callable[[str], str | None] = lambda slot: None
    held: dict[str, Record] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    _routes: dict[str, Route] = field(default_factory=dict)

    # -- what a batch means

    def route(self, batch: Batch) -> Route:
        """Where a batch goes."""
        found = self._routes.get(batch.group)
        if found is None:
            if has_slots(batch.group):
                return route_of(batch.group, self.target, self.id_of)
            found = self._routes[batch.group] = route_of(batch.group, self.target)
        return found

    def operation(self, batch: Batch) -> Operation:
        """The operation that carries a batch."""
        route = self.route(batch)
        if batch.known and route.main and (known := self.target.known) is not None:
            return known
        return route.operation

    def success(self, batch: Batch) -> Outcome:
        """What a record of a batch became when it was taken."""
        if self.target.mode is None:
            return Outcome.CALLED
        if not self.route(batch).main or batch.known:
            return Outcome.UPDATED
        if self.target.known is not None:
            return Outcome.CREATED
        return self.target.success

    def resolve(self, batch: Batch) -> tuple[Batch, list[int]]:
        """The batch with its slots filled, and the indexes of records whose slots cannot be."""
        if not has_slots("".join((batch.group, *batch.bodies, *filter(None, batch.addresses)))):
            return batch, []
        filled = replace(
            batch,
            group=fill_slots(batch.group, self.id_of),
            keys=tuple(fill_slots(key, self.id_of) for key in batch.keys),
            bodies=tuple(fill_slots(body, self.id_of) for body in batch.bodies),
            addresses=tuple(fill_slots(a, self.id_of) if a else a for a in batch.addresses),
        )
        if has_slots(filled.group):
            return filled, list(range(len(batch)))
        texts = zip(filled.bodies, filled.addresses or [None] * len(batch), strict=True)
        return filled, [i for i, (body, address) in enumerate(texts) if has_slots(body + (address or ""))]

    # -- sending

    async def prepare(self, batch: Batch) -> tuple[Batch, Settled | None]:
        """Reads what a replacement keeps; the batch as it is to be sent.

        Returns:
            The batch, and its outcomes when nothing is to be sent after all.
        """
        operation, route = self.operation(batch), self.route(batch)
        if route.current and (left := await self._left_alone(batch, route)) is not None:
            return batch, left
        if self._is_so(batch, route, operation):
            return batch, Settled.all(1, Outcome.UNCHANGED)
        if operation.batch is not None or not (operation.merges or self._may_carry_more(operation)):
            return batch, None
        sent = orjson.loads(batch.bodies[0])
        if operation.merges and ("*" in operation.merges or set(operation.merges) & sent.keys()):
            record = await self._held(batch, route, operation)
            if record is None:
                return batch, Settled.all(1, Outcome.REJECTED, Failure("reply.notFound", "Reply does not have it"))
            body = merged(route.spec, operation, record, sent, self.target.shapes)
            said = {name: body[name] for name in self._taken(route, operation, sent)}
            loose = () if batch.keys[0].startswith(ID_MARK) else route.spec.natural_key
            if holds(route.spec, record, said, True, self.target.shapes, loose):
                settled = Settled.all(1, Outcome.UNCHANGED)
                _keep_ids(batch, settled)
                return batch, settled
        else:
            body = self._taken(route, operation, sent)
        return replace(batch, bodies=(orjson.dumps(body).decode(),)), None

    @staticmethod
    def _taken(route: Route, operation: Operation, sent: Record) -> dict[str, Any]:
        taken = inputs_of(route.spec, operation)
        return {name: value for name, value in sent.items() if name in taken}

    def _is_so(self, batch: Batch, route: Route, operation: Operation) -> bool:
        """Whether a call that comes after the main one is not needed: the record was so before, or was made so."""
        cases = [case for case in self.target.cases[1:] if case.operation == operation.label]
        if self.target.mode is None or route.main or operation.batch is not None or len(cases) != 1:
            return False
        given = orjson.loads(batch.bodies[0]) | address_of(batch.addresses[0] if batch.addresses else None)[1]
        identity = self.path(batch, route, operation).get(route.spec.key, "")
        if identity in self.made:
            said = {cases[0].give.get(name, name) for name in given} | set(cases[0].when)
            return said <= inputs_of(route.spec, self.target.operation).keys()
        record = self.held.get(ID_MARK + identity)
        return record is not None and already(route.spec, cases[0], record, given)

    def _may_carry_more(self, operation: Operation) -> bool:
        """Whether staged records may hold fields the operation does not take: two operations share them."""
        return self.target.known is not None and operation.carries == "record"

    async def _held(self, batch: Batch, route: Route, operation: Operation) -> Record | None:
        known = self.held.get(batch.keys[0])
        if known is not None and (route.spec.lookup is None or not route.spec.lookup.detail):
            return known
        found = await detail_of(self.client, route.spec, self.path(batch, route, operation))
        if found is not None and len(self.target.cases) > 1:
            self.held[f"{ID_MARK}{found.get(route.spec.key)}"] = found
        return found

    async def _left_alone(self, batch: Batch, route: Route) -> Settled | None:
        """The outcome of a record that is not touched: Reply does not have it, or it holds other values than asked."""
        record = await detail_of(self.client, route.spec, self.path(batch, route, route.operation))
        if record is None:
            return Settled.all(1, Outcome.REJECTED, Failure("reply.notFound", "Reply does not have it"))
        known = {name: str(record.get(name) or "").lower() for name in route.current}
        if all(known[name] in {one.lower() for one in words} for name, words in route.current.items()):
            return None
        return Settled.all(1, Outcome.UNCHANGED, Failure("status.other", "it is not set at Reply"))

    def path(self, batch: Batch, route: Route, operation: Operation) -> dict[str, str]:
        """Fields that stand in the path of a call on one record."""
        path = dict(route.path) | address_of(batch.addresses[0] if batch.addresses else None)[0]
        if batch.ids and batch.ids[0]:
            path.setdefault(route.spec.key, batch.ids[0])
        for name, value in zip(route.spec.natural_key, batch.keys[0].split("\x1f"), strict=False):
            if not batch.keys[0].startswith(ID_MARK):
                path.setdefault(name, value)
        return path

    def elements(self, batch: Batch) -> Sequence[str]:
        """JSON text of each record, or of each id."""
        operation = self.operation(batch)
        if operation.batch is None or operation.batch.of == "records" or not batch.ids:
            return batch.bodies
        return [
            body or (one if one.isdigit() else orjson.dumps(one).decode())
            for body, one in zip(batch.bodies, batch.ids, strict=True)
        ]

    def named(self, batch: Batch) -> bool:
        """Whether each record can be named in its call: one found by its key cannot once Reply has it no more."""
        operation = self.operation(batch)
        if operation.batch is None or operation.batch.of == "records":
            return True
        return all(one not in ("", '""') for one in self.elements(batch))

    def call(self, batch: Batch) -> Call:
        """The call that carries a batch."""
        operation, route, mode = self.operation(batch), self.route(batch), self.target.mode
        path, query, shared = route.path, route.query, route.shared
        if mode is not None and route.main and not batch.known and mode.options:
            shared = with_options(shared, mode.options, mode.options_at)
        if operation.batch is None:
            path = self.path(batch, route, operation) if operation.parameters else {}
            if batch.addresses and batch.addresses[0]:
                query = {**query, **address_of(batch.addresses[0])[1]}
        named = parameters(route.spec, operation, path) if operation.parameters else {}
        return write_call(operation, self.elements(batch), named, shared, query)

    async def deliver(self, batch: Batch, permit: Permit) -> Delivery:
        """Sends a prepared batch once and reads the answer."""
        operation, route = self.operation(batch), self.route(batch)
        answer, judgement = await self.client.send(self.call(batch), permit, len(batch))
        if judgement.verdict is Verdict.FOLLOW:
            if operation.result == "job":
                said = answer.body or orjson.dumps({"location": answer.headers.get("location", "")})
                return Delivery(Judgement(Verdict.DONE), Settled.all(len(batch), self.success(batch)), said=said)
            job = job_of(answer.headers.get("location", ""), answer.body)
            return Delivery(judgement if job else Judgement(Verdict.VERIFY, "202 without a job"), job=job)
        if judgement.verdict is Verdict.REJECT and len(batch) == 1:
            return await self._refused(batch, route, judgement)
        if judgement.verdict is not Verdict.DONE:
            return Delivery(judgement)
        if judgement.reason:  # a delete of what is already gone
            gone = Failure("reply.notFound", judgement.reason)
            return Delivery(judgement, Settled.all(len(batch), Outcome.SKIPPED, gone))
        try:
            may_create = self.target.word == "upsert" and not batch.known
            elements, names, key = self.elements(batch), route.spec.natural_key, route.spec.key
            settled = settle(operation, self.success(batch), answer, elements, key, may_create, names)
            if wrong := other_ids(batch.ids, settled.ids, settled.texts):
                raise WrongShape(f"{operation.label}: {wrong}")
        except WrongShape as error:
            return Delivery(Judgement(Verdict.VERIFY, f"wire: {error}"))
        if operation.recheck is not None and settled.failures:
            await self._recheck(batch, route, settled)
        _keep_ids(batch, settled)
        if self.target.known is not None and len(self.target.cases) > 1 and route.main and not batch.known:
            self.made.update(settled.texts.get(i, str(number)) for i, number in enumerate(settled.ids))
        return Delivery(judgement, settled, said=answer.body)

    async def _refused(self, batch: Batch, route: Route, judgement: Judgement) -> Delivery:
        """One record, refused; some refusals say that it is as wanted already, or a read does."""
        operation, failure = self.operation(batch), judgement.failures[0]
        if operation.batch is not None and operation.parameters:  # what many share is refused, not the one record
            return Delivery(judgement)
        settled = Settled.all(1, outcome_of_refusal(operation, failure.code), failure)
        if operation.recheck is not None:
            await self._recheck(batch, route, settled)
        if settled.outcomes[0] == Outcome.REJECTED:
            return Delivery(judgement)
        return Delivery(Judgement(Verdict.DONE), settled)

    async def _recheck(self, batch: Batch, route: Route, settled: Settled) -> None:
        """Refusals that a read shows to mean: it is so already (procedures.md 1.1, guess)."""
        check = route.operation.recheck
        assert check is not None
        wanted = {one.lower() for one in check.among}
        if check.value:
            asked = str(route.shared.get(check.value, "")).lower()
            if wanted and asked not in wanted:
                return
            wanted = {asked}
        operation = route.spec.operations[check.operation]
        element = route.operation.batch.element if route.operation.batch else ""
        for i, failure in list(settled.failures.items()):
            if failure.code.rpartition(".")[2].lower() != check.error.lower():
                continue
            if route.operation.batch is None:
                path = self.path(batch, route, route.operation)
            else:
                path = dict(route.path) | {element or route.spec.key: batch.bodies[i], "contactId": batch.bodies[i]}
            named = {p: path.get(filler(route.spec, operation, p), batch.bodies[i]) for p in operation.parameters}
            content = await self.client.read(Call(operation, fill(operation.path, named)))
            known = at_path(content, check.read_at)
            values = known if isinstance(known, list) else [known]
            if values and all(str(value).lower() in wanted for value in values):
                settled.outcomes[i] = Outcome.UNCHANGED

    async def follow(self, job: str) -> bool:
        """Waits for a background job to end; whether it says it is done.

        Raises:
            RunPaused: It does not end within the patience.
        """
        operation = self.client.catalog.object("background_jobs").operations["get"]
        path = fill(operation.path, {"job_id": job})
        delay_s, waited_s = JOB_POLL_S[0], 0.0
        while waited_s < self.client.patience.park_s:
            content = await self.client.read(Call(operation, path))
            state = str(content.get("status", "")).lower() if isinstance(content, dict) else "expired"
            if state in FINAL_JOB_STATES:
                return state == "done"
            await self.client.rest(delay_s)
            waited_s += delay_s
            delay_s = min(delay_s * 1.6, JOB_POLL_S[1])
        raise RunPaused("a background job at Reply does not end", hint="resume later; the job is followed again")


def _keep_ids(batch: Batch, settled: Settled) -> None:
    """Ids that were known before stand in the result too."""
    for i, one in enumerate(batch.ids):
        if one.isdigit() and not settled.ids[i]:
            settled.ids[i] = int(one)
        elif one and not one.isdigit():
            settled.texts.setdefault(i, one)
