"""What travels between the floors: chunks of rows, and rejects as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Reject:
    """A row-level failure as a value. An exception stops a run, a Reject stops a row.

    Attributes:
        row: Row number as a spreadsheet shows it (the header is row 1).
        column: File column the failure was seen in, or "".
        field: Reply field it was meant for, or "".
        code: Stable machine word, `email.invalid`, `row.ragged`, `reply.notFound` …
        message: One sentence for a person. May quote the cell, so it goes into the user's own files only.
        hint: How to fix it, or "".
        file: Position of the file among the inputs of the job (0 when there is one).
    """

    row: int
    column: str
    field: str
    code: str
    message: str
    hint: str = ""
    file: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows read and staged together.

    Attributes:
        frame: One text column per file column in file order, height <= chunk_rows. Columns that were nested in
            Parquet or NDJSON keep their List or Struct type. An empty cell is null.
        row_numbers: UInt32, same height: the number of each row as a spreadsheet shows it.
        rejects: Lines that could not be read as rows; they are in no frame.
        file: Position of the file among the inputs of the job.
    """

    frame: pl.DataFrame
    row_numbers: pl.Series
    rejects: tuple[Reject, ...] = ()
    file: int = 0
