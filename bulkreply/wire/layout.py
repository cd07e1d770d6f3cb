"""Lays rows out as what travels: for every case that fits a row, the call it belongs to and its part of it.

What all records of a call share stands in its *group*, JSON text: `{"operation": …, "path": …, "shared": …}`, or "" for
the main operation with nothing to tell apart. What concerns one record that travels alone stands in its *address*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import polars as pl

from bulkreply.catalog import Case, Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import CALL, Place, filler, inputs_of, place_of
from bulkreply.mapping import Mapped, Problem
from bulkreply.mapping import Mapping as RowMapping
from bulkreply.outcomes import Outcome
from bulkreply.slots import labelled
from bulkreply.targets import Target, tree_operation
from bulkreply.wire.conditions import fitting
from bulkreply.wire.keys import key_column
from bulkreply.wire.record import Piece, object_of, render
from bulkreply.wire.trees import Tree, divide

RECORD_SCHEMA: dict[str, type[pl.DataType]] = {
    "file": pl.UInt16,
    "row": pl.UInt32,
    "key": pl.String,
    "group": pl.String,
    "body": pl.String,
    "address": pl.String,
    "label": pl.String,
}
AFTER = "\x00after"
"""Column with the slot of the record that a later call of the same row speaks of."""

_ELEMENT = r'"(?:[^"\\]|\\.)*"|\x1a[^\x1a]*\x1a|[^,\[\]]+'
"""An element of a JSON array of plain values: a text, a slot, or a number."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a row go in the calls of one case.

    Attributes:
        main: Whether it is what the mode itself does.
        pieces: Place -> values that go there.
        trees: Nested fields whose parts are records of their own when they form a tree.
        spread: Column that holds several elements, each a record of its own; "" when there is none.
    """

    case: Case
    operation: Operation
    spec: ObjectSpec
    main: bool
    pieces: Mapping[Place, tuple[Piece, ...]] = field(default_factory=dict)
    trees: Mapping[str, Operation] = field(default_factory=dict)
    spread: str = ""


class Layouts:
    """The layouts of a mapping's target.

    Args:
        clear_form: JSON text that empties a field in this version of the API.
    """

    def __init__(self, mapping: RowMapping, clear_form: str) -> None:
        self._mapping = mapping
        self._target: Target = mapping.target
        self._clear_form = clear_form
        self._quoted = mapping.quoted
        self._each = [self._layout(case, i) for i, case in enumerate(self._target.cases) if self._can_fit(case)]

    @property
    def spreads(self) -> bool:
        """Whether a row may become several records, or records may wait for others."""
        tree = self._target.spec is not None and self._target.spec.parent and self._target.word == "insert"
        return bool(tree) or len(self._each) > 1 or any(layout.spread or layout.trees for layout in self._each)

    def problems(self) -> list[Problem]:
        """What makes the mapping useless, or would lose something: values no rule gives, and values no call takes."""
        label, calls = self._target.label, ", ".join(operation.label for operation in self._target.operations)
        found = [Problem(("map",), f"{name} must be mapped to {label}") for name in self.unmet()]
        hint = f"leave it out, or call another operation; this one is {calls}"
        found += [Problem(("map", name), f"{label} does not take {name}", hint) for name in self._untaken()]
        return found

    def unmet(self) -> list[str]:
        """Values without which no call can be made, and that no rule gives."""
        if not self._each:
            lacking = (next(n for n, v in case.when.items() if not self._asks(n, v)) for case in self._target.cases)
            return [" or ".join(dict.fromkeys(lacking))]
        found = []
        for layout in self._each:
            looked_up = self._target.mode is not None and layout.spec.key
            given = {piece.name.partition(".")[0] for pieces in layout.pieces.values() for piece in pieces}
            for name, one in inputs_of(layout.spec, layout.operation).items():
                if CALL in one.required and name not in given and name != looked_up:
                    found.append(layout.case.give.get(name, name))
        return list(dict.fromkeys(found))

    def _untaken(self) -> list[str]:
        """Mapped fields that no call takes: what the file says there would be lost without a word."""
        target = self._target
        if target.spec is None or target.success is Outcome.DELETED:
            return []
        used = {piece.column for layout in self._each for found in layout.pieces.values() for piece in found}
        used |= {name for layout in self._each for name in layout.case.when}
        used |= {target.spec.key, *target.spec.natural_key, target.spec.parent}
        return [name for name in self._quoted if name not in used]

    def apply(self, mapped: Mapped) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Records of every case, RECORD_SCHEMA, and the rows that no case fits, with their `file` and `row`."""
        rows, found = mapped.records, []
        left = pl.repeat(True, rows.height, eager=True, dtype=pl.Boolean)
        for layout in self._each:
            fits = fitting(layout.case, rows)
            left = left & ~fits
            chosen = rows if fits.all() else rows.filter(fits)
            if chosen.height:
                found += self._records(layout, chosen)
        unfit = rows.filter(left).select("file", "row")
        empty = pl.DataFrame(schema=RECORD_SCHEMA)
        return (found[0] if len(found) == 1 else pl.concat([empty, *found])), unfit

    def lost(self, mapped: Mapped) -> list[str]:
        """Labels of rows with a problem, by which others of the file may know them."""
        if not mapped.refused.height:
            return []
        labels = (self._labels(layout, mapped.refused) for layout in self._each)
        return [label for found in labels if found is not None for label in found.drop_nulls()]

    # -- which rows

    def _can_fit(self, case: Case) -> bool:
        """Whether any row can lead to a call: what it asks for is mapped at all."""
        return all(self._asks(name, wanted) for name, wanted in case.when.items())

    def _asks(self, name: str, wanted: Any) -> bool:
        return name in self._quoted or wanted is False

    # -- where things go

    def _layout(self, case: Case, number: int) -> Layout:
        operation = self._target.catalog.operation(case.operation)
        spec = self._target.spec_of(operation)
        main = self._target.mode is not None and number == 0
        places: dict[Place, list[Piece]] = {place: [] for place in Place}
        spread = ""
        inputs = inputs_of(spec, operation)
        if main and self._target.known is not None:  # what only the other operation takes is sent by that one
            inputs |= {n: f for n, f in inputs_of(spec, self._target.known).items() if n not in inputs and f.writable}
        for name in dict.fromkeys([*inputs, *(given for given in case.give if "." in given)]):
            for piece in self._pieces(name, case):
                place = place_of(spec, operation, name)
                taken = inputs.get(name.partition(".")[0])
                places[place].append(replace(piece, name=taken.place) if taken is not None and taken.place else piece)
                several = self._target.fields.get(piece.column)
                if several is not None and several.many and taken is not None and not taken.many:
                    spread = piece.column
        trees = self._trees(spec, inputs) if main and self._target.word == "insert" else {}
        return Layout(case, operation, spec, main, {p: tuple(found) for p, found in places.items()}, trees, spread)

    def _pieces(self, name: str, case: Case) -> Iterator[Piece]:
        if name in case.fixed:
            yield Piece(name, constant=orjson.dumps(case.fixed[name]).decode())
            return
        column = case.give.get(name, name)
        custom = self._target.custom
        if custom is not None and name == custom.name:
            for one in self._quoted:
                if one.startswith(name + "."):
                    yield Piece(name, one, True, custom=custom, title=one.partition(".")[2])
        elif column in self._quoted:
            yield Piece(name, column, self._quoted[column])

    def _trees(self, spec: ObjectSpec, inputs: Mapping[str, Field]) -> dict[str, Operation]:
        nested = [f for f in inputs.values() if f.type == "nested" and f.many and f.name in self._quoted]
        found = {f.name: tree_operation(self._target.catalog, spec.api, f.shape) for f in nested}
        return {name: operation for name, operation in found.items() if operation is not None}

    # -- records

    def _records(self, layout: Layout, rows: pl.DataFrame) -> list[pl.DataFrame]:
        if layout.spread:
            cells = pl.col(layout.spread).str.extract_all(_ELEMENT).alias(layout.spread)
            rows = rows.with_columns(cells).explode(layout.spread)
        if self._target.mode is not None and not layout.main:
            row = pl.col("file").cast(pl.String) + "/" + pl.col("row").cast(pl.String)
            before, after = labelled("|").split("|")
            rows = rows.with_columns((pl.lit(before) + row + pl.lit(after)).alias(AFTER))
        extra: list[pl.DataFrame] = []
        label = self._labels(layout, rows)
        for name, operation in layout.trees.items():
            tree = Tree(self._target.catalog, operation, name, self._target.shapes)
            flat, records = divide(tree, rows)
            rows = rows.with_columns(flat.alias(name))
            if records.height:
                extra.append(records)
                label = (rows["file"].cast(pl.String) + "/" + rows["row"].cast(pl.String)).alias("label")
        rows = self._new_parts(layout, rows)
        single = layout.operation.batch is None
        address = self._address(layout, rows) if single else None
        columns = [
            rows["file"],
            rows["row"],
            self._key(layout, rows).alias("key"),
            self._group(layout, rows, single).alias("group"),
            self._body(layout, rows).alias("body"),
            (_nothing(rows.height) if address is None else address).alias("address"),
            (_nothing(rows.height) if label is None else label).alias("label"),
        ]
        return [pl.DataFrame(columns), *extra]

    def _new_parts(self, layout: Layout, rows: pl.DataFrame) -> pl.DataFrame:
        """Parts of new records have no ids yet; a parent in the same file has none either."""
        if self._target.word == "update" or not layout.main:
            return rows
        nested = [p.column for p in layout.pieces[Place.RECORD] if self._is_nested(p.column)]
        for name in nested:
            tree = Tree(self._target.catalog, layout.operation, name, self._target.shapes)
            rows = rows.with_columns(tree.without_ids(rows[name], self._target.fields[name]).alias(name))
        parent = layout.spec.parent
        if parent and parent in rows.columns and layout.spec.key in rows.columns:
            slot = _labels(layout.spec, rows, rows[parent])
            before, after = labelled("|").split("|")
            text = pl.lit(before) + pl.col("slot") + pl.lit(after)
            rows = rows.with_columns(slot.alias("slot").to_frame().select(text.alias(parent)))
        return rows

    def _is_nested(self, column: str) -> bool:
        found = self._target.fields.get(column)
        return found is not None and found.type == "nested"

    def _labels(self, layout: Layout, rows: pl.DataFrame) -> pl.Series | None:
        """What other records of the run know a record by: children in a tree, and calls that come after it."""
        if not layout.main:
            return None
        if layout.spec.parent and self._target.word == "insert" and layout.spec.key in rows.columns:
            return _labels(layout.spec, rows, rows[layout.spec.key])
        if len(self._each) > 1:
            return rows["file"].cast(pl.String) + "/" + rows["row"].cast(pl.String)
        return None

    def _key(self, layout: Layout, rows: pl.DataFrame) -> pl.Series:
        """The natural key; or, when the file addresses records by id, that; or what a call is about."""
        spec, target = layout.spec, self._target
        if target.mode is not None and not layout.main:
            return pl.repeat("", rows.height, eager=True, dtype=pl.String)
        pieces = [piece for found in layout.pieces.values() for piece in found if piece.column]
        about = [p.column for place in (Place.ELEMENT, Place.PATH) for p in layout.pieces[place] if p.column]
        return key_column(target, spec, rows, {p.name: p.column for p in pieces}, about, self._quoted)

    def _group(self, layout: Layout, rows: pl.DataFrame, single: bool) -> pl.Series:
        named = f'"operation":{orjson.dumps(layout.operation.label).decode()}'
        members = []
        if not layout.main:
            members.append(pl.repeat(named, rows.height, eager=True, dtype=pl.String))
        if not single:
            members += self._places(layout, rows)
        if layout.case.current:
            text = '"current":' + orjson.dumps({n: list(v) for n, v in layout.case.current.items()}).decode()
            members.append(pl.repeat(text, rows.height, eager=True, dtype=pl.String))
        if not members:
            return pl.repeat("", rows.height, eager=True, dtype=pl.String)
        whole = object_of(members)
        return whole.replace("{}", "") if layout.main else whole

    def _address(self, layout: Layout, rows: pl.DataFrame) -> pl.Series | None:
        members = self._places(layout, rows)
        return object_of(members) if members else None

    def _places(self, layout: Layout, rows: pl.DataFrame) -> list[pl.Series]:
        """`"path":{…}`, `"query":{…}` and `"shared":{…}` per row, null where there is nothing."""
        members = []
        for place, name in ((Place.PATH, "path"), (Place.QUERY, "query"), (Place.SHARED, "shared")):
            pieces = self._after(layout) if place is Place.PATH else ()
            pieces = (*layout.pieces[place], *pieces)
            if pieces:
                text = render(rows, pieces, self._clear_form)
                made = pl.when(pl.col("body") != "{}").then(pl.lit(f'"{name}":') + pl.col("body"))
                members.append(text.to_frame().select(made.alias("body"))["body"])
        return members

    def _after(self, layout: Layout) -> tuple[Piece, ...]:
        """Calls that come after the main one speak of the record it made or changed."""
        needs_id = layout.spec.key in {filler(layout.spec, layout.operation, p) for p in layout.operation.parameters}
        if layout.main or self._target.mode is None or not needs_id:
            return ()
        return (Piece(layout.spec.key, column=AFTER),)

    def _body(self, layout: Layout, rows: pl.DataFrame) -> pl.Series:
        if layout.operation.batch is not None and layout.operation.batch.of == "key":
            pieces = layout.pieces[Place.ELEMENT]
            if not pieces or not pieces[0].column or pieces[0].column not in rows.columns:
                return pl.repeat("", rows.height, eager=True, dtype=pl.String)
            cells = rows[pieces[0].column]
            if pieces[0].quoted:
                cells = cells.alias("c").to_frame().select((pl.lit('"') + pl.col("c") + pl.lit('"')).alias("c"))["c"]
            return cells.fill_null("")
        return render(rows, layout.pieces[Place.RECORD], self._clear_form)


def _nothing(height: int) -> pl.Series:
    return pl.repeat(None, height, eager=True, dtype=pl.String)


def _labels(spec: ObjectSpec, rows: pl.DataFrame, ids: pl.Series) -> pl.Series:
    """Labels are unique per parent: the ids of two sequences' steps may be the same in a file."""
    scope = next((name for name in spec.natural_key if name in rows.columns and name != spec.parent), "")
    return rows[scope] + "." + ids if scope else ids
