"""Finds records at Reply by natural key, with the fewest calls: one by one, or by one sweep over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import ceil
from typing import Any

from bulkreply.catalog import Lookup, ObjectSpec, Operation, Reach
from bulkreply.catalog.inputs import filler
from bulkreply.mapping import ID_MARK, KEY_SEPARATOR
from bulkreply.net.client import Client, sensible
from bulkreply.net.swept import Costly, Swept
from bulkreply.wire.answer import WrongShape
from bulkreply.wire.call import Call, fill, page_call
from bulkreply.wire.compare import key_of
from bulkreply.wire.paging import Page, read_one, read_page

FEW = 2
Record = Mapping[str, Any]
Found = dict[str, list[Record]]
Memory = dict[str, Swept]
"""What was seen of listings, by what they were narrowed to."""


async def find(
    client: Client, spec: ObjectSpec, keys: Set[str], scope: int | None = None, memory: Memory | None = None
) -> Found:
    """The records that carry any of the keys.

    A sweep goes on while it can still be the cheaper way: at worst it costs as many calls as asking one by one, so
    the whole never costs more than twice the best way. Records that belong to a parent are read parent by parent.

    Args:
        scope: Id of a list whose members are enough to look at.
        memory: What earlier looks of the same caller have seen; this one adds to it.

    Returns:
        Key -> records with it; keys that Reply does not know are absent.
    """
    lookup = spec.lookup
    left = set(keys) - {""}
    if lookup is None or not left:
        return {}
    found: Found = {}
    if scope is not None and lookup.scoped:
        await _sweep(client, spec, lookup.scoped, {}, {lookup.scope: scope}, left, found, 0, memory)
    elif lookup.one and len(left) <= FEW:
        await _ask_each(client, spec, lookup, left, found)
    else:
        for parents in _parents(spec, lookup, left):
            await _sweep(client, spec, lookup.sweep, parents, {}, left, found, len(left) if lookup.one else 0, memory)
    return found


async def find_ids(client: Client, spec: ObjectSpec, ids: Set[str]) -> dict[str, Record] | None:
    """The records that have any of the ids, by their ids: one by one where they are few, else by one sweep.

    Returns:
        None where a sweep does not tell: it leaves fields out, or has to be told the parents.
    """
    lookup = spec.lookup
    if lookup is None or lookup.detail or spec.operations[lookup.sweep].parameters:
        return None
    found: dict[str, Record] = {}
    left, pages = set(ids), 0
    if len(left) > FEW or "get" not in spec.operations:
        async for page in client.pages(spec.operations[lookup.sweep]):
            pages += 1
            made = {str(record.get(spec.key)): record for record in page.records}
            found |= {one: made[one] for one in left & made.keys()}
            left -= made.keys()
            if not left or not page.more:
                return found
            if pages >= len(ids) and "get" in spec.operations:
                break
    for one in sorted(left):
        record = await detail_of(client, spec, {spec.key: one})
        if record is not None:
            found[one] = record
    return found


async def count(
    client: Client, operation: Operation, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
) -> int:
    """How many records a listing has: one call where Reply tells, else all of its pages."""
    if operation.paging.total:
        content = await client.read(page_call(operation, 0, 1, query or {}, body or {}))
        with sensible():
            page = read_page(operation, content, 0, 1)
        if page.total >= 0:
            return page.total
    return sum([len(page.records) async for page in client.pages(operation, query, body)])


async def count_held(client: Client, spec: ObjectSpec, keys: Set[str]) -> int:
    """How many records Reply holds; of records that belong to a parent, those of the parents named.

    Returns:
        -1 where that cannot be told.
    """
    lookup = spec.lookup
    if lookup is None:
        return -1
    operation = spec.operations[lookup.sweep]
    if operation.parameters and any(key.startswith(ID_MARK) for key in keys):
        return -1
    found = 0
    for parents in _parents(spec, lookup, keys):
        query = {one: parents[filler(spec, operation, one)] for one in operation.parameters}
        found += await count(client, operation, query)
    return found


async def crowd(client: Client, reach: Reach, who: Any) -> int:
    """How many people stand behind one that stands for many."""
    operation = client.catalog.operation(reach.crowd)
    number = int(who) if str(who).isdigit() else who
    if operation.method == "GET":
        return await count(client, operation, {reach.crowd_by: str(who)})
    return await count(client, operation, None, {reach.crowd_by: number})


async def detail_of(client: Client, spec: ObjectSpec, path: Mapping[str, str]) -> Record | None:
    """One record whole, None when there is none.

    Args:
        path: Fields that name it: its id, and its parents' where it has any.
    """
    name = (spec.lookup.detail if spec.lookup else "") or "get"
    if name not in spec.operations:
        return await _in_sweep(client, spec, path)
    operation = spec.operations[name]
    named = {one: path.get(filler(spec, operation, one), "") for one in operation.parameters}
    content = await client.read(Call(operation, fill(operation.path, named)))
    with sensible():
        return read_one(spec, operation, content)


async def _in_sweep(client: Client, spec: ObjectSpec, path: Mapping[str, str]) -> Record | None:
    """One record of a kind Reply only lists."""
    assert spec.lookup is not None
    operation = spec.operations[spec.lookup.sweep]
    query = {one: path[filler(spec, operation, one)] for one in operation.parameters}
    async for page in client.pages(operation, query):
        for record in page.records:
            if str(record.get(spec.key)) == path.get(spec.key):
                return record
    return None


def _parents(spec: ObjectSpec, lookup: Lookup, keys: Set[str]) -> list[dict[str, str]]:
    """The parents whose records have to be listed, as fields; one empty mapping when records have no parent."""
    operation = spec.operations[lookup.sweep]
    names = [filler(spec, operation, parameter) for parameter in operation.parameters]
    if not names:
        return [{}]
    places = [spec.natural_key.index(name) for name in names]
    found = {tuple(key.split(KEY_SEPARATOR)[place] for place in places) for key in keys}
    return [dict(zip(names, values, strict=True)) for values in sorted(found) if all(values)]


async def _sweep(
    client: Client,
    spec: ObjectSpec,
    operation_name: str,
    parents: Mapping[str, str],
    body: Mapping[str, Any],
    left: set[str],
    found: Found,
    most: int,
    memory: Memory | None,
) -> None:
    """Reads pages until every key is found; hands over to single reads once those are cheaper."""
    operation = spec.operations[operation_name]
    query = {one: parents[filler(spec, operation, one)] for one in operation.parameters}
    size = operation.paging.page_max or 1000

    def whole(record: Record) -> Record:
        return {**record, **{name: value for name, value in parents.items() if name not in record}}

    def key_at(record: Record) -> str:
        return key_of(spec, whole(record), KEY_SEPARATOR)

    def take(records: Sequence[Record]) -> None:
        for record in records:
            key = key_at(record)
            if key in left or key in found:
                found.setdefault(key, []).append(_identified(spec, operation, whole(record)))
                if most:  # where only a sweep can find it, another of the same name may follow
                    left.discard(key)

    async def read(number: int) -> Page:
        content = await client.read(page_call(operation, number, size, query, body))
        with sensible():
            return read_page(operation, content, number, size)

    swept = Swept(spec.key, size)
    if memory is not None and operation.paging.style == "offset":
        swept = memory.setdefault(f"{operation.label} {sorted(query.items())} {body}", swept)
        pages = swept.pages_of(left)
        if pages is not None and most and len(left) <= len(pages):
            return await _ask_each(client, spec, spec.lookup, left, found)
        try:
            if pages is not None and (seen := await swept.look(left, read, key_at, most)) is not None:
                return take(seen)
        except Costly:
            return await _ask_each(client, spec, spec.lookup, left, found)
    number = 0
    async for page in client.pages(operation, query, body):
        swept.note(number, page.records, [key_at(record) for record in page.records])
        number += 1
        take(page.records)
        if not left or not page.more:
            return None
        expected = ceil(page.total / operation.paging.page_max) if page.total >= 0 else 0
        if most and (number >= most or expected - number > len(left)):
            return await _ask_each(client, spec, spec.lookup, left, found)
    return None


async def _ask_each(client: Client, spec: ObjectSpec, lookup: Lookup | None, left: set[str], found: Found) -> None:
    assert lookup is not None
    operation = spec.operations[lookup.one]
    for key in sorted(left):
        content = await client.read(page_call(operation, 0, 25, {lookup.query: key}, {}))
        with sensible():
            if operation.paging.items:
                records = read_page(operation, content, 0, 25).records
            else:
                one = read_one(spec, operation, content)
                records = () if one is None else (one,)
        for record in records:
            if key_of(spec, record, KEY_SEPARATOR) == key:
                found.setdefault(key, []).append(_identified(spec, operation, record))
                left.discard(key)


def _identified(spec: ObjectSpec, operation: Operation, record: Record) -> Record:
    """A record that can be spoken of: it says its id.

    Raises:
        ServerFatal: It does not.
    """
    if spec.key in spec.fields and record.get(spec.key) is None:
        with sensible():
            raise WrongShape(f"{operation.label}: a record without {spec.key}")
    return record
