"""Intents before the bytes leave, outcomes in one transaction after; a damaged record is unknown, never done."""

from __future__ import annotations

import sqlite3
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from importlib import resources
from pathlib import Path

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans

SCHEMA_VERSION = 1
_ANEW = "start anew with --fresh; known keys are not re-created"
_COLUMNS = {
    "meta": "name, value",
    "batch": "id, positions, state, attempt, at_s, job, outcomes, ids, checksum",
    "failure": "position, code, field, message",
}


class State(IntEnum):
    """What is known of a batch. The number is stored; never renumber."""

    INTENT = 1
    FOLLOWING = 2
    SETTLED = 3
    REPLACED = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch as the ledger knows it.

    Attributes:
        positions: The staged positions it carries.
        at_s: When its intent was recorded, Unix seconds.
        job: Background job that does its work, "" when none.
        sound: False when the stored checksum does not fit: what the record says is not to be believed.
    """

    id: int
    positions: Spans
    state: State
    attempt: int
    at_s: float
    job: str = ""
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """Outcomes of one settled batch, as columns in the order of its positions."""

    positions: Spans
    outcomes: bytes
    ids: Sequence[int]


class Ledger:
    """The ledger of one run. Every write goes through `transaction`; a failing disk raises DiskFatal."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """A new, empty ledger (0600).

        Raises:
            DiskFatal: It cannot be written.
        """
        try:
            path.touch(mode=0o600, exist_ok=False)
            ledger = cls(_connect(path), path)
            script = (resources.files("bulkreply.ledger") / "schema.sql").read_text("utf-8")
            ledger._db.executescript(f"BEGIN;{script}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise DiskFatal(f"the ledger cannot be written: {_words(error)}") from None
        return ledger

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """The ledger of an earlier run.

        Raises:
            LedgerUnusable: It is missing, damaged, or written by a newer bulkreply.
        """
        if not path.is_file():
            raise LedgerUnusable(f"the run has no ledger: {path}")
        try:
            db = _connect(path)
        except (sqlite3.Error, UnicodeDecodeError):
            raise LedgerUnusable("the ledger is damaged", hint=_ANEW) from None
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise LedgerUnusable(f"the ledger is of a newer bulkreply (schema {version})", hint="upgrade bulkreply")
            if version != SCHEMA_VERSION or db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                raise LedgerUnusable("the ledger is damaged", hint=_ANEW)
            for table in ("meta", "batch", "failure"):
                db.execute(f"SELECT {_COLUMNS[table]} FROM {table} LIMIT 0")  # noqa: S608
        except (sqlite3.Error, UnicodeDecodeError):
            db.close()
            raise LedgerUnusable("the ledger is damaged", hint=_ANEW) from None
        except LedgerUnusable:
            db.close()
            raise
        return cls(db, path)

    def close(self) -> None:
        """Closes the file; a ledger that is closed can be opened again."""
        with suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """All writes inside are on disk when it ends, or none is.

        Raises:
            DiskFatal: The disk refused; nothing inside was recorded.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise DiskFatal(f"the ledger cannot be written: {_words(error)}") from None
            raise

    def note(self, **facts: str) -> None:
        """Stores facts about the run."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())

    def facts(self) -> dict[str, str]:
        """The facts stored with `note`."""
        return dict(self._db.execute("SELECT name, value FROM meta"))

    def intend(self, positions: Spans, attempt: int, at_s: float) -> int:
        """Records that a batch is about to be sent; its id."""
        return self._insert(positions, State.INTENT, attempt, at_s)

    def settle(
        self, batch: int, outcomes: bytes, ids: Sequence[int], failures: Mapping[int, tuple[str, str, str]]
    ) -> None:
        """Records what became of every position of a batch.

        Args:
            failures: Position -> `(code, field, message)` of rows somebody may want to look at.
        """
        packed = _pack(ids)
        positions, attempt, at_s = self._db.execute(
            "SELECT positions, attempt, at_s FROM batch WHERE id = ?", (batch,)
        ).fetchone()
        total = _checksum(positions, State.SETTLED, attempt, at_s, "", outcomes, packed)
        self._db.execute(
            "UPDATE batch SET state = ?, job = '', outcomes = ?, ids = ?, checksum = ? WHERE id = ?",
            (State.SETTLED, outcomes, packed, total, batch),
        )
        self.explain(failures)

    def settle_unsent(
        self, positions: Spans, outcomes: bytes, ids: Sequence[int], failures: Mapping[int, tuple[str, str, str]]
    ) -> None:
        """Records rows that need no call: duplicates, rows Reply does not know, rows carried over."""
        batch = self._insert(positions, State.INTENT, 0, 0.0)
        self.settle(batch, outcomes, ids, failures)

    def explain(self, failures: Mapping[int, tuple[str, str, str]]) -> None:
        """Stores why rows ended as they did."""
        self._db.executemany(
            "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)", ((p, *words) for p, words in failures.items())
        )

    def follow(self, batch: int, job: str) -> None:
        """Records the background job that does the work of a batch."""
        self._restate(batch, State.FOLLOWING, job)

    def replace(self, batch: int) -> None:
        """Takes a batch back: none of its positions was, or will be, done by it."""
        self._restate(batch, State.REPLACED, "")

    def open_entries(self) -> list[Entry]:
        """Batches with an intent and no outcome."""
        return [entry for entry, _, _ in self._entries("WHERE state < 3")]

    def settled(self) -> Spans:
        """Positions whose outcome is on record, damaged records left out."""
        return Spans.union(pair for result in self.results() for pair in result.positions.pairs)

    def damaged(self, positions: int) -> Spans:
        """Positions of records whose checksum does not fit: nobody knows what became of them.

        Args:
            positions: How many there are in all; the answer when a damaged record no longer says which it was about.
        """
        unsound = [entry for entry, _, _ in self._entries("") if not entry.sound]
        if any(not entry.positions.pairs for entry in unsound):
            return Spans.union([(0, positions)])
        return Spans.union(pair for entry in unsound for pair in entry.positions.within(0, positions).pairs)

    def results(self) -> Iterator[Result]:
        """Settled batches in the order they were begun."""
        for entry, outcomes, ids in self._entries("WHERE state = 3"):
            if entry.sound and len(outcomes) == len(entry.positions):
                yield Result(entry.positions, outcomes, _unpack(ids))

    def tally(self) -> dict[Outcome, int]:
        """Rows by outcome over all settled batches."""
        counts: dict[Outcome, int] = {}
        for result in self.results():
            for code in set(result.outcomes):
                outcome = Outcome(code)
                counts[outcome] = counts.get(outcome, 0) + result.outcomes.count(code)
        return counts

    def failures(self) -> Iterator[tuple[int, str, str, str]]:
        """`(position, code, field, message)`, ascending."""
        yield from self._db.execute("SELECT position, code, field, message FROM failure ORDER BY position")

    def _insert(self, positions: Spans, state: State, attempt: int, at_s: float) -> int:
        text = str(positions)
        total = _checksum(text, state, attempt, at_s, "", b"", b"")
        cursor = self._db.execute(
            "INSERT INTO batch (positions, state, attempt, at_s, checksum) VALUES (?, ?, ?, ?, ?)",
            (text, state, attempt, at_s, total),
        )
        return int(cursor.lastrowid or 0)

    def _restate(self, batch: int, state: State, job: str) -> None:
        positions, attempt, at_s = self._db.execute(
            "SELECT positions, attempt, at_s FROM batch WHERE id = ?", (batch,)
        ).fetchone()
        total = _checksum(positions, state, attempt, at_s, job, b"", b"")
        self._db.execute(
            "UPDATE batch SET state = ?, job = ?, outcomes = x'', ids = x'', checksum = ? WHERE id = ?",
            (state, job, total, batch),
        )

    def _entries(self, where: str) -> Iterator[tuple[Entry, bytes, bytes]]:
        query = f"SELECT {_COLUMNS['batch']} FROM batch {where} ORDER BY id"  # noqa: S608
        for batch, text, state, attempt, at_s, job, outcomes, ids, total in self._db.execute(query):
            try:
                sound = total == _checksum(text, state, attempt, at_s, job, outcomes, ids)
                entry = Entry(batch, Spans.parse(text), State(state), attempt, at_s, job, sound)
            except (TypeError, ValueError, AttributeError):
                entry = Entry(batch, Spans(), State.INTENT, 0, 0.0, sound=False)
            yield entry, outcomes, ids


def _connect(path: Path) -> sqlite3.Connection:
    """Rollback journal with synchronous=EXTRA: WAL is unsafe before SQLite 3.51.3 (DESIGN section 9)."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # damaged text fails its checksum, not the program
    try:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = EXTRA")
    except BaseException:
        db.close()
        raise
    return db


def _checksum(positions: str, state: int, attempt: int, at_s: float, job: str, outcomes: bytes, ids: bytes) -> int:
    head = f"{positions}|{int(state)}|{attempt}|{at_s!r}|{job}|".encode()
    return zlib.crc32(ids, zlib.crc32(outcomes, zlib.crc32(head)))


def _pack(ids: Sequence[int]) -> bytes:
    if not any(ids):
        return b""
    packed = ids if isinstance(ids, array) else array("q", ids)
    return _little_endian(packed).tobytes()


def _unpack(packed: bytes) -> Sequence[int]:
    ids = array("q")
    ids.frombytes(packed)
    return _little_endian(ids)


def _little_endian(ids: array[int]) -> array[int]:
    if sys.byteorder == "big":
        ids = array("q", ids)
        ids.byteswap()
    return ids


def _words(error: Exception) -> str:
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
