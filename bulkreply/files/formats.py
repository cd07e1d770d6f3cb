"""The front door of files: every format opened as a table, patterns expanded, rejects written in kind."""

from __future__ import annotations

import difflib
import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from bulkreply.errors import SourceUnreadable
from bulkreply.files.delimited import DelimitedTable
from bulkreply.files.jsonlines import JsonLinesTable
from bulkreply.files.octets import opened
from bulkreply.files.parquet import ParquetTable
from bulkreply.files.rejects import write_rejects
from bulkreply.files.table import CHUNK_ROWS, ERROR_COLUMNS, FileOptions, Table
from bulkreply.files.workbook import WorkbookTable

__all__ = [
    "CHUNK_ROWS",
    "ENDINGS",
    "ERROR_COLUMNS",
    "FORMATS",
    "FileOptions",
    "Table",
    "content_fingerprint",
    "expand",
    "open_table",
    "spool_stdin",
    "write_rejects",
]

FORMATS = ("csv", "tsv", "xlsx", "parquet", "ndjson")
ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xlsx",
    ".xlsb": "xlsx",
    ".ods": "xlsx",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_COPY_BYTES = 1 << 20


def open_table(path: Path, options: FileOptions, *, file: int = 0, spool: Path | None = None) -> Table:
    """Open one input file and check that it is the table it claims to be.

    Args:
        path: The file.
        options: How to read it; None means detect.
        file: Position of the file among the inputs of the job; it marks chunks and rejects.
        spool: Folder for what a workbook is unpacked into; a private temporary one when None.

    Raises:
        SourceUnreadable: It does not exist, is not of its format, is empty, or has an unusable header.
    """
    if options.format is not None and options.format not in FORMATS:
        raise SourceUnreadable(f'format "{options.format}" is not known', hint=f"one of {', '.join(FORMATS)}")
    if options.header_row < 1:
        raise SourceUnreadable(f"header_row: {options.header_row} is not a row", hint="the first row is 1")
    if not path.exists():
        raise _missing(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device, which cannot be read twice"
        hint = "name a file, or a pattern: folder/*.csv" if path.is_dir() else "let it flow in: file: '-'"
        raise SourceUnreadable(f"{path.name} is {what}", hint=hint)
    match format_of(path, options):
        case "xlsx":
            return WorkbookTable(path, options, file=file, spool=spool)
        case "parquet":
            return ParquetTable(path, options, file=file)
        case "ndjson":
            return JsonLinesTable(path, options, file=file)
        case "tsv":
            return DelimitedTable(path, replace(options, format="tsv"), file=file)
    return DelimitedTable(path, options, file=file)


def format_of(path: Path, options: FileOptions) -> str:
    """The format of a file: what the options say, else its ending, else its first bytes."""
    if options.format is not None:
        return options.format
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] == ".gz":
        endings.pop()
    if endings and endings[-1] in ENDINGS:
        return ENDINGS[endings[-1]]
    with opened(path) as raw:
        head = raw.read(4096)
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"PAR1"):
        return "parquet"
    return "ndjson" if head.lstrip().startswith(b'{"') else "csv"


def expand(pattern: str, folder: Path) -> list[Path]:
    """The files a pattern means, sorted by name.

    Args:
        pattern: A path or a glob (`*`, `?`, `[…]`, `**`), relative to `folder` unless absolute.
        folder: Usually the folder of the job file.

    Raises:
        SourceUnreadable: Nothing matches.
    """
    path = Path(pattern).expanduser()
    whole = path if path.is_absolute() else folder / path
    if whole.exists():
        return [whole]
    if not any(mark in pattern for mark in "*?["):
        raise _missing(whole)
    anchor = Path(whole.anchor) if path.is_absolute() else folder
    steps = whole.relative_to(anchor) if path.is_absolute() else path
    found = sorted(match for match in anchor.glob(str(steps)) if match.is_file())
    if not found:
        raise SourceUnreadable(f"no file matches {pattern}", hint=f"looked in {anchor}")
    return found


def _missing(path: Path) -> SourceUnreadable:
    if not path.parent.is_dir():
        return SourceUnreadable(f"there is no file {path}", hint=f"there is no folder {path.parent} either")
    names = sorted(other.name for other in path.parent.iterdir() if other.is_file())
    near = difflib.get_close_matches(path.name, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the folder holds {len(names)} other files"
    return SourceUnreadable(f"there is no file {path}", hint=hint)


def spool_stdin(stream: BinaryIO, folder: Path) -> Path:
    """Copy a stream that can be read only once into a private file (0600), so that a run can be resumed.

    Args:
        stream: Standard input, in bytes.
        folder: The run folder; must exist.
    """
    handle, name = tempfile.mkstemp(prefix="stdin-", suffix=".part", dir=folder)
    with os.fdopen(handle, "wb") as out:
        while block := stream.read(_COPY_BYTES):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    target = folder / "stdin.input"
    Path(name).replace(target)
    return target


def content_fingerprint(path: Path) -> str:
    """A one-way name of a file's bytes: 32 hexadecimal digits. Reads the file once."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as raw:
            while block := raw.read(_COPY_BYTES):
                digest.update(block)
    except OSError as error:
        raise SourceUnreadable(f"{path.name} cannot be read: {error.strerror}") from None
    return digest.hexdigest()
