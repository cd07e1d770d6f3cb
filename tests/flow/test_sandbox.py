"""The stand-in itself: quota, accounts, loopback, state, control routes."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bulkreply.errors import UsageProblem
from bulkreply.sandbox import SandboxOptions
from bulkreply.sandbox.faults import Faults
from bulkreply.sandbox.server import StandIn
from bulkreply.sandbox.switches import CHOICES, Switches
from tests.support import SandboxProcess, start_sandbox


def ask(server: SandboxProcess, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and decoded body."""
    names = {"Authorization": "Bearer known"} | {name.replace("_", "-"): text for name, text in headers.items()}
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + target, content, names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text, status, found = answer.read(), answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            text, status, found = error.read(), error.code, error.headers
    return status, found, json.loads(text) if text and b"json" in found.get("Content-Type", "").encode() else text


@pytest.fixture
def server():
    process = start_sandbox("--limits", "none", "--key", "known", "--key", "other", "--key", "org-x")
    yield process
    process.stop()


IMPORT = {"items": [{"email": "a@example.com", "firstName": "A"}], "options": {"overwriteExisting": True}}


def test_accounts_are_apart_and_keys_are_checked(server: SandboxProcess) -> None:
    assert ask(server, "POST", "/v3/contacts/import", IMPORT)[0] == 200
    assert len(ask(server, "GET", "/v3/contacts")[2]["items"]) == 1
    assert ask(server, "GET", "/v3/contacts", Authorization="Bearer other")[2]["items"] == []
    assert ask(server, "GET", "/v3/contacts", Authorization="Bearer nobody")[0] == 401
    assert ask(server, "GET", "/v1/people", X_Api_Key="known")[2]["total"] == 1
    assert ask(server, "GET", "/v1/people", X_Api_Key="nobody")[0] == 401
    assert ask(server, "GET", "/v1/PEOPLE", X_Api_Key="known")[0] == 200, "V1 paths are taken in any case"


def test_acting_users(server: SandboxProcess) -> None:
    assert ask(server, "GET", "/v3/whoami")[2]["userId"] == 11
    assert ask(server, "GET", "/v3/whoami", X_User_Id="12")[2]["userId"] == 12
    assert ask(server, "GET", "/v3/whoami", X_User_Email="member@example.com")[2]["userId"] == 12
    assert ask(server, "GET", "/v3/whoami", X_User_Email="nobody@example.com")[0] == 401
    status, _, body = ask(server, "GET", "/v3/contacts", Authorization="Bearer org-x")
    assert (status, body["code"]) == (403, "TEAM_REQUIRED")


def test_only_this_machine_may_ask(server: SandboxProcess) -> None:
    assert ask(server, "GET", "/v3/whoami", Host="evil.example.com")[0] == 421
    assert ask(server, "GET", "/_sandbox/state", Host="evil.example.com")[0] == 421


def test_nonsense_is_refused_without_a_fall(server: SandboxProcess) -> None:
    for method, target, body, status in (
        ("GET", "/v3/nowhere", None, 404), ("PUT", "/v3/contacts", {}, 405), ("POST", "/v3/contacts/import", b"{", 400),
        ("POST", "/v3/contacts/import", [], 400), ("POST", "/v3/contacts/import", {"items": []}, 400),
        ("POST", "/v3/contacts/import", {"items": [7]}, 400), ("GET", "/v3/contacts?top=1001", None, 400),
        ("GET", "/v3/contacts?skip=-1", None, 400), ("GET", "/v3/contacts/x", None, 404),
        ("POST", "/v3/contacts/import", {"items": [{"email": 5}], "options": 7}, 400),
        ("POST", "/v3/contact-lists", {"name": ""}, 400), ("POST", "/v3/contacts/bulk-delete", {"ids": ["x"]}, 400),
        ("GET", "/v3/background-jobs/not-a-guid", None, 400),
        ("POST", "/v3/contacts/import", IMPORT | {"options": {"listIds": [99]}}, 400),
        ("POST", "/v3/contacts/import", IMPORT | {"options": {"overwriteExisting": True, "skipExisting": True}}, 400),
    ):  # fmt: skip
        assert ask(server, method, target, body)[0] == status, (method, target, body)


