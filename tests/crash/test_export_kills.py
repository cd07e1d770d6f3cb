"""Exports that are killed without warning: the file that is there is whole, and what was begun is finished."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import KEY_CANARY
from tests.flow.test_export import Churn
from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
PEOPLE = 3_000
SIDE_BY_SIDE = 3
JOBS = {
    "csv": "from: {object: contacts}\nto: {file: 'out/{date}-{time}.csv'}\n",
    "parquet": "from: {object: contacts}\nto: {file: 'out/all.parquet', unwind: separate}\n",
    "ndjson": "from: {object: contacts, incremental: true}\nto: {file: 'out/all.ndjson'}\n",
    "sqlite": "from: {object: contacts, incremental: true}\nto: {database: 'sqlite:///all.db', mode: merge}\n",
}


@dataclass
class Ended:
    """What a job that was killed some times left behind.

    Attributes:
        halves: How often the final place held something that was not whole.
        ids: In the end, in the order they stand.
        left: Part files that nobody needs any more.
    """

    kills: int
    halves: int
    code: int
    ids: list[int]
    left: list[str]
    said: str


def ids_of(form: str, folder: Path) -> list[int] | None:
    """What stands at the final place; None when there is nothing."""
    if form == "sqlite":
        if not (folder / "all.db").exists():
            return None
        with closing(sqlite3.connect(folder / "all.db")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'contacts'").fetchone():
                return None
            return [row[0] for row in connection.execute("SELECT id FROM contacts ORDER BY id")]
    found = [path for path in sorted((folder / "out").glob(f"*.{form}")) if "__" not in path.name]
    if not found:
        return None
    # One killed in its last moments, its result recorded, is followed by a run of its own: a name with the time in it.
    begun = len(list(folder.glob("bulkreply-runs/*/*/ledger.sqlite")))
    assert len(found) <= begun, "a run that goes on keeps the name it began with"
    match form:
        case "csv":
            return pl.read_csv(found[-1])["id"].to_list()
        case "parquet":
            return pl.read_parquet(found[-1])["id"].to_list()
    return [json.loads(line)["id"] for line in found[-1].read_text("utf-8").splitlines()]


def one_job(number: int, folder: Path, key: str, server: SandboxProcess) -> Ended:
    """Kills a job once or twice wherever it is, then lets it end."""
    chance, form = random.Random(700 + number), list(JOBS)[number % len(JOBS)]
    folder.mkdir()
    command = Bulkreply(folder, key)
    command.write("job.yaml", f"job: night\n{JOBS[form]}")
    words = ("run", "job.yaml", "--base-url", server.url, "--limits", "none")
    kills = halves = 0
    for _ in range(chance.randint(1, 2)):
        process = command.start(*words)
        end = time.monotonic() + chance.uniform(0.6, 3.2)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() < 0
        kills += killed
        found = ids_of(form, folder)
        halves += found is not None and len(found) != PEOPLE
        if not killed:
            break
    else:
        done = command(*words)
        return _ended(kills, halves, done.code, form, folder, done.err)
    return _ended(kills, halves, process.returncode, form, folder, "")


def _ended(kills: int, halves: int, code: int, form: str, folder: Path, said: str) -> Ended:
    left = [path.name for path in folder.rglob("*") if path.name.endswith(".part")]
    return Ended(kills, halves, code, ids_of(form, folder) or [], left, said)


def test_killed_exports_end_whole(tmp_path: Path, sandbox: Start, request: pytest.FixtureRequest) -> None:
    wanted = request.config.getoption("--kills")
    runs = max(4, min(wanted // 5, 200))
    server = sandbox("--limits", "none", "--seed-contacts", str(PEOPLE), "--latency-ms", "20", "120")
    began = time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ended = list(pool.map(lambda i: one_job(i, tmp_path / f"run{i}", KEY_CANARY, server), range(runs)))
    kills = sum(one.kills for one in ended)
    print(f"\n{runs} exports of {PEOPLE:,} records, {kills} kills, {time.monotonic() - began:.0f} s")
    assert kills >= runs / 2, "the harness hardly kills anything"
    expected = sorted(contact["id"] for contact in server.ask("contacts"))
    for number, one in enumerate(ended):
        assert (one.code, one.halves, one.left) == (0, 0, []), (number, one.said, one.left)
        assert sorted(one.ids) == expected, number


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_while_records_come_and_go(seed: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "9000", "--latency-ms", "10", "60")
    chance, ids = random.Random(seed), [contact["id"] for contact in server.ask("contacts")]
    churn = Churn(server, bulkreply.key, ids, seed)
    words = ("export", "contacts", "-o", "all.parquet", "--base-url", server.url, "--limits", "none")
    for _ in range(2):
        process = bulkreply.start(*words)
        time.sleep(chance.uniform(0.5, 2.5))
        process.kill()
        process.wait()
    done = bulkreply(*words, timeout_s=300)
    gone = churn.stop()
    assert done.code == 0, done.err
    found = pl.read_parquet(bulkreply.folder / "all.parquet")["id"].to_list()
    assert len(gone) > 5, "nothing changed meanwhile"
    assert len(found) == len(set(found))
    assert set(ids) - gone <= set(found)
