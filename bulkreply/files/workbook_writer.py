"""Workbooks written row by row in flat memory, every cell as text, so that nothing in them can run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

CELL_CHARACTERS = 32_767
"""More than this a cell of a workbook cannot hold; longer text is cut."""


def write_workbook(frames: Iterator[pl.DataFrame], target: Path, sheet: str) -> None:
    """Write frames of text as the one sheet of a workbook.

    Args:
        frames: At least one; the first one's names are the header.
        target: Overwritten.
        sheet: Name of the sheet.
    """
    import xlsxwriter

    settings = {
        "constant_memory": True,
        "tmpdir": str(target.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(str(target), settings)
    try:
        page = book.add_worksheet(sheet)
        row = 0
        for frame in frames:
            if row == 0:
                _write_row(page, row, frame.columns)
                page.freeze_panes(1, 0)
                row = 1
            for cells in frame.iter_rows():
                _write_row(page, row, cells)
                row += 1
    finally:
        book.close()


def _write_row(page: object, row: int, cells: Iterator[object] | list[str] | tuple[object, ...]) -> None:
    for column, cell in enumerate(cells):
        if cell is not None:
            page.write_string(row, column, str(cell)[:CELL_CHARACTERS])  # type: ignore[attr-defined]
