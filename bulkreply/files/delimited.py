"""CSV and TSV: read at the speed of polars, believed only with proof.

Text is taken in blocks, each cut behind its last whole record and read by polars. An independent count of records and
delimiters outside quotes must agree with what polars returned; polars raises on surplus cells and pads missing ones
silently, so both counts together prove that no row is ragged. A block without proof is read line by line instead.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.files.blocks import empty_lines, last_record_end, line_ends_agree, outside_quotes
from bulkreply.files.dialect import Dialect, survey
from bulkreply.files.formulas import restore_formulas, restore_text
from bulkreply.files.lines import Record, read_records
from bulkreply.files.octets import ByteStream, as_utf8, discard
from bulkreply.files.table import (
    CHUNK_ROWS,
    ERROR_COLUMNS,
    FileOptions,
    Piece,
    checked_header,
    rechunk,
    restored,
)
from bulkreply.records import Chunk, Reject

BLOCK_BYTES = 2 << 20
_RECORD_BYTES = 16 << 20


class DelimitedTable:
    """A CSV or TSV file, opened: the header is checked, the rest is read on demand.

    Args:
        path: The file.
        options: How to read it; what is None is detected.
        file: Position of the file among the inputs of the job.
        block_bytes: Size of the blocks; changes nothing but speed and memory.

    Raises:
        SourceUnreadable: It is no such file, has no rows, or its header is blank, incomplete or ambiguous.
    """

    def __init__(self, path: Path, options: FileOptions, *, file: int = 0, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self.size_bytes = path.stat().st_size
        self._file = file
        self._block_bytes = block_bytes
        self._form: Dialect = survey(path, options)
        self._header_row = self._form.header_row
        self._grammar = self._form.grammar
        names, self._body_at = self._read_header()
        self._width = len(names)
        self._names = names
        self._kept = [name for name in names if name not in ERROR_COLUMNS]
        self.columns = tuple(self._kept)

    @property
    def dialect(self) -> Mapping[str, str]:
        """How the file is written, as the plan shows it."""
        return self._form.shown("tsv" if self._form.delimiter == "\t" else "csv")

    @property
    def suffix(self) -> str:
        """`.csv`, `.tsv` …, with `.gz` when compressed."""
        endings = [ending.lower() for ending in self.path.suffixes if ending.lower() != ".gz"]
        known = endings[-1] if endings and endings[-1] in (".csv", ".tsv", ".tab", ".txt") else ".csv"
        return known + (".gz" if self._form.gzip else "")

    def chunks(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows, all text; blank rows are left out, rows that cannot be read are rejects."""
        return rechunk(self._pieces(), chunk_rows, self._frame([]), self._file)

    def originals(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows together with the broken ones, as far as those go."""
        return rechunk(restored(self._pieces(), self.columns), chunk_rows, self._frame([]), self._file)

    def write_like(self, frames: Iterator[pl.DataFrame], target: Path) -> None:
        """Write a file with the same dialect; see `Table.write_like`."""
        from bulkreply.files.delimited_writer import write_delimited

        write_delimited(frames, target, self._form)

    def _read_header(self) -> tuple[tuple[str, ...], int]:
        """Names of all columns, and where in the UTF-8 text the rows begin."""
        form = self._form
        with as_utf8(self.path, form.encoding, len(form.bom)) as stream:
            text, final = discard(stream, form.lead_bytes, BLOCK_BYTES), False
            while not final and len(text) < _RECORD_BYTES:
                fresh = stream.read(BLOCK_BYTES)
                text, final = text + fresh, not fresh
                position = form.lead_bytes
                found = read_records(text, self._grammar, None, final=final)
                for number, (record, size) in enumerate(found, start=1):
                    position += size
                    if number == self._header_row:
                        names = self._header_names(record)
                        self._refuse_no_rows(text[position - form.lead_bytes :], stream)
                        return names, position
        raise SourceUnreadable(
            f"{self.path.name} has no row {self._header_row}, where its header should be",
            hint="say which row holds the column names: header_row: N",
        )

    def _refuse_no_rows(self, text: bytes, stream: ByteStream) -> None:
        blank = b" \r\n" + self._grammar.delimiter + self._grammar.quote
        while not text.strip(blank):
            text = stream.read(BLOCK_BYTES)
            if not text:
                raise SourceUnreadable(f"{self.path.name} has a header and no rows", hint="there is nothing to do")

    def _header_names(self, record: Record) -> tuple[str, ...]:
        where = f"{self.path.name}: the header (row {self._header_row})"
        if record.fault == "quote":
            raise SourceUnreadable(f"{where} has a stray or unclosed quote", hint="quote names in full or not at all")
        try:
            names = [restore_text(cell.decode()) for cell in record.cells]
        except UnicodeDecodeError:
            raise SourceUnreadable(
                f"{where} does not belong to the encoding {self._form.encoding}", hint="set encoding: …"
            ) from None
        return checked_header(names, self.path, self._header_row)

    def _pieces(self) -> Iterator[Piece]:
        """The file block by block; every block begins at the beginning of a record."""
        grammar, row = self._grammar, self._header_row + 1
        with as_utf8(self.path, self._form.encoding, len(self._form.bom)) as stream:
            text, final = discard(stream, self._body_at, self._block_bytes), False
            while not final:
                fresh = stream.read(self._block_bytes)
                text, final = text + fresh, not fresh
                if final and text and not text.endswith(grammar.line_end):
                    text += grammar.line_end
                end = len(text) if final else last_record_end(text, grammar)
                records, frame = self._fast(text[:end]) if end else (0, None)
                if frame is not None:
                    yield self._without_blank_rows(frame, row)
                else:
                    piece, records, end = self._tolerant(text, row, final=final)
                    yield piece
                row, text = row + records, text[end:]
                if len(text) > _RECORD_BYTES + self._block_bytes:
                    raise SourceUnreadable(
                        f"{self.path.name}: row {row} is longer than {_RECORD_BYTES >> 20} MiB",
                        hint="the line ends or the quotes of this file are not what they seem",
                    )

    def _fast(self, block: bytes) -> tuple[int, pl.DataFrame | None]:
        """Records of a block read by polars, or None when the reading is not proved."""
        grammar = self._grammar
        outside = outside_quotes(block, grammar)
        # Polars takes a U+FEFF in front for a mark, wherever in the file the block stands.
        if outside is None or block.startswith(codecs.BOM_UTF8) or not line_ends_agree(outside, grammar):
            return 0, None
        records = outside.count(grammar.line_end)
        frame = self._parse(block)
        if frame is None or frame.height != records or frame.width != self._width:
            return 0, None
        # A row that was padded has no last cell; where all have one there is nothing to prove.
        if frame.to_series(-1).null_count() and not self._cells_agree(outside, records):
            return 0, None
        frame = frame.select(pl.selectors.by_name(*self._kept)) if len(self._kept) < self._width else frame
        if outside is not block and grammar.quote * 2 in block:
            frame = frame.with_columns(pl.all().replace("", None))
        return records, restore_formulas(frame) if b"'" in block else frame

    def _cells_agree(self, outside: bytes, records: int) -> bool:
        """Whether there are as many delimiters as records of full width have; blank lines have none."""
        between, grammar = self._width - 1, self._grammar
        delimiters = outside.count(grammar.delimiter)
        if delimiters == between * records:
            return True
        return delimiters == between * (records - empty_lines(outside, grammar))

    def _parse(self, block: bytes) -> pl.DataFrame | None:
        try:
            return pl.read_csv(
                block,
                has_header=False,
                schema=dict.fromkeys(self._names, pl.String),
                separator=self._form.delimiter,
                quote_char=self._form.quote or None,
                eol_char=self._grammar.line_end.decode(),
                missing_columns="insert",
                raise_if_empty=False,
            )
        except pl.exceptions.PolarsError:
            return None
        except BaseException as error:
            # A Rust panic is no Exception; the line reader gets the block then.
            if type(error).__name__ != "PanicException":
                raise
            return None

    def _without_blank_rows(self, frame: pl.DataFrame, row: int) -> Piece:
        numbers = pl.int_range(row, row + frame.height, dtype=pl.UInt32, eager=True).alias("row")
        if frame.height and not any(count == 0 for count in frame.null_count().row(0)):
            filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
            if not filled.all():
                return Piece(frame.filter(filled), numbers.filter(filled))
        return Piece(frame, numbers)

    def _tolerant(self, text: bytes, row: int, *, final: bool) -> tuple[Piece, int, int]:
        """Records of a stretch read line by line: the piece, how many records, how many bytes."""
        good: list[tuple[str | None, ...]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        broken: list[tuple[str | None, ...]] = []
        records = taken = 0
        for record, size in read_records(text, self._grammar, self._width, final=final):
            number = row + records
            records, taken = records + 1, taken + size
            if record.fault == "blank":
                continue
            cells = _decoded(record.cells)
            if record.fault or cells is None:
                rejects.append(self._reject(record, number))
                broken.append(self._keep(_decoded(record.cells, errors="replace") or ()))
                continue
            kept = self._keep(cells)
            if any(cell is not None for cell in kept):
                good.append(kept)
                numbers.append(number)
        frame = restore_formulas(self._frame(good))
        return Piece(frame, _numbers(numbers), tuple(rejects), tuple(broken)), records, taken

    def _keep(self, cells: Sequence[str | None]) -> tuple[str | None, ...]:
        if len(self._kept) == self._width:
            return tuple(cells)
        named = zip(self._names, cells, strict=False)
        return tuple(cell for name, cell in named if name not in ERROR_COLUMNS)

    def _frame(self, rows: Sequence[Sequence[str | None]]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=dict.fromkeys(self._kept, pl.String), orient="row")

    def _reject(self, record: Record, row: int) -> Reject:
        if record.fault == "ragged":
            found = len(record.cells)
            message = f"the row has {found} cell{'' if found == 1 else 's'}, the header has {self._width}"
            surplus = _decoded(record.cells[self._width :], errors="replace") or ()
            if surplus:
                message += f"; beyond the last column: {self._form.delimiter.join(c or '' for c in surplus)[:200]}"
            hint = f'a cell that contains "{self._form.delimiter}" must be quoted'
            return Reject(row, "", "", "row.ragged", message, hint, self._file)
        if record.fault == "quote":
            message = "the row has a stray or unclosed quote"
            hint = f"quote a cell as a whole and double the quotes inside it: {self._form.quote * 2}"
            return Reject(row, "", "", "row.quote", message, hint, self._file)
        message = f"the row has bytes that are not {self._form.encoding}"
        return Reject(row, "", "", "row.encoding", message, "set the encoding the file was saved in", self._file)


def _decoded(cells: Sequence[bytes], errors: str = "strict") -> tuple[str | None, ...] | None:
    try:
        return tuple(cell.decode("utf-8", errors) or None for cell in cells)
    except UnicodeDecodeError:
        return None


def _numbers(rows: Sequence[int]) -> pl.Series:
    return pl.Series("row", rows, dtype=pl.UInt32)
