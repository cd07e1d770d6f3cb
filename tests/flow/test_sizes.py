"""The size of calls grows to what the server takes, falls back from what it does not, and is remembered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOB = """
job: grow
from: {file: contacts.csv}
to: {object: contacts%s}
map: {email: Email, firstName: First}
policy: {settle_s: 0.3}
"""


def lay_out(bulkreply: Bulkreply, rows: int, target: str = "") -> str:
    bulkreply.write("contacts.csv", "Email,First\n" + "".join(f"u{i}@example.com,F{i}\n" for i in range(rows)))
    return str(bulkreply.write("job.yaml", JOB % target))


def run(bulkreply: Bulkreply, server: SandboxProcess, job: str, parallel: int = 1) -> dict[str, Any]:
    """The report of a run in which every row ended well."""
    done = bulkreply(
        "run", job, "--fresh", "--base-url", server.url, "--limits", "none", "--parallel", str(parallel), "--json"
    )
    assert done.code == 0, done.err
    rows = done.json["rows"]
    assert rows["created"] + rows["updated"] + rows["unchanged"] == rows["read"]
    return done.json


def sizes(server: SandboxProcess) -> list[int]:
    """Records of every import that was done, in order."""
    done = [one["request"] for one in server.ask("events") if one["operation"] == "contacts.import"]
    return [len(list(same)) for _, same in itertools.groupby(done)]


def imports(server: SandboxProcess) -> int:
    return sum(call.endswith("/import") for call in server.ask("requests")["targets"])


def once(server: SandboxProcess, rows: int) -> None:
    """Every row was written, and none twice."""
    assert len(server.ask("contacts")) == rows
    assert all(counts["created"] == 1 and counts["updated"] == 0 for counts in server.ask("writes").values())


def remembered(bulkreply: Bulkreply) -> dict[str, int]:
    (path,) = (bulkreply.folder / "state" / "bulkreply" / "sizes").glob("*.json")
    found: dict[str, int] = json.loads(path.read_text("utf-8"))["v3.contacts.import"]
    return found


def test_calls_grow_up_to_the_most_the_catalog_knows(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    run(bulkreply, server, lay_out(bulkreply, 60_000))
    made = sizes(server)
    assert list(dict.fromkeys(made))[:5] == [100, 200, 400, 800, 1000]
    for size in (100, 200, 400, 800):
        assert 3 <= made.count(size) <= 6, "three are taken, one is tried, one or two are made ready meanwhile"
    assert max(made) == 1000
    once(server, 60_000)


def test_what_was_taken_is_remembered_and_planned_with(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    job = lay_out(bulkreply, 20_000)
    words = ("plan", job, "--base-url", server.url, "--limits", "none", "--json")
    assert bulkreply(*words).json["batches"] == 200, "growth nobody has seen is not promised"
    run(bulkreply, server, job)
    most = max(sizes(server))
    assert most == remembered(bulkreply)["taken"] == 800
    assert bulkreply(*words).json["batches"] == 25
    before = imports(server)
    run(bulkreply, server, job)
    assert imports(server) - before == 25


def test_a_size_that_is_refused_costs_one_call_and_is_not_tried_again(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.import_max_items=500")
    job = lay_out(bulkreply, 60_000)
    run(bulkreply, server, job, parallel=4)
    once(server, 60_000)
    assert imports(server) - len(sizes(server)) == 2, "800 and 600 are tried once, whatever else is under way"
    words = remembered(bulkreply)
    assert (words["taken"], words["refused"]) == (500, 600)
    before = imports(server)
    run(bulkreply, server, job, parallel=4)
    assert imports(server) - before == 120, "from the first call on it is 500, and never more"


def test_a_refusal_is_forgotten_in_time(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.import_max_items=200")
    job = lay_out(bulkreply, 12_000)
    run(bulkreply, server, job)
    (path,) = (bulkreply.folder / "state" / "bulkreply" / "sizes").glob("*.json")
    words = json.loads(path.read_text("utf-8"))
    assert words["v3.contacts.import"]["taken"] == 200
    words["v3.contacts.import"]["until_s"] = 1
    path.write_text(json.dumps(words), "utf-8")
    server.change("switches", {"v3.import_max_items": "none"})
    run(bulkreply, server, job)
    assert remembered(bulkreply)["taken"] > 200


def test_bodies_that_are_too_large_for_the_server(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.max_body=20000:413")
    run(bulkreply, server, lay_out(bulkreply, 20_000), parallel=4)
    once(server, 20_000)
    assert max(sizes(server)) == 300
    assert imports(server) - len(sizes(server)) <= 4


@pytest.mark.parametrize("target", [", batch: 100", ", batch: 300"])
def test_a_size_the_job_names_stays(sandbox: Start, bulkreply: Bulkreply, target: str) -> None:
    server = sandbox("--limits", "none")
    run(bulkreply, server, lay_out(bulkreply, 9_000, target))
    assert set(sizes(server)) == {int(target.split()[-1])}


def test_few_rows_are_not_worth_a_try(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    run(bulkreply, server, lay_out(bulkreply, 2_200))
    assert set(sizes(server)) == {100}, "200 a call would save less than ten calls once three have been taken"


def test_calls_that_grew_and_are_not_answered_shrink_again(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.import_max_items=300:504")
    job = lay_out(bulkreply, 12_000)
    run(bulkreply, server, job, parallel=4)
    once(server, 12_000)
    made = sizes(server)
    assert (made.count(400), max(made)) == (1, 400), "one try, and none after it in the same run"
    assert imports(server) == len(made)
    words = remembered(bulkreply)
    assert (words["taken"], words["refused"]) == (200, 400)


def test_calls_that_grew_and_became_background_jobs_shrink_again(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v3.import_mode=job_above_150")
    run(bulkreply, server, lay_out(bulkreply, 6_000), parallel=2)
    once(server, 6_000)
    made = sizes(server)
    assert made.count(200) == 1
    assert max(one for one in made if one != 200) == 100


def test_a_plan_says_what_batching_saves(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    words = ("plan", lay_out(bulkreply, 12_000), "--base-url", server.url)
    plan = bulkreply(*words, "--json").json
    assert plan["batching_saves_calls"] == 12_000 - 120
    assert 3 * 3600 < plan["batching_saves_s"] < 4 * 3600, "12,000 calls take three full hours of 3,000 and some"
    assert "batching saves 11,880 calls, 3 h" in bulkreply(*words).out
    offline = bulkreply(*words, "--offline", "--json").json
    assert (offline["batching_saves_calls"], offline["batching_saves_s"]) == (11_880, None)
    alone = bulkreply(*words, "--json", "--set", "to.batch=1").json
    assert (alone["batching_saves_calls"], alone["batching_saves_s"]) == (0, 0)
