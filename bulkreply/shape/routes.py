"""How a column of an export comes out of a page that was decoded as columns: a way for each kind of field.

What a route makes is what `Shape.frame` makes of the records, to the last character; a law in the tests holds them
together. Where it cannot be sure of that, it refuses the page.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from bulkreply.shape.columns import TIMES, Column
from bulkreply.shape.moments import (
    SURE_MOMENT,
    USUAL_MOMENT,
    UTC_MOMENT,
    rewritten,
    usual_moments,
    utc_moments,
    written,
)

TEXT = pl.String()
EXACT = 2**53
"""From here on whole numbers that were written as floats, `4e16`, do not say their last digits."""
_FLAG = pl.Boolean()
_LIKE_A_NUMBER = r"^-?[0-9.]+([eE][+-]?[0-9]+)?$"
Values = Callable[[Column, Sequence[Any]], pl.Series]
"""A column from its values, the way that takes everything."""


class Unusual(Exception):
    """A page whose records have to be read one by one."""


@dataclass(slots=True)
class Page:
    """A page under way, or several that follow each other.

    Attributes:
        texts: The arrays of their records, JSON.
        fields: What the records say, as far as they were asked.
    """

    texts: tuple[bytes, ...]
    fields: pl.DataFrame
    _records: list[Mapping[str, Any]] | None = None

    @classmethod
    def joined(cls, pages: Sequence[Page]) -> Page:
        """Pages as one; what it keeps goes with it.

        Args:
            pages: With the same fields.
        """
        return cls(tuple(text for page in pages for text in page.texts), pl.concat([page.fields for page in pages]))

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """Its records, for what only they tell."""
        if self._records is None:
            self._records = [record for text in self.texts for record in orjson.loads(text)]
        return self._records

    def count(self, word: bytes) -> int:
        """How often a word stands in its JSON."""
        return sum(text.count(word) for text in self.texts)

    def refuse_numbers(self, name: str, texts: pl.Series) -> None:
        """Refuses texts of a field that may have been numbers: polars writes `1` where the number was `1.0`."""
        if texts.str.contains(_LIKE_A_NUMBER).any():
            self.refuse_unquoted(name, texts)

    def refuse_unquoted(self, name: str, texts: pl.Series) -> None:
        """Refuses texts that do not all stand in quotes."""
        key = orjson.dumps(name) + b":"
        there = self.count(key)
        quoted = self.count(key + b'"') + self.count(key + b"null")
        if there != quoted or there < len(texts) - texts.null_count():
            raise Unusual


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one column.

    Attributes:
        name: Of the field that is decoded.
        kind: What it is decoded as.
        made: The column.
        full: Whether it may be null only where the field is; if not, the page is unusual.
        watch: What tells whether `made` says all.
        usual: Whether it does.
        look: The second look where it does not: the column as it is, None for `made`; raises `Unusual`.
        closed: Whether only the records tell, of a page whose JSON this is; None when never.
    """

    name: str
    kind: pl.DataType
    made: pl.Expr
    full: bool = True
    watch: pl.Expr | None = None
    usual: Callable[[Any], bool] = bool
    look: Callable[[Page], pl.Series | None] = lambda page: None
    closed: Callable[[bytes], bool] | None = None


def route_of(column: Column, kind: pl.DataType, values: Values) -> Route | None:
    """The way of a column; None when only records tell.

    Args:
        kind: Type of the column.
    """
    spec = column.spec
    if column.path or "." in spec.name or column.constant is not None:
        return None
    if column.title:
        return None if column.values or column.join else _custom(column, kind)
    if spec.read_at:
        return _inside(column, kind, values) if spec.many and not column.join else None
    if kind.is_nested():
        return Route(spec.name, kind, pl.col(spec.name))
    if column.nested:
        return _empty(column)
    return None if spec.many else _plain(column, kind, values)


def _plain(column: Column, kind: pl.DataType, values: Values) -> Route:
    """Fields of one value. Numbers are decoded as text: as numbers, polars would cut `1.5` to `1`."""
    name, field = column.spec.name, pl.col(column.spec.name)

    def look(page: Page) -> None:
        page.refuse_numbers(name, page.fields[name])

    def translated(page: Page) -> pl.Series:
        look(page)
        return values(column, page.fields[name].to_list())

    if column.values or column.join:
        return Route(name, TEXT, field, watch=pl.lit(False), look=translated)
    if kind == _FLAG:
        return Route(name, kind, field)
    if column.spec.type in TIMES:
        return _moment(column, kind)
    if kind == TEXT:
        return Route(name, TEXT, field, watch=field.min(), usual=_no_number, look=look)
    made = field.cast(kind, strict=False)
    if kind.is_integer():
        return Route(name, TEXT, made, watch=made.abs().max(), usual=_exact, look=_refuse)
    return Route(name, TEXT, made)


