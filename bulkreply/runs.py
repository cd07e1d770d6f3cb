"""Run folders: `<runs>/<job>/<run id>/`, one run at a time per job, found again after a crash."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bulkreply.errors import DiskFatal, LedgerUnusable, UsageProblem
from bulkreply.ledger import Ledger
from bulkreply.locks import RunLock
from bulkreply.secrets import private_folder

LEDGER_NAME = "ledger.sqlite"
OPEN_STATES = ("running", "paused", "failed")
UNKNOWN_NAME = "unknown.csv"
_BEGUN = ("ledger.sqlite*", "log.jsonl", "report.json")
_AS_READ = ("stdin.input*", "pages.sqlite*")


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
        """What the ledger says of the run.

        Raises:
            LedgerUnusable: It has none that can be read.
        """
        try:
            ledger = Ledger.look(self.ledger_path)
        except LedgerUnusable as error:
            raise LedgerUnusable(f"run {self.name}: {error.message}", hint=error.hint) from None
        try:
            return ledger.facts()
        finally:
            ledger.close()

    @property
    def unfinished(self) -> bool:
        """Whether it can be continued.

        Raises:
            LedgerUnusable: Nobody knows: what was sent may not be sent again.
        """
        return self.facts().get("state") in OPEN_STATES

    def discard(self) -> None:
        """Removes a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)

    def strip(self) -> None:
        """Removes what a finished run needs no more: rows and pages as they were read."""
        shutil.rmtree(self.stage_folder, ignore_errors=True)
        for path in [path for name in _AS_READ for path in self.path.glob(name)]:
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Removes what a kill left behind: a run that never began, rows of one that has finished."""
        if not any(True for name in _BEGUN for _ in self.path.glob(name)):
            self.discard()
            return
        kept = self.stage_folder.exists() or any(True for name in _AS_READ for _ in self.path.glob(name))
        with suppress(LedgerUnusable):
            if kept and not (self.path / UNKNOWN_NAME).exists() and self.facts().get("state") == "finished":
                self.strip()


def create_run(runs: Path, job: str, now_s: float) -> RunFolder:
    """A new, private run folder; what kills left behind of earlier ones goes. The caller holds the lock of the job.

    Raises:
        DiskFatal: It cannot be made.
    """
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%d-%H%M%S")
    for begun in (runs / safe_name(job)).glob("[0-9]*-[0-9]*-*/"):
        RunFolder(begun).tidy()
    while True:
        path = runs / safe_name(job) / f"{stamp}-{int(now_s * 1000) % 1000:03}{secrets.token_hex(1)}"
        try:
            private_folder(path.parent)
            path.mkdir(mode=0o700)
        except FileExistsError:
            if path.is_dir():  # begun in the same millisecond, with the same chance
                continue
            raise DiskFatal(f"the run folder {path} cannot be made: a file is in its way") from None
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
        LedgerUnusable: The folder named has no ledger, or one that does not say whether the run has finished.
    """
    if name and (Path(name).is_dir() and (Path(name) / LEDGER_NAME).is_file()):
        return RunFolder(Path(name).resolve())
    found = [run for run in all_runs(runs) if not name or run.name.startswith(name) or run.job == safe_name(name)]
    if unfinished:
        found = list(islice((run for run in found if run.unfinished), 1))
    if not found and name and (Path(name).is_dir() or any(runs.glob(f"*/{name}"))):
        raise LedgerUnusable(f"the run {name} has no ledger")
    if not found:
        what = "unfinished run" if unfinished else "run"
        raise UsageProblem(f"there is no {what}{f' {name!r}' if name else ''} in {runs}", hint="see `bulkreply status`")
    if name and len(found) > 1 and len({run.job for run in found}) > 1:
        raise UsageProblem(f"several runs begin with {name!r}", hint="give more of the id")
    return found[0]


def unfinished_run(runs: Path, job: str) -> RunFolder | None:
    """The newest run of a job when it has not finished.

    Raises:
        LedgerUnusable: Nobody knows whether it has.
    """
    for run in all_runs(runs):
        if run.job == safe_name(job):
            return run if run.unfinished else None
    return None


def locked(runs: Path, job: str) -> RunLock:
    """The right to run a job, to be used as `with`; `claim` it for the account too as soon as that is known.

    Raises:
        RunLocked: Another process holds it; the message says which.
    """
    return RunLock(runs / safe_name(job), job)


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
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "ab") as out:
            out.write(content)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None


def write_private(path: Path, text: str) -> None:
    """Writes a file only its owner may read.

    Raises:
        DiskFatal: The disk refused.
    """
    try:
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
