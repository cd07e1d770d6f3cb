"""Pages as bytes straight into columns. Where anything in a page is unusual, nothing is said of it: its records are
read one by one then, by `Shape.frame`, and what comes out is the same.

Polars decodes JSON by a schema and bends what does not fit, so routes ask for text wherever a number may stand, and
look at the bytes where a text looks like one. An object that names a field twice is beyond this: no writer makes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from bulkreply.shape.columns import Column
from bulkreply.shape.routes import TEXT, Page, Route, Unusual, Values, route_of


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page.

    Attributes:
        frame: Rows of the main table.
        ids: What tells its records apart, as text.
    """

    frame: pl.DataFrame
    ids: list[str]


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
        self._ways = [(column, self._route(column, kind)) for column, kind in columns]

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
        ways = [(column, None if way is None or way.closed(text) else way) for column, way in self._ways]
        routes = {column.name: way for column, way in ways if way}
        asked = {self._key, *(way.name for way in routes.values())}
        page = Page(text, pl.read_json(text, schema={n: kind for n, kind in self._schema.items() if n in asked}))
        made = self._looked(page, routes)
        plain = {name: way for name, way in routes.items() if name not in made}
        for name, one in page.fields.select(way.made.alias(name) for name, way in plain.items()).to_dict().items():
            if plain[name].full and one.null_count() != page.fields[plain[name].name].null_count():
                raise Unusual
            made[name] = one
        for column, way in ways:
            if way is None:
                made[column.name] = self._values(column, column.read(page.records))
        return Decoded(pl.DataFrame([made[column.name] for column, _ in ways]), page.fields[self._key].to_list())

    def _looked(self, page: Page, routes: Mapping[str, Route]) -> dict[str, pl.Series]:
        """Columns that took a second look; those it only confirms are made as all others."""
        ids = page.fields[self._key]
        if ids.null_count():
            raise Unusual
        if ids.cast(pl.Int64, strict=False).null_count():
            page.refuse_unquoted(self._key, ids)
        watched = {name: way.watch.alias(name) for name, way in routes.items() if way.watch is not None}
        said = page.fields.select(watched.values()).row(0) if watched else ()
        odd = [name for name, what in zip(watched, said, strict=True) if not routes[name].usual(what)]
        found = {name: routes[name].look(page) for name in odd}
        return {name: one for name, one in found.items() if one is not None}
