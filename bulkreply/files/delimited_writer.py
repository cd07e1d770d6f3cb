"""CSV and TSV written in a given dialect, safe to open in a spreadsheet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from bulkreply.errors import UsageProblem
from bulkreply.files.cells import as_text, column, refuse_cells
from bulkreply.files.dialect import Dialect
from bulkreply.files.formulas import escape_formulas, escape_text
from bulkreply.files.octets_writer import EncodedStream


class DelimitedWriter:
    """Rows as delimited text. Nulls and empty texts stay apart: an empty text is quoted.

    Args:
        out: Where to; stays open.
        names: Of the columns.
        form: Delimiter, `sep=` line, quote, encoding, line ends and compression.
        header: Whether the names are the first row.
        null_text: Stands for null. A text that says the same is quoted.
        formula_safe: Whether cells a spreadsheet would run are escaped.
        lossy: Whether what the dialect cannot hold is replaced (`?` for characters, a space where nothing can be
            quoted) instead of refused.
    """

    def __init__(
        self,
        out: BinaryIO,
        names: Sequence[str],
        form: Dialect,
        *,
        header: bool = True,
        null_text: str = "",
        formula_safe: bool = True,
        lossy: bool = False,
    ) -> None:
        errors = "replace" if lossy else "strict"
        self._out = EncodedStream(out, encoding=form.encoding, mark=form.bom, compress=form.gzip, errors=errors)
        self._form = form
        self._breaking = _class(form.delimiter + "\r\n")
        self._null_text = null_text
        self._formula_safe = formula_safe
        self._lossy = lossy
        self._row = 1
        if form.lead_bytes:
            self._out.write(f"sep={form.delimiter}{form.line_end}".encode())
        if header:
            shown = [escape_text(name) if formula_safe else name for name in names]
            self._put(pl.DataFrame([shown], schema=dict.fromkeys(names, pl.String), orient="row"))

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Raises:
            UsageProblem: A cell cannot be written without loss.
        """
        texts = [as_text(column(name), kind) for name, kind in frame.schema.items() if kind != pl.String]
        safe = escape_formulas(frame) if self._formula_safe else frame
        self._put(safe.with_columns(texts))

    def close(self) -> None:
        """Complete the text."""
        self._out.close()

    def abandon(self) -> None:
        """Nothing to let go of."""

    def _put(self, frame: pl.DataFrame) -> None:
        form, said = self._form, bool(self._null_text) and self._says_null(frame)
        if not form.quote:
            frame = self._unquotable(frame, said)
        quoted = frame.select(self._quoted(column(name)).alias(name) for name in frame.columns) if said else frame
        text = self._rendered(quoted, "never" if said or not form.quote else "necessary")
        try:
            self._out.write(text)
        except UnicodeEncodeError as error:
            lacking = error.object[error.start]
            reason = f"{form.encoding} has no character U+{ord(lacking):04X}"
            refuse_cells(
                frame, self._row, lambda cell: cell.str.contains(lacking, literal=True), reason, "utf-8 has it"
            )
            raise UsageProblem(f"null_text: {reason}", hint="utf-8 has it") from None
        self._row += frame.height

    def _says_null(self, frame: pl.DataFrame) -> bool:
        return any(frame.select((pl.all() == self._null_text).any()).row(0))

    def _rendered(self, frame: pl.DataFrame, style: Literal["necessary", "never"]) -> bytes:
        text = io.BytesIO()
        frame.write_csv(
            text,
            include_header=False,
            separator=self._form.delimiter,
            quote_char=self._form.quote or '"',
            quote_style=style,
            line_terminator=self._form.line_end,
            null_value=self._null_text,
        )
        return text.getvalue()

    def _quoted(self, cell: pl.Expr) -> pl.Expr:
        """Cells quoted where they must be, and one that says what null does, so that it is told from it."""
        quote = self._form.quote
        must = cell.str.contains(self._breaking + "|" + _class(quote)) | cell.is_in(["", self._null_text])
        inside = cell.str.replace_all(quote, quote * 2, literal=True)
        return pl.when(must).then(pl.lit(quote) + inside + quote).otherwise(cell)

    def _unquotable(self, frame: pl.DataFrame, says_null: bool) -> pl.DataFrame:
        """Where nothing can be quoted, what would break the line becomes a space or is refused."""
        if self._lossy:
            return frame.with_columns(pl.all().str.replace_all(self._breaking, " "))
        hint = "choose a quote"
        reason = "it holds a delimiter or a line end, and nothing can be quoted"
        refuse_cells(frame, self._row, lambda cell: cell.str.contains(self._breaking), reason, hint)
        if says_null:
            reason = "its text is the one that stands for null, and nothing can be quoted"
            refuse_cells(frame, self._row, lambda cell: cell == self._null_text, reason, hint)
        return frame


def _class(characters: str) -> str:
    """A regular expression for any of these characters."""
    return "[" + "".join(f"\\x{ord(one):02x}" for one in characters) + "]"


def write_delimited(frames: Iterator[pl.DataFrame], target: Path, form: Dialect) -> None:
    """Write frames of text as one file.

    Args:
        frames: At least one; the first one's names are the header.
        target: Overwritten.
        form: Delimiter, `sep=` line, quote, encoding, line ends and compression. Characters the encoding does not have
            become `?`.
    """
    with target.open("wb") as out:
        writer: DelimitedWriter | None = None
        for frame in frames:
            writer = writer or DelimitedWriter(out, frame.columns, form, lossy=True)
            writer.write(frame)
        if writer is not None:
            writer.close()
