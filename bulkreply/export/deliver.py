"""Pages into files or tables: a part file that is renamed when it is whole, or one transaction."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulkreply.databases import open_database
from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.export.changes import Changes
from bulkreply.export.children import children_of, write_child
from bulkreply.export.plan import ExportPlan
from bulkreply.export.pull import identity
from bulkreply.files.output import OutputOptions, open_writer, open_writer_to, output_format
from bulkreply.files.placing import file_name, publish
from bulkreply.ledger.pages import Pages
from bulkreply.shape.tables import Table
from bulkreply.wire.compare import ABSENT, at_path

CHANGE = "_change"
Record = Mapping[str, Any]


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


def records_of(plan: ExportPlan, pages: Pages) -> Iterator[list[dict[str, Any]]]:
    """All records of a run, page by page, each once, read whole where that was asked for, narrowed by local filters."""
    for scope in pages.scopes():
        for page in pages.pages(scope.id):
            left_out, records = set(page.left_out), orjson.loads(page.body)
            if left_out:
                records = [record for i, record in enumerate(records) if i not in left_out]
            if not (plan.details or plan.local or scope.parents):
                yield records
                continue
            found = []
            for record in records:
                whole = pages.detail(identity(plan.spec, plan.operation, record)) if plan.details else None
                merged = {**record, **(whole or {})}
                merged = {**{n: _number(v) for n, v in scope.parents.items() if n not in merged}, **merged}
                if all(_fits(merged, name, wanted) for name, wanted in plan.local.items()):
                    found.append(merged)
            yield found


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() and len(text) < 19 else text


def _fits(record: Record, name: str, wanted: Any) -> bool:
    """Whether a record passes a filter that Reply does not know: equality without case; one of several in a list."""
    found = at_path(record, name)
    known = [found] if not isinstance(found, list) else found
    words = {str(one).lower() for one in (wanted if isinstance(wanted, list) else [wanted])}
    return any(("" if one is ABSENT or one is None else str(one)).lower() in words for one in known)


def deliver(
    plan: ExportPlan, pages: Pages, changes: Changes | None, now: datetime, account: str, work: Path
) -> Delivered:
    """Writes everything.

    Args:
        changes: What differs from the last run, for incremental exports.
        work: Private folder for part files, on any disk.

    Raises:
        UsageProblem: The target cannot be written as the job says.
        DiskFatal: The disk refused; what was at the final name stays.
    """
    if plan.job.target.database is not None:
        return _to_database(plan, pages, changes)
    return _to_files(plan, pages, changes, now, account)


def frames(plan: ExportPlan, pages: Pages, changes: Changes | None, marked: bool) -> Iterator[pl.DataFrame]:
    """Rows of the main table; of an incremental run only what changed, marked where `marked`."""
    for records in records_of(plan, pages):
        words = [changes.word(record) for record in records] if changes is not None else []
        if changes is not None:
            records = [record for record, word in zip(records, words, strict=True) if word]
            words = [word for word in words if word]
        frame = plan.shape.frame(records)
        if marked and changes is not None:
            frame = frame.insert_column(0, pl.Series(CHANGE, words, dtype=pl.String))
        if frame.height:
            yield frame
    if marked and changes is not None and changes.deleted:
        gone = plan.shape.frame([dict(zip(plan.identity, part, strict=True)) for part in _deleted(plan, changes)])
        yield gone.insert_column(0, pl.Series(CHANGE, ["deleted"] * gone.height, dtype=pl.String))


def _schema(plan: ExportPlan, marked: bool) -> pl.Schema:
    main = plan.shape.tables[0].schema
    return pl.Schema({CHANGE: pl.String(), **main}) if marked else main


def _to_files(plan: ExportPlan, pages: Pages, changes: Changes | None, now: datetime, account: str) -> Delivered:
    target, done = plan.job.target, Delivered()
    assert target.file is not None
    marked = changes is not None
    kind = output_format(target.file, target.format) if target.file != "-" else (target.format or "csv")
    options = OutputOptions(
        format=kind,
        delimiter=target.delimiter or ("\t" if kind == "tsv" else ","),
        encoding=target.encoding,
        formula_safe=target.formula_safe,
        gzip=target.file.endswith(".gz"),
        sheet=plan.spec.name,
    )
    tables = [(Table(plan.spec.name, _schema(plan, marked)), frames(plan, pages, changes, marked))]
    children = children_of(plan, records_of(plan, pages), changes)
    tables += [(child.table, iter([child.rows])) for child in children]
    finals = [_final(plan, table.name if i else "", now, account) for i, (table, _) in enumerate(tables)]
    parts = []
    for (table, rows), final in zip(tables, finals, strict=True):
        part = final.with_name(f".{final.name}.part") if final != Path("-") else Path("-")
        done.rows[table.name] = _write(part, table.schema, options, rows)
        parts.append((table, part, final))
    for table, part, final in parts:
        if final == Path("-"):
            continue
        done.files[table.name] = str(final)
        done.hashes[str(final)] = _sha256(part)
        publish(part, final)
    return done


def _final(plan: ExportPlan, child: str, now: datetime, account: str) -> Path:
    """Where a table's file lies: relative to the job; tables that were unwound stand beside the main one."""
    target = plan.job.target
    assert target.file is not None
    if target.file == "-":
        if child:
            raise UsageProblem("standard output takes one table", hint="write to a file, or take unwind: json")
        return Path("-")
    values = {"object": plan.spec.name, "job": plan.job.name, "account": account}
    path = plan.job.folder / file_name(target.file, values, now)
    if child:
        stem, dot, rest = path.name.partition(".")
        path = path.with_name(f"{stem}__{child.partition('__')[2]}{dot}{rest}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskFatal(
            f"{path.name} cannot be written: {error.strerror}", hint="mend its folder, then resume"
        ) from None
    return path


def _write(part: Path, schema: pl.Schema, options: OutputOptions, rows: Iterator[pl.DataFrame]) -> int:
    to_stdout = part == Path("-")
    writer = open_writer_to(sys.stdout.buffer, schema, options) if to_stdout else open_writer(part, schema, options)
    count = 0
    try:
        for frame in rows:
            writer.write(frame.cast(schema) if frame.schema != schema else frame)
            count += frame.height
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return count


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as lines:
        while piece := lines.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


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
                beside = f"{name}__{child.table.name.partition('__')[2]}"
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
    parts = _deleted(plan, changes)
    columns = [pl.Series(key, [part[i] for part in parts], dtype=pl.String) for i, key in enumerate(keys)]
    return pl.DataFrame([column.cast(schema[column.name], strict=False) for column in columns])


def _deleted(plan: ExportPlan, changes: Changes) -> list[list[str]]:
    """What identifies the records that are there no more, part by part."""
    return [one.split("/", len(plan.identity) - 1) for one in changes.deleted]


def _with_environment(url: str) -> str:
    """A URL with `${NAME}` filled from the environment: passwords do not belong in job files."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UsageProblem(f"to.database: the variable {match[1]} is not set")
        return found

    return re.sub(r"\$\{(\w+)\}", value, url)
