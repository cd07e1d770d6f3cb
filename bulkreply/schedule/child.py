"""A run of a job as a process of its own: what is asked of it, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bulkreply.schedule.store import Claim
from bulkreply.schedule.timetable import Schedule
from bulkreply.secrets import redact

_TAIL_BYTES = 8_192
_MESSAGE_MAX = 300


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        exit_code: As in README; negative for the number of the signal that killed it.
        run: Run id, "" when it did not come that far.
        message: Why it did not end well, one line without addresses.
        resume_s: When a paused run can go on, None when it did not say.
    """

    exit_code: int
    run: str = ""
    message: str = ""
    resume_s: float | None = None


def command_of(schedule: Schedule) -> list[str]:
    """What is run. Never with `--yes`: a job that deletes or writes to people says `confirm: true` itself."""
    account = ["--account", schedule.account] if schedule.account else []
    runs = ["--runs", str(schedule.runs)]
    return [sys.executable, "-m", "bulkreply", "run", str(schedule.job), "--json", *account, *runs]


class Child:
    """A run under way.

    It is no part of the scheduler's group: Ctrl-C reaches the scheduler only, which stops its children in good order.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: tuple[Path, Path]) -> None:
        self._process = process
        self._output = output
        self.stopped = False

    @staticmethod
    async def start(schedule: Schedule, claim: Claim, output: tuple[Path, Path]) -> Child:
        """Starts it; it takes the claim along, and writes to files, so that it does not need this process.

        Raises:
            OSError: It cannot be started.
        """
        handles = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in output]
        try:
            process = await asyncio.create_subprocess_exec(
                *command_of(schedule),
                cwd=schedule.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=handles[0],
                stderr=handles[1],
                pass_fds=(claim.handle,),
                start_new_session=True,
            )
        finally:
            for handle in handles:
                os.close(handle)
        return Child(process, output)

    def stop(self) -> None:
        """Asks it to stop in good order; asked twice, it leaves at once, which loses nothing either."""
        self.stopped = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def end(self) -> Ending:
        """Waits for its end."""
        return ending_of(await self._process.wait(), self._output)


def ending_of(exit_code: int, output: tuple[Path, Path]) -> Ending:
    """How a run ended, by its exit code and what it said."""
    report = report_of(output)
    message = "" if exit_code in (0, 3) else str(report.get("message", "")) or _last_words(output[1])
    resume_s = None
    with contextlib.suppress(ValueError):
        resume_s = datetime.fromisoformat(str(report.get("resume_at"))).timestamp()
    return Ending(exit_code, str(report.get("run", "")), redact(message)[:_MESSAGE_MAX], resume_s)


def report_of(output: tuple[Path, Path]) -> dict[str, Any]:
    """The report a run left, {} when it left none."""
    try:
        report = json.loads(output[0].read_bytes())
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _last_words(path: Path) -> str:
    """The first line that says `error:`, else the last one."""
    try:
        with path.open("rb") as talk:
            talk.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = [line.strip() for line in talk.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines[-1:] or [""])[0]
