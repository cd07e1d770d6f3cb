"""PostgreSQL: rows go in through COPY, as CSV that polars writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import polars.selectors as cs

from bulkreply.databases.kinds import MOMENT_TEXT, Kind
from bulkreply.databases.names import Place, Spelling, listed, quoted
from bulkreply.errors import BulkreplyError, DiskFatal, RunPaused, UsageProblem
from bulkreply.secrets import redact

LONGEST_NAME_BYTES = 63
_CONNECT_S = 15
_KEPT = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), c.relkind FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES = {"r", "p", "f"}
_LATER = ("40", "55P03", "57014", "53300")


class PostgresDriver:
    """One connection to a PostgreSQL server; see `Driver`.

    Raises:
        UsageProblem: The address is none, or the server does not let us in.
        RunPaused: The server cannot be reached.
        ImportError: psycopg is not installed.
    """

    spelling = Spelling(LONGEST_NAME_BYTES, folds=False, kept=_KEPT)
    temporary = "pg_temp"
    types: Mapping[Kind, str] = {
        Kind.TEXT: "text",
        Kind.INTEGER: "bigint",
        Kind.NUMBER: "double precision",
        Kind.BOOLEAN: "boolean",
        Kind.DATE: "date",
        Kind.MOMENT: "timestamp with time zone",
    }

    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        settings: dict[str, Any] = {"fallback_application_name": "bulkreply", "connect_timeout": _CONNECT_S}
        try:
            settings |= conninfo_to_dict(url, client_encoding="utf8")
        except psycopg.Error:
            hint = "postgresql://user:password@host:port/database, odd characters of a password as %40 and the like"
            raise UsageProblem("the address is not one PostgreSQL takes", hint=hint) from None
        try:
            self._db = psycopg.connect(**settings, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise _refused(str(error)) from None

    def begin(self) -> None:
        """See `Driver`."""
        self._db.execute("BEGIN")
        self._db.execute("SET LOCAL TIME ZONE 'UTC'")
        self._db.execute("SET LOCAL datestyle = 'ISO, YMD'")

    def commit(self) -> None:
        """See `Driver`."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """See `Driver`."""
        self._db.execute("ROLLBACK")

    def close(self) -> None:
        """See `Driver`."""
        self._db.close()

    def run(self, statement: str) -> int:
        """See `Driver`."""
        return self._db.execute(statement.encode()).rowcount

    def place(self, parts: Sequence[str]) -> Place:
        """See `Driver`. Others of us who write to the same table wait until this transaction is over."""
        names = [self.spelling.spelled(part) for part in parts]
        if len(names) == 2:
            there = self._db.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", names[:1]).fetchone()
            if not there:
                self.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(names[0])}")
        else:
            found = self._db.execute("SELECT current_schema()").fetchone()
            if found is None or found[0] is None:
                raise UsageProblem("PostgreSQL has no schema this user may use", hint="name one: schema.table")
            names.insert(0, found[0])
        place = Place(tuple(names))
        self._db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"bulkreply {place.sql}"])
        return place

    def columns(self, place: Place) -> dict[str, str] | None:
        """See `Driver`."""
        rows = self._db.execute(_COLUMNS, [place.schema, place.table]).fetchall()
        if rows and rows[0][2] not in _TABLES:
            raise UsageProblem(f"{place.table} is a view in the database, not a table")
        return {name: declared for name, declared, _ in rows} or None

    def kind(self, declared: str) -> Kind | None:
        """See `Driver`."""
        return next((kind for kind, name in self.types.items() if name == declared), None)

    def create(self, place: Place, columns: Mapping[str, Kind], key: Sequence[str]) -> None:
        """See `Driver`."""
        parts = [f"{quoted(name)} {self.types[kind]}" for name, kind in columns.items()]
        parts += [f"PRIMARY KEY ({listed(key)})"] if key else []
        self.run(f"CREATE TABLE {place.sql} ({', '.join(parts)})")

    def widen(self, place: Place, changes: Mapping[str, tuple[Kind, Kind]]) -> None:
        """See `Driver`."""
        alter = [
            f"ALTER COLUMN {quoted(name)} TYPE {self.types[new]} USING {_converted(quoted(name), old, new)}"
            for name, (old, new) in changes.items()
        ]
        self.run(f"ALTER TABLE {place.sql} {', '.join(alter)}")

    def load(self, into: str, columns: Sequence[str], frame: pl.DataFrame) -> None:
        """See `Driver`. Text is always quoted, so that what is not is null; PostgreSQL has no character 0."""
        plain = frame.with_columns(
            cs.datetime().dt.strftime(MOMENT_TEXT), cs.string().str.replace_all("\0", "\ufffd", literal=True)
        )
        text = plain.write_csv(include_header=False, quote_style="non_numeric").encode()
        statement = f"COPY {into} ({listed(columns)}) FROM STDIN (FORMAT csv)"
        with self._db.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.write(text)

    def staged(self, table: str, key: Sequence[str]) -> None:
        """See `Driver`."""
        self.run(f"ANALYZE {table}")

    def differs(self, left: str, right: str, declared: str) -> str:
        """See `Driver`. Types of the user's own need not know what is equal (json)."""
        cast = "" if self.kind(declared) else "::text"
        return f"{left}{cast} IS DISTINCT FROM {right}{cast}"

    def explained(self, error: Exception) -> BulkreplyError | None:
        """See `Driver`. Details and the texts of bad values hold what is in the rows, so they are not repeated."""
        import psycopg

        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or ""
        name = " ".join(re.findall("[A-Z][a-z]*", type(error).__name__)).lower()
        if self._db.broken or state.startswith(("08", "57P")):
            hint = "the tables hold either all of the old rows or all of the new ones"
            return RunPaused("the connection to PostgreSQL was lost", hint=hint)
        if state.startswith(_LATER):
            return RunPaused(f"PostgreSQL cannot do it now: {name}", hint="try again; nothing was changed")
        if state.startswith("53"):
            return DiskFatal(f"PostgreSQL is at its limits: {name}")
        words = name if state.startswith("22") or not state else redact(error.diag.message_primary or name)
        column = error.diag.column_name
        return UsageProblem(f"PostgreSQL refused, and nothing was changed: {words}{f' ({column})' if column else ''}")


def _converted(column: str, old: Kind, new: Kind) -> str:
    match old, new:
        case Kind.MOMENT, Kind.TEXT:
            return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US\"Z\"')"
        case Kind.DATE, Kind.MOMENT:
            return f"{column}::timestamp AT TIME ZONE 'UTC'"
        case _, Kind.TEXT:
            return f"{column}::text"
    return column


def _refused(words: str) -> BulkreplyError:
    """Why there is no connection, in our own words: the server's may hold parts of an address that was miswritten."""
    for sign, message in (
        ("invalid", "the address is not one PostgreSQL takes"),
        ("Servname", "the address is not one PostgreSQL takes"),
        ("password", "PostgreSQL does not accept the user and password"),
        ("authentication", "PostgreSQL does not accept the user"),
        ("pg_hba.conf", "PostgreSQL does not let this user in from here"),
        ("does not exist", "PostgreSQL has no such database, or no such user"),
        ("permission denied", "PostgreSQL does not let this user in"),
        ("SSL", "the connection to PostgreSQL cannot be encrypted as the address asks"),
        ("certificate", "the certificate of PostgreSQL is not to be trusted"),
    ):
        if sign in words:
            return UsageProblem(message, hint="look at the address; a password may also come from PGPASSWORD")
    return RunPaused(
        "the PostgreSQL server cannot be reached", hint="look at host and port of the address; then resume"
    )
