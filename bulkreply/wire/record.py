"""Values as JSON text, a whole column at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import json_text
from bulkreply.mapping import CLEAR


@dataclass(frozen=True, slots=True)
class Piece:
    """One value of a request.

    Attributes:
        name: Its key, `firstName`; dotted when it stands inside another, `content.body`.
        column: Canonical column it comes from, "" for a constant.
        quoted: Whether the canonical text is written as a JSON string.
        constant: JSON text, when there is no column.
        custom: The field that holds custom fields, when this is one of them.
        title: Of a custom field.
    """

    name: str
    column: str = ""
    quoted: bool = False
    constant: str = ""
    custom: Field | None = None
    title: str = ""


def render(frame: pl.DataFrame, pieces: Sequence[Piece], clear_form: str) -> pl.Series:
    """One JSON object per row.

    Args:
        frame: One canonical text column per piece that has one; null values are left out of the object.
        clear_form: What empties a field: `null` in V3, `""` in V1.

    Returns:
        Text, same height.
    """
    if not pieces:
        return pl.repeat("{}", frame.height, eager=True, dtype=pl.String).alias("body")
    members: list[pl.Series] = []
    for piece in pieces:
        if piece.custom is None and "." not in piece.name:
            members.append(_member(frame, piece, clear_form))
    custom = [piece for piece in pieces if piece.custom is not None]
    if custom:
        members.append(_custom_members(frame, custom, clear_form))
    for root in dict.fromkeys(p.name.partition(".")[0] for p in pieces if p.custom is None and "." in p.name):
        inside = [
            Piece(p.name.partition(".")[2], p.column, p.quoted, p.constant)
            for p in pieces
            if p.custom is None and p.name.startswith(root + ".")
        ]
        members.append(_inner(frame, root, inside, clear_form))
    return object_of(members)


def object_of(members: Sequence[pl.Series]) -> pl.Series:
    """JSON objects of their members, `"name":value` each, null where left out."""
    table = pl.DataFrame([member.alias(str(i)) for i, member in enumerate(members)])
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    return table.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}")).alias("body"))["body"]


def _inner(frame: pl.DataFrame, root: str, inside: Sequence[Piece], clear_form: str) -> pl.Series:
    """An object inside the object; left out where all of it would be empty."""
    text = render(frame, inside, clear_form)
    made = pl.when(pl.col("body") != "{}").then(pl.lit(f"{json.dumps(root)}:") + pl.col("body"))
    return text.to_frame().select(made.alias("body"))["body"]


def _member(frame: pl.DataFrame, piece: Piece, clear_form: str) -> pl.Series:
    """`"name":value` per row, null where the value is not sent."""
    lead = f"{json.dumps(piece.name)}:"
    if not piece.column:
        return pl.repeat(lead + piece.constant, frame.height, eager=True, dtype=pl.String)
    return _wrapped(frame[piece.column], lead, "", piece.quoted, clear_form)


def _custom_members(frame: pl.DataFrame, custom: Sequence[Piece], clear_form: str) -> pl.Series:
    """`"customFields":[…]` per row, null where none is sent."""
    fragments = []
    holder = custom[0].custom
    assert holder is not None
    for i, piece in enumerate(custom):
        lead = f'{{{json.dumps(holder.write)}:{json.dumps(piece.title, ensure_ascii=False)},"value":'
        fragments.append(_wrapped(frame[piece.column], lead, "}", True, clear_form).alias(str(i)))
    table = pl.DataFrame(fragments)
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    some = pl.any_horizontal(pl.all().is_not_null())
    array = pl.concat_str(pl.lit(f"{json.dumps(holder.name)}:["), joined, pl.lit("]"))
    return table.select(pl.when(some).then(array).alias("custom"))["custom"]


def _wrapped(values: pl.Series, lead: str, tail: str, quoted: bool, clear_form: str) -> pl.Series:
    clears = values == CLEAR
    quote = '"' if quoted else ""
    text = json_text(values) if quoted else values
    wrapped = pl.lit(lead + quote) + text.alias("text") + pl.lit(quote + tail)
    made = text.alias("text").to_frame().select(wrapped.alias("text"))["text"]
    if clears.any():
        made = made.zip_with(~clears.fill_null(False), pl.repeat(lead + clear_form + tail, len(made), eager=True))
    return made
