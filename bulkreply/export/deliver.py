"""Pages into files or tables: a part file that is renamed when it is whole, or one transaction."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from bulkreply.databases import open_database
from bulkreply.errors import UsageProblem
from bulkreply.export.changes import Changes
from bulkreply.export.children import children_of, write_child
from bulkreply.export.part import STDOUT, Part, options_of, place_of
from bulkreply.export.plan import ExportPlan
from bulkreply.export.rows import CHANGE, deleted, frames, records_of
from bulkreply.ledger.pages import Pages


@dataclass(slots=True)
class Delivered:
    """What an export has written.

    Attributes:
        rows: By table.
        files: Table -> the file it stands in.
        hashes: File -> SHA-256 of its bytes.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def deliver(
    plan: ExportPlan, pages: Pages, changes: Changes | None, now: datetime, account: str, early: Part | None = None
) -> Delivered:
    """Writes everything.

    Args:
        changes: What differs from the last run, for incremental exports.
        early: The main table's file when its rows were written as they came.

    Raises:
        UsageProblem: The target cannot be written as the job says.
        DiskFatal: The disk refused; what was at the final name stays.
    """
    if plan.job.target.database is not None:
        return _to_database(plan, pages, changes)
    return _to_files(plan, pages, changes, now, account, early)


def _schema(plan: ExportPlan, marked: bool) -> pl.Schema:
    main = plan.shape.schema
    return pl.Schema({CHANGE: pl.String(), **main}) if marked else main


def _to_files(
    plan: ExportPlan, pages: Pages, changes: Changes | None, now: datetime, account: str, early: Part | None
) -> Delivered:
    done, marked, options = Delivered(), changes is not None, options_of(plan)
    parts: list[tuple[str, Part]] = []
    try:
        children = children_of(plan, records_of(plan, pages), changes)
        places = [place_of(plan, child.name, now, account) for child in children]
        main = early or Part(place_of(plan, "", now, account), _schema(plan, marked), options)
        parts.append((plan.spec.name, main))
        _fill(main, iter(()) if early else frames(plan, pages, changes, marked))
        for child, place in zip(children, places, strict=True):
            parts.append((child.name, Part(place, child.rows.schema, options)))
            _fill(parts[-1][1], iter([child.rows]))
        for name, part in parts:
            done.rows[name] = part.rows
            if part.final != STDOUT:
                done.files[name] = str(part.final)
                done.hashes[str(part.final)] = part.publish()
    except BaseException:
        for _, part in parts:
            part.abandon()
        raise
    return done


def _fill(part: Part, rows: Iterator[pl.DataFrame]) -> None:
    part.add_all(rows)
    part.close()


def _to_database(plan: ExportPlan, pages: Pages, changes: Changes | None) -> Delivered:
    target, done = plan.job.target, Delivered()
    name, mode = target.table or plan.spec.name, target.table_mode
    keys = _key_columns(plan)
    if mode == "merge" and not keys:
        raise UsageProblem(f"merge needs what identifies a record: map {', '.join(plan.identity)}")
    schema = _schema(plan, marked=False)
    database = open_database(_with_environment(target.database or ""), plan.job.folder)
    try:
        with database.transaction():
            gone = _gone(plan, changes, keys, schema) if mode == "merge" else None
            rows = frames(plan, pages, changes, marked=False)
            written = database.write(name, schema, rows, mode=mode, key=keys if mode == "merge" else (), deleted=gone)
            done.rows[name] = written.rows_inserted + written.rows_updated + written.rows_deleted
            for child in children_of(plan, records_of(plan, pages), changes):
                beside = f"{name}__{child.name.partition('__')[2]}"
                done.rows[beside] = write_child(database, beside, child, mode)
    finally:
        database.close()
    return done


def _key_columns(plan: ExportPlan) -> tuple[str, ...]:
    """Columns that identify a record; none when the map leaves one of them out."""
    whole = [c for c in plan.shape.columns if not (c.path or c.title or c.values or c.join or c.constant is not None)]
    found = {column.spec.name: column.name for column in whole}
    return tuple(found[name] for name in plan.identity) if set(plan.identity) <= found.keys() else ()


def _gone(plan: ExportPlan, changes: Changes | None, keys: tuple[str, ...], schema: pl.Schema) -> pl.DataFrame | None:
    """Keys of records that are there no more."""
    if changes is None or not changes.deleted:
        return None
    parts = deleted(plan, changes)
    columns = [pl.Series(key, [part[i] for part in parts], dtype=pl.String) for i, key in enumerate(keys)]
    return pl.DataFrame([column.cast(schema[column.name], strict=False) for column in columns])


def _with_environment(url: str) -> str:
    """A URL with `${NAME}` filled from the environment: passwords do not belong in job files."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UsageProblem(f"to.database: the variable {match[1]} is not set")
        return found

    return re.sub(r"\$\{(\w+)\}", value, url)
