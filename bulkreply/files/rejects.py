"""Rejected rows, written in the source's own format with what is wrong with each: fix the file, run it again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from bulkreply.errors import DiskFatal, InputChanged
from bulkreply.files.placing import publish
from bulkreply.files.table import Table

_GLUE = "; "


def write_rejects(tables: Sequence[Table], rejects: pl.DataFrame, folder: Path) -> list[Path]:
    """Write one rejects file for each table that has any.

    Each table is streamed through again; besides `rejects`, memory holds one chunk.

    Args:
        tables: The inputs of the job; a reject's `file` is the position in here.
        rejects: Columns file UInt16, row UInt32, and column, field, code, message, hint as text. A row may occur
            several times; its problems are joined with "; ".
        folder: Where `rejects.csv`, `rejects-2.csv` … go, private (0600), each whole or not at all.

    Returns:
        The files written.

    Raises:
        InputChanged: A rejected row is no longer in its file.
        DiskFatal: The folder cannot be written.
    """
    ordered = rejects.sort("file", "row", maintain_order=True)
    written = []
    for position, table in enumerate(tables):
        mine = ordered.filter(pl.col("file") == position)
        if mine.height:
            number = f"-{position + 1}" if position else ""
            target = folder / f"rejects{number}{table.suffix}"
            _write_whole(table, mine, target)
            written.append(target)
    return written


def _write_whole(table: Table, mine: pl.DataFrame, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        table.write_like(_annotated(table, mine), part)
        publish(part, target)
    except OSError as error:
        raise DiskFatal(f"{target.name} cannot be written: {error.strerror or 'input/output error'}") from None
    finally:
        part.unlink(missing_ok=True)


def _annotated(table: Table, mine: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rejected rows of a table, chunk by chunk, with ERROR_COLUMNS.

    Raises:
        InputChanged: Not all of them are there; raised in place of an end, so the writer never completes a file.
    """
    rows, missing = mine["row"], mine["row"].n_unique()
    for chunk in table.originals():
        if not chunk.frame.height:
            continue
        first = rows.search_sorted(chunk.row_numbers[0], side="left")
        last = rows.search_sorted(chunk.row_numbers[-1], side="right")
        if first == last:
            continue
        notes = _notes(mine.slice(first, last - first))
        numbered = chunk.frame.with_columns(chunk.row_numbers.alias("_row"))
        joined = numbered.join(notes, on="_row", how="inner", maintain_order="left")
        missing -= joined.height
        if joined.height:
            yield joined
    if missing:
        raise InputChanged(f"{table.path.name} no longer holds every row that was rejected from it")


def _notes(problems: pl.DataFrame) -> pl.DataFrame:
    """One line per row: all its problems at once."""
    where = pl.when(pl.col("field") == "").then("column").otherwise("field").fill_null("")
    hints = pl.col("hint").filter(pl.col("hint") != "").unique(maintain_order=True)
    return (
        problems.group_by(pl.col("row").cast(pl.UInt32).alias("_row"), maintain_order=True)
        .agg(
            pl.col("code").str.join(_GLUE).alias("_code"),
            where.filter(where != "").str.join(_GLUE).alias("_field"),
            pl.col("message").str.join(_GLUE).alias("_message"),
            hints.str.join(_GLUE).alias("_hint"),
        )
        .with_columns(pl.col("_field", "_hint").replace("", None))
    )
