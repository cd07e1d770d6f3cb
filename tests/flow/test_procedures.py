"""Every procedure over a file: what becomes of each row, what Reply holds after it, and how many calls it takes."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.account import Account, results, run_file, table, write_job
from tests.support import Bulkreply, SandboxProcess

SPLIT = 'map: {{{0}: {{column: {0}, split: ";"}}, {1}: {1}}}\n'
STATUSES = ("Active", "Paused", "OutOfOffice", "Finished", "OptedOut")
GUARD = {
    "v3.domain_blacklist_rules.list": 1,
    "v3.email_blacklist_rules.list": 1,
    "v3.email_exception_blacklist_rules.list": 1,
    "v3.contacts.filter": 1,
}
"""What it takes to know who must not be written to."""
STATUSES += ("Replied", "Bounced", "Called", "ToCall", "MeetingBooked")


def assert_asks_first(folder: Path, account: Account, procedure: str, text: str) -> None:
    """What reaches people, or cannot be taken back, is not done unless somebody says so."""
    before = len(account.server.ask("events"))
    done = run_file(folder, account, procedure, text)
    assert (done.code, done.said) == (2, f"call {procedure} needs confirm=True, or `confirm: true` in the job")
    assert len(account.server.ask("events")) == before, "nothing was written"


def test_sequences_are_started_paused_and_archived_in_one_call_each(account: Account, tmp_path: Path) -> None:
    (person,), sender = account.contacts(1), account.mailbox("me@example.com")
    ready = [account.sequence(f"S{i}", [person], [sender]) for i in range(3)]
    account.sequence("Nobody", [], [sender])
    text = table("SequenceId", "S0", ready[1], "s2", "Nobody", 999, "Nowhere")
    lost = ["rejected reply.notFound", "rejected reference.unknown"]
    assert_asks_first(tmp_path, account, "StartSequence", text)
    done = run_file(tmp_path, account, "StartSequence", text, yes=True)
    assert done.rows == ["called", "called", "called", "rejected reply.noContacts", *lost]
    counted = {"v3.contacts.filter": 10}  # the people of each sequence: for the plan, and before they are reached
    assert (done.code, done.calls) == (3, {"v3.sequences.list": 1, "v3.sequences.bulk_start": 1} | counted)
    assert account.sequences() == {"S0": "active", "S1": "active", "S2": "active", "Nobody": "new"}
    done = run_file(tmp_path, account, "PauseSequence", text)
    assert done.rows == ["called"] * 4 + lost
    assert (done.code, done.calls) == (3, {"v3.sequences.list": 1, "v3.sequences.bulk_pause": 1})
    assert account.sequences() == {"S0": "paused", "S1": "paused", "S2": "paused", "Nobody": "new"}
    assert_asks_first(tmp_path, account, "ArchiveSequence", text)
    for outcome in ("called", "unchanged reply.archived"):
        done = run_file(tmp_path, account, "ArchiveSequence", text, more="confirm: true\n")
        assert done.rows == [outcome] * 4 + lost
        assert (done.code, done.calls) == (3, {"v3.sequences.list": 1, "v3.sequences.bulk_archive": 1})
    assert set(account.sequences().values()) == {"archived"}
    assert account.changes("sequences.bulk_archive") == 4


def test_each_of_the_ten_statuses_goes_its_own_way(account: Account, tmp_path: Path) -> None:
    ids, mate = account.contacts(20), account.of_a_mate()
    account.sequence("Spring", ids)
    account.sequence("Autumn", ids)
    everywhere = [f"{ids[i]},{status}," for i, status in enumerate(STATUSES)]
    scoped = [f"p{10 + i}@example.com,{status.lower()},Spring" for i, status in enumerate(STATUSES)]
    wrong = [f"{mate},Active,", "999,Called,", ",Active,", f"{ids[0]},Asleep,", "x@example.com,Active,"]
    done = run_file(
        tmp_path,
        account,
        "SetContactStatus",
        table("ContactIds,Status,SequenceId", *everywhere, *scoped, *wrong),
        yes=True,
    )
    fates = ["called"] * 20
    fates[14] = "rejected procedure.case"  # an opt-out holds everywhere
    refused = ("reply.forbidden", "reply.contact.notFound", "value.required", "enum.invalid", "reference.unknown")
    assert done.rows == fates + [f"rejected {code}" for code in refused]
    assert done.code == 3
    assert done.calls == GUARD | {
        "v3.contacts.filter": 2,
        "v3.sequences.list": 1,
        "v3.contacts.set_status_in_sequence": 4,
        "v3.contacts.set_opted_out": 1,
        "v3.contacts.set_replied": 1,
        "v3.contacts.set_bounced": 1,
        "v3.contacts.update": 7,
        "v3.sequence_contacts.set_status": 4,
        "v3.sequence_contacts.set_replied": 1,
        "v3.sequence_contacts.set_bounced": 1,
    }
    places = ["active", "paused", "outOfOffice", "finished", "active", "active replied", "active bounced"]
    places += ["active"] * 3
    said = ["", "", "", "", "opted out, ", "", "", "called, ", "toCall, ", "meetingBooked, "]
    for i, (word, place) in enumerate(zip(said, places, strict=True)):
        assert account.standing(ids[i]) == f"{word}Spring: {place}, Autumn: {place}"
        word = "" if word.startswith("opted") else word
        assert account.standing(ids[10 + i]) == f"{word}Spring: {place}, Autumn: active"


def test_rows_of_one_status_travel_together_a_hundred_at_a_time(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(250)
    account.sequence("Spring", ids)
    rows = [f"{number},Paused,{'Spring' if number % 2 else ''}" for number in ids]
    plain = run_file(tmp_path, account, "SetContactStatus", table("ContactIds,Status", *(f"{n},Finished" for n in ids)))
    assert (plain.code, plain.calls) == (0, {"v3.contacts.set_status_in_sequence": 3})
    assert account.sizes("contacts.set_status_in_sequence") == [100, 100, 50]
    everybody = table("ContactIds,Status", *(f"{n},Active" for n in reversed(ids)))
    done = run_file(tmp_path, account, "SetContactStatus", everybody, yes=True, settings={"to.batch": "30"})
    assert done.calls == GUARD | {"v3.contacts.set_status_in_sequence": 9}
    done = run_file(tmp_path, account, "SetContactStatus", table("ContactIds,Status,SequenceId", *rows))
    assert (done.code, done.rows) == (0, ["called"] * 250)
    assert account.sizes("sequence_contacts.set_status") == [100, 25]
    assert done.calls["v3.contacts.set_status_in_sequence"] == done.calls["v3.sequence_contacts.set_status"] == 2


def test_paused_already_is_looked_up_and_unchanged(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(6)
    account.sequence("Spring", ids)
    account.sequence("Autumn", ids[4:])
    text = table(
        "ContactIds,Status,SequenceId",
        *(f"{ids[i]},Paused,Spring" for i in (0, 1)),
        *(f"{ids[i]},Paused," for i in (2, 3, 4)),
    )
    assert run_file(tmp_path, account, "SetContactStatus", text).rows == ["called"] * 5
    finish = {"contactIds": ids[1:4:2], "statusInSequence": "finished"}
    account.ask("POST", "/v3/contacts/set-status-in-sequence", finish)
    done = run_file(tmp_path, account, "SetContactStatus", text)
    paused, finished = "unchanged reply.invalidStatusTransition", "rejected reply.invalidStatusTransition"
    assert done.rows == [paused, finished, paused, finished, paused]
    assert done.calls == {
        "v3.sequences.list": 1,
        "v3.contacts.set_status_in_sequence": 1,
        "v3.contacts.get_statuses": 3,
        "v3.sequence_contacts.set_status": 1,
        "v3.sequence_contacts.get": 2,
    }


def test_a_contact_with_several_statuses_gets_all_of_them(account: Account, tmp_path: Path) -> None:
    """Rows are repetitions only when they would make the same call."""
    (number,) = account.contacts(1)
    rows = [f"{number},{status}" for status in ("Called", "MeetingBooked", "OptedOut", "MeetingBooked", "OptedOut")]
    text = table("ContactIds,Status", *rows)
    done = run_file(tmp_path, account, "SetContactStatus", text)
    assert done.rows == ["called"] * 3 + ["skipped row.duplicate"] * 2
    assert done.calls == {"v3.contacts.update": 2, "v3.contacts.set_opted_out": 1}
    assert account.standing(number) == "opted out, called, meetingBooked"


def test_statuses_are_cleared_the_usual_four_or_those_named(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(14)
    spring = account.sequence("Spring", ids)
    account.sequence("Autumn", ids)
    for number in ids:
        said = {"callStatus": "called" if number % 2 else "toCall", "meetingStatus": "meetingBooked"}
        account.ask("PATCH", f"/v3/contacts/{number}", said | {"isOptedOut": True})
    account.ask("POST", "/v3/contacts/set-replied", {"contactIds": ids, "isReplied": True})
    account.ask("POST", "/v3/contacts/set-bounced", {"contactIds": ids, "isBounced": True})
    account.ask("POST", "/v3/contacts/set-status-in-sequence", {"contactIds": ids, "statusInSequence": "finished"})
    left = "finished replied bounced"
    both = f"Spring: {left}, Autumn: {left}"
    told = ["opted out, called, meetingBooked, ", "opted out, toCall, meetingBooked, "]
    # Contact, statuses named, sequence, outcome, what it said and where it stands after.
    cases: list[tuple[int, object, str, str, str]] = [
        (0, "", "", "called", both),
        (1, "", "", "called", both),
        (2, ["Called"], "", "called", "opted out, meetingBooked, " + both),
        (3, ["Called"], "", "unchanged status.other", told[1] + both),
        (4, ["ToCall"], "", "unchanged status.other", told[0] + both),
        (5, ["ToCall"], "", "called", "opted out, meetingBooked, " + both),
        (6, ["ToCall", "Called"], "", "called", "opted out, meetingBooked, " + both),
        (7, ["MeetingBooked", "Called"], "", "called", "opted out, toCall, " + both),
        (8, ["OptedOut"], "", "called", "called, meetingBooked, " + both),
        (9, ["Replied", "Bounced", "Finished"], "", "called", told[1] + "Spring: active, Autumn: active"),
        (10, ["Replied"], "Spring", "called", f"{told[0]}Spring: finished bounced, Autumn: {left}"),
        (11, ["bounced"], spring, "called", f"{told[1]}Spring: finished replied, Autumn: {left}"),
        (12, "Finished", "Spring", "called", f"{told[0]}Spring: active replied bounced, Autumn: {left}"),
        (13, ["Asleep"], "", "rejected enum.invalid", told[1] + both),
    ]
    rows = [[ids[i], statuses, sequence] for i, statuses, sequence, _, _ in cases]
    rows += [[999, ["Called"], ""], [998, "", ""]]
    send = {"policy.do_not_contact": "send"}
    text = table("ContactIds,Statuses,SequenceId", *rows)
    done = run_file(tmp_path, account, "ClearContactStatus", text, yes=True, settings=send)
    assert done.rows[:14] == [outcome for _, _, _, outcome, _ in cases]
    assert done.rows[14:] == ["rejected reply.notFound"] * 2
    for i, _, _, _, after in cases:
        assert account.standing(ids[i]) == after, f"row {i + 2}"
    assert done.calls == {
        "v3.sequences.list": 1,
        "v3.contacts.set_opted_out": 1,
        "v3.contacts.get": 6,
        "v3.contacts.update": 7,
        "v3.contacts.set_replied": 1,
        "v3.contacts.set_bounced": 1,
        "v3.contacts.set_status_in_sequence": 1,
        "v3.sequence_contacts.set_replied": 1,
        "v3.sequence_contacts.set_bounced": 1,
        "v3.sequence_contacts.set_status": 1,
    }
    split = run_file(
        tmp_path,
        account,
        "ClearContactStatus",
        table("ContactIds,Statuses", f"{ids[12]},OptedOut; Replied", f"{ids[13]},Nothing;Replied"),
        yes=True,
        more=SPLIT.format("Statuses", "ContactIds"),
        settings=send,
    )
    assert split.rows == ["called", "rejected enum.invalid"]
    assert account.standing(ids[12]) == "called, meetingBooked, Spring: active bounced, Autumn: finished bounced"


def test_notes_are_added_one_by_one_and_never_twice(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(3)
    text = table("ContactId,Notes", f"{ids[0]},One", "p1@example.com,Two", "999,Lost", f"{ids[0]},One", f"{ids[2]},")
    done = run_file(tmp_path, account, "AddNoteToContact", text)
    assert done.rows == ["called", "called", "rejected reply.contact.notFound", "called", "rejected value.required"]
    assert (done.code, done.calls) == (3, {"v3.contacts.list": 1, "v3.contacts.add_note": 4})
    assert account.notes() == {ids[0]: "One\nOne", ids[1]: "Two"}
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    done = run_file(tmp_path, account, "AddNoteToContact", table("ContactId,Notes", f"{ids[2]},A", f"{ids[1]},B"))
    assert (done.code, done.rows) == (3, ["unknown answer.lost"] * 2)
    assert done.calls == {"v3.contacts.add_note": 2}
    assert account.notes() == {ids[0]: "One\nOne", ids[1]: "Two\nB", ids[2]: "A"}
    assert done.report["rows"]["unknown"] == 2


HEADER = "ContactId,SequenceId,RemoveFromExisting,StartStepId,IgnoreStepDelay,StartFrom"


def test_contacts_are_moved_by_target_and_options(account: Account, tmp_path: Path) -> None:
    ids, mate = account.contacts(20), account.of_a_mate()
    spring, autumn = account.sequence("Spring", ids[:2]), account.sequence("Autumn", steps=2)
    account.archived("Old")
    second = account.ask("GET", f"/v3/sequences/{autumn}")["steps"][1]["id"]
    rows = [
        ("p0@example.com,Spring,,,,", "unchanged reply.contactAlreadyInSequence"),
        (f"{ids[2]},{spring},no,,,", "called"),
        (f"{ids[1]},Autumn,yes,,,", "called"),
        (f"{ids[3]},autumn,,{second},,", "called"),
        (f"{ids[4]},Autumn,,,yes,2026-12-01T10:00:00", "called"),
        *((f"{ids[i]},Old,,,,", "rejected reply.sequence.archived") for i in (5, 6, 7, 8)),
        (f"{ids[9]},999,,,,", "rejected reply.sequence.notFound"),
        ("999,Spring,,,,", "rejected reply.contactNotFound"),
        (f"{mate},Spring,,,,", "rejected reply.forbidden"),
        (f"{ids[10]},Autumn,perhaps,,,", "rejected boolean.invalid"),
        (f"{ids[10]},Autumn,,,,someday", "rejected datetime.invalid"),
        (",Spring,,,,", "rejected value.required"),
    ]
    text = table(HEADER, *(row for row, _ in rows))
    assert_asks_first(tmp_path, account, "MoveContactToSequence", text)
    done = run_file(tmp_path, account, "MoveContactToSequence", text, yes=True)
    assert done.rows == [fate for _, fate in rows]
    assert (done.code, done.calls) == (
        3,
        GUARD | {"v3.contacts.list": 1, "v3.sequences.list": 1, "v3.sequence_contacts.bulk_add": 6},
    )
    assert done.asked.count("POST /v3/sequences/505/contact-links/bulk") == 1, "refused for all of its rows at once"
    assert list(account.members(spring)) == [ids[0], ids[2]], "one moved away"
    assert list(account.members(autumn)) == [ids[1], ids[3], ids[4]]
    starts = {
        at["contactId"]: at["currentStep"]["stepId"]
        for at in account.ask("GET", f"/v3/sequences/{autumn}/contacts")["items"]
    }
    assert (starts[ids[3]], starts[ids[4]]) == (second, second - 1)
    again = run_file(tmp_path, account, "MoveContactToSequence", text, yes=True)
    assert again.rows[0:2] == again.rows[3:5] == ["unchanged reply.contactAlreadyInSequence"] * 2
    assert list(account.members(spring)) == [ids[0], ids[2]]


def test_a_lost_enrolment_is_looked_up_and_nobody_is_enrolled_twice(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(5)
    spring, autumn = account.sequence("Spring", ids[:1]), account.sequence("Autumn")
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    rows = [f"{ids[0]},Spring", f"{ids[1]},Spring", f"{ids[2]},Autumn", f"{ids[3]},Nowhere"]
    done = run_file(tmp_path, account, "MoveContactToSequence", table("ContactId,SequenceId", *rows), yes=True)
    assert done.rows == ["called", "called", "called", "rejected reference.unknown"]
    assert done.calls == GUARD | {
        "v3.sequences.list": 1,
        "v3.sequence_contacts.bulk_add": 2,
        "v3.sequence_contacts.list": 2,
    }
    assert account.changes("sequence_contacts.bulk_add") == 3
    assert (list(account.members(spring)), list(account.members(autumn))) == ([ids[0], ids[1]], [ids[2]])


def test_several_contacts_in_a_cell_are_enrolled_and_taken_out(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(8)
    spring = account.sequence("Spring")
    rows = [
        [ids[:2], "Spring"],
        [f"p2@example.com; {ids[3]}", "Spring"],
        [["p4@example.com", ids[5]], spring],
        [[ids[6], 999], "Spring"],
        [[ids[7], "x@example.com"], "Spring"],
        ["[]", "Spring"],
        [" ; ", "Spring"],
    ]
    text, more = table("ContactIds,SequenceId", *rows), SPLIT.format("ContactIds", "SequenceId")
    assert_asks_first(tmp_path, account, "AddContactsToSequence", text)
    done = run_file(tmp_path, account, "AddContactsToSequence", text, more=more + "confirm: true\n")
    empty = ["rejected reference.unknown", "rejected value.required", "rejected value.required"]
    assert done.rows == ["called"] * 3 + ["rejected reply.contactNotFound", *empty]
    assert results(tmp_path)[3][3] == f"{spring} 999", "which of the row's contacts it was"
    assert (done.code, done.calls["v3.sequence_contacts.bulk_add"]) == (3, 1)
    assert list(account.members(spring)) == ids[:7]
    # Reply counts why it left others alone: with one reason the row has it, with several it cannot be told.
    for fates in (["called"] * 3 + ["skipped reply.notFound"], ["skipped reply.notTaken"] * 4):
        done = run_file(tmp_path, account, "RemoveContactsFromSequence", text, more=more)
        assert done.rows == fates + empty
        assert (done.code, done.calls["v3.sequence_contacts.bulk_remove"]) == (3, 1)
    assert account.members(spring) == {}


def test_what_many_rows_name_together_is_refused_alone_too(account: Account, tmp_path: Path) -> None:
    """A sequence or folder that is not there is a mistake in the file, however many rows it stands in."""
    ids = account.contacts(2)
    account.sequence("Spring", ids)
    for rows in ([f"{ids[0]},999"], [f"{ids[0]},999", f"{ids[1]},999"]):
        text = table("ContactIds,SequenceId", *rows, f"{ids[0]},Spring")
        done = run_file(tmp_path, account, "RemoveContactsFromSequence", text)
        assert done.rows[:-1] == ["rejected reply.sequence.notFound"] * len(rows)
        assert done.calls["v3.sequence_contacts.bulk_remove"] == 2


def test_the_mailboxes_of_a_sequence_are_set_whole(account: Account, tmp_path: Path) -> None:
    boxes = [account.mailbox(f"m{i}@example.com") for i in range(4)]
    numbers = [account.sequence(name, [], boxes[3:]) for name in ("Spring", "Autumn", "Summer", "Winter")]
    rows = [
        ["Spring", "m0@example.com"],
        [numbers[0], boxes[1]],
        ["Autumn", ["m1@example.com", boxes[2]]],
        ["spring", boxes[2]],
        ["Summer", boxes[0]],
        ["Summer", 77],
        ["Winter", "x@example.com"],
        [999, boxes[0]],
        ["Spring", boxes[0]],
    ]
    done = run_file(
        tmp_path,
        account,
        "SetSequenceEmailAccounts",
        table("SequenceId,EmailAccountIds", *rows),
        settings={"to.batch": "1"},
    )
    refused = ["rejected reply.validation"] * 2 + ["rejected reference.unknown", "rejected reply.sequence.notFound"]
    assert done.rows == ["called"] * 4 + [*refused, "skipped row.duplicate"]
    assert done.calls == {
        "v3.sequences.list": 1,
        "v3.email_accounts.list": 1,
        "v3.sequence_email_accounts.replace": 4,
    }, "one call per sequence, whatever the size wanted: a second one would undo the first"
    kept = {boxes[3]}
    assert [account.senders(one) for one in numbers] == [set(boxes[:3]), set(boxes[1:3]), kept, kept]


def test_sequences_are_put_into_folders_and_taken_out(account: Account, tmp_path: Path) -> None:
    numbers = [account.sequence(f"S{i}") for i in range(5)]
    old, new = (account.named("/v3/sequence-folders", name) for name in ("Old", "New"))
    missing = "3f2c1a90-0000-4000-8000-000000000001"
    rows = [
        ["Old", "S0"],
        [old, numbers[1:3]],
        [new.upper(), f"S3;{numbers[4]}"],
        ["New", 999],
        ["Nowhere", "S0"],
        [missing, "S0"],
        ["Old", ""],
    ]
    text, more = table("FolderId,SequenceIds", *rows), SPLIT.format("SequenceIds", "FolderId")
    wrong = ["rejected reference.unknown", "rejected reply.sequenceFolder.notFound", "rejected value.required"]

    def inside(folder: str) -> list[str]:
        return [one["name"] for one in account.ask("GET", f"/v3/sequence-folders/{folder}/sequences")["items"]]

    done = run_file(tmp_path, account, "BulkAssignSequencesToFolder", text, more=more)
    assert done.rows == ["called"] * 3 + ["rejected reply.notFound", *wrong]
    assert (done.code, done.calls["v3.sequences_in_folder.bulk_assign"]) == (3, 3)
    assert (inside(old), inside(new)) == (["S0", "S1", "S2"], ["S3", "S4"])
    done = run_file(tmp_path, account, "BulkUnassignSequencesToFolder", text, more=more)
    assert done.rows == ["called"] * 3 + ["skipped reply.notFound", *wrong]
    assert (done.code, done.calls["v3.sequences_in_folder.bulk_unassign"]) == (3, 3)
    assert inside(old) == inside(new) == []


def test_sequence_templates_are_deleted_one_by_one_when_asked(account: Account, tmp_path: Path) -> None:
    spring = account.sequence("Spring")
    save = f"/v3/sequences/{spring}/save-as-template"
    ids = [account.ask("POST", save, {"name": name})["id"] for name in ("T0", "T1", "Twin", "Twin", "Kept")]
    missing = "5d5d1a90-0000-4000-8000-000000000002"
    text = table("TemplateId", "T0", ids[1], "Twin", missing, "None", "x y", ids[1].upper())
    assert_asks_first(tmp_path, account, "DeleteSequenceTemplate", text)
    done = run_file(tmp_path, account, "DeleteSequenceTemplate", text, yes=True)
    gone, wrong = "skipped reply.notFound", ["rejected reference.unknown"] * 2
    assert done.rows == ["called", "called", "rejected reference.ambiguous", gone, *wrong, gone]
    assert done.calls == {"v3.sequence_templates.list": 1, "v3.sequence_templates.delete": 4}
    assert [one["name"] for one in account.ask("GET", "/v3/sequence-templates")["team"]] == ["Twin", "Twin", "Kept"]


@pytest.mark.parametrize(
    ("procedure", "leaves"), [("AddContactsToContactList", False), ("MoveContactsToContactList", True)]
)
def test_contacts_are_put_on_lists(account: Account, tmp_path: Path, procedure: str, leaves: bool) -> None:
    ids = account.contacts(6)
    fair, web = (account.named("/v3/contact-lists", name) for name in ("Fair", "Web"))
    account.ask("POST", f"/v3/contact-lists/{fair}/add-contacts", {"contactIds": ids[:3]})
    rows = [
        ["Web", "p0@example.com"],
        [web, [ids[1], ids[3]]],
        ["web", f"p4@example.com;{ids[5]}"],
        ["Web", 999],
        ["None", ids[0]],
        [999, ids[0]],
        ["", ids[0]],
    ]
    more = SPLIT.format("ContactIds", "ListId")
    operation = "move_contacts" if leaves else "add_contacts"
    before = account.changes(f"contact_lists.{operation}")
    for _ in range(2):
        done = run_file(tmp_path, account, procedure, table("ListId,ContactIds", *rows), more=more)
        refused = ["contactNotProcessed", "contactList.notFound"]
        assert done.rows == [
            *["called"] * 3,
            f"rejected reply.{refused[0]}",
            "rejected reference.unknown",
            f"rejected reply.{refused[1]}",
            "rejected value.required",
        ]
        assert (done.code, done.calls[f"v3.contact_lists.{operation}"]) == (3, 2)
        assert account.changes(f"contact_lists.{operation}") - before == 5, "a second run changes nothing"
    both = ["Web"] if leaves else ["Fair", "Web"]
    assert account.lists() == {ids[0]: both, ids[1]: both, ids[2]: ["Fair"]} | {number: ["Web"] for number in ids[3:]}


def test_lists_a_job_may_create_are_created_once_in_any_spelling(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(4)
    text = table("ListId,ContactIds", f"New,{ids[0]}", f"new,{ids[1]}", "Other,p2@example.com", "Other,x@example.com")
    fates = ["called"] * 3 + ["rejected reference.unknown"]
    for _ in range(2):
        done = run_file(tmp_path, account, "AddContactsToContactList", text, more="create_missing: [contact_lists]\n")
        assert done.rows == fates
    assert account.server.ask("state")["lists"] == {"New": 2, "Other": 1}
    assert account.changes("contact_lists.add_contacts") == 3


def test_tasks_are_given_to_others_by_name(account: Account, tmp_path: Path) -> None:
    (person,) = account.contacts(1)
    ids = [account.task("call", person) for _ in range(6)]
    rows = [
        f"{ids[0]},member@example.com",
        f"{ids[1]},Member Two",
        f"{ids[2]},12",
        f"{ids[3]},11",
        "999,12",
        f"{ids[4]},77",
        f"{ids[5]},Nobody",
        "x,12",
    ]
    done = run_file(tmp_path, account, "ReassignTask", table("TaskId,UserId", *rows))
    refused = ["reply.notFound", "reply.400", "reference.unknown", "id.invalid"]
    assert done.rows == ["called"] * 4 + [f"rejected {code}" for code in refused]
    assert done.calls == {"v3.users.list_team_users": 1, "v3.tasks.bulk_reassign": 3}
    given = {one["id"]: one["assignedUserId"] for one in account.ask("GET", "/v3/tasks?top=100")["items"]}
    assert [given[one] for one in ids] == [12, 12, 12, 11, 11, 11]


def test_tasks_are_completed_together_unless_they_say_how(account: Account, tmp_path: Path) -> None:
    (person,) = account.contacts(1)
    calls, todos = [account.task("call", person) for _ in range(5)], [account.task("toDo", person) for _ in range(2)]
    rows = [
        (f"{calls[0]},,", "called"),
        (f"{todos[0]},,", "called"),
        ("999,,", "rejected reply.notFound"),
        (f"{calls[1]},positive,", "called"),
        (f"{calls[2]},1,yes", "called"),
        (f"{calls[3]},,no", "called"),
        (f"{todos[1]},Positive,", "rejected reply.400"),
        ("998,,yes", "rejected reply.task.notFound"),
        (f"{calls[4]},Maybe,", "rejected enum.invalid"),
        (f"{calls[0]},,", "skipped row.duplicate"),
    ]
    text = table("TaskId,CallResolution,FinishProspectInSequence", *(row for row, _ in rows))
    done = run_file(tmp_path, account, "CompleteTask", text)
    assert done.rows == [fate for _, fate in rows]
    assert done.calls == {"v3.tasks.bulk_complete": 1, "v3.tasks.complete": 5}
    assert account.sizes("tasks.bulk_complete") == [2]
    finished = dict.fromkeys([*calls[:4], todos[0]], "finished")
    assert account.tasks() == finished | {calls[4]: "new", todos[1]: "new"}
    again = run_file(tmp_path, account, "CompleteTask", text)
    done_already = [fate.replace("called", "unchanged") for _, fate in rows]
    assert [fate.split()[0] for fate in again.rows] == [fate.split()[0] for fate in done_already]
    assert again.calls == done.calls | {"v3.tasks.get": 5}, "their state is read before they count as done"


def test_a_lost_completion_is_tried_again_and_found_done(account: Account, tmp_path: Path) -> None:
    (person,) = account.contacts(1)
    ids = [account.task("call", person) for _ in range(12)]
    account.server.change("faults", {"lost_answer": 0.4})
    rows = [f"{number},{'positive' if number % 3 else ''}" for number in ids]
    done = run_file(tmp_path, account, "CompleteTask", table("TaskId,CallResolution", *rows))
    account.server.change("faults", {})
    given_up = "unknown answer.lost"  # four answers in a row may be lost
    told = {"called", "unchanged reply.task.cannotComplete", "unchanged reply.cannotComplete"}
    assert set(done.rows) & told and set(done.rows) <= told | {given_up}
    assert set(account.tasks().values()) == {"finished"}
    assert account.changes("tasks.complete") + account.changes("tasks.bulk_complete") == 12


def test_tasks_are_executed_once_each_and_never_again_in_doubt(account: Account, tmp_path: Path) -> None:
    ids, box = account.contacts(6), account.mailbox("me@example.com")
    mails, todo = [account.task("manualEmail", number) for number in ids], account.task("toDo", ids[0])
    rows = [
        (f"{mails[0]},,,", "called"),
        (f"{mails[1]},<b>Hi</b>,Other,me@example.com", "called"),
        (f"{mails[2]},Only a body,,{box}", "called"),
        (f"{todo},,,", "rejected reply.task.invalidInput"),
        ("999,,,", "rejected reply.task.notFound"),
        (f"{mails[3]},,,77", "rejected reply.400"),
        (f"{mails[3]},,,x@example.com", "rejected reference.unknown"),
    ]
    text = table("TaskId,ContentBody,ContentSubject,EmailAccountId", *(row for row, _ in rows))
    assert_asks_first(tmp_path, account, "ExecuteAndCompleteTask", text)
    done = run_file(tmp_path, account, "ExecuteAndCompleteTask", text, yes=True)
    assert done.rows == [fate for _, fate in rows]
    assert done.calls == {"v3.email_accounts.list": 1, "v3.tasks.execute": 6}
    sent = [account.ask("GET", f"/v3/tasks/{one}?includeContent=true")["content"] for one in mails[:3]]
    assert [(one["body"], one["subject"]) for one in sent] == [("B", "S"), ("<b>Hi</b>", "Other"), ("Only a body", "S")]
    answers = (next(tmp_path.glob("bulkreply-runs/it/*/answers.ndjson"))).read_text("utf-8").splitlines()
    assert sorted((line["rows"], line["answer"]["id"]) for line in map(json.loads, answers)) == [
        ([2], mails[0]),
        ([3], mails[1]),
        ([4], mails[2]),
    ]
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    lost = run_file(tmp_path, account, "ExecuteAndCompleteTask", table("TaskId", *mails[4:], 999), yes=True)
    assert (lost.code, lost.rows) == (3, ["unknown answer.lost"] * 3)
    assert lost.calls == {"v3.tasks.execute": 3}
    assert account.changes("tasks.execute") == 5


def test_the_blacklist_of_the_older_api(account: Account, tmp_path: Path) -> None:
    rows = ["one.example,,", ",a@two.example,", "three.example,b@four.example,", "one.example,,"]
    rows += ["no domain,,", ",no mail,", ",,neither"]
    text = table("Domain,Email,Note", *rows)
    done = run_file(tmp_path, account, "AddToBlacklist", text)
    wrong = ["rejected reply.400", "rejected email.invalid", "rejected procedure.case"]
    assert done.rows == ["called"] * 4 + wrong
    assert done.calls == {"v1.blacklist.add_domain": 4, "v1.blacklist.add_email": 2}
    assert account.blacklist() == ["a@two.example", "b@four.example", "one.example", "three.example"]
    only = run_file(tmp_path, account, "AddToBlacklist", table("Email", "c@five.example", "x", "d@five.example"))
    assert only.rows == ["called", "rejected email.invalid", "called"]
    assert_asks_first(tmp_path, account, "RemoveFromBlacklist", text)
    done = run_file(tmp_path, account, "RemoveFromBlacklist", text, yes=True)
    assert done.rows[1:3] + done.rows[4:] == ["called", "called", *wrong]
    assert sorted((done.rows[0], done.rows[3])) == ["called", "skipped reply.notFound"], "only one of them finds it"
    assert done.calls == {"v1.blacklist.delete_domain": 4, "v1.blacklist.delete_email": 2}
    assert account.blacklist() == ["c@five.example", "d@five.example"]


def test_people_are_pushed_to_a_campaign_many_at_a_time(account: Account, tmp_path: Path) -> None:
    ids, mate = account.contacts(10), account.of_a_mate()
    account.sequence("Spring", ids[:1])
    autumn = account.sequence("Autumn")
    account.archived("Old")
    account.ask("POST", "/v3/contacts/set-opted-out", {"contactIds": [ids[1]], "isOptedOut": True})
    rows = [
        ([ids[2], "Autumn", ""], "called"),
        ([[ids[3], "p4@example.com"], autumn, "no"], "called"),
        ([ids[0], "Autumn", ""], "rejected reply.notTaken"),
        ([ids[1], "Autumn", ""], "skipped person.optedOut"),
        ([mate, "Autumn", ""], "rejected reply.notTaken"),
        ([ids[0], "Autumn", "yes"], "called"),
        ([ids[5], "Old", ""], "rejected reply.400"),
        ([ids[6], "Old", ""], "rejected reply.400"),
        ([ids[7], "Nowhere", ""], "rejected reference.unknown"),
    ]
    text = table("ContactIds,SequenceId,OverwriteExisting", *(row for row, _ in rows))
    assert_asks_first(tmp_path, account, "PushContactsToCampaign", text)
    done = run_file(tmp_path, account, "PushContactsToCampaign", text, yes=True)
    assert done.rows == [fate for _, fate in rows]
    assert list(account.members(autumn)) == [ids[0], *ids[2:5]]
    account.server.change("switches", {"v3.lost_answer": "drop_after_commit"})
    more = table("ContactIds,SequenceId", f"{ids[8]},Autumn", f"{ids[9]},Autumn", "999,Autumn")
    lost = run_file(tmp_path, account, "PushContactsToCampaign", more, yes=True)
    assert (lost.code, lost.rows) == (3, ["unknown answer.lost"] * 3)
    assert lost.calls["v1.campaign_people.bulk_push"] == 1, "it is not sent again: people might get mail twice"
    assert list(account.members(autumn)) == [ids[0], *ids[2:5], *ids[8:]]


def test_from_the_shell_a_job_asks_and_goes_when_told(account: Account, bulkreply: Bulkreply) -> None:
    (person,), sender = account.contacts(1), account.mailbox("me@example.com")
    account.sequence("Spring", [person], [sender])
    job = str(write_job(bulkreply.folder, "StartSequence", table("SequenceId", "Spring", "Nowhere", "Spring")))
    where = ("--base-url", account.server.url, "--limits", "none")
    done = bulkreply("run", job, *where)
    words = "error: call StartSequence needs --yes, or `confirm: true` in the job, when nobody can be asked"
    assert (done.code, words in done.err, account.sequences()) == (2, True, {"Spring": "new"}), done.err
    done = bulkreply("run", job, "--yes", "--json", *where)
    assert (done.code, account.sequences()) == (3, {"Spring": "active"})
    assert {word: rows for word, rows in done.json["rows"].items() if rows} == {
        "read": 3,
        "called": 1,
        "rejected": 1,
        "skipped": 1,
    }


def test_twenty_thousand_rows_make_two_hundred_calls(
    sandbox: Callable[..., SandboxProcess], bulkreply: Bulkreply
) -> None:
    account = Account(sandbox("--limits", "none", "--seed-contacts", "20000"))
    rows = (f"{1001 + i},Replied" for i in range(20_000))
    job = str(write_job(bulkreply.folder, "SetContactStatus", table("ContactIds,Status", *rows)))
    done = bulkreply("run", job, "--base-url", account.server.url, "--limits", "none", "--json")
    assert (done.code, done.json["rows"]["called"]) == (0, 20_000)
    assert done.json["requests"]["by_operation"] == {"v3.users.whoami": 1, "v3.contacts.set_replied": 200}
    assert account.sizes("contacts.set_replied") == [100] * 200


def test_a_killed_run_notes_nothing_twice(sandbox: Callable[..., SandboxProcess], bulkreply: Bulkreply) -> None:
    """What was under way when the process died may or may not have been done: it is left to people to look."""
    account = Account(sandbox("--limits", "none", "--latency-ms", "30", "60"))
    ids = account.contacts(60)
    job = str(write_job(bulkreply.folder, "AddNoteToContact", table("ContactId,Notes", *(f"{n},Once" for n in ids))))
    where = ("--base-url", account.server.url, "--limits", "none", "--parallel", "4")
    process, deadline_s = bulkreply.start("run", job, *where), time.monotonic() + 30
    while len(account.notes()) < 20:
        assert time.monotonic() < deadline_s and process.poll() is None, "it never came to that"
    process.kill()
    process.wait()
    done = bulkreply("resume", *where)
    fates = Counter(outcome for outcome, *_ in results(bulkreply.folder))
    assert (done.code, fates.total(), set(fates)) == (3, 60, {"called", "unknown"}), done.err
    assert 1 <= fates["unknown"] <= 4, "no more than were under way"
    assert set(account.notes().values()) == {"Once"}
    assert len(account.notes()) >= fates["called"]


WRONG = [
    ("SetContactStat", "", "there is no procedure 'SetContactStat' (did you mean 'SetContactStatus'?)"),
    ("SetContactStatus", "map: {Status: Status}", "ContactIds must be mapped to call SetContactStatus"),
    ("SetContactStatus", "map: {ContactIds: ContactIds, Status: State}", "the file has no column 'State'"),
    ("SetContactStatus", "map: {ContactIds: ContactIds, Statuses: Status}", "no parameter 'Statuses'"),
    ("AddToBlacklist", "", "Domain or Email must be mapped to call AddToBlacklist"),
    ("contact_lists.shares", "", "contact_lists has no operation 'shares' in v3 (did you mean 'share'?)"),
]


@pytest.mark.parametrize(("procedure", "more", "words"), WRONG)
def test_a_job_that_cannot_be_is_refused_in_a_line(
    account: Account, tmp_path: Path, procedure: str, more: str, words: str
) -> None:
    done = run_file(tmp_path, account, procedure, table("ContactIds,Status", "1,Active"), more=more)
    assert (done.code, done.said.count(words)) == (2, 1), done.said
    assert account.server.ask("events") == []
