"""Tables of what was unwound: rows that follow their record when it changes or goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from bulkreply.databases import Database, Mode
from bulkreply.export.changes import Changes
from bulkreply.export.plan import ExportPlan
from bulkreply.shape.tables import INDEX, PARENT, ROOT

Records = Iterator[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Child:
    """A table of what was unwound.

    Attributes:
        name: As of the table, `sequences__steps`.
        rows: All of them, with the columns they turn out to have.
        stale: What to look for in a table that is merged into: the records whose old rows go.
    """

    name: str
    rows: pl.DataFrame
    stale: pl.DataFrame


def children_of(plan: ExportPlan, records: Records, changes: Changes | None) -> list[Child]:
    """Tables of what was unwound from the records that are written; those the catalog knows even without rows."""
    names = plan.shape.child_names()
    if not names:
        return []
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    written: list[str] = []
    for page in records:
        chosen = page if changes is None else [record for record in page if changes.word(record)]
        written += [one for record in chosen if (one := _known_by(plan, record)) is not None]
        for name, rows in plan.shape.children(chosen, lambda record: _known_by(plan, record)).items():
            found.setdefault(name, []).extend(rows)
    if changes is not None:
        written += changes.deleted
    key = plan.spec.fields.get(plan.spec.key)
    plain = len(plan.identity) == 1 and key is not None and key.type in ("id", "integer")
    return [_child(plan, name, rows, written, pl.Int64() if plain else pl.String()) for name, rows in found.items()]


def _known_by(plan: ExportPlan, record: Mapping[str, Any]) -> str | None:
    return None if record.get(plan.spec.key) is None else plan.known_as(record)


def _child(plan: ExportPlan, name: str, rows: list[dict[str, Any]], written: Iterable[str], kind: pl.DataType) -> Child:
    deep = name.count("__") - plan.spec.name.count("__") > 1
    named = ROOT if deep else PARENT
    parents = [row[PARENT] for row in rows]
    fixed = {PARENT: _column(PARENT, parents, _kind(parents) if deep else kind)}
    fixed |= {ROOT: _column(ROOT, [row[ROOT] for row in rows], kind)} if deep else {}
    fixed[INDEX] = pl.Series(INDEX, [row[INDEX] for row in rows], dtype=pl.Int64)
    bare = [{title: value for title, value in row.items() if title not in fixed} for row in rows]
    inside = pl.DataFrame(bare, infer_schema_length=None, strict=False) if any(bare) else pl.DataFrame()
    frame = pl.DataFrame([*fixed.values(), *inside.get_columns()])
    return Child(name, frame, pl.DataFrame([_column(named, list(written), kind)]))


def _kind(values: Iterable[Any]) -> pl.DataType:
    return pl.Int64() if all(isinstance(one, int) for one in values) else pl.String()


def _column(name: str, values: Iterable[Any], kind: pl.DataType) -> pl.Series:
    texts = [None if one is None else str(one) for one in values]
    return pl.Series(name, texts, dtype=pl.String).cast(kind, strict=False)


def write_child(database: Database, name: str, child: Child, mode: Mode) -> int:
    """Writes its rows; merging, those of a record that is written again or is gone leave first."""
    schema, frames = child.rows.schema, iter([child.rows])
    if mode != "merge":
        return database.write(name, schema, frames, mode=mode, key=()).rows_inserted
    key = (*((ROOT,) if ROOT in schema else ()), PARENT, INDEX)
    return database.write(name, schema, frames, mode="merge", key=key, deleted=child.stale.unique()).rows_inserted
