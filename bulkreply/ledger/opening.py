"""Makes and opens the SQLite files of a run: private, checked, of a known version, never in write-ahead mode.

A rollback journal with `synchronous=EXTRA` everywhere: WAL can damage a file before SQLite 3.51.3 (3.50.7, 3.44.6).
The journal stays while the file is open: a commit clears its head instead of removing it, in a third of the time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.ledger.form import Form, statements, words_of
from bulkreply.ledger.upgrade import bring_forward

BUSY_S = 10
_NOT_DAMAGED = {
    sqlite3.SQLITE_BUSY: "is in use by another program",
    sqlite3.SQLITE_LOCKED: "is in use by another program",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: see its owner and permissions, and those of its folder",
    sqlite3.SQLITE_PERM: "cannot be opened: see its owner and permissions",
    sqlite3.SQLITE_READONLY: "cannot be written: see its owner and permissions, and those of its folder",
    sqlite3.SQLITE_IOERR: "cannot be read: the disk refuses",
    sqlite3.SQLITE_FULL: "cannot be opened: the disk is full",
}


def make(path: Path, form: Form, fill: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """A new file (0600); none is written over.

    Raises:
        DiskFatal: It cannot be written, or there is one.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
        db = _connect(path)
        try:
            _guard(db)
            db.execute("BEGIN IMMEDIATE")
            for statement in statements(form.script):
                db.execute(statement)
            fill(db)
            db.execute(f"PRAGMA user_version = {form.version}")
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise DiskFatal(f"the {form.name} cannot be written: {words_of(error)}") from None
    return db


def open_file(path: Path, form: Form) -> sqlite3.Connection:
    """A file to go on with; one of an earlier version is brought forward.

    Raises:
        LedgerUnusable: It is missing, damaged, or of a version this program does not know.
        DiskFatal: It cannot be brought forward; it stays as it was.
    """
    db = _found(path, form)
    with _explained(db, form):
        _guard(db)
        version = _known_version(db, form)
        if db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise form.damaged()
        if version < form.version:
            bring_forward(db, form, version, path)
        _check_columns(db, form)
    return db


def look_into(path: Path, form: Form) -> sqlite3.Connection:
    """A file as it is at this moment, to be read and closed soon: whoever writes to it waits that long.

    One of an earlier version is brought forward in memory only.

    Raises:
        LedgerUnusable: As for `open_file`.
    """
    db = _found(path, form)
    with _explained(db, form):
        db.execute("BEGIN")
        version = _known_version(db, form)
    if version < form.version:
        copy = _connect(":memory:")
        with _explained(db, form), _explained(copy, form):
            db.backup(copy)
            bring_forward(copy, form, version, None)
        db.close()
        db = copy
    with _explained(db, form):
        db.execute("PRAGMA query_only = ON")
        _check_columns(db, form)
    return db


@contextmanager
def read_errors(form: Form) -> Iterator[None]:
    """What SQLite finds wrong while a file is read, as what to do about it.

    Raises:
        LedgerUnusable: The file is damaged or out of reach.
        DiskFatal: The process may open no more files.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_CANTOPEN and (refused := _files_are_used_up()):
            raise DiskFatal(f"the {form.name} cannot be opened: {refused}") from None
        words = _NOT_DAMAGED.get(code)
        raise (LedgerUnusable(f"the {form.name} {words}") if words else form.damaged()) from None


def _files_are_used_up() -> str:
    """Why no file at all can be opened, "" when one can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return words_of(error)
    return ""


@contextmanager
def _explained(db: sqlite3.Connection, form: Form) -> Iterator[None]:
    """Closes a connection that turns out to be of no use."""
    try:
        with read_errors(form):
            yield
    except BaseException:
        db.close()
        raise


def _found(path: Path, form: Form) -> sqlite3.Connection:
    if path.is_symlink():
        raise LedgerUnusable(f"the {form.name} is a symbolic link: {path}", hint="move the file itself there")
    if not path.is_file():
        raise LedgerUnusable(f"the run has no {form.name}: {path}")
    with read_errors(form):
        return _connect(path)


def _connect(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")  # damaged text fails its checksum, not the program
    return db


def _guard(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = PERSIST")
    db.execute("PRAGMA synchronous = EXTRA")


def shut(db: sqlite3.Connection) -> None:
    """Closes a file that was opened here, and takes its journal away."""
    with suppress(sqlite3.Error):
        if db.execute("PRAGMA journal_mode").fetchone() == ("persist",):
            db.execute("PRAGMA journal_mode = DELETE")
    with suppress(sqlite3.Error):
        db.close()


def _known_version(db: sqlite3.Connection, form: Form) -> int:
    version = form.version_of(db)
    if version > form.version:
        words = f"the {form.name} is of a newer bulkreply (schema {version}, known up to {form.version})"
        raise LedgerUnusable(words, hint="upgrade bulkreply")
    if not all(number in form.steps for number in range(version + 1, form.version + 1)):
        raise LedgerUnusable(f"the {form.name} is damaged, or of an unknown kind (schema {version})")
    return version


def _check_columns(db: sqlite3.Connection, form: Form) -> None:
    for table, columns in form.columns.items():
        db.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608
