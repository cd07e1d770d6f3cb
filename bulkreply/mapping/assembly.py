"""Puts nested values together that a file gives part by part, in columns such as `steps.0.subject`."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from bulkreply.codecs import json_text
from bulkreply.mapping.rules import CLEAR

Leaf = tuple[pl.Series, bool]


def assemble(parts: Mapping[str, Leaf]) -> pl.Series:
    """JSON text of a nested field, null where none of its parts is given.

    Args:
        parts: Dotted path, its field first -> canonical column, and whether it is written as a JSON string.
    """
    return _joined([(path.split(".")[1:], series, quoted) for path, (series, quoted) in parts.items()])


def _joined(parts: list[tuple[list[str], pl.Series, bool]]) -> pl.Series:
    if len(parts) == 1 and not parts[0][0]:
        _, series, quoted = parts[0]
        return _leaf(series, quoted)
    inside: dict[str, list[tuple[list[str], pl.Series, bool]]] = {}
    for path, series, quoted in parts:
        inside.setdefault(path[0], []).append((path[1:], series, quoted))
    array = all(name.isdigit() for name in inside)
    names = [str(i) for i in range(max(map(int, inside)) + 1)] if array else list(inside)
    members = pl.DataFrame([_joined(inside[name]).alias(name) for name in names if name in inside])
    if array:  # a place that is left out is still a place
        texts = [pl.col(name).fill_null("null") if name in inside else pl.lit("null") for name in names]
    else:
        texts = [pl.lit(f"{json.dumps(name)}:") + pl.col(name) for name in names]
    joined = pl.concat_str(texts, separator=",", ignore_nulls=True)
    opening, closing = ("[", "]") if array else ("{", "}")
    whole = pl.concat_str(pl.lit(opening), joined, pl.lit(closing))
    some = pl.any_horizontal(pl.all().is_not_null())
    return members.select(pl.when(some).then(whole).alias("value"))["value"]


def _leaf(series: pl.Series, quoted: bool) -> pl.Series:
    text = json_text(series) if quoted else series
    column, mark = text.alias("t").to_frame(), '"' if quoted else ""
    made = pl.when(pl.col("t") == CLEAR).then(pl.lit("null")).otherwise(pl.lit(mark) + pl.col("t") + pl.lit(mark))
    return column.select(made.alias("value"))["value"]
