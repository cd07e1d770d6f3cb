"""Runs that go on from a ledger that was damaged, or that an earlier program wrote: nothing lost, nothing twice."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.flow.test_resume import interrupt, lay_out, until
from tests.ledgers import as_version_1
from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
ROWS = 300


def change(path: Path, *script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in script:
            db.execute(statement)


def gone(path: Path) -> None:
    """One of the first records, and the last ones."""
    change(path, "DELETE FROM batch WHERE id = 3 OR id > (SELECT max(id) - 2 FROM batch)")


def misplaced(path: Path) -> None:
    """Records that say they were about other rows than they were."""
    change(path, "UPDATE batch SET positions = '0-19' WHERE id % 3 = 0")


def damaged_first_version(path: Path) -> None:
    as_version_1(path)
    change(path, "UPDATE batch SET outcomes = zeroblob(20) WHERE id % 3 = 0", "DELETE FROM batch WHERE id = 2")


@pytest.mark.parametrize("happens", [gone, misplaced, damaged_first_version])
def test_a_run_goes_on_and_nothing_is_lost_or_done_twice(
    sandbox: Start, bulkreply: Bulkreply, happens: Callable[[Path], None]
) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "20", "60"), lay_out(bulkreply, ROWS)
    assert interrupt(bulkreply, server, job, signal.SIGKILL, at=120) == -9
    happens(bulkreply.run_folder("long") / "ledger.sqlite")
    assert bulkreply("status", "--json").json[0]["state"] == "running"
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none")
    assert (done.code, "continuing run" in done.err) == (0, True), done.err
    writes = server.ask("writes")
    assert len(writes) == ROWS
    assert [email for email, counts in writes.items() if counts["created"] + counts["updated"] != 1] == []
    rows = bulkreply.report("long")["rows"]
    assert (rows["read"], rows["created"]) == (ROWS, ROWS)
    copy = bulkreply.run_folder("long") / "ledger.sqlite.v1.bak"
    assert copy.exists() == (happens is damaged_first_version)


def test_a_run_whose_ledger_cannot_be_believed_is_not_begun_anew(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none"), lay_out(bulkreply, 40)
    url = ("--base-url", server.url, "--limits", "none")
    process = bulkreply.start("run", job, *url, "--parallel", "1")
    until(lambda: any((bulkreply.folder / "bulkreply-runs").glob("*/*/ledger.sqlite")))
    process.kill()
    process.wait()
    ledger = bulkreply.run_folder("long") / "ledger.sqlite"
    change(ledger, "UPDATE meta SET value = 'finished' WHERE name = 'state'")
    before, run = server.ask("requests")["targets"], ledger.parent.name
    for words in (("run", job), ("run", job, "--accept-changed-input"), ("resume",), ("resume", run)):
        done = bulkreply(*words, *url)
        assert (done.code, f"run {run}: the ledger is damaged" in done.err, "--fresh" in done.err) == (10, True, True)
    assert server.ask("requests")["targets"] == before, "nothing was sent"
    assert [path.name for path in ledger.parent.parent.glob("*/")] == [run], "and nothing begun"
    assert "damaged" in bulkreply("status").out


def test_what_may_never_be_repeated_ends_as_unknown(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "20", "60"), lay_out(bulkreply, ROWS)
    hold = ("--set", "policy.ambiguous=hold")
    process = bulkreply.start("run", job, *hold, "--base-url", server.url, "--limits", "none", "--parallel", "2")
    until(lambda: server.ask("state")["contacts"] >= 120 or process.poll() is not None)
    process.kill()
    assert process.wait() == -9
    change(bulkreply.run_folder("long") / "ledger.sqlite", "DELETE FROM batch WHERE id = 2")
    there = len(server.ask("contacts"))
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 3, done.err
    rows = bulkreply.report("long")["rows"]
    assert rows["created"] + rows["unknown"] == ROWS, "any row may have been in the record that is gone"
    assert len(server.ask("contacts")) == there, "so none was sent again"
