"""Parquet: scalar columns as text, nested ones as they are, in flat memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.files.cells import as_text, column
from bulkreply.files.table import CHUNK_ROWS, ERROR_COLUMNS, FileOptions, Piece, checked_header, rechunk
from bulkreply.records import Chunk

FIRST_ROW = 2
"""Number of the first row, as if a header stood above it."""

_SLICE_ROWS = 50_000


class ParquetTable:
    """A Parquet file, opened.

    Args:
        path: The file.
        options: Nothing of it applies to Parquet.
        file: Position of the file among the inputs of the job.

    Raises:
        SourceUnreadable: It is damaged, has no rows, or holds a column of raw bytes.
    """

    suffix = ".parquet"

    def __init__(self, path: Path, options: FileOptions, *, file: int = 0) -> None:
        self.path = path
        self.size_bytes = path.stat().st_size
        self._file = file
        with _readable(path):
            schema = pl.read_parquet_schema(path)
            height = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        checked_header(list(schema), path, 1)
        self.columns = tuple(name for name in schema if name not in ERROR_COLUMNS)
        self._schema = {name: kind for name, kind in schema.items() if name in self.columns}
        for name, kind in self._schema.items():
            if kind in (pl.Binary, pl.Object):
                raise SourceUnreadable(f"{path.name}: column {name} holds raw bytes, not text or numbers")
        self._height: int = height
        if not height:
            raise SourceUnreadable(f"{path.name} has columns and no rows", hint="there is nothing to do")

    @property
    def dialect(self) -> Mapping[str, str]:
        """Parquet has but one."""
        return {"format": "parquet"}

    def chunks(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows: scalars as text, nested columns with their type; blank rows are left out."""
        frame = pl.LazyFrame(schema=self._schema)
        texts = [_cell(name, kind) for name, kind in self._schema.items()]
        empty = frame.select(texts).collect()
        return rechunk(self._pieces(texts), chunk_rows, empty, self._file)

    def originals(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows with the types the file has."""
        plain = [column(name) for name in self.columns]
        empty = pl.DataFrame(schema=self._schema)
        return rechunk(self._pieces(plain), chunk_rows, empty, self._file)

    def write_like(self, frames: Iterator[pl.DataFrame], target: Path) -> None:
        """Write a Parquet file with the same types; see `Table.write_like`."""
        from bulkreply.files.parquet_writer import write_parquet

        write_parquet(frames, target)

    def _pieces(self, columns: list[pl.Expr]) -> Iterator[Piece]:
        lazy = pl.scan_parquet(self.path, glob=False)
        # Slices hold a third of the memory that the streaming batches of polars do, and are as fast.
        for start in range(0, self._height, _SLICE_ROWS):
            with _readable(self.path):
                frame = lazy.slice(start, _SLICE_ROWS).select(columns).collect()
            row = FIRST_ROW + start
            numbers = pl.int_range(row, row + frame.height, dtype=pl.UInt32, eager=True).alias("row")
            filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
            yield Piece(frame.filter(filled), numbers.filter(filled))


def _cell(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as text, null where it is empty; nested types stay."""
    text = as_text(column(name), kind)
    return text.replace("", None) if kind in (pl.String, pl.Categorical, pl.Enum) else text


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        with _hushed():
            yield
    except (pl.exceptions.PolarsError, OSError):
        raise _damaged(path) from None
    except BaseException as error:
        # A Rust panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(path) from None


@contextmanager
def _hushed() -> Iterator[None]:
    """Keeps what a panic writes on the descriptor of standard error, page upon page, from people's eyes."""
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _damaged(path: Path) -> SourceUnreadable:
    return SourceUnreadable(f"{path.name} is damaged, or no Parquet file", hint="export or fetch it again")
