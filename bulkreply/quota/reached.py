"""How many people runs of one account made Reply write to, day by day: counted before they are, by every process.

A day is a UTC day. Written through to the disk: a count that is lost would let more people be written to than allowed.
"""

from __future__ import annotations

import os
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from bulkreply.clock import Clock
from bulkreply.errors import DiskFatal
from bulkreply.secrets import private_folder

_SCHEMA = "CREATE TABLE IF NOT EXISTS day(day TEXT PRIMARY KEY, people INTEGER NOT NULL) WITHOUT ROWID"
_ADD = "INSERT INTO day VALUES(?1, max(0, ?2)) ON CONFLICT(day) DO UPDATE SET people = max(0, people + ?2)"
_BUSY_S = 30.0


class Reached:
    """The count of one account.

    Args:
        path: The account's file, made if missing (0600).
        clock: Source of time.

    Raises:
        DiskFatal: From every method: what cannot be counted must not be sent.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    @property
    def day(self) -> str:
        """Today, `2026-11-24`."""
        return datetime.fromtimestamp(self._clock.now_s(), UTC).strftime("%Y-%m-%d")

    @property
    def tomorrow_s(self) -> float:
        """When the next day begins, Unix seconds."""
        today = datetime.fromtimestamp(self._clock.now_s(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (today + timedelta(days=1)).timestamp()

    def people(self) -> int:
        """How many were counted today."""
        with self._opened() as db:
            return self._people(db)

    def take(self, wanted: Sequence[int], most: int | None) -> int:
        """Counts as many of these as still fit into the day, from the first on.

        Args:
            wanted: People each of them reaches.
            most: People of one day, None for any number.

        Returns:
            How many of them fit.
        """
        with self._opened() as db:
            room = sum(wanted) if most is None else most - self._people(db)
            totals = list(accumulate(wanted))
            fits = bisect_right(totals, room)
            self._add(db, self.day, totals[fits - 1] if fits else 0)
        return fits

    def give_back(self, day: str, people: int) -> None:
        """Takes back what was counted on a day for people who were not written to after all."""
        with self._opened() as db:
            self._add(db, day, -people)

    def _people(self, db: sqlite3.Connection) -> int:
        row = db.execute("SELECT people FROM day WHERE day = ?", (self.day,)).fetchone()
        return int(row[0]) if row else 0

    def _add(self, db: sqlite3.Connection, day: str, people: int) -> None:
        if people:
            db.execute(_ADD, (day, people))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else is in."""
        try:
            private_folder(self._path.parent)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self._path, isolation_level=None, timeout=_BUSY_S)
        except (OSError, sqlite3.Error) as error:
            raise self._fatal(error) from None
        try:
            db.execute("PRAGMA synchronous = EXTRA")
            db.execute("BEGIN IMMEDIATE")
            db.execute(_SCHEMA)
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._fatal(error) from None
        finally:
            db.close()

    def _fatal(self, error: Exception) -> DiskFatal:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "the state folder must be writable; a damaged file can be removed, then today counts from zero"
        return DiskFatal(f"people written to today cannot be counted in {self._path}: {words}", hint=hint)
