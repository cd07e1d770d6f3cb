"""How a delimited file is written: found out from its bytes, and always said."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from bulkreply.errors import SourceUnreadable
from bulkreply.files.lines import Grammar, read_records
from bulkreply.files.octets import as_utf8, codec_of, is_gzip, mark_of, opened
from bulkreply.files.table import ERROR_COLUMNS, FileOptions

_SAMPLE_BYTES = 1 << 18
_SURVEY_BYTES = 1 << 20
_SAMPLE_RECORDS = 200
_DELIMITERS = (",", ";", "\t", "|")
_LOOKS_LIKE = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Office document"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh9", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"ARROW1", "an Arrow file"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        encoding: A Python codec name.
        encoding_said: The encoding as the plan shows it, with how it is known.
        bom: The byte order mark the file begins with, or b"".
        lead_bytes: Bytes of UTF-8 text after that which hold a `sep=` line.
        delimiter: One character.
        delimiter_said: The delimiter as the plan shows it.
        quote: One character, or "".
        line_end: LF, CRLF or CR, as the first lines have it.
        gzip: Whether the file is compressed.
        header_row: Row number of the header. In a rejects file it is 1, wherever that of its source was.
    """

    encoding: str
    encoding_said: str
    bom: bytes
    lead_bytes: int
    delimiter: str
    delimiter_said: str
    quote: str
    line_end: str
    gzip: bool
    header_row: int = 1

    @property
    def grammar(self) -> Grammar:
        """The same for the readers, in bytes."""
        line_end = b"\r" if self.line_end == "\r" else b"\n"
        return Grammar(self.delimiter.encode(), self.quote.encode(), line_end)

    def shown(self, name: str) -> dict[str, str]:
        """What the plan shows."""
        lines = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[self.line_end]
        seen = {
            "format": name,
            "encoding": self.encoding_said,
            "delimiter": self.delimiter_said,
            "quote": self.quote or "none",
            "line ends": lines,
        }
        return seen | ({"compression": "gzip"} if self.gzip else {})


def survey(path: Path, options: FileOptions) -> Dialect:
    """Find out how a delimited file is written, reading it once as a whole.

    Raises:
        SourceUnreadable: It is empty, binary, or an option names something that does not exist.
    """
    with opened(path) as raw:
        head = raw.read(_SAMPLE_BYTES)
    if not head:
        raise SourceUnreadable(f"{path.name} is empty", hint="export it again: not even a header is there")
    bom, encoding, said = _encoding(path, head, options)
    with as_utf8(path, encoding, len(bom)) as stream:
        sample = stream.read(_SAMPLE_BYTES)
    _refuse_documents(path, sample)
    quote = _one_character(path, "quote", options.quote, empty_means_none=True) if options.quote is not None else '"'
    line_end = _line_end(sample, quote.encode())
    lead, delimiter, delimiter_said = _delimiter(path, sample, quote, options)
    header_row = 1 if _rejects_delimiter(sample[lead:], quote) == delimiter else options.header_row
    return Dialect(encoding, said, bom, lead, delimiter, delimiter_said, quote, line_end, is_gzip(path), header_row)


def _rejects_delimiter(text: bytes, quote: str) -> str | None:
    """The delimiter of a text whose first line ends with ERROR_COLUMNS, as that of a rejects file does."""
    names = [name.encode() for name in ERROR_COLUMNS]
    lead = b"(?:Q[^Q]*+Q|[^Q\r\n])*?".replace(b"Q", re.escape(quote.encode())) if quote else rb"[^\r\n]*?"
    found = re.match(lead + names[0] + b"(.)" + rb"\1".join(names[1:]) + rb"(?:[\r\n]|\Z)", text)
    return found[1].decode("utf-8", "replace") if found else None


def _one_character(path: Path, option: str, text: str, *, empty_means_none: bool = False) -> str:
    if empty_means_none and text in ("", "none"):
        return ""
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or len(text.encode()) != 1 or text in "\r\n":
        raise SourceUnreadable(f'{path.name}: {option} "{text}" is not one plain character')
    return text


def _encoding(path: Path, head: bytes, options: FileOptions) -> tuple[bytes, str, str]:
    """Byte order mark, codec name, and how to say it."""
    if options.encoding is not None:
        return *codec_of(path, options.encoding, head), options.encoding
    mark, marked = mark_of(head)
    if marked:
        return mark, marked, f"{marked} (byte order mark)"
    _refuse_binary(path, head)
    for name in _wide_encodings(head):
        return b"", name, f"{name} (detected)"
    return b"", *_narrow_encoding(path)


def _wide_encodings(head: bytes) -> list[str]:
    """UTF-16 without a byte order mark: every other byte of plain text is zero."""
    even, odd, half = head[0::2].count(0), head[1::2].count(0), len(head) // 2
    if half and odd > 0.4 * half and even < 0.05 * half:
        return ["utf-16-le"]
    if half and even > 0.4 * half and odd < 0.05 * half:
        return ["utf-16-be"]
    return []


