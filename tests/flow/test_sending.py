"""Nobody is written to who must not be: it is read before anything is sent, and overridden in so many words only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bulkreply as product
from bulkreply.errors import ServerFatal, UsageProblem
from bulkreply.runs import RunFolder
from tests.conftest import KEY_CANARY
from tests.flow.account import Account, Ran, results, run_file, table, write_job
from tests.flow.scripted import Asked, Said, scripted
from tests.support import Bulkreply

RULES = {f"v3.{one}_blacklist_rules.list": 1 for one in ("domain", "email", "email_exception")}
PEOPLE = ("ok@one.example", "out@one.example", "listed@one.example", "sub@bad.example", "except@bad.example")
PEOPLE += ("gone@one.example",)
FATES = ["", "person.optedOut", "person.blacklisted", "person.blacklisted", "", "person.bounced"]
"""Why each of them is left out; "" for the two who are not."""


@pytest.fixture
def people(account: Account) -> list[int]:
    """One of each kind, and what Reply knows of them."""
    items = [{"email": email, "firstName": "F"} for email in PEOPLE]
    made = account.ask("POST", "/v3/contacts/import", {"items": items, "options": {"overwriteExisting": True}})
    ids = [item["id"] for item in made["items"]]
    account.ask("POST", "/v3/contacts/set-opted-out", {"contactIds": [ids[1]], "isOptedOut": True})
    account.ask("POST", "/v3/contact-blacklist-rules/emails", {"pattern": "LISTED@one.example"})
    account.ask("POST", "/v3/contact-blacklist-rules/domains", {"pattern": "bad.example"})
    account.ask("POST", "/v3/contact-blacklist-rules/email-exceptions", {"pattern": PEOPLE[4]})
    account.sequence("Past", [ids[5]])
    account.ask("POST", "/v3/contacts/set-bounced", {"contactIds": [ids[5]], "isBounced": True})
    account.server.change("switches", {"v3.bounced_in_contact": "shown"})
    return ids


def run_object(folder: Path, account: Account, to: str, text: str, **settings: str) -> Ran:
    """Runs a job on an object, its fields taken from the header of the file."""
    return run_file(folder, account, "x", text, yes=True, settings={"to": f"{{{to}}}", **settings})


ENROLMENTS = [
    ("procedure: AddContactsToSequence", "ContactIds,SequenceId", False, "called", "sequence_contacts.bulk_add"),
    ("procedure: MoveContactToSequence", "ContactId,SequenceId", True, "called", "sequence_contacts.bulk_add"),
    ("procedure: contacts.move_to_sequence", "contactId,sequenceId", False, "called", "contacts.move_to_sequence"),
    ("object: sequence_contacts, mode: insert", "contactId,sequenceId", False, "created", "sequence_contacts.bulk_add"),
    ("procedure: PushContactsToCampaign", "ContactIds,SequenceId", False, "called", "v1.campaign_people.bulk_push"),
    ("object: campaign_people, mode: insert, api: v1", "email,campaignId", True, "created", "v1.campaign_people.push"),
    (
        "object: campaign_people, mode: upsert, api: v1",
        "email,campaignId,firstName",
        True,
        "updated",
        "v1.campaign_people.add_and_push",
    ),
]


@pytest.mark.parametrize(("to", "header", "by_name", "word", "operation"), ENROLMENTS, ids=lambda one: str(one)[:40])
def test_whoever_must_not_be_written_to_is_left_out_of_every_enrolment(
    account: Account, tmp_path: Path, people: list[int], to: str, header: str, by_name: bool, word: str, operation: str
) -> None:
    account.sequence("Spring")
    before = len(account.server.ask("events"))
    rows = ([one, "Spring", "F"][: len(header.split(","))] for one in (PEOPLE if by_name else people))
    done = run_object(tmp_path, account, to, table(header, *rows))
    assert done.rows == [f"skipped {fate}" if fate else word for fate in FATES], done.said
    assert done.code == 0
    reached = {one["id"] for one in account.server.ask("events")[before:] if one["operation"] == operation}
    assert reached == {people[0], people[4]}
    assert {label: n for label, n in done.calls.items() if "blacklist" in label} == RULES
    assert done.report["sending"]["left_out"] == {"person.optedOut": 1, "person.blacklisted": 2, "person.bounced": 1}


def test_making_somebody_active_again_is_asked_for_and_leaves_them_out_too(
    account: Account, tmp_path: Path, people: list[int]
) -> None:
    account.sequence("Spring", people[:2])
    pause = table("ContactIds,Status", *(f"{one},Paused" for one in people[:2]))
    done = run_file(tmp_path, account, "SetContactStatus", pause)
    assert (done.rows, done.calls) == (["called"] * 2, {"v3.contacts.set_status_in_sequence": 1}), "it reaches nobody"
    again = pause.replace("Paused", "Active")
    done = run_file(tmp_path, account, "SetContactStatus", again)
    assert (done.code, done.said) == (2, "call SetContactStatus needs confirm=True, or `confirm: true` in the job")
    done = run_file(tmp_path, account, "SetContactStatus", again, yes=True)
    assert done.rows == ["called", "skipped person.optedOut"]
    assert [account.standing(one) for one in people[:2]] == ["Spring: active", "opted out, Spring: paused"]


def test_an_import_subscribes_nobody_again_but_changes_what_is_harmless(
    account: Account, tmp_path: Path, people: list[int]
) -> None:
    rows = [f"{people[0]},no,Ann", f"{people[1]},no,Bea", f"{people[2]},no,Cem", f"{people[5]},yes,Dan"]
    by_id = {"to": "{object: contacts, mode: update}", "map": "{id: id, isOptedOut: isOptedOut, firstName: firstName}"}
    text = table("id,isOptedOut,firstName", *rows)
    done = run_file(tmp_path, account, "x", text, yes=True, settings=by_id)
    assert done.rows == ["updated", "skipped person.optedOut", "updated", "updated"], done.said
    plain = table("id,firstName", f"{people[1]},Bea")
    assert run_object(tmp_path, account, "object: contacts, mode: update", plain).rows == ["updated"]
    held = {one["id"]: one for one in account.server.ask("contacts")}
    assert [held[one]["firstName"] for one in people] == ["Ann", "Bea", "Cem", "F", "F", "Dan"]
    found = account.ask("GET", "/v3/contacts?top=1000")["items"]
    assert {one["id"] for one in found if one["isOptedOut"]} == {people[1], people[5]}
    emptied = by_id | {"map": "{id: id, isOptedOut: isOptedOut}", "policy.blank": "clear"}
    done = run_file(tmp_path, account, "x", table("id,isOptedOut", f"{people[1]},"), yes=True, settings=emptied)
    assert done.rows == ["skipped person.optedOut"], "an emptied field is a no"
    send = by_id | {"policy.do_not_contact": "send"}
    assert run_file(tmp_path, account, "x", text, settings=send).code == 2, "the override is asked for by itself"
    assert run_file(tmp_path, account, "x", text, yes=True, settings=send).rows == ["updated"] * 4
    assert account.standing(people[1]) == ""


IMPORTS = [
    ("object: contacts, mode: upsert", "updated", "created", 0),
    ("object: contacts, mode: insert", "skipped", "created", 0),
    ("object: people, mode: upsert, api: v1", "updated", "created", 0),
    ("object: people, mode: upload, api: v1", "unknown", "created", 3),
]


@pytest.mark.parametrize(("to", "known", "new", "code"), IMPORTS, ids=lambda one: str(one)[8:32])
def test_an_import_makes_nobody_who_is_blacklisted(
    account: Account, tmp_path: Path, people: list[int], to: str, known: str, new: str, code: int
) -> None:
    account.ask("POST", "/v3/contact-blacklist-rules/emails", {"pattern": "never@one.example"})
    rows = [f"{PEOPLE[3]},Known", "never@one.example,N", "x@BAD.example,N", "new@one.example,N"]
    done = run_object(tmp_path, account, to, table("email,firstName", *rows))
    words = [row.split()[0] for row in done.rows]
    assert (done.code, words) == (code, [known, "skipped", "skipped", new]), done.rows
    assert done.rows[1:3] == ["skipped person.blacklisted"] * 2
    held = {one["email"] for one in account.server.ask("contacts")}
    assert held == {*PEOPLE, "new@one.example"}


def test_the_override_is_asked_for_and_recorded_everywhere(
    account: Account, bulkreply: Bulkreply, people: list[int]
) -> None:
    spring = account.sequence("Spring")
    bulkreply.write("rows.csv", table("ContactIds,SequenceId", *(f"{one},Spring" for one in people)))
    job = "job: it\nfrom: {file: rows.csv}\nto: {procedure: AddContactsToSequence}\npolicy: {do_not_contact: send}\n"
    words = (str(bulkreply.write("job.yaml", job)), "--base-url", account.server.url, "--limits", "none")
    done = bulkreply("run", *words)
    assert (done.code, account.members(spring)) == (2, {}), done.err
    assert "are not left out (policy.do_not_contact: send)" in done.err
    done = bulkreply("run", *words, "--yes", "--json")
    assert (done.code, list(account.members(spring))) == (0, people), done.err
    assert done.json["sending"] == {"do_not_contact": "send", "left_out": {}}
    assert not {label for label in done.json["requests"]["by_operation"] if "blacklist" in label}
    folder = bulkreply.run_folder("it")
    assert "were not left out (do_not_contact: send)" in (folder / "report.html").read_text("utf-8")
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    assert {"event": "people who must not be written to are reached", "do_not_contact": "send", "rows": 6}.items() <= (
        log[0].items()
    )
    assert RunFolder(folder).facts()["do_not_contact"] == "send"


def test_without_knowing_who_nobody_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules cannot be read: the run ends, and says how to go without."""
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    (tmp_path / "rows.csv").write_text("ContactIds,SequenceId\n1,2\n", "utf-8")
    job = "job: it\nfrom: {file: rows.csv}\nto: {procedure: AddContactsToSequence}\nconfirm: true\n"
    (tmp_path / "job.yaml").write_text(job, "utf-8")

    def answer(asked: Asked) -> Said:
        found = asked.method == "POST" or "blacklist" not in asked.path
        return Said(200, {"items": [], "hasMore": False}) if found else Said(404)

    with scripted(answer) as server, pytest.raises(ServerFatal, match="who must not be written to cannot be read") as e:
        product.run(tmp_path / "job.yaml", runs=tmp_path, base_url=server.url, limits="none")
    assert "do_not_contact: send" in e.value.hint
    assert not [path for path in server.paths() if "contact-links" in path]


