"""DuckDB: frames go in as Arrow, without a copy as rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from bulkreply.databases.kinds import Kind
from bulkreply.databases.names import Place, Spelling, folded, listed, quoted
from bulkreply.errors import BulkreplyError, DiskFatal, RunPaused, UsageProblem
from bulkreply.secrets import redact

_FRAME = "~frame"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class DuckDbDriver:
    """One connection to a DuckDB file; see `Driver`.

    Raises:
        RunPaused: Another process has it open.
        UsageProblem: It is no DuckDB file, or one of a newer DuckDB.
        DiskFatal: It cannot be made.
        ImportError: duckdb is not installed.
    """

    spelling = Spelling()
    temporary = "temp"
    types: Mapping[Kind, str] = {
        Kind.TEXT: "VARCHAR",
        Kind.INTEGER: "BIGINT",
        Kind.NUMBER: "DOUBLE",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.DATE: "DATE",
        Kind.MOMENT: "TIMESTAMP WITH TIME ZONE",
    }

    def __init__(self, path: Path) -> None:
        import duckdb

        self._name = path.name
        self._umask: int | None = None
        try:
            self._private()
            self._db = duckdb.connect(path, config=_SETTINGS)
            self._db.execute("SET TimeZone = 'UTC'")
            self._catalog: str = self._row("SELECT current_database()")[0]
        except duckdb.Error as error:
            raise self.explained(error) or error from None
        finally:
            self._public()

    def begin(self) -> None:
        """See `Driver`."""
        self._db.execute("BEGIN")
        self._private()

    def commit(self) -> None:
        """See `Driver`."""
        self._db.execute("COMMIT")
        self._public()

    def rollback(self) -> None:
        """See `Driver`."""
        try:
            self._db.execute("ROLLBACK")
        finally:
            self._public()

    def close(self) -> None:
        """See `Driver`."""
        self._public()
        self._db.close()

    def _private(self) -> None:
        """DuckDB makes its files with whatever mode the process allows, the log of a transaction at any moment."""
        if self._umask is None:
            self._umask = os.umask(0o077)

    def _public(self) -> None:
        if self._umask is not None:
            os.umask(self._umask)
            self._umask = None

    def run(self, statement: str) -> int:
        """See `Driver`."""
        found = self._db.execute(statement)
        row = found.fetchone() if found.description else None
        return int(row[0]) if row else 0

    def _row(self, statement: str, *values: str) -> tuple[str, ...]:
        return self._db.execute(statement, values).fetchone() or ()

    def place(self, parts: Sequence[str]) -> Place:
        """See `Driver`. The database is named too: a schema called like it would be ambiguous."""
        if len(parts) == 2:
            schema = parts[0]
            self.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._catalog)}.{quoted(schema)}")
        else:
            schema = self._row("SELECT current_schema()")[0]
        return Place((self._catalog, schema, parts[-1]))

    def columns(self, place: Place) -> dict[str, str] | None:
        """See `Driver`."""
        where = "WHERE database_name = ? AND lower(schema_name) = ?"
        at = (self._catalog, folded(place.schema), folded(place.table))
        if self._row(f"SELECT 1 FROM duckdb_views() {where} AND lower(view_name) = ?", *at):  # noqa: S608
            raise UsageProblem(f"{place.table} is a view in the database, not a table")
        statement = f"SELECT column_name, data_type FROM duckdb_columns() {where} AND lower(table_name) = ?"  # noqa: S608
        return dict(self._db.execute(f"{statement} ORDER BY column_index", at).fetchall()) or None

    def kind(self, declared: str) -> Kind | None:
        """See `Driver`."""
        return next((kind for kind, name in self.types.items() if name == declared), None)

    def create(self, place: Place, columns: Mapping[str, Kind], key: Sequence[str]) -> None:
        """See `Driver`. DuckDB checks keys before a transaction is done, so merging alone keeps them apart."""
        definitions = ", ".join(f"{quoted(name)} {self.types[kind]}" for name, kind in columns.items())
        self.run(f"CREATE TABLE {place.sql} ({definitions})")

    def widen(self, place: Place, changes: Mapping[str, tuple[Kind, Kind]]) -> None:
        """See `Driver`."""
        for name, (old, new) in changes.items():
            value = _converted(quoted(name), old, new, self.types[new])
            self.run(
                f"ALTER TABLE {place.sql} ALTER COLUMN {quoted(name)} SET DATA TYPE {self.types[new]} USING {value}"
            )

    def load(self, into: str, columns: Sequence[str], frame: pl.DataFrame) -> None:
        """See `Driver`."""
        self._db.register(_FRAME, _Arrow(frame))
        try:
            self.run(f"INSERT INTO {into} ({listed(columns)}) SELECT {listed(columns)} FROM {quoted(_FRAME)}")  # noqa: S608
        finally:
            self._db.unregister(_FRAME)

    def staged(self, table: str, key: Sequence[str]) -> None:
        """See `Driver`: nothing to do."""

    def differs(self, left: str, right: str, declared: str) -> str:
        """See `Driver`."""
        return f"{left} IS DISTINCT FROM {right}"

    def explained(self, error: Exception) -> BulkreplyError | None:
        """See `Driver`. What DuckDB says often quotes values, so little of it is repeated."""
        import duckdb

        if not isinstance(error, duckdb.Error):
            return None
        words = redact(str(error).partition("\n")[0])
        if isinstance(error, duckdb.IOException):
            return self._disk(words)
        if isinstance(error, duckdb.OutOfMemoryException):
            return DiskFatal(f"{self._name} cannot be written: DuckDB is out of memory, or of disk to spare it")
        refused = f"DuckDB refused, and {self._name} is as it was"
        if isinstance(error, duckdb.ConstraintException):
            return UsageProblem(f"{refused}: a row breaks a rule of its table", hint="two rows with one key, or none")
        if isinstance(error, duckdb.DataError):
            return UsageProblem(f"{refused}: a value does not fit the type of its column")
        return UsageProblem(f"{refused}: {words}")

    def _disk(self, words: str) -> BulkreplyError:
        if "Could not set lock" in words:
            return RunPaused(f"{self._name} is in use by another program", hint="close it there and try again")
        if "valid DuckDB" in words or "version number" in words:
            return UsageProblem(f"{self._name} is no DuckDB database, or one of a newer DuckDB")
        return DiskFatal(f"{self._name} cannot be opened or written: {words}")


class _Arrow:
    """A frame that shows nothing but Arrow: DuckDB takes polars for pyarrow, which would have to be installed."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def _converted(column: str, old: Kind, new: Kind, type_name: str) -> str:
    match old, new:
        case Kind.NUMBER, Kind.TEXT:
            return f"regexp_replace(CAST({column} AS VARCHAR), '\\.0$', '')"
        case Kind.MOMENT, Kind.TEXT:
            return f"strftime(make_timestamp(epoch_us({column})), '%Y-%m-%d %H:%M:%S.%fZ')"
    return f"CAST({column} AS {type_name})"
