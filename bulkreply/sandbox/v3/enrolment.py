"""Into a sequence, out of it, and what is noted of those in it (v3-sequences-steps.md 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import (
    OF_A_MATE,
    ONLY_ACTIVE,
    STATUSES,
    Membership,
    enrol,
    membership_of,
    put_mark,
    put_status,
    steps_of,
    withdraw,
)
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v3.bodies import NEEDED, Body
from bulkreply.sandbox.v3.members import member_named, sequence_named

MOST_ADDED, MOST_MARKED = 10_000, 100
_ADD_KEYS = ("contactIds", "removeFromExisting", "startStepId", "ignoreStepDelay", "startFrom")


def add_members(asking: Asking) -> Answer:
    """POST contact-links/bulk: what was added, and why the others were not."""
    sequence, content, workspace = sequence_named(asking), asking.mapping(), asking.workspace
    ids = list(dict.fromkeys(asking.ids("contactIds", MOST_ADDED)))
    step, moves = _first_step(asking, sequence, content), bool(content.get("removeFromExisting"))
    wishes = {name: content.get(name) for name in ("startFrom", "ignoreStepDelay")}
    room = _room(asking)
    added, failed = [], {}
    for number in ids:
        contact = workspace.contacts.get(number)
        error = _trouble(asking, number, contact)
        if contact is None or error:
            failed[str(number)] = _item(asking, error, number)
        elif not moves and membership_of(contact, sequence["id"]) is not None:
            failed[str(number)] = _item(asking, "contactAlreadyInSequence", number)
        elif not contact.sequences and room == 0:
            failed[str(number)] = _item(asking, "contactLimitExceeded", number)
        else:
            room -= not contact.sequences
            contact.sequences = None if moves else contact.sequences
            enrol(asking, contact, sequence, step, **wishes)
            added.append(number)
    asking.note("sequence_contacts.bulk_add", added, [Effect.CREATED] * len(added))
    return json_answer(200, {"added": added, "notProcessed": failed})


def _room(asking: Asking) -> int:
    """How many more the plan allows; what it counts is unknown, here everybody who is in any sequence."""
    cap = asking.switches.number("v3.plan_contacts")
    if cap is None:
        return len(asking.workspace.contacts) + 1
    enrolled = sum(bool(contact.sequences) for contact in asking.workspace.contacts.values())
    return max(0, cap - enrolled)


def _first_step(asking: Asking, sequence: Record, content: dict[str, Any]) -> Record:
    """The step newcomers begin with.

    Raises:
        Refused: The sequence takes nobody, or the body does not say how.
    """
    body, steps = Body(asking, content), steps_of(asking.workspace, sequence["id"])
    body.known("sequence_contacts.bulk_add", _ADD_KEYS)
    body.flag("removeFromExisting")
    body.flag("ignoreStepDelay")
    wanted, start = body.whole("startStepId", 1, 2**31 - 1), body.text("startFrom")
    if wanted is not None and wanted not in [one["id"] for one in steps]:
        body.wrong("startStepId", "No such step in this sequence.")
    if start is not None and not _is_time(start):
        body.wrong("startFrom", "Not a time.")
    body.refuse()
    if sequence["isArchived"]:
        raise Refused(problem(asking.switches, 400, "Archived", "The sequence is archived.", code="sequence.archived"))
    if not steps:
        code = "sequenceContact.noStepsInSequence"
        raise Refused(problem(asking.switches, 400, "No steps", "The sequence has no steps.", code=code))
    return next((one for one in steps if one["id"] == wanted), steps[0])


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _trouble(asking: Asking, number: int, contact: Contact | None) -> str:
    """Why a contact cannot be written to, "" when it can."""
    if number < 1:
        return "invalidInput"
    if contact is None:
        return "contactNotFound"
    return "forbidden" if contact.owner != asking.user else ""


def _item(asking: Asking, error: str, number: int) -> dict[str, Any]:
    details = {"forbidden": OF_A_MATE, "invalidStatusTransition": ONLY_ACTIVE}.get(error)
    return item_error(asking.switches, "sequence_contacts", error, number, details)


def remove_member(asking: Asking) -> Answer:
    """DELETE one contact-link."""
    contact, membership = member_named(asking)
    withdraw(contact, membership["sequenceId"])
    asking.note("sequence_contacts.remove", [contact.id], [Effect.DELETED])
    return empty(204)


def remove_members(asking: Asking) -> Answer:
    """POST contact-links/bulk-delete: counts, and the ids removed."""
    sequence, contacts = sequence_named(asking), asking.workspace.contacts
    body, ids = Body(asking, asking.mapping()), asking.ids("contactIds")
    body.known("sequence_contacts.bulk_remove", ("contactIds",))
    if len(set(ids)) < len(ids):
        body.wrong("contactIds", "An id stands there twice.")
    body.refuse()
    known = [contacts[number] for number in ids if number in contacts]
    removed = [contact.id for contact in known if withdraw(contact, sequence["id"])]
    asking.note("sequence_contacts.bulk_remove", removed, [Effect.DELETED] * len(removed))
    counts = {
        "requested": len(ids),
        "removed": len(removed),
        "notFound": len(ids) - len(known),
        "notInSequence": len(known) - len(removed),
    }
    return json_answer(200, counts | {"removedIds": removed})


def set_status(asking: Asking) -> Answer:
    """POST set-status-in-sequence."""
    body = Body(asking, asking.mapping())
    body.known("sequence_contacts.set_status", ("contactIds", "statusInSequence"))
    wanted = body.word("statusInSequence", STATUSES, needed=True)
    body.refuse()
    return _each(asking, "set_status", lambda membership: put_status(asking, membership, str(wanted)))


def set_replied(asking: Asking) -> Answer:
    """POST set-replied."""
    body = Body(asking, asking.mapping())
    body.known("sequence_contacts.set_replied", ("contactIds", "isReplied"))
    value = _needed_flag(body, "isReplied")
    body.refuse()
    return _each(asking, "set_replied", lambda membership: put_mark(membership, "replied", value))


def set_bounced(asking: Asking) -> Answer:
    """POST set-bounced: `resendEmails` is needed to clear, and refused to set."""
    body = Body(asking, asking.mapping())
    body.known("sequence_contacts.set_bounced", ("contactIds", "isBounced", "resendEmails"))
    value = _needed_flag(body, "isBounced")
    body.flag("resendEmails")
    if value and "resendEmails" in body:
        body.wrong("resendEmails", "No value is allowed.")
    elif not value and "resendEmails" not in body:
        body.wrong("resendEmails", NEEDED)
    body.refuse()
    return _each(asking, "set_bounced", lambda membership: put_mark(membership, "bounced", value))


def _needed_flag(body: Body, name: str) -> bool:
    if name not in body:
        body.wrong(name, NEEDED)
    return body.flag(name)


def _each(asking: Asking, operation: str, change: Callable[[Membership], str]) -> Answer:
    """Changes the membership of each contact the body names; failures by id."""
    sequence = sequence_named(asking)
    failed, changed = {}, []
    for number in dict.fromkeys(asking.ids("contactIds", MOST_MARKED)):
        contact = asking.workspace.contacts.get(number)
        error = _trouble(asking, number, contact)
        membership = membership_of(contact, sequence["id"]) if contact is not None else None
        if not error and membership is None:
            error = "notInSequence"
        if not error and sequence["isArchived"]:
            error = "sequenceArchived"
        if not error and membership is not None:
            error = change(membership)
        if error:
            failed[str(number)] = _item(asking, error, number)
        else:
            changed.append(number)
    asking.note(f"sequence_contacts.{operation}", changed, [Effect.UPDATED] * len(changed))
    return json_answer(200, failed)


ROUTES = {
    "v3.sequence_contacts.bulk_add": add_members,
    "v3.sequence_contacts.remove": remove_member,
    "v3.sequence_contacts.bulk_remove": remove_members,
    "v3.sequence_contacts.set_status": set_status,
    "v3.sequence_contacts.set_replied": set_replied,
    "v3.sequence_contacts.set_bounced": set_bounced,
}
