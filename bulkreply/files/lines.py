"""Delimited text read line by line, for stretches the fast reader may not be trusted with.

Follows RFC 4180 strictly: a quote opens a cell only at its beginning and closes it only before a delimiter or a line
end. A line that breaks this is a fault of that line alone, so one stray quote never swallows the rows below it.
What a record is depends only on the text from its beginning, never on how the file was cut into blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

MAX_RECORD_LINES = 5_000
"""A cell may span this many lines; a quote open for longer is taken for a stray one."""

Fault = Literal["", "blank", "ragged", "quote"]


@dataclass(frozen=True, slots=True)
class Grammar:
    """How cells and lines are told apart.

    Attributes:
        delimiter: One byte.
        quote: One byte, or b"" when the file does not quote.
        line_end: The byte lines end with: LF (also for CRLF) or CR.
        cell: What one cell and the delimiter behind it look like.
        blank: White space that leaves a line blank.
    """

    delimiter: bytes
    quote: bytes
    line_end: bytes = b"\n"
    cell: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    blank: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A tab between cells is no white space: it says that there are cells.
        object.__setattr__(self, "blank", b" \t\x0b\x0c".replace(self.delimiter, b""))
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote or b'"')
        # Possessive, so that a broken record fails in linear time.
        quoted = rb"%b(?:[^%b]|%b%b)*+%b" % ((quote,) * 5)
        pattern = rb"(%b|[^%b%b\r\n]*+)(%b|\Z)" % (quoted, delimiter, quote, delimiter)
        object.__setattr__(self, "cell", re.compile(pattern))


@dataclass(frozen=True, slots=True)
class Record:
    """One record and what is wrong with it.

    Attributes:
        cells: Raw bytes of the cells, unquoted; those of a faulty record as far as they can be told.
        fault: "" when it is good.
    """

    cells: list[bytes]
    fault: Fault = ""


def read_records(text: bytes, grammar: Grammar, width: int | None, *, final: bool) -> Iterator[tuple[Record, int]]:
    """Records of a stretch of text, each with the number of bytes it took.

    Args:
        text: Begins at the beginning of a record.
        grammar: Delimiter and quote; any of LF, CRLF and CR ends a line.
        width: Number of cells a good record has, or None to accept any.
        final: True when the text ends where the file ends. Otherwise a record that may go on beyond the text is
            not yielded.
    """
    lines = text.splitlines(keepends=True)
    if lines and not final and not lines[-1].endswith(b"\n"):
        lines.pop()  # cut off, or a CR whose LF is still to come
    index = 0
    while index < len(lines):
        record, taken = _record_at(lines, index, grammar, width, final)
        if record is None:
            return
        yield record, sum(map(len, lines[index : index + taken])) if taken > 1 else len(lines[index])
        index += taken


def _record_at(
    lines: list[bytes], index: int, grammar: Grammar, width: int | None, final: bool
) -> tuple[Record | None, int]:
    line = lines[index].rstrip(b"\r\n")
    if not line or (width != 1 and not line.strip(grammar.blank)):
        return Record([], "blank"), 1
    quote = grammar.quote
    if not quote or quote not in line:
        return _judged(line.split(grammar.delimiter), width), 1
    last = _closing_line(lines, index, quote)
    if last is None:
        if not final and len(lines) - index < MAX_RECORD_LINES:
            return None, 0
        return _stray(line, grammar), 1
    whole = b"".join(lines[index : last + 1]).rstrip(b"\r\n") if last > index else line
    cells = split_record(whole, grammar)
    if cells is None:
        return _stray(line, grammar), 1
    record = _judged(cells, width)
    if record.fault and last > index and _swallowed(lines[index + 1 : last + 1], grammar, width):
        return _stray(line, grammar), 1
    return record, last + 1 - index


def _closing_line(lines: list[bytes], index: int, quote: bytes) -> int | None:
    """The line at whose end every quote opened since `index` is closed."""
    open_quote = 0
    for last in range(index, min(index + MAX_RECORD_LINES, len(lines))):
        open_quote ^= lines[last].count(quote) & 1
        if not open_quote:
            return last
    return None


def split_record(text: bytes, grammar: Grammar) -> list[bytes] | None:
    """Cells of one record without its line end, or None when a quote stands where none may."""
    quote, cells, position = grammar.quote, [], 0
    while True:
        found = grammar.cell.match(text, position)
        if found is None:
            return None
        cell, position = found[1], found.end()
        cells.append(cell[1:-1].replace(quote * 2, quote) if cell.startswith(quote) else cell)
        if not found[2]:
            return cells


def _judged(cells: list[bytes], width: int | None) -> Record:
    return Record(cells, "" if width is None or len(cells) == width else "ragged")


def _stray(line: bytes, grammar: Grammar) -> Record:
    return Record(line.split(grammar.delimiter), "quote")


def _swallowed(lines: list[bytes], grammar: Grammar, width: int | None) -> bool:
    """Whether a line inside a misshapen multi-line record is a good row by itself."""
    return any(grammar.quote not in line and line.count(grammar.delimiter) + 1 == width for line in lines)
