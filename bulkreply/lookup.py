"""Finds records at Reply by natural key, with the fewest calls: one by one, or by one sweep over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import ceil
from typing import Any

from bulkreply.catalog.model import Lookup, ObjectSpec
from bulkreply.mapping import GROUP_SEPARATOR
from bulkreply.net.client import Client
from bulkreply.wire.call import page_call
from bulkreply.wire.compare import key_of
from bulkreply.wire.paging import read_page

FEW = 2
Found = dict[str, list[Mapping[str, Any]]]


async def find(client: Client, spec: ObjectSpec, keys: Set[str], scope: int | None = None) -> Found:
    """The records that carry any of the keys.

    A sweep goes on while it can still be the cheaper way: at worst it costs as many calls as asking one by one, so
    the whole never costs more than twice the best way.

    Args:
        scope: Id of a list whose members are enough to look at.

    Returns:
        Key -> records with it; keys that Reply does not know are absent.
    """
    lookup = spec.lookup
    if lookup is None or not keys:
        return {}
    found: Found = {}
    left = set(keys)
    if scope is not None and lookup.scoped:
        await _sweep(client, spec, lookup.scoped, {lookup.scope: scope}, left, found, 0)
    elif lookup.one and len(left) <= FEW:
        await _ask_each(client, spec, lookup, left, found)
    else:
        await _sweep(client, spec, lookup.sweep, {}, left, found, len(left) if lookup.one else 0)
    return found


async def _sweep(
    client: Client,
    spec: ObjectSpec,
    operation_name: str,
    body: Mapping[str, Any],
    left: set[str],
    found: Found,
    most: int,
) -> None:
    """Reads pages until every key is found; hands over to single reads once those are cheaper."""
    operation = spec.operations[operation_name]
    pages = 0
    async for page in client.pages(operation, body=body):
        pages += 1
        for record in page.records:
            key = key_of(spec, record, GROUP_SEPARATOR)
            if key in left or key in found:
                found.setdefault(key, []).append(record)
                left.discard(key)
        if not left:
            return
        if not page.more:
            return
        expected = ceil(page.total / operation.paging.page_max) if page.total >= 0 else 0
        if most and spec.lookup is not None and (pages >= most or expected - pages > len(left)):
            await _ask_each(client, spec, spec.lookup, left, found)
            return


async def _ask_each(client: Client, spec: ObjectSpec, lookup: Lookup, left: set[str], found: Found) -> None:
    operation = spec.operations[lookup.one]
    for key in sorted(left):
        content = await client.read(page_call(operation, 0, 25, {lookup.query: key}, {}))
        if operation.paging.items:
            records = read_page(operation, content, 0, 25).records
        else:
            records = (content,) if isinstance(content, dict) and content else ()
        for record in records:
            if key_of(spec, record, GROUP_SEPARATOR) == key:
                found.setdefault(key, []).append(record)
                left.discard(key)
