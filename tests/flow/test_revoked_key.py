"""A key that is refused: no row is blamed, hardly a request is wasted, and any key of the same account goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.flow.scripted import Asked, Said, scripted
from tests.support import Done, SandboxProcess, start_sandbox

WIDTH, ROWS = 4, 240
SECOND_KEY, OTHER_KEY = "canary-second-key-of-the-account", "canary-key-of-another-account"
V3 = ("object: contacts, mode: upsert, batch: 5", "email,firstName")
V1 = ("object: people, api: v1, mode: upsert", "email,firstName")


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    """Two accounts."""
    process = start_sandbox("--key", KEY_CANARY, "--key", OTHER_KEY, "--limits", "none", "--seed", "4")
    yield process
    process.stop()


@dataclass
class Desk:
    """A folder with a job."""

    folder: Path
    url: str
    key: Callable[[str], None]

    def lay_out(self, to: str, header: str) -> None:
        """Writes file and job."""
        lines = [f"u{i}@example.com,F{i}" for i in range(ROWS)]
        (self.folder / "rows.csv").write_text("\n".join([header, *lines, ""]))
        job = f"job: it\nfrom: {{file: rows.csv}}\nto: {{{to}}}\npolicy: {{settle_s: 0.1}}\n"
        (self.folder / "job.yaml").write_text(job)

    def say(self, *words: str) -> Done:
        """A command that reaches the server."""
        return inside(*words, "--base-url", self.url, "--limits", "none", "--parallel", str(WIDTH), "--json")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Holds the first key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    return Desk(tmp_path, "", lambda key: monkeypatch.setenv("REPLY_API_KEY", key))


@pytest.fixture
def reply(server: SandboxProcess, desk: Desk) -> Iterator[SandboxProcess]:
    """The accounts, empty, with their own keys."""
    server.change("reset", {})
    desk.url = server.url
    yield server
    server.change("faults", {})


@pytest.mark.parametrize("job", [V3, V1], ids=["v3", "v1"])
def test_a_key_that_is_revoked_under_way(reply: SandboxProcess, desk: Desk, job: tuple[str, str]) -> None:
    desk.lay_out(*job)
    reply.change("faults", {"key_revoked": 0.05})  # at one of the first requests, by the seed
    done = desk.say("run", "job.yaml")
    rows, statuses = done.json["rows"], reply.ask("requests")["statuses"]
    assert (done.code, done.json["state"]) == (6, "failed"), done.err
    assert "another key of this account" in done.err
    first = statuses.index(401)
    assert set(statuses[first:]) == {401}
    assert len(statuses) - first <= WIDTH, "no worker sends more than it had under way"
    assert (rows["rejected"], rows["unknown"]) == (0, 0), "no row is blamed"
    assert 0 < rows["not_attempted"] == ROWS - rows["created"]
    assert len(reply.ask("contacts")) == rows["created"]

    asked = len(reply.ask("requests")["targets"])
    assert desk.say("resume").code == 6
    assert len(reply.ask("requests")["targets"]) == asked + 1, "it is asked whose key it is, and nothing else"
    reply.change("faults", {})
    reply.change("keys", {"revoked": [KEY_CANARY], "issued": {SECOND_KEY: KEY_CANARY}})
    desk.key(OTHER_KEY)
    for words in (
        ("resume",),
        ("run", "job.yaml"),
        ("run", "job.yaml", "--set", "policy.burst=5", "--accept-changed-input"),
    ):
        done = desk.say(*words)
        assert (done.code, done.err.count("belongs to another account")) == (6, 1), done.err
        assert "Traceback" not in done.err
    assert reply.ask("contacts", OTHER_KEY) == []
    desk.key(SECOND_KEY)
    done = desk.say("resume")
    assert (done.code, done.json["rows"]["not_attempted"]) == (0, 0), done.err
    assert len(reply.ask("contacts")) == ROWS
    assert all(count["created"] + count["updated"] == 1 for count in reply.ask("writes").values())


def scene(desk: Desk, refusal: Said, after: int = 3) -> Callable[[Asked], Said]:
    """A server that takes so many calls and then says something else."""
    desk.lay_out(*V3)
    taken: list[str] = []

    def answer(one: Asked) -> Said:
        if one.method == "GET" or one.path.endswith("/filter"):
            return Said(200, {"items": [], "hasMore": False})
        taken.append(one.path)
        if len(taken) > after:
            return refusal
        return Said(200, {"items": [{"id": i + 1, "status": "created"} for i in range(len(one.body["items"]))]})

    return answer


@pytest.mark.parametrize(
    ("refusal", "code", "words"),
    [
        (Said(401), 6, "check the key and act_as"),
        (Said(401, {"code": "USER_NOT_FOUND"}), 6, "check the key and act_as"),
        (Said(403, {"title": "Forbidden", "detail": "Not in your plan."}), 6, "the role or plan of its user"),
        (Said(403, {"code": "insufficient_scope"}), 6, "its scopes"),
        (Said(400, {"code": "contact.limitExceeded"}), 7, "the plan's cap is reached"),
    ],
    ids=["revoked", "user", "plan", "scope", "cap"],
)
def test_a_key_that_is_refused_is_told_from_one_that_may_not(desk: Desk, refusal: Said, code: int, words: str) -> None:
    with scripted(scene(desk, refusal)) as server:
        desk.url = server.url
        done = desk.say("run", "job.yaml")
        assert (done.code, words in done.err) == (code, True), done.err
        assert (done.json["rows"]["rejected"], done.json["rows"]["created"]) == (0, 15)
        assert server.paths("POST").count("/v3/contacts/import") <= 3 + WIDTH


def test_a_server_that_does_not_say_whose_key_it_is(desk: Desk) -> None:
    """An account is then known by its key alone."""
    refusal = Said(401)
    with scripted(scene(desk, refusal), whoami=Said(404)) as server:
        desk.url = server.url
        assert desk.say("run", "job.yaml").code == 6
        desk.key(SECOND_KEY)
        done = desk.say("resume")
        assert (done.code, "Reply does not say whose key this is" in done.err) == (6, True), done.err
