"""Exports that are killed without warning: the file that is there is whole, and what was begun is finished."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import KEY_CANARY
from tests.crash.harness import (
    FINISHING,
    STARTING,
    Ended,
    Instant,
    Kills,
    reading,
    run_to_its_end,
    share,
    until_all_are_killed,
)
from tests.flow.test_export import Churn
from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
PEOPLE = 3_000
JOBS = {
    "csv": "from: {object: contacts}\nto: {file: 'out/{date}-{time}.csv'}\n",
    "parquet": "from: {object: contacts}\nto: {file: 'out/all.parquet', unwind: separate}\n",
    "ndjson": "from: {object: contacts, incremental: true}\nto: {file: 'out/all.ndjson'}\n",
    "sqlite": "from: {object: contacts, incremental: true}\nto: {database: 'sqlite:///all.db', mode: merge}\n",
}
AIMS = (
    ("reading", FINISHING, FINISHING),
    (STARTING, FINISHING),
    ("reading", "reading", FINISHING),
)


@dataclass
class Export:
    """What an export that was killed some times left behind.

    Attributes:
        halves: How often the final place held something that was not whole.
        ids: In the end, in the order they stand.
    """

    form: str
    ended: Ended
    halves: int
    ids: list[int]


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
    (file,) = found  # a run that goes on keeps the name it began with
    match form:
        case "csv":
            return pl.read_csv(file)["id"].to_list()
        case "parquet":
            return pl.read_parquet(file)["id"].to_list()
    return [json.loads(line)["id"] for line in file.read_text("utf-8").splitlines()]


def aims_of(number: int, chance: random.Random) -> list[Instant]:
    """Where the processes of an export are killed."""
    return [aim if isinstance(aim, Instant) else reading(chance.randint(1, 6)) for aim in AIMS[number % len(AIMS)]]


def one_job(number: int, folder: Path, server: SandboxProcess, kills: Kills) -> Export:
    """Kills a job wherever it is, then lets it end."""
    chance, form = random.Random(700 + number), list(JOBS)[number % len(JOBS)]
    folder.mkdir()
    command = Bulkreply(folder, KEY_CANARY)
    command.write("job.yaml", f"job: night\n{JOBS[form]}")
    halves = 0

    def look() -> None:
        nonlocal halves
        found = ids_of(form, folder)
        halves += found is not None and len(found) != PEOPLE

    options = ("--base-url", server.url, "--limits", "none")
    ended = run_to_its_end(command, "night", options, server, aims_of(number, chance), kills, chance, look)
    return Export(form, ended, halves, ids_of(form, folder) or [])


def test_killed_exports_end_whole(tmp_path: Path, sandbox: Start, request: pytest.FixtureRequest) -> None:
    kills, began_s = Kills(share(request, 20)), time.monotonic()
    server = sandbox("--limits", "none", "--seed-contacts", str(PEOPLE), "--latency-ms", "20", "120")
    most = 2 * kills.wanted
    exports = until_all_are_killed(kills, lambda i: one_job(i, tmp_path / f"run{i}", server, kills), most)
    halves, spent_s = sum(one.halves for one in exports), time.monotonic() - began_s
    print(f"\n{len(exports)} exports of {PEOPLE:,} records, {kills}, {spent_s:.0f} s: half files {halves}")
    assert kills.made.total() == kills.wanted, "the harness hardly kills anything"
    expected = sorted(contact["id"] for contact in server.ask("contacts"))
    for number, one in enumerate(exports):
        assert (one.ended.code, len(one.ended.runs), one.halves, one.ended.left) == (0, 1, 0, []), (number, one.ended)
        assert sorted(one.ids) == expected, (number, one.form)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_while_records_come_and_go(seed: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "9000", "--latency-ms", "10", "60")
    chance, ids = random.Random(seed), [contact["id"] for contact in server.ask("contacts")]
    churn = Churn(server, bulkreply.key, ids, seed)
    bulkreply.write("job.yaml", "job: night\nfrom: {object: contacts}\nto: {file: out/all.parquet}\n")
    options, kills = ("--base-url", server.url, "--limits", "none"), Kills(2)
    aims = [reading(chance.randint(1, 9)), reading(chance.randint(1, 9))]
    ended = run_to_its_end(bulkreply, "night", options, server, aims, kills, chance)
    gone = churn.stop()
    assert ended.code == 0, ended
    found = ids_of("parquet", bulkreply.folder) or []
    assert len(gone) > 5, "nothing changed meanwhile"
    assert len(found) == len(set(found))
    assert set(ids) - gone <= set(found)
