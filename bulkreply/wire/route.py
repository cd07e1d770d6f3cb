"""What all records of a call share, read back from its group (wire/layout.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bulkreply.catalog import ObjectSpec, Operation
from bulkreply.catalog.inputs import filler
from bulkreply.slots import dumps, fill, loads
from bulkreply.targets import Target


@dataclass(frozen=True, slots=True)
class Route:
    """Where a batch goes.

    Attributes:
        spec: The object of the operation.
        main: Whether it is what the target's mode itself does.
        wave: Which wave of records that wait for others; 0 waits for none.
        path: Input -> value in the path.
        query: Input -> value in the query.
        shared: Body beside the records.
        current: Field -> values a record must hold at Reply to be touched.
    """

    operation: Operation
    spec: ObjectSpec
    main: bool = True
    wave: int = 0
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)
    current: Mapping[str, Sequence[str]] = field(default_factory=dict)


def route_of(group: str, target: Target, id_of: Callable[[str], str | None] | None = None) -> Route:
    """The route of a group.

    Args:
        id_of: What fills slots; without it they stay, as text that names them.
    """
    if not group:
        return Route(target.operation, target.spec_of(target.operation))
    filled = fill(group, id_of) if id_of is not None else group
    content = orjson.loads(fill(filled, lambda slot: orjson.dumps("?" + slot).decode()))
    label = content.get("operation")
    operation = target.catalog.operation(label) if label else target.operation
    return Route(
        operation,
        target.spec_of(operation),
        main=label is None,
        wave=content.get("wave", 0),
        path=_texts(content.get("path", {})),
        query=_texts(content.get("query", {})),
        shared=content.get("shared", {}),
        current=content.get("current", {}),
    )


def address_of(text: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """`(path, query)` of a record that travels alone."""
    content = orjson.loads(text) if text else {}
    return _texts(content.get("path", {})), _texts(content.get("query", {}))


def parameters(spec: ObjectSpec, operation: Operation, path: Mapping[str, str]) -> dict[str, str]:
    """Path parameters by the names the path gives them."""
    named = {one: path.get(filler(spec, operation, one), "") for one in operation.parameters}
    return {name: value for name, value in named.items() if value}


def shared_by_all(groups: Sequence[str]) -> str:
    """The group for a record made of several: lists of all, everything else as in the first."""
    first = loads(groups[0]) if groups[0] else {}
    for group in groups[1:]:
        first = _union(first, loads(group) if group else {})
    return dumps(first) if first else ""


def _union(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _union(one.get(name, other.get(name)), other.get(name)) for name in one | other}
    if isinstance(one, list) and isinstance(other, list):
        return sorted({orjson.dumps(x).decode(): x for x in [*one, *other]}.values(), key=lambda x: orjson.dumps(x))
    return one


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items() if value is not None and value != ""}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
