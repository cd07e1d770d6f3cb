"""What being in a sequence means for a contact, whichever API asks (v3-sequences-steps.md 4).

A membership is what V3 shows of it in the contact, plus keys that begin with `_`, which no answer shows.
"""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact, Workspace
from bulkreply.sandbox.views import plain_time

Membership = dict[str, Any]

STATUSES = ("active", "paused", "finished", "outOfOffice")
ONLY_ACTIVE = "Only an active contact can be paused."
OF_A_MATE = "Another user owns this contact."


def steps_of(workspace: Workspace, sequence: int) -> list[Record]:
    """Steps of a sequence, in the order they were made."""
    return workspace.shelf("sequence_steps").where(sequenceId=sequence)


def membership_of(contact: Contact, sequence: int) -> Membership | None:
    """A contact's place in a sequence."""
    return (contact.sequences or {}).get(sequence)


def members_of(workspace: Workspace, sequence: int) -> list[tuple[Contact, Membership]]:
    """Who is in a sequence, newest added first."""
    found = []
    for contact in workspace.contacts.values():
        if contact.sequences and sequence in contact.sequences:
            found.append((contact, contact.sequences[sequence]))
    found.sort(key=lambda pair: (str(pair[1]["addingDate"]), pair[0].id), reverse=True)
    return found


def enrol(asking: Asking, contact: Contact, sequence: Record, step: Record, **hidden: Any) -> Membership:
    """Puts a contact at a step of a sequence, as somebody new.

    Args:
        hidden: Wishes to remember, `startFrom` and `ignoreStepDelay`; no answer shows them.
    """
    senders, profiles = sequence["emailAccounts"], sequence["linkedInAccounts"]
    order = [one["id"] for one in steps_of(asking.workspace, sequence["id"])]
    made: Membership = {
        "sequenceId": sequence["id"],
        "sequenceName": sequence["name"],
        "status": "active",
        "currentStep": order.index(step["id"]) + 1,
        "addingDate": plain_time(asking.now_s) + "+00:00",
        "emailAccountId": senders[contact.id % len(senders)] if senders else None,
        "linkedInAccountId": profiles[contact.id % len(profiles)] if profiles else None,
        "_added_s": asking.now_s,
        "_stepId": step["id"],
    }
    made |= {f"_{name}": value for name, value in hidden.items() if value is not None}
    contact.sequences = (contact.sequences or {}) | {sequence["id"]: made}
    return made


def withdraw(contact: Contact, sequence: int) -> bool:
    """Takes a contact out of a sequence; whether it was in it."""
    if membership_of(contact, sequence) is None:
        return False
    contact.sequences = {number: one for number, one in (contact.sequences or {}).items() if number != sequence} or None
    return True


def put_status(asking: Asking, membership: Membership, wanted: str) -> str:
    """Changes a status; the error word of a refusal, "" when it was changed."""
    before = membership["status"]
    repeated = before == "paused" and asking.switches["v3.reenrol_paused_transition"] == "ok"
    if wanted == "paused" and before != "active" and not repeated:
        return "invalidStatusTransition"
    membership["status"] = wanted
    return ""


def put_mark(membership: Membership, name: str, value: bool) -> str:
    """Notes that a contact replied or that a mail to it bounced (`replied`, `bounced`), or not; never refused."""
    membership[f"_{name}"] = value
    return ""


def disposition(membership: Membership) -> dict[str, bool] | None:
    """`{isReplied, isBounced}`; None for somebody never mailed."""
    if "_replied" not in membership and "_bounced" not in membership:
        return None
    return {"isReplied": bool(membership.get("_replied")), "isBounced": bool(membership.get("_bounced"))}


def step_id(membership: Membership, steps: list[Record]) -> int | None:
    """The step a contact is at; None when it has finished, or the step is gone."""
    if membership["status"] == "finished":
        return None
    known = [int(one["id"]) for one in steps]
    if "_stepId" in membership:
        return membership["_stepId"] if membership["_stepId"] in known else None
    number = membership["currentStep"]
    return known[number - 1] if isinstance(number, int) and 0 < number <= len(known) else None