def _moment(column: Column, kind: pl.DataType) -> Route:
    """Times; as Reply writes them they take a third of the time that others take, and next to none as text."""
    name, field = column.spec.name, pl.col(column.spec.name)
    usual, whole, any_other = UTC_MOMENT, utc_moments(field), usual_moments(field)
    if kind == TEXT:
        usual, whole, any_other = SURE_MOMENT, rewritten(field), written(any_other)
    elif column.spec.type == "date":
        whole, any_other = whole.dt.date(), any_other.dt.date()

    def look(page: Page) -> pl.Series:
        if not page.fields[name].str.contains(USUAL_MOMENT).all():
            raise Unusual
        return page.fields.select(any_other.alias(column.name)).to_series()

    return Route(name, TEXT, whole, watch=field.str.contains(usual).all(), look=look)


def _no_number(least: str | None) -> bool:
    """Whether no text can look like a number, by the first of them in their order."""
    return least is None or least >= ":"


def _exact(largest: int | None) -> bool:
    return largest is None or 0 <= largest < EXACT


def _refuse(page: Page) -> None:
    raise Unusual


def _custom(column: Column, kind: pl.DataType) -> Route:
    """One custom field of the list they stand in: the first entry of its title."""
    name, read = column.spec.name, column.spec.read or "key"
    inside, entry = pl.List(pl.Struct({read: TEXT, "value": TEXT})), pl.element()
    told = pl.col(name).list.eval(entry.filter(entry.struct.field(read) == column.title).struct.field("value"))
    text = told.list.first()
    parts = pl.col(name).explode()
    said = ("value",) if kind == TEXT else ()

    def look(page: Page) -> None:
        entries = page.fields[name].explode().struct.unnest()
        for part in (read, *said):
            page.refuse_numbers(part, entries[part])
        if (
            kind != TEXT
            and not page.fields.select(text.cast(kind, strict=False).null_count() == text.null_count()).item()
        ):
            raise Unusual

    if kind != TEXT:
        return Route(name, inside, text.cast(kind, strict=False), False, pl.lit(False), look=look)
    watch = pl.min_horizontal(parts.struct.field(part).min() for part in (read, "value"))
    return Route(name, inside, text, False, watch, _no_number, look)


def _inside(column: Column, kind: pl.DataType, values: Values) -> Route | None:
    """Values that stand inside the objects of a list, such as the names of lists."""
    name, _, leaf = column.spec.read_at.partition(".")
    if name != column.spec.name or not leaf or "." in leaf:
        return None

    def look(page: Page) -> pl.Series:
        found = page.fields[name]
        parts = found.drop_nulls().explode(empty_as_null=False).struct.field(leaf)
        if parts.null_count():
            raise Unusual
        page.refuse_numbers(leaf, parts)
        return values(column, [one if one is None else [part[leaf] for part in one] for one in found.to_list()])

    kept = pl.List(pl.Struct({leaf: TEXT}))
    return Route(name, kept, _none_held(name, kind), True, _longest(name), operator.not_, look)


def _empty(column: Column) -> Route:
    """Nested values as JSON, where there are none; of others only the records tell how they are written."""
    name = column.spec.name
    key = orjson.dumps(name) + b":"

    def closed(text: bytes) -> bool:
        there = text.count(key)
        return there > 0 and there != text.count(key + b"[]") + text.count(key + b"null")

    made = _none_held(name, TEXT)
    return Route(name, pl.List(_FLAG), made, True, _longest(name), operator.not_, _refuse, closed)


def _longest(name: str) -> pl.Expr:
    return pl.col(name).list.len().max()


def _none_held(name: str, kind: pl.DataType) -> pl.Expr:
    """Lists, none of which holds anything, as their column."""
    nothing = pl.lit([], dtype=kind) if kind.is_nested() else pl.lit("[]")
    return pl.when(pl.col(name).is_not_null()).then(nothing)
