"""Blocks of delimited text: where one may be cut, and what can be counted in it without reading its cells."""

from __future__ import annotations

import re

from bulkreply.files.lines import MAX_RECORD_LINES, Grammar

_EMPTY_LINE = {b"\n": re.compile(rb"(?m)^\r?\n"), b"\r": re.compile(rb"(?:\A|(?<=\r))\r")}


def last_record_end(text: bytes, grammar: Grammar) -> int:
    """Where the last whole record of a text ends that begins with one; 0 when that is not clear."""
    quote, line_end = grammar.quote, grammar.line_end
    # A CR at the very end may be half of a CRLF.
    end = len(text) - 1 if line_end == b"\r" else len(text)
    quoted = bool(quote) and quote in text
    open_quote, counted = text.count(quote) & 1 if quoted else 0, len(text)
    for _ in range(MAX_RECORD_LINES):
        end = text.rfind(line_end, 0, end)
        if end < 0:
            return 0
        if quoted:
            open_quote ^= text.count(quote, end, counted) & 1
            counted = end
        halved = line_end == b"\r" and text.startswith(b"\n", end + 1)
        if not open_quote and not halved:
            return end + 1
    return 0


def outside_quotes(block: bytes, grammar: Grammar) -> bytes | None:
    """The block with every quoted cell shrunk to its quotes.

    None when a quote stands where none may, or a record may span too many lines.
    """
    quote = grammar.quote
    if not quote or quote not in block:
        return block
    parts = block.split(quote)
    if not len(parts) & 1:
        return None
    between = parts[::2]
    line_ends = (b"\r",) if grammar.line_end == b"\r" else (b"\n", b"\r\n")
    after, before = (grammar.delimiter, *line_ends), (grammar.delimiter, grammar.line_end)
    # Few of these differ where most cells are quoted, so only the distinct ones are looked at.
    first, last = between[0], between[-1]
    if (first and not first.endswith(before)) or (last and not last.startswith(after)):
        return None
    if not all(text.startswith(after) and text.endswith(before) for text in set(between[1:-1]) if text):
        return None
    outside = quote.join(between)
    if _line_ends(block) - _line_ends(outside) >= MAX_RECORD_LINES and _may_be_too_long(parts, grammar.line_end):
        return None
    return outside


def _may_be_too_long(parts: list[bytes], line_end: bytes) -> bool:
    """Whether a record has more lines than one may have; parts are by turns outside and inside quotes."""
    lines = 0
    for between, cell in zip(parts[::2], parts[1::2], strict=False):
        if line_end in between:
            lines = 0
        if b"\n" in cell or b"\r" in cell:
            lines += _line_ends(cell)
            if lines >= MAX_RECORD_LINES:
                return True
    return False


def _line_ends(text: bytes) -> int:
    """At least the number of line ends: a CRLF counts twice."""
    return text.count(b"\n") + text.count(b"\r")


def line_ends_agree(outside: bytes, grammar: Grammar) -> bool:
    """Whether all lines outside quotes end as the fast reader expects them to."""
    if grammar.line_end == b"\r":
        return b"\n" not in outside
    return b"\r" not in outside or outside.count(b"\r") == outside.count(b"\r\n")


def empty_lines(outside: bytes, grammar: Grammar) -> int:
    """Lines of a block that hold nothing at all."""
    return len(_EMPTY_LINE[grammar.line_end].findall(outside))
