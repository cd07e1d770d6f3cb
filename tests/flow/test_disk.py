"""A disk that is full or fails at the worst moments: exit 7, one clear line, nothing sent that could not be recorded,
and after that the run goes on to its end with every effect once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.disk import SYNCS, Syncs, fill, in_the_way, use_up_files
from tests.flow.gate import Gate, gate_to
from tests.flow.under_way import UnderWay, contacts_file
from tests.support import Bulkreply, Done, SandboxProcess

ROWS = 600
FREE = ("--limits", "none", "--parallel", "2")


@pytest.fixture
def server(stand_in: SandboxProcess) -> SandboxProcess:
    """An empty stand-in without quota."""
    stand_in.change("reset", {})
    return stand_in


def assert_disk(done: Done, says: str) -> None:
    assert done.code == 7, done.err
    assert says in done.err
    assert "Traceback" not in done.err and "internal error" not in done.err, done.err


def imports(server: SandboxProcess) -> int:
    return sum(target.endswith("/contacts/import") for target in server.ask("requests")["targets"])


def meet(command: Bulkreply, server: SandboxProcess, gate: Gate, trouble: Callable[[int], None], *words: str) -> Done:
    """Runs on until two calls are done at Reply and not yet known here; then there is trouble."""
    gate.let(3)
    run = UnderWay(command, *words, "--base-url", gate.url, *FREE)
    run.until(lambda: gate.held == 2)
    before = imports(server)
    trouble(run.process.pid)
    gate.let(None)
    done = run.end()
    assert imports(server) == before, "sent, although nothing could be recorded"
    return done


def test_a_run_survives_every_trouble_a_disk_can_make(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job = contacts_file(bulkreply, ROWS, "long")
    with gate_to(server.url, b"/import") as gate:
        done = meet(bulkreply, server, gate, fill, "run", job)
        assert_disk(done, "cannot be written")
        assert "resume" in done.err
        assert len(server.ask("contacts")) == 5 * 20
        done = meet(bulkreply, server, gate, use_up_files, "resume")
        assert_disk(done, "cannot be")
        assert "resume" in done.err
        with in_the_way(bulkreply.run_folder("long") / "results.csv.part"):
            assert_disk(bulkreply("resume", "--base-url", gate.url, *FREE), "results.csv cannot be written")
        assert len(server.ask("contacts")) == ROWS
        with in_the_way(bulkreply.run_folder("long") / "report.json.part"):
            assert_disk(bulkreply("resume", "--base-url", gate.url, *FREE), "report.json cannot be written")
        sent = imports(server)
        done = bulkreply("resume", "--base-url", gate.url, *FREE)
    assert done.code == 0, done.err
    assert imports(server) == sent, "all that was left was the report"
    assert_once(server)
    assert bulkreply.report("long")["rows"]["created"] == ROWS


def assert_once(server: SandboxProcess) -> None:
    assert len(server.ask("contacts")) == ROWS
    assert all(counts["created"] + counts["updated"] == 1 for counts in server.ask("writes").values())


@pytest.mark.skipif(not SYNCS, reason="the numbers of system calls are known for Linux on two machines")
def test_a_run_whose_fsync_fails(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job, syncs = contacts_file(bulkreply, ROWS, "long"), Syncs()
    with gate_to(server.url, b"/import") as gate:
        gate.let(3)
        run = UnderWay(bulkreply, "run", job, "--base-url", gate.url, *FREE, preexec_fn=syncs.install)
        syncs.watch()
        run.until(lambda: gate.held == 2)
        before = imports(server)
        syncs.failing = True
        gate.let(None)
        assert_disk(run.end(), "cannot be written")
        assert syncs.failed > 0
        assert imports(server) == before
        done = bulkreply("resume", "--base-url", gate.url, *FREE)
    assert done.code == 0, done.err
    assert_once(server)
    assert bulkreply.report("long")["rows"]["created"] == ROWS


def test_talk_that_cannot_be_written_changes_no_exit_code(bulkreply: Bulkreply) -> None:
    with Path("/dev/full").open("wb") as full:
        assert UnderWay(bulkreply, "run", "nowhere.yaml", stderr=full).process.wait(60) == 2


def test_nothing_begins_where_nothing_can_be_written(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job = contacts_file(bulkreply, 20, "long")
    bulkreply.write("file", "no folder")
    words = ("run", job, "--base-url", server.url, *FREE)
    assert_disk(bulkreply(*words, "--runs", "file/runs"), "Not a directory")
    assert_disk(bulkreply(*words, "--runs", "/proc/runs"), "cannot be")
    bulkreply.settings["XDG_STATE_HOME"] = "/proc/state"
    assert_disk(bulkreply(*words), "state")
    del bulkreply.settings["XDG_STATE_HOME"]
    bulkreply.write("state/bulkreply/quota", "no folder either")
    assert_disk(bulkreply("run", job, "--base-url", server.url), "quota")
    assert imports(server) == 0


def test_an_export_survives_them_too(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    assert bulkreply("run", contacts_file(bulkreply, ROWS, "long"), "--base-url", server.url, *FREE).code == 0
    with gate_to(server.url, b"/contacts/filter") as gate:
        words = ("export", "contacts", "-o", "all.csv", "--base-url", gate.url, *FREE)
        gate.let(1)
        run = UnderWay(bulkreply, *words)
        run.until(lambda: gate.held == 1)
        fill(run.process.pid)
        gate.let(None)
        assert_disk(run.end(), "cannot be written")
        for name, says in ((".all.csv.part", "all.csv"), (".all.csv.manifest.json.part", "manifest.json")):
            with in_the_way(bulkreply.folder / name):
                done = bulkreply("resume", "--base-url", gate.url, *FREE)
                assert_disk(done, f"{says}")
                assert "resume" in done.err
        done = bulkreply("resume", "--base-url", gate.url, *FREE)
    assert done.code == 0, done.err
    lines = (bulkreply.folder / "all.csv").read_text("utf-8").splitlines()
    assert len(lines) == len(set(lines)) == ROWS + 1
    assert_disk(
        bulkreply("export", "contacts", "-o", "contacts.csv/x.csv", "--base-url", server.url, *FREE),
        "x.csv cannot be written",
    )
