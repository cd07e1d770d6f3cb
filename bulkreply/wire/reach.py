"""Whom a call makes Reply write to, read off what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bulkreply.catalog import Catalog, ObjectSpec, Operation, Reach
from bulkreply.catalog.inputs import element
from bulkreply.wire.route import Route, address_of


def object_reached(catalog: Catalog, reach: Reach, own: ObjectSpec) -> ObjectSpec:
    """The object of the people a call reaches: that of the operation, unless it names another."""
    api, _, name = reach.of.partition(".")
    return catalog.object(name, api) if name else own


def said(operation: Operation, route: Route, body: str = "", address: str | None = None) -> dict[str, Any]:
    """Everything a call says of one record, by the operation's own names; without a record, of all it carries."""
    path, query = address_of(address)
    found: dict[str, Any] = {**route.shared, **route.path, **route.query, **path, **query}
    if not body:
        return found
    own = orjson.loads(body)
    return found | own if isinstance(own, dict) else found | {element(route.spec, operation): own}


def applies(reach: Reach, values: Mapping[str, Any]) -> bool:
    """Whether a call that says this reaches the one it names."""
    return all(name in values and word(values[name]) in words for name, words in reach.when.items())


def sends(operation: Operation, values: Mapping[str, Any]) -> bool:
    """Whether Reply writes to people because of a call that says this."""
    reach = operation.reach
    if reach is None or not reach.when:
        return operation.sends
    return (operation.sends or reach.sends) and applies(reach, values)


def may_send(operation: Operation) -> bool:
    """Whether there are calls of it that make Reply write to people."""
    return operation.sends or (operation.reach is not None and operation.reach.sends)


def word(value: Any) -> str:
    """A plain value as catalog files write it; "" for none."""
    if value is None:
        return ""
    return str(value).strip().lower()
