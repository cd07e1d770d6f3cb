"""What the SQLite files of a run look like, version by version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources

from bulkreply.errors import LedgerUnusable

ANEW = "start anew with --fresh; known keys are not re-created"


@dataclass(frozen=True, slots=True)
class Step:
    """How a file comes to a version from the one before.

    Attributes:
        script: SQL that makes its tables, beside this module.
        fill: Takes the rows over.
    """

    script: str
    fill: Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file.

    Attributes:
        name: What it is called in messages.
        script: SQL that makes an empty one, beside this module.
        columns: Table -> the columns that are read.
        version_of: Reads the version of a file.
        steps: Version -> how a file of the one before comes to it.
    """

    name: str
    version: int
    script: str
    columns: Mapping[str, str]
    version_of: Callable[[sqlite3.Connection], int]
    steps: Mapping[int, Step] = field(default_factory=dict)

    def damaged(self) -> LedgerUnusable:
        """What is raised for a file that is not to be believed."""
        return LedgerUnusable(f"the {self.name} is damaged", hint=ANEW)


def noted_version(db: sqlite3.Connection) -> int:
    """The version a file says it is of, 0 when it says nothing."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def statements(script: str) -> Iterator[str]:
    """The statements of a SQL file, one by one: SQLite would end a transaction to run a whole script."""
    pending = ""
    for line in (resources.files("bulkreply.ledger") / script).read_text("utf-8").splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def words_of(error: Exception) -> str:
    """The reason in an error of the system or of SQLite."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
