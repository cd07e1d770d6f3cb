"""Where a contact stands: what it said, its sequences, its notes, its owner (v3-contacts.md 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import put
from bulkreply.sandbox.enrolling import (
    OF_A_MATE,
    ONLY_ACTIVE,
    STATUSES,
    disposition,
    enrol,
    membership_of,
    put_mark,
    put_status,
    steps_of,
)
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v3.bodies import NEEDED, Body, spelled
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.views import v3_contact
from bulkreply.sandbox.vocabulary import ENUMS

MOST = 100
_MOVE_KEYS = ("sequenceId", "removeFromExisting", "startStepId", "ignoreStepDelay", "startFrom")
Change = Callable[[Contact], str]


def _found(asking: Asking) -> Contact:
    contact = asking.workspace.contacts.get(asking.id())
    if contact is None:
        raise asking.not_found("contact.notFound", "contact")
    return contact


# -- reads


def get_statuses(asking: Asking) -> Answer:
    """GET statuses: what the contact said, and its status in each sequence."""
    contact = _found(asking)
    said = {
        name: spelled(asking, contact.fields.get(name) or ENUMS[name][0]) for name in ("callStatus", "meetingStatus")
    }
    sequences = [
        {
            "sequenceId": one["sequenceId"],
            "sequenceName": one["sequenceName"],
            "statusInSequence": spelled(asking, one["status"]),
            "emailDisposition": disposition(one),
        }
        for one in (contact.sequences or {}).values()
    ]
    opted_out = bool(contact.fields.get("isOptedOut"))
    return json_answer(200, {"contactId": contact.id, "isOptedOut": opted_out} | said | {"sequences": sequences})


def list_sequences(asking: Asking) -> Answer:
    """GET sequences: as they stand in the contact."""
    return json_answer(200, v3_contact(asking.workspace, _found(asking), asking.switches)["sequences"])


def list_lists(asking: Asking) -> Answer:
    """GET lists: shared ones, unless told otherwise."""
    workspace, contact = asking.workspace, _found(asking)
    shown = asking.switches["v3.private_lists_in_contact"] == "shown"
    lists = [workspace.lists[number] for number in contact.lists]
    return json_answer(
        200, [{"id": one.id, "name": one.name, "isShared": one.shared} for one in lists if one.shared or shown]
    )


def list_activities(asking: Asking) -> Answer:
    """GET activities, newest first. What they hold is unknown; these say when the contact was enrolled and wrote."""
    contact = _found(asking)
    top, skip = asking.page(25, 1000)
    every = sorted(_activities(asking, contact), key=lambda one: str(one["date"]), reverse=True)
    return json_answer(200, {"items": every[skip : skip + top], "hasMore": skip + top < len(every)})


def _activities(asking: Asking, contact: Contact) -> Iterator[dict[str, Any]]:
    for one in (contact.sequences or {}).values():
        yield {"type": "addedToSequence", "date": one["addingDate"], "sequenceId": one["sequenceId"]}
    for thread in asking.workspace.shelf("inbox_threads").where(contactId=contact.id):
        for message in thread["messages"]:
            word = "messageSent" if message["isOutbound"] else "messageReceived"
            yield {"type": word, "date": message["date"], "threadId": thread["id"]}
    for task in asking.workspace.shelf("tasks").where(contactId=contact.id, status="finished"):
        yield {"type": "taskFinished", "date": task["finishedAt"], "taskId": task["id"]}


# -- one contact


def add_note(asking: Asking) -> Answer:
    """POST notes: added to those there are (guess)."""
    contact, body = _found(asking), Body(asking, asking.mapping())
    body.known("contacts.add_note", ("notes",))
    text = body.text("notes", needed=True)
    body.refuse()
    before = contact.fields.get("notes")
    effect = put(asking, contact, {"notes": f"{before}\n{text}" if before else text}, {})
    asking.note("contacts.add_note", [contact.id], [effect])
    return json_answer(200, {"id": contact.id, "notes": contact.fields["notes"]})


def move_to_sequence(asking: Asking) -> Answer:
    """POST move-to-sequence: at its first step unless told otherwise; out of the others only when told so."""
    contact, body = _found(asking), Body(asking, asking.mapping())
    sequence, step = _destination(asking, body)
    removes, ignores = body.flag("removeFromExisting"), body.flag("ignoreStepDelay")
    if contact.owner != asking.user:
        raise Refused(problem(asking.switches, 403, "Forbidden", OF_A_MATE, code="contact.forbidden"))
    if not removes and membership_of(contact, sequence["id"]) is not None:
        raise _refused(
            asking, "Already there", "The contact is in this sequence.", "sequenceContact.contactAlreadyInSequence"
        )
    if removes:
        contact.sequences = None
    enrol(asking, contact, sequence, step, startFrom=body.text("startFrom"), ignoreStepDelay=ignores)
    asking.note("contacts.move_to_sequence", [contact.id], [Effect.UPDATED])
    return empty(200)


def _destination(asking: Asking, body: Body) -> tuple[Record, Record]:
    """The sequence, and the step to begin with.

    Raises:
        Refused: There is no such place, or it takes nobody.
    """
    body.known("contacts.move_to_sequence", _MOVE_KEYS)
    number = body.whole("sequenceId", 1, 2**31 - 1, needed=True)
    wanted = body.whole("startStepId", 1, 2**31 - 1)
    body.flag("removeFromExisting")
    body.flag("ignoreStepDelay")
    if not _is_time(body.text("startFrom")):
        body.wrong("startFrom", "Not a time.")
    body.refuse()
    sequence = asking.workspace.shelf("sequences").get(number or 0)
    if sequence is None:
        raise asking.not_found("sequence.notFound", "sequence")
    steps = steps_of(asking.workspace, sequence["id"])
    if sequence["isArchived"]:
        raise _refused(asking, "Archived", "The sequence is archived.", "sequence.archived")
    if not steps:
        raise _refused(asking, "No steps", "The sequence has no steps.", "sequenceContact.noStepsInSequence")
    if wanted is not None and wanted not in [one["id"] for one in steps]:
        body.wrong("startStepId", "No such step in this sequence.")
    body.refuse()
    return sequence, next((one for one in steps if one["id"] == wanted), steps[0])


def _refused(asking: Asking, title: str, detail: str, code: str) -> Refused:
    return Refused(problem(asking.switches, 400, title, detail, code=code))


def _is_time(text: str | None) -> bool:
    try:
        return text is None or bool(datetime.fromisoformat(text))
    except ValueError:
        return False


# -- many contacts


def set_owner(asking: Asking) -> Answer:
    """PUT owner: whose owner is changed; contacts of others stay as they are."""
    ids, body = asking.ids("contactIds"), Body(asking, asking.mapping())
    body.known("contacts.set_owner", ("contactIds", "userId", "reassignTasks"))
    user, with_tasks = body.whole("userId", 1, 2**31 - 1, needed=True), body.flag("reassignTasks")
    body.refuse()
    if user not in USERS:
        raise asking.not_found("user.notFound", "user")
    known = (asking.workspace.contacts.get(number) for number in dict.fromkeys(ids))
    affected = [contact for contact in known if contact is not None and asking.user in (contact.owner, user)]
    for contact in affected:
        if with_tasks:
            for task in asking.workspace.shelf("tasks").where(contactId=contact.id, assignedUserId=contact.owner):
                task["assignedUserId"] = user
        hand_over(asking, contact, user)
    numbers = [contact.id for contact in affected]
    asking.note("contacts.set_owner", numbers, [Effect.UPDATED] * len(numbers))
    return json_answer(200, {"isSuccess": True, "affectedIds": numbers})


def hand_over(asking: Asking, contact: Contact, user: int) -> None:
    """Gives a contact to another user of the team."""
    contact.owner = user
    contact.updated_n += 1
    contact.modified_s = asking.now_s


def set_opted_out(asking: Asking) -> Answer:
    """POST set-opted-out; already so is a success."""
    body = Body(asking, asking.mapping())
    body.known("contacts.set_opted_out", ("contactIds", "isOptedOut"))
    value = _needed_flag(body, "isOptedOut")
    body.refuse()

    def change(contact: Contact) -> str:
        put(asking, contact, {"isOptedOut": value or None}, {})
        return ""

    return _each(asking, "set_opted_out", change)


def set_replied(asking: Asking) -> Answer:
    """POST set-replied, in all sequences."""
    body = Body(asking, asking.mapping())
    body.known("contacts.set_replied", ("contactIds", "isReplied"))
    value = _needed_flag(body, "isReplied")
    body.refuse()
    return _each(asking, "set_replied", lambda contact: _mark(contact, "replied", value))


def set_bounced(asking: Asking) -> Answer:
    """POST set-bounced: `resendEmails` is needed to clear, and refused to set."""
    body = Body(asking, asking.mapping())
    body.known("contacts.set_bounced", ("contactIds", "isBounced", "resendEmails"))
    value = _needed_flag(body, "isBounced")
    body.flag("resendEmails")
    if value and "resendEmails" in body:
        body.wrong("resendEmails", "No value is allowed.")
    elif not value and "resendEmails" not in body:
        body.wrong("resendEmails", NEEDED)
    body.refuse()
    return _each(asking, "set_bounced", lambda contact: _mark(contact, "bounced", value))


def _mark(contact: Contact, name: str, value: bool) -> str:
    return next(filter(None, [put_mark(one, name, value) for one in (contact.sequences or {}).values()]), "")


def set_status_in_sequence(asking: Asking) -> Answer:
    """POST set-status-in-sequence, in all sequences: where it can be changed it is, any that cannot is told."""
    body = Body(asking, asking.mapping())
    body.known("contacts.set_status_in_sequence", ("contactIds", "statusInSequence"))
    wanted = str(body.word("statusInSequence", STATUSES, needed=True))
    body.refuse()

    def change(contact: Contact) -> str:
        if not contact.sequences:
            return "sequenceNotFound"
        return next(filter(None, [put_status(asking, one, wanted) for one in contact.sequences.values()]), "")

    return _each(asking, "set_status_in_sequence", change)


def _needed_flag(body: Body, name: str) -> bool:
    if name not in body:
        body.wrong(name, NEEDED)
    return body.flag(name)


def _each(asking: Asking, operation: str, change: Change) -> Answer:
    """Changes each contact the body names; failures by id."""
    failed, changed = {}, []
    for number in dict.fromkeys(asking.ids("contactIds", MOST)):
        contact = asking.workspace.contacts.get(number)
        if contact is None:
            error = "notFound" if number > 0 else "invalidInput"
        elif contact.owner != asking.user:
            error = "forbidden"
        else:
            error = change(contact)
        if error:
            details = {"forbidden": OF_A_MATE, "invalidStatusTransition": ONLY_ACTIVE}.get(error)
            failed[str(number)] = item_error(asking.switches, "contacts", error, number, details)
        else:
            changed.append(number)
    asking.note(f"contacts.{operation}", changed, [Effect.UPDATED] * len(changed))
    return json_answer(200, failed)


ROUTES = {
    "v3.contacts.get_statuses": get_statuses,
    "v3.contacts.list_sequences": list_sequences,
    "v3.contacts.list_activities": list_activities,
    "v3.contacts.list_lists": list_lists,
    "v3.contacts.add_note": add_note,
    "v3.contacts.move_to_sequence": move_to_sequence,
    "v3.contacts.set_owner": set_owner,
    "v3.contacts.set_opted_out": set_opted_out,
    "v3.contacts.set_replied": set_replied,
    "v3.contacts.set_bounced": set_bounced,
    "v3.contacts.set_status_in_sequence": set_status_in_sequence,
}
