"""Run folders: `<runs>/<job>/<run id>/`, one run at a time per job, found again after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bulkreply.errors import DiskFatal, LedgerUnusable, RunLocked, UsageProblem
from bulkreply.ledger import Ledger

LEDGER_NAME = "ledger.sqlite"
OPEN_STATES = ("running", "paused", "failed")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @property
    def name(self) -> str:
        """Run id."""
        return self.path.name

    @property
    def job(self) -> str:
        """Name of the job it is a run of."""
        return self.path.parent.name

    @property
    def ledger_path(self) -> Path:
        """The ledger."""
        return self.path / LEDGER_NAME

    @property
    def stage_folder(self) -> Path:
        """Staged records; removed once the run has finished."""
        return self.path / "stage"

    def facts(self) -> dict[str, str]:
        """What the ledger says of the run, {} when it has none that can be read."""
        try:
            ledger = Ledger.open(self.ledger_path)
        except LedgerUnusable:
            return {}
        try:
            return ledger.facts()
        finally:
            ledger.close()

    def discard(self) -> None:
        """Removes a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)


def create_run(runs: Path, job: str, now_s: float) -> RunFolder:
    """A new, private run folder.

    Raises:
        DiskFatal: It cannot be made.
    """
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%d-%H%M%S")
    path = runs / safe_name(job) / f"{stamp}-{int(now_s * 1000) % 1000:03}{secrets.token_hex(1)}"
    try:
        path.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise DiskFatal(f"the run folder {path} cannot be made: {error.strerror}") from None
    return RunFolder(path)


def safe_name(job: str) -> str:
    """A job's name as a folder name; no path leaves the runs folder."""
    return re.sub(r"[^\w.-]+", "-", job).strip(".-") or "job"


def all_runs(runs: Path) -> list[RunFolder]:
    """All runs with a ledger, newest first."""
    found = [RunFolder(path.parent) for path in runs.glob(f"*/*/{LEDGER_NAME}")]
    return sorted(found, key=lambda run: run.name, reverse=True)


def find_run(runs: Path, name: str | None, *, unfinished: bool = False) -> RunFolder:
    """A run by id, path, unique beginning of an id, or the newest.

    Raises:
        UsageProblem: There is none, or several.
        LedgerUnusable: The folder named has no ledger.
    """
    if name and (Path(name).is_dir() and (Path(name) / LEDGER_NAME).is_file()):
        return RunFolder(Path(name).resolve())
    found = [run for run in all_runs(runs) if not name or run.name.startswith(name) or run.job == safe_name(name)]
    if unfinished:
        found = [run for run in found if run.facts().get("state") in OPEN_STATES]
    if not found and name and (Path(name).is_dir() or any(runs.glob(f"*/{name}"))):
        raise LedgerUnusable(f"the run {name} has no ledger")
    if not found:
        what = "unfinished run" if unfinished else "run"
        raise UsageProblem(f"there is no {what}{f' {name!r}' if name else ''} in {runs}", hint="see `bulkreply status`")
    if name and len(found) > 1 and len({run.job for run in found}) > 1:
        raise UsageProblem(f"several runs begin with {name!r}", hint="give more of the id")
    return found[0]


def unfinished_run(runs: Path, job: str) -> RunFolder | None:
    """The newest run of a job when it has not finished."""
    for run in all_runs(runs):
        if run.job == safe_name(job):
            return run if run.facts().get("state") in OPEN_STATES else None
    return None


@contextmanager
def locked(runs: Path, job: str) -> Iterator[None]:
    """Holds the lock of a job: a kernel lock, gone with the process however it ends.

    Raises:
        RunLocked: Another process holds it; the message says which.
    """
    path = runs / safe_name(job) / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DiskFatal(f"{path} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "another process"
            raise RunLocked(f"another run of {job} is under way: {holder}", hint="wait for it, or stop it") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


class Log:
    """`log.jsonl` of a run: what happened, with row numbers, never with addresses or keys."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, at: str, event: str, **facts: object) -> None:
        """Appends one line.

        Raises:
            DiskFatal: The disk refused.
        """
        append_private(self._path, json.dumps({"at": at, "event": event, **facts}).encode() + b"\n")


def append_private(path: Path, content: bytes) -> None:
    """Appends to a file only its owner may read.

    Raises:
        DiskFatal: The disk refused.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as out:
            out.write(content)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
