"""The six kinds of values a column of a database can have, and which kind holds which."""

from __future__ import annotations

from enum import Enum

import polars as pl

from bulkreply.errors import UsageProblem

MOMENT_TEXT = "%Y-%m-%d %H:%M:%S%.6fZ"
"""A time as text: sorts by itself, and next to what SQLite's own date functions return."""


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "whole numbers"
    NUMBER = "numbers"
    BOOLEAN = "true and false"
    DATE = "dates"
    MOMENT = "times in UTC"


_TYPES: dict[Kind, pl.DataType] = {
    Kind.TEXT: pl.String(),
    Kind.INTEGER: pl.Int64(),
    Kind.NUMBER: pl.Float64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.DATE: pl.Date(),
    Kind.MOMENT: pl.Datetime("us", "UTC"),
}
_LARGER_THAN_INT64 = (pl.UInt64, pl.Int128, pl.UInt128)
_HOLDS = {Kind.NUMBER: Kind.INTEGER, Kind.MOMENT: Kind.DATE}


def kind_of(column: str, dtype: pl.DataType) -> Kind:
    """The kind of a column of a frame.

    Raises:
        UsageProblem: Nested values, raw bytes and the like, which no column of a table holds.
    """
    for kind, own in _TYPES.items():
        if dtype == own:
            return kind
    if dtype.is_integer() and dtype not in _LARGER_THAN_INT64:
        return Kind.INTEGER
    if dtype.is_float():
        return Kind.NUMBER
    if isinstance(dtype, pl.Datetime):
        return Kind.MOMENT
    if dtype.is_integer() or dtype.is_decimal() or dtype in (pl.Categorical, pl.Enum, pl.Null):
        return Kind.TEXT
    raise UsageProblem(f"column {column}: no database column holds {dtype}", hint="nested values go as JSON text")


def wider(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds both. Numbers hold whole numbers up to 2^53 exactly, as JSON does."""
    if one is other or _HOLDS.get(one) is other:
        return one
    return other if _HOLDS.get(other) is one else Kind.TEXT


def as_kind(column: str, dtype: pl.DataType, kind: Kind) -> pl.Expr:
    """A column of a frame as values of a kind that holds its own."""
    found = pl.col(column)
    own = kind_of(column, dtype)
    if isinstance(dtype, pl.Datetime):
        found = found.dt.convert_time_zone("UTC") if dtype.time_zone else found.dt.replace_time_zone("UTC")
        found = found.cast(_TYPES[own])
    if kind is own or kind is not Kind.TEXT:
        return found.cast(_TYPES[kind])
    if own is Kind.MOMENT:
        return found.dt.strftime(MOMENT_TEXT)
    text = found.cast(pl.String)
    return text.str.replace(r"\.0$", "") if own is Kind.NUMBER else text
