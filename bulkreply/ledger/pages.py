"""Pages of an export as they came, each with its checkpoint in one transaction: a killed export goes on from there."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bulkreply.errors import DiskFatal, LedgerUnusable

_SCHEMA = """
CREATE TABLE scope (id INTEGER PRIMARY KEY, parents TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT -1);
CREATE TABLE page (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, skip INTEGER NOT NULL, count INTEGER NOT NULL,
    more INTEGER NOT NULL, left_out TEXT NOT NULL, at_s REAL NOT NULL, body BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX page_scope ON page (scope, id);
CREATE TABLE detail (record TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A listing to be read: all records, or those of one parent.

    Attributes:
        parents: Fields that name the parent, empty for a listing of its own.
        total: Records Reply says there are, -1 when it does not.
    """

    id: int
    parents: Mapping[str, str]
    done: bool
    total: int


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it was read.

    Attributes:
        skip: Offset it was asked for at.
        count: Records in it.
        left_out: Indexes of records that an earlier page holds.
    """

    skip: int
    count: int
    more: bool
    left_out: Sequence[int]
    at_s: float
    body: bytes


class Pages:
    """The pages of one run.

    Raises:
        DiskFatal: From every method that writes: the disk refused.
        LedgerUnusable: From every method that reads: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript("PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;")
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'page'").fetchone():
                self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        except (OSError, sqlite3.OperationalError):
            raise DiskFatal(f"{path.name} cannot be written") from None
        except sqlite3.DatabaseError:
            raise LedgerUnusable(f"{path.name} is damaged", hint="--fresh begins anew") from None

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def scopes(self) -> list[Scope]:
        """All listings of the run, in the order they are read."""
        rows = self._read("SELECT id, parents, done, total FROM scope ORDER BY id")
        return [Scope(number, orjson.loads(parents), bool(done), total) for number, parents, done, total in rows]

    def plan(self, parents: Sequence[Mapping[str, str]]) -> None:
        """Notes the listings that are to be read, once."""
        with self._transaction():
            self._db.executemany("INSERT INTO scope (parents) VALUES (?)", [(orjson.dumps(one),) for one in parents])

    def add(self, scope: int, page: StoredPage, total: int, done: bool) -> None:
        """Keeps a page and how far the listing has come, together."""
        packed = zlib.compress(page.body, 1)
        left_out, total_of_bytes = orjson.dumps(list(page.left_out)), zlib.crc32(packed)
        with self._transaction():
            self._db.execute(
                "INSERT INTO page (scope, skip, count, more, left_out, at_s, body, checksum) VALUES (?,?,?,?,?,?,?,?)",
                (scope, page.skip, page.count, page.more, left_out, page.at_s, packed, total_of_bytes),
            )
            self._db.execute("UPDATE scope SET done = ?, total = ? WHERE id = ?", (done, total, scope))

    def finish(self, scope: int) -> None:
        """Notes that a listing has been read to its end."""
        with self._transaction():
            self._db.execute("UPDATE scope SET done = 1 WHERE id = ?", (scope,))

    def pages(self, scope: int) -> Iterator[StoredPage]:
        """The pages of a listing in the order they were read."""
        query = "SELECT skip, count, more, left_out, at_s, body, checksum FROM page WHERE scope = ? ORDER BY id"
        for skip, count, more, left_out, at_s, packed, checksum in self._read(query, (scope,)):
            if zlib.crc32(packed) != checksum:
                raise LedgerUnusable("a page of this run is damaged", hint="--fresh begins anew")
            yield StoredPage(skip, count, bool(more), orjson.loads(left_out), at_s, zlib.decompress(packed))

    def add_details(self, found: Mapping[str, bytes]) -> None:
        """Keeps records that were read whole."""
        rows = [(record, zlib.compress(body, 1)) for record, body in found.items()]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO detail VALUES (?, ?)", rows)

    def detailed(self) -> set[str]:
        """Ids of records that were read whole."""
        return {record for (record,) in self._read("SELECT record FROM detail")}

    def detail(self, record: str) -> Any:
        """A record that was read whole, None when it was not."""
        found = next(iter(self._read("SELECT body FROM detail WHERE record = ?", (record,))), None)
        return orjson.loads(zlib.decompress(found[0])) if found else None

    def times_s(self) -> tuple[float, float]:
        """When the first and the last page were read, Unix seconds; zeros when none was."""
        rows = list(self._read("SELECT min(at_s), max(at_s) FROM page"))
        return (rows[0][0] or 0.0, rows[0][1] or 0.0)

    def _read(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.DatabaseError:
            raise LedgerUnusable("the pages of this run are damaged", hint="--fresh begins anew") from None

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error:
            raise DiskFatal("the pages of this run cannot be written", hint="make room, then resume") from None
        if isinstance(error, sqlite3.Error):
            raise DiskFatal("the pages of this run cannot be written", hint="make room, then resume") from None
