"""Times a command as a whole process: wall clock, CPU, peak memory. Small, so that what it starts begins small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took. Peak memory is its own, or that of its largest child."""

    wall_s: float
    cpu_s: float
    peak_mib: float


class Failed(Exception):
    """A command of a bench did not end well."""


def timed(
    command: Sequence[str], folder: Path, cores: Sequence[int] = (), settings: Mapping[str, str] | None = None
) -> Taken:
    """Runs a command in a folder of its own, on some cores.

    Raises:
        Failed: It did not end with 0.
    """
    limit = {"POLARS_MAX_THREADS": str(len(cores))} if cores else {}
    said = folder / "said.txt"
    with said.open("wb") as out:
        began_s = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder, limit | dict(settings or {})),
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{' '.join(command[:6])} ended with {process.returncode}: {said.read_text('utf-8')[-1500:]}")
    return Taken(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def environment(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a command sees: state of its own, the key of the bench."""
    own = {"PYTHONPATH": str(REPOSITORY), "REPLY_API_KEY": "bench", "COLUMNS": "120"}
    own |= {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    own |= {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}  # as an installed program has it
    around = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return around | own | dict(settings or {})


def python(*words: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *words]


@contextmanager
def dumb_server(contacts: int = 0, core: int | None = None, slow_after: int = 0) -> Iterator[str]:
    """The server that knows nothing, on a core of its own; its address."""
    process = subprocess.Popen(
        python("-m", "tests.bench.dumb", "--contacts", str(contacts), "--slow-after", str(slow_after)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, [core])) if core is not None else None,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
