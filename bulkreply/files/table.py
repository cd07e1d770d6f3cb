"""What every input file becomes once it is opened: a table of text, read in chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.records import Chunk, Reject

ERROR_COLUMNS = ("_row", "_code", "_field", "_message", "_hint")
"""Columns a rejects file adds. A table never lists them, so a rejects file can be fed back as it is."""

CHUNK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How to read a file, from the job's `from:` mapping; None means: detect.

    Attributes:
        format: `csv`, `tsv`, `xlsx`, `parquet` or `ndjson`.
        encoding: A Python codec name, such as `cp1252`.
        delimiter: One character.
        quote: One character, or "" for files that do not quote.
        sheet: Name or 1-based number of the sheet of a workbook.
        header_row: Row number of the header; rows above it are skipped, row numbers stay true.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    sheet: str | int | None = None
    header_row: int = 1


class Table(Protocol):
    """One input file, opened."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in file order, without ERROR_COLUMNS."""
        ...

    @property
    def dialect(self) -> Mapping[str, str]:
        """What the plan shows: how the file is read, and what of that was detected."""
        ...

    @property
    def size_bytes(self) -> int:
        """Size of the file on disk."""
        ...

    @property
    def suffix(self) -> str:
        """How a file of the same format is named, such as `.csv.gz`."""
        ...

    def chunks(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows from the first to the last; may be called again for another pass.

        Args:
            chunk_rows: Height of every chunk but the last.
        """
        ...

    def originals(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows again for the rejects file: quarantined lines are in the frames, as far as they go."""
        ...

    def write_like(self, frames: Iterator[pl.DataFrame], target: Path) -> None:
        """Write frames (columns, then ERROR_COLUMNS) to a new file of this table's own format and dialect.

        Args:
            frames: At least one; streamed, never held together.
            target: Overwritten; the caller makes it private and renames it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file as its reader found it, before it is cut into chunks.

    Attributes:
        frame: Rows that could be read.
        row_numbers: UInt32, same height.
        rejects: Lines that could not, by ascending row number.
        broken: Cells of each line in `rejects`, as far as they go.
    """

    frame: pl.DataFrame
    row_numbers: pl.Series
    rejects: tuple[Reject, ...] = ()
    broken: tuple[tuple[str | None, ...], ...] = ()


def restored(pieces: Iterable[Piece], columns: Sequence[str]) -> Iterator[Piece]:
    """The pieces with their broken lines put back in their places as text, cut or padded to the columns."""
    width = len(columns)
    for piece in pieces:
        if not piece.rejects:
            yield piece
            continue
        rows = [(*cells, *([None] * width))[:width] for cells in piece.broken]
        lost = pl.DataFrame(rows, schema=piece.frame.schema, orient="row")
        numbers = pl.Series("row", [reject.row for reject in piece.rejects], dtype=pl.UInt32)
        both = pl.concat([piece.frame, lost])
        all_numbers = pl.concat([piece.row_numbers.rename("row"), numbers])
        order = all_numbers.arg_sort()
        yield Piece(both[order], all_numbers[order])


def rechunk(pieces: Iterable[Piece], chunk_rows: int, empty: pl.DataFrame, file: int) -> Iterator[Chunk]:
    """Cut pieces into chunks of exactly `chunk_rows` rows (the last may be shorter).

    A reject travels with the first chunk whose last row stands below it, or with the last chunk.

    Args:
        pieces: In file order.
        chunk_rows: Height of the chunks.
        empty: A frame of height 0 with the table's columns.
        file: Position of the file among the inputs of the job.
    """
    waiting: deque[Reject] = deque()
    frame, numbers = empty, pl.Series("row", [], dtype=pl.UInt32)
    for piece in pieces:
        waiting.extend(piece.rejects)
        if piece.frame.height == 0:
            if len(waiting) >= chunk_rows and not frame.height:
                yield Chunk(empty, numbers, tuple(waiting), file)
                waiting.clear()
            continue
        frame = pl.concat([frame, piece.frame]) if frame.height else piece.frame
        numbers = pl.concat([numbers, piece.row_numbers]) if len(numbers) else piece.row_numbers
        start = 0
        while frame.height - start > chunk_rows:
            part = numbers.slice(start, chunk_rows)
            seen = _up_to(waiting, int(part[-1]))
            yield Chunk(frame.slice(start, chunk_rows).rechunk(), part.rechunk(), seen, file)
            start += chunk_rows
        frame, numbers = frame.slice(start), numbers.slice(start)
    if frame.height or waiting:
        yield Chunk(frame.rechunk(), numbers.rechunk(), tuple(waiting), file)


def _up_to(waiting: deque[Reject], last_row: int) -> tuple[Reject, ...]:
    ready = []
    while waiting and waiting[0].row <= last_row:
        ready.append(waiting.popleft())
    return tuple(ready)


def column_letter(position: int) -> str:
    """The letter a spreadsheet shows for a column: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def checked_header(names: Sequence[str | None], path: Path, header_row: int) -> tuple[str, ...]:
    """Names of a header row, stripped; ERROR_COLUMNS are kept for the reader to drop.

    Raises:
        SourceUnreadable: A name is missing or occurs twice, or there is none at all.
    """
    stripped = [(name or "").strip() for name in names]
    where = f"{path.name}: the header (row {header_row})"
    if not any(stripped):
        raise SourceUnreadable(f"{where} is blank", hint="say which row holds the column names: header_row: N")
    empty = [column_letter(index) for index, name in enumerate(stripped) if not name]
    if empty:
        raise SourceUnreadable(
            f"{where} has no name in {_columns(empty)}",
            hint="name every column, delete the empty ones, or set header_row: N if the header is further down",
        )
    places: dict[str, list[str]] = {}
    for index, name in enumerate(stripped):
        places.setdefault(name, []).append(column_letter(index))
    twice = [f'{_columns(spots)} are both "{name}"' for name, spots in places.items() if len(spots) > 1]
    if twice:
        raise SourceUnreadable(f"{where}: {'; '.join(twice)}", hint="give every column a name of its own")
    return tuple(stripped)


def _columns(letters: Sequence[str]) -> str:
    shown = list(letters[:10]) + (["…"] if len(letters) > 10 else [])
    if len(shown) == 1:
        return f"column {shown[0]}"
    return f"columns {', '.join(shown[:-1])} and {shown[-1]}"
