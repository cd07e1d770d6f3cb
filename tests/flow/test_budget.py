"""Hopeless runs stop early: more rejects than the job allows, or everything refused in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.flow.scripted import Asked, Said, scripted
from tests.support import Done

WIDTH = 4
IMPORT = "/v3/contacts/import"


@dataclass
class Mill:
    """A folder with a job, and a server whose refusals the test makes up."""

    folder: Path
    url: str = ""
    refuse: Callable[[list[str]], Said | None] = lambda emails: None
    writes: list[list[str]] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    def answer(self, one: Asked) -> Said:
        """What the server says: refused as the test says, or done."""
        if one.method == "GET" or one.path.endswith("/filter"):
            return Said(200, {"items": [], "hasMore": False})
        items = one.body["items"] if one.path == IMPORT else [{"email": one.path}]
        emails = [item["email"] for item in items]
        self.writes.append(emails)
        said = self.refuse(emails)
        if said is not None:
            return said
        for email in emails:
            self.held[email] = self.held.get(email, 0) + 1
        return Said(200, {"id": 1, "items": [{"id": i + 1, "status": "created"} for i in range(len(emails))]})

    def lay_out(self, rows: int, to: str, policy: str = "", bad: range | None = None) -> None:
        """Writes file and job; rows of `bad` cannot be sent at all."""
        if "procedure" in to:
            text = "ContactId,Notes\n" + "".join(f"{i + 1},Hi\n" for i in range(rows))
        else:
            lines = ("nobody" if bad and i in bad else f"u{i}@example.com" for i in range(rows))
            text = "email,firstName\n" + "".join(f"{line},F\n" for line in lines)
        (self.folder / "rows.csv").write_text(text)
        job = f"job: it\nfrom: {{file: rows.csv}}\nto: {{{to}}}\npolicy: {{settle_s: 0.01{policy}}}\n"
        (self.folder / "job.yaml").write_text(job)

    def say(self, *words: str) -> Done:
        """A command that reaches the server."""
        return inside(*words, "--base-url", self.url, "--limits", "none", "--parallel", str(WIDTH), "--json")


@pytest.fixture
def mill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mill]:
    """A server that takes everything until it is told otherwise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    made = Mill(tmp_path)
    with scripted(lambda one: made.answer(one)) as server:
        made.url = server.url
        yield made


def pointed(emails: list[str]) -> Said:
    errors = [{"pointer": f"/items/{i}/firstName", "detail": f"'{e}' has no right name."} for i, e in enumerate(emails)]
    return Said(400, {"title": "Bad", "errors": errors})


def failed(emails: list[str]) -> Said:
    return Said(200, {"items": [{"id": None, "status": "failed", "error": "noSuchOwner"} for _ in emails]})


def as_a_whole(emails: list[str]) -> Said:
    return Said(400, {"detail": f"Owner of {len(emails)} records is gone."})


NOTES = "procedure: AddNoteToContact"
CONTACTS = "object: contacts, mode: upsert, batch: "
BURSTS = [
    # rows, to, what the server says, calls at most, words
    # whole calls begun until the first is seen to be refused, the records tried alone, what goes beside them
    (2500, CONTACTS + "500", as_a_whole, WIDTH + 20 + 2 * WIDTH, "reply.400: Owner of 1 records is gone."),
    (1000, CONTACTS + "100", pointed, WIDTH, "reply.validation: firstName"),
    (1000, CONTACTS + "100", failed, WIDTH, "reply.noSuchOwner"),
    (130, CONTACTS + "1", as_a_whole, 20 + WIDTH, "reply.400"),
    (130, NOTES, lambda _: Said(403, {"title": "No"}), 20 + WIDTH, "reply.403"),
    (
        130,
        NOTES,
        lambda _: Said(404, {"code": "contact.notFound"}),
        20 + WIDTH,
        "contact.notFound",
    ),
]


@pytest.mark.parametrize(("rows", "to", "refuse", "calls", "words"), BURSTS)
def test_the_same_refusal_from_the_first_row_on_stops_at_once(
    mill: Mill, rows: int, to: str, refuse: Callable[[list[str]], Said], calls: int, words: str
) -> None:
    mill.lay_out(rows, to)
    mill.refuse = refuse
    done = mill.say("run", "job.yaml")
    counted = done.json["rows"]
    assert (done.code, done.json["state"], words in done.json["message"]) == (3, "failed", True), done.err
    assert len(mill.writes) <= calls
    assert (counted["not_attempted"], counted["rejected"]) == (rows, 0), "it is nobody's fault"
    assert "resume" in done.err
    mill.refuse = lambda emails: None
    done = mill.say("resume")
    assert (done.code, done.json["rows"]["not_attempted"]) == (0, 0), done.err
    assert sum(mill.held.values()) == len(mill.held) == rows


def test_a_run_that_is_resumed_into_the_same_refusal_stops_again(mill: Mill) -> None:
    mill.lay_out(1000, CONTACTS + "100")
    mill.refuse = failed
    assert mill.say("run", "job.yaml").code == 3
    mill.writes.clear()
    assert (mill.say("resume").code, len(mill.writes) <= WIDTH) == (3, True)


