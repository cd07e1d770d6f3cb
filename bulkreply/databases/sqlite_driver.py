"""SQLite: rows bound in batches; types are what tables declare, times and dates are text that sorts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import polars.selectors as cs

from bulkreply.databases.kinds import MOMENT_TEXT, Kind
from bulkreply.databases.names import Place, Spelling, folded, listed, quoted
from bulkreply.errors import BulkreplyError, DiskFatal, RunPaused, UsageProblem
from bulkreply.secrets import redact

_AFFINITIES = (("INT", Kind.INTEGER), ("CHAR", Kind.TEXT), ("CLOB", Kind.TEXT), ("TEXT", Kind.TEXT))
_MORE_AFFINITIES = (("BLOB", Kind.TEXT), ("REAL", Kind.NUMBER), ("FLOA", Kind.NUMBER), ("DOUB", Kind.NUMBER))
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class SqliteDriver:
    """One connection to an SQLite file; see `Driver`.

    Args:
        path: The file; made when missing.
        wait_s: How long others who write are waited for.

    Raises:
        DiskFatal: The file cannot be made.
    """

    spelling = Spelling()
    temporary = "temp"
    types: Mapping[Kind, str] = {
        Kind.TEXT: "TEXT",
        Kind.INTEGER: "INTEGER",
        Kind.NUMBER: "REAL",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.DATE: "DATE",
        Kind.MOMENT: "DATETIME",
    }

    def __init__(self, path: Path, wait_s: float = 30) -> None:
        self._name = path.name
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=wait_s, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise DiskFatal(f"{path.name} cannot be opened: {words}") from None
        self._db.create_function("bulkreply_number_text", 1, _number_text, deterministic=True)

    def begin(self) -> None:
        """See `Driver`; waits for others who write."""
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """See `Driver`."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """See `Driver`."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        """See `Driver`."""
        self._db.close()

    def run(self, statement: str) -> int:
        """See `Driver`."""
        return self._db.execute(statement).rowcount

    def place(self, parts: Sequence[str]) -> Place:
        """See `Driver`; there are no schemas."""
        if len(parts) == 2 and folded(parts[0]) != "main":
            hint = f'name the table {parts[0]}_{parts[1]}, or put the whole name in "double quotes"'
            raise UsageProblem(f"{'.'.join(parts)}: SQLite has no schemas", hint=hint)
        return Place(("main", parts[-1]))

    def columns(self, place: Place) -> dict[str, str] | None:
        """See `Driver`."""
        found = self._master(place)
        if found is None:
            return None
        if found[0] != "table":
            raise UsageProblem(f"{place.table} is a {found[0]} in the database, not a table")
        rows = self._db.execute(f"PRAGMA main.table_info({quoted(place.table)})")
        return {row[1]: row[2] for row in rows}

    def _master(self, place: Place) -> tuple[str, str] | None:
        statement = "SELECT type, sql FROM main.sqlite_master WHERE lower(name) = ? AND type IN ('table', 'view')"
        found: tuple[str, str] | None = self._db.execute(statement, (folded(place.table),)).fetchone()
        return found

    def kind(self, declared: str) -> Kind | None:
        """See `Driver`: by what SQLite itself would make of values there."""
        declared = declared.upper()
        for kind, name in self.types.items():
            if declared == name:
                return kind
        if not declared:
            return Kind.TEXT
        return next((kind for word, kind in (*_AFFINITIES, *_MORE_AFFINITIES) if word in declared), None)

    def create(self, place: Place, columns: Mapping[str, Kind], key: Sequence[str]) -> None:
        """See `Driver`. The key is an index of its own, so that the table stays one `widen` knows how to make."""
        self.run(self._definition(place.sql, {name: self.types[kind] for name, kind in columns.items()}))
        if key:
            index = quoted(f"{place.table}~key")
            self.run(f"CREATE UNIQUE INDEX main.{index} ON {quoted(place.table)} ({listed(key)})")

    def _definition(self, table: str, columns: Mapping[str, str]) -> str:
        return f"CREATE TABLE {table} ({', '.join(f'{quoted(name)} {kind}' for name, kind in columns.items())})"

    def widen(self, place: Place, changes: Mapping[str, tuple[Kind, Kind]]) -> None:
        """See `Driver`. SQLite cannot: the table is made anew, with its indexes and triggers; views stay."""
        columns = self.columns(place) or {}
        _, sql = self._master(place) or ("", "")
        if sql != self._definition(quoted(place.table), columns):
            name = next(iter(changes))
            message = (
                f"{place.table}: column {name} cannot hold {changes[name][1].value}, and bulkreply did not make it"
            )
            raise UsageProblem(message, hint="change its type to TEXT")
        statement = "SELECT sql FROM main.sqlite_master WHERE lower(tbl_name) = ? AND type IN ('index', 'trigger')"
        others = [row[0] for row in self._db.execute(statement, (folded(place.table),)) if row[0]]
        values = ", ".join(_converted(quoted(name), *changes.get(name, (None, None))) for name in columns)
        columns |= {name: self.types[new] for name, (_, new) in changes.items()}
        before = f"temp.{quoted('~before')}"
        self.run(f"CREATE TEMPORARY TABLE {quoted('~before')} AS SELECT * FROM {place.sql}")  # noqa: S608
        self.run(f"DROP TABLE {place.sql}")
        self.run(self._definition(place.sql, columns))
        self.run(f"INSERT INTO {place.sql} SELECT {values} FROM {before}")  # noqa: S608
        self.run(f"DROP TABLE {before}")
        for other in others:
            self.run(other)

    def load(self, into: str, columns: Sequence[str], frame: pl.DataFrame) -> None:
        """See `Driver`."""
        marks = ", ".join("?" * len(columns))
        rows = frame.with_columns(cs.datetime().dt.strftime(MOMENT_TEXT), cs.date().cast(pl.String)).rows()
        self._db.executemany(f"INSERT INTO {into} ({listed(columns)}) VALUES ({marks})", rows)  # noqa: S608

    def staged(self, table: str, key: Sequence[str]) -> None:
        """See `Driver`."""
        schema, _, name = table.partition(".")
        self.run(f"CREATE INDEX {schema}.{quoted('~stage~key')} ON {name} ({listed(key)})")

    def differs(self, left: str, right: str, declared: str) -> str:
        """See `Driver`."""
        return f"{left} IS NOT {right}"

    def explained(self, error: Exception) -> BulkreplyError | None:
        """See `Driver`."""
        if not isinstance(error, sqlite3.Error):
            return None
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return RunPaused(f"{self._name} is in use by another program", hint="close it there and try again")
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return UsageProblem(f"{self._name} is damaged, or no SQLite database")
        if code in _DISK:
            return DiskFatal(f"{self._name} cannot be written: {error}")
        return UsageProblem(f"SQLite refused, and {self._name} is as it was: {redact(str(error))}")


def _converted(column: str, old: Kind | None, new: Kind | None) -> str:
    """A column with the values its wider kind has; dates and times are text already."""
    match old, new:
        case Kind.DATE, Kind.MOMENT:
            return f"{column} || ' 00:00:00.000000Z'"
        case Kind.BOOLEAN, Kind.TEXT:
            return f"CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {column} END"
        case Kind.NUMBER, Kind.TEXT:
            return f"bulkreply_number_text({column})"
    return column


def _number_text(value: str | bytes | int | float | None) -> str | bytes | int | float | None:
    """All digits of a number; SQLite itself would write fifteen."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else value
