"""SQL expressions of job files: what polars can read, looks at one row only, and cannot grow or sink without bound."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import polars as pl

from bulkreply.mapping.rules import Problem, near

_CHARACTERS = 5_000
_STEPS_DEEP = 100
_GROWTH = 10_000


class _Refused(Exception):
    """An expression that is not taken, with the words for its writer."""


def problems_of(expr: str, where: tuple[str, ...], columns: Collection[str]) -> list[Problem]:
    """What is wrong with an expression over the columns of a file.

    Args:
        where: Place in the job file.
        columns: Names of the columns.
    """
    if len(expr) > _CHARACTERS:
        return [Problem(where, f"an expression has at most {_CHARACTERS:,} characters")]
    try:
        parsed = pl.sql_expr(expr)
        _check_bounds(parsed)
        roots = parsed.meta.root_names()
        by_row = all(map(_by_row, _steps(parsed))) and not parsed.meta.has_multiple_outputs()
    except _Refused as refused:
        return [Problem(where, str(refused))]
    except BaseException as error:
        return [Problem(where, f"not a polars SQL expression: {_words(error)}")]
    missing = [name for name in roots if name not in columns]
    if missing:
        hint = near(missing[0], columns) or f"columns: {', '.join(columns)}"
        return [Problem(where, f"the file has no column {missing[0]!r}", hint)]
    if not by_row:
        return [Problem(where, "an expression may look at one row only: no sums, counts or windows")]
    try:  # types are only known to the engine
        empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).select(parsed.alias("made"))
        if empty["made"].dtype.is_nested():
            return [Problem(where, "the expression gives several values, a field takes one")]
        empty.select(pl.col("made").cast(pl.String))
    except BaseException as error:
        return [Problem(where, f"the expression fails: {_words(error)}")]
    return []


def _words(error: BaseException) -> str:
    """The first line of what polars says; what is not of its making is raised again."""
    if isinstance(error, pl.exceptions.PolarsError):
        return str(error).splitlines()[0]
    if isinstance(error, UnicodeEncodeError) or type(error).__name__ == "PanicException":  # Rust's is no Exception
        return "polars cannot cope with it"
    raise error


def _steps(parsed: pl.Expr) -> Iterator[pl.Expr]:
    yield parsed
    for step in parsed.meta.pop():
        yield from _steps(step)


def _by_row(step: pl.Expr) -> bool:
    """Whether a step looks at one row only. Polars judges the outermost step of an expression alone."""
    try:
        return step.meta.is_literal() or step.meta.is_row_separable()
    except pl.exceptions.PolarsError:  # it cannot say without a schema: `x IN ('a', 'b')`
        return True


def _check_bounds(step: pl.Expr, depth: int = 1) -> int:
    """How many times longer than its columns the text a step makes may be.

    Raises:
        _Refused: So long that a row could exhaust the memory, or nested so deep that the engine would fall.
    """
    if depth > _STEPS_DEEP:
        raise _Refused(f"an expression may be nested {_STEPS_DEEP} steps deep")
    inner = step.meta.pop()
    growth = max((_check_bounds(one, depth + 1) for one in inner), default=1)
    if len(inner) < 2:
        return growth
    last, first = inner[0], inner[-1]  # arguments come last first
    call = str(step).removeprefix(str(first))
    if call.startswith((".str.pad_start(", ".str.pad_end(")):
        size = re.fullmatch(r"dyn int: (\d{1,9})", str(last))
        if size is None or int(size[1]) > _GROWTH:
            raise _Refused(f"LPAD and RPAD take a plain number up to {_GROWTH:,} as the length")
    elif call.startswith(".str.replace"):
        growth *= max(1, len(str(pl.select(last).item()))) if last.meta.is_literal() else 1
        if growth > _GROWTH:
            raise _Refused(f"its replacements could make a text {_GROWTH:,} times longer")
    return growth
