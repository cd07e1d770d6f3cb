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
JUST_NOW_S = 2.0
"""A file that was written so shortly ago may be written again without its times telling."""


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
    paths = paths_of(pattern, folder, spool)
    tables = tuple(open_table(path, options, file=i, spool=spool) for i, path in enumerate(paths))
    for table in tables[1:]:
        missing = set(tables[0].columns) ^ set(table.columns)
        if missing:
            raise SourceUnreadable(
                f"{table.path} has other columns than {tables[0].path}: {', '.join(sorted(missing))}",
                hint="files read together need the same columns",
            )
    return FileSource(tables)


def paths_of(pattern: str | Sequence[str], folder: Path, spool: Path) -> list[Path]:
    """The input files of a job.

    Raises:
        SourceUnreadable: There is none.
    """
    paths: list[Path] = []
    for one in [pattern] if isinstance(pattern, str) else pattern:
        paths += [_standard_input(spool)] if one == "-" else expand(one, folder)
    if not paths:
        raise SourceUnreadable("the job names no input file")
    return paths


def seen(paths: Sequence[Path], now_s: float) -> str:
    """What the file system says of files, changed by whatever is done to one of them; "" where it cannot tell."""
    try:
        found = [(str(path.absolute()), path.stat()) for path in paths]
    except OSError:
        return ""
    if any(now_s - max(one.st_mtime, one.st_ctime) < JUST_NOW_S for _, one in found):
        return ""
    words = [(path, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in found]
    return hashlib.blake2b(repr(words).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _standard_input(spool: Path) -> Path:
    kept = spool / SPOOLED_INPUT
    return kept if kept.is_file() else spool_stdin(sys.stdin.buffer, spool)