def test_a_job_is_watched_cancelled_and_listed(server: SandboxProcess) -> None:
    server.change("switches", {"v3.import_mode": "job"})
    status, headers, body = ask(server, "POST", "/v3/contacts/import", IMPORT)
    assert (status, headers["Location"]) == (202, f"/v3/background-jobs/{body['jobId']}")
    assert ask(server, "GET", headers["Location"])[2]["status"] == "Processing"
    assert server.ask("contacts") == []
    assert ask(server, "GET", headers["Location"])[2]["status"] == "Done"
    assert len(server.ask("contacts")) == 1
    other = ask(server, "POST", "/v3/contacts/import", IMPORT)[1]["Location"]
    assert ask(server, "POST", other + "/cancel", {})[0] == 204
    assert ask(server, "GET", other)[2]["status"] == "Cancelled"
    listed = ask(server, "GET", "/v3/background-jobs?category=contacts&top=1")[2]
    assert (len(listed["items"]), listed["hasMore"]) == (1, True)


@pytest.mark.parametrize("windows", ["sliding", "fixed"])
def test_over_the_limit(windows: str) -> None:
    server = start_sandbox("--limits", "5/2s", "--windows", windows, "--key", "known")
    try:
        for _ in range(30):
            status, headers, body = ask(server, "GET", "/v3/whoami")
            if status == 429:
                break
        assert (status, body["status"]) == (429, 429)
        assert headers["Retry-After"] in ("1", "2")
        assert ask(server, "GET", "/v1/people", X_Api_Key="known")[0] == 200, "V1 has windows of its own"
        end = time.monotonic() + 5
        while ask(server, "GET", "/v3/whoami")[0] == 429:
            assert time.monotonic() < end
    finally:
        server.stop()


def test_state_survives_a_kill(tmp_path: Path) -> None:
    options = ("--limits", "none", "--key", "known", "--state", str(tmp_path / "state.ndjson"))
    server = start_sandbox(*options)
    try:
        ask(server, "POST", "/v3/contact-lists", {"name": "Fair"})
        for i in range(5):
            items = [{"email": f"u{i}.{j}@example.com", "firstName": "F"} for j in range(10)]
            ask(server, "POST", "/v3/contacts/import", {"items": items, "options": {"listIds": [71]}})
        ask(server, "DELETE", "/v3/contacts/1003")
        before = [server.ask(what) for what in ("contacts", "writes", "events")]
        os.kill(server.process.pid, 9)
    finally:
        server.stop()
    server = start_sandbox(*options)
    try:
        assert [server.ask(what) for what in ("contacts", "writes", "events")] == before
        assert len(before[0]) == 49
        assert ask(server, "POST", "/v3/contacts/import", IMPORT)[2]["items"][0]["id"] == 1051
    finally:
        server.stop()


@pytest.mark.parametrize("switch", CHOICES)
def test_a_switch_takes_its_positions_and_no_other(switch: str) -> None:
    for choice in CHOICES[switch]:
        Switches({switch: choice.replace("N", "7")})
    with pytest.raises(UsageProblem):
        Switches({switch: "sideways"})


def test_unknown_switches_and_faults_are_named() -> None:
    with pytest.raises(UsageProblem) as refused:
        StandIn(SandboxOptions(switches={"v3.import_mod": "job"}))
    assert "v3.import_mode" in refused.value.hint
    with pytest.raises(UsageProblem):
        Faults({"lost_anser": 0.1}, 1)


def test_seeds_repeat() -> None:
    first_faults, second_faults, others = (Faults({"lost_answer": 0.3, "slow": 0.3}, seed) for seed in (5, 5, 6))
    drawn = [[faults.draw() for _ in range(100)] for faults in (first_faults, second_faults, others)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert {"lost_answer", "slow", ""} == set(drawn[0])
    first, second = (StandIn(SandboxOptions(seed_contacts=20)).workspaces["sandbox"].contacts for _ in range(2))
    assert [c.fields for c in first.values()] == [c.fields for c in second.values()]
