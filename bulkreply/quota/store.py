"""The file of one account's windows: SQLite, one row per moment in which answers came, in-flight counts per process.

`synchronous=OFF` with a rollback journal: a killed process cannot damage it, a power cut may lose the last seconds or
the file; then counting starts anew, paced evenly (see `account`). Nothing here waits: a busy file raises `Busy`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.quota.pacing import Pace
from bulkreply.quota.processes import own_mark, process_mark
from bulkreply.secrets import private_folder

_VERSION = 1
_SCHEMA = """
CREATE TABLE owner(id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, mark TEXT NOT NULL);
CREATE TABLE flight(owner INTEGER, rate_class TEXT, calls INTEGER NOT NULL, PRIMARY KEY(owner, rate_class))
  WITHOUT ROWID;
CREATE TABLE answered(id INTEGER PRIMARY KEY AUTOINCREMENT, rate_class TEXT NOT NULL, at_ms INTEGER NOT NULL,
  calls INTEGER NOT NULL);
CREATE TABLE lane(rate_class TEXT PRIMARY KEY, longest_ms INTEGER NOT NULL DEFAULT 0,
  parked_until_ms INTEGER NOT NULL DEFAULT 0, parked_at_ms INTEGER NOT NULL DEFAULT 0,
  pace_factor REAL, pace_since_ms INTEGER NOT NULL DEFAULT 0);
PRAGMA user_version = 1;
"""
_FLIGHT = "INSERT INTO flight VALUES(?, ?, ?) ON CONFLICT(owner, rate_class) DO UPDATE SET calls = excluded.calls"
_NOTE_READ = "SELECT rate_class, parked_until_ms, parked_at_ms, pace_factor, pace_since_ms, longest_ms FROM lane"
_NOTE = (
    "INSERT INTO lane(rate_class, parked_until_ms, parked_at_ms, pace_factor, pace_since_ms, longest_ms)"
    " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(rate_class) DO UPDATE SET"
    " parked_until_ms = max(parked_until_ms, excluded.parked_until_ms), parked_at_ms ="
    " CASE WHEN excluded.parked_until_ms > parked_until_ms THEN excluded.parked_at_ms ELSE parked_at_ms END,"
    " pace_factor = CASE WHEN excluded.pace_since_ms > pace_since_ms THEN excluded.pace_factor ELSE pace_factor END,"
    " pace_since_ms = max(pace_since_ms, excluded.pace_since_ms),"
    " longest_ms = max(longest_ms, excluded.longest_ms)"
)

_PULL_BACK = (  # nothing that was noted lies in the future
    "UPDATE answered SET at_ms = :now WHERE at_ms > :now",
    "UPDATE lane SET parked_until_ms = parked_until_ms - parked_at_ms + :now, parked_at_ms = :now"
    " WHERE parked_at_ms > :now",
    "UPDATE lane SET pace_since_ms = :now WHERE pace_since_ms > :now",
)


class Busy(Exception):
    """Another process is writing; try again in a moment."""


class Damaged(Exception):
    """The file is not what was written, or no longer the one that was opened.

    Args:
        inode: The file that was meant.
    """

    def __init__(self, inode: int) -> None:
        super().__init__(inode)
        self.inode = inode


@dataclass(frozen=True, slots=True)
class LaneNote:
    """What a rate class remembers besides its calls."""

    parked_until_ms: int
    parked_at_ms: int
    pace: Pace | None
    longest_ms: int


@dataclass(slots=True)
class News:
    """What other processes did since the last look."""

    answered: list[tuple[str, int, int]] = field(default_factory=list)
    foreign_flight: dict[str, int] = field(default_factory=dict)
    notes: dict[str, LaneNote] = field(default_factory=dict)
    owners: int = 1


@contextmanager
def _explained(path: Path, inode: int) -> Iterator[None]:
    """SQLite's errors as what to do about them."""
    try:
        yield
    except sqlite3.DatabaseError as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Busy from None
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise Damaged(inode) from None
        raise DiskFatal(f"{path}: {problem}", hint="the state folder must be writable and not full") from None


def set_aside(path: Path, inode: int, now_ms: int) -> None:
    """Rename a damaged file (and its journal, which must not meet a new file) to `….damaged-<time>`.

    Nothing happens when another process already did: the file there now is another one.
    """
    with suppress(FileNotFoundError):
        if path.stat().st_ino != inode:
            return
    for part in (path, path.with_name(path.name + "-journal")):
        with suppress(FileNotFoundError):
            part.rename(part.with_name(f"{part.name}.damaged-{now_ms}"))


