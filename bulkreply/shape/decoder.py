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
from bulkreply.shape.routes import TEXT, Page, Plain, Unusual, Values, Winding, route_of


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
        ways = [(column, self._route(column, kind)) for column, kind in columns]
        self._names = [column.name for column, _ in columns]
        self._plain = {column.name: way for column, way in ways if isinstance(way, Plain)}
        self._others = [(column, way) for column, way in ways if not isinstance(way, Plain)]
        self._made_of = [way.made.alias(name) for name, way in self._plain.items()]
        self._tests = {name: way.usual.alias(name) for name, way in self._plain.items() if way.usual is not None}

    def _route(self, column: Column, kind: pl.DataType) -> Plain | Winding | None:
        """The way of a column; a field is decoded as one type, another way to it has to take the records."""
        route = route_of(column, kind, self._values)
        if route is None or not route.name:
            return route
        return route if self._schema.setdefault(route.name, route.kind) == route.kind else None

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
        others = [(column, None if way is None or way.closed(text) else way) for column, way in self._others]
        asked = {self._key, *(way.name for way in self._plain.values()), *(way.name for _, way in others if way)}
        schema = {name: kind for name, kind in self._schema.items() if name in asked}
        page = Page(text, pl.read_json(text, schema=schema))
        ids = page.fields[self._key]
        if ids.null_count():
            raise Unusual
        if ids.cast(pl.Int64, strict=False).null_count():
            page.refuse_unquoted(self._key, ids)
        made = self._made(page)
        for column, way in others:
            values = None if way else column.read(page.records)
            made[column.name] = way.make(page) if way else self._values(column, values or [])
        return Decoded(pl.DataFrame([made[name] for name in self._names]), ids.to_list())

    def _made(self, page: Page) -> dict[str, pl.Series]:
        """The columns of plain fields, all by one pass over each."""
        said = page.fields.select(self._tests.values()).row(0) if self._tests else ()
        for name, usual in zip(self._tests, said, strict=True):
            if not usual:
                self._plain[name].look(page)
        found = page.fields.select(self._made_of)
        made = {one.name: one for one in found.get_columns()}
        if any(made[name].null_count() != page.fields[way.name].null_count() for name, way in self._plain.items()):
            raise Unusual
        return made
