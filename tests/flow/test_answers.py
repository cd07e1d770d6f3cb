"""Everything a server may answer: rows end where they belong, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
ROWS = 400
JOB = """
job: odd
from: {file: contacts.csv}
to: {object: contacts, batch: 20}
map: {email: Email, firstName: First, company: Company}
policy: {settle_s: 0.3}
"""


def lay_out(bulkreply: Bulkreply, spoiled: dict[int, str] | None = None) -> str:
    lines = [(spoiled or {}).get(i, f"u{i}@example.com,F{i},C{i}") for i in range(ROWS)]
    bulkreply.write("contacts.csv", "\n".join(["Email,First,Company", *lines]) + "\n")
    return str(bulkreply.write("job.yaml", JOB))


def run(bulkreply: Bulkreply, server: SandboxProcess, job: str):
    return bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--parallel", "4")


@pytest.mark.parametrize(
    "options",
    [
        ("--switch", "v3.enum_out=pascal"),
        ("--switch", "v3.import_mode=job"),
        ("--switch", "v3.import_mode=job_above_10"),
        ("--switch", "v3.import_job_result=items", "--switch", "v3.import_mode=job"),
        ("--switch", "v3.job_state_case=camel", "--switch", "v3.import_mode=job"),
        ("--switch", "v3.import_max_items=7"),
        ("--switch", "v3.max_body=700:413"),
        ("--switch", "v3.max_body=700:400"),
        ("--switch", "v3.rate_headers=present"),
        ("--switch", "v3.total_count=absent", "--fault", "lost_answer=0.2"),
        ("--fault", "lost_answer=0.3"),
        ("--fault", "reset_before=0.3"),
        ("--fault", "error_before=0.2"),
        ("--fault", "error_after=0.2"),
        ("--fault", "spurious_429=0.05"),
        ("--fault", "truncated=0.2"),
        ("--fault", "html200=0.2"),
        ("--fault", "lost_answer=0.1", "--fault", "error_before=0.1", "--fault", "reset_before=0.1"),
    ],
    ids=lambda options: " ".join(word for word in options if not word.startswith("--")),
)
def test_every_row_arrives_exactly_once(sandbox: Start, bulkreply: Bulkreply, options: tuple[str, ...]) -> None:
    server = sandbox("--limits", "none", "--seed", "3", *options)
    done = run(bulkreply, server, lay_out(bulkreply))
    for _ in range(5):  # a server this bad may use up the patience of a read: that pauses the run
        if done.code != 5:
            break
        done = run(bulkreply, server, str(bulkreply.folder / "job.yaml"))
    assert done.code == 0, done.err
    rows = bulkreply.report("odd")["rows"]
    assert rows["created"] == rows["read"] == ROWS, rows
    assert len(server.ask("contacts")) == ROWS
    assert all(counts["created"] + counts["updated"] == 1 for counts in server.ask("writes").values())


def test_the_size_a_server_takes_is_remembered(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.import_max_items=7")
    job = lay_out(bulkreply)
    assert run(bulkreply, server, job).code == 0
    before = len(server.ask("requests")["targets"])
    assert run(bulkreply, server, job).code == 0
    calls = server.ask("requests")["targets"][before:]
    assert sum(call.endswith("import") for call in calls) == ROWS / 5, "20 halves to 10 and 5, and stays there"


@pytest.mark.parametrize("choice", ["whole_call", "item"])
def test_a_row_the_server_refuses_is_rejected_alone(sandbox: Start, bulkreply: Bulkreply, choice: str) -> None:
    server = sandbox("--limits", "none", "--switch", f"v3.import_bad_email={choice}")
    odd = {30: '"a(b)c@example.com",F,C', 31: "ü@exämple.com,F,C"}
    spoiled = {77: '"""quoted, local""@example.com",F,C'}
    done = run(bulkreply, server, lay_out(bulkreply, odd | spoiled))
    assert done.code == 3, done.err
    rows = bulkreply.report("odd")["rows"]
    assert rows["created"] + rows["rejected"] == ROWS
    assert 1 <= rows["rejected"] <= 3
    assert len(server.ask("contacts")) == rows["created"]


def test_a_plan_that_is_full_stops_the_run(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.plan_contacts=200")
    job = lay_out(bulkreply)
    done = run(bulkreply, server, job)
    assert (done.code, "cap" in done.err) == (7, True), done.err
    rows = bulkreply.report("odd")["rows"]
    assert rows["created"] == 200
    assert rows["not_attempted"] == 200
    server.change("switches", {"v3.plan_contacts": "none"})
    assert run(bulkreply, server, job).code == 0
    assert len(server.ask("contacts")) == ROWS


def test_an_error_budget_stops_a_hopeless_run(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    job = lay_out(bulkreply, {i: f"nobody {i},F,C" for i in range(0, ROWS, 4)})
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--set", "policy.reject=5%")
    assert (done.code, "the job allows 20" in done.err) == (3, True), done.err
    assert len(server.ask("contacts")) < ROWS / 2


def test_a_key_that_may_not_write(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--key", "unscoped-key", "--key", "org-key")
    job = lay_out(bulkreply)
    bulkreply.key = "unscoped-key"
    done = run(bulkreply, server, job)
    assert (done.code, "insufficient_scope" in done.err) == (6, True), done.err
    bulkreply.key = "org-key"
    done = run(bulkreply, server, job)
    assert (done.code, "TEAM_REQUIRED" in done.err) == (6, True), done.err


def test_hold_leaves_lost_rows_unknown_and_lists_them(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--fault", "lost_answer=0.3", "--seed", "5")
    job = lay_out(bulkreply)
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--set", "policy.ambiguous=hold")
    if done.code == 5:  # the whoami itself was lost too often
        done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--set", "policy.ambiguous=hold")
    assert done.code == 3, done.err
    report = bulkreply.report("odd")
    assert report["rows"]["unknown"] > 0
    assert report["rows"]["unknown"] + report["rows"]["created"] == ROWS
    assert report["rejects"][0]["code"] == "answer.lost"
    assert len(server.ask("contacts")) == ROWS