class Store:
    """One process's connection to the file.

    Every method may raise `Busy`, `Damaged` or `DiskFatal`; `look` opens the transaction that `write` closes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fresh = False
        self._seen_id = 0
        self._seen_version = -1
        self._flight: dict[str, int] = {}
        try:
            private_folder(path.parent)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as problem:
            raise DiskFatal(f"{path}: {problem.strerror}", hint="the state folder must be writable") from None
        self._inode = path.stat().st_ino
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            with _explained(path, self._inode):
                self._owner = self._prepare()
        except BaseException:
            self.shut()
            raise

    def _prepare(self) -> int:
        run = self._connection.execute
        run("PRAGMA journal_mode=TRUNCATE")
        run("PRAGMA synchronous=OFF")
        run("BEGIN IMMEDIATE")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise UsageProblem(f"{self.path} was written by a newer bulkreply", hint="update bulkreply")
        self.fresh = version == 0
        if self.fresh:
            for statement in _SCHEMA.split(";"):
                run(statement)
        owner = run("INSERT INTO owner(pid, mark) VALUES(?, ?)", own_mark()).lastrowid
        self._commit()
        return owner or 0

    def shut(self) -> None:
        """Close the connection."""
        self._connection.close()

    def look(self) -> News | None:
        """Begin a transaction and read what others wrote since the last look; None when nothing."""
        try:
            if os.stat(self.path).st_ino != self._inode:  # noqa: PTH116 (every transaction)
                raise Damaged(self._inode)
        except FileNotFoundError:
            raise Damaged(self._inode) from None
        with self._undoing():
            self._connection.execute("BEGIN IMMEDIATE")
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version == self._seen_version:
                return None
            news = self._read()
            self._seen_version = version
            return news

    def _read(self) -> News:
        run = self._connection.execute
        news = News()
        last_id = self._seen_id
        for row in run("SELECT id, rate_class, at_ms, calls FROM answered WHERE id > ? ORDER BY id", (last_id,)):
            last_id = row[0]
            news.answered.append(row[1:])
        if run("SELECT 1 FROM owner WHERE id = ?", (self._owner,)).fetchone() is None:
            # Somebody who cannot see this process (another container) took it for dead.
            run("INSERT INTO owner(id, pid, mark) VALUES(?, ?, ?)", (self._owner, *own_mark()))
            self._write_flight(self._flight)
        news.foreign_flight.update(
            run("SELECT rate_class, sum(calls) FROM flight WHERE owner <> ? GROUP BY 1", (self._owner,))
        )
        for rate_class, until_ms, at_ms, factor, since_ms, longest_ms in run(_NOTE_READ):
            pace = None if factor is None else Pace(factor, since_ms)
            news.notes[rate_class] = LaneNote(until_ms, at_ms, pace, longest_ms)
        news.owners = run("SELECT count(*) FROM owner").fetchone()[0]
        self._seen_id = last_id
        return news

    def write(
        self,
        answered: list[tuple[str, int, int]],
        flight: Mapping[str, int],
        notes: Mapping[str, LaneNote],
    ) -> None:
        """Record answers (class, ms, calls), this process's calls in flight and changed notes; end the transaction."""
        run = self._connection.execute
        with self._undoing():
            last_id = self._seen_id
            for row in answered:
                last_id = run("INSERT INTO answered(rate_class, at_ms, calls) VALUES(?, ?, ?)", row).lastrowid or 0
            self._write_flight(flight)
            for rate_class, note in notes.items():
                factor, since_ms = (note.pace.factor, note.pace.since_ms) if note.pace else (None, 0)
                parked = (note.parked_until_ms, note.parked_at_ms)
                run(_NOTE, (rate_class, *parked, factor, since_ms, note.longest_ms))
            self._commit()
            self._seen_id = last_id
            self._flight.update(flight)

    def _write_flight(self, flight: Mapping[str, int]) -> None:
        for rate_class, calls in flight.items():
            self._connection.execute(_FLIGHT, (self._owner, rate_class, calls))

    def pull_back(self, now_ms: int) -> None:
        """Within a transaction: the clock stepped back, so no answer, park or pace lies in the future."""
        with self._undoing():
            for statement in _PULL_BACK:
                self._connection.execute(statement, {"now": now_ms})

    def tidy(self, now_ms: int) -> None:
        """Within a transaction: drop answers that no window of any process needs."""
        with self._undoing():
            self._connection.execute(
                "DELETE FROM answered WHERE at_ms < ? - (SELECT longest_ms FROM lane"
                " WHERE lane.rate_class = answered.rate_class)",
                (now_ms,),
            )

    def bury(self, now_ms: int) -> None:
        """Calls in flight of processes that are gone count as answered now: later than they can have been."""
        run = self._connection.execute
        with self._undoing():
            run("BEGIN IMMEDIATE")
            for owner, pid, mark in run("SELECT id, pid, mark FROM owner WHERE id <> ?", (self._owner,)).fetchall():
                if process_mark(pid) != mark:
                    self._release_all(owner, now_ms)
            self._commit()
            self._seen_version = -1

    def leave(self, now_ms: int) -> None:
        """This process is done: what it still has in flight counts as answered now."""
        with self._undoing():
            self._connection.execute("BEGIN IMMEDIATE")
            self._release_all(self._owner, now_ms)
            self._commit()

    def _release_all(self, owner: int, now_ms: int) -> None:
        run = self._connection.execute
        run(
            "INSERT INTO answered(rate_class, at_ms, calls)"
            " SELECT rate_class, ?, calls FROM flight WHERE owner = ? AND calls > 0",
            (now_ms, owner),
        )
        run("DELETE FROM flight WHERE owner = ?", (owner,))
        run("DELETE FROM owner WHERE id = ?", (owner,))

    def _commit(self) -> None:
        for _ in range(200):  # a process that just tries the lock holds it for microseconds
            try:
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as problem:
                if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            else:
                return
        raise Busy

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        """Whatever fails in here leaves no transaction open, so that the next one can begin."""
        with _explained(self.path, self._inode):
            try:
                yield
            except BaseException:
                self.undo()
                raise

    def undo(self) -> None:
        """Roll back, if a transaction is open; the next look reads everything again that is not yet known."""
        self._seen_version = -1
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
