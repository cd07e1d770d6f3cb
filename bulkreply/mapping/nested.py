"""Values inside values: read from JSON, checked against a shape, with the path of whatever is wrong.

Nested values are few and small (the steps of a sequence, the days of a schedule); they are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import Codec, bounds_words, fold
from bulkreply.mapping.names import Names
from bulkreply.mapping.rules import near

Shapes = Mapping[str, Mapping[str, Field]]
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9:]+)?)?"
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_Reader = Callable[[Field, Any, str], Any]
ALWAYS, CREATE = "always", "insert"


class Wrong(ValueError):
    """Something wrong inside a nested value; the text names where."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks values against fields and shapes.

    Attributes:
        shapes: Shape -> its fields.
        names: Referenced object -> what its names mean.
        creating: Whether the value is part of something new, so that nothing it needs may be missing.
        gaps: Whether places of a list may be left out: what Reply holds there stays.
    """

    shapes: Shapes
    names: Mapping[str, Names]
    creating: bool = True
    gaps: bool = False

    def read(self, field: Field, text: str) -> tuple[str | None, str]:
        """Canonical JSON of a cell, or None and what is wrong."""
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None, "not JSON"
        try:
            return orjson.dumps(self.value(field, value, field.name)).decode(), ""
        except Wrong as wrong:
            return None, str(wrong)

    def value(self, field: Field, value: Any, path: str) -> Any:
        """A value of a field, several when the field holds several.

        Raises:
            Wrong: It does not fit; the message begins with its path.
        """
        if not field.many:
            return self._one(field, value, path)
        values = value if isinstance(value, list) else [value]
        read = (None if one is None else self._one(field, one, f"{path}[{i}]") for i, one in enumerate(values))
        return list(read) if self.gaps else [one for one in read if one is not None]

    def _one(self, field: Field, value: Any, path: str) -> Any:
        if field.type == "nested":
            return self._shaped(field.shape, value, path)
        if field.type == "json":
            return value
        if field.object and isinstance(value, str):
            token, code, message = self.names.get(field.object, Names(field.object)).one(value)
            if code:
                raise Wrong(f"{path}: {message}")
            return orjson.loads(token)
        read: _Reader = _READERS.get(field.type, _text)
        return read(field, value, path)

    def _shaped(self, shape: str, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong(f"{path} must be an object")
        fields = self.shapes[shape]
        given = {name: inside for name, inside in value.items() if inside is not None}
        for name in given.keys() - fields.keys():
            hint = near(name, fields) or f"known: {', '.join(n for n, f in fields.items() if f.mappable)}"
            raise Wrong(f"{path}.{name} is not known ({hint})")
        made = {}
        for name, field in fields.items():
            if name in given and field.mappable:
                made[name] = self.value(field, given[name], f"{path}.{name}")
        for name, field in fields.items():
            if name in made and not (field.many and made[name] == []):
                continue
            if ALWAYS in field.required or (self.creating and CREATE in field.required and field.writable):
                raise Wrong(f"{path}.{name} is required")
            for other, words in field.needed_when.items() if self.creating else ():
                word = made.get(other)
                word = str(word).lower() if isinstance(word, bool) else word
                if word in words:
                    raise Wrong(f"{path}.{name} is required for {other} {word}")
        return made


def nested_codec(checker: Checker, field: Field) -> Codec:
    """The codec of a nested field: every distinct cell is parsed and checked."""

    def look(cell: str) -> tuple[str | None, str]:
        return checker.read(field, cell)

    return Codec("nested", False, lambda cell: pl.lit(None, dtype=pl.String), "JSON", look)


def _text(field: Field, value: Any, path: str) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise Wrong(f"{path} must be text")
    text = str(value)
    if field.max_length and len(text) > field.max_length:
        raise Wrong(f"{path} is longer than {field.max_length} characters")
    return text


def _number(field: Field, value: Any, path: str) -> int | float:
    whole = field.type in ("integer", "id")
    expected = f"{path} must be a {'whole ' if whole else ''}number{bounds_words(field)}"
    try:
        number = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        number = None
    if number is None or number != number or (whole and not number.is_integer()):
        raise Wrong(expected)
    low = 1 if field.type == "id" else field.least
    if (low is not None and number < low) or (field.most is not None and number > field.most):
        raise Wrong(expected)
    return int(number) if number.is_integer() else number


def _boolean(field: Field, value: Any, path: str) -> bool:
    found = value if isinstance(value, bool) else _WORDS.get(str(value).lower())
    if found is None:
        raise Wrong(f"{path} must be true or false")
    return found


def _enum(field: Field, value: Any, path: str) -> str:
    spellings = {fold(alias): word for alias, word in field.aliases.items()} | {fold(v): v for v in field.values}
    found = spellings.get(fold(str(value)))
    if found is None:
        raise Wrong(f"{path} must be one of {', '.join(field.values)}")
    return found


def _moment(field: Field, value: Any, path: str) -> str:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise Wrong(f"{path} must be a date like 2026-03-01")
    return value[:10] if field.type == "date" else value


def _uuid(field: Field, value: Any, path: str) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise Wrong(f"{path} must be an id such as 7b0f2c54-1111-4222-8333-9a0000000001")
    return value.lower()


_READERS: dict[str, _Reader] = {
    "integer": _number,
    "number": _number,
    "id": _number,
    "boolean": _boolean,
    "enum": _enum,
    "date": _moment,
    "datetime": _moment,
    "uuid": _uuid,
}


def leaf(path: Sequence[str], field: Field, shapes: Shapes) -> Field | str:
    """The field a dotted path such as `steps.0.subject` ends in, or what is wrong with the path.

    Args:
        path: The parts after the field's own name.
    """
    at = field.name
    while path:
        if field.many:
            if not path[0].isdigit() or int(path[0]) >= 1000:
                return f"{at} holds several: name one by its place, {at}.0"
            at, path = f"{at}.{path[0]}", path[1:]
            if not path and field.type != "nested":
                return replace(field, many=False)
        if field.type == "json":
            return field
        if field.type != "nested":
            return f"{at} has nothing inside"
        inside = shapes[field.shape]
        if path[0] not in inside or not inside[path[0]].mappable:
            return f"{at} has no field {path[0]!r} ({near(path[0], inside) or ', '.join(inside)})"
        field, at, path = inside[path[0]], f"{at}.{path[0]}", path[1:]
    return field if field.type != "nested" else f"{at} is nested: go on with one of its fields"
