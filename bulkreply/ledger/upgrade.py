"""Brings a file of an earlier version forward: in one transaction, with a copy of it kept beside."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bulkreply.errors import DiskFatal
from bulkreply.ledger.form import Form, statements, words_of

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def bring_forward(db: sqlite3.Connection, form: Form, version: int, path: Path | None) -> None:
    """Performs the steps from a version to today's, all or none.

    Args:
        path: Where the file lies; None for a copy in memory that nobody keeps.

    Raises:
        LedgerUnusable: It is damaged; it stays as it was.
        DiskFatal: The disk refused; it stays as it was.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            if path is not None:
                _keep(path, path.with_name(f"{path.name}.v{version}.bak"))
            for number in range(version + 1, form.version + 1):
                step = form.steps[number]
                for statement in statements(step.script):
                    db.execute(statement)
                step.fill(db)
            db.execute(f"PRAGMA user_version = {form.version}")
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise form.damaged() from None
        words = f"the {form.name} of an earlier bulkreply cannot be brought forward: {words_of(error)}"
        raise DiskFatal(words, hint="nothing was changed: make room, then resume") from None


def _keep(path: Path, copy: Path) -> None:
    """A private copy of a file that nobody else may write to now, whole or not at all.

    It is read through SQLite: closing the file opened otherwise would give up the locks of the whole process.
    """
    part = copy.with_name(copy.name + ".part")
    with suppress(FileNotFoundError):
        part.unlink()
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path)) as whole, closing(sqlite3.connect(part, isolation_level=None)) as kept:
        kept.execute("PRAGMA synchronous = EXTRA")
        whole.backup(kept)
    part.replace(copy)
