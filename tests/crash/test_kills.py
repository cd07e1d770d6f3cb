"""Runs that are killed without warning, against a stand-in that loses answers: no contact lost, none written twice."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import Bulkreply, SandboxProcess, start_sandbox

ROWS = 2_000
SIDE_BY_SIDE = 3
JOB = """
job: crash
from: {file: contacts.csv}
to: {object: contacts, batch: 50}
map: {email: Email, firstName: First Name, company: Company}
policy: {settle_s: 0.4}
"""


@dataclass
class Outcome:
    """What one killed run left behind."""

    kills: int
    lost: int
    strangers: int
    created_twice: int
    written_twice: int
    report_rows: dict[str, int]
    code: int


def one_run(number: int, sandbox: SandboxProcess, key: str, folder: Path, seed: int) -> Outcome:
    chance = random.Random(seed)
    folder.mkdir()
    command = Bulkreply(folder, key)
    command.write("job.yaml", JOB)
    emails = [f"user{i}.run{number}@example.com" for i in range(ROWS)]
    lines = [f"{email},First{i},Company {i}" for i, email in enumerate(emails)]
    command.write("contacts.csv", "\n".join(["Email,First Name,Company", *lines]) + "\n")
    options = ("--base-url", sandbox.url, "--limits", "none", "--parallel", "4")
    kills = 0
    for _ in range(chance.randint(1, 5)):
        process = command.start("run", "job.yaml", *options)
        _kill_somewhere(process, chance, sandbox, key)
        kills += process.wait() < 0
    done = command("run", "job.yaml", *options)
    here = {contact["email"] for contact in sandbox.ask("contacts", key)}
    writes = sandbox.ask("writes", key).values()
    return Outcome(
        kills=kills,
        lost=len(set(emails) - here),
        strangers=len(here - set(emails)),
        created_twice=sum(counts["created"] > 1 for counts in writes),
        written_twice=sum(counts["created"] + counts["updated"] > 1 for counts in writes),
        report_rows=command.report("crash")["rows"],
        code=done.code,
    )


def _kill_somewhere(process, chance: random.Random, sandbox: SandboxProcess, key: str) -> None:
    """At a random moment of the start, or once a random number of contacts has arrived and a little later."""
    deadline = time.monotonic() + (chance.uniform(0.3, 1.2) if chance.random() < 0.3 else 20)
    wanted = chance.randrange(ROWS)
    while process.poll() is None and time.monotonic() < deadline:
        if sandbox.ask("state", key)["contacts"] > wanted:
            time.sleep(chance.uniform(0, 0.04))
            break
        time.sleep(0.01)
    process.kill()


def test_killed_runs_lose_nothing_and_write_nothing_twice(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    runs = request.config.getoption("--kills")
    keys = [f"crash-{i}" for i in range(runs)]
    options = [word for key in keys for word in ("--key", key)]
    faults = ("--limits", "none", "--fault", "lost_answer=0.02", "--latency-ms", "5", "30", "--seed", "7")
    sandbox = start_sandbox(*options, *faults)
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            outcomes = list(
                pool.map(lambda i: one_run(i, sandbox, keys[i], tmp_path / f"run{i}", seed=1000 + i), range(runs))
            )
        lost_answers = sandbox.ask("state", keys[0])["faults"].get("lost_answer", 0)
    finally:
        sandbox.stop()
    kills = sum(outcome.kills for outcome in outcomes)
    print(
        f"\n{runs} runs of {ROWS:,} rows, {kills} kills, {lost_answers} answers lost, "
        f"{time.monotonic() - began:.0f} s: "
        f"lost {sum(o.lost for o in outcomes)}, created twice {sum(o.created_twice for o in outcomes)}, "
        f"written twice {sum(o.written_twice for o in outcomes)}"
    )
    assert kills >= runs / 2, "the harness hardly kills anything"
    assert lost_answers > 0, "the stand-in lost no answer"
    for outcome in outcomes:
        assert (outcome.lost, outcome.strangers, outcome.created_twice) == (0, 0, 0), outcome
        assert outcome.written_twice == 0, outcome
        rows = outcome.report_rows
        assert outcome.code == 0, outcome
        assert rows["read"] == ROWS == sum(count for word, count in rows.items() if word != "read"), outcome
        assert rows["created"] == ROWS, outcome
