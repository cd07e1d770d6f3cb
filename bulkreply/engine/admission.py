"""Looks up what Reply holds where that decides about rows: modes for known or unknown records only, upserts of two
operations, updates by name. Rows it leaves alone are settled here; the others learn their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bulkreply.batching import Batch
from bulkreply.catalog.inputs import inputs_of
from bulkreply.engine.recording import Recorder
from bulkreply.lookup import find
from bulkreply.mapping import ID_MARK
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.slots import fill, has_slots
from bulkreply.spans import Spans
from bulkreply.wire.answer import Failure, Settled
from bulkreply.wire.compare import holds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What admission says of a record: left alone with an outcome, or sent.

    Attributes:
        outcome: None when it is sent.
        id: Of the record at Reply, "" when there is none.
    """

    outcome: Outcome | None
    failure: Failure | None = None
    id: str = ""


class Admission:
    """What is known of the records of a run before they are sent."""

    def __init__(self, sink: ReplySink, recorder: Recorder) -> None:
        self._sink = sink
        self._recorder = recorder
        self._target = sink.target
        self._ids: dict[str, list[str]] = {}
        self._named: set[str] = set()

    @property
    def asks(self) -> bool:
        """Whether Reply has to be asked at all."""
        mode, spec = self._target.mode, self._target.spec
        return mode is not None and spec is not None and bool(spec.lookup) and bool(mode.only or mode.known)

    async def open(self, work: Iterable[Batch], begun: Spans) -> Spans:
        """Looks all keys up and settles the records that are left alone.

        Args:
            work: All records not yet settled.
            begun: Positions whose call was begun by an earlier process: what Reply holds of them may be our own doing.

        Returns:
            The positions settled.
        """
        spec = self._target.spec
        if not self.asks or spec is None:
            return Spans()
        batches = [batch for batch in work if self._sink.route(batch).main]
        found = await find(self._sink.client, spec, {k for b in batches for k in b.keys if not k.startswith(ID_MARK)})
        self._ids = {key: [str(record[spec.key]) for record in records] for key, records in found.items()}
        self._named = {key for batch in batches for key in batch.keys if key.startswith(ID_MARK)}
        settled = Spans()
        for batch in batches:
            verdicts = {i: v for i, v in self._verdicts(batch, found).items() if batch.positions[i] not in begun}
            if verdicts:
                left = batch.only(list(verdicts))
                await self._recorder.replace(0, left, _settled(list(verdicts.values())))
                settled |= left.spans
        if self._merges():
            self._sink.held.update({key: records[0] for key, records in found.items()})
        if len(self._target.cases) > 1:
            self._sink.held.update({f"{ID_MARK}{one[spec.key]}": one for records in found.values() for one in records})
        return settled

    def prepare(self, batch: Batch) -> list[Batch]:
        """The batch with the ids of its records, divided where known and unknown ones travel differently."""
        if batch.ids or not self._sink.route(batch).main or self._target.mode is None:
            return [batch]
        ids = tuple(self._id(key) for key in batch.keys)
        if self._target.known is None:
            return [replace(batch, ids=ids) if any(ids) else batch]
        known = [i for i, one in enumerate(ids) if one]
        unknown = [i for i, one in enumerate(ids) if not one]
        size = self._target.known.batch.max if self._target.known.batch else 1
        whole = replace(batch, ids=ids)
        parts = [known[first : first + size] for first in range(0, len(known), size)]
        made = [replace(whole.only(part), known=True) for part in parts]
        fresh = batch.only(unknown)
        if self._target.operation.batch is None:
            return made + [fresh.only([i]) for i in range(len(fresh))]
        return made + ([fresh] if len(fresh) else [])

    def _id(self, key: str) -> str:
        if key.startswith(ID_MARK):
            return key[1:]
        found = self._ids.get(key, [])
        return found[0] if found else ""

    def _merges(self) -> bool:
        operation = self._target.known or self._target.operation
        return bool(operation.merges)

    def _verdicts(self, batch: Batch, found: Mapping[str, list[Mapping[str, Any]]]) -> dict[int, Verdict]:
        """Index -> verdict of records that are not sent."""
        made = {}
        for i, key in enumerate(batch.keys):
            if not key.startswith(ID_MARK):
                verdict = self._verdict(batch, i, found.get(key, []))
                if verdict.outcome is not None:
                    made[i] = verdict
        return made

    def _verdict(self, batch: Batch, i: int, records: list[Mapping[str, Any]]) -> Verdict:
        mode, spec = self._target.mode, self._target.spec
        assert mode is not None and spec is not None
        deletes = self._target.success is Outcome.DELETED
        if not records:
            if mode.only != "known":
                return Verdict(None)
            if deletes:
                return Verdict(Outcome.SKIPPED, Failure("reply.notFound", "Reply does not have it"))
            words = "Reply does not have it"
            words += "; mode upsert would create it" if "upsert" in spec.modes else ""
            return Verdict(Outcome.REJECTED, Failure("reply.notFound", words))
        identity = str(records[0].get(spec.key) or "")
        if mode.only == "unknown":
            return Verdict(Outcome.SKIPPED, Failure("reply.exists", "Reply has it already"), identity)
        if len(records) > 1:
            words = f"{len(records)} records at Reply have this key: map {spec.key}"
            return Verdict(Outcome.REJECTED, Failure("reference.ambiguous", words))
        if ID_MARK + identity in self._named:  # its changes would be lost in those of the other
            outcome = Outcome.SKIPPED if deletes else Outcome.REJECTED
            return Verdict(outcome, Failure("row.duplicate", "another row names this record by its id"))
        if not deletes and not batch.group and self._unchanged(batch.bodies[i], records[0]):
            return Verdict(Outcome.UNCHANGED, None, identity)
        return Verdict(None, id=identity)

    def _unchanged(self, body: str, record: Mapping[str, Any]) -> bool:
        """Whether Reply holds all that a row says and the operation could change: then it needs no call."""
        spec = self._target.spec
        assert spec is not None
        text = fill(body, self._sink.id_of)
        if has_slots(text):
            return False
        taken = inputs_of(spec, self._target.known or self._target.operation)
        said = {name: value for name, value in orjson.loads(text).items() if name in taken}
        return holds(spec, record, said, True, self._target.shapes, spec.natural_key)


def _settled(verdicts: Sequence[Verdict]) -> Settled:
    """Outcomes of records that are not sent."""
    settled = Settled.all(len(verdicts), Outcome.SKIPPED)
    for i, verdict in enumerate(verdicts):
        settled.outcomes[i] = verdict.outcome or Outcome.SKIPPED
        if verdict.failure is not None:
            settled.failures[i] = verdict.failure
        if verdict.id.isdigit():
            settled.ids[i] = int(verdict.id)
        elif verdict.id:
            settled.texts[i] = verdict.id
    return settled
