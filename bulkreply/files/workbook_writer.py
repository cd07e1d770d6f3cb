"""Workbooks written row by row in flat memory, every cell as text, so that nothing in them can run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

CELL_CHARACTERS = 32_767
"""More than this a cell of a workbook cannot hold; longer text is cut."""

_SHEET_CHARACTERS = 31
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")


def write_workbook(frames: Iterator[pl.DataFrame], target: Path, sheet: str) -> None:
    """Write frames of text as the one sheet of a workbook.

    Args:
        frames: At least one; the first one's names are the header.
        target: Overwritten; rows wait next to it in a private folder while it is being written.
        sheet: Name of the sheet.

    Raises:
        OSError: It cannot be written.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    with tempfile.TemporaryDirectory(prefix="rows-", dir=target.parent) as folder:
        settings = {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        book = xlsxwriter.Workbook(str(target), settings)
        page = book.add_worksheet(_sheet_name(sheet))
        try:
            _write_rows(page, frames)
            book.close()
        except BaseException as error:
            _abandon(book, page)
            if isinstance(error, FileCreateError):
                raise _cause(error) from None
            raise


def _write_rows(page: Any, frames: Iterator[pl.DataFrame]) -> None:
    row = 0
    for frame in frames:
        if row == 0:
            _write_row(page, row, frame.columns)
            page.freeze_panes(1, 0)
            row = 1
        for cells in frame.iter_rows():
            _write_row(page, row, cells)
            row += 1


def _write_row(page: Any, row: int, cells: Sequence[object]) -> None:
    for column, cell in enumerate(cells):
        if cell is not None:
            page.write_string(row, column, str(cell)[:CELL_CHARACTERS])


def _abandon(book: Any, page: Any) -> None:
    """Let go of a workbook that failed; otherwise it would try to write itself once more when it is collected."""
    book.fileclosed = True
    with suppress(OSError):
        page.row_data_fh.close()


def _sheet_name(name: str) -> str:
    """The name as far as spreadsheet programs allow it."""
    return _NOT_IN_SHEET_NAMES.sub(" ", name)[:_SHEET_CHARACTERS].strip("'") or "Rejects"


def _cause(error: Exception) -> OSError:
    """What the library wrapped."""
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, OSError) else OSError(str(error))
