"""Key hashes of all staged records; what is more than a part of them waits on disk, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

MOST = 250_000
"""Hashes that are held before they are put on disk."""
SHARES = 32
"""Equal hashes fall into the same share; one share at a time is read back."""


class Hashes:
    """UInt64 hashes in position order.

    Args:
        folder: Of the staging area.
        write: Writes a frame to a file in it.
        most: Hashes that are held at once.
    """

    def __init__(self, folder: Path, write: Callable[[pl.DataFrame, str], None], most: int = MOST) -> None:
        self._folder = folder
        self._write = write
        self._most = most
        self._held: list[pl.Series] = []
        self._held_rows = self._first = 0
        self._names: dict[int, list[str]] = {}

    def add(self, hashes: pl.Series) -> None:
        """The next ones."""
        self._held.append(hashes)
        self._held_rows += len(hashes)
        if self._held_rows < self._most:
            return
        for (share,), rows in self._frame().partition_by("share", as_dict=True, include_key=False).items():
            names = self._names.setdefault(share, [])
            names.append(f"hash-{share:02}-{len(names):06}.arrow")
            self._write(rows, names[-1])
        self._first += self._held_rows
        self._held, self._held_rows = [], 0

    def _frame(self) -> pl.DataFrame:
        """What is held: `position hash share`."""
        empty = pl.Series("hash", [], dtype=pl.UInt64)
        held = pl.concat([empty, *self._held]).to_frame().with_row_index("position", offset=self._first)
        return held.with_columns(share=pl.col("hash") % SHARES)

    def repeated(self) -> pl.Series:
        """Positions whose hash occurs more than once, ascending."""
        if not self._names:
            return _alike(self._frame()).sort()
        held, found = self._frame(), []
        for share in range(SHARES):
            written = [pl.read_ipc(self._folder / name) for name in self._names.get(share, ())]
            found.append(_alike(pl.concat([*written, held.filter(pl.col("share") == share).drop("share")])))
        return pl.concat(found).sort()

    def forget(self) -> None:
        """Removes what is on disk."""
        for names in self._names.values():
            for name in names:
                (self._folder / name).unlink(missing_ok=True)


def _alike(frame: pl.DataFrame) -> pl.Series:
    """Positions of hashes that are not alone; sorting takes a tenth of the memory that a table of them would."""
    ordered = frame.sort("hash")
    same = (ordered["hash"] == ordered["hash"].shift(1)).fill_null(False)
    return ordered["position"].filter(same | same.shift(-1, fill_value=False))
