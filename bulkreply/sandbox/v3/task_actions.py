"""What is done with tasks: given to somebody, completed, executed (v3-tasks-inbox-reports.md 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bulkreply.sandbox.answers import Answer, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import membership_of
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body, moment
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.v3.tasks import KIND, contact_of, refused, rendered, said, show, word_in

MOST = 100


def _assignee(asking: Asking, content: dict[str, Any], keys: Sequence[str]) -> int:
    body = Body(asking, content)
    body.known("tasks.reassign", keys)
    user = body.whole("userId", 1, 2**31 - 1, needed=True)
    if user is not None and user not in USERS:
        body.wrong("userId", "Not a member of the team.")
    body.refuse()
    return int(user or 0)


def reassign(asking: Asking) -> Answer:
    """PUT assigned-user: a member of the team."""
    task = KIND.found(asking)
    task["assignedUserId"] = _assignee(asking, asking.mapping(), ("userId",))
    KIND.note(asking, "reassign", [task["id"]], [Effect.UPDATED])
    return json_answer(200, show(asking, task))


def bulk_reassign(asking: Asking) -> Answer:
    """POST batch/assign: one user for all."""
    ids, user = asking.ids("ids", MOST), _assignee(asking, asking.mapping(), ("ids", "userId"))
    failed, changed = {}, []
    for number in dict.fromkeys(ids):
        task = KIND.shelf(asking).get(number)
        if task is None:
            failed[str(number)] = item_error(asking.switches, "tasks", "notFound", number)
        else:
            task["assignedUserId"] = user
            changed.append(number)
    KIND.note(asking, "bulk_reassign", changed, [Effect.UPDATED] * len(changed))
    return json_answer(200, failed)


def _finish(asking: Asking, task: Record) -> None:
    task |= {"status": "finished", "finishedAt": moment(asking.now_s)}


def complete(asking: Asking) -> Answer:
    """POST complete; `finishProspectInSequence` ends the contact's sequence too."""
    task, content = KIND.found(asking), asking.mapping() if asking.content.strip() else {}
    body = Body(asking, content)
    body.known("tasks.complete", ("callResolution", "finishProspectInSequence"))
    resolution, finishes = word_in(asking, body, content, "callResolution"), body.flag("finishProspectInSequence")
    if resolution is not None and task["taskType"] != "call":
        body.wrong("callResolution", "Only for calls.")
    body.refuse()
    if task["status"] != "new":
        raise refused(asking, "Cannot complete", "The task is not open.", "cannotComplete")
    _finish(asking, task)
    task["_callResolution"] = resolution
    contact = contact_of(asking, task)
    if finishes and contact is not None and task["sequenceId"] is not None:
        membership = membership_of(contact, task["sequenceId"])
        if membership is not None:
            membership["status"] = "finished"
    KIND.note(asking, "complete", [task["id"]], [Effect.UPDATED])
    view = show(asking, task)
    # No page lists it among a task's fields; the earlier generation is taken to have shown it.
    if asking.switches["v3.call_resolution"] == "ints":
        view["callResolution"] = said(asking, "callResolution", resolution)
    return json_answer(200, view)


def bulk_complete(asking: Asking) -> Answer:
    """POST batch/complete: no resolution here."""
    Body(asking, asking.mapping()).known("tasks.bulk_complete", ("ids",))
    failed, changed = {}, []
    for number in dict.fromkeys(asking.ids("ids", MOST)):
        task = KIND.shelf(asking).get(number)
        if task is None or task["status"] != "new":
            word = "notFound" if task is None else "cannotComplete"
            failed[str(number)] = item_error(asking.switches, "tasks", word, number)
        else:
            _finish(asking, task)
            changed.append(number)
    KIND.note(asking, "bulk_complete", changed, [Effect.UPDATED] * len(changed))
    return json_answer(200, failed)


def execute(asking: Asking) -> Answer:
    """POST execute: sends a manual e-mail or an sms, and finishes the task."""
    task, content = KIND.found(asking), asking.mapping() if asking.content.strip() else {}
    body = Body(asking, content)
    body.known("tasks.execute", ("content", "emailAccountId"))
    if task["taskType"] not in ("manualEmail", "sms"):
        raise refused(asking, "Not executable", "This task type cannot be executed.", "invalidInput")
    if task["status"] != "new":
        raise refused(asking, "Cannot complete", "The task is not open.", "cannotComplete")
    account = body.whole("emailAccountId", 1, 2**63 - 1)
    if account is not None and (task["taskType"] != "manualEmail" or task["sequenceId"] is not None):
        body.wrong("emailAccountId", "Only for manual e-mails outside a sequence.")
    elif account is not None and account not in asking.workspace.shelf("email_accounts"):
        body.wrong("emailAccountId", "No such account.")
    sent = rendered(asking, task)
    if "content" in body:
        own = body.part("content")
        own.known("tasks.execute content", ("body", "subject"))
        sent = {"body": own.text("body") or sent["body"], "subject": own.text("subject") or sent["subject"]}
    contact = contact_of(asking, task)
    where = {"manualEmail": "email", "sms": "phone"}[task["taskType"]]
    address = contact.fields.get(where) if contact is not None else None
    if address is None:
        body.wrong("", "There is nobody to send to.")
    body.refuse()
    _finish(asking, task)
    delivery = {"email": None, "phoneNumber": None, "linkedInUrl": None}
    task |= {
        "content": sent,
        "deliveryInfo": delivery | {"email" if where == "email" else "phoneNumber": address},
    }
    KIND.note(asking, "execute", [task["id"]], [Effect.UPDATED])
    return json_answer(200, show(asking, task) | {"content": sent})


ROUTES = {
    "v3.tasks.reassign": reassign,
    "v3.tasks.bulk_reassign": bulk_reassign,
    "v3.tasks.complete": complete,
    "v3.tasks.bulk_complete": bulk_complete,
    "v3.tasks.execute": execute,
}
