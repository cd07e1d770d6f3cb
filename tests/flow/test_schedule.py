"""Schedules with real child processes against a stand-in; time is a clock set by hand, or a moment that was missed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from bulkreply.cli import scheduling
from bulkreply.errors import UsageProblem
from bulkreply.schedule import Clockwork, Cron, Entry, Schedule, Standing, Store, due
from tests.conftest import KEY_CANARY
from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOB = """
job: {name}
from: {{file: contacts.csv}}
to: {{object: contacts, batch: 10}}
map: {{email: Email, firstName: First}}
"""
NEVER = "0 0 1 1 *"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def until(reached: Callable[[], bool], deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while not reached():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def lay_out(bulkreply: Bulkreply, server: SandboxProcess | None, *names: str, rows: int = 60) -> None:
    """Jobs of these names that were due on New Year's night, when nobody was there."""
    bulkreply.settings |= {"REPLY_BASE_URL": server.url} if server else {}
    lines = [f"u{i}@example.com,F{i}" for i in range(rows)]
    bulkreply.write("contacts.csv", "\n".join(["Email,First", *lines]) + "\n")
    for name in names:
        plan(bulkreply, name, bulkreply.write(f"{name}.yaml", JOB.format(name=name)))


def plan(bulkreply: Bulkreply, name: str, job: Path, seen_s: float | None = None, **changes: Any) -> None:
    """A schedule that nobody has looked at for a year."""
    schedule = Schedule(
        name, job, Cron.read(NEVER, "Europe/Berlin"), bulkreply.folder, bulkreply.folder / "bulkreply-runs"
    )
    with store_of(bulkreply).changing() as timetable:
        seen_s = time.time() - 366 * 86_400 if seen_s is None else seen_s
        timetable[name] = Entry(replace(schedule, **changes), Standing(seen_s=seen_s))


def store_of(bulkreply: Bulkreply) -> Store:
    return Store(bulkreply.folder / "state" / "bulkreply" / "schedule")


def standing(bulkreply: Bulkreply, name: str) -> Standing:
    return store_of(bulkreply).read()[name].standing


def is_due(bulkreply: Bulkreply, name: str) -> bool:
    entry = store_of(bulkreply).read()[name]
    return due(entry.schedule, entry.standing, time.time()) is not None


def run_once(bulkreply: Bulkreply) -> list[tuple[str, int]]:
    done = bulkreply("schedule", "run", "--once", "--json")
    assert done.code == 0, done.err
    return [(one["name"], one["exit_code"]) for one in done.json]


def runs_of(bulkreply: Bulkreply, job: str) -> list[str]:
    return [path.name for path in (bulkreply.folder / "bulkreply-runs" / job).glob("*/")]


def assert_complete(server: SandboxProcess, rows: int = 60) -> None:
    assert len(server.ask("contacts")) == rows
    assert all(counts["created"] == 1 for counts in server.ask("writes").values())


