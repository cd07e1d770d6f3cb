"""Cells a spreadsheet would run as formulas: escaped reversibly on writing, restored on reading.

A cell of any number of `'` followed by `= + - @` tab or CR gains one `'` when written to CSV, and loses one when
read. Workbooks need none of this: their cells are written as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from bulkreply.files.cells import column

_DANGEROUS = r"^('*[=+\-@\t\r])"
_ESCAPED = r"^'('*[=+\-@\t\r])"


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every dangerous text cell escaped."""
    return _changed(frame, _DANGEROUS, "A", lambda cell: "'" + cell)


def restore_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the escaping undone."""
    return _changed(frame, _ESCAPED, "(", lambda cell: cell.str.slice(1))


def _changed(frame: pl.DataFrame, pattern: str, above: str, change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    """The frame with the text cells changed that fit a pattern.

    Args:
        above: What no such cell reaches in the order of texts; most columns have none below it.
    """
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    least = frame.select(column(name).min() for name in names).row(0) if names else ()
    low = [name for name, text in zip(names, least, strict=True) if text is not None and text < above]
    fits = {name: column(name).str.contains(pattern) for name in low}
    hits = frame.select(one.any() for one in fits.values()).row(0) if fits else ()
    touched = [name for name, hit in zip(low, hits, strict=True) if hit]
    return frame.with_columns(
        pl.when(fits[name]).then(change(column(name))).otherwise(column(name)).alias(name) for name in touched
    )


def escape_text(text: str) -> str:
    """One cell, escaped."""
    return re.sub(_DANGEROUS, r"'\1", text)


def restore_text(text: str) -> str:
    """One cell, restored."""
    return re.sub(_ESCAPED, r"\1", text)
