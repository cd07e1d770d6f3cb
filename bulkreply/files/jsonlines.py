"""NDJSON: one object per line; columns are the union of all keys, in order of first appearance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.files.octets import as_utf8, codec_of, is_gzip, opened
from bulkreply.files.shapes import Shape, broken_numbers, deeper_than, has_numbers, merged, shape_of, to_polars
from bulkreply.files.table import CHUNK_ROWS, ERROR_COLUMNS, FileOptions, Piece, rechunk
from bulkreply.records import Chunk, Reject

_BLOCK_BYTES = 1 << 20
_LINE_BYTES = 16 << 20
_LEVELS = 64
_TOO_DEEP = ValueError(f"nested deeper than {_LEVELS} levels")
_LONG_NUMBER = re.compile(rb"\d{16}")
_LINE = "\x00line"
_SHOWN = 80


class JsonLinesTable:
    """An NDJSON file, opened: one pass has found its columns.

    Args:
        path: The file; may be gzip-compressed.
        options: Only `encoding` applies.
        file: Position of the file among the inputs of the job.

    Raises:
        SourceUnreadable: It is empty, is one JSON array, or no line of it is an object.
    """

    def __init__(self, path: Path, options: FileOptions, *, file: int = 0) -> None:
        self.path = path
        self.size_bytes = path.stat().st_size
        self._file = file
        self._gzip = is_gzip(path)
        with opened(path) as raw:
            head = raw.read(4096)
        self._mark, self._encoding = codec_of(path, options.encoding or "utf-8", head)
        if not head:
            raise SourceUnreadable(f"{path.name} is empty", hint="export it again")
        if head.removeprefix(self._mark).lstrip().startswith(b"["):
            raise SourceUnreadable(
                f"{path.name} is one JSON array, not one object per line", hint="convert it: jq -c '.[]'"
            )
        self._shapes = self._survey()
        self.columns = tuple(self._shapes)
        if not self.columns:
            raise SourceUnreadable(f"{path.name} has no line that is a JSON object", hint="one object per line")
        self._mixing = {name for name, shape in self._shapes.items() if has_numbers(shape)}
        self._schema = {name: to_polars(shape) for name, shape in self._shapes.items()}

    @property
    def dialect(self) -> Mapping[str, str]:
        """How the file is written, as the plan shows it."""
        return {"format": "ndjson", "encoding": self._encoding} | ({"compression": "gzip"} if self._gzip else {})

    @property
    def suffix(self) -> str:
        """`.ndjson` or `.jsonl`, with `.gz` when compressed."""
        known = ".jsonl" if ".jsonl" in self.path.suffixes else ".ndjson"
        return known + (".gz" if self._gzip else "")

    def chunks(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows: scalars as text, nested values typed where they agree and as JSON text where not."""
        return rechunk(self._pieces(), chunk_rows, pl.DataFrame(schema=self._schema), self._file)

    def originals(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The lines themselves, good and bad, as one column of text for `write_like`."""
        return rechunk(self._lines_as_pieces(chunk_rows), chunk_rows, _line_frame([]), self._file)

    def write_like(self, frames: Iterator[pl.DataFrame], target: Path) -> None:
        """Write lines with ERROR_COLUMNS added to their objects; see `Table.write_like`.

        A line that is no object follows, unchanged, a line that says what is wrong with it.
        """
        from bulkreply.files.jsonlines_writer import write_annotated

        write_annotated(frames, target, _LINE, encoding=self._encoding, mark=self._mark, compress=self._gzip)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, with their numbers."""
        number, carry = 0, b""
        with as_utf8(self.path, self._encoding, len(self._mark)) as stream:
            while True:
                fresh = stream.read(_BLOCK_BYTES)
                lines = (carry + fresh).split(b"\n")
                carry = lines.pop() if fresh else b""
                for line in lines:
                    number += 1
                    if line and not line.isspace():
                        yield number, line
                if not fresh:
                    return
                if len(carry) > _LINE_BYTES:
                    raise SourceUnreadable(f"{self.path.name}: line {number + 1} is longer than 16 MiB")

    def _survey(self) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {}
        for _, line in self._lines():
            found = _parsed(line)
            if isinstance(found, dict):
                for name, value in found.items():
                    # Text is by far the most common, and agrees with what text is already known.
                    if type(value) is str and shapes.get(name) == "scalar":
                        continue
                    shapes[name] = merged(shapes.get(name), shape_of(value, top=True))
        return {name: shape for name, shape in shapes.items() if name not in ERROR_COLUMNS}

    def _pieces(self) -> Iterator[Piece]:
        rows: list[list[Any]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        shapes = list(self._shapes.items())
        for number, line in self._lines():
            found = _parsed(line)
            if not isinstance(found, dict):
                rejects.append(self._reject(number, line, found))
            else:
                for name in self._mixing & found.keys():
                    found[name] = broken_numbers(found[name], self._shapes[name])
                row = [_cell(found.get(name), shape) for name, shape in shapes]
                if any(value is not None for value in row):
                    rows.append(row)
                    numbers.append(number)
            if len(rows) + len(rejects) >= CHUNK_ROWS:
                yield self._piece(rows, numbers, rejects)
                rows, numbers, rejects = [], [], []
        yield self._piece(rows, numbers, rejects)

    def _piece(self, rows: list[list[Any]], numbers: list[int], rejects: list[Reject]) -> Piece:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        found = zip(self._schema.items(), columns, strict=True)
        frame = pl.DataFrame({name: pl.Series(name, cells, kind) for (name, kind), cells in found})
        return Piece(frame, pl.Series("row", numbers, dtype=pl.UInt32), tuple(rejects))

    def _lines_as_pieces(self, chunk_rows: int) -> Iterator[Piece]:
        texts: list[str] = []
        numbers: list[int] = []
        for number, line in self._lines():
            texts.append(line.decode("utf-8", "replace").strip("\r"))
            numbers.append(number)
            if len(texts) == chunk_rows:
                yield Piece(_line_frame(texts), pl.Series("row", numbers, dtype=pl.UInt32))
                texts, numbers = [], []
        yield Piece(_line_frame(texts), pl.Series("row", numbers, dtype=pl.UInt32))

    def _reject(self, number: int, line: bytes, found: object) -> Reject:
        shown = line[:_SHOWN].decode("utf-8", "replace").strip() + ("…" if len(line) > _SHOWN else "")
        if isinstance(found, ValueError):
            message = f"the line is {_TOO_DEEP if found is _TOO_DEEP else 'not JSON'}: {shown}"
        else:
            message = f"the line is JSON, but no object: {shown}"
        return Reject(number, "", "", "row.json", message, 'one object per line: {"email": "…"}', self._file)


def _line_frame(texts: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({_LINE: texts}, schema={_LINE: pl.String})


def _parsed(line: bytes) -> object:
    """The value of a line, or the ValueError that says it has none. Whole numbers of any length stay exact."""
    try:
        found: object = orjson.loads(line)
        if line.count(b"[") + line.count(b"{") > _LEVELS and deeper_than(found, _LEVELS):
            return _TOO_DEEP
        return json.loads(line) if _LONG_NUMBER.search(line) else found
    except ValueError as error:
        return error


def _cell(value: Any, shape: Shape) -> Any:
    if shape == "scalar" or shape is None or shape == "mixed":
        return scalar_text(value)
    return value


def scalar_text(value: Any) -> str | None:
    """A JSON value as the text of a cell: null for null and "", nested values as JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
