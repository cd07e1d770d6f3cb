"""What Reply holds of the records of a run before they are sent, and what that says about each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bulkreply.batching import Batch
from bulkreply.catalog.inputs import inputs_of
from bulkreply.lookup import Found, find, find_ids
from bulkreply.mapping import ID_MARK
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.slots import fill, has_slots
from bulkreply.wire.answer import Failure
from bulkreply.wire.compare import holds, shared_holds

_MISSING = Failure("reply.notFound", "Reply does not have it")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a record: left alone with an outcome, or sent.

    Attributes:
        outcome: None when it is sent.
        id: Of the record at Reply, "" when there is none.
    """

    outcome: Outcome | None
    failure: Failure | None = None
    id: str = ""


class Standing:
    """The records at Reply that the main records of a run speak of."""

    def __init__(self, sink: ReplySink) -> None:
        self._sink = sink
        self._target = sink.target
        self._named: set[str] = set()
        self._by_id: Mapping[str, Mapping[str, Any]] | None = None
        self.found: Found = {}

    async def read(self, batches: Sequence[Batch], by_id: bool = False) -> None:
        """Looks the keys of all records up, and hands what a replacement keeps to the sink.

        Args:
            by_id: Whether to look up those too that name their record by its id.
        """
        spec = self._target.spec
        assert spec is not None
        keys = {key for batch in batches for key in batch.keys}
        self._named = {key for key in keys if key.startswith(ID_MARK)}
        self.found = await find(self._sink.client, spec, keys - self._named)
        if by_id and self._named:
            self._by_id = await find_ids(self._sink.client, spec, {key[len(ID_MARK) :] for key in self._named})
            self._sink.held.update({ID_MARK + one: record for one, record in (self._by_id or {}).items()})
        operation = self._target.known or self._target.operation
        if operation.merges:
            self._sink.held.update({key: records[0] for key, records in self.found.items()})
        if len(self._target.cases) > 1:
            records = (one for same in self.found.values() for one in same)
            self._sink.held.update({f"{ID_MARK}{one[spec.key]}": one for one in records})

    def verdict(self, batch: Batch, i: int) -> Verdict:
        """What is said of a main record."""
        key = batch.keys[i]
        if key.startswith(ID_MARK):
            return self._of_named(batch, i)
        mode, spec = self._target.mode, self._target.spec
        assert mode is not None and spec is not None
        records = self.found.get(key, [])
        if not records:
            return self._missing() if mode.only == "known" else Verdict(None)
        identity = str(records[0].get(spec.key) or "")
        if mode.only == "unknown":
            return Verdict(Outcome.SKIPPED, Failure("reply.exists", "Reply has it already"), identity)
        if len(records) > 1:
            words = f"{len(records)} records at Reply have this key: map {spec.key}"
            return Verdict(Outcome.REJECTED, Failure("reference.ambiguous", words))
        if ID_MARK + identity in self._named:  # its changes would be lost in those of the other
            outcome = Outcome.SKIPPED if self._deletes else Outcome.REJECTED
            return Verdict(outcome, Failure("row.duplicate", "another row names this record by its id"))
        if not self._deletes and self._unchanged(batch, i, records[0]):
            return Verdict(Outcome.UNCHANGED, None, identity)
        return Verdict(None, id=identity)

    @property
    def _deletes(self) -> bool:
        return self._target.success is Outcome.DELETED

    def _of_named(self, batch: Batch, i: int) -> Verdict:
        """A record named by its id: sent, unless records were looked up by their ids."""
        identity = batch.keys[i][len(ID_MARK) :]
        if self._by_id is None:
            return Verdict(None, id=identity)
        if identity not in self._by_id:
            return Verdict(Outcome.SKIPPED if self._deletes else Outcome.REJECTED, _MISSING)
        if not self._deletes and self._unchanged(batch, i, self._by_id[identity]):
            return Verdict(Outcome.UNCHANGED, None, identity)
        return Verdict(None, id=identity)

    def _missing(self) -> Verdict:
        spec = self._target.spec
        if self._deletes:
            return Verdict(Outcome.SKIPPED, _MISSING)
        words = _MISSING.message + ("; mode upsert would create it" if spec and "upsert" in spec.modes else "")
        return Verdict(Outcome.REJECTED, Failure(_MISSING.code, words))

    def _unchanged(self, batch: Batch, i: int, record: Mapping[str, Any]) -> bool:
        """Whether Reply holds all that a row says and the operation could change: then it needs no call."""
        spec = self._target.spec
        assert spec is not None
        text = fill(batch.bodies[i], self._sink.id_of)
        if has_slots(text) or not self._shared_holds(batch, record):
            return False
        taken = inputs_of(spec, self._target.known or self._target.operation)
        said = {name: value for name, value in orjson.loads(text).items() if name in taken}
        loose = () if batch.keys[i].startswith(ID_MARK) else spec.natural_key
        return holds(spec, record, said, True, self._target.shapes, loose)

    def _shared_holds(self, batch: Batch, record: Mapping[str, Any]) -> bool:
        """Whether a record is already in the lists its call names, and the call says nothing else."""
        if not batch.group:
            return True
        if has_slots(fill(batch.group, self._sink.id_of)):
            return False
        route = self._sink.route(batch)
        beside = route.path or route.query or route.current
        return not beside and shared_holds(route.spec, record, route.shared)
