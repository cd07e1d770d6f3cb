"""Cells a spreadsheet would run as formulas: escaped reversibly on writing, restored on reading.

A cell of any number of `'` followed by `= + - @` tab or CR gains one `'` when written to CSV, and loses one when
read. Workbooks need none of this: their cells are written as text.
"""

from __future__ import annotations

import re

import polars as pl

from bulkreply.files.cells import column

_DANGEROUS = r"^('*[=+\-@\t\r])"
_ESCAPED = r"^'('*[=+\-@\t\r])"


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every dangerous text cell escaped."""
    return _replaced(frame, "'=+-@\t\r", _DANGEROUS, "'$1")


def restore_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the escaping undone."""
    return _replaced(frame, "'", _ESCAPED, "$1")


def _replaced(frame: pl.DataFrame, firsts: str, pattern: str, by: str) -> pl.DataFrame:
    """The frame with a pattern replaced in its text columns; most have no cell that begins with one of `firsts`."""
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names:
        return frame
    above = chr(max(map(ord, firsts)) + 1)
    low = frame.select((column(name) < above).any() for name in names).row(0)
    names = [name for name, hit in zip(names, low, strict=True) if hit]
    begins = [pl.any_horizontal(column(name).str.starts_with(first).any() for first in firsts) for name in names]
    hits = frame.select(one.alias(str(at)) for at, one in enumerate(begins)).row(0) if names else ()
    touched = [name for name, hit in zip(names, hits, strict=True) if hit]
    return frame.with_columns(column(name).str.replace(pattern, by) for name in touched) if touched else frame


def escape_text(text: str) -> str:
    """One cell, escaped."""
    return re.sub(_DANGEROUS, r"'\1", text)


def restore_text(text: str) -> str:
    """One cell, restored."""
    return re.sub(_ESCAPED, r"\1", text)