def _refuse_binary(path: Path, head: bytes) -> None:
    for magic, what in _LOOKS_LIKE:
        if head.startswith(magic):
            raise SourceUnreadable(
                f"{path.name} is not delimited text: it looks like {what}",
                hint="give the file the ending of its true format, or export it as CSV",
            )
    odd = sum(map(head.count, (b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06", b"\x0e", b"\x0f")))
    if odd > 2 + len(head) // 100 and not _wide_encodings(head):
        raise SourceUnreadable(
            f"{path.name} is not delimited text: it holds binary data", hint="export it as CSV, in UTF-8 if you can"
        )


def _refuse_documents(path: Path, sample: bytes) -> None:
    start = sample[:200].lstrip().lower()
    what = ""
    if start.startswith((b"<!doctype html", b"<html")):
        what = "a web page (perhaps a sign-in page saved as a file)"
    elif start.startswith(b"<?xml"):
        what = "an XML document"
    elif re.match(rb'\[?\s*\{\s*"[^"]*"\s*:', start):
        what = "JSON"
    if what:
        raise SourceUnreadable(
            f"{path.name} is not delimited text: it looks like {what}",
            hint="JSON lines are read with format: ndjson" if what == "JSON" else "export it as CSV",
        )


def _narrow_encoding(path: Path) -> tuple[str, str]:
    """UTF-8 when the whole file is; otherwise the likelier of UTF-8 with bad lines and Windows' cp1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    plain = True
    try:
        with opened(path) as raw:
            while block := raw.read(_SURVEY_BYTES):
                if block.isascii() and not decoder.getstate()[0]:
                    continue
                plain = False
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        good, bad = _count_lines(path)
        if good > bad:
            return "utf-8", f"utf-8 (detected; lines that are not: {bad})"
        return "cp1252", "cp1252 (detected: not UTF-8)"
    return "utf-8", "utf-8 (detected; all ASCII)" if plain else "utf-8 (detected)"


def _count_lines(path: Path) -> tuple[int, int]:
    """Lines with characters beyond ASCII that are UTF-8, and lines that are not UTF-8.

    Chance hardly ever makes cp1252 text look like UTF-8, so the greater number decides.
    """
    good = bad = 0
    with opened(path) as raw:
        carry = b""
        while block := raw.read(_SURVEY_BYTES):
            lines = (carry + block).splitlines(keepends=True)
            carry = b"" if len(lines) == 1 and len(lines[0]) > 16 * _SURVEY_BYTES else lines.pop()
            for line in lines:
                if not line.isascii():
                    readable = _is_utf8(line)
                    good, bad = good + readable, bad + (not readable)
    if not carry.isascii():
        good, bad = good + _is_utf8(carry), bad + (not _is_utf8(carry))
    return good, bad


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _line_end(sample: bytes, quote: bytes) -> str:
    """How most records of the sample end; the readers accept the others as well."""
    if quote:
        sample = quote.join(sample.split(quote)[::2])
    both = sample.count(b"\r\n")
    line_feeds, returns = sample.count(b"\n") - both, sample.removesuffix(b"\r").count(b"\r") - both
    if line_feeds == both == returns == 0 and sample.endswith(b"\r"):
        return "\r"
    return max(("\n", line_feeds), ("\r\n", both), ("\r", returns), key=_second)[0]


def _second(pair: tuple[str, int]) -> int:
    return pair[1]


def _delimiter(path: Path, sample: bytes, quote: str, options: FileOptions) -> tuple[int, str, str]:
    """Bytes of a leading `sep=` line, the delimiter, and how to say it."""
    lead = re.match(rb'"?sep=([^\r\n])"?(\r\n|\n|\r)', sample, re.IGNORECASE)
    lead_bytes = lead.end() if lead else 0
    if options.delimiter is not None:
        found = _one_character(path, "delimiter", options.delimiter)
        return lead_bytes, found, _shown(found)
    if lead:
        found = lead[1].decode()
        return lead_bytes, found, f"{_shown(found)} (from the sep= line)"
    if options.format == "tsv":
        return 0, "\t", "tab"
    if known := _rejects_delimiter(sample, quote):
        return 0, known, f"{_shown(known)} (detected)"
    best, best_score = ",", (0.0, 0)
    for candidate in _DELIMITERS:
        score = _agreement(sample, Grammar(candidate.encode(), quote.encode()), options.header_row)
        if score > best_score:
            best, best_score = candidate, score
    return 0, best, f"{_shown(best)} (detected)" if best_score[1] else "none (one column)"


def _shown(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else delimiter


def _agreement(sample: bytes, grammar: Grammar, header_row: int) -> tuple[float, int]:
    """Share of the sampled records that have as many cells as the header, and that number; (0, 0) below two."""
    width = same = total = 0
    final = len(sample) < _SAMPLE_BYTES
    for number, (record, _) in enumerate(read_records(sample, grammar, None, final=final), start=1):
        if number < header_row or record.fault == "blank":
            continue
        width = width or len(record.cells)
        total += 1
        same += len(record.cells) == width
        if total == _SAMPLE_RECORDS:
            break
    return (round(same / total, 2), width) if width > 1 else (0.0, 0)
