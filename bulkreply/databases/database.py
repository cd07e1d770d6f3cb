"""What every database becomes once it is opened: tables that take frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import polars as pl

Mode = Literal["replace", "append", "merge"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did to a table.

    Attributes:
        rows_inserted: New rows; with `replace` and `append` all rows written.
        rows_updated: Rows whose values changed; a merged row that already says the same is not touched.
        rows_deleted: Rows that are gone; with `replace` all rows there were before.
    """

    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0


class Database(Protocol):
    """An opened database. May be used from several threads, by turns."""

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction around several writes: all of them, or nothing if any fails or the process dies."""
        ...

    def write(
        self,
        table: str,
        schema: pl.Schema,
        frames: Iterator[pl.DataFrame],
        *,
        mode: Mode,
        key: tuple[str, ...],
        deleted: pl.DataFrame | None = None,
    ) -> Written:
        """Write frames to a table, in a transaction of its own unless one is open.

        The table, and the schema its name may begin with, are made when missing. Columns it lacks are added, columns
        that cannot hold a new type become wider, nothing is ever dropped: columns that are not written stay as they
        are, and are null in new rows.

        Args:
            table: `contacts`, or `crm.contacts`; a part that holds a dot is written in double quotes.
            schema: Of every frame; its names are the columns. No nested types.
            frames: Read once, never held together.
            mode: `replace` all rows, `append` to them, or `merge` by key: rows with a known key are updated, others
                inserted; of several rows with one key the last one counts.
            key: Columns that identify a row; needed by `merge`, and never null there.
            deleted: For `merge`: before anything is written, rows go that agree with a row of this frame in all of
                its columns, be they the key or a part of it.

        Raises:
            UsageProblem: The table cannot take these columns, or its own rules refuse a row.
            RunPaused: Somebody else holds the database, or the connection was lost; later it may work.
            DiskFatal: The disk of the database is full or broken.
        """
        ...

    def close(self) -> None:
        """Let go of the database. A transaction that is still open is undone."""
        ...
