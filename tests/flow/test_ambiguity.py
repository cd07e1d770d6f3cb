"""Lost answers: what becomes of a row, by what its operation may do twice, what the job says, and what Reply shows.

Every case breaks the connection after the first call of a kind, and counts what the server is asked afterwards."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import bulkreply as product
from bulkreply.ledger import Ledger
from tests.conftest import KEY_CANARY
from tests.flow.scripted import Asked, Said, scripted

ANN = {"id": 1, "email": "ann@example.com", "firstName": "Ann"}
FAIR = {"id": 7, "name": "Fair", "isShared": True}
HOLIDAYS = {"id": 7, "name": "Fair", "isShared": False}
LOST, CHANGED = "unknown answer.lost", "unknown answer.changed"


@dataclass(frozen=True)
class Kind:
    """An operation by what may be done after a lost answer.

    Attributes:
        write: Path of its call.
        said: What it answers when it is not lost.
        listed: What Reply lists when the call took effect; `other`: when the same record says something else.
    """

    to: str
    text: str
    write: str
    said: Any = b""
    listed: tuple[dict[str, Any], ...] = ()
    other: tuple[dict[str, Any], ...] = ()


KINDS = {
    "safe": Kind(
        "procedure: AddContactsToContactList", "ListId,ContactIds\n7,1\n", "/v3/contact-lists/7/add-contacts", {}
    ),
    "safe, sends": Kind("procedure: campaigns.start, api: v2", "id\n7\n", "/v2/campaigns/7/start"),
    "by_key": Kind(
        "object: contacts, mode: upsert",
        "email,firstName\nann@example.com,Ann\n",
        "/v3/contacts/import",
        {"items": [{"id": 1, "status": "created"}]},
        (ANN,),
        (ANN | {"firstName": "Anna"},),
    ),
    "by_key, sends": Kind(
        "procedure: PushContactsToCampaign",
        "SequenceId,ContactIds\n7,1\n",
        "/v1/actions/pushContactsToSequence",
        {"affectedIdList": [1]},
    ),
    "never, read back": Kind(
        "object: contact_lists, mode: insert",
        "name,isShared\nFair,true\n",
        "/v3/contact-lists",
        {"id": 7},
        (FAIR,),
        (HOLIDAYS,),
    ),
    "never": Kind("procedure: AddNoteToContact", "ContactId,Notes\n1,Hi\n", "/v3/contacts/1/notes", {"id": 1}),
}


@dataclass
class World:
    """A server that loses the first answer of a kind, and then shows what it is told to."""

    kind: Kind
    shown: tuple[dict[str, Any], ...] = ()
    lost: int = 1
    asked: list[str] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)

    def answer(self, one: Asked) -> Said:
        """What it says."""
        self.asked.append(f"{one.method} {one.path}")
        if one.path == self.kind.write and one.method != "GET":
            self.writes.append(time.time())
            return Said(0) if len(self.writes) <= self.lost else Said(200, self.kind.said)
        if self.writes:
            self.reads.append(time.time())
        return Said(200, {"items": list(self.shown) if self.writes else [], "hasMore": False})


def run(
    url: str, kind: Kind, folder: Path, policy: str = "verify", settle_s: float = 0.01, more: str = ""
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Runs a job; its rows as `results.csv` has them, and its report."""
    where = f'[accounts.main]\nkey_file = "key"\nbase_url = "{url}"\nlimits = "none"\n'
    (folder / "bulkreply.toml").write_text(where)
    (folder / "key").write_text(KEY_CANARY)
    (folder / "rows.csv").write_text(kind.text)
    rules = f"policy: {{settle_s: {settle_s}, ambiguous: {policy}, do_not_contact: send{more}}}\n"
    (folder / "lost.yaml").write_text(f"job: lost\nfrom: {{file: rows.csv}}\nto: {{{kind.to}}}\n{rules}")
    report = product.run(folder / "lost.yaml", runs=folder / "runs", account="main", confirm=True).content
    with (folder / "runs" / "lost" / report["run"] / "results.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines)), dict(report)


def told(row: dict[str, str]) -> str:
    """Outcome and code."""
    return " ".join(filter(None, (row["outcome"], row["code"])))


POLICIES, EVIDENCE = ("verify", "resend", "hold"), ("absent", "present", "other")
# (policy, evidence) -> what becomes of the row, and how often the call is made; what is not named stays unknown.
EXPECTED: dict[str, dict[tuple[str, str], tuple[str, int]]] = {
    "safe": {(p, e): ("called", 2) for p in ("verify", "resend") for e in EVIDENCE},
    "safe, sends": {},
    "by_key": {("resend", e): ("created", 2) for e in EVIDENCE}
    | {
        ("verify", "absent"): ("created", 2),
        ("verify", "present"): ("updated", 1),
        ("verify", "other"): ("created", 2),
    },
    "by_key, sends": {},
    "never, read back": {
        ("verify", "absent"): ("created", 2),
        ("verify", "present"): ("created", 1),
        ("verify", "other"): (CHANGED, 1),
    },
    "never": {},
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("evidence", EVIDENCE)
def test_what_becomes_of_a_row_whose_answer_was_lost(name: str, policy: str, evidence: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    world = World(kind, {"absent": (), "present": kind.listed, "other": kind.other}[evidence])
    with scripted(world.answer) as server:
        (row,), report = run(server.url, kind, tmp_path, policy)
    fate, writes = EXPECTED[name].get((policy, evidence), (LOST, 1))
    assert (told(row), len(world.writes)) == (fate, writes), row["message"]
    reads_back = policy == "verify" and name in ("by_key", "never, read back")
    assert len(world.reads) == (1 if reads_back else 0), world.asked
    assert report["exit_code"] == (3 if fate.startswith("unknown") else 0)


WHERE = {
    "safe": "look in contact lists for contactId 1, listId 7, and whether add contacts was done",
    "safe, sends": "look in campaigns for id 7, and whether start was done",
    "by_key": "look in contacts for email ann@example.com, and whether it says what the row says",
    "by_key, sends": "look in campaign people for contactId 1, SequenceId 7, and whether bulk push was done",
    "never, read back": "look in contact lists for name fair, and whether it says what the row says",
    "never": "look in contacts for contactId 1, and whether add note was done",
}


@pytest.mark.parametrize("name", KINDS)
def test_an_unknown_row_says_where_to_look(name: str, tmp_path: Path) -> None:
    with scripted(World(KINDS[name]).answer) as server:
        (row,), report = run(server.url, KINDS[name], tmp_path, "hold")
    assert WHERE[name] in row["message"]
    folder = tmp_path / "runs" / "lost" / report["run"]
    with (folder / "unknown.csv").open(encoding="utf-8", newline="") as lines:
        (listed,) = csv.DictReader(lines)
    assert (listed["row"], listed["message"]) == ("2", row["message"])
    (check,) = report["unknown"]
    assert (check["row"], "@" in check["check"]) == (2, False)
    page = (folder / "report.html").read_text("utf-8")
    assert ("Rows to look for at Reply" in page, "ann@example.com" in page) == (True, False)
    assert "rejects" not in report["files"], "nothing invites to send it again"


def test_a_lost_call_is_not_read_back_before_it_has_settled(tmp_path: Path) -> None:
    world = World(KINDS["by_key"], (ANN,))
    with scripted(world.answer) as server:
        run(server.url, world.kind, tmp_path, settle_s=0.7)
    assert world.reads[0] - world.writes[0] >= 0.7


def test_what_a_slow_call_made_is_not_taken_for_older(tmp_path: Path) -> None:
    """Answers may be lost long after the call was sent: what it made was made when it was sent."""
    kind = KINDS["by_key"]
    world = World(Kind(kind.to.replace("upsert", "insert"), kind.text, kind.write, kind.said))
    clock_behind_s, under_way_s = 4.5, 0.8

    def answer(one: Asked) -> Said:
        said = world.answer(one)
        if said.status == 0:
            made = datetime.now(UTC) - timedelta(seconds=clock_behind_s)
            world.shown = (ANN | {"createdAt": made.isoformat()},)
            time.sleep(under_way_s)
        return said

    with scripted(answer) as server:
        (row,), _ = run(server.url, world.kind, tmp_path)
    assert told(row) == "created"


def many(count: int) -> Kind:
    """A job with a row per contact."""
    text = "".join(f"u{i}@example.com,F{i}\n" for i in range(count))
    return Kind("object: contacts, mode: upsert, batch: 5", "email,firstName\n" + text, "/v3/contacts/import")


def listing(count: int, size: int) -> Callable[[Asked], Said]:
    """All contacts of an account, the newest first, a page at a time; asked for one, that one."""
    people = [{"id": i + 1, "email": f"u{i}@example.com", "firstName": f"F{i}"} for i in range(count)][::-1]

    def answer(one: Asked) -> Said:
        if wanted := one.query.get("email"):
            return Said(200, {"items": [p for p in people if p["email"] == wanted], "hasMore": False})
        skip = int(one.query["skip"])
        page = people[skip : skip + size]
        return Said(200, {"items": page, "hasMore": skip + size < count, "totalCount": count})

    return answer


@pytest.mark.parametrize(
    ("rows", "held", "reads"),
    [
        (2, 3000, 2),  # two of many: each is asked for
        (40, 40, 1),  # eight lost calls, one page
        (40, 3000, 3),  # three pages at worst, rather than forty questions
        (6, 20_000, 12),  # a sweep that turns out to be long costs no more than asking would have
    ],
)
def test_lost_calls_are_read_back_together_with_the_fewest_reads(
    tmp_path: Path, rows: int, held: int, reads: int
) -> None:
    world, shown = World(many(rows), lost=10_000), listing(held, 1000)

    def answer(one: Asked) -> Said:
        said = world.answer(one)
        return shown(one) if said.status == 200 else said

    with scripted(answer) as server:
        found, report = run(server.url, world.kind, tmp_path)
    assert {row["outcome"] for row in found} == {"updated"}
    assert len(world.reads) <= reads, world.asked
    assert report["requests"]["by_operation"]["v3.contacts.import"] == len(world.writes) == -(-rows // 5)


def test_an_intent_is_never_older_than_the_bytes_it_speaks_of(tmp_path: Path) -> None:
    """Killed in a second try, a run must wait for that one to settle, not for the first."""
    world, intended = World(KINDS["safe"], lost=2), list[float]()

    def answer(one: Asked) -> Said:
        said = world.answer(one)
        if one.path == world.kind.write:
            (path,) = (tmp_path / "runs" / "lost").glob("*/ledger.sqlite")
            ledger = Ledger.look(path)
            (entry,) = ledger.open_entries()
            intended.append(entry.at_s)
            ledger.close()
        return said

    with scripted(answer) as server:
        run(server.url, world.kind, tmp_path)
    assert len(world.writes) == 3
    assert all(before < sent for before, sent in zip(world.writes[:-1], intended[1:], strict=True))
