"""Values as JSON text, a whole column at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import ESCAPED, json_text
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
    if not any(piece.column for piece in pieces):
        fixed = ",".join(f"{json.dumps(piece.name)}:{piece.constant}" for piece in pieces)
        return pl.repeat(f"{{{fixed}}}", frame.height, eager=True, dtype=pl.String).alias("body")
    objects = _objects(frame, pieces)
    odd = _odd(frame, pieces).arg_true()
    if not len(odd):
        return objects
    quoted = {piece.column: piece.quoted for piece in pieces if piece.column}  # two pieces may share a column
    rows = frame[odd].with_columns(_value(frame[name][odd], quoted[name], clear_form) for name in quoted)
    return objects.scatter(odd, _objects(rows, [replace(piece, quoted=False) for piece in pieces]))


def object_of(members: Sequence[pl.Series]) -> pl.Series:
    """JSON objects of their members, `"name":value` each, null where left out."""
    table = pl.DataFrame([member.alias(str(i)) for i, member in enumerate(members)])
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    return table.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}")).alias("body"))["body"]


def _odd(frame: pl.DataFrame, pieces: Sequence[Piece]) -> pl.Series:
    """Rows with a value that does not stand in JSON as it is: texts to escape, fields to empty."""
    texts = list({piece.column for piece in pieces if piece.column and piece.quoted})
    others = list({piece.column for piece in pieces if piece.column and not piece.quoted})
    tests = [pl.concat_str(texts, ignore_nulls=True).str.contains(ESCAPED)] if texts else []
    return frame.select(pl.any_horizontal(*tests, *(pl.col(one).eq_missing(CLEAR) for one in others))).to_series()


def _value(cells: pl.Series, quoted: bool, clear_form: str) -> pl.Series:
    """A column as JSON values, null where nothing is sent."""
    cell = pl.col("cell")
    text = pl.concat_str(pl.lit('"'), pl.col("text"), pl.lit('"')) if quoted else cell
    made = pl.when(cell == CLEAR).then(pl.lit(clear_form)).otherwise(text)
    both = pl.DataFrame({"cell": cells, "text": json_text(cells) if quoted else cells})
    return both.select(made.alias(cells.name)).to_series()


@dataclass(frozen=True, slots=True)
class _Column:
    """A column among the parts of a text."""

    name: str


_Part = str | _Column | pl.Expr


@dataclass(frozen=True, slots=True)
class _Member:
    """`"name":value` of an object.

    Attributes:
        parts: What it is joined of: literals, columns, and what may be null.
        always: Whether no row lacks it.
    """

    parts: tuple[_Part, ...]
    always: bool = True


def _objects(frame: pl.DataFrame, pieces: Sequence[Piece]) -> pl.Series:
    """One JSON object per row, of values that stand in JSON as they are."""
    whole = _text("{", *_joined(_members(frame, pieces)), "}")
    return frame.select(whole.alias("body")).to_series()


def _text(*parts: _Part) -> pl.Expr:
    """Parts one after the other, without regard to nulls."""
    joined: list[_Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return pl.concat_str([_expression(part) for part in joined], ignore_nulls=True)


def _expression(part: _Part) -> pl.Expr:
    if isinstance(part, _Column):
        return pl.col(part.name)
    return pl.lit(part) if isinstance(part, str) else part


def _members(frame: pl.DataFrame, pieces: Sequence[Piece]) -> list[_Member]:
    """Plain members first, custom fields next, objects inside the object last."""
    plain = [piece for piece in pieces if piece.custom is None]
    members = [_member(frame, piece, json.dumps(piece.name) + ":") for piece in plain if "." not in piece.name]
    custom = [piece for piece in pieces if piece.custom is not None]
    if custom:
        members.append(_custom(frame, custom))
    for root in dict.fromkeys(piece.name.partition(".")[0] for piece in plain if "." in piece.name):
        inside = [replace(p, name=p.name.partition(".")[2]) for p in plain if p.name.startswith(root + ".")]
        members.append(_around(f"{json.dumps(root)}:{{", _members(frame, inside), "}"))
    return members


def _member(frame: pl.DataFrame, piece: Piece, lead: str, tail: str = "") -> _Member:
    if not piece.column:
        return _Member((lead + piece.constant + tail,))
    quote = '"' if piece.quoted else ""
    return _Member((lead + quote, _Column(piece.column), quote + tail), not frame[piece.column].null_count())


def _custom(frame: pl.DataFrame, custom: Sequence[Piece]) -> _Member:
    """`"customFields":[…]`."""
    holder = custom[0].custom
    assert holder is not None
    leads = (f'{{{json.dumps(holder.write)}:{json.dumps(p.title, ensure_ascii=False)},"value":' for p in custom)
    fields = [_member(frame, piece, lead, "}") for piece, lead in zip(custom, leads, strict=True)]
    return _around(f"{json.dumps(holder.name)}:[", fields, "]")


def _around(lead: str, members: Sequence[_Member], tail: str) -> _Member:
    """A member that holds others; left out where it would be empty."""
    parts = (lead, *_joined(members), tail)
    if any(member.always for member in members):
        return _Member(parts)
    some = pl.any_horizontal(_alone(member).is_not_null() for member in members)
    return _Member((pl.when(some).then(_text(*parts)),), always=False)


def _alone(member: _Member, lead: str = "") -> pl.Expr:
    """The text of one member, null where it is left out."""
    return pl.concat_str([pl.lit(lead), *map(_expression, member.parts)])


def _joined(members: Sequence[_Member]) -> list[_Part]:
    """Members with commas between, to be joined without regard to nulls."""
    if len(members) > 1 and not members[0].always:  # where commas go is another matter in every row
        return [pl.concat_str([_alone(member) for member in members], separator=",", ignore_nulls=True)]
    parts: list[_Part] = []
    for i, member in enumerate(members):
        comma = "," if i else ""
        parts += (comma, *member.parts) if member.always else (_alone(member, comma),)
    return parts
