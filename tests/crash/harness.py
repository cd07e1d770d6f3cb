"""Kills real processes wherever they are, again and again, until they are let end."""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support import Bulkreply, SandboxProcess

SIDE_BY_SIDE = 3
POLL_S = 0.004
QUIET_S = 0.12
"""A process that has written nothing for so long has nothing left to do but wait; settle times are longer."""
DEADLINE_S = 60
OPEN = ("running", "paused", "failed")
T = TypeVar("T")


def share(request: pytest.FixtureRequest, percent: int) -> int:
    """How many of the processes `--kills` speaks of a test is to kill."""
    return max(3, int(request.config.getoption("--kills")) * percent // 100)


@dataclass
class Kills:
    """The processes a test has still to kill, whichever of its threads does it.

    Attributes:
        made: Where the killed ones were, by the name of the instant.
        doubts: Batches that were sent and not answered when a process was killed.
    """

    wanted: int
    made: Counter[str] = field(default_factory=Counter)
    doubts: int = 0
    _taken: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> int:
        """How many nobody has taken upon himself yet."""
        return self.wanted - self._taken

    def take(self) -> bool:
        """Takes one of them on; False when there is none left."""
        with self._lock:
            free = self.left > 0
            self._taken += free
            return free

    def note(self, instant: str, killed: bool, doubts: int) -> None:
        """What came of one taken on: one that ended before it was killed does not count."""
        with self._lock:
            self._taken -= not killed
            self.made[instant] += killed
            self.doubts += doubts

    def __str__(self) -> str:
        return f"{self.made.total()} kills ({', '.join(f'{name} {n}' for name, n in self.made.most_common())})"


def until_all_are_killed(kills: Kills, one: Callable[[int], T], most: int) -> list[T]:
    """Makes runs, some side by side, until as many processes were killed as are to be.

    Args:
        one: Makes the run of a number.
        most: Runs at the most.
    """
    numbers = itertools.count()

    def work() -> list[T]:
        found = []
        while kills.left > 0 and (number := next(numbers)) < most:
            found.append(one(number))
        return found

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return [made for future in [pool.submit(work) for _ in range(SIDE_BY_SIDE)] for made in future.result()]


class Watch:
    """What can be seen of a process from outside: the files of its run, and what the server is asked.

    Args:
        job: Name of the job it runs.
        key: Its account at the server.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], folder: Path, job: str, server: SandboxProcess, key: str
    ) -> None:
        self.process, self.server, self.key = process, server, key
        self._runs = folder / "bulkreply-runs" / job
        self._folder = folder
        self._written = self._stamps()
        self._commits, self._changed_s = 0, time.monotonic()
        self._ends = self._end_stamps()
        self._asked = -1

    def _files(self, *names: str) -> Iterator[tuple[str, int]]:
        for name in names:
            for path in (*self._runs.glob(f"*/{name}"), *self._folder.glob(f"out/{name}")):
                try:
                    yield str(path), path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue

    def _stamps(self) -> dict[str, int]:
        return dict(self._files("ledger.sqlite", "pages.sqlite"))

    def _end_stamps(self) -> dict[str, int]:
        return dict(self._files("results.csv*", "report.json*", ".*.part", "*.manifest.json"))

    def commits(self) -> int:
        """How often the run's ledger, or what an export has read, was seen to change since this began to look."""
        stamps = self._stamps()
        if stamps != self._written:
            self._written, self._changed_s = stamps, time.monotonic()
            self._commits += 1
        return self._commits

    def is_quiet(self) -> bool:
        """Whether it has begun and writes nothing any more."""
        return self.commits() > 0 and time.monotonic() - self._changed_s > QUIET_S

    def has_planned(self) -> bool:
        """Whether it has made the folder of a run, with or without a ledger."""
        return any(path.is_dir() for path in self._runs.glob("*"))

    def asks_again(self) -> bool:
        """Whether, having been quiet, it has asked the server something."""
        if self._asked < 0 and not self.is_quiet():
            return False
        asked = len(self.server.ask("requests", self.key)["targets"])
        if self._asked < 0:
            self._asked = asked
        return asked > self._asked

    def is_finishing(self) -> bool:
        """Whether it writes what it leaves behind."""
        return self._end_stamps() != self._ends


@dataclass(frozen=True)
class Instant:
    """Where a process is to be killed.

    Attributes:
        late_s: The kill comes this much later, drawn from this range.
    """

    name: str
    reached: Callable[[Watch], bool]
    late_s: tuple[float, float] = (0.0, 0.03)


STARTING = Instant("starting", lambda watch: True, (0.05, 0.9))
PLANNING = Instant("planning", Watch.has_planned)
SETTLING = Instant("settling", Watch.is_quiet, (0.0, 0.2))
VERIFYING = Instant("verifying", Watch.asks_again)
FINISHING = Instant("finishing", Watch.is_finishing)


def sending(after: int) -> Instant:
    """Once it was seen to write down what it does so often."""
    return Instant("sending", lambda watch: watch.commits() >= after)


def reading(after: int) -> Instant:
    """Once it was seen to keep so many pages of what it reads."""
    return Instant("reading", lambda watch: watch.commits() >= after)


def kill_at(instant: Instant, watch: Watch, chance: random.Random) -> bool:
    """Kills a process at an instant; False when it had ended before."""
    process, end = watch.process, time.monotonic() + DEADLINE_S
    while process.poll() is None and not instant.reached(watch) and time.monotonic() < end:
        time.sleep(POLL_S)
    if process.poll() is None:
        time.sleep(chance.uniform(*instant.late_s))
    process.kill()
    return process.wait() < 0


def state_of(run: Path) -> tuple[str, int]:
    """What the ledger of a dead run says: its state, and how many batches are in doubt. A copy is read, so that whoever
    goes on finds everything as the kill left it."""
    copy = run.parent / f"copy-of-{run.name}"
    copy.mkdir()
    for path in run.glob("ledger.sqlite*"):
        shutil.copy(path, copy)
    try:
        with closing(sqlite3.connect(copy / "ledger.sqlite")) as ledger:
            state = ledger.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()[0]
            return state, ledger.execute("SELECT count(*) FROM batch WHERE state < 3").fetchone()[0]
    finally:
        shutil.rmtree(copy)


@dataclass
class Ended:
    """How a run ended that was killed some times.

    Attributes:
        said: What the last process wrote to stderr.
        runs: The folders of its runs; more than one would mean that it was begun anew.
        left: Files nobody needs any more, or nobody is to see.
    """

    code: int
    said: str
    runs: list[Path]
    left: list[str]


def run_to_its_end(
    command: Bulkreply,
    job: str,
    options: Sequence[str],
    server: SandboxProcess,
    aims: Iterable[Instant],
    kills: Kills,
    chance: random.Random,
    killed: Callable[[], None] = lambda: None,
) -> Ended:
    """Runs `job.yaml`, kills it at each instant in turn, and lets it end.

    It goes on by `run` or by `resume`, whichever chance wants; one whose last act was recorded only by `resume`.

    Args:
        killed: Called after every kill, while nothing is at work.
    """
    runs, told = command.folder / "bulkreply-runs" / job, command.folder / "said.txt"
    command.settings["BULKREPLY_VERBOSE"] = "1"

    def words() -> tuple[str, ...]:
        begun = sorted(runs.glob("*/ledger.sqlite"))
        if not begun or (chance.random() < 0.5 and state_of(begun[-1].parent)[0] in OPEN):
            return ("run", "job.yaml", "--yes", *options)
        return ("resume", begun[-1].parent.name, *options)

    code, said = None, ""
    for aim in aims:
        if not kills.take():
            break
        with told.open("wb") as stderr:
            process = command.start(*words(), stderr=stderr)
        watch = Watch(process, command.folder, job, server, command.key)
        dead = kill_at(aim, watch, chance)
        begun = sorted(runs.glob("*/ledger.sqlite"))
        kills.note(aim.name, dead, state_of(begun[-1].parent)[1] if dead and begun else 0)
        if not dead:
            code, said = process.returncode, told.read_text("utf-8")
            break
        killed()
    if code is None:
        done = command(*words(), timeout_s=300)
        code, said = done.code, done.err
    found = [path.parent for path in sorted(runs.glob("*/ledger.sqlite"))]
    unneeded = [*command.folder.rglob("*.part"), *runs.glob("*/stage"), *runs.glob("*/pages.sqlite")]
    orphans = [path for path in runs.glob("*/") if path.is_dir() and path not in found]
    return Ended(code, said, found, [str(path.relative_to(command.folder)) for path in (*unneeded, *orphans)])