def poisoned(emails: list[str]) -> Said | None:
    return as_a_whole(emails) if any(email.startswith(("u0@", "u333@", "u1777@")) for email in emails) else None


def variously(emails: list[str]) -> Said:
    return Said(200, {"items": [{"id": None, "status": "failed", "error": f"odd{i % 3}"} for i in range(len(emails))]})


def test_rows_that_are_bad_by_themselves_end_as_rejects(mill: Mill) -> None:
    mill.lay_out(2500, CONTACTS + "500")
    mill.refuse = poisoned
    done = mill.say("run", "job.yaml")
    assert (done.code, done.json["state"], done.json["rows"]["rejected"]) == (3, "finished", 3), done.err
    assert len(mill.held) == 2497
    assert len(mill.writes) < 5 + 20 + 3 * 2 * 9, "halving three rows out, and a few tried alone"


@pytest.mark.parametrize(
    ("rows", "refuse", "policy"),
    [
        (1, as_a_whole, ""),
        (100, as_a_whole, ""),  # few enough to try them all
        (600, variously, ""),  # no two reasons are one
        (600, failed, ", burst: 0"),  # somebody said that these rows are just bad
    ],
)
def test_everything_refused_may_also_be_the_fault_of_rows(
    mill: Mill, rows: int, refuse: Callable[[list[str]], Said], policy: str
) -> None:
    mill.lay_out(rows, CONTACTS + "50", policy)
    mill.refuse = refuse
    done = mill.say("run", "job.yaml")
    assert (done.code, done.json["state"], done.json["rows"]["rejected"]) == (3, "finished", rows), done.err


def test_a_row_that_was_taken_shows_that_rows_are_bad(mill: Mill) -> None:
    mill.lay_out(300, CONTACTS + "1")
    mill.refuse = lambda emails: None if emails[0].startswith("u0@") or len(mill.writes) < 2 else as_a_whole(emails)
    done = mill.say("run", "job.yaml")
    assert (done.code, done.json["state"]) == (3, "finished")
    assert done.json["rows"]["rejected"] == 300 - len(mill.held)


# The budget -----------------------------------------------------------------------------------------------------------


def some(emails: list[str]) -> Said:
    """Every fourth row is refused."""
    odd = [int(email[1:].partition("@")[0]) % 4 == 3 for email in emails]
    items: list[dict[str, Any]] = [
        {"id": None, "status": "failed", "error": "noSuchOwner"} if bad else {"id": i + 1, "status": "created"}
        for i, bad in enumerate(odd)
    ]
    return Said(200, {"items": items})


@pytest.mark.parametrize("allowed", ["100", "5%"])
def test_too_many_rejects_stop_a_run_within_a_width_of_calls(mill: Mill, allowed: str) -> None:
    mill.lay_out(2000, CONTACTS + "20", f", reject: {allowed}")  # five rejects a call
    mill.refuse = some
    done = mill.say("run", "job.yaml")
    rows = done.json["rows"]
    assert (done.code, done.json["state"]) == (3, "failed")
    assert "the job allows 100" in done.json["message"]
    assert 21 <= len(mill.writes) <= 21 + WIDTH - 1, "the 101st reject comes with the 21st call"
    assert rows["created"] + rows["rejected"] == 20 * len(mill.writes)
    assert rows["not_attempted"] == 2000 - 20 * len(mill.writes)
    assert sum(one["rows"] for one in done.json["rejects"]) == rows["rejected"]
    before = len(mill.writes)
    assert (mill.say("resume").code, len(mill.writes)) == (3, before), "nothing more is sent while nothing is mended"
    mill.refuse = lambda emails: None
    done = mill.say("run", "job.yaml", "--set", "policy.reject=50%", "--accept-changed-input")
    assert (done.code, done.json["rows"]["created"]) == (0, 2000), done.err
    assert len(mill.held) == 2000 - rows["created"], "what was taken before is not sent again"


def test_rows_that_cannot_be_sent_count_before_anything_is(mill: Mill) -> None:
    mill.lay_out(1000, CONTACTS + "20", ", reject: 5%", bad=range(900, 951))
    done = mill.say("run", "job.yaml")
    rows = done.json["rows"]
    assert (done.code, mill.writes, rows["rejected"], rows["not_attempted"]) == (3, [], 51, 949), done.err
    assert "51 rows are rejected, the job allows 50" in done.json["message"]
    (kept,) = mill.folder.glob("bulkreply-runs/it/*/rejects.csv")
    assert kept.read_text().count("nobody,F") == 51
    mill.lay_out(1000, CONTACTS + "20", ", reject: 5%", bad=range(900, 950))
    done = mill.say("run", "job.yaml", "--accept-changed-input")
    assert (done.code, done.json["rows"]["created"], done.json["rows"]["rejected"]) == (3, 950, 50), done.err
