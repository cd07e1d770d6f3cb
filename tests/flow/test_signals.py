"""Real signals to real processes: the first drains and says how to go on, the second leaves at once."""

from __future__ import annotations

import re
import select
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.gate import Gate, gate_to
from tests.flow.under_way import UnderWay, contacts_file, until
from tests.support import Bulkreply, Done, SandboxProcess, start_sandbox

ROWS = 400
FREE = ("--limits", "none")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def each_signal(*first: signal.Signals) -> pytest.MarkDecorator:
    """All signals in the long form, some in the short one."""
    rest = [pytest.param(one, marks=pytest.mark.slow) for one in CODES if one not in first]
    return pytest.mark.parametrize("number", [*first, *rest])


@pytest.fixture
def server(stand_in: SandboxProcess) -> SandboxProcess:
    """An empty stand-in without quota."""
    stand_in.change("reset", {})
    return stand_in


@pytest.fixture(scope="module")
def full() -> Iterator[SandboxProcess]:
    """A stand-in with contacts."""
    process = start_sandbox("--key", KEY_CANARY, *FREE, "--seed-contacts", "6000")
    yield process
    process.stop()


def assert_once(server: SandboxProcess, rows: int = ROWS) -> None:
    assert len(server.ask("contacts")) == rows
    assert all(counts["created"] + counts["updated"] == 1 for counts in server.ask("writes").values())


def assert_quiet(done: Done, code: int) -> None:
    assert done.code == code, done.err
    assert "Traceback" not in done.err and "never retrieved" not in done.err, done.err


def resume_as_told(command: Bulkreply, done: Done, url: str) -> Done:
    """Runs the very command it printed."""
    found = re.search(r"bulkreply (resume \S+)", done.err)
    assert found is not None, done.err
    return command(*shlex.split(found[1]), "--base-url", url, *FREE)


@contextmanager
def two_under_way(server: SandboxProcess, bulkreply: Bulkreply) -> Iterator[tuple[Gate, UnderWay]]:
    """A run whose two workers have a call under way each, done at the server, unknown here."""
    job = contacts_file(bulkreply, ROWS, "long")
    with gate_to(server.url, b"/import") as gate:
        gate.let(3)
        run = UnderWay(bulkreply, "run", job, "--base-url", gate.url, *FREE, "--parallel", "2")
        run.until(lambda: gate.held == 2)
        yield gate, run


@each_signal(signal.SIGINT)
def test_the_first_signal_records_what_is_under_way_and_prints_the_command(
    server: SandboxProcess, bulkreply: Bulkreply, number: int
) -> None:
    with two_under_way(server, bulkreply) as (gate, run):
        run.process.send_signal(number)
        run.until(lambda: not pending(run.process.pid, number))
        gate.let(None)
        done = run.end()
        assert_quiet(done, CODES[number])
        report = bulkreply.report("long")
        assert (report["state"], report["exit_code"]) == ("paused", CODES[number])
        assert report["rows"]["created"] == len(server.ask("contacts")) == 5 * 20, "both answers are recorded"
        assert report["rows"]["not_attempted"] == ROWS - 100
        before = len(server.ask("requests")["targets"])
        assert resume_as_told(bulkreply, done, gate.url).code == 0
    assert_once(server)
    sent = [target for target in server.ask("requests")["targets"][before:] if target.endswith("/import")]
    assert len(sent) == 15, "nothing was in doubt"


def pending(pid: int, number: int) -> bool:
    """Whether a signal has not reached the process yet."""
    with Path(f"/proc/{pid}/status").open() as lines:
        masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


@each_signal(signal.SIGINT)
def test_the_second_signal_leaves_at_once_and_the_run_goes_on(
    server: SandboxProcess, bulkreply: Bulkreply, number: int
) -> None:
    with two_under_way(server, bulkreply) as (gate, run):
        until(lambda: run.process.send_signal(number) or run.process.poll() is not None)
        assert gate.held == 2, "it did not wait for the answers"
        assert_quiet(run.end(), CODES[number])
        gate.cut()
        assert bulkreply("resume", "--base-url", gate.url, *FREE).code == 0
    assert_once(server)


