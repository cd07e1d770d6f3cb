"""Where records go. A sink takes batches and answers with outcomes; here the Reply form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bulkreply.batching import Batch
from bulkreply.catalog.model import Mode, ObjectSpec, Operation
from bulkreply.errors import RunPaused
from bulkreply.lookup import Found, find
from bulkreply.mapping import GROUP_SEPARATOR
from bulkreply.net.client import Client
from bulkreply.outcomes import Outcome
from bulkreply.quota import Permit
from bulkreply.wire.answer import Failure, Settled, WrongShape, settle
from bulkreply.wire.call import Call, fill, write_call
from bulkreply.wire.compare import created_after, holds
from bulkreply.wire.verdict import Judgement, Verdict

CLOCK_SKEW_S = 5.0
JOB_POLL_S = (0.5, 15.0)
FINAL_JOB_STATES = ("done", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of sending a batch: outcomes when Reply said them, otherwise what to do next."""

    judgement: Judgement
    settled: Settled | None = None
    job: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading Reply said of a batch whose answer was lost.

    Attributes:
        settled: Index -> (outcome, Reply id) of records whose effect is there.
        missing: Indexes of records whose effect is not there.
    """

    settled: Mapping[int, tuple[Outcome, int]]
    missing: tuple[int, ...]


@dataclass(slots=True)
class ReplySink:
    """Sends records to one object of one account.

    Attributes:
        created: Ids of names that this run created, by name; groups speak of them as `+Name`.
    """

    client: Client
    spec: ObjectSpec
    mode: Mode
    place: str = ""
    created: dict[str, int] = field(default_factory=dict)

    @property
    def operation(self) -> Operation:
        """The operation every batch is sent with."""
        return self.spec.operations[self.mode.operation]

    def _scope(self, group: str) -> list[int]:
        return sorted(
            self.created[token[1:]] if token.startswith("+") else int(token)
            for token in group.split(GROUP_SEPARATOR)
            if token
        )

    def call(self, batch: Batch) -> Call:
        """The call that carries a batch."""
        operation = self.operation
        by_id = operation.batch is not None and operation.batch.of == "key"
        elements: Sequence[str] = [str(one) for one in batch.ids] if by_id else batch.bodies
        parameters: dict[str, str] = {}
        if operation.batch is None and operation.parameters:
            parameters = dict.fromkeys(self.spec.natural_key, batch.keys[0])
            if batch.ids:
                parameters[self.spec.key] = str(batch.ids[0])
        scope = self._scope(batch.group)
        placed = {self.place: scope} if self.place and scope else None
        return write_call(operation, self.mode, elements, parameters, placed)

    async def deliver(self, batch: Batch, permit: Permit) -> Delivery:
        """Sends a batch once and reads the answer."""
        operation = self.operation
        answer, judgement = await self.client.send(self.call(batch), permit, len(batch))
        if judgement.verdict is Verdict.FOLLOW:
            job = _job_of(answer.headers.get("location", ""), answer.body)
            return Delivery(judgement if job else Judgement(Verdict.VERIFY, "202 without a job"), job=job)
        if judgement.verdict is not Verdict.DONE:
            return Delivery(judgement)
        if judgement.reason:  # a delete of what is already gone
            gone = Failure("reply.notFound", judgement.reason)
            return Delivery(judgement, Settled.all(len(batch), Outcome.SKIPPED, gone))
        try:
            settled = settle(operation, self.mode, answer, len(batch), batch.ids, self.spec.key)
        except WrongShape as error:
            return Delivery(Judgement(Verdict.VERIFY, str(error)))
        return Delivery(judgement, settled)

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
            await self.client.clock.sleep(delay_s)
            waited_s += delay_s
            delay_s = min(delay_s * 1.6, JOB_POLL_S[1])
        raise RunPaused("a background job at Reply does not end", hint="resume later; the job is followed again")

    async def verify(self, batches: Sequence[tuple[Batch, float]]) -> list[Verified]:
        """Reads Reply to see which records of lost calls took effect, all batches together.

        Args:
            batches: Each with the time its intent was recorded, Unix seconds.
        """
        by_scope: dict[str, set[str]] = {}
        for batch, _ in batches:
            by_scope.setdefault(batch.group, set()).update(batch.keys)
        found: dict[str, Found] = {}
        for group, keys in by_scope.items():
            scope = self._scope(group)
            found[group] = await find(self.client, self.spec, keys, scope[0] if self.place and scope else None)
        return [self._verified(batch, found[batch.group], at_s) for batch, at_s in batches]

    def _verified(self, batch: Batch, found: Found, at_s: float) -> Verified:
        settled: dict[int, tuple[Outcome, int]] = {}
        deletes = self.mode.outcome == Outcome.DELETED.word
        for i, key in enumerate(batch.keys):
            records = found.get(key, [])
            if deletes:
                if not records:
                    settled[i] = (Outcome.DELETED, 0)
                continue
            outcome = self._outcome(batch.bodies[i], records, at_s)
            if outcome is not None:
                settled[i] = outcome
        return Verified(settled, tuple(i for i in range(len(batch)) if i not in settled))

    def _outcome(self, body: str, records: Sequence[Mapping[str, Any]], at_s: float) -> tuple[Outcome, int] | None:
        for record in records:
            identity = record.get(self.spec.key)
            number = identity if isinstance(identity, int) else 0
            fresh = created_after(self.spec, record, at_s - CLOCK_SKEW_S)
            if self.mode.name == "insert" and fresh is False:
                return Outcome.SKIPPED, number
            if holds(self.spec, record, orjson.loads(body)):
                created = fresh or (fresh is None and self.mode.name == "insert")
                return (Outcome.CREATED if created else Outcome.UPDATED), number
        return None


def _job_of(location: str, body: bytes) -> str:
    """The id of a background job, from the body or else the Location header (conventions.md 9)."""
    try:
        content = orjson.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict) and content.get("jobId"):
        return str(content["jobId"])
    return location.rstrip("/").rpartition("/")[2]
