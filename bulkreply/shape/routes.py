"""How a column of an export comes out of a page that was decoded as columns: a way for each kind of field.

What a route makes is what `Shape.frame` makes of the records, to the last character; a law in the tests holds them
together. Where it cannot be sure of that, it refuses the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from bulkreply.shape.columns import TIMES, Column
from bulkreply.shape.moments import USUAL_MOMENT, usual_moments

TEXT = pl.String()
_FLAG = pl.Boolean()
_LIKE_A_NUMBER = r"^-?[0-9.]+([eE][+-]?[0-9]+)?$"
Values = Callable[[Column, Sequence[Any]], pl.Series]
"""A column from its values, the way that takes everything."""


class Unusual(Exception):
    """A page whose records have to be read one by one."""


@dataclass(slots=True)
class Page:
    """A page under way.

    Attributes:
        text: The array of its records, JSON.
        fields: What the records say, as far as they were asked.
    """

    text: bytes
    fields: pl.DataFrame
    _records: list[Mapping[str, Any]] | None = None

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """Its records, for what only they tell."""
        if self._records is None:
            self._records = orjson.loads(self.text)
        return self._records

    def refuse_numbers(self, name: str, texts: pl.Series) -> None:
        """Refuses texts of a field that may have been numbers: polars writes `1` where the number was `1.0`."""
        if texts.str.contains(_LIKE_A_NUMBER).any():
            self.refuse_unquoted(name, texts)

    def refuse_unquoted(self, name: str, texts: pl.Series) -> None:
        """Refuses texts that do not all stand in quotes."""
        key = orjson.dumps(name) + b":"
        there = self.text.count(key)
        quoted = self.text.count(key + b'"') + self.text.count(key + b"null")
        if there != quoted or there < len(texts) - texts.null_count():
            raise Unusual


@dataclass(frozen=True, slots=True)
class Plain:
    """The way of a field of one value: an expression.

    Attributes:
        name: Of the field that is decoded.
        kind: What it is decoded as.
        made: The column; null only where the field is, else the page is unusual.
        usual: Whether nothing in the field needs a second look.
        look: The second look.
    """

    name: str
    kind: pl.DataType
    made: pl.Expr
    usual: pl.Expr | None = None
    look: Callable[[Page], None] = lambda page: None


@dataclass(frozen=True, slots=True)
class Winding:
    """The way of a field that is no plain value.

    Attributes:
        name: Of the field that is decoded, "" for none.
        make: The column; raises `Unusual`.
        closed: Whether only the records tell, of a page whose JSON this is.
    """

    name: str
    kind: pl.DataType
    make: Callable[[Page], pl.Series]
    closed: Callable[[bytes], bool] = lambda text: False


def route_of(column: Column, kind: pl.DataType, values: Values) -> Plain | Winding | None:
    """The way of a column; None when only records tell.

    Args:
        kind: Type of the column.
    """
    spec = column.spec
    if column.constant is not None:
        return Winding("", TEXT, lambda page: values(column, [column.constant] * page.fields.height))
    if column.title:
        return _custom(column, kind, values)
    if column.path or "." in spec.name:
        return None
    if spec.read_at:
        return _inside(column, kind, values) if spec.many and not column.join else None
    if kind.is_nested():
        return Plain(spec.name, kind, pl.col(spec.name))
    if column.nested:
        return _empty(column, values)
    return None if spec.many else _plain(column, kind, values)


def _plain(column: Column, kind: pl.DataType, values: Values) -> Plain | Winding:
    """Fields of one value. Numbers are decoded as text: as numbers, polars would cut `1.5` to `1`."""
    name, field = column.spec.name, pl.col(column.spec.name)

    def look(page: Page) -> None:
        page.refuse_numbers(name, page.fields[name])

    def translated(page: Page) -> pl.Series:
        look(page)
        return values(column, page.fields[name].to_list())

    if column.values or column.join:
        return Winding(name, TEXT, translated)
    if kind == _FLAG:
        return Plain(name, kind, field)
    if kind == TEXT:
        return Plain(name, TEXT, field, ~((field >= "-") & (field < ":")).any(), look)
    if column.spec.type in TIMES:
        made = usual_moments(field)
        made = made.dt.date() if column.spec.type == "date" else made
        return Plain(name, TEXT, made, field.str.contains(USUAL_MOMENT).all(), _refuse)
    return Plain(name, TEXT, field.cast(kind, strict=False))


def _refuse(page: Page) -> None:
    raise Unusual


def _custom(column: Column, kind: pl.DataType, values: Values) -> Winding:
    """One custom field of the list they stand in: the first entry of its title."""
    name, read = column.spec.name, column.spec.read or "key"

    def make(page: Page) -> pl.Series:
        entries = pl.DataFrame([pl.int_range(page.fields.height, eager=True).alias("row"), page.fields[name]])
        parts = entries.explode(name).unnest(name)
        page.refuse_numbers(read, parts[read])
        found = parts.filter(pl.col(read) == column.title)
        if found["row"].n_unique() < found.height:
            found = found.unique("row", keep="first", maintain_order=True)
        one = found["value"]
        if kind == TEXT:
            page.refuse_numbers("value", one)
        elif (one := one.cast(kind, strict=False)).null_count() != found["value"].null_count():
            raise Unusual
        made = pl.Series(column.name, [None], dtype=kind).new_from_index(0, page.fields.height)
        made = made.scatter(found["row"], one)
        return values(column, made.to_list()) if column.values or column.join else made

    return Winding(name, pl.List(pl.Struct({read: TEXT, "value": TEXT})), make)


def _inside(column: Column, kind: pl.DataType, values: Values) -> Winding | None:
    """Values that stand inside the objects of a list, such as the names of lists."""
    name, _, leaf = column.spec.read_at.partition(".")
    if name != column.spec.name or not leaf or "." in leaf:
        return None

    def make(page: Page) -> pl.Series:
        found = page.fields[name]
        if not found.list.len().max():
            return _none_held(column, kind, found)
        parts = found.drop_nulls().explode(empty_as_null=False).struct.field(leaf)
        if parts.null_count():
            raise Unusual
        page.refuse_numbers(leaf, parts)
        return values(column, [one if one is None else [part[leaf] for part in one] for one in found.to_list()])

    return Winding(name, pl.List(pl.Struct({leaf: TEXT})), make)


def _none_held(column: Column, kind: pl.DataType, lists: pl.Series) -> pl.Series:
    """Lists, none of which holds anything, as their column."""
    empty = pl.Series(column.name, [[] if kind.is_nested() else "[]", None], dtype=kind)
    return empty.gather(lists.is_null().cast(pl.UInt32))


def _empty(column: Column, values: Values) -> Winding:
    """Nested values as JSON, where there are none; of others only the records tell how they are written."""
    name = column.spec.name
    key = orjson.dumps(name) + b":"

    def closed(text: bytes) -> bool:
        there = text.count(key)
        return there > 0 and there != text.count(key + b"[]") + text.count(key + b"null")

    def make(page: Page) -> pl.Series:
        if page.fields[name].list.len().max():
            raise Unusual
        return _none_held(column, TEXT, page.fields[name])

    return Winding(name, pl.List(_FLAG), make, closed)
