"""Answers nobody has seen yet: what can be understood is, what cannot is said in one line, and nothing is guessed.

Every shape of answer is spoiled in turn by a server that says just what a row of a table says."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import bulkreply as product
from bulkreply.accounts import load_account
from bulkreply.catalog import Catalog
from bulkreply.errors import BulkreplyError, RunPaused, ServerFatal, exit_code_of
from bulkreply.net.opening import open_client
from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.flow.scripted import Asked, Said, scripted

ANN = {"id": 1, "email": "ann@example.com", "firstName": "Ann"}
BOB = {"id": 2, "email": "bob@example.com", "firstName": "Bob"}
LOST = "unknown answer.lost"


@dataclass(frozen=True)
class Shape:
    """A job whose one call has an answer of this shape.

    Attributes:
        to: Where the rows go.
        text: The file.
        write: Path of the call that carries them.
        listed: What Reply lists once that call has come, when it took it.
        other: Path -> what it answers to everything else.
    """

    to: str
    text: str
    write: str
    listed: tuple[dict[str, Any], ...] = ()
    other: dict[str, Any] = field(default_factory=dict)


SHAPES = {
    "positional": Shape(
        "object: contacts, mode: upsert",
        "email,firstName\nann@example.com,Ann\nbob@example.com,Bob\n",
        "/v3/contacts/import",
        (ANN, BOB),
    ),
    "failed_by_id": Shape(
        "procedure: AddContactsToContactList", "ListId,ContactIds\n7,1\n7,2\n", "/v3/contact-lists/7/add-contacts"
    ),
    "counts": Shape(
        "procedure: PushContactsToCampaign", "SequenceId,ContactIds\n7,1\n7,2\n", "/v1/actions/pushContactsToSequence"
    ),
    "whole": Shape(
        "object: contact_lists, mode: insert", "name\nFair\n", "/v3/contact-lists", ({"id": 7, "name": "Fair"},)
    ),
    "none": Shape("object: webhooks, mode: delete", "id\n7\n", "/v3/webhooks/7"),
}


@dataclass(frozen=True)
class Case:
    """One answer, and what it means.

    Attributes:
        rows: What becomes of each row: outcome, code, and the id when the answer says one.
        writes: How often the call went.
        words: What the first row's message says.
        kept: Whether Reply took the call, as a look at it shows.
    """

    shape: str
    said: Said
    rows: list[str]
    writes: int = 1
    words: str = ""
    kept: bool = True


def ok(body: Any = b"", status: int = 200) -> Said:
    return Said(status, body)


def items(*found: Any, **more: Any) -> Said:
    return ok({"items": list(found), **more})


BOTH = ["created 1", "updated 2"]
NO_ID = "wire: v3.contact_lists.create: the answer carries no id; sent, and whether Reply took it is not known"
ODD = "wire: v3.contacts.import: the answer does not hold one result per record"
UNHEARD = "wire: v3.contact_lists.add_contacts: the answer names records that were not sent"
NO_REASON = "wire: v3.contact_lists.add_contacts: the answer names a record without a reason"
COUNTED = "wire: v1.campaign_people.bulk_push: the answer does not list the records it took"
DONE = [
    # an enum, a status or a code that is new; more fields than known; ids as text
    Case(
        "positional", items({"id": 1, "status": "created", "mood": {}}, {"id": "2", "status": "UPDATED"}, tip=[1]), BOTH
    ),
    Case(
        "positional", items({"id": 1, "status": "created"}, {"id": 2, "status": "merged"}), ["updated 1", "updated 2"]
    ),
    Case(
        "positional",
        items({"id": 1, "status": "created"}, {"id": None, "status": "failed", "error": "brandNew"}),
        ["created 1", "rejected reply.brandNew"],
    ),
    Case(
        "positional",
        items({"id": 1, "status": "created"}, {"id": None, "status": "failed", "error": 99, "errorDetails": ["?"]}),
        ["created 1", "rejected reply.99"],
    ),
    Case(
        "positional",
        items({"id": 1, "status": "created"}, {"id": None, "status": "skipped", "error": {"code": "x", "why": 1}}),
        ["created 1", "skipped reply.skipped"],
    ),
    # the list elsewhere, or none; another status
    Case("positional", ok([{"id": 1, "status": "created"}, {"id": 2, "status": "updated"}]), BOTH),
    Case("positional", ok({"items": [{"id": 1, "status": "created"}, {"id": 2, "status": "updated"}]}, 201), BOTH),
    *(
        Case("positional", said, ["updated 1", "updated 2"])
        for said in (
            ok({"results": []}),
            ok({"items": None}),
            ok(),
            ok(status=204),
            ok("fine"),
            items(None, None),
            ok(b"<p>Hi"),
            items({"id": 1, "status": "created"}),
            items({}, {}),
            items({"id": True}, {"id": 2.5}),
            ok([[], []]),
        )
    ),
    Case("positional", ok({"items": None}), [LOST, LOST], 4, ODD, kept=False),
    Case("failed_by_id", ok({}), ["called 1", "called 2"]),
    *(Case("failed_by_id", said, ["called 1", "called 2"]) for said in (ok(), ok(status=204), ok(""))),
    Case("failed_by_id", ok({"1": {"error": "brandNew", "more": 1}}, 201), ["rejected 1 reply.brandNew", "called 2"]),
    Case("failed_by_id", ok({"2": {"error": 77, "errorDetails": None}}), ["called 1", "rejected 2 reply.77"]),
    # a failure that is not told, or all of them, may be hidden behind null
    Case("failed_by_id", ok(b"null"), [LOST, LOST], 4, "wire: v3.contact_lists.add_contacts: the answer is null"),
    Case("failed_by_id", ok({"1": "odd", "2": None}), [LOST, LOST], 4, NO_REASON),
    Case("failed_by_id", ok({"1": {}}), ["rejected 1 reply.failed", "called 2"]),
    *(
        Case("failed_by_id", said, [LOST, LOST], 4, UNHEARD)
        for said in (
            ok({"99": {"error": 1}}),
            ok({"failed": {"1": {"error": 1}}}),
            ok([]),
            ok([{"id": 1}]),
            ok("done"),
            ok(7),
        )
    ),
    Case("counts", ok({"affectedIdList": [1, 2], "new": 0}), ["called 1", "called 2"]),
    Case("counts", ok({"affectedIdList": ["1"], "skippedByMood": 1}), ["called 1", "rejected 2 reply.skippedByMood"]),
    Case("counts", ok({"affectedIdList": [2], "skipped": "1", "odd": None}), ["rejected 1 reply.notTaken", "called 2"]),
    *(
        # people would get mail twice: it is never sent again
        Case("counts", said, [LOST, LOST], 1, COUNTED)
        for said in (ok({"affected": [1, 2]}), ok({"affectedIdList": None}), ok({"affectedIdList": [3]}), ok({}))
    ),
    Case("counts", ok([1, 2]), [LOST, LOST], 1, "wire: v1.campaign_people.bulk_push: the answer is not an object"),
    Case("counts", ok(b"OK"), [LOST, LOST], 1, "wire: v1.campaign_people.bulk_push: the answer is not JSON"),
    Case("whole", ok({"id": 7, "name": "Fair", "mood": "new"}, 201), ["created 7"]),
    Case("whole", ok({"id": "7"}), ["created 7"]),
    Case("whole", ok(b'\xef\xbb\xbf{"id": 7}'), ["created 7"]),
    *(
        Case("whole", said, ["created 7"])
        for said in (
            ok(status=201),
            ok(status=204),
            ok({"data": {"id": 7}}),
            ok({"id": None}),
            ok({"id": 7.5}),
            ok({"id": True}),
            ok([{"id": 7}]),
            ok("7"),
            ok(b"<html>"),
            ok({"id": "\u00b2" * 3, "name": 1}, 202),
        )
    ),
    Case("whole", ok({"data": {"id": 7}}), [LOST], 4, NO_ID, kept=False),
    *(
        Case("none", said, ["deleted 7"])
        for said in (ok(status=204), ok(), ok({"wasDeleted": True}), ok("true"), ok(b"<p>Bye"), ok(None, 201))
    ),
]
REFUSED = [
    # what is refused, in words nobody knows
    Case(
        "whole", ok({"title": "No", "code": "mood.bad", "detail": "Bad."}, 400), ["rejected reply.mood.bad"], 1, "Bad."
    ),
    Case("whole", ok({"code": 4711, "message": ["a", "b"]}, 409), ["rejected reply.4711"]),
    Case("whole", ok({"errors": {"Name": ["odd"], "x": None}}, 422), ["rejected reply.422"], 1, "Name: odd; x: None"),
    Case("whole", ok([{"message": "no"}], 400), ["rejected reply.400"]),
    Case("whole", ok("No.", 400), ["rejected reply.400"], 1, "No."),
    Case("whole", ok(b"\xff\xfe\x00", 400), ["rejected reply.400"]),
    Case("whole", ok({"errors": [{"pointer": "/items/" + "9" * 5000}, None]}, 400), ["rejected reply.400"]),
    Case(
        "positional",
        ok({"errors": [{"pointer": "/items/1/mood", "detail": {}}]}, 400),
        ["rejected reply.400", "rejected reply.validation"],
        2,
    ),
    Case("failed_by_id", ok({"code": "list.gone"}, 404), ["rejected reply.list.gone"] * 2),
    Case("none", ok({"odd": 1}, 404), ["skipped reply.notFound"]),
]


@dataclass
class World:
    """A server that answers one call as told, and lists what it then holds."""

    shape: Shape
    said: Said
    kept: bool = True
    writes: int = 0

    def answer(self, one: Asked) -> Said:
        """What it says."""
        if one.path == self.shape.write and one.method != "GET":
            self.writes += 1
            return self.said
        if one.path in self.shape.other:
            return Said(200, self.shape.other[one.path])
        return Said(200, {"items": list(self.shape.listed) if self.writes and self.kept else [], "hasMore": False})


def run(
    url: str, to: str, text: str, folder: Path, more: str = "policy: {settle_s: 0.01, do_not_contact: send}\n"
) -> tuple[list[str], list[str]]:
    """Runs a job; outcome, id and code of each row, and its message."""
    (folder / "bulkreply.toml").write_text(f'[accounts.main]\nkey_file = "key"\nbase_url = "{url}"\nlimits = "none"\n')
    (folder / "key").write_text(KEY_CANARY)
    (folder / "rows.csv").write_text(text)
    (folder / "odd.yaml").write_text(f"job: odd\nfrom: {{file: rows.csv}}\nto: {{{to}}}\n{more}")
    report = product.run(folder / "odd.yaml", runs=folder / "runs", account="main", confirm=True).content
    with (folder / "runs" / "odd" / report["run"] / "results.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert sum(report["rows"].values()) == 2 * len(rows)
    told = [" ".join(filter(None, (row["outcome"], row["reply_id"], row["code"]))) for row in rows]
    return told, [row["message"] for row in rows]


@pytest.mark.parametrize(
    "case", DONE + REFUSED, ids=lambda case: f"{case.shape} {case.said.status} {case.said.body!r}"[:80]
)
def test_an_answer_nobody_has_seen(case: Case, tmp_path: Path) -> None:
    world = World(SHAPES[case.shape], case.said, case.kept)
    with scripted(world.answer) as server:
        rows, messages = run(server.url, world.shape.to, world.shape.text, tmp_path)
    assert (rows, world.writes) == (case.rows, case.writes), messages
    assert case.words in messages[0]


# Reading --------------------------------------------------------------------------------------------------------------

PEOPLE = {"people": [ANN], "total": 1, "page": 1, "limit": 100, "pagesCount": 1}
NO_LIST = "wire: v3.contacts.list: no list of records in the answer"
PAGES: list[tuple[str, list[Any], list[Any] | str]] = [
    ("contacts.list", [{"items": [ANN], "hasMore": False, "mood": [], "tip": {}}], [ANN]),
    ("contacts.list", [{"items": None, "hasMore": False}], []),
    ("contacts.list", [{"items": [], "hasMore": None}], []),
    ("contacts.list", [{"data": [ANN], "hasMore": False}], [ANN]),
    ("contacts.list", [[ANN, BOB]], [ANN, BOB]),
    ("contacts.list", [{"items": [ANN], "hasMore": "true"}, {"items": [BOB], "hasMore": "False"}], [ANN, BOB]),
    ("contacts.list", [{"items": [ANN] * 1000}, {"items": [BOB]}], [ANN] * 1000 + [BOB]),
    ("contacts.list", [[ANN] * 1000, [BOB]], [ANN] * 1000 + [BOB]),
    ("contacts.list", [None], []),
    ("contacts.list", [{}], NO_LIST),
    ("contacts.list", ["none"], NO_LIST),
    ("contacts.list", [{"a": [ANN], "b": [BOB]}], NO_LIST),
    ("contacts.list", [{"items": {"1": ANN}}], NO_LIST),
    ("contacts.list", [{"items": [ANN, None]}], "wire: v3.contacts.list: a record is not an object"),
    ("contacts.list", [{"items": [], "hasMore": True}], "wire: v3.contacts.list: an empty page that claims another"),
    ("contacts.list", [{"items": [ANN], "hasMore": True}] * 2, "wire: v3.contacts.list: the same page came twice"),
    ("v1.people.list", [PEOPLE | {"pagesCount": "2", "total": "2"}, PEOPLE | {"people": [BOB]}], [ANN, BOB]),
    ("v1.people.list", [PEOPLE | {"pagesCount": None}], [ANN]),
    ("v1.people.list", [PEOPLE | {"people": None}], []),
    ("v1.people.list", [{"persons": [ANN], "pagesCount": 1}], [ANN]),
    ("v1.people.list", [{"total": 3}], "wire: v1.people.list: no list of records in the answer"),
    (
        "v1.blacklist.list",
        [{"domains": ["a.example", {"value": "b.example"}]}],
        [{"value": "a.example"}, {"value": "b.example"}],
    ),
]


@pytest.mark.parametrize(("label", "pages", "wanted"), PAGES)
def test_a_listing_nobody_has_seen(
    label: str, pages: list[Any], wanted: list[Any] | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    left = list(pages)
    with scripted(lambda one: Said(200, left.pop(0))) as server:
        done = inside("call", label, "--json", "--base-url", server.url, "--limits", "none")
    if isinstance(wanted, list):
        assert (done.code, done.json, left) == (0, wanted, []), done.err
    else:
        assert (done.code, wanted in done.err, done.err.count("error: ")) == (7, True, 1), done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("label", "said", "code", "words"),
    [
        ("v1.people.lookup", ok({"id": 1}), 0, '"id": 1'),
        ("v1.campaigns.get", ok([{"id": 7}]), 0, '"id": 7'),
        ("v1.campaigns.get", ok(status=204), 0, '"answer": null'),
        ("v1.campaigns.get", ok(b"plain"), 0, "plain"),
        (
            "v1.campaigns.get",
            ok(b"<html>Sign in"),
            3,
            "wire: v1.campaigns.get: the answer is not JSON; sent, and whether",
        ),
        ("v1.campaigns.get", ok({"code": 1234}, 400), 3, "reply.1234"),
        ("contacts.get", ok({"mood": "new"}), 0, "mood"),
    ],
)
def test_a_call_nobody_has_seen_the_answer_of(
    label: str, said: Said, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    given = ("--email", "ann@example.com") if "lookup" in label else ("--id", "7")
    with scripted(lambda one: said) as server:
        done = inside("call", label, *given, "--json", "--base-url", server.url, "--limits", "none")
    assert (done.code, words in done.out) == (code, True), done


LISTS, FIRM = "/v3/contact-lists", "/v3/contact-accounts/7"
ACCOUNT = {"id": 7, "name": "Acme", "phone": "1", "companySize": "BrandNew", "mood": 1}
CHANGE = ("object: accounts, mode: update", "id,phone\n7,2\n")
NAMED = ("object: contact_lists, mode: update", "name,isShared\nFair,yes\n")
NEW = ("object: contact_lists, mode: insert", "name\nFair\n")
PERSON = ("object: contacts, mode: update", "email,firstName\nann@example.com,A\n")
OLDER = ("object: people, api: v1, mode: insert", "email,firstName\nann@example.com,A\n")
JOIN = ("procedure: AddContactsToContactList", "ListId,ContactIds\nFair,1\n")


@pytest.mark.parametrize(
    ("job", "path", "answer", "words"),
    [
        (NAMED, LISTS, {"items": [{"name": "Fair"}]}, "v3.contact_lists.list: a record without id"),
        (NEW, LISTS, {"a": [], "b": []}, "v3.contact_lists.list: no list of records in the answer"),
        (PERSON, "/v3/contacts", "?", "v3.contacts.list: no list of records in the answer"),
        (OLDER, "/v1/people", PEOPLE, "v1.people.get_by_email: no record in the answer"),
        (CHANGE, FIRM, {"mood": 1, "tip": 2}, "v3.accounts.get: no record in the answer"),
        (CHANGE, FIRM, [1, 2], "v3.accounts.get: no record in the answer"),
        (JOIN, LISTS, {"items": [1]}, "v3.contact_lists.list: a record is not an object"),
    ],
)
def test_what_has_to_be_known_first_and_cannot_be_understood_ends_the_run(
    job: tuple[str, str], path: str, answer: Any, words: str, tmp_path: Path
) -> None:
    with scripted(lambda one: Said(200, {path: answer}[one.path])) as server, pytest.raises(ServerFatal) as end:
        run(server.url, *job, tmp_path)
    assert (end.value.message, exit_code_of(end.value)) == (f"wire: {words}", 7)
    assert [one.method for one in server.asked if one.method != "GET"] == [], "nothing was written"


@pytest.mark.parametrize(
    ("record", "sent"),
    [
        (ACCOUNT, {"name": "Acme", "phone": "2", "companySize": "BrandNew"}),  # sent back as it was
        ({"data": ACCOUNT}, {"name": "Acme", "phone": "2", "companySize": "BrandNew"}),
        ([ACCOUNT], {"name": "Acme", "phone": "2", "companySize": "BrandNew"}),
        (ACCOUNT | {"id": "7", "name": None, "companySize": None}, {"phone": "2"}),
    ],
)
def test_a_replacement_keeps_what_it_does_not_understand(record: Any, sent: dict[str, Any], tmp_path: Path) -> None:
    with scripted(lambda one: Said(200, record)) as server:
        rows, _ = run(server.url, *CHANGE, tmp_path)
    assert rows == ["updated 7"]
    assert server.asked[-1].body == sent


@dataclass
class QuickClock:
    """Nothing takes time; what was slept is added up."""

    slept_s: float = 0.0

    def now_s(self) -> float:
        return 1_800_000_000.0 + self.slept_s

    async def sleep(self, delay_s: float) -> None:
        self.slept_s += delay_s

    def jitter(self) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (ok(b"<html>Sign in"), RunPaused, "wire: v3.contact_lists.list: the answer is not JSON"),
        (ok(b'{"items": ['), RunPaused, "wire: v3.contact_lists.list: the answer is not JSON"),
        (ok(b"oops", 500), RunPaused, "v3.contact_lists.list: status 500"),
        (ok(b"", 418), ServerFatal, "v3.contact_lists.list: status 418"),
    ],
)
async def test_a_read_that_fails_is_tried_again_and_then_said(
    said: Said, kind: type[BulkreplyError], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    catalog = Catalog()
    with scripted(lambda one: said) as server, pytest.raises(kind) as end:
        account = load_account(None, tmp_path, base_url=server.url, limits="none")
        async with open_client(account, catalog, clock=QuickClock()) as client:
            async for _ in client.pages(catalog.operation("v3.contact_lists.list")):
                pass
    assert words in end.value.message
    assert len(server.asked) == (5 if kind is RunPaused else 1)


@pytest.mark.parametrize("answer", [b"Too much requests", b'{"message": "Too Many Requests!"}', b'"too many requests"'])
async def test_a_throttle_in_disguise_is_waited_out_like_any_other(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    left = [Said(400, answer), Said(429, b"", {"Retry-After": "3"}), Said(200, [ANN])]
    catalog, clock = Catalog(), QuickClock()
    with scripted(lambda one: left.pop(0)) as server:
        account = load_account(None, tmp_path, base_url=server.url, limits="none")
        async with open_client(account, catalog, clock=clock) as client:
            found = [page.records async for page in client.pages(catalog.operation("v1.people_lists.list"))]
    assert found == [(ANN,)]
    assert clock.slept_s == pytest.approx(10.5 + 3)
