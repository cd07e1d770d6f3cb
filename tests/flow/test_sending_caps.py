"""How many people Reply may write to because of a job: per run, per day, over runs and processes."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from tests.flow.account import Account, results, table, write_job
from tests.flow.inside import inside
from tests.support import Bulkreply, Done


def run(bulkreply: Bulkreply, account: Account, *words: str) -> Done:
    where = ("--runs", str(bulkreply.folder / "bulkreply-runs"), "--base-url", account.server.url, "--limits", "none")
    return inside("run", *words, "--yes", "--json", *where)


def enrolment(bulkreply: Bulkreply, sequence: int, ids: list[int], more: str, name: str = "it") -> str:
    """A job that enrols these people, in calls of three."""
    text = table("ContactIds,SequenceId", *(f"{one},{sequence}" for one in ids))
    job = write_job(bulkreply.folder, "{procedure: AddContactsToSequence, batch: 3}", text, more)
    (bulkreply.folder / "rows.csv").rename(bulkreply.folder / f"{name}.csv")
    words = job.read_text("utf-8").replace("job: it", f"job: {name}").replace("rows.csv", f"{name}.csv")
    words = words.replace("{procedure: {procedure", "{procedure").replace("batch: 3}}", "batch: 3}")
    return str(bulkreply.write(f"{name}.yaml", words))


def midnight() -> str:
    """When the next UTC day begins, as reports write it."""
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")


def test_a_day_counts_over_runs_and_processes(account: Account, bulkreply: Bulkreply) -> None:
    ids, spring = account.contacts(12), account.sequence("Spring")
    first = enrolment(bulkreply, spring, ids[:7], "sending: {per_day: 5}\n", "first")
    plan = bulkreply("plan", first, "--base-url", account.server.url, "--limits", "none")
    assert "Reply may write to up to 7 people, at most 5 a day" in plan.out
    done = run(bulkreply, account, first)
    assert (done.code, done.json["state"], done.json["resume_at"]) == (5, "paused", midnight()), done.err
    assert (done.json["rows"]["called"], done.json["rows"]["not_attempted"]) == (5, 2)
    assert "sending.per_day of the job allows 5 people, and today they were reached" in done.err
    assert len(account.members(spring)) == 5
    again = run(bulkreply, account, first)
    assert (again.code, len(account.members(spring))) == (5, 5), "the same day, resumed"
    second = enrolment(bulkreply, spring, ids[7:], "sending: {per_day: 6}\n", "second")
    done = bulkreply("run", second, "--yes", "--base-url", account.server.url, "--limits", "none")
    assert (done.code, len(account.members(spring))) == (5, 6), "another job in a process of its own: one more a day"
    free = enrolment(bulkreply, spring, ids[9:], "", "free")
    assert (run(bulkreply, account, free).code, len(account.members(spring))) == (0, 9), "a job without a cap"
    later = enrolment(bulkreply, spring, ids[:1], "sending: {per_day: 9}\n", "later")
    assert run(bulkreply, account, later).code == 5, "what that one reached counts too"


def test_processes_at_once_stay_within_one_day_together(account: Account, bulkreply: Bulkreply) -> None:
    ids, spring = account.contacts(60), account.sequence("Spring")
    jobs = [
        enrolment(bulkreply, spring, ids[30 * i : 30 * i + 30], "sending: {per_day: 40}\n", f"j{i}") for i in (0, 1)
    ]
    where = ("--yes", "--base-url", account.server.url, "--limits", "none")
    running = [bulkreply.start("run", job, *where) for job in jobs]
    codes = sorted(process.wait(120) for process in running)
    assert codes in ([0, 5], [5, 5])
    assert len(account.members(spring)) == account.changes("sequence_contacts.bulk_add") == 40


def test_a_cap_per_run_lets_as_many_go_each_time(account: Account, bulkreply: Bulkreply) -> None:
    ids, spring = account.contacts(5), account.sequence("Spring")
    job = enrolment(bulkreply, spring, ids, "sending: {per_run: 2}\n")
    for code, members in ((5, 2), (5, 4), (0, 5)):
        done = run(bulkreply, account, job)
        assert (done.code, len(account.members(spring))) == (code, members), done.err
    assert account.changes("sequence_contacts.bulk_add") == 5
    assert [row[0] for row in results(bulkreply.folder)] == ["called"] * 5


def test_who_is_not_reached_after_all_does_not_count(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(5)
    spring = account.sequence("Spring", ids[:3])
    there = enrolment(bulkreply, spring, ids[:3], "sending: {per_day: 3}\n", "there")
    assert run(bulkreply, account, there).code == 0
    assert {row[0] for row in _rows(bulkreply, "there")} == {"unchanged"}
    new = enrolment(bulkreply, spring, [*ids[3:], 999], "sending: {per_day: 3}\n", "new")
    assert run(bulkreply, account, new).code == 3
    assert len(account.members(spring)) == 5
    (path,) = (bulkreply.folder / "state" / "bulkreply" / "reached").glob("*.sqlite")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT people FROM day").fetchall() == [(2,)]
    assert path.stat().st_mode & 0o777 == 0o600


def _rows(bulkreply: Bulkreply, name: str) -> list[list[str]]:
    lines = (bulkreply.run_folder(name) / "results.csv").read_text("utf-8").splitlines()
    at = lines[0].split(",").index("outcome")
    return [[line.split(",")[at]] for line in lines[1:]]


def test_a_started_sequence_counts_everybody_in_it(account: Account, bulkreply: Bulkreply) -> None:
    ids, sender = account.contacts(7), account.mailbox("me@example.com")
    for name, members in (("A", ids[:3]), ("B", ids[3:6]), ("C", ids[:6])):
        account.sequence(name, members, [sender])
    text = table("SequenceId", "A", "B")
    job = str(write_job(bulkreply.folder, "StartSequence", text, "sending: {per_day: 4}\n"))
    done = run(bulkreply, account, job)
    assert "Reply may write to up to 6 people, at most 4 a day" in done.err
    assert (done.code, account.sequences()) == (5, {"A": "active", "B": "new", "C": "new"})
    job = str(write_job(bulkreply.folder, "StartSequence", table("SequenceId", "C"), "sending: {per_run: 5}\n"))
    done = run(bulkreply, account, job, "--fresh")
    assert (done.code, account.sequences()["C"]) == (2, "new")
    assert "one row alone reaches 6 people, sending.per_run of the job allows 5" in done.err


def test_a_start_whose_answer_is_lost_is_not_repeated(account: Account, bulkreply: Bulkreply) -> None:
    sender = account.mailbox("me@example.com")
    account.sequence("A", account.contacts(1), [sender])
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    job = str(write_job(bulkreply.folder, "StartSequence", table("SequenceId", "A")))
    done = run(bulkreply, account, job)
    assert done.code == 3, done.err
    assert done.json["rows"]["unknown"] == 1
    assert done.json["requests"]["by_operation"]["v3.sequences.bulk_start"] == 1
    assert account.requests().count("POST /v3/sequences/start") == 1


def test_a_count_that_cannot_be_kept_sends_nothing(account: Account, bulkreply: Bulkreply) -> None:
    ids, spring = account.contacts(1), account.sequence("Spring")
    folder = bulkreply.folder / "state" / "bulkreply"
    folder.mkdir(parents=True)
    (folder / "reached").write_text("a file where a folder has to be", "utf-8")
    done = run(bulkreply, account, enrolment(bulkreply, spring, ids, ""))
    assert (done.code, account.members(spring)) == (7, {}), done.err
    assert "people written to today cannot be counted" in done.err
    assert "Traceback" not in done.err
