"""The canaries of the whole suite: its key, which no byte that is written may hold, and the addresses of its rows,
which may stand where rows stand and nowhere else. Every command and every test's folder is looked at."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

KEY_CANARY = "canary-key-7f3a9d51c2"
_KEY = re.compile(rb"canary-(?:second-)?key")
_ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b")
_OURS = ("key", "environment", "state.jsonl")
"""Names of files in which tests keep keys, as people and stand-ins do."""
_NO_ROWS = ("log.jsonl", "report.json", "report.html")
_OWN_WORDS = ("job_content",)
"""Facts of a ledger that hold the job as its author wrote it."""


class Leak(AssertionError):
    """A canary sings where it must not be heard."""


def check_said(words: tuple[str, ...], out: str, err: str) -> None:
    """What a command said: no key, and no address among errors, which people send to others."""
    if _KEY.search((out + err).encode()):
        raise Leak(f"bulkreply {' '.join(words)} says the key")
    for line in err.splitlines():
        given = any(found.decode() in " ".join(words) for found in _ADDRESS.findall(line.encode()))
        if line.startswith(("error: ", "internal error", "Traceback")) and _ADDRESS.search(line.encode()) and not given:
            raise Leak(f"bulkreply {' '.join(words)} says an address: {line}")


def check_written(folder: Path) -> None:
    """What was written below a folder: no key anywhere, and no address in logs, reports, state and facts."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".state":  # what a stand-in keeps of its keys
            _check_file(path, "state" in path.relative_to(folder).parts[:-1])


def _check_file(path: Path, state: bool) -> None:
    content = path.read_bytes()
    if path.name not in _OURS and _KEY.search(content):
        raise Leak(f"{path} holds the key")
    if (state or path.name in _NO_ROWS) and (found := _ADDRESS.search(content)):
        raise Leak(f"{path} holds an address: {found[0].decode()}")
    if path.name == "ledger.sqlite":
        for name, fact in _facts(path):
            if name not in _OWN_WORDS and _ADDRESS.search(fact.encode()):
                raise Leak(f"{path} holds an address in its fact {name}")


def _facts(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of what a ledger knows of its run; nothing of one that a test has damaged."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as ledger:
        for name, fact in ledger.execute("SELECT name, value FROM meta").fetchall():
            yield str(name), str(fact)