def test_while_it_asks_for_names_nothing_has_begun(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job = contacts_file(bulkreply, ROWS, "long")
    for words, number in (("run", signal.SIGINT), ("run", signal.SIGTERM), ("plan", signal.SIGHUP)):
        with gate_to(server.url) as gate:
            gate.let(0)
            begun = UnderWay(bulkreply, words, job, "--base-url", gate.url, *FREE)
            begun.until(lambda: gate.held > 0)
            done = begun.stop(number)
            assert_quiet(done, CODES[number])
            assert "stopped" in done.err
    assert server.ask("contacts") == []
    assert not list((bulkreply.folder / "bulkreply-runs").glob("*/*/ledger.sqlite"))


@each_signal(signal.SIGTERM)
def test_while_it_stages_it_stops_at_once_and_leaves_no_rows_behind(
    server: SandboxProcess, bulkreply: Bulkreply, number: int
) -> None:
    job = contacts_file(bulkreply, 150_000, "long")
    run = UnderWay(bulkreply, "run", job, "--base-url", server.url, *FREE)
    run.until(lambda: any((bulkreply.folder / "bulkreply-runs").glob("*/*/stage/part-*")))
    assert_quiet(run.stop(number), CODES[number])
    assert server.ask("contacts") == []
    left = [path.name for path in (bulkreply.folder / "bulkreply-runs" / "long").iterdir() if path.is_dir()]
    assert left == [], "a run that never began"


@each_signal(signal.SIGTERM)
def test_while_it_waits_for_the_quota(server: SandboxProcess, bulkreply: Bulkreply, number: int) -> None:
    job = contacts_file(bulkreply, ROWS, "long")
    run = UnderWay(bulkreply, "run", job, "--base-url", server.url, "--limits", "15/1h")
    run.until(lambda: len(server.ask("requests")["targets"]) == 15)
    run.until_idle()
    done = run.stop(number)
    assert_quiet(done, CODES[number])
    assert bulkreply.report("long")["rows"]["created"] == len(server.ask("contacts")) < ROWS
    assert resume_as_told(bulkreply, done, server.url).code == 0
    assert_once(server)


def test_while_it_verifies(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job = contacts_file(bulkreply, 20, "long", settle_s=0)
    assert bulkreply("run", contacts_file(bulkreply, 20, "rehearsal"), "--base-url", server.url, *FREE).code == 0
    calls = len(server.ask("requests")["targets"])
    server.change("reset", {})
    with gate_to(server.url, b"/import") as gate:
        gate.let(0)
        words = ("--base-url", gate.url, "--limits", f"{calls}/1h")  # up to the import; none to read it back with
        run = UnderWay(bulkreply, "run", job, *words)
        run.until(lambda: gate.held == 1)
        gate.cut()
        run.until_idle()
        done = run.stop()
        assert_quiet(done, 130)
        assert len(server.ask("contacts")) == 20
        assert bulkreply.report("long")["rows"]["created"] == 0, "nothing is known of it yet"
        assert resume_as_told(bulkreply, done, gate.url).code == 0
    assert_once(server, 20)
    assert bulkreply.report("long")["rows"]["created"] == 20


def test_during_an_export_that_waits_for_the_quota(full: SandboxProcess, bulkreply: Bulkreply) -> None:
    words = ("export", "contacts", "-o", "all.csv", "--base-url", full.url)
    run = UnderWay(bulkreply, *words, "--limits", "4/1h")
    run.until_idle()
    done = run.stop()
    assert_quiet(done, 130)
    assert not (bulkreply.folder / "all.csv").exists()
    assert bulkreply.report("export-contacts")["state"] == "paused"
    assert resume_as_told(bulkreply, done, full.url).code == 0
    assert len((bulkreply.folder / "all.csv").read_text().splitlines()) == 6001


def test_during_an_export_that_writes(full: SandboxProcess, bulkreply: Bulkreply) -> None:
    words = ("export", "contacts", "-o", "-", "--base-url", full.url, *FREE)
    run = UnderWay(bulkreply, *words, stdout=subprocess.PIPE)
    assert run.process.stdout is not None
    assert select.select([run.process.stdout], [], [], 60)[0], "it writes, and stands still once the pipe is full"
    run.process.send_signal(signal.SIGINT)
    until(lambda: not pending(run.process.pid, signal.SIGINT))
    with run.process.stdout as pipe:
        cut = pipe.read()
    done = run.end()
    assert_quiet(done, 130)
    assert 0 < cut.count(b"\n") < 6001, "what came is not everything"
    again = resume_as_told(bulkreply, done, full.url)
    assert (again.code, again.out.count("\n")) == (0, 6001), again.err


@each_signal(signal.SIGHUP)
def test_a_scheduler(bulkreply: Bulkreply, number: int) -> None:
    scheduler = UnderWay(bulkreply, "schedule", "run")
    scheduler.until(lambda: "scheduler begins" in scheduler.said)
    assert_quiet(scheduler.stop(number), CODES[number])


@each_signal(signal.SIGINT)
def test_a_sandbox(bulkreply: Bulkreply, number: int) -> None:
    sandbox = UnderWay(bulkreply, "sandbox", "--port", "0")
    sandbox.until(lambda: "listening" in sandbox.said)
    assert_quiet(sandbox.stop(number), 0)


def test_signals_that_are_ignored_stay_so(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    job = contacts_file(bulkreply, ROWS, "long")
    with gate_to(server.url, b"/import") as gate:
        gate.let(0)
        words = ("run", job, "--base-url", gate.url, *FREE, "--parallel", "1")
        run = UnderWay(bulkreply, *words, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        run.until(lambda: gate.held == 1)
        run.process.send_signal(signal.SIGHUP)
        gate.let(None)
        assert run.end().code == 0, "as under nohup"
    assert_once(server)


def test_a_reader_that_has_seen_enough(full: SandboxProcess, bulkreply: Bulkreply) -> None:
    words = ("export", "contacts", "-o", "-", "--base-url", full.url, *FREE)
    for _ in range(2):  # the second begins anew: what the first had read is no longer true
        run = UnderWay(bulkreply, *words, stdout=subprocess.PIPE)
        assert run.process.stdout is not None
        assert run.process.stdout.readline().startswith(b"id,")
        run.process.stdout.close()
        done = run.end()
        assert_quiet(done, 0)
        assert "rror" not in done.err and "continuing" not in done.err, done.err
    assert bulkreply("resume").code == 2, "nothing is left to do"
    assert not list((bulkreply.folder / "bulkreply-runs").glob("*/*/pages.sqlite"))
