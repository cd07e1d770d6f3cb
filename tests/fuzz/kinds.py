"""The kinds of cases by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz import answers, jobs, tables, words


def _fails(chance: Random, folder: Path) -> None:
    (folder / "in").write_text("x")
    raise KeyError(chance.random())


def _hangs(chance: Random, folder: Path) -> None:
    while True:
        chance.random()


def _aborts(chance: Random, folder: Path) -> None:
    os.abort()


def _swells(chance: Random, folder: Path) -> None:
    (folder / "in").write_text(str(len(b"x" * (600 << 20))))


CANARIES: dict[str, Callable[[Random, Path], None]] = {
    "fails": _fails,
    "hangs": _hangs,
    "aborts": _aborts,
    "swells": _swells,
}
"""What the harness must notice."""

KINDS: dict[str, Callable[[Random, Path], None]] = {
    "csv": tables.delimited,
    "ndjson": tables.json_lines,
    "parquet": tables.parquet,
    "xlsx": tables.workbook,
    "xlsx-child": tables.workbook_child,
    "yaml": jobs.yaml,
    "plan": jobs.plan,
    "cron": words.cron,
    "names": words.names,
    "sql": words.sql,
    "config": words.config,
    "catalog": words.catalog,
    "options": words.options,
    "timetable": words.timetable,
    "answers": answers.answers,
    "wire": answers.wire,
}
