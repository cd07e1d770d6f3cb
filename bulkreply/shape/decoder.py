"""Pages as bytes straight into columns. Where anything in a page is unusual, nothing is said of it: its records are
read one by one then, by `Shape.frame`, and what comes out is the same.

The fields of a page are read as it comes; pages that follow each other become rows together, which for one page would
mostly be beginning.

Polars decodes JSON by a schema and bends what does not fit, so routes ask for text wherever a number may stand, and
look at the bytes where a text looks like one. An object that names a field twice is beyond this: no writer makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TypeVar

import polars as pl

from bulkreply.shape.columns import Column
from bulkreply.shape.routes import EXACT, TEXT, Page, Route, Unusual, Values, route_of

_Made = TypeVar("_Made")
_LONGEST_PLAIN_ID = 15
"""Digits up to which a whole number is written in one way only, however it was read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is asked of a page, for the columns whose routes are open."""

    schema: dict[str, pl.DataType]
    routes: dict[str, Route]
    made: list[pl.Expr]
    watching: list[str]
    watched: list[pl.Expr]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page whose fields were read.

    Attributes:
        ids: What tells its records apart, as text.
        page: Its fields.
        reading: What was asked of it.
    """

    ids: list[str]
    page: Page
    reading: Reading


class Decoder:
    """Decodes the pages of one export.

    Args:
        columns: Of the main table, with their types.
        key: Field that tells records apart.
        values: A column from its values, the way that takes everything.
    """

    def __init__(self, columns: Sequence[tuple[Column, pl.DataType]], key: str, values: Values) -> None:
        self._key = key
        self._values = values
        self._schema: dict[str, pl.DataType] = {key: TEXT}
        self._columns = [column for column, _ in columns]
        self._routes = {column.name: way for column, kind in columns if (way := self._route(column, kind))}
        self._readings: dict[frozenset[str], Reading] = {}

    def _route(self, column: Column, kind: pl.DataType) -> Route | None:
        """The way of a column; a field is decoded as one type, another way to it has to take the records."""
        route = route_of(column, kind, self._values)
        return route if route and self._schema.setdefault(route.name, route.kind) == route.kind else None

    def decode(self, text: bytes) -> Decoded | None:
        """The fields of a page; None when its records have to be read one by one.

        Args:
            text: The array of its records, JSON.
        """
        if b"\\" in text and (b"\\ud" in text or b"\\uD" in text):
            return None  # half a character: polars does not refuse it
        return _unless_unusual(lambda: self._read(text))

    def _read(self, text: bytes) -> Decoded:
        reading = self._reading_of(text)
        page = Page((text,), pl.read_json(text, schema=reading.schema))
        return Decoded(self._ids(page), page, reading)

    def rows(self, pages: Sequence[Decoded]) -> list[pl.DataFrame | None]:
        """Rows of the main table, for each page; None for one whose records have to be read one by one."""
        found: list[pl.DataFrame | None] = []
        for _, some in groupby(pages, key=lambda one: id(one.reading)):
            found += self._rows(list(some))
        return found

    def _rows(self, pages: Sequence[Decoded]) -> list[pl.DataFrame | None]:
        """Rows of pages read alike: of all together; of each alone where one is unusual, or takes its records."""
        rows = None if len(pages) > 1 and self._takes_records(pages[0].reading) else self._together(pages)
        if rows is None:
            return [None] if len(pages) == 1 else [rows for one in pages for rows in self._rows([one])]
        ends = accumulate(len(one.ids) for one in pages)
        return [rows.slice(end - len(one.ids), len(one.ids)) for one, end in zip(pages, ends, strict=True)]

    def _together(self, pages: Sequence[Decoded]) -> pl.DataFrame | None:
        """Rows of pages read alike; None where something is unusual."""
        return _unless_unusual(lambda: self._made(pages[0].reading, Page.joined([one.page for one in pages])))

    def _made(self, reading: Reading, page: Page) -> pl.DataFrame:
        said = page.fields.select(reading.watched).row(0) if reading.watched else ()
        odd = [name for name, what in zip(reading.watching, said, strict=True) if not reading.routes[name].usual(what)]
        rows = page.fields.select(reading.made)
        looked = [one for name in odd if (one := reading.routes[name].look(page)) is not None]
        rows = rows.with_columns(looked) if looked else rows
        nulls, held = _nulls(rows), _nulls(page.fields)
        if any(way.full and nulls[name] != held[way.name] for name, way in reading.routes.items()):
            raise Unusual
        if self._takes_records(reading):
            rows = pl.DataFrame([self._column(column, reading, rows, page) for column in self._columns])
        return rows

    def _takes_records(self, reading: Reading) -> bool:
        return len(reading.routes) < len(self._columns)

    def _column(self, column: Column, reading: Reading, rows: pl.DataFrame, page: Page) -> pl.Series:
        """A column that was made, or that only the records tell."""
        if column.name in reading.routes:
            return rows.get_column(column.name)
        return self._values(column, column.read(page.records))

    def _reading_of(self, text: bytes) -> Reading:
        closed = frozenset(name for name, way in self._routes.items() if way.closed is not None and way.closed(text))
        return self._readings.get(closed) or self._readings.setdefault(closed, self._reading(closed))

    def _reading(self, closed: frozenset[str]) -> Reading:
        routes = {name: way for name, way in self._routes.items() if name not in closed}
        asked = {self._key, *(way.name for way in routes.values())}
        watching = {name: way.watch.alias(name) for name, way in routes.items() if way.watch is not None}
        return Reading(
            {name: kind for name, kind in self._schema.items() if name in asked},
            routes,
            [way.made.alias(name) for name, way in routes.items()],
            list(watching),
            list(watching.values()),
        )

    def _ids(self, page: Page) -> list[str]:
        ids = page.fields[self._key]
        if ids.null_count():
            raise Unusual
        texts: list[str] = ids.to_list()
        if not _plain(texts):
            numbers = ids.cast(pl.Int64, strict=False)
            odd = (numbers.cast(TEXT) != ids) | (numbers.abs() >= EXACT)
            if numbers.null_count() or odd.any():
                page.refuse_unquoted(self._key, ids)
        return texts


def _plain(ids: Sequence[str]) -> bool:
    """Whether all are numbers that are written in one way only."""
    digits = "".join(ids)
    return digits.isascii() and digits.isdigit() and min(ids) >= "1" and max(map(len, ids)) <= _LONGEST_PLAIN_ID


def _unless_unusual(make: Callable[[], _Made]) -> _Made | None:
    """What is made of a page; None where it is unusual, be it in the eyes of polars."""
    try:
        return make()
    except (Unusual, pl.exceptions.PolarsError):
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def _nulls(frame: pl.DataFrame) -> dict[str, int]:
    """Nulls by column."""
    return dict(zip(frame.columns, frame.null_count().row(0), strict=True))
