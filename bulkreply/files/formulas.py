"""Cells a spreadsheet would run as formulas: escaped reversibly on writing, restored on reading.

A cell of any number of `'` followed by `= + - @` tab or CR gains one `'` when written to CSV, and loses one when
read. Workbooks need none of this: their cells are written as text.
"""

from __future__ import annotations

import re

import polars as pl

_DANGEROUS = r"^('*[=+\-@\t\r])"
_ESCAPED = r"^'('*[=+\-@\t\r])"


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every dangerous text cell escaped."""
    text = pl.selectors.string()
    return frame.with_columns(text.str.replace(_DANGEROUS, "'$1"))


def restore_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the escaping undone."""
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names:
        return frame
    quoted = frame.select(pl.col(names).str.starts_with("'").any()).row(0)
    touched = [name for name, hit in zip(names, quoted, strict=True) if hit]
    return frame.with_columns(pl.col(touched).str.replace(_ESCAPED, "$1")) if touched else frame


def escape_text(text: str) -> str:
    """One cell, escaped."""
    return re.sub(_DANGEROUS, r"'\1", text)


def restore_text(text: str) -> str:
    """One cell, restored."""
    return re.sub(_ESCAPED, r"\1", text)
