"""Rows that travel one by one: a few share an intent where no quota holds them back, and none is the worse for it."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from bulkreply.engine.rounds import ROUND
from tests.flow.scripted import Asked, Said, scripted
from tests.flow.test_damaged_ledgers import change
from tests.flow.test_resume import interrupt
from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
ROWS = 600
JOB = """
job: long
from: {file: people.csv}
to: {object: people, api: v1}
map: {email: Email, firstName: First}
policy: {settle_s: 0.3, ambiguous: verify}
"""


def lay_out(command: Bulkreply, job: str = JOB, rows: int = ROWS) -> str:
    command.write("people.csv", "\n".join(["Email,First", *(f"u{i}@example.com,F{i}" for i in range(rows))]) + "\n")
    return str(command.write("job.yaml", job))


def intents(command: Bulkreply) -> list[int]:
    """How many rows each record of the ledger is about."""
    with closing(sqlite3.connect(command.run_folder("long") / "ledger.sqlite")) as ledger:
        spans = [text for (text,) in ledger.execute("SELECT positions FROM batch WHERE state = 3")]
    ends = [[list(map(int, part.split("-"))) for part in text.split(",")] for text in spans]
    return [sum(pair[-1] - pair[0] + 1 for pair in found) for found in ends]


def posts(server: SandboxProcess) -> int:
    return sum(target.startswith("POST") and target.endswith("/people") for target in server.ask("requests")["targets"])


@pytest.mark.parametrize(
    ("limits", "job", "most"),
    [
        ("none", JOB, ROUND[1]),
        ("100000/60s", JOB, 1),
        ("none", JOB.replace("verify", "hold"), 1),
        ("none", JOB.replace("verify", "resend"), 1),
    ],
    ids=["free", "counted", "hold", "resend"],
)
def test_rows_share_an_intent_where_nothing_speaks_against_it(
    sandbox: Start, bulkreply: Bulkreply, limits: str, job: str, most: int
) -> None:
    server = sandbox("--limits", "none")
    done = bulkreply(
        "run", lay_out(bulkreply, job=job), "--base-url", server.url, "--limits", limits, "--parallel", "2"
    )
    assert done.code == 0, done.err
    assert (max(intents(bulkreply)), sum(intents(bulkreply)), posts(server)) == (most, ROWS, ROWS)


def test_what_is_refused_or_lost_keeps_nobody_else_from_going_once(bulkreply: Bulkreply) -> None:
    refused, lost, held, taken = range(3, ROWS, 7), range(5, ROWS, 11), dict[str, dict[str, Any]](), list[str]()

    def answer(asked: Asked) -> Said:
        if asked.method == "GET":
            email = asked.query.get("email")
            return Said(200, held.get(email, {}) if email else {"people": [*held.values()], "pagesCount": 1})
        number, email = int(asked.body["firstName"][1:]), asked.body["email"]
        if number in refused:
            return Said(400, {"message": "Nobody of that name."})
        held[email] = asked.body | {"id": 1000 + number}
        taken.append(email)
        return Said(0) if number in lost else Said(201, {"id": 1000 + number})

    with scripted(answer) as server:
        done = bulkreply("run", lay_out(bulkreply), "--base-url", server.url, "--limits", "none")
    assert done.code == 3, done.err
    rows = bulkreply.report("long")["rows"]
    assert (rows["created"] + rows["updated"], rows["rejected"]) == (ROWS - len(refused), len(refused))
    assert rows["updated"] == len(set(lost) - set(refused)), "what was read back does not say when it was made"
    assert (len(taken), len(set(taken))) == (ROWS - len(refused), ROWS - len(refused)), "each was sent once"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_row_in_doubt(sandbox: Start, bulkreply: Bulkreply, number: int) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "20", "40"), lay_out(bulkreply)
    assert interrupt(bulkreply, server, job, number, at=ROUND[1] + 5) == 128 + number
    rows = bulkreply.report("long")["rows"]
    assert rows["created"] == posts(server) == len(server.ask("contacts")) < ROWS
    assert rows["created"] + rows["not_attempted"] == ROWS
    assert bulkreply("resume", "--base-url", server.url, "--limits", "none").code == 0
    assert (posts(server), len(server.ask("contacts"))) == (ROWS, ROWS)


def test_a_slow_server_gets_few_calls_under_one_intent(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, rows = sandbox("--limits", "none", "--latency-ms", "300", "301"), 60
    job = lay_out(bulkreply, rows=rows)
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--parallel", "4")
    assert done.code == 0, done.err
    assert (max(intents(bulkreply)), sum(intents(bulkreply)), posts(server)) == (ROUND[0], rows, rows)


def test_who_is_told_to_wait_does_so_and_nothing_is_lost(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, rows = sandbox("--limits", "150/1s"), 200
    job = lay_out(bulkreply, rows=rows)
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--parallel", "4")
    assert done.code == 0, done.err
    report = bulkreply.report("long")
    assert report["requests"]["status_429"] > 0, "the stand-in refused none"
    assert report["rows"]["created"] == len(server.ask("contacts")) == rows
    assert {counts["created"] for counts in server.ask("writes").values()} == {1}


def test_from_a_damaged_ledger_rows_go_on_one_by_one(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "20", "60"), lay_out(bulkreply)
    assert interrupt(bulkreply, server, job, signal.SIGKILL, at=60) == -9
    change(bulkreply.run_folder("long") / "ledger.sqlite", "DELETE FROM batch WHERE id = 2")
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    writes = server.ask("writes")
    assert (len(writes), {counts["created"] for counts in writes.values()}) == (ROWS, {1})
    rows = bulkreply.report("long")["rows"]
    assert (rows["read"], rows["created"]) == (ROWS, ROWS)
