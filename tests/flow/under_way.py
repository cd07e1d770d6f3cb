"""Commands under way: what they say is heard, signals and limits reach them, and tests wait for conditions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.canary import check_said
from tests.support import Bulkreply, Done


def until(reached: Callable[[], bool], deadline_s: float = 60) -> None:
    """Waits for a condition."""
    end = time.monotonic() + deadline_s
    while not reached():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


class UnderWay:
    """A command that was started."""

    def __init__(self, command: Bulkreply, *words: str, **options: Any) -> None:
        self._out = command.folder / f"{len(list(command.folder.glob('*.said')))}.said"
        self._heard: list[bytes] = []
        with self._out.open("wb") as out:
            given = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.PIPE} | options
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bulkreply", *words], cwd=command.folder, env=command.environment, **given
            )
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        if self.process.stderr is None:  # a test has given it another
            return
        with self.process.stderr as pipe:
            while piece := os.read(pipe.fileno(), 4096):
                self._heard.append(piece)

    @property
    def said(self) -> str:
        """What it said on stderr so far."""
        return b"".join(self._heard).decode()

    def until(self, reached: Callable[[], bool]) -> None:
        """Waits for a condition; it must not end before."""
        until(lambda: reached() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    def until_idle(self) -> None:
        """Waits until it does nothing but wait: no tick of processor time in thirty looks."""
        ticks: list[str] = []

        def still() -> bool:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
            ticks.append(f"{fields[11]} {fields[12]}")
            return fields[0] == "S" and len(ticks) > 30 and len(set(ticks[-30:])) == 1

        self.until(still)

    def end(self, timeout_s: float = 60) -> Done:
        """Waits for its end."""
        try:
            code = self.process.wait(timeout_s)
        finally:
            self.process.kill()
            self.process.wait()
            self._ear.join()
        done = Done(code, self._out.read_text("utf-8"), self.said)
        check_said((), done.out, done.err)
        return done

    def stop(self, number: int = signal.SIGINT) -> Done:
        """Asks it once to stop, and waits."""
        self.process.send_signal(number)
        return self.end()


def contacts_file(command: Bulkreply, rows: int, job: str, **policy: object) -> str:
    """Lays out a file of contacts and a job that imports it; the job's path."""
    lines = [f"u{i}@example.com,F{i},C{i}" for i in range(rows)]
    command.write("contacts.csv", "\n".join(["Email,First,Company", *lines]) + "\n")
    settings = ", ".join(f"{name}: {value}" for name, value in ({"settle_s": 0.3} | policy).items())
    text = f"job: {job}\nfrom: {{file: contacts.csv}}\nto: {{object: contacts, batch: 20}}\n"
    text += f"map: {{email: Email, firstName: First, company: Company}}\npolicy: {{{settings}}}\n"
    return str(command.write(f"{job}.yaml", text))


def files_of(path: Path) -> list[Path]:
    """All files below a folder."""
    return [one for one in path.rglob("*") if one.is_file()]
