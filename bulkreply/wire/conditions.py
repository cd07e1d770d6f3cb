"""Which rows a case of a procedure is for."""

from __future__ import annotations

from typing import Any

import polars as pl

from bulkreply.catalog import Case


def fitting(case: Case, rows: pl.DataFrame) -> pl.Series:
    """Whether each row leads to the case's call: all its conditions hold."""
    fits = pl.repeat(True, rows.height, eager=True, dtype=pl.Boolean)
    for name, wanted in case.when.items():
        known = name in rows.columns
        cells = rows[name] if known else pl.repeat(None, rows.height, eager=True, dtype=pl.String)
        fits = fits & _matches(cells, wanted)
    return fits


def _matches(cells: pl.Series, wanted: Any) -> pl.Series:
    if isinstance(wanted, bool):
        return cells.is_not_null() if wanted else cells.is_null()
    if isinstance(wanted, dict):
        fits = pl.repeat(True, len(cells), eager=True, dtype=pl.Boolean)
        text = cells.fill_null("")
        for word in wanted.get("has", ()):
            fits = fits & text.str.contains(f'"{word}"', literal=True)
        for word in wanted.get("lacks", ()):
            fits = fits & ~text.str.contains(f'"{word}"', literal=True)
        return fits
    return cells.is_in(list(wanted)).fill_null(False)
