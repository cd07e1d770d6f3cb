"""Parquet written in flat memory: small parts wait in a folder and become the row groups of one file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

GROUP_ROWS = 50_000
GROUP_BYTES = 16 << 20
_LEAST_ROWS = 100


class ParquetWriter:
    """Rows as a Parquet file, types and nested values as they are.

    Args:
        out: Where to; stays open. Nothing is written before `close`.
        schema: Of the frames.
        scratch: A private folder the parts wait in.
    """

    def __init__(self, out: BinaryIO, schema: pl.Schema, scratch: Path) -> None:
        self._out = out
        self._schema = schema
        self._scratch = scratch
        self._parts: list[Path] = []
        self._waiting: list[pl.DataFrame] = []
        self._rows, self._bytes = 0, 0.0
        self._group_rows = GROUP_ROWS

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Raises:
            OSError: They cannot be written.
        """
        self._waiting.append(frame)
        self._rows += frame.height
        self._bytes += frame.estimated_size()
        if self._bytes >= GROUP_BYTES:
            # Rows so large that the usual number of them might not fit into memory.
            self._group_rows = max(_LEAST_ROWS, min(self._group_rows, self._rows))
        if self._bytes >= GROUP_BYTES or self._rows >= GROUP_ROWS:
            self._write_part()

    def close(self) -> None:
        """Join the parts.

        Raises:
            OSError: They cannot be written.
        """
        from polars.io.plugins import register_io_source

        self._write_part()
        # Scanned together, polars would read as many parts ahead as the machine has cores.
        rows = register_io_source(self._read_parts, schema=self._schema)
        with _writable():
            rows.sink_parquet(self._out, maintain_order=True, row_group_size=self._group_rows)

    def abandon(self) -> None:
        """Let go of the rows."""
        self._waiting.clear()

    def _write_part(self) -> None:
        if self._waiting:
            self._parts.append(self._scratch / f"{len(self._parts):06d}.parquet")
            with _writable():
                pl.concat(self._waiting).write_parquet(self._parts[-1], compression="lz4", statistics=False)
        self._waiting.clear()
        self._rows, self._bytes = 0, 0.0

    def _read_parts(self, *_: Any) -> Iterator[pl.DataFrame]:
        for part in self._parts:
            yield pl.read_parquet(part, glob=False)


def write_parquet(frames: Iterator[pl.DataFrame], target: Path) -> None:
    """Write frames of one schema as one Parquet file.

    Args:
        frames: At least one.
        target: Overwritten; parts lie next to it in a private folder while it is being written.

    Raises:
        OSError: It cannot be written.
    """
    with target.open("wb") as out, tempfile.TemporaryDirectory(prefix="parts-", dir=target.parent) as folder:
        writer: ParquetWriter | None = None
        for frame in frames:
            writer = writer or ParquetWriter(out, frame.schema, Path(folder))
            writer.write(frame)
        if writer is not None:
            writer.close()


@contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        # A full disk arrives as text: "… (os error 28)".
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from None
