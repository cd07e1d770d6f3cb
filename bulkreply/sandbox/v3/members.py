"""Who is in a sequence: the reads of `/v3/sequences/{id}/contacts` (v3-sequences-steps.md 4)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import Membership, disposition, members_of, membership_of, step_id, steps_of
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v3.bodies import spelled
from bulkreply.sandbox.vocabulary import ENUMS

_TEXTS = ("email", "firstName", "lastName", "company", "title")
_SORTS = ("addingDate", "email", "firstName", "lastName", "company", "statusInSequence")
_COLUMNS = {"currentstep", "laststepcompletedat", "status"}


def sequence_named(asking: Asking) -> Record:
    """The sequence the path names.

    Raises:
        Refused: There is none.
    """
    found = asking.workspace.shelf("sequences").get(asking.id())
    if found is None:
        raise asking.not_found("sequence.notFound", "sequence")
    return found


def _view(asking: Asking, contact: Contact, membership: Membership, steps: list[Record]) -> dict[str, Any]:
    fields, at = contact.fields, step_id(membership, steps)
    view: dict[str, Any] = {"contactId": contact.id, "sequenceId": membership["sequenceId"]}
    view |= {name: fields.get(name) for name in _TEXTS}
    view |= {name: spelled(asking, fields.get(name) or ENUMS[name][0]) for name in ("callStatus", "meetingStatus")}
    return view | {
        "statusInSequence": spelled(asking, membership["status"]),
        "isOptedOut": bool(fields.get("isOptedOut")),
        "emailDisposition": disposition(membership),
        "currentStep": {
            "stepId": at,
            "displayName": "Finished" if at is None else f"Step {membership['currentStep']}",
        },
        "addingDate": membership["addingDate"],
        "emailAccountId": membership.get("emailAccountId"),
        "linkedInAccountId": membership.get("linkedInAccountId"),
    }


def list_members(asking: Asking) -> Answer:
    """GET contacts, newest added first unless sorted otherwise."""
    sequence = sequence_named(asking)
    top, skip = asking.page(25, 1000)
    by, direction = asking.query.get("sort_by", "addingDate"), asking.query.get("sort_direction", "desc")
    problems = []
    if by not in _SORTS:
        problems.append(("/sort_by", "Not one of the known fields."))
    if direction not in ("asc", "desc"):
        problems.append(("/sort_direction", "asc or desc."))
    if problems:
        raise Refused(invalid(problems))
    members = members_of(asking.workspace, sequence["id"])
    if (by, direction) != ("addingDate", "desc"):
        members.sort(key=lambda pair: (_sort_value(by, *pair), pair[0].id), reverse=direction == "desc")
    steps = steps_of(asking.workspace, sequence["id"])
    items = [_view(asking, contact, membership, steps) for contact, membership in members[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(members)})


def _sort_value(by: str, contact: Contact, membership: Membership) -> str:
    if by in ("addingDate", "statusInSequence"):
        return str(membership["addingDate" if by == "addingDate" else "status"])
    return str(contact.fields.get(by) or "").lower()


def member_named(asking: Asking) -> tuple[Contact, Membership]:
    """The contact the path names, and its place in the sequence the path names.

    Raises:
        Refused: There is no such sequence or contact, or the contact is not in it.
    """
    sequence = sequence_named(asking)
    contact = asking.workspace.contacts.get(asking.id("contact_id"))
    if contact is None:
        raise asking.not_found("contact.notFound", "contact")
    membership = membership_of(contact, sequence["id"])
    if membership is None:
        raise asking.not_found("sequenceContact.notInSequence", "contact in this sequence")
    return contact, membership


def get_member(asking: Asking) -> Answer:
    """GET one contact of a sequence."""
    contact, membership = member_named(asking)
    steps = steps_of(asking.workspace, membership["sequenceId"])
    return json_answer(200, _view(asking, contact, membership, steps))


def list_states(asking: Asking) -> Answer:
    """GET state: what was sent and seen; some columns on request only."""
    sequence = sequence_named(asking)
    top, skip = asking.page(25, 100)
    wanted = [word.strip().lower() for word in asking.query.get("additionalColumns", "").split(",") if word.strip()]
    if not set(wanted) <= _COLUMNS:
        raise Refused(invalid([("/additionalColumns", "Not one of the known columns.")]))
    members = members_of(asking.workspace, sequence["id"])
    steps = steps_of(asking.workspace, sequence["id"])
    items = [_state(asking, *pair, steps, wanted) for pair in members[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(members)})


def _state(
    asking: Asking, contact: Contact, membership: Membership, steps: list[Record], wanted: list[str]
) -> dict[str, Any]:
    row: dict[str, Any] = {"contactId": contact.id, "addedAt": membership["addingDate"]}
    row |= {name: contact.fields.get(name) for name in ("email", "firstName", "lastName", "title")}
    number, marks = membership["currentStep"], disposition(membership)
    if "currentstep" in wanted:
        row["currentStep"] = {
            "stepId": step_id(membership, steps),
            "displayStepNumber": str(number),
            "stepNumber": number,
        }
    if "laststepcompletedat" in wanted:
        row["lastStepCompletedAt"] = membership.get("_completedAt")
    if "status" in wanted:
        row["status"] = {
            "status": spelled(asking, membership["status"]),
            "replied": bool(membership.get("_replied")),
            "delivered": marks is not None and not marks["isBounced"],
            "bounced": bool(membership.get("_bounced")),
            "opened": bool(membership.get("_opened")),
            "clicked": bool(membership.get("_clicked")),
        }
    return row


ROUTES = {
    "v3.sequence_contacts.list": list_members,
    "v3.sequence_contacts.get": get_member,
    "v3.sequence_contacts.list_state": list_states,
}
