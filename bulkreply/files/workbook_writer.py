"""Workbooks in flat memory: numbers, truth and times typed, text always as text, so that nothing in them can run.

The rows are rendered as XML by expressions over whole frames, ten times as fast as cell by cell and exact to the last
digit; xlsxwriter makes everything around them, and keeps the rows of a sheet in a file until the workbook is closed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from bulkreply.errors import UsageProblem
from bulkreply.files.cells import as_text, column, refuse_cells
from bulkreply.files.table import column_letter

CELL_CHARACTERS = 32_767
"""More than this (in UTF-16) a cell of a workbook cannot hold."""

SHEET_ROWS = 1_048_576
SHEET_COLUMNS = 16_384
_EXACT = 999_999_999_999_999
"""Spreadsheets show fifteen digits of a number; longer ones are written as text."""

_SHEET_CHARACTERS = 31
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\]")
_ESCAPES = (
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "_x": "_x005F_x", "\ufffe": "_xFFFE_", "\uffff": "_xFFFF_"}
    | {chr(code): f"_x{code:04X}_" for code in range(32) if chr(code) not in "\t\n"}
)  # fmt: skip
_FIRST_DAY, _LAST_DAY = 61, 2_958_465
"""1900-03-01 and 9999-12-31; before it spreadsheets count a day that never was."""

_EPOCH_DAY = 25_569
_DAY_US = 86_400_000_000
_DATE, _TIME = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
_WIDTHS = {_DATE: 11, _TIME: 19}
_ROW = "\x00row"


class WorkbookWriter:
    """Rows as a workbook, spread over as many sheets as they need, each with the header.

    Times are written as UTC. Dates before 1900-03-01, whole numbers of more than fifteen digits and what is no number
    are written as text.

    Args:
        out: Where to; stays open. Nothing is written before `close`.
        schema: Of the frames.
        scratch: A private folder the rows wait in.
        sheet: Name of the first sheet; the others have it with a number.
        header: Whether the names of the columns are the first row.
        cut: Whether text too long for a cell is cut instead of refused.
        sheet_rows: Rows of a sheet, with the header.

    Raises:
        UsageProblem: There are more columns than a sheet has.
    """

    def __init__(
        self,
        out: BinaryIO,
        schema: pl.Schema,
        scratch: Path,
        *,
        sheet: str,
        header: bool = True,
        cut: bool = False,
        sheet_rows: int = SHEET_ROWS,
    ) -> None:
        import xlsxwriter

        if len(schema) > SHEET_COLUMNS:
            raise UsageProblem(
                f"a workbook holds {SHEET_COLUMNS:,} columns, not {len(schema):,}", hint="write CSV or Parquet"
            )
        self._valve = _Valve(out)
        self._book = xlsxwriter.Workbook(self._valve, {"constant_memory": True, "tmpdir": str(scratch)})
        # It would try to write itself when it is collected; only `close` may.
        self._book.fileclosed = True
        self._book.use_zip64()
        self._sheet = _tamed(sheet) or "Rows"
        self._sheet_rows, self._cut = sheet_rows, cut
        self._styles = {kind: self._book.add_format({"num_format": kind}) for kind in _WIDTHS}
        self._schema = schema
        self._header = pl.DataFrame([list(schema)], schema=dict.fromkeys(schema, pl.String), orient="row")
        self._first_row = 1 if header else 0
        self._page: Any = None
        self._next_row = 0
        self._begin_sheet()

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Raises:
            UsageProblem: A text is too long for a cell.
        """
        while frame.height:
            if self._next_row == self._sheet_rows:
                self._begin_sheet()
            room = self._sheet_rows - self._next_row
            self._put(frame.head(room))
            frame = frame.slice(room)

    def close(self) -> None:
        """Complete the workbook.

        Raises:
            OSError: It cannot be written.
        """
        from xlsxwriter.exceptions import FileCreateError

        self._book.fileclosed = False
        try:
            self._book.close()
        except FileCreateError as error:
            raise _cause(error) from None
        finally:
            self._book.fileclosed = True

    def abandon(self) -> None:
        """Let go of everything; the workbook is not completed."""
        self._valve.shut = True
        for page in self._book.worksheets():
            with suppress(OSError):
                page.row_data_fh.close()

    def _begin_sheet(self) -> None:
        self._page = self._book.add_worksheet(self._sheet_name(len(self._book.worksheets()) + 1))
        self._next_row = 0
        for at, kind in enumerate(self._schema.values()):
            if style := _style_of(kind):
                self._page.set_column(at, at, _WIDTHS[style])
        if self._first_row:
            self._put(self._header)
            self._page.freeze_panes(1, 0)

    def _sheet_name(self, number: int) -> str:
        suffix = f" {number}" if number > 1 else ""
        return self._sheet[: _SHEET_CHARACTERS - len(suffix)] + suffix

    def _put(self, frame: pl.DataFrame) -> None:
        row, page = self._next_row + 1, self._page
        frame = self._fitting(frame, row)
        styles = {kind: self._styles[kind]._get_xf_index() for kind in map(_style_of, frame.dtypes) if kind}
        cells = [_cell(at, name, kind, styles) for at, (name, kind) in enumerate(frame.schema.items())]
        number = pl.int_range(row, row + frame.height, eager=True).cast(pl.String).alias(_ROW)
        line = pl.concat_str(pl.lit('<row r="'), pl.col(_ROW), pl.lit('">'), *cells, pl.lit("</row>"))
        page.row_data_fh.write(frame.with_columns(number).select(line.str.join("")).item())
        self._next_row += frame.height
        page.dim_rowmin = page.dim_colmin = 0
        page.dim_rowmax, page.dim_colmax = self._next_row - 1, frame.width - 1

    def _fitting(self, frame: pl.DataFrame, row: int) -> pl.DataFrame:
        """The frame with texts that cells can hold."""
        texts = [column(name) for name, kind in frame.schema.items() if kind == pl.String]
        longest = frame.select(text.str.len_bytes().max() for text in texts).row(0) if texts else ()
        if max((size or 0 for size in longest), default=0) <= CELL_CHARACTERS:
            return frame
        if self._cut:
            return frame.with_columns(text.map_batches(_cut_texts, return_dtype=pl.String) for text in texts)
        where = f" (sheet {self._page.name})" if len(self._book.worksheets()) > 1 else ""
        reason = f"the text is longer than the {CELL_CHARACTERS:,} characters a cell of a workbook can hold{where}"
        refuse_cells(frame, row, _too_long, reason, "write CSV, Parquet or NDJSON, or leave the column out")
        return frame


