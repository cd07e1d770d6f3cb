"""Reads Reply to see what became of calls whose answer was lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from bulkreply.batching import Batch
from bulkreply.catalog.inputs import Place, inputs_of, place_of
from bulkreply.lookup import Found, Memory, Record, detail_of, find, find_ids
from bulkreply.mapping import ID_MARK
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.wire.answer import identity_of, removes
from bulkreply.wire.compare import created_after, holds

CLOCK_SKEW_S = 5.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading Reply said of a batch whose answer was lost.

    Attributes:
        settled: Index -> (outcome, Reply id) of records whose effect is there.
        missing: Indexes of records whose effect is not there.
        changed: Those of them whose record is there with other values, so that it may be what the call made of it.
    """

    settled: Mapping[int, tuple[Outcome, int]]
    missing: tuple[int, ...]
    changed: frozenset[int] = frozenset()


class Proof:
    """Finds the records of batches at Reply, and holds them against what was sent."""

    def __init__(self, sink: ReplySink) -> None:
        self._sink = sink
        self._memory: Memory = {}

    def verifiable(self, batch: Batch) -> bool:
        """Whether reading Reply can tell what became of a batch: its records can be found by their keys."""
        operation, route = self._sink.operation(batch), self._sink.route(batch)
        if route.spec.lookup is None or not all(batch.keys) or not route.spec.natural_key:
            return False
        if operation.carries == "record" or removes(operation):
            return True
        if operation.repeat != "by_key":  # that a record is there does not tell whether it was marked, or called for
            return False
        if operation.result == "whole" or not set(route.spec.natural_key) <= inputs_of(route.spec, operation).keys():
            return False
        named = [place_of(route.spec, operation, name) for name in route.spec.natural_key]
        return all(place in (Place.PATH, Place.ELEMENT, Place.RECORD) for place in named)

    def repeats(self, batch: Batch) -> bool:
        """Whether Reply may hold several records of the same key: which is whose, their ids have to tell."""
        return self._sink.route(batch).spec.repeats

    async def verify(self, batches: Sequence[tuple[Batch, float]], taken: Collection[str] = ()) -> list[Verified]:
        """Reads Reply to see which records of lost calls took effect, all batches together.

        Args:
            batches: Each with the time its intent was recorded, Unix seconds.
            taken: Ids of records that other rows of the run made, where keys repeat.
        """
        wanted: dict[tuple[str, int | None], set[str]] = {}
        for batch, _ in batches:
            wanted.setdefault(self._where(batch), set()).update(k for k in batch.keys if not k.startswith(ID_MARK))
        found: dict[tuple[str, int | None], Found] = {}
        for (label, scope), keys in wanted.items():
            api, name = label.split(".")
            found[label, scope] = await find(
                self._sink.client, self._sink.client.catalog.object(name, api), keys, scope, self._memory
            )
        await self._by_id([batch for batch, _ in batches], found)
        claimed = {(self._sink.route(batch).spec.name, one) for batch, _ in batches for one in taken}
        return [await self._verified(batch, found[self._where(batch)], at_s, claimed) for batch, at_s in batches]

    async def _by_id(self, batches: Sequence[Batch], found: dict[tuple[str, int | None], Found]) -> None:
        """Adds records that the file names by their ids, all read together where a listing tells enough of them."""
        named: dict[tuple[str, int | None], set[str]] = {}
        for batch in batches:
            ids = {key[len(ID_MARK) :] for key in batch.keys if key.startswith(ID_MARK)}
            if ids:
                named.setdefault(self._where(batch), set()).update(ids)
        for place, ids in named.items():
            api, name = place[0].split(".")
            known = await find_ids(self._sink.client, self._sink.client.catalog.object(name, api), ids)
            if known is not None:
                found[place] |= {ID_MARK + one: [known[one]] if one in known else [] for one in ids}

    def _where(self, batch: Batch) -> tuple[str, int | None]:
        """The object a batch is about, and the list that holds all its records, if one does."""
        route = self._sink.route(batch)
        lookup, scope = route.spec.lookup, None
        if lookup is not None and lookup.scoped:
            for values in route.shared.values():
                ids = values.get(f"{lookup.scope}s") if isinstance(values, dict) else None
                scope = ids[0] if isinstance(ids, list) and ids else scope
        return f"{route.spec.api}.{route.spec.name}", scope

    async def _verified(self, batch: Batch, found: Found, at_s: float, claimed: set[tuple[str, str]]) -> Verified:
        settled: dict[int, tuple[Outcome, int]] = {}
        changed: set[int] = set()
        operation, route = self._sink.operation(batch), self._sink.route(batch)
        for i, key in enumerate(batch.keys):
            records: Sequence[Record] = found.get(key, [])
            if key.startswith(ID_MARK) and key not in found:
                one = await detail_of(self._sink.client, route.spec, self._sink.path(batch.one(i), route, operation))
                records = [one] if one else []
            if removes(operation):
                if not records:
                    settled[i] = (Outcome.DELETED if self._sink.target.mode is not None else Outcome.CALLED, 0)
                continue
            outcome = await self._outcome(batch.one(i), records, at_s, claimed)
            if outcome is not None:
                settled[i] = outcome
            elif records and not route.spec.repeats:
                changed.add(i)
        return Verified(settled, tuple(i for i in range(len(batch)) if i not in settled), frozenset(changed))

    async def _outcome(
        self, batch: Batch, records: Sequence[Record], at_s: float, claimed: set[tuple[str, str]]
    ) -> tuple[Outcome, int] | None:
        """What became of one record, from those at Reply with its key; each of those counts for one record only."""
        spec, success = self._sink.route(batch).spec, self._sink.success(batch)
        body = orjson.loads(batch.bodies[0]) if batch.bodies[0][:1] == "{" else {}
        for record in records:
            identity = record.get(spec.key)
            number = numbered if isinstance(numbered := identity_of(identity), int) else 0
            mark = (spec.name, str(identity))
            if spec.repeats and mark in claimed:
                continue
            fresh = created_after(spec, record, at_s - CLOCK_SKEW_S)
            inserts = self._sink.target.word == "insert"
            if inserts and fresh is False:
                if spec.repeats:  # another one, not ours: it keeps nobody from making one more
                    continue
                return Outcome.SKIPPED, number
            if fresh is False and success is Outcome.CALLED and not body:  # it is there, and not because of the call
                continue
            whole = record
            if spec.lookup is not None and spec.lookup.detail and identity:
                path = self._sink.path(batch, self._sink.route(batch), self._sink.operation(batch)) | {
                    spec.key: str(identity)
                }
                whole = {**record, **(await detail_of(self._sink.client, spec, path) or {})}
            if holds(spec, whole, body, shapes=self._sink.target.shapes):
                claimed.add(mark)
                if success not in (Outcome.CREATED, Outcome.UPDATED):
                    return success, number
                created = fresh if fresh is not None else success is Outcome.CREATED
                made = inserts or (created and not self._was_known(batch))
                return (Outcome.CREATED if made else Outcome.UPDATED), number
        return None

    def _was_known(self, batch: Batch) -> bool:
        """Whether Reply had a record before it was sent. What was looked up later may be what the call made."""
        mode = self._sink.target.mode
        if batch.keys[0].startswith(ID_MARK) or (mode is not None and mode.only == "known"):
            return True
        return not batch.recalled and (batch.known or any(batch.ids))
