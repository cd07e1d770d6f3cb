"""Start-up: what a command costs before it does anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contest import Contest, Side
from tests.bench.measure import python, timed

ONE = (0,)


@contextmanager
def doors(folder: Path, rows: int) -> Iterator[Contest]:
    """`--version`, `--help` and a bare interpreter."""
    sides = [
        Side("--version", lambda: timed(python("-m", "bulkreply", "--version"), folder, ONE)),
        Side("--help", lambda: timed(python("-m", "bulkreply", "--help"), folder, ONE)),
        Side("run --help", lambda: timed(python("-m", "bulkreply", "run", "--help"), folder, ONE)),
        Side("a bare interpreter", lambda: timed(python("-c", "pass"), folder, ONE)),
    ]
    yield Contest("start-up; at least 0.15 and 0.40 s, goal 0.10 and 0.30 s", "--version", sides)
