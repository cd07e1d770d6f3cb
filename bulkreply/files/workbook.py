"""Excel workbooks: looked at from outside first, then read by a child process under limits."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

import bulkreply
from bulkreply.errors import SourceUnreadable
from bulkreply.files.table import (
    CHUNK_ROWS,
    ERROR_COLUMNS,
    FileOptions,
    Piece,
    checked_header,
    column_letter,
    rechunk,
    restored,
)
from bulkreply.records import Chunk, Reject

_FILE_BYTES = 512 << 20
_ENTRIES = 5_000
_UNPACKED_BYTES = 4 << 30
_RATIO = 200
_RATIO_FROM_BYTES = 64 << 20
WALL_S = 1_800.0
_SAVE_AS = "open it in a spreadsheet program and save it as .xlsx or CSV"


class WorkbookTable:
    """One sheet of a workbook, opened: converted to text once, then read as often as needed.

    Args:
        path: The file.
        options: Sheet and header row.
        file: Position of the file among the inputs of the job.
        wall_s: How long the conversion may take.
        spool: Where the converted text lies (in a private folder, removed with the table); a temporary place
            when None.

    Raises:
        SourceUnreadable: It is no workbook, is unsafe to unpack, has no such sheet, or its header is unusable.
    """

    suffix = ".xlsx"

    def __init__(
        self,
        path: Path,
        options: FileOptions,
        *,
        file: int = 0,
        spool: Path | None = None,
        wall_s: float = WALL_S,
    ) -> None:
        self.path = path
        self.size_bytes = path.stat().st_size
        self._file = file
        check_archive(path)
        self._folder = Path(tempfile.mkdtemp(prefix="sheet-", dir=spool))
        self._cleanup = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        try:
            told = _convert(path, self._folder, options, wall_s)
            if not told["header"] and told["next_row"]:
                raise SourceUnreadable(
                    f"{path.name}: the header (row {options.header_row}) is blank",
                    hint=f"the next row with cells is {told['next_row']}: set header_row: N",
                )
            self._names = checked_header(told["header"], path, told["header_row"])
            if not told["parts"]:
                raise SourceUnreadable(f"{path.name} has a header and no rows", hint="there is nothing to do")
        except BaseException:
            self._cleanup()
            raise
        self._parts: list[int] = told["parts"]
        self._sheet: str = told["sheet"]
        self._sheet_said = f"{told['sheet']} ({told['number']} of {told['sheets']})"
        self.columns = tuple(name for name in self._names if name not in ERROR_COLUMNS)

    @property
    def dialect(self) -> Mapping[str, str]:
        """Which sheet is read."""
        return {"format": "xlsx", "sheet": self._sheet_said}

    def chunks(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows, all text; rows with cells right of the header are rejects."""
        return rechunk(self._pieces(), chunk_rows, self._empty(), self._file)

    def originals(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The rows together with the rejected ones, as far as the header goes."""
        return rechunk(restored(self._pieces(), self.columns), chunk_rows, self._empty(), self._file)

    def write_like(self, frames: Iterator[pl.DataFrame], target: Path) -> None:
        """Write a workbook with the same sheet name; see `Table.write_like`."""
        from bulkreply.files.workbook_writer import write_workbook

        write_workbook(frames, target, self._sheet)

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))

    def _pieces(self) -> Iterator[Piece]:
        kept = pl.selectors.by_name(*self.columns)
        schema = {"\x00row": pl.UInt32, "\x00surplus": pl.String} | dict.fromkeys(self._names, pl.String)
        for part, height in enumerate(self._parts):
            frame = pl.read_csv(
                self._folder / f"{part:06d}.csv", has_header=False, schema=schema, glob=False, missing_columns="insert"
            )
            if frame.height != height:
                raise SourceUnreadable(f"{self.path.name} could not be converted to text without loss")
            frame = frame.with_columns(pl.selectors.string().replace("", None))
            filled = pl.any_horizontal(pl.selectors.by_name(*self.columns, "\x00surplus").is_not_null())
            frame = frame.filter(filled)
            whole = frame.filter(pl.col("\x00surplus").is_null())
            rest = frame.filter(pl.col("\x00surplus").is_not_null())
            rejects = tuple(
                self._reject(row, cells) for row, cells in rest.select("\x00row", "\x00surplus").iter_rows()
            )
            broken = tuple(rest.select(kept).iter_rows())
            yield Piece(whole.select(kept), whole["\x00row"].alias("row"), rejects, broken)

    def _reject(self, row: int, surplus: str) -> Reject:
        last = column_letter(len(self._names) - 1)
        message = f"the row has cells right of column {last}, where the header ends: {surplus}"
        hint = "name the column in the header row, or delete the cells"
        return Reject(row, "", "", "row.ragged", message, hint, self._file)


def check_archive(path: Path) -> None:
    """Look at a workbook from outside: its first bytes and the table of contents of its archive.

    Raises:
        SourceUnreadable: It is no .xlsx workbook, or would grow beyond reason when unpacked.
    """
    if path.stat().st_size > _FILE_BYTES:
        raise SourceUnreadable(
            f"{path.name} is larger than {_FILE_BYTES >> 20} MiB, too large for a workbook",
            hint="save the sheet as CSV",
        )
    _refuse_other_documents(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise SourceUnreadable(f"{path.name} is damaged: its archive cannot be opened", hint="fetch it again") from None
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names:
        what = "a zip archive, but no Excel workbook"
        if "xl/workbook.bin" in names:
            what = "a binary workbook (.xlsb)"
        elif "mimetype" in names and "content.xml" in names:
            what = "an OpenDocument file (.ods)"
        raise SourceUnreadable(f"{path.name} is {what}", hint=_SAVE_AS)
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    bloated = unpacked > _RATIO_FROM_BYTES and unpacked > _RATIO * max(packed, 1)
    if len(entries) > _ENTRIES or unpacked > _UNPACKED_BYTES or bloated:
        raise SourceUnreadable(
            f"{path.name} would grow from {path.stat().st_size >> 10} KiB to {unpacked >> 20} MiB when unpacked,"
            " which no honest workbook does",
            hint="save the sheet as CSV",
        )


def _refuse_other_documents(path: Path) -> None:
    with path.open("rb") as raw:
        head = raw.read(8192)
    if not head:
        raise SourceUnreadable(f"{path.name} is empty", hint="export it again")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        if _mentions(path, "EncryptedPackage".encode("utf-16-le")):
            raise SourceUnreadable(f"{path.name} is protected by a password", hint="save it without the password")
        raise SourceUnreadable(f"{path.name} is a workbook of the old kind (.xls)", hint=_SAVE_AS)
    if not head.startswith(b"PK"):
        raise SourceUnreadable(f"{path.name} is no Excel workbook", hint="give the file the ending of its true format")


def _mentions(path: Path, text: bytes) -> bool:
    with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(text) >= 0


def _convert(path: Path, folder: Path, options: FileOptions, wall_s: float) -> dict[str, Any]:
    """Run the child and hear what it has to say."""
    command = [sys.executable, "-m", "bulkreply.files.workbook_child", str(path.resolve()), str(folder)]
    command += [json.dumps(options.sheet), str(options.header_row), json.dumps(ERROR_COLUMNS)]
    # The child needs neither keys nor settings of the parent.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(Path(bulkreply.__path__[0]).parent), "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=wall_s, check=False
        )
        told: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        told = {}
    if not told:
        raise SourceUnreadable(
            f"{path.name} could not be read within the limits of memory and time", hint="save the sheet as CSV"
        )
    if "error" in told:
        raise SourceUnreadable(f"{path.name}: {told['error']}", hint=told.get("hint", ""))
    return told
