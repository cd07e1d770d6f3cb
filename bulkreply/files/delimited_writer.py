"""CSV and TSV written in a given dialect, safe to open in a spreadsheet."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from bulkreply.files.dialect import Dialect
from bulkreply.files.formulas import escape_formulas, escape_text

PLAIN_CSV = Dialect("utf-8", "utf-8", b"", 0, ",", ",", '"', "\n", gzip=False)
"""How bulkreply writes CSV when nothing else is asked."""


def write_delimited(frames: Iterator[pl.DataFrame], target: Path, form: Dialect) -> None:
    """Write frames of text as one file.

    Args:
        frames: At least one; the first one's names are the header.
        target: Overwritten.
        form: Delimiter, `sep=` line, quote, encoding, line ends and compression. Characters the encoding does not have
            become `?`.
    """
    encoder = codecs.getincrementalencoder(form.encoding)("replace")
    with ExitStack() as stack:
        out = cast(BinaryIO, stack.enter_context(target.open("wb")))
        if form.gzip:
            out = cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", fileobj=out, mtime=0)))
        out.write(form.bom)
        if form.lead_bytes:
            out.write(encoder.encode(f"sep={form.delimiter}{form.line_end}"))
        header = True
        for frame in frames:
            text = _as_text(frame, form, header=header)
            out.write(text if form.encoding == "utf-8" else encoder.encode(text.decode()))
            header = False


def _as_text(frame: pl.DataFrame, form: Dialect, *, header: bool) -> bytes:
    frame = escape_formulas(frame)
    if header:
        frame = frame.rename({name: escape_text(name) for name in frame.columns})
    if not form.quote:
        # Nothing can be quoted: what would break the line becomes a space.
        breaking = f"[\\x{ord(form.delimiter):02x}\r\n]"
        frame = frame.with_columns(pl.selectors.string().str.replace_all(breaking, " "))
    text = io.BytesIO()
    frame.write_csv(
        text,
        include_header=header,
        separator=form.delimiter,
        quote_char=form.quote or '"',
        quote_style="necessary" if form.quote else "never",
        line_terminator=form.line_end,
    )
    return text.getvalue()
