"""Each fault by itself: rows arrive exactly once, and a run that cannot go on says so and is continued."""

from __future__ import annotations

import asyncio
import csv
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import bulkreply
from bulkreply.catalog import Catalog
from bulkreply.errors import KeyRefused, RunPaused
from bulkreply.net.transport import Transport
from bulkreply.sandbox.faults import FAULTS
from bulkreply.wire.answer import Answer
from bulkreply.wire.verdict import Verdict, judge
from tests.conftest import KEY_CANARY
from tests.support import SandboxProcess, start_sandbox

ROWS, WIDTH = 120, 32
JOB = """
job: kinds
from: {file: contacts.csv}
to: {object: contacts, batch: 5}
map: {email: Email, firstName: First}
policy: {settle_s: 0.1}
"""
WAITS_LONG = {f"spurious_429_{form}" for form in ("none", "garbage", "negative", "huge")}
IN_TEST_ANSWERS = {"lost_answer", "reset_before", "error_before", "error_after", "truncated", "html200", "spurious_429"}
KINDS = sorted(FAULTS.keys() - WAITS_LONG - IN_TEST_ANSWERS - {"key_revoked"})
SHARES = {"slow": 0.1, "away": 0.08, "spurious_429_date": 0.08, "endless": 0.1, "gzip_bomb": 0.1}


@pytest.fixture(scope="module")
def stand_in_here() -> Iterator[SandboxProcess]:
    server = start_sandbox("--key", KEY_CANARY, "--limits", "none", "--seed", "3")
    yield server
    server.stop()


@pytest.fixture
def server(stand_in_here: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxProcess]:
    """An empty stand-in, and a job in a folder of its own."""
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    lines = "".join(f"u{i}@example.com,F{i}\n" for i in range(ROWS))
    (tmp_path / "contacts.csv").write_text(f"Email,First\n{lines}", "utf-8")
    (tmp_path / "job.yaml").write_text(JOB, "utf-8")
    (tmp_path / "bulkreply.toml").write_text('[accounts.free]\nkey_env = "REPLY_API_KEY"\nlimits = "none"\n', "utf-8")
    stand_in_here.change("reset", {})
    yield stand_in_here
    stand_in_here.change("faults", {})
    stand_in_here.change("switches", {"v3.import_results": "anonymous"})


def run(folder: Path, server: SandboxProcess) -> bulkreply.Report:
    return bulkreply.run(folder / "job.yaml", runs=folder / "runs", account="free", base_url=server.url)


def assert_all_there_once(server: SandboxProcess) -> None:
    counts = server.ask("writes").values()
    assert len(counts) == ROWS
    assert all(one["created"] + one["updated"] == 1 for one in counts), "each was written once"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"only {kind}")
def test_every_row_arrives_once(server: SandboxProcess, tmp_path: Path, kind: str) -> None:
    if kind == "items_shuffled":  # what names nobody cannot be told from another order
        server.change("switches", {"v3.import_results": "named"})
    before = server.ask("state")["faults"].get(kind, 0)
    server.change("faults", {kind: SHARES.get(kind, 0.25)})
    for _ in range(10):
        try:
            report = run(tmp_path, server)
            break
        except RunPaused:
            continue
    assert report.rows["created"] == report.rows["read"] == ROWS
    assert server.ask("state")["faults"].get(kind, 0) > before, "it never struck"
    server.change("faults", {})
    assert_all_there_once(server)
    ids = {one["email"]: one["id"] for one in server.ask("contacts")}
    (results,) = (tmp_path / "runs").rglob("results.csv")
    with results.open(newline="", encoding="utf-8") as lines:
        assert {row["key"]: int(row["reply_id"]) for row in csv.DictReader(lines)} == ids


