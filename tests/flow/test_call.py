"""`bulkreply call`: every procedure and any operation, once, from the shell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from bulkreply.catalog import Catalog
from bulkreply.targets import procedure_target
from tests.flow.account import Account
from tests.support import Bulkreply, Done

DANGEROUS = {
    "StartSequence": "makes Reply write to real people",
    "MoveContactToSequence": "makes Reply write to real people",
    "AddContactsToSequence": "makes Reply write to real people",
    "ExecuteAndCompleteTask": "makes Reply write to real people",
    "PushContactsToCampaign": "makes Reply write to real people",
    "ArchiveSequence": "cannot be taken back",
    "DeleteSequenceTemplate": "deletes at Reply; there is no undo",
    "RemoveFromBlacklist": "deletes at Reply; there is no undo",
}
# Procedure -> what people type after it, and `operation about` of every record that is called.
CALLS: dict[str, tuple[str, list[str]]] = {
    "StartSequence": ("--sequence-id Ready", ["v3.sequences.bulk_start {ready}"]),
    "PauseSequence": ("--sequence_id=running", ["v3.sequences.bulk_pause {running}"]),
    "ArchiveSequence": ("--SequenceId {spring}", ["v3.sequences.bulk_archive {spring}"]),
    "SetContactStatus": (
        "--contact-ids p0@example.com --contact-ids {p1} --status paused --sequence-id Spring",
        ["v3.sequence_contacts.set_status {spring} {p0}", "v3.sequence_contacts.set_status {spring} {p1}"],
    ),
    "ClearContactStatus": ("--contact-ids [{p0}]", ["v3.contacts.set_opted_out {p0}", "v3.contacts.update {p0}"]),
    "AddNoteToContact": ("--contact-id p0@example.com --notes Hello", ["v3.contacts.add_note {p0}"]),
    "MoveContactToSequence": (
        "--contact-id {p2} --sequence-id Spring --remove-from-existing no --start-from 2026-12-01T10:00",
        ["v3.sequence_contacts.bulk_add {spring} {p2}"],
    ),
    "AddContactsToSequence": (
        '--contact-ids ["p2@example.com",{p3}] --sequence-id {spring} --ignore-step-delay true',
        ["v3.sequence_contacts.bulk_add {spring} {p2}", "v3.sequence_contacts.bulk_add {spring} {p3}"],
    ),
    "RemoveContactsFromSequence": (
        "--contact-ids {p1} --sequence-id Spring",
        ["v3.sequence_contacts.bulk_remove {spring} {p1}"],
    ),
    "SetSequenceEmailAccounts": (
        "--sequence-id Spring --email-account-ids me@example.com",
        ["v3.sequence_email_accounts.replace {spring} {box}"],
    ),
    "BulkAssignSequencesToFolder": (
        "--folder-id Folder --sequence-ids Spring",
        ["v3.sequences_in_folder.bulk_assign {folder} {spring}"],
    ),
    "BulkUnassignSequencesToFolder": (
        "--folder-id {folder} --sequence-ids Running",
        ["v3.sequences_in_folder.bulk_unassign {folder} {running}"],
    ),
    "DeleteSequenceTemplate": ("--template-id Saved", ["v3.sequence_templates.delete {template}"]),
    "MoveContactsToContactList": (
        "--list-id Fair --contact-ids p0@example.com",
        ["v3.contact_lists.move_contacts {p0}"],
    ),
    "AddContactsToContactList": ("--list-id Fair --contact-ids {p1}", ["v3.contact_lists.add_contacts {p1}"]),
    "ReassignTask": ("--task-id {call} --user-id member@example.com", ["v3.tasks.bulk_reassign {call}"]),
    "CompleteTask": ("--task-id {call} --call-resolution positive", ["v3.tasks.complete {call}"]),
    "ExecuteAndCompleteTask": ("--task-id {mail} --content-body Hi", ["v3.tasks.execute {mail}"]),
    "AddToBlacklist": ("--email b@two.example", ["v1.blacklist.add_email b@two.example"]),
    "RemoveFromBlacklist": ("--email a@two.example", ["v1.blacklist.delete_email a@two.example"]),
    "PushContactsToCampaign": (
        "--contact-ids p3@example.com --sequence-id Spring",
        ["v1.campaign_people.bulk_push {p3}"],
    ),
}


def furnished(account: Account) -> dict[str, Any]:
    """Something of every kind that procedures speak of; names for their ids."""
    people, box = account.contacts(4), account.mailbox("me@example.com")
    made: dict[str, Any] = {f"p{i}": number for i, number in enumerate(people)}
    made |= {"box": box, "ready": account.sequence("Ready", people[:1], [box])}
    made |= {
        "running": account.sequence("Running", people[:1], [box]),
        "spring": account.sequence("Spring", people[:2]),
    }
    account.ask("POST", f"/v3/sequences/{made['running']}/start")
    made["folder"] = account.named("/v3/sequence-folders", "Folder")
    links = f"/v3/sequence-folders/{made['folder']}/sequence-links/bulk"
    account.ask("POST", links, {"sequenceIds": [made["running"]]})
    save = f"/v3/sequences/{made['spring']}/save-as-template"
    made["template"] = account.ask("POST", save, {"name": "Saved"})["id"]
    account.named("/v3/contact-lists", "Fair")
    account.ask("PATCH", f"/v3/contacts/{people[0]}", {"isOptedOut": True, "callStatus": "called"})
    account.ask("POST", "/v1/blacklist?email=a@two.example")
    return made | {"call": account.task("call", people[0]), "mail": account.task("manualEmail", people[1])}


def filled(text: str, made: Mapping[str, Any]) -> str:
    for name, value in made.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def call(bulkreply: Bulkreply, account: Account, *words: str) -> Done:
    return bulkreply("call", *words, "--base-url", account.server.url, "--limits", "none")


def test_every_procedure_is_tried_here_and_those_that_ask_first_are_known() -> None:
    catalog = Catalog()
    procedures = catalog.procedures()
    assert set(CALLS) == set(procedures)
    found = {name: procedure_target(catalog, one).danger for name, one in procedures.items()}
    assert {name: danger for name, danger in found.items() if danger} == DANGEROUS


@pytest.mark.parametrize("procedure", list(CALLS))
def test_each_procedure_does_what_it_says_once(account: Account, bulkreply: Bulkreply, procedure: str) -> None:
    made = furnished(account)
    words, expected = CALLS[procedure]
    before = {one["request"] for one in account.server.ask("events")}
    send = ("--do-not-contact", "send") if procedure == "ClearContactStatus" else ()
    done = call(bulkreply, account, procedure, *filled(words, made).split(), "--json", "--yes", *send)
    assert done.code == 0, done.err
    assert [f"{one['operation']} {one['about']}" for one in done.json] == [filled(one, made) for one in expected]
    assert {one["outcome"] for one in done.json} == {"called"}
    changed = [one for one in account.server.ask("events") if one["request"] not in before and one["changed"]]
    assert len(changed) == len(expected)


@pytest.mark.parametrize("procedure", ["StartSequence", "DeleteSequenceTemplate", "contacts.bulk_delete"])
def test_what_reaches_people_or_deletes_asks_first(bulkreply: Bulkreply, procedure: str) -> None:
    done = bulkreply("call", procedure, "--id", "1", "--base-url", "http://127.0.0.1:9")
    danger = DANGEROUS.get(procedure, "deletes at Reply; there is no undo")
    assert (done.code, done.err) == (2, f"error: {procedure} {danger}\n  how to fix it: say --yes to go ahead\n")


WRONG = [
    ("SetContactStat --status Active", "there is no procedure 'SetContactStat'", "did you mean 'SetContactStatus'?"),
    ("contact_lists.shared --id 1", "contact_lists has no operation 'shared' in v3", "did you mean 'share'?"),
    ("SetContactStatus --contact-ids 1", "SetContactStatus needs Status", "parameters: ContactIds (needed)"),
    ("SetContactStatus --contacts 1", "SetContactStatus has no parameter 'contacts'", "did you mean 'ContactIds'?"),
    ("SetContactStatus 1001", "'1001' is no parameter", "write --sequence-id 5"),
    ("SetContactStatus --status Active --contact-ids", "--contact-ids has no value", ""),
    ("SetContactStatus --contact-ids 1001 --status Asleep", "SetContactStatus: Status: 'Asleep' is not one of", ""),
    ("SetContactStatus --contact-ids x@example.com --status Active", "there is no 'x@example.com' at Reply", ""),
    (
        "SetContactStatus --contact-ids 1001 --status OptedOut --sequence-id 5",
        "SetContactStatus: these values fit none of its calls",
        "",
    ),
    ("PauseSequence --sequence-id Twin", "2 records at Reply are called 'Twin': give the id", ""),
    ("AddToBlacklist", "AddToBlacklist needs Domain or Email", "parameters: Domain, Email"),
    ("sequences.list --status asleep", "sequences.list: status: 'asleep' is not one of active, paused, new", ""),
    ("sequence_contacts.list --sequence-id 999", "sequence_contacts.list: Reply does not have 999", ""),
]


@pytest.mark.parametrize(("words", "says", "hint"), WRONG)
def test_what_cannot_be_called_is_one_clear_line(
    account: Account, bulkreply: Bulkreply, words: str, says: str, hint: str
) -> None:
    account.sequence("Twin")
    account.sequence("Twin")
    done = call(bulkreply, account, *words.split())
    lines = done.err.splitlines()
    assert (done.code, done.out) == (2, "")
    assert lines[0].startswith("error: ") and says in lines[0], done.err
    assert hint in done.err
    assert len(lines) <= 2
    assert all(one["operation"] == "sequences.create" for one in account.server.ask("events"))


def test_refused_and_lost_calls_end_with_3(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(2)
    words = ("SetContactStatus", "--contact-ids", str(ids[0]), "--contact-ids", "999", "--status", "OptedOut")
    done = call(bulkreply, account, *words, "--json")
    told = [(one["about"], one["outcome"], one["code"]) for one in done.json]
    assert (done.code, told) == (3, [(str(ids[0]), "called", ""), ("999", "rejected", "reply.notFound")])
    done = call(bulkreply, account, *words)
    assert (done.code, done.out) == (3, "")
    assert done.err == "SetContactStatus: called 1 · rejected 1\n  999: reply.notFound\n"
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    done = call(bulkreply, account, "AddNoteToContact", "--contact-id", str(ids[1]), "--notes", "Once", "--json")
    assert (done.code, [one["outcome"] for one in done.json]) == (3, ["unknown"])
    assert account.notes() == {ids[1]: "Once"}


def test_one_call_of_many_ids_is_divided_as_reply_takes_them(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(250)
    done = call(bulkreply, account, "SetContactStatus", f"--contact-ids={ids}", "--status", "Replied", "--json")
    assert (done.code, [one["about"] for one in done.json]) == (0, [str(number) for number in ids])
    assert account.sizes("contacts.set_replied") == [100, 100, 50]


def test_listings_are_read_to_their_end(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(1100)
    spring = account.sequence("Spring", ids[:3])
    done = call(bulkreply, account, "contacts.list", "--json")
    assert [one["id"] for one in done.json] == ids
    done = call(bulkreply, account, "sequence_contacts.list", "--sequence-id", "spring")
    assert (done.code, done.err) == (0, "3 records\n")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {(one["sequenceId"], one["contactId"]) for one in lines} == {(spring, number) for number in ids[:3]}
    done = call(bulkreply, account, "people.list", "--api", "v1", "--json")
    assert sorted(one["id"] for one in done.json) == ids


def test_single_records_and_writes_by_any_operation(account: Account, bulkreply: Bulkreply) -> None:
    (person,) = account.contacts(1)
    number = account.named("/v3/contact-lists", "Fair")
    done = call(bulkreply, account, "contact_lists.share", "--id", str(number))
    assert (done.code, done.err) == (0, "contact_lists.share: called 1\n")
    assert account.ask("GET", f"/v3/contact-lists/{number}")["isShared"] is True
    done = call(bulkreply, account, "contacts.get", "--id", "999", "--json")
    assert (done.code, done.json[0]["code"]) == (3, "reply.contact.notFound")
    done = call(bulkreply, account, "contacts.update", "--id", str(person), "--call-status", "to call")
    assert (done.code, json.loads(done.out)["callStatus"]) == (0, "toCall")
