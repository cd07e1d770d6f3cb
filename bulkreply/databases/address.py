"""The front door of databases: an address opened. It may hold a password, so it is never quoted back."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from bulkreply.databases.database import Database
from bulkreply.databases.writing import OpenDatabase
from bulkreply.errors import DiskFatal, UsageProblem

SCHEMES = ("sqlite", "duckdb", "postgresql")
_HINT = "sqlite:///contacts.db, duckdb:///contacts.duckdb or postgresql://user@host/database"


def open_database(url: str, folder: Path) -> Database:
    """Open a database; one that is a file is made when missing, private (0600).

    Args:
        url: `sqlite:///rel.db`, `duckdb:///rel.duckdb`, each with four slashes for an absolute path, or
            `postgresql://…` as libpq takes it; what that leaves out comes from PGPASSWORD, `~/.pgpass` and the like.
        folder: What relative paths are relative to.

    Raises:
        UsageProblem: The address is none, is not that of such a database, or an extra is not installed.
        RunPaused: The server cannot be reached, or another program holds the file.
        DiskFatal: The file cannot be made.
    """
    scheme, found, rest = url.strip().partition("://")
    scheme = {"postgres": "postgresql"}.get(scheme.lower(), scheme.lower())
    if not found or scheme not in SCHEMES:
        raise UsageProblem("that is no address of a database bulkreply writes to", hint=_HINT)
    try:
        match scheme:
            case "sqlite":
                from bulkreply.databases.sqlite_driver import SqliteDriver

                return OpenDatabase(SqliteDriver(_file(rest, folder)))
            case "duckdb":
                from bulkreply.databases.duckdb_driver import DuckDbDriver

                return OpenDatabase(DuckDbDriver(_file(rest, folder)))
            case _:
                from bulkreply.databases.postgres_driver import PostgresDriver

                return OpenDatabase(PostgresDriver(url.strip()))
    except ImportError:
        extra = {"postgresql": "postgres"}.get(scheme, scheme)
        raise UsageProblem(f"{scheme} needs an extra", hint=f"pip install 'bulkreply[{extra}]'") from None


def _file(rest: str, folder: Path) -> Path:
    host, slash, name = rest.partition("/")
    if host or not slash or not name or "?" in name or "\0" in unquote(name):
        hint = "three slashes and a path in the folder, or four for an absolute path; `?` is written %3F"
        raise UsageProblem("the address of a database file needs a path and nothing else", hint=hint)
    try:
        path = folder / Path(unquote(name)).expanduser()
        str(path).encode()
        if path.is_dir():
            raise UsageProblem(f"{path.name} is a folder, not a database file")
    except (OSError, RuntimeError, ValueError):
        raise UsageProblem("the address of the database has no path this system can keep") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskFatal(f"the folder of {path.name} cannot be made: {error.strerror}") from None
    return path
