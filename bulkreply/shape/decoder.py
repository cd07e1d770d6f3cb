"""Pages as bytes straight into columns. Where anything in a page is unusual, nothing is said of it: its records are
read one by one then, by `Shape.frame`, and what comes out is the same.

Polars decodes JSON by a schema and bends what does not fit, so routes ask for text wherever a number may stand, and
look at the bytes where a text looks like one. An object that names a field twice is beyond this: no writer makes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bulkreply.shape.columns import Column
from bulkreply.shape.routes import EXACT, TEXT, Page, Route, Unusual, Values, route_of

_PLAIN_ID = r"^[1-9]\d{0,14}$"
"""A number that is written in one way only."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page.

    Attributes:
        frame: Rows of the main table.
        ids: What tells its records apart, as text.
    """

    frame: pl.DataFrame
    ids: list[str]


@dataclass(frozen=True, slots=True)
class _Lane:
    """What is asked of a page, for the columns whose routes are open."""

    schema: dict[str, pl.DataType]
    routes: dict[str, Route]
    made: list[pl.Expr]
    watching: list[str]
    watched: list[pl.Expr]


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
        self._lanes: dict[frozenset[str], _Lane] = {}

    def _route(self, column: Column, kind: pl.DataType) -> Route | None:
        """The way of a column; a field is decoded as one type, another way to it has to take the records."""
        route = route_of(column, kind, self._values)
        return route if route and self._schema.setdefault(route.name, route.kind) == route.kind else None

    def decode(self, text: bytes) -> Decoded | None:
        """A page; None when its records have to be read one by one.

        Args:
            text: The array of its records, JSON.
        """
        if b"\\" in text and (b"\\ud" in text or b"\\uD" in text):
            return None  # half a character: polars does not refuse it
        try:
            return self._decoded(text)
        except (Unusual, pl.exceptions.PolarsError):
            return None
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            return None

    def _decoded(self, text: bytes) -> Decoded:
        closed = frozenset(name for name, way in self._routes.items() if way.closed is not None and way.closed(text))
        lane = self._lanes.get(closed) or self._lanes.setdefault(closed, self._lane(closed))
        page = Page(text, pl.read_json(text, schema=lane.schema))
        self._check_ids(page)
        said = page.fields.select(lane.watched).row(0) if lane.watched else ()
        odd = [name for name, what in zip(lane.watching, said, strict=True) if not lane.routes[name].usual(what)]
        rows = page.fields.select(lane.made)
        looked = [one for name in odd if (one := lane.routes[name].look(page)) is not None]
        rows = rows.with_columns(looked) if looked else rows
        nulls, held = _nulls(rows), _nulls(page.fields)
        if any(way.full and nulls[name] != held[way.name] for name, way in lane.routes.items()):
            raise Unusual
        if len(lane.routes) < len(self._columns):
            rows = pl.DataFrame([self._column(column, lane, rows, page) for column in self._columns])
        return Decoded(rows, page.fields[self._key].to_list())

    def _column(self, column: Column, lane: _Lane, rows: pl.DataFrame, page: Page) -> pl.Series:
        """A column that was made, or that only the records tell."""
        if column.name in lane.routes:
            return rows.get_column(column.name)
        return self._values(column, column.read(page.records))

    def _lane(self, closed: frozenset[str]) -> _Lane:
        routes = {name: way for name, way in self._routes.items() if name not in closed}
        asked = {self._key, *(way.name for way in routes.values())}
        watching = {name: way.watch.alias(name) for name, way in routes.items() if way.watch is not None}
        return _Lane(
            {name: kind for name, kind in self._schema.items() if name in asked},
            routes,
            [way.made.alias(name) for name, way in routes.items()],
            list(watching),
            list(watching.values()),
        )

    def _check_ids(self, page: Page) -> None:
        ids = page.fields[self._key]
        if ids.str.contains(_PLAIN_ID).all(ignore_nulls=False):
            return
        if ids.null_count():
            raise Unusual
        numbers = ids.cast(pl.Int64, strict=False)
        odd = (numbers.cast(TEXT) != ids) | (numbers.abs() >= EXACT)
        if numbers.null_count() or odd.any():
            page.refuse_unquoted(self._key, ids)


def _nulls(frame: pl.DataFrame) -> dict[str, int]:
    """Nulls by column."""
    return dict(zip(frame.columns, frame.null_count().row(0), strict=True))