@pytest.mark.parametrize("status", [403, 404])
def test_an_import_writes_to_nobody_and_goes_on_without_rules(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    (tmp_path / "rows.csv").write_text("email,firstName\nada@example.com,Ada\nbo@example.com,Bo\n", "utf-8")
    (tmp_path / "job.yaml").write_text("job: it\nfrom: {file: rows.csv}\nto: {object: contacts}\n", "utf-8")

    def answer(asked: Asked) -> Said:
        if "blacklist" in asked.path:
            return Said(status, {"title": "No", "code": "auth.scopeMissing"})
        if asked.path.startswith("/v3/contacts/import"):
            return Said(200, {"items": [{"id": i + 1, "status": "created"} for i in range(len(asked.body["items"]))]})
        return Said(200, {"items": [], "hasMore": False})

    with scripted(answer) as server:
        report = product.run(tmp_path / "job.yaml", runs=tmp_path, base_url=server.url, limits="none")
    assert report.rows["created"] == 2
    assert report.content["sending"]["unread"] == sorted(RULES)
    assert "Rules that could not be read" in next(tmp_path.glob("it/*/report.html")).read_text("utf-8")
    assert len([path for path in server.paths() if "blacklist" in path]) == 3, "asked once"


def test_a_call_leaves_them_out_unless_told_twice(account: Account, people: list[int]) -> None:
    spring, where = account.sequence("Spring"), {"base_url": account.server.url, "limits": "none"}
    told = product.call("AddContactsToSequence", SequenceId=spring, ContactIds=people, **where)
    fates = {int(one.about.split()[-1]): f"{one.outcome} {one.code}".strip() for one in told}
    assert fates == {one: f"skipped {fate}" if fate else "called" for one, fate in zip(people, FATES, strict=True)}
    assert list(account.members(spring)) == [people[0], people[4]]
    where |= {"do_not_contact": "send"}
    told = product.call("AddContactsToSequence", SequenceId=spring, ContactIds=people[1:4], **where)
    assert {one.outcome for one in told} == {"called"}
    assert list(account.members(spring)) == people[:5]


LIFTING = [
    ("object: email_blacklist_rules, mode: delete", "pattern\nlisted@one.example\n"),
    ("object: domain_blacklist_rules, mode: delete", "pattern\nbad.example\n"),
    ("object: domain_blacklist_rules, mode: update", "id,pattern\n1,other.example\n"),
    ("object: email_exception_blacklist_rules, mode: insert", "pattern\nsub@bad.example\n"),
    ("procedure: RemoveFromBlacklist", "Domain\nbad.example\n"),
    ("procedure: people.unmark_out_of_office, api: v1", "email\nok@one.example\n"),
]


@pytest.mark.parametrize(("to", "text"), LIFTING, ids=lambda one: one[:45])
def test_what_lets_reply_write_to_people_again_is_asked_for(
    account: Account, tmp_path: Path, people: list[int], to: str, text: str
) -> None:
    before = len(account.server.ask("events"))
    done = run_file(tmp_path, account, "x", text, settings={"to": f"{{{to}}}"})
    assert (done.code, "needs confirm=True" in done.said) == (2, True)
    assert len(account.server.ask("events")) == before


def test_whoever_opts_out_while_a_run_rests_is_left_out_when_it_goes_on(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(4)
    spring = account.sequence("Spring")
    text = table("ContactIds,SequenceId", *(f"{one},Spring" for one in ids))
    job = str(write_job(bulkreply.folder, "AddContactsToSequence", text, "sending: {per_run: 2}\n"))
    words = ("run", job, "--yes", "--base-url", account.server.url, "--limits", "none")
    assert bulkreply(*words).code == 5
    account.ask("POST", "/v3/contacts/set-opted-out", {"contactIds": [ids[2]], "isOptedOut": True})
    assert bulkreply(*words).code == 0
    assert [row[0] for row in results(bulkreply.folder)] == ["called", "called", "skipped", "called"]
    assert list(account.members(spring)) == [ids[0], ids[1], ids[3]]


def test_a_policy_that_makes_no_sense_is_one_line(account: Account, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ContactIds,SequenceId\n1,2\n", "utf-8")
    for line, words in (
        ("policy: {do_not_contact: maybe}", "policy.do_not_contact"),
        ("policy: {delete: 120%}", "a number of records or a share such as 25%"),
        ("policy: {delete: nan}", "a number of records or a share such as 25%"),
        ("sending: {per_day: 0}", "sending.per_day"),
        ("sending: {per_hour: 1}", "unknown key"),
    ):
        job = f"job: it\nfrom: {{file: rows.csv}}\nto: {{procedure: AddContactsToSequence}}\n{line}\n"
        (tmp_path / "job.yaml").write_text(job, "utf-8")
        with pytest.raises(UsageProblem) as found:
            product.run(tmp_path / "job.yaml", runs=tmp_path, base_url=account.server.url, limits="none")
        assert words in found.value.message and len(found.value.message.splitlines()) == 1, line