class _Valve:
    """What the archive is written through; shut, it swallows what the remains of a failed one still want to say."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.shut = False

    def write(self, octets: bytes) -> int:
        return len(octets) if self.shut else self._out.write(octets)

    def tell(self) -> int:
        return 0 if self.shut else self._out.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        return 0 if self.shut else self._out.seek(place, whence)

    def flush(self) -> None:
        if not self.shut:
            self._out.flush()


def write_workbook(frames: Iterator[pl.DataFrame], target: Path, sheet: str) -> None:
    """Write frames as a workbook, every cell as text; what is too long for a cell is cut.

    Args:
        frames: At least one; the first one's names are the header.
        target: Overwritten; rows wait next to it in a private folder while it is being written.
        sheet: Name of the sheet.

    Raises:
        OSError: It cannot be written.
    """
    with target.open("wb") as out, tempfile.TemporaryDirectory(prefix="rows-", dir=target.parent) as folder:
        writer: WorkbookWriter | None = None
        try:
            for frame in frames:
                texts = frame.cast(pl.String)
                if writer is None:
                    writer = WorkbookWriter(out, texts.schema, Path(folder), sheet=_tamed(sheet) or "Rejects", cut=True)
                writer.write(texts)
            if writer is not None:
                writer.close()
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise


def _tamed(sheet: str) -> str:
    """A name as far as spreadsheet programs allow it for a sheet."""
    return _NOT_IN_SHEET_NAMES.sub(" ", sheet)[:_SHEET_CHARACTERS].strip("'")


def _cell(at: int, name: str, kind: pl.DataType, styles: dict[str, int]) -> pl.Expr:
    """The XML of a column's cells; "" where there is none."""
    cell, letters = column(name), column_letter(at)
    text = _text_cell(letters, as_text(cell, kind))
    style = _style_of(kind)
    if kind == pl.Boolean:
        return _value_cell(letters, ' t="b"', cell.cast(pl.UInt8))
    if style:
        days = _days(cell, kind)
        whole_days = days.floor() if kind != pl.Date else days
        fits, typed = whole_days.is_between(_FIRST_DAY, _LAST_DAY), _value_cell(letters, f' s="{styles[style]}"', days)
    elif kind.is_integer():
        fits, typed = cell.is_between(-_EXACT, _EXACT), _value_cell(letters, "", cell)
    elif kind.is_float():
        fits, typed = cell.is_finite(), _value_cell(letters, "", cell)
    else:
        return text
    return pl.when(fits).then(typed).otherwise(text)


def _text_cell(letters: str, text: pl.Expr) -> pl.Expr:
    kept = pl.when(text == text.str.strip_chars()).then(pl.lit("")).otherwise(pl.lit(' xml:space="preserve"'))
    escaped = text.str.replace_many(_ESCAPES)
    form = f'<c r="{letters}{{}}" t="inlineStr"><is><t{{}}>{{}}</t></is></c>'
    return pl.format(form, pl.col(_ROW), kept, escaped).fill_null("")


def _value_cell(letters: str, attributes: str, value: pl.Expr) -> pl.Expr:
    return pl.format(f'<c r="{letters}{{}}"{attributes}><v>{{}}</v></c>', pl.col(_ROW), value).fill_null("")


def _days(cell: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Dates and times as spreadsheets count them."""
    if kind == pl.Date:
        return cell.cast(pl.Int32) + _EPOCH_DAY
    return cell.dt.epoch("us") / _DAY_US + _EPOCH_DAY


def _style_of(kind: pl.DataType) -> str:
    return _DATE if kind == pl.Date else _TIME if isinstance(kind, pl.Datetime) else ""


def _too_long(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars() + text.str.count_matches("[\\x{10000}-\\x{10FFFF}]") > CELL_CHARACTERS


def _cut_texts(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, [text and _cut(text) for text in texts], dtype=pl.String)


def _cut(text: str) -> str:
    return text.encode("utf-16-le")[: 2 * CELL_CHARACTERS].decode("utf-16-le", "ignore")


def _cause(error: Exception) -> OSError:
    """What the library wrapped."""
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, OSError) else OSError(str(error))
