"""Where schedules are kept: one private file of the state folder, replaced whole under a lock; and who runs which."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.runs import safe_name
from bulkreply.schedule.cron import Cron
from bulkreply.schedule.timetable import Schedule, Standing
from bulkreply.secrets import private_folder, state_folder

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A schedule and how it stands."""

    schedule: Schedule
    standing: Standing


Timetable = dict[str, Entry]


class Claim:
    """The right to run a schedule, held by a kernel lock: it is gone with the last process that has it open.

    The child process of a run inherits it, so a run that outlives a killed scheduler still counts as under way.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def release(self) -> None:
        """Gives it up, as far as this process goes."""
        os.close(self.handle)


class Store:
    """The schedules of this user on this machine.

    Args:
        folder: By default one in the state folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / "schedule"
        self.path = self.folder / "timetable.json"

    def read(self) -> Timetable:
        """All schedules by name.

        Raises:
            UsageProblem: The file is damaged, or of a newer bulkreply.
            DiskFatal: It cannot be read.
        """
        try:
            content = json.loads(self.path.read_bytes())
            if content["version"] != _VERSION:
                raise UsageProblem(f"{self.path} was written by another version of bulkreply")
            return {words["name"]: _entry(words) for words in content["timetable"]}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DiskFatal(f"{self.path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageProblem(f"{self.path} is damaged", hint="mend it, or remove it and add the schedules") from None

    @contextmanager
    def changing(self) -> Iterator[Timetable]:
        """All schedules by name, nobody else's hands on them; what was changed is kept when the block ends well.

        Raises:
            UsageProblem: As in `read`.
            DiskFatal: The file cannot be written.
        """
        lock = self._open("lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            timetable = self.read()
            before = dict(timetable)
            yield timetable
            if timetable != before:
                self._write(timetable)
        finally:
            os.close(lock)

    def claim(self, name: str) -> Claim | None:
        """The right to run a schedule, None while somebody has it."""
        handle = self._open(f"{name}.running")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return Claim(handle)

    def output(self, name: str) -> tuple[Path, Path]:
        """Where the last run of a schedule leaves its report (JSON) and its talk."""
        return self.folder / f"{name}.out", self.folder / f"{name}.err"

    def forget(self, name: str) -> None:
        """Removes what the runs of a schedule left here; not its run folders."""
        for path in self.output(name):
            path.unlink(missing_ok=True)

    def _open(self, name: str) -> int:
        try:
            private_folder(self.folder)
            return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DiskFatal(f"{self.folder / name} cannot be written: {error.strerror}") from None

    def _write(self, timetable: Timetable) -> None:
        content = {"version": _VERSION, "timetable": [_words(timetable[name]) for name in sorted(timetable)]}
        part = self.path.with_suffix(".part")
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
                json.dump(content, out, indent=2, ensure_ascii=False)
                out.flush()
                os.fsync(out.fileno())
            part.replace(self.path)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise DiskFatal(f"{self.path} cannot be written: {error.strerror}") from None


def _words(entry: Entry) -> dict[str, Any]:
    schedule = entry.schedule
    return {
        "name": schedule.name,
        "job": str(schedule.job),
        "cron": schedule.cron.text,
        "tz": schedule.cron.zone,
        "folder": str(schedule.folder),
        "runs": str(schedule.runs),
        "account": schedule.account,
        "added_s": schedule.added_s,
        "standing": asdict(entry.standing),
    }


def _entry(words: dict[str, Any]) -> Entry:
    schedule = Schedule(
        name=words["name"],
        job=Path(words["job"]),
        cron=Cron.read(words["cron"], words["tz"]),
        folder=Path(words["folder"]),
        runs=Path(words["runs"]),
        account=words["account"],
        added_s=float(words["added_s"]),
    )
    if schedule.name != safe_name(schedule.name):
        raise ValueError("a name is part of file names")
    standing = Standing(**words["standing"])
    for name, value in asdict(standing).items():
        kind: Any = str if name in ("run", "message") else float if name == "seen_s" else float | None
        if not isinstance(float(value) if isinstance(value, int) else value, kind):
            raise TypeError(f"{name} is of the wrong kind")
    return Entry(schedule, standing)
