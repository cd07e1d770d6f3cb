"""`doctor`: what works here, and what does not."""

from __future__ import annotations

import platform
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from bulkreply.cli.options import Common
from bulkreply.cli.screen import quoted
from bulkreply.cli.setup import account_of, catalog_of
from bulkreply.cli.show import data, emit, talk
from bulkreply.cli.working import run_work
from bulkreply.errors import BulkreplyError, DiskFatal, KeyRefused, UsageProblem, exit_code_of
from bulkreply.ledger import Ledger
from bulkreply.net.client import Patience
from bulkreply.net.opening import open_client
from bulkreply.secrets import state_folder


def doctor(common: Common) -> int:
    """Checks each thing a run needs; the exit code is that of the first that fails."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("versions", _versions),
        ("run folder", lambda: _writable(common.runs)),
        ("state folder", lambda: _writable(state_folder())),
        ("ledger", _ledger),
        ("key", lambda: _key(common)),
        ("server", lambda: run_work(_server(common))),
    ]
    found, code = [], 0
    for name, look in checks:
        try:
            found.append({"check": name, "ok": True, "says": look()})
        except BulkreplyError as problem:
            code = code or exit_code_of(problem)
            hint = f" ({problem.hint})" if problem.hint else ""
            found.append({"check": name, "ok": False, "says": problem.message + hint})
    if common.as_json:
        emit(found)
        return code
    for one in found:
        data.print(f"{'[green]ok[/green]' if one['ok'] else '[red]no[/red]'}  {one['check']}: {quoted(one['says'])}")
    talk.print("  next: bulkreply plan JOB" if code == 0 else "  mend what says no, then run this again")
    return code


def _versions() -> str:
    from importlib.metadata import version

    names = ("bulkreply", "polars", "aiohttp", "pydantic")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


def _writable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return f"{folder} can be written"
    except OSError as error:
        raise DiskFatal(f"{folder} cannot be written: {error.strerror}") from None


def _ledger() -> str:
    with tempfile.TemporaryDirectory(prefix="bulkreply-") as folder:
        Ledger.create(Path(folder) / "ledger.sqlite").close()
    return f"SQLite {sqlite3.sqlite_version}"


def _key(common: Common) -> str:
    account = account_of(common, None)
    if account.key is None:
        raise UsageProblem("there is no key", hint="set REPLY_API_KEY")
    return f"found in {account.found_in}, for {account.base_url}"


async def _server(common: Common) -> str:
    account = account_of(common, None)
    if account.key is None:
        raise KeyRefused("not asked: there is no key")
    async with open_client(account, catalog_of(common), patience=Patience(outage_s=5)) as client:
        spent = ", ".join(f"{used} of {window}" for window, used in client.quota.spent("v3.default"))
        return f"answers, the key is accepted; quota spent: {spent or 'no limits'}"
