"""NDJSON: rows as objects, and lines written back with what is wrong with them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson
import polars as pl

from bulkreply.files.octets_writer import EncodedStream
from bulkreply.files.table import ERROR_COLUMNS


class JsonLinesWriter:
    """Rows as one object per line, nested values kept, every column in every line.

    Times are ISO 8601; numbers that JSON does not know (infinite, not a number) become null.

    Args:
        out: Where to; stays open.
        compress: Whether to write gzip.
    """

    def __init__(self, out: BinaryIO, *, compress: bool = False) -> None:
        self._out = EncodedStream(out, compress=compress)

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        text = io.BytesIO()
        frame.write_ndjson(text)
        self._out.write(text.getvalue())

    def close(self) -> None:
        """Complete the text."""
        self._out.close()

    def abandon(self) -> None:
        """Nothing to let go of."""


def write_annotated(
    frames: Iterator[pl.DataFrame], target: Path, line_column: str, *, encoding: str, mark: bytes, compress: bool
) -> None:
    """Write each line with ERROR_COLUMNS added to its object.

    Args:
        frames: Lines in `line_column`, and ERROR_COLUMNS.
        target: Overwritten.
        line_column: Name of the column of lines.
        encoding: What to write in. Characters it does not have become `?`; only our own words can hold such.
        mark: A byte order mark to begin with, or b"".
        compress: Whether to write gzip.
    """
    with target.open("wb") as raw:
        out = EncodedStream(raw, encoding=encoding, mark=mark, compress=compress, errors="replace")
        for frame in frames:
            notes = frame.select(ERROR_COLUMNS).iter_rows(named=True)
            for line, note in zip(frame[line_column], notes, strict=True):
                out.write(annotated(line, note))
        out.close()


def annotated(line: str, note: dict[str, object]) -> bytes:
    """A line with a note in its object; a line that holds none comes after the note, as it was."""
    added = orjson.dumps(note)
    try:
        found = orjson.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return added + b"\n" + line.encode() + b"\n"
    if found.keys() & set(ERROR_COLUMNS):
        # The one that keeps long numbers exact; lines of a rejects file that is rejected once more.
        kept = {name: value for name, value in json.loads(line).items() if name not in ERROR_COLUMNS}
        return json.dumps(kept | note, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    # Spliced as text, so that numbers keep every digit they were written with.
    start = line.rstrip()[:-1].rstrip()
    return start.encode() + (b"," if found else b"") + added[1:] + b"\n"
