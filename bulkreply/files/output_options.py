"""How a file is to be written: the format by its name, the options, and whether they can be met together."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import polars as pl

from bulkreply.errors import UsageProblem
from bulkreply.files.dialect import Dialect
from bulkreply.files.formats import ENDINGS, FORMATS

STDOUT = "-"
_TEXT = ("csv", "tsv", "ndjson")
_NESTED = ("parquet", "ndjson")
SPOOLED = ("xlsx", "parquet")
"""Formats whose rows wait in a folder until all are known."""

_READ_ONLY = (".xls", ".xlsb", ".xlsm", ".ods")
_MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
_MARKED = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How to write a file.

    Attributes:
        format: `csv`, `tsv`, `xlsx`, `parquet` or `ndjson`.
        delimiter: Of CSV: one character; TSV has tabs.
        quote: Of CSV and TSV: one character, or "" to quote nothing (a cell that would need it is refused).
        encoding: Of CSV and TSV: a Python codec name. Characters it does not have are refused.
        header: Of CSV, TSV and workbooks: whether the first row holds the names of the columns.
        line_end: Of CSV and TSV: LF, CRLF or CR.
        null_text: Of CSV and TSV: what stands for null. A text that says the same is quoted; so is an empty one.
        bom: Of CSV and TSV: whether a byte order mark comes first, as old spreadsheet programs want it.
        formula_safe: Of CSV and TSV: whether cells that a spreadsheet would run are escaped; imports undo it.
        gzip: Of CSV, TSV and NDJSON: whether to compress.
        sheet: Of workbooks: name of the sheet.
    """

    format: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    line_end: str = "\n"
    null_text: str = ""
    bom: bool = False
    formula_safe: bool = True
    gzip: bool = False
    sheet: str = "Rows"


def output_format(name: str, wanted: str | None) -> str:
    """The format to write: the one wanted, else by the ending of the name; CSV for standard output.

    Raises:
        UsageProblem: Neither says, or it is a format that cannot be written or compressed.
    """
    if wanted is not None and wanted not in FORMATS:
        raise UsageProblem(f'format "{wanted}" is not known', hint=f"one of {', '.join(FORMATS)}")
    ending = Path(name.lower().removesuffix(".gz")).suffix
    found = wanted or ("csv" if name == STDOUT else ENDINGS.get(ending))
    if found is None or (wanted is None and ending in _READ_ONLY):
        hint = "end it in .csv, .tsv, .xlsx, .parquet, .ndjson or .jsonl, or say format: …"
        raise UsageProblem(f"the name {name} does not say a format that can be written", hint=hint)
    if is_compressed(name) and found not in _TEXT:
        raise UsageProblem(f"{name}: {found} files are compressed inside", hint="leave .gz out")
    return found


def is_compressed(name: str) -> bool:
    """Whether a name asks for gzip."""
    return name.lower().endswith(".gz")


def dialect_of(schema: pl.Schema, options: OutputOptions) -> Dialect:
    """The dialect the options mean for CSV and TSV, when all of them can be met.

    Raises:
        UsageProblem: They cannot, or the format has no place for such columns.
    """
    if options.format not in FORMATS:
        raise UsageProblem(f'format "{options.format}" is not known', hint=f"one of {', '.join(FORMATS)}")
    if not len(schema):
        raise UsageProblem("there is no column to write", hint="map at least one field")
    if options.gzip and options.format not in _TEXT:
        raise UsageProblem(f"{options.format} files are compressed inside", hint="leave gzip out")
    nested = [name for name, kind in schema.items() if kind.is_nested()]
    if nested and options.format not in _NESTED:
        hint = "unwind: json or unwind: separate, or write Parquet or NDJSON"
        raise UsageProblem(f"{options.format} has no place for the nested values of column {nested[0]}", hint=hint)
    delimiter = "\t" if options.format == "tsv" else _one_mark("delimiter", options.delimiter)
    quote = _one_mark("quote", options.quote) if options.quote else ""
    if quote == delimiter:
        _wrong("quote", quote, "it is the delimiter too")
    if options.line_end not in ("\n", "\r\n", "\r"):
        _wrong("line_end", options.line_end, "LF, CRLF and CR end lines")
    if any(mark and mark in options.null_text for mark in (delimiter, quote, "\r", "\n")):
        _wrong("null_text", options.null_text, "it holds a delimiter, a quote or a line end")
    encoding, mark = _encoding(options.encoding)
    if options.bom:
        mark = _MARKS.get(encoding) or _wrong("bom", options.encoding, "this encoding has no byte order mark")
    return Dialect(encoding, encoding, mark, 0, delimiter, delimiter, quote, options.line_end, options.gzip)


def _one_mark(option: str, text: str) -> str:
    """A character that neither words nor numbers nor times hold."""
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in "\r\n\0+-.:":
        _wrong(option, text, "one character such as , ; | or tab is wanted")
    return text


def _encoding(name: str) -> tuple[str, bytes]:
    """The codec, and the byte order mark that its name asks for."""
    try:
        codec = codecs.lookup(name)
        codecs.getincrementalencoder(codec.name)
        "a".encode(codec.name).decode(codec.name)
    except (LookupError, TypeError, AttributeError, ValueError):
        raise UsageProblem(f'encoding "{name}" is not known', hint="for example utf-8, cp1252, utf-16") from None
    plain = _MARKED.get(codec.name, codec.name)
    return plain, _MARKS[plain] if plain != codec.name else b""


def _wrong(option: str, text: str, why: str) -> NoReturn:
    raise UsageProblem(f"{option} {text!r} cannot be used: {why}")
