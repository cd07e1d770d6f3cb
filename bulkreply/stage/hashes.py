"""Key hashes of all staged records; what is more than a part of them waits on disk, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

MOST = 250_000
"""Hashes that are compared with each other at once: 35 MiB, two seconds for five million."""


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
        self._held_rows = self._written_rows = 0
        self._names: list[str] = []

    def add(self, hashes: pl.Series) -> None:
        """The next ones."""
        self._held.append(hashes)
        self._held_rows += len(hashes)
        if self._held_rows >= self._most:
            self._names.append(f"hash-{len(self._names):06}.arrow")
            self._write(pl.concat(self._held).alias("hash").to_frame(), self._names[-1])
            self._written_rows += self._held_rows
            self._held, self._held_rows = [], 0

    def repeated(self) -> pl.Series:
        """Positions whose hash occurs more than once, ascending: equal ones fall into the same of several shares."""
        shares = -(-(self._written_rows + self._held_rows) // self._most)
        found = [pl.Series("position", [], dtype=pl.UInt32)]
        for share in range(shares):
            parts = [part.filter(pl.col("hash") % shares == share) for part in self._parts()]
            ordered = pl.concat(parts).sort("hash")  # a table of what is duplicated would take ten times the memory
            same = (ordered["hash"] == ordered["hash"].shift(1)).fill_null(False)
            found.append(ordered["position"].filter(same | same.shift(-1, fill_value=False)))
        return pl.concat(found).sort()

    def _parts(self) -> Iterator[pl.DataFrame]:
        """`position hash`, part by part."""
        first = 0
        for name in self._names:
            frame = pl.read_ipc(self._folder / name)
            yield frame.with_row_index("position", offset=first)
            first += frame.height
        if self._held:
            yield pl.concat(self._held).alias("hash").to_frame().with_row_index("position", offset=first)

    def forget(self) -> None:
        """Removes what is on disk."""
        for name in self._names:
            (self._folder / name).unlink(missing_ok=True)
