"""Slots: places in a staged record or group that take an id known only when the run is under way.

A slot stands between two SUB characters, which valid JSON never holds elsewhere: `contact_lists:Fair` is the id of a
record created because the job allows it, `#4.2101` the id of what the run makes of the record with that label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

_MARK = "\x1a"
_SLOT = re.compile(_MARK + "([^" + _MARK + "]*)" + _MARK)


class Unfilled(LookupError):
    """A slot whose record has no id: it was refused, or left out."""


def named(object_name: str, name: str) -> str:
    """The slot of a record to be created under a name."""
    return f"{_MARK}{object_name}:{name}{_MARK}"


def labelled(label: str) -> str:
    """The slot of another record of the run."""
    return f"{_MARK}#{label}{_MARK}"


def has_slots(text: str) -> bool:
    """Whether a text holds any."""
    return _MARK in text


def names_in(text: str) -> list[tuple[str, str]]:
    """`(object, name)` of records to be created."""
    found = (slot.partition(":") for slot in _SLOT.findall(text) if not slot.startswith("#"))
    return [(object_name, name) for object_name, _, name in found]


def labels_in(text: str) -> list[str]:
    """Labels of the records a text waits for."""
    return [slot[1:] for slot in _SLOT.findall(text) if slot.startswith("#")]


def fill(text: str, id_of: Callable[[str], str | None]) -> str:
    """The text with its slots filled.

    Args:
        id_of: Inside of a slot, `contact_lists:Fair` or `#4.2101` -> JSON text of the id, None to leave the slot.
    """

    def value(match: re.Match[str]) -> str:
        found = id_of(match[1])
        return match[0] if found is None else found

    return _SLOT.sub(value, text) if _MARK in text else text


def loads(text: str) -> Any:
    """JSON with slots as plain values; a slot is a text that begins with SUB."""
    return orjson.loads(fill(text, lambda slot: orjson.dumps(_MARK + slot).decode()))


def dumps(value: Any) -> str:
    """The inverse of `loads`."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{orjson.dumps(name).decode()}:{dumps(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, str) and value.startswith(_MARK):
        return value + _MARK
    return orjson.dumps(value).decode()
