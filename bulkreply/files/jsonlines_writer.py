"""NDJSON lines written back with what is wrong with them."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import orjson
import polars as pl

from bulkreply.files.table import ERROR_COLUMNS


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
    encoder = codecs.getincrementalencoder(encoding)("replace")
    with ExitStack() as stack:
        out = cast(BinaryIO, stack.enter_context(target.open("wb")))
        if compress:
            out = cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", fileobj=out, mtime=0)))
        out.write(mark)
        for frame in frames:
            notes = frame.select(ERROR_COLUMNS).iter_rows(named=True)
            for line, note in zip(frame[line_column], notes, strict=True):
                text = annotated(line, note)
                out.write(text if encoding == "utf-8" else encoder.encode(text.decode()))


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
