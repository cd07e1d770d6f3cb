"""Pages of an export as they came, each with its checkpoint in one transaction: a killed export goes on from there."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from bulkreply.errors import DiskFatal
from bulkreply.ledger.form import Form, Step
from bulkreply.ledger.opening import make, open_file, read_errors, shut
from bulkreply.ledger.sums import SALT_BYTES, Sums, new_salt
from bulkreply.ledger.version_2 import fill_pages, version_of_pages

FORM = Form(
    name="file of pages",
    version=2,
    script="pages.sql",
    columns={
        "seal": "id, salt, scopes, checksum",
        "scope": "id, parents, done, total, pages, checksum",
        "page": "id, scope, skip, count, more, left_out, at_s, body, checksum",
        "detail": "record, body, checksum",
    },
    version_of=version_of_pages,
    steps={2: Step("upgrades/002_pages.sql", fill_pages)},
)


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


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page on its way to the disk.

    Attributes:
        scope: The listing it belongs to.
        total: Records Reply says there are in it, -1 when it does not.
        done: Whether the listing has been read to its end.
    """

    scope: int
    page: StoredPage
    total: int
    done: bool


class Pages:
    """The pages of one run.

    Args:
        check: Called before every page that is read back; what it raises ends the reading.

    Raises:
        DiskFatal: From every method that writes: the disk refused.
        LedgerUnusable: From every method that reads: the file is damaged, or something that was in it is gone.
    """

    def __init__(self, connection: sqlite3.Connection, check: Callable[[], None] = lambda: None) -> None:
        self._db = connection
        self._check = check
        found = self._all(f"SELECT {FORM.columns['seal']} FROM seal WHERE id = 1")  # noqa: S608
        for _, salt, scopes, total in found:
            if isinstance(salt, bytes) and len(salt) == SALT_BYTES and Sums(salt).holds(total, (scopes,)):
                self._sums, self._scopes = Sums(salt), int(scopes)
                return
        raise FORM.damaged()

    @classmethod
    def create(cls, path: Path, parents: Sequence[Mapping[str, str]]) -> Pages:
        """A new file (0600) without pages.

        Args:
            parents: The listings that are to be read, by what they belong to.

        Raises:
            DiskFatal: It cannot be written.
        """

        def fill(db: sqlite3.Connection) -> None:
            sums = Sums(salt := new_salt())
            scopes = [(at, orjson.dumps(one).decode(), 0, -1, 0) for at, one in enumerate(parents, 1)]
            db.executemany("INSERT INTO scope VALUES (?, ?, ?, ?, ?, ?)", ((*one, sums.of(one)) for one in scopes))
            db.execute("INSERT INTO seal VALUES (1, ?, ?, ?)", (salt, len(scopes), sums.of((len(scopes),))))

        return cls(make(path, FORM, fill))

    @classmethod
    def open(cls, path: Path, check: Callable[[], None] = lambda: None) -> Pages:
        """The pages of an earlier execution, to go on with.

        Raises:
            LedgerUnusable: They are missing, damaged, or written by a newer bulkreply.
        """
        db = open_file(path, FORM)
        try:
            return cls(db, check)
        except BaseException:
            db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        shut(self._db)

    def scopes(self) -> list[Scope]:
        """All listings of the run, in the order they are read."""
        rows = self._all(f"SELECT {FORM.columns['scope']} FROM scope ORDER BY id")  # noqa: S608
        if len(rows) != self._scopes or not all(self._sums.holds(total, tuple(words)) for *words, total in rows):
            raise FORM.damaged()
        return [Scope(number, orjson.loads(parents), bool(done), total) for number, parents, done, total, _, _ in rows]

    def add_all(self, found: Sequence[KeptPage]) -> None:
        """Keeps pages and how far their listings have come, all together or none of them."""
        packed = [_pack(one.page.body) for one in found]
        with self._transaction():
            for one, body in zip(found, packed, strict=True):
                page = one.page
                left_out = orjson.dumps(list(page.left_out)).decode()
                number = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM page").fetchone()[0]
                values = (number, one.scope, page.skip, page.count, int(page.more), left_out, float(page.at_s))
                checksum = self._sums.of(values, body)
                self._db.execute("INSERT INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, body, checksum))
                self._restate(one.scope, one.done, one.total, 1)

    def finish(self, scope: int) -> None:
        """Notes that a listing has been read to its end."""
        with self._transaction():
            self._restate(scope, True)

    def pages(self, scope: int) -> Iterator[StoredPage]:
        """The pages of a listing in the order they were read."""
        query = f"SELECT {FORM.columns['page']} FROM page WHERE scope = ? ORDER BY id"  # noqa: S608
        left = self._one("SELECT pages FROM scope WHERE id = ?", scope)
        with read_errors(FORM):
            for *words, packed, checksum in self._db.execute(query, (scope,)):
                if not self._sums.holds(checksum, tuple(words), packed):
                    raise FORM.damaged()
                _, _, skip, count, more, left_out, at_s = words
                left -= 1
                self._check()
                yield StoredPage(skip, count, bool(more), orjson.loads(left_out), at_s, _unpack(packed))
        if left:
            raise FORM.damaged()

    def add_details(self, found: Mapping[str, bytes]) -> None:
        """Keeps records that were read whole."""
        packed = [(record, _pack(body)) for record, body in found.items()]
        rows = [(record, body, self._sums.of((record,), body)) for record, body in packed]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO detail VALUES (?, ?, ?)", rows)

    def detailed(self) -> set[str]:
        """Ids of records that were read whole, and what was read is undamaged."""
        with read_errors(FORM):
            rows = self._db.execute("SELECT record, body, checksum FROM detail")
            return {record for record, body, checksum in rows if self._sums.holds(checksum, (record,), body)}

    def detail(self, record: str) -> Any:
        """A record that was read whole, None when it was not."""
        for body, checksum in self._all("SELECT body, checksum FROM detail WHERE record = ?", record):
            if not self._sums.holds(checksum, (record,), body):
                raise FORM.damaged()
            return orjson.loads(_unpack(body))
        return None

    def times_s(self) -> tuple[float, float]:
        """When the first and the last page were read, Unix seconds; zeros when none was."""
        rows = self._all("SELECT min(at_s), max(at_s) FROM page")
        return (rows[0][0] or 0.0, rows[0][1] or 0.0)

    def _restate(self, scope: int, done: bool, total: int | None = None, more_pages: int = 0) -> None:
        """Rewrites how far a listing has come; its checksum must fit before it is given a new one."""
        query = f"SELECT {FORM.columns['scope']} FROM scope WHERE id = ?"  # noqa: S608
        found = self._db.execute(query, (scope,)).fetchone()
        if found is None or not self._sums.holds(found[-1], found[:-1]):
            raise FORM.damaged()
        number, parents, _, known, pages, _ = found
        values = (number, parents, int(done), known if total is None else total, pages + more_pages)
        self._db.execute("INSERT OR REPLACE INTO scope VALUES (?, ?, ?, ?, ?, ?)", (*values, self._sums.of(values)))

    def _one(self, query: str, *values: Any) -> int:
        found = self._all(query, *values)
        if not found or not isinstance(found[0][0], int):
            raise FORM.damaged()
        return found[0][0]

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with read_errors(FORM):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise DiskFatal("the pages of this run cannot be written", hint="make room, then resume") from None
            raise


def _pack(text: bytes) -> bytes:
    """A long text, in a quarter of the time that zlib takes."""
    return zstandard.compress(text, 1)


def _unpack(packed: bytes) -> bytes:
    """The text that was packed; at first, zlib did it."""
    return zstandard.decompress(packed) if packed.startswith(zstandard.FRAME_HEADER) else zlib.decompress(packed)