def here(bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process stands where the command line would, and sees what it would see."""
    monkeypatch.chdir(bulkreply.folder)
    for name, text in bulkreply.environment.items():
        monkeypatch.setenv(name, text)


class SetByHand:
    """A clock that moves on when everybody waits for it, and rings at the horizon."""

    def __init__(self, now_s: float, horizon_s: float) -> None:
        self.now, self.horizon = now_s, horizon_s
        self.stop = asyncio.Event()
        self.works: Clockwork | None = None

    def now_s(self) -> float:
        return self.now

    async def sleep(self, delay_s: float) -> None:
        assert self.works is not None
        await self.works.idle()
        self.now += delay_s
        if self.now >= self.horizon:
            self.stop.set()

    def jitter(self) -> float:
        return 0.0


def test_a_missed_night_is_caught_up_once(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    lay_out(bulkreply, server)
    bulkreply.write("nightly.yaml", JOB.format(name="nightly"))
    done = bulkreply("schedule", "add", "nightly.yaml", "--cron", NEVER, "--tz", "Europe/Berlin", "--json")
    assert done.code == 0, done.err
    assert done.json["next_local"].endswith("-01-01T00:00:00+01:00")
    assert run_once(bulkreply) == [], "nothing is due yet"
    added = store_of(bulkreply).read()["nightly"].schedule
    plan(bulkreply, "nightly", added.job)
    assert run_once(bulkreply) == [("nightly", 0)]
    assert_complete(server)
    assert run_once(bulkreply) == []
    (words,) = bulkreply("schedule", "list", "--json").json
    assert (words["due"], words["started"], words["last"]["state"]) == (False, 1, "finished")
    assert [words["last"]["run"]] == runs_of(bulkreply, "nightly")
    assert words["next_local"].endswith("-01-01T00:00:00+01:00")
    folder = store_of(bulkreply).folder
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    kept = "".join(path.read_text("utf-8") for path in folder.iterdir())
    assert KEY_CANARY not in kept
    assert "@example.com" not in kept


def test_the_scheduler_runs_what_is_due_and_stops_when_asked(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    lay_out(bulkreply, server, "one", "two")
    scheduler = bulkreply.start("schedule", "run")
    until(lambda: all(standing(bulkreply, name).ended_s for name in ("one", "two")))
    assert {standing(bulkreply, name).word for name in ("one", "two")} == {"finished"}
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(60) == 143
    assert len(server.ask("contacts")) == 60


def test_stopping_the_scheduler_stops_its_runs_and_they_go_on_with_it(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "100", "200")
    lay_out(bulkreply, server, "long", rows=800)
    scheduler = bulkreply.start("schedule", "run")
    until(lambda: server.ask("state")["contacts"] > 0)
    scheduler.send_signal(signal.SIGINT)
    assert scheduler.wait(60) == 130
    assert bulkreply.report("long")["state"] == "paused"
    assert 0 < len(server.ask("contacts")) < 800
    assert (standing(bulkreply, "long").word, standing(bulkreply, "long").failed) == ("stopped", 0)
    assert is_due(bulkreply, "long")
    assert run_once(bulkreply) == [("long", 0)]
    assert len(runs_of(bulkreply, "long")) == 1, "the run was continued"
    assert_complete(server, 800)


def test_a_run_outlives_a_killed_scheduler_and_is_not_run_twice(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "100", "200")
    lay_out(bulkreply, server, "long", rows=800)
    scheduler = bulkreply.start("schedule", "run")
    until(lambda: server.ask("state")["contacts"] > 0)
    (orphan,) = psutil.Process(scheduler.pid).children()
    orphan.suspend()
    scheduler.kill()
    scheduler.wait()
    assert run_once(bulkreply) == [], "it is still under way"
    assert standing(bulkreply, "long").word == "running"
    orphan.resume()
    psutil.wait_procs([orphan], 60)
    assert run_once(bulkreply) == [], "it has finished meanwhile"
    assert (standing(bulkreply, "long").word, standing(bulkreply, "long").started) == ("finished", 1)
    assert [standing(bulkreply, "long").run] == runs_of(bulkreply, "long")
    assert_complete(server, 800)


def test_when_all_were_killed_the_run_is_continued(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "100", "200")
    lay_out(bulkreply, server, "long", rows=800)
    job = bulkreply.folder / "long.yaml"
    job.write_text(job.read_text("utf-8") + "policy: {settle_s: 0.3}\n", "utf-8")
    scheduler = bulkreply.start("schedule", "run")
    until(lambda: server.ask("state")["contacts"] > 0)
    children = psutil.Process(scheduler.pid).children()
    for process in (scheduler, *children):
        process.kill()
    scheduler.wait()
    psutil.wait_procs(children, 30)
    assert standing(bulkreply, "long").word == "running", "nobody has looked yet"
    assert run_once(bulkreply) == [("long", 0)]
    assert len(runs_of(bulkreply, "long")) == 1
    assert_complete(server, 800)


def test_a_job_under_way_already_is_skipped_not_failed(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "200", "200")
    lay_out(bulkreply, server, "long", rows=800)
    by_hand = bulkreply.start("run", "long.yaml", "--parallel", "1")
    until(lambda: server.ask("state")["contacts"] > 0)
    by_hand.send_signal(signal.SIGSTOP)
    assert run_once(bulkreply) == [("long", 11)]
    by_hand.kill()
    by_hand.wait()
    found = standing(bulkreply, "long")
    assert (found.word, found.started, found.skipped, found.failed) == ("skipped", 0, 1, 0)
    assert "another run" in found.message
    assert not is_due(bulkreply, "long")


def test_several_schedulers_at_once_run_what_is_due_once(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    lay_out(bulkreply, server, "one", "two")
    schedulers = [bulkreply.start("schedule", "run", "--once") for _ in range(3)]
    assert {process.wait(60) for process in schedulers} == {0}
    for name in ("one", "two"):
        found = standing(bulkreply, name)
        assert (found.started, found.skipped, found.word) == (1, 0, "finished")
        assert len(runs_of(bulkreply, name)) == 1


async def test_two_nights_by_a_clock_set_by_hand(
    sandbox: Start, bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs due at the same moment, every night, over the change to summer time."""
    server, began_s = sandbox("--limits", "none"), at("2026-03-28T12:00:00+01:00")
    lay_out(bulkreply, server, "one", "two", rows=5)
    for name in ("one", "two"):
        cron = Cron.read("30 2 * * *", "Europe/Berlin")
        plan(bulkreply, name, bulkreply.folder / f"{name}.yaml", began_s, cron=cron)
    here(bulkreply, monkeypatch)
    clock = SetByHand(began_s, at("2026-03-30T12:00:00+02:00"))
    told: list[str] = []
    clock.works = Clockwork(store_of(bulkreply), clock=clock, announce=told.append)
    await clock.works.keep(clock.stop)
    begun = [line for line in told if "on time" in line]
    for name in ("one", "two"):
        assert [line.split("due ")[1] for line in begun if line.startswith(name)] == [
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:30:00+02:00",
        ]
        assert (standing(bulkreply, name).started, standing(bulkreply, name).failed) == (2, 0)
        assert len(runs_of(bulkreply, name)) == 2


async def test_a_run_paused_by_quota_goes_on_when_it_can(
    sandbox: Start, bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, now_s = sandbox("--limits", "none"), at("2026-11-25T06:00:00+01:00")
    lay_out(bulkreply, server, "nightly")
    limited = '[accounts.main]\nkey_env = "REPLY_API_KEY"\nbase_url = "{}"\nlimits = "{}"\n'
    bulkreply.write("bulkreply.toml", limited.format(server.url, "7/6h"))
    cron = Cron.read("0 6 25 11 *", "Europe/Berlin")  # quotas open by the true clock: no other moment may come before
    plan(bulkreply, "nightly", bulkreply.folder / "nightly.yaml", now_s - 60, cron=cron, account="main")
    here(bulkreply, monkeypatch)
    works = Clockwork(store_of(bulkreply), clock=SetByHand(now_s, now_s))
    assert await works.look(now_s) == ["nightly"]
    await works.idle()
    found = standing(bulkreply, "nightly")
    assert (found.word, found.exit_code) == ("paused", 5), found
    assert found.resume_s is not None
    assert 0 < len(server.ask("contacts")) < 60
    assert await works.look(found.resume_s - 1) == []
    bulkreply.write("bulkreply.toml", limited.format(server.url, "none"))
    assert await works.look(found.resume_s) == ["nightly"]
    await works.idle()
    assert standing(bulkreply, "nightly").word == "finished"
    assert len(runs_of(bulkreply, "nightly")) == 1
    assert_complete(server)


async def test_what_cannot_be_started_is_a_failure_with_a_reason(bulkreply: Bulkreply) -> None:
    now_s, gone = time.time(), bulkreply.folder / "gone"
    plan(bulkreply, "lost", gone / "job.yaml", folder=gone)
    works = Clockwork(store_of(bulkreply), clock=SetByHand(now_s, now_s))
    await works.look(now_s)
    await works.idle()
    found = standing(bulkreply, "lost")
    assert (found.word, found.exit_code, found.failed) == ("failed", 7, 1)
    assert "No such file or directory" in found.message


async def test_no_more_runs_at_once_than_allowed(
    sandbox: Start, bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, now_s = ("one", "two", "three"), time.time()
    lay_out(bulkreply, sandbox("--limits", "none"), *names, rows=5)
    here(bulkreply, monkeypatch)
    works = Clockwork(store_of(bulkreply), width=2)
    assert len(await works.look(now_s)) == 2
    assert await works.look(now_s) == []
    await works.idle()
    assert len(await works.look(now_s)) == 1
    await works.idle()
    assert await works.look(now_s) == []
    assert {standing(bulkreply, name).word for name in names} == {"finished"}


def test_nobody_is_asked_so_the_job_has_to_say_it(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    lay_out(bulkreply, server, "nightly")
    assert run_once(bulkreply) == [("nightly", 0)]
    deleting = "job: clean\nfrom: {file: contacts.csv}\nto: {object: contacts, mode: delete}\nmap: {email: Email}\n"
    deleting += "policy: {delete: 100%}\n"
    job = bulkreply.write("clean.yaml", deleting)
    done = bulkreply("schedule", "add", "clean.yaml", "--cron", NEVER)
    assert (done.code, "confirm: true" in done.err) == (2, True), done.err
    plan(bulkreply, "clean", job)
    assert bulkreply("schedule", "run", "--once").code == 2, "scheduled all the same, say when the job was another"
    assert "confirm: true" in standing(bulkreply, "clean").message
    assert len(server.ask("contacts")) == 60
    job.write_text(deleting + "confirm: true\n", "utf-8")
    plan(bulkreply, "clean", job)
    assert run_once(bulkreply) == [("clean", 0)]
    assert server.ask("contacts") == []


def test_what_is_wrong_is_said_in_one_line(bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(bulkreply, None, "nightly")
    here(bulkreply, monkeypatch)
    (bulkreply.folder / "piped.yaml").write_text(JOB.format(name="piped").replace("contacts.csv", "'-'"), "utf-8")

    def refused(job: str, cron: str = NEVER, zone: str = "UTC", name: str | None = None) -> str:
        with pytest.raises(UsageProblem) as raised:
            scheduling.add(Path(job), cron, zone, name=name, account=None, runs=None, as_json=False)
        assert "\n" not in raised.value.message
        return f"{raised.value.message} {raised.value.hint}"

    assert "minute '61' is not within 0-59" in refused("nightly.yaml", "61 * * * *")
    assert "did you mean 'Europe/Berlin'?" in refused("nightly.yaml", zone="Europe/Berlim")
    assert "letters, digits" in refused("nightly.yaml", name="../x")
    assert "already --name" in refused("nightly.yaml")
    assert "standard input" in refused("piped.yaml")
    with pytest.raises(UsageProblem) as raised:
        scheduling.remove("nigthly", as_json=False)
    assert raised.value.hint == "did you mean 'nightly'?"
    store_of(bulkreply).path.write_text("{")
    done = bulkreply("schedule", "run")
    assert (done.code, done.err.count("error: ")) == (2, 1)
    assert "timetable.json is damaged" in done.err


def test_schedules_added_and_removed_at_once(bulkreply: Bulkreply) -> None:
    bulkreply.write("contacts.csv", "Email,First\n")
    bulkreply.write("job.yaml", JOB.format(name="job"))
    names = ["a", "b", "c", "d"]
    adding = [bulkreply.start("schedule", "add", "job.yaml", "--cron", NEVER, "--name", name) for name in names]
    assert {process.wait(60) for process in adding} == {0}
    assert sorted(store_of(bulkreply).read()) == names
    removing = [bulkreply.start("schedule", "remove", name) for name in names]
    assert {process.wait(60) for process in removing} == {0}
    done = bulkreply("schedule", "list")
    assert (done.code, done.out, "no schedules" in done.err) == (0, "", True)


def test_the_crontab_line_works_as_it_stands(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    lay_out(bulkreply, server, "nightly")
    line = bulkreply("schedule", "install", "--cron").out.splitlines()[-1]
    assert line.startswith("* * * * * ")
    command = line.removeprefix("* * * * * ").replace(r"\%", "%")
    environment = bulkreply.environment | {"HOME": str(bulkreply.folder)}
    del environment["REPLY_API_KEY"]
    del environment["XDG_STATE_HOME"]
    bulkreply.write(".config/bulkreply/environment", f"REPLY_API_KEY={KEY_CANARY}\n")
    done = subprocess.run(["/bin/sh", "-c", command], cwd="/", env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_complete(server)


def test_units_are_printed_or_written_and_name_the_variable(bulkreply: Bulkreply) -> None:
    lay_out(bulkreply, None, "nightly")
    bulkreply.write("bulkreply.toml", '[accounts.second]\nkey_env = "SECOND_KEY"\n')
    plan(bulkreply, "other", bulkreply.folder / "nightly.yaml", account="second")
    done = bulkreply("schedule", "install", "--kubernetes", "other")
    assert done.code == 0, done.err
    assert ("SECOND_KEY" in done.out, "REPLY_API_KEY" in done.out, KEY_CANARY in done.out) == (True, False, False)
    written = bulkreply("schedule", "install", "--systemd", "nightly", "--write", "out/bulkreply.service")
    assert (written.code, written.out) == (0, "")
    unit = (bulkreply.folder / "out" / "bulkreply.service").read_text("utf-8")
    assert "holds REPLY_API_KEY=…" in unit
    assert KEY_CANARY not in unit
    for words in ((), ("--cron", "--systemd"), ("--cron", "nobody")):
        assert bulkreply("schedule", "install", *words).code == 2
