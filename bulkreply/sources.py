"""Where rows come from. A source yields chunks; here the file form."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.files.formats import FileOptions, Table, content_fingerprint, expand, open_table, spool_stdin
from bulkreply.records import Chunk

SPOOLED_INPUT = "stdin.input"


@dataclass(frozen=True, slots=True)
class FileSource:
    """Rows of one or more files with the same columns.

    Attributes:
        tables: The files in order; a chunk's `file` is an index into them.
    """

    tables: tuple[Table, ...]

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """Columns of the first file with their types as chunks deliver them."""
        first = next(iter(self.tables[0].chunks(1)), None)
        schema = first.frame.schema if first is not None else {}
        return {name: schema.get(name, pl.String()) for name in self.tables[0].columns}

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(table.size_bytes for table in self.tables)

    def chunks(self) -> Iterator[Chunk]:
        """All rows, file by file."""
        for table in self.tables:
            yield from table.chunks()

    def fingerprint(self) -> str:
        """Changes with any byte of any file, and with their order."""
        digest = hashlib.blake2b(digest_size=16)
        for table in self.tables:
            digest.update(content_fingerprint(table.path).encode())
        return digest.hexdigest()


def open_files(pattern: str | Sequence[str], folder: Path, options: FileOptions, spool: Path) -> FileSource:
    """Opens the input files of a job.

    Args:
        pattern: Path, glob or list of them, relative to `folder`; `-` for standard input.
        folder: Folder of the job file.
        spool: Private folder for standard input, which must be readable again on resume.

    Raises:
        SourceUnreadable: No file, a file that is no table, or files with different columns.
    """
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    paths: list[Path] = []
    for one in patterns:
        paths += [_standard_input(spool)] if one == "-" else expand(one, folder)
    if not paths:
        raise SourceUnreadable("the job names no input file")
    tables = tuple(open_table(path, options, file=i, spool=spool) for i, path in enumerate(paths))
    for table in tables[1:]:
        missing = set(tables[0].columns) ^ set(table.columns)
        if missing:
            raise SourceUnreadable(
                f"{table.path} has other columns than {tables[0].path}: {', '.join(sorted(missing))}",
                hint="files read together need the same columns",
            )
    return FileSource(tables)


def _standard_input(spool: Path) -> Path:
    kept = spool / SPOOLED_INPUT
    return kept if kept.is_file() else spool_stdin(sys.stdin.buffer, spool)
