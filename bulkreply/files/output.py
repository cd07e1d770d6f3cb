"""The front door of files on the way out: rows written as a table of any format, streamed, nothing lost on the way."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import polars as pl

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.files.dialect import Dialect
from bulkreply.files.output_options import SPOOLED, OutputOptions, dialect_of, is_compressed, output_format
from bulkreply.files.placing import new_file

__all__ = ["OutputOptions", "TableWriter", "is_compressed", "open_writer", "open_writer_to", "output_format"]

_STEP_ROWS = 10_000
_STEP_BYTES = 32 << 20


class TableWriter(Protocol):
    """A file being written."""

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows.

        Args:
            frame: Of the schema the writer was opened with.

        Raises:
            UsageProblem: The format cannot hold a cell without loss; row and column are named.
            DiskFatal: The disk is full or gone.
        """
        ...

    def close(self) -> None:
        """Complete the bytes of the file. Does nothing after a failure, or twice.

        Raises:
            DiskFatal: The disk is full or gone.
        """
        ...

    def abandon(self) -> None:
        """Let go of everything without completing; the unfinished file is the caller's to remove."""
        ...


def open_writer(path: Path, schema: pl.Schema, options: OutputOptions) -> TableWriter:
    """Begin a file, private (0600). Memory stays flat however many rows come.

    Args:
        path: Overwritten. Workbooks and Parquet keep a private folder `<path>.rows` beside it until they are closed.
        schema: Of all frames.
        options: How to write.

    Raises:
        UsageProblem: The options contradict each other, or the format has no place for such columns.
        DiskFatal: The file cannot be made.
    """
    form = dialect_of(schema, options)
    scratch = path.with_name(path.name + ".rows") if options.format in SPOOLED else None
    try:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
        handle = new_file(path)
    except OSError as error:
        raise _disk(path.name, error) from None
    out = os.fdopen(handle, "wb")
    return _Output(path.name, out, schema, options, form, scratch, owned=True)


def open_writer_to(stream: BinaryIO, schema: pl.Schema, options: OutputOptions) -> TableWriter:
    """Begin a table on a stream, such as standard output, which stays open.

    Args:
        stream: Of bytes; need not be seekable.
        schema: Of all frames.
        options: How to write.

    Raises:
        UsageProblem: As `open_writer`; and bytes are not written to a terminal.
        DiskFatal: The stream takes nothing.
        BrokenPipeError: From the writer too: whoever read it has gone, which is no trouble of ours.
    """
    form = dialect_of(schema, options)
    if stream.isatty() and (options.format in SPOOLED or options.gzip):
        kind = "gzip" if options.gzip else options.format
        raise UsageProblem(f"{kind} is nothing for a terminal", hint="redirect it into a file, or write csv or ndjson")
    scratch = Path(tempfile.mkdtemp(prefix="bulkreply-rows-")) if options.format in SPOOLED else None
    return _Output("standard output", stream, schema, options, form, scratch, owned=False)


class _Output:
    """A writer of one format with what all have in common: flat memory, one kind of error, an end."""

    def __init__(
        self,
        name: str,
        out: BinaryIO,
        schema: pl.Schema,
        options: OutputOptions,
        form: Dialect,
        scratch: Path | None,
        *,
        owned: bool,
    ) -> None:
        self._name, self._out, self._owned = name, out, owned
        self._schema = schema
        self._scratch = scratch
        self._inner: TableWriter | None = None
        self._do(lambda: self._begin(options, form))

    def write(self, frame: pl.DataFrame) -> None:
        if frame.schema != self._schema:
            raise ValueError(f"{self._name}: a frame has other columns than the file")
        self._do(lambda: self._write(frame))

    def close(self) -> None:
        if self._inner is not None:
            self._do(self._complete)
            self._release()

    def abandon(self) -> None:
        if self._inner is not None:
            self._inner.abandon()
        self._release()

    def _begin(self, options: OutputOptions, form: Dialect) -> None:
        self._inner = _format_writer(self._out, self._schema, options, form, self._scratch)

    def _write(self, frame: pl.DataFrame) -> None:
        if self._inner is None:
            raise ValueError(f"{self._name} is closed")
        for piece in _pieces(frame):
            self._inner.write(piece)

    def _complete(self) -> None:
        assert self._inner is not None
        self._inner.close()
        self._out.flush()
        if self._owned:
            self._out.close()

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            self.abandon()
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                raise _disk(self._name, error) from None
            raise

    def _release(self) -> None:
        self._inner = None
        if self._owned:
            # What could not be written is still buffered, and is tried once more.
            with suppress(OSError):
                self._out.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _format_writer(
    out: BinaryIO, schema: pl.Schema, options: OutputOptions, form: Dialect, scratch: Path | None
) -> TableWriter:
    if options.format == "ndjson":
        from bulkreply.files.jsonlines_writer import JsonLinesWriter

        return JsonLinesWriter(out, compress=options.gzip)
    if scratch is None:
        from bulkreply.files.delimited_writer import DelimitedWriter

        return DelimitedWriter(
            out,
            schema.names(),
            form,
            header=options.header,
            null_text=options.null_text,
            formula_safe=options.formula_safe,
        )
    if options.format == "xlsx":
        from bulkreply.files.workbook_writer import WorkbookWriter

        return WorkbookWriter(out, schema, scratch, sheet=options.sheet, header=options.header)
    from bulkreply.files.parquet_writer import ParquetWriter

    return ParquetWriter(out, schema, scratch)


def _pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The frame in pieces that may be copied a few times."""
    size = frame.estimated_size() / max(1, frame.height)
    step = max(1, min(_STEP_ROWS, int(_STEP_BYTES / max(1.0, size))))
    for start in range(0, frame.height, step):
        yield frame.slice(start, step)


def _disk(name: str, error: OSError) -> DiskFatal:
    return DiskFatal(f"{name} cannot be written: {error.strerror or 'input/output error'}")