def asked(server: SandboxProcess) -> Answer:
    """What one request is answered."""

    async def ask() -> Answer:
        async with Transport(server.url) as transport:
            return await transport.send("GET", "/v3/whoami", b"", {"Authorization": f"Bearer {KEY_CANARY}"})

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("form", "least_s", "most_s"),
    [
        ("", 1, 1),
        ("_date", 0, 1),
        ("_fraction", 0.2, 0.2),
        ("_none", -1, -1),
        ("_garbage", -1, -1),
        ("_negative", -1, -1),
        ("_huge", 86_400, 86_400),
    ],
)
def test_every_form_of_retry_after(server: SandboxProcess, form: str, least_s: float, most_s: float) -> None:
    server.change("faults", {f"spurious_429{form}": 1.0})
    catalog = Catalog()
    judgement = judge(catalog.operation("v3.users.whoami"), catalog.api("v3"), asked(server), 1)
    assert judgement.verdict is Verdict.WAIT
    assert least_s <= judgement.wait_s <= most_s


@pytest.mark.slow
@pytest.mark.parametrize("form", ["none", "garbage", "negative"])
def test_a_wait_nobody_names_is_waited(server: SandboxProcess, tmp_path: Path, form: str) -> None:
    server.change("faults", {f"spurious_429_{form}": 0.1})
    assert run(tmp_path, server).rows["created"] == ROWS
    server.change("faults", {})
    assert_all_there_once(server)


def test_a_wait_beyond_all_patience_pauses_the_run(
    server: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.change("faults", {"spurious_429_huge": 0.2})
    began_s = time.time()
    with pytest.raises(RunPaused) as paused:
        run(tmp_path, server)
    assert paused.value.resume_at is not None
    assert 86_000 < paused.value.resume_at - began_s < 86_500
    server.change("faults", {})
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a day later"))
    assert run(tmp_path, server).rows["created"] == ROWS
    assert_all_there_once(server)


def test_a_key_that_is_revoked_meanwhile(server: SandboxProcess, tmp_path: Path) -> None:
    server.change("faults", {"key_revoked": 0.1})
    with pytest.raises(KeyRefused):
        run(tmp_path, server)
    server.change("faults", {})
    statuses = server.ask("requests")["statuses"]
    assert 1 <= statuses.count(401) <= WIDTH, "nobody goes on asking"
    assert len(statuses) - statuses.index(401) <= WIDTH
    there = len(server.ask("contacts"))
    assert there < ROWS
    server.change("keys", {"revoked": []})
    rows = run(tmp_path, server).rows
    assert (rows["created"], rows["rejected"], rows["unknown"]) == (ROWS, 0, 0), "no row is blamed"
    assert_all_there_once(server)


def test_a_run_that_stops_leaves_no_thread_behind(server: SandboxProcess, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("batch: 5", "batch: 1"), "utf-8")
    server.change("faults", {"key_revoked": 0.1})
    before = set(threading.enumerate())
    with pytest.raises(KeyRefused) as stopped:
        run(tmp_path, server)
    assert set(threading.enumerate()) <= before, f"although {stopped.type} still holds the frames of the run"


@pytest.mark.parametrize(("refuse", "silence"), [(True, "unsent"), (False, "lost")])
def test_a_server_that_is_away_for_a_while(server: SandboxProcess, refuse: bool, silence: str) -> None:
    server.change("away", {"seconds": 0.7, "refuse": refuse})
    seen, deadline = set[str](), time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = asked(server)
        seen.add(answer.silence)
        if answer.ok and silence in seen:
            break
    assert answer.ok, "it never came back"
    assert silence in seen
    assert ("unsent" in seen) == refuse


def test_ids_that_are_known_tell_another_order(server: SandboxProcess, tmp_path: Path) -> None:
    run(tmp_path, server)
    ids = {one["email"]: one["id"] for one in server.ask("contacts")}
    lines = "".join(f"u{i}@example.com,G{i}\n" for i in range(ROWS))
    (tmp_path / "contacts.csv").write_text(f"Email,First\n{lines}", "utf-8")
    (tmp_path / "job.yaml").write_text(JOB.replace("object: contacts", "object: contacts, mode: update"), "utf-8")
    server.change("faults", {"items_shuffled": 0.5})
    assert run(tmp_path, server).rows["updated"] == ROWS
    newest = max((tmp_path / "runs").rglob("results.csv"), key=lambda path: path.parent.name)
    with newest.open(newline="", encoding="utf-8") as found:
        assert {row["key"]: int(row["reply_id"]) for row in csv.DictReader(found)} == ids
