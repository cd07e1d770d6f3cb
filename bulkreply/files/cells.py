"""Cells on their way from and to typed columns: their text, and those a format has no place for."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from bulkreply.errors import UsageProblem
from bulkreply.shape.moments import written


def column(name: str) -> pl.Expr:
    """The column of just this name, be it `*` or `^a$`, which polars takes for patterns elsewhere."""
    return pl.selectors.by_name(name).as_expr()


def as_text(cell: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A column as text: dates ISO, whole numbers without `.0`, true and false; nested types stay."""
    if kind.is_nested() or kind == pl.String:
        return cell
    if kind.is_float():
        return cell.cast(pl.String).str.replace(r"\.0$", "")
    if isinstance(kind, pl.Datetime):
        if kind.time_zone == "UTC":
            return written(cell)
        zone = "%:z" if kind.time_zone else ""
        return cell.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if isinstance(kind, pl.Duration):
        return cell.dt.to_string("iso")
    return cell.cast(pl.String)


def refuse_cells(
    frame: pl.DataFrame, first_row: int, test: Callable[[pl.Expr], pl.Expr], reason: str, hint: str
) -> None:
    """Refuse a frame that has a text cell a format cannot hold; nothing is cut or replaced silently.

    Args:
        first_row: Number of the frame's first row as a spreadsheet shows it.
        test: Says of a text column which of its cells cannot be written.
        reason: Why, after `row 7, column notes: `.

    Raises:
        UsageProblem: There is one; row and column of the first are named, never its text.
    """
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    firsts = frame.select(test(column(name)).arg_true().first().alias(name) for name in names)
    found = [(row, at) for at, row in enumerate(firsts.row(0) if names else ()) if row is not None]
    if found:
        row, at = min(found)
        raise UsageProblem(f"row {first_row + row}, column {names[at]}: {reason}", hint=hint)
