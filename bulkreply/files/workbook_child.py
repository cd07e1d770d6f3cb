"""Reads one sheet of a workbook in a process of its own, under limits, into text files its parent can trust.

Workbooks are archives of XML that a stranger may have written. Whatever happens here (no memory, no end, an abort),
the parent sees a process that failed, and says so in one line.

Values become text as a person reads them: whole numbers without `.0`, dates as 2026-03-01 (with T and the time only
when there is one), TRUE and FALSE, error cells as the text they show (`#N/A`), formulas as their last result.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

MEMORY_BYTES = 2 << 30
CPU_S = 1_200
SHEET_ROWS = 1_048_576
PART_ROWS = 10_000
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Refused(Exception):
    """Something the user can be told."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def limit_process(memory_bytes: int, cpu_s: int) -> None:
    """Keep this process from taking the machine with it. Does nothing where the system has no such limits."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def as_text(value: object) -> str:
    """A cell's value as text; "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(_unescaped, value) if "_x" in value else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dt.datetime):
        whole_day = value.time() == dt.time()
        return value.date().isoformat() if whole_day else value.isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return str(value)


def _unescaped(found: re.Match[str]) -> str:
    """What workbooks write as `_x000D_`, as XML cannot hold it; halves of characters stay as they are."""
    character = chr(int(found[1], 16))
    return found[0] if "\ud800" <= character <= "\udfff" else character


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def choose_sheet(names: Sequence[str], hidden: Sequence[bool], wanted: str | int | None) -> int:
    """Position of the sheet meant: by name, by 1-based number, or the first that is not hidden."""
    listed = ", ".join(names)
    if not names:
        raise Refused("the workbook has no sheet with cells")
    if wanted is None:
        return next((index for index, unseen in enumerate(hidden) if not unseen), 0)
    if isinstance(wanted, str) and wanted in names:
        return list(names).index(wanted)
    if isinstance(wanted, int) or wanted.isdecimal():
        number = int(wanted)
        if 1 <= number <= len(names):
            return number - 1
        raise Refused(f"there is no sheet number {number}", f"the workbook has {len(names)}: {listed}")
    import difflib

    near = difflib.get_close_matches(wanted.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    meant = next((name for name in names if near and name.lower() == near[0]), None)
    guess = f'did you mean "{meant}"? ' if meant else ""
    raise Refused(f'there is no sheet "{wanted}"', f"{guess}the workbook has: {listed}")


def text_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, as text, with their true numbers; trailing empty cells are cut."""
    sheet.reset_dimensions()  # what a file says of its own size is not believed
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > SHEET_ROWS:
            raise Refused(f"the sheet has more than {SHEET_ROWS:,} rows")
        cells = list(values)
        while cells and (cells[-1] is None or cells[-1] == ""):
            cells.pop()
        if cells:
            yield number, [as_text(cell) for cell in cells]


def convert(
    workbook: BinaryIO, folder: Path, wanted: str | int | None, header_row: int, error_columns: list[str]
) -> dict[str, Any]:
    """Write the rows below the header as quoted CSV parts: row number, surplus cells, one column each.

    A workbook of rejects, known by its error columns, has one sheet and its header in row 1, whatever the source had.

    Returns:
        What the parent needs to know: sheet, its position, how many there are, header and its row, rows of each part.
    """
    import openpyxl

    book = openpyxl.load_workbook(workbook, read_only=True, data_only=True, keep_links=False)
    sheets = book.worksheets
    names = [sheet.title for sheet in sheets]
    if len(sheets) == 1 and next(text_rows(sheets[0]), (0, [""]))[1][-len(error_columns) :] == error_columns:
        wanted, header_row = None, 1
    index = choose_sheet(names, [sheet.sheet_state != "visible" for sheet in sheets], wanted)
    rows = text_rows(sheets[index])
    header: list[str] = []
    first: tuple[int, list[str]] | None = None
    for number, cells in rows:
        if number >= header_row:
            header, first = (cells, None) if number == header_row else ([], (number, cells))
            break
    told = {"sheet": names[index], "number": index + 1, "sheets": len(names), "header": header}
    told |= {"header_row": header_row}
    if not header:
        return told | {"parts": [], "next_row": first[0] if first else 0}
    return told | {"parts": _write_parts(rows, folder, len(header)), "next_row": 0}


def _write_parts(rows: Iterator[tuple[int, list[str]]], folder: Path, width: int) -> list[int]:
    heights: list[int] = []
    height = PART_ROWS
    out = None
    try:
        for number, cells in rows:
            if height == PART_ROWS:
                if out is not None:
                    out.close()
                out = (folder / f"{len(heights):06d}.csv").open("w", encoding="utf-8", newline="")
                writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
                heights.append(0)
                height = 0
            surplus = "; ".join(cell for cell in cells[width:] if cell)[:200]
            writer.writerow([number, surplus, *cells[:width], *[""] * (width - len(cells))])
            height += 1
            heights[-1] = height
    finally:
        if out is not None:
            out.close()
    return heights


def answer(
    path: Path, folder: Path, wanted: str | int | None, header_row: int, error_columns: list[str]
) -> dict[str, Any]:
    """What `convert` tells, or what is wrong with the workbook, as plain values."""
    try:
        # Opened here, as openpyxl asks a name for its ending.
        with path.open("rb") as workbook, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return convert(workbook, folder, wanted, header_row, error_columns)
    except Refused as refused:
        return {"error": refused.message, "hint": refused.hint}
    except MemoryError:
        return {"error": "the workbook needs too much memory", "hint": "save the sheet as CSV"}
    except Exception as error:
        # The kind of error only: its text may quote cells.
        return {"error": f"the workbook is damaged or not what it claims to be ({type(error).__name__})"}


def main(arguments: Sequence[str]) -> int:
    """`FILE FOLDER SHEET HEADER_ROW ERROR_COLUMNS`, sheet and columns as JSON. Answers one JSON object on stdout."""
    path, folder, sheet, header_row, error_columns = arguments
    limit_process(MEMORY_BYTES, CPU_S)
    told = answer(Path(path), Path(folder), json.loads(sheet), int(header_row), json.loads(error_columns))
    sys.stdout.write(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
