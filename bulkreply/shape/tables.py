"""Records as frames of one schema, nested values kept, written as JSON, or unwound into tables of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import orjson
import polars as pl

from bulkreply.catalog import ObjectSpec
from bulkreply.shape.columns import TIMES, Column
from bulkreply.shape.decoder import Decoded, Decoder
from bulkreply.shape.moments import moments, written
from bulkreply.targets import Shapes

Unwind = Literal["nested", "json", "separate"]
PARENT, INDEX, ROOT = "_parent_id", "_index", "_record_id"
Record = Mapping[str, Any]
_DEEPEST = 4
"""Levels of tables that are made though no record fills them: shapes may hold themselves."""


class Shape:
    """How records become rows.

    Args:
        unwind: What becomes of nested values: kept as they are (`nested`: Parquet and NDJSON), JSON text, or tables
            of their own.
        texts: Whether rows have times as text, for files that hold nothing else.
    """

    def __init__(
        self, spec: ObjectSpec, columns: Sequence[Column], unwind: Unwind, shapes: Shapes, texts: bool = False
    ) -> None:
        self._spec = spec
        self._columns = list(columns)
        self._unwind = unwind
        self._shapes = shapes
        self._texts = texts
        self._children: list[Column] = []
        if unwind == "separate":
            self._children = [column for column in columns if column.nested]
            self._columns = [column for column in columns if not column.nested]
        typed = [(column, self._dtype(column)) for column in self._columns]
        self._decoder = Decoder(typed, spec.key, self._series)
        self._ids_only = Decoder((), spec.key, self._series)

    @property
    def columns(self) -> list[Column]:
        """Columns of the main table."""
        return list(self._columns)

    @property
    def schema(self) -> pl.Schema:
        """Of every frame of the main table."""
        return pl.Schema({column.name: self._dtype(column) for column in self._columns})

    @property
    def kinds(self) -> pl.Schema:
        """What the columns of the main table hold, be it that rows have it as text."""
        return pl.Schema({column.name: self._kind(column) for column in self._columns})

    def _dtype(self, column: Column) -> pl.DataType:
        kind = self._kind(column)
        return pl.String() if self._texts and isinstance(kind, pl.Datetime) else kind

    def _kind(self, column: Column) -> pl.DataType:
        kept = column.nested and self._unwind == "nested" and column.spec.type != "json"
        return column.nested_dtype(self._shapes) if kept else column.dtype()

    def frame(self, records: Sequence[Record]) -> pl.DataFrame:
        """Rows of the main table."""
        series = [self._series(column, column.read(records)) for column in self._columns]
        return pl.DataFrame(series) if series else pl.DataFrame()

    def decode(self, text: bytes) -> Decoded | None:
        """What `rows` makes the rows of a page from; None when `frame` has to make them from its records.

        Args:
            text: The array of its records, JSON.
        """
        return self._decoder.decode(text)

    def rows(self, pages: Sequence[Decoded]) -> list[pl.DataFrame | None]:
        """Rows of the main table for each page; None when `frame` has to make them from its records.

        Args:
            pages: Faster the more there are: a page of 1,000 alone takes twice as long.
        """
        return self._decoder.rows(pages)

    def decode_ids(self, text: bytes) -> Decoded | None:
        """As `decode`, for whoever wants the ids of a page and no rows."""
        return self._ids_only.decode(text)

    def _series(self, column: Column, values: Sequence[Any]) -> pl.Series:
        kind = self._dtype(column)
        if kind.is_nested():
            return _nested(column.name, [_list_of(column, value) for value in values], kind)
        if column.nested:
            return pl.Series(column.name, [_json(value) for value in values], dtype=pl.String)
        if column.join:
            lists = [v if v is None or isinstance(v, list) else [v] for v in values]
            texts = [None if v is None else column.join.join(map(_text, v)) for v in lists]
            return pl.Series(column.name, texts, dtype=pl.String)
        if column.values:
            return pl.Series(column.name, [_translated(column, value) for value in values], dtype=pl.String)
        if column.spec.type in TIMES:
            found = moments(column.name, values)
            if kind == pl.String():
                return found.to_frame().select(written(pl.first())).to_series()
            return found.dt.date() if column.spec.type == "date" else found
        try:
            return pl.Series(column.name, values, dtype=kind, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):  # not all of the type the catalog says
            convert = _text_or_none if kind == pl.String() else partial(_number, kind=kind)
            return pl.Series(column.name, [convert(value) for value in values], dtype=kind)

    def child_names(self) -> list[str]:
        """Tables that may be unwound by what the catalog knows, whether or not a record has rows for them."""
        found: list[str] = []
        waiting = [(self._spec.name, column.name, column.spec) for column in self._children]
        while waiting:
            above, title, one = waiting.pop()
            found.append(f"{above}__{_snake(title)}")
            inside = self._shapes.get(one.shape, {}).values() if found[-1].count("__") < _DEEPEST else ()
            waiting += [(found[-1], f.name, f) for f in inside if f.type == "nested" and f.many]
        return sorted(found)

    def children(self, records: Sequence[Record], known_by: Callable[[Record], Any]) -> dict[str, list[dict[str, Any]]]:
        """Rows of the tables that were unwound: name -> rows with `_parent_id` and `_index`.

        Rows two levels down and more also have `_record_id`, the id of the record in the main table.

        Args:
            known_by: The id of a record.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            for column in self._children:
                name = f"{self._spec.name}__{_snake(column.name)}"
                _unwind_into(found, name, known_by(record), {}, column.value(record))
        return found


def _unwind_into(
    found: dict[str, list[dict[str, Any]]], name: str, parent: Any, root: Mapping[str, Any], value: Any
) -> None:
    """A list becomes rows; lists inside them become tables of their own; objects become columns."""
    found.setdefault(name, [])
    for index, one in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        row: dict[str, Any] = {PARENT: parent, INDEX: index, **root}
        inside = one if isinstance(one, Mapping) else {"value": one}
        for field, part in inside.items():
            if isinstance(part, list) and any(isinstance(x, Mapping) for x in part):
                identity = inside.get("id") if inside.get("id") is not None else f"{parent}/{index}"
                _unwind_into(found, f"{name}__{_snake(field)}", identity, root or {ROOT: parent}, part)
            else:
                row[field] = _json(part) if isinstance(part, list | Mapping) else part
        found[name].append(row)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _list_of(column: Column, value: Any) -> Any:
    return [value] if column.spec.many and value is not None and not isinstance(value, list) else value


def _nested(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    """Nested values by way of JSON, many times faster than one by one; the slow way takes what is oddly typed too."""
    try:
        return pl.Series(name, [_json(value) for value in values], dtype=pl.String).str.json_decode(kind)
    except pl.exceptions.PolarsError:
        return pl.Series(name, values, dtype=kind, strict=False)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _translated(column: Column, value: Any) -> str | None:
    text = _text_or_none(value)
    spellings = {old.lower(): new for old, new in column.values.items()}
    return None if text is None else spellings.get(text.lower(), text)


def _number(value: Any, kind: pl.DataType) -> Any:
    if value is None or value == "":
        return None
    if kind == pl.Boolean():
        return value if isinstance(value, bool) else str(value).lower() == "true"
    try:
        return int(value) if kind == pl.Int64() else float(value)
    except (TypeError, ValueError):
        return None
