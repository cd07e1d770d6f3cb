"""Thousands of inputs nobody would write on purpose: a clear refusal or a result; no traceback, no hang, no abort.

`--slow` runs 50,000. A case is run again by `python -m tests.fuzz.batch FOLDER 20 KIND:NUMBER:1`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import REPOSITORY

CPU_S = 20.0
PEAK_MIB = 400.0
GROUPS = {
    "delimited": {"csv": 400},
    "tables": {"ndjson": 350, "parquet": 200, "xlsx": 200, "xlsx-child": 4},
    "jobs": {"yaml": 250, "plan": 110, "catalog": 100},
    "words": {"cron": 45, "names": 250, "config": 250, "options": 100, "timetable": 150, "sql": 60},
    "answers": {"answers": 900, "wire": 120},
}
LONG = 15


def run_batch(folder: Path, cpu_s: float, *orders: str) -> dict[str, Any]:
    """Runs cases in a process of their own; what it tells, or how it died."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    own = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.batch", str(folder), str(cpu_s), *orders],
        cwd=REPOSITORY,
        env=kept | own | {"PYTHONPATH": str(REPOSITORY), "POLARS_MAX_THREADS": "2"},
        capture_output=True,
        timeout=3_000,
        check=False,
    )
    told = folder / "told.json"
    if done.returncode or not told.exists():
        last = (folder / "now").read_text() if (folder / "now").exists() else "before the first case"
        words = done.stderr.decode("utf-8", "replace")[-2_000:]
        pytest.fail(f"died (exit {done.returncode}) at {last}, input in {folder / 'work'}:\n{words}")
    found: dict[str, Any] = json.loads(told.read_text())
    return found


def check(told: dict[str, Any]) -> None:
    shown = [f"{one['case']}, input in {one['input']}:\n{one['trouble']}" for one in told["found"][:5]]
    assert not shown, f"{len(told['found'])} findings, for example\n" + "\n".join(shown)
    assert told["peak_mib"] < PEAK_MIB, f"peak {told['peak_mib']:.0f} MiB"
    for kind, cases in told["cases"].items():
        assert told["refused"][kind] < cases, f"every case of {kind} was refused: it tests nothing any more"


@pytest.mark.parametrize("group", GROUPS)
def test_strange_input(group: str, tmp_path: Path) -> None:
    check(run_batch(tmp_path, CPU_S, *(f"{kind}:0:{count}" for kind, count in GROUPS[group].items())))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_very_much_strange_input(group: str, tmp_path: Path) -> None:
    check(run_batch(tmp_path, CPU_S, *(f"{kind}:{count}:{count * LONG}" for kind, count in GROUPS[group].items())))


def test_there_are_thousands() -> None:
    cases = sum(sum(kinds.values()) for kinds in GROUPS.values())
    assert cases >= 3_000
    assert cases * LONG >= 50_000


@pytest.mark.parametrize(
    ("kind", "says"), [("fails", "KeyError"), ("hangs", "Hang"), ("aborts", "died"), ("swells", "peak")]
)
def test_the_harness_notices(kind: str, says: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception), match=says):
        check(run_batch(tmp_path, 0.5 if kind == "hangs" else CPU_S, f"{kind}:0:1"))


def test_a_case_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run_batch(tmp_path / name, CPU_S, "csv:77:1")
    first, second = (sorted((tmp_path / name / "work").iterdir()) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
