"""The file of a table while it is being written: beside its final place, under a name of its own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.export.plan import ExportPlan, format_of
from bulkreply.files.output import OutputOptions, open_writer, open_writer_to
from bulkreply.files.placing import file_name, publish

STDOUT = Path("-")
_AT_ONCE = 10_000
"""Rows that are collected before they are written together; whoever reads standard output does not wait for so many."""


class Part:
    """A file being written.

    Args:
        final: Where it will stand when it is whole; `-` is standard output.

    Attributes:
        final: The same.
        rows: Given so far.

    Raises:
        UsageProblem: The format has no place for such columns.
        DiskFatal: From all methods: the disk refused.
    """

    def __init__(self, final: Path, schema: pl.Schema, options: OutputOptions) -> None:
        self.final, self.rows = final, 0
        self._path = final.with_name(f".{final.name}.part")
        self._schema = schema
        self._waiting: list[pl.DataFrame] = []
        self._waiting_rows = 0
        if final == STDOUT:
            self._writer = open_writer_to(sys.stdout.buffer, schema, options)
        else:
            self._writer = open_writer(self._path, schema, options)

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows.

        Raises:
            UsageProblem: The format cannot hold a cell.
        """
        self._waiting.append(frame.cast(self._schema) if frame.schema != self._schema else frame)
        self.rows += frame.height
        self._waiting_rows += frame.height
        if self._waiting_rows >= _AT_ONCE or self.final == STDOUT:
            self._write()

    def add_all(self, frames: Iterable[pl.DataFrame]) -> None:
        """Adds the rows of frames, one after the other.

        Raises:
            UsageProblem: The format cannot hold a cell.
        """
        for frame in frames:
            self.add(frame)

    def _write(self) -> None:
        if self._waiting:
            self._writer.write(pl.concat(self._waiting))
        self._waiting.clear()
        self._waiting_rows = 0

    def close(self) -> None:
        """Completes the file, which does not yet stand in its place.

        Raises:
            UsageProblem: The format cannot hold a cell.
        """
        self._write()
        self._writer.close()

    def abandon(self) -> None:
        """Lets go of it; nothing of it stays."""
        self._writer.abandon()
        if self.final != STDOUT:
            self._path.unlink(missing_ok=True)

    def publish(self) -> str:
        """Puts it in its place; the SHA-256 of its bytes."""
        digest = hashlib.sha256()
        with self._path.open("rb") as lines:
            while piece := lines.read(1 << 20):
                digest.update(piece)
        publish(self._path, self.final)
        return digest.hexdigest()


def place_of(plan: ExportPlan, child: str, now: datetime, account: str) -> Path:
    """Where a table's file lies: relative to the job; tables that were unwound stand beside the main one.

    Args:
        child: Name of such a table, "" for the main one.
        now: The time the run began.
    """
    target = plan.job.target
    assert target.file is not None
    if target.file == "-":
        if child:
            raise UsageProblem("standard output takes one table", hint="write to a file, or take unwind: json")
        return STDOUT
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


def options_of(plan: ExportPlan) -> OutputOptions:
    """How the files of an export are written."""
    target = plan.job.target
    assert target.file is not None
    kind = format_of(plan.job)
    return OutputOptions(
        format=kind,
        delimiter=target.delimiter or ("\t" if kind == "tsv" else ","),
        encoding=target.encoding,
        formula_safe=target.formula_safe,
        gzip=target.file.endswith(".gz"),
        sheet=plan.spec.name,
    )


def early_part(plan: ExportPlan, now: datetime, account: str) -> Part | None:
    """The file of an export whose pages can be written as they come; None where all must be known before.

    Standard output is such a case too: what is written there cannot be taken back.
    """
    target = plan.job.target
    later = plan.details or plan.job.source.incremental or plan.shape.child_names()
    if later or target.file in (None, "-"):
        return None
    return Part(place_of(plan, "", now, account), plan.shape.schema, options_of(plan))
