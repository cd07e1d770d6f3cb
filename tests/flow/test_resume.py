"""Runs that are stopped, killed, paused or changed under way."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
ROWS = 600
JOB = """
job: long
from: {file: contacts.csv}
to: {object: contacts, batch: 20}
map: {email: Email, firstName: First, company: Company}
policy: {settle_s: 0.3}
"""


def lay_out(bulkreply: Bulkreply, rows: int = ROWS) -> str:
    lines = [f"u{i}@example.com,F{i},C{i}" for i in range(rows)]
    bulkreply.write("contacts.csv", "\n".join(["Email,First,Company", *lines]) + "\n")
    return str(bulkreply.write("job.yaml", JOB))


def until(reached: Callable[[], bool], deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not reached():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def interrupt(bulkreply: Bulkreply, server: SandboxProcess, job: str, how: int, at: int = 100) -> int:
    process = bulkreply.start("run", job, "--base-url", server.url, "--limits", "none", "--parallel", "2")
    until(lambda: server.ask("state")["contacts"] >= at or process.poll() is not None)
    process.send_signal(how)
    return process.wait(30)


def assert_complete(server: SandboxProcess, rows: int = ROWS) -> None:
    assert len(server.ask("contacts")) == rows
    assert all(counts["created"] + counts["updated"] == 1 for counts in server.ask("writes").values())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_in_good_order(sandbox: Start, bulkreply: Bulkreply, number: int, code: int) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    assert interrupt(bulkreply, server, job, number) == code
    rows = bulkreply.report("long")["rows"]
    assert bulkreply.report("long")["state"] == "paused"
    assert rows["created"] == len(server.ask("contacts")) < ROWS, "every answer is recorded, nothing is in doubt"
    assert rows["created"] + rows["not_attempted"] == ROWS
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    assert_complete(server)


def test_a_killed_run_is_continued_by_run_and_says_so(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    assert interrupt(bulkreply, server, job, signal.SIGKILL) == -9
    assert "running" in bulkreply("status").out
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none")
    assert done.code == 0
    assert "continuing run" in done.err
    assert_complete(server)
    sent = bulkreply.report("long")["requests"]["by_operation"]["v3.contacts.import"]
    seen = sum(target.endswith("import") for target in server.ask("requests")["targets"])
    assert seen - 2 <= sent <= seen, "requests before the kill count too, but for those under way"
    assert len(list((bulkreply.folder / "bulkreply-runs" / "long").glob("*/"))) == 1


def test_changed_input_or_job_is_refused_with_what_changed(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    interrupt(bulkreply, server, job, signal.SIGKILL)
    url = ("--base-url", server.url, "--limits", "none")
    done = bulkreply("run", job, *url, "--set", "map.firstName=Company")
    assert (done.code, "the job changed: map.firstName" in done.err) == (2, True), done.err
    text = (bulkreply.folder / "contacts.csv").read_text()
    bulkreply.write("contacts.csv", text.replace("u5@example.com,F5,C5", "u5@example.com,F5,New").replace("u7@", "v7@"))
    for words in (("run", job), ("resume",)):
        done = bulkreply(*words, *url)
        assert (done.code, "the input changed" in done.err) == (2, True), done.err
    done = bulkreply("run", job, *url, "--accept-changed-input")
    assert done.code == 0, done.err
    writes = server.ask("writes")
    assert len(writes) == ROWS + 1, "the row that was there before its address changed stays"
    assert writes["u5@example.com"] == {"created": 1, "updated": 1, "changed": 1}, "changed, so sent again"
    twice = [email for email, counts in writes.items() if counts["created"] + counts["updated"] > 1]
    assert twice == ["u5@example.com"]
    assert bulkreply("resume", *url).code == 2, "the replaced run is not unfinished any more"


def test_one_run_at_a_time(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "100", "100"), lay_out(bulkreply)
    first = bulkreply.start("run", job, "--base-url", server.url, "--limits", "none", "--parallel", "1")
    until(lambda: server.ask("state")["contacts"] > 0)
    done = bulkreply("run", job, "--base-url", server.url)
    assert (done.code, f"process {first.pid}" in done.err) == (11, True), done.err
    first.kill()
    first.wait()
    assert bulkreply("run", job, "--base-url", server.url, "--limits", "none").code == 0, (
        "the lock died with its holder"
    )
    assert_complete(server)


def test_a_ledger_that_is_gone_or_newer(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    interrupt(bulkreply, server, job, signal.SIGKILL)
    ledger = bulkreply.run_folder("long") / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    done = bulkreply("resume", ledger.parent.name, "--base-url", server.url)
    assert (done.code, "newer" in done.err) == (10, True), done.err
    ledger.unlink()
    assert bulkreply("resume", ledger.parent.name, "--base-url", server.url).code == 10


def test_another_account_s_key_is_refused(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80", "--key", "other"), lay_out(bulkreply)
    interrupt(bulkreply, server, job, signal.SIGKILL)
    mine, bulkreply.key = bulkreply.key, "other"
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert (done.code, "another account" in done.err) == (6, True), done.err
    bulkreply.key = "nobody"
    assert bulkreply("resume", "--base-url", server.url).code == 6
    bulkreply.key = mine
    assert bulkreply("resume", "--base-url", server.url, "--limits", "none").code == 0
    assert_complete(server)


def test_a_followed_job_is_attached_again(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--switch", "v3.import_mode=job"), lay_out(bulkreply, 100)
    process = bulkreply.start("run", job, "--base-url", server.url, "--limits", "none")
    targets = lambda: server.ask("requests")["targets"]  # noqa: E731
    followed = lambda: {target for target in targets() if "background-jobs" in target}  # noqa: E731
    until(lambda: len(followed()) == 5 or process.poll() is not None)
    process.kill()
    process.wait()
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    assert_complete(server, 100)
    assert sum(target.endswith("/contacts/import") for target in targets()) == 5, "no batch was handed over twice"


def test_standard_input_resumes(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    options = ("--set", "from.file=-", "--base-url", server.url, "--limits", "none", "--parallel", "2")
    with (bulkreply.folder / "contacts.csv").open("rb") as piped:
        process = bulkreply.start("run", job, *options, stdin=piped)
    until(lambda: server.ask("state")["contacts"] >= 100 or process.poll() is not None)
    process.kill()
    assert process.wait() == -9
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    assert_complete(server)
    left = [path.name for path in bulkreply.run_folder("long").iterdir()]
    assert not {"stdin.input", "stage"} & set(left), "copies of the rows go when the run has finished"


def test_a_quota_that_opens_too_late_pauses_the_run(sandbox: Start, bulkreply: Bulkreply) -> None:
    limits = "12/5s"
    server, job = sandbox("--limits", limits), lay_out(bulkreply, 400)
    done = bulkreply("run", job, "--base-url", server.url, "--limits", limits, "--max-wait", "1s")
    assert done.code == 5, done.err
    assert "bulkreply resume" in done.err
    rows = bulkreply.report("long")["rows"]
    assert rows["created"] + rows["not_attempted"] == 400
    assert rows["created"] == 20 * 8, "twelve calls: whoami, the three lists of who must not be written to, and these"
    done = bulkreply("resume", "--base-url", server.url, "--limits", limits)
    assert done.code == 0, done.err
    assert_complete(server, 400)
    sent = bulkreply.report("long")["requests"]
    assert (sent["by_operation"]["v3.contacts.import"], sent["status_429"]) == (20, 0)
    assert 429 not in server.ask("requests")["statuses"]


def test_damaged_records_are_read_back_not_believed(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none", "--latency-ms", "40", "80"), lay_out(bulkreply)
    interrupt(bulkreply, server, job, signal.SIGKILL, at=300)
    ledger = bulkreply.run_folder("long") / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        db.execute("UPDATE batch SET outcomes = x'08' WHERE state = 3 AND id % 3 = 0")
        db.execute("UPDATE batch SET positions = '?' WHERE state = 3 AND id % 5 = 0")
    db.close()
    done = bulkreply("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    assert_complete(server)
    assert bulkreply.report("long")["rows"]["created"] == ROWS
