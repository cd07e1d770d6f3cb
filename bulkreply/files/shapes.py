"""Shapes of nested JSON values: learned line by line, and turned into column types where all lines agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class ListOf:
    """Lists whose elements have one shape."""

    element: Shape


@dataclass(frozen=True, slots=True)
class Record:
    """Objects with the union of the fields seen."""

    fields: tuple[tuple[str, Shape], ...]


Shape = Literal["scalar", "text", "whole", "number", "flag", "mixed"] | ListOf | Record | None
"""None: only nulls so far. "scalar": a column of plain values. "mixed": lines disagree, so the column is JSON text."""


def shape_of(value: Any, *, top: bool = False) -> Shape:
    """The shape of one value; at the top of a line plain values are not told apart."""
    if value is None:
        return None
    if isinstance(value, list):
        element: Shape = None
        for part in value:
            element = merged(element, shape_of(part))
        return "mixed" if element == "mixed" else ListOf(element)
    if isinstance(value, dict):
        fields = tuple((name, shape_of(part)) for name, part in value.items())
        return "mixed" if not fields or any(shape == "mixed" for _, shape in fields) else Record(fields)
    if top:
        return "scalar"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if -_INT64 <= value < _INT64 else "mixed"
    return "number" if isinstance(value, float) else "text"


def deeper_than(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested in each other for more than so many levels."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is not None and (levels == 0 or any(deeper_than(part, levels - 1) for part in parts))


def merged(one: Shape, other: Shape) -> Shape:
    """The shape both fit, or "mixed"."""
    if one is None or one == other:
        return other
    if other is None:
        return one
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        element = merged(one.element, other.element)
        return "mixed" if element == "mixed" else ListOf(element)
    if isinstance(one, Record) and isinstance(other, Record):
        fields = dict(one.fields)
        for name, shape in other.fields:
            fields[name] = merged(fields.get(name), shape)
        return "mixed" if "mixed" in fields.values() else Record(tuple(fields.items()))
    return "number" if {one, other} == {"whole", "number"} else "mixed"


def has_numbers(shape: Shape) -> bool:
    """Whether whole and broken numbers may stand together somewhere inside."""
    if isinstance(shape, ListOf):
        return has_numbers(shape.element)
    if isinstance(shape, Record):
        return any(has_numbers(field) for _, field in shape.fields)
    return shape == "number"


def broken_numbers(value: Any, shape: Shape) -> Any:
    """The value with whole numbers as broken ones where its shape has those: polars wants lists of one kind."""
    if isinstance(shape, ListOf) and isinstance(value, list):
        return [broken_numbers(part, shape.element) for part in value]
    if isinstance(shape, Record) and isinstance(value, dict):
        return {name: broken_numbers(value.get(name), field) for name, field in shape.fields if name in value}
    return float(value) if shape == "number" and isinstance(value, int) else value


def to_polars(shape: Shape) -> pl.DataType:
    """The column type for a shape."""
    if isinstance(shape, ListOf):
        return pl.List(to_polars(shape.element))
    if isinstance(shape, Record):
        return pl.Struct({name: to_polars(field) for name, field in shape.fields})
    if shape == "whole":
        return pl.Int64()
    if shape == "number":
        return pl.Float64()
    return pl.Boolean() if shape == "flag" else pl.String()
