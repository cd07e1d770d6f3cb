"""`/v3/tasks` (v3-tasks-inbox-reports.md 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.plain import Kind, Problems
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v3.bodies import Body, moment, spelled

# Word -> number of the earlier generation.
WORDS: dict[str, dict[str, int]] = {
    "taskType": {"toDo": 0, "call": 2, "meeting": 4, "linkedIn": 5, "manualEmail": 7, "sms": 8, "whatsApp": 9},
    "status": {"new": 0, "finished": 1, "cancelled": 3, "archived": 4, "sequenceDetached": 5},
    "linkedInTaskType": {"message": 0, "connect": 1, "inMail": 2, "viewProfile": 3},
    "creationSource": {"user": 0, "sequence": 1, "meeting": 2},
    "callResolution": {"positive": 0, "toCall": 1, "negative": 2},
}
_KEYS = frozenset({"taskType", "startAt", "dueTo", "template", "contactId", "linkedInTaskType"})
_FILTERS = frozenset(
    {"from", "to", "taskType", "status", "linkedInTaskType", "sequenceIds", "sequenceStepIds", "timeZoneIds"}
    | {"contactId", "assignedUserId", "overdue"}
)
_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
_ROW = ("startAt", "dueTo", "finishedAt", "isScheduled", "sequenceId", "sequenceStepId")
# What a task says besides its id, and what a new one says there.
TASK: dict[str, Any] = {
    "contactId": None,
    "taskType": "toDo",
    "status": "new",
    "linkedInTaskType": None,
    "sequenceId": None,
    "sequenceStepId": None,
    "sequenceStepDisplayName": None,
    "assignedUserId": 0,
    "creationSource": "user",
    "createdAt": "",
    "startAt": "",
    "dueTo": "",
    "finishedAt": None,
    "isFailed": False,
    "isScheduled": False,
    "template": None,
    "content": None,
    "deliveryInfo": None,
}


def said(asking: Asking, name: str, word: str | None) -> str | int | None:
    """How a word is answered: as itself, or as the number of the earlier generation."""
    switch = "v3.call_resolution" if name == "callResolution" else "v3.task_enums"
    if word is not None and asking.switches[switch] == "ints":
        return WORDS[name][word]
    return spelled(asking, word)


def word_in(asking: Asking, body: Body, content: dict[str, Any], name: str, needed: bool = False) -> str | None:
    """A word of a body; a stand-in of the earlier generation takes its numbers too."""
    switch, given = "v3.call_resolution" if name == "callResolution" else "v3.task_enums", content.get(name)
    if type(given) is int and asking.switches[switch] == "ints":
        by_number = {number: word for word, number in WORDS[name].items()}
        if given in by_number:
            return by_number[given]
    return body.word(name, tuple(WORDS[name]), needed=needed)


def _time(body: Body, name: str, needed: bool = False) -> datetime | None:
    text = body.text(name, needed=needed)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        body.wrong(name, "Not a time.")
        return None


def contact_of(asking: Asking, task: Record) -> Contact | None:
    """Whom a task is about, if anybody."""
    return asking.workspace.contacts.get(task["contactId"] or 0)


def show(asking: Asking, task: Record) -> dict[str, Any]:
    """The task; its content is a matter of the call."""
    view = {name: task[name] for name in TASK if name not in WORDS} | {"id": task["id"], "content": None}
    return view | {name: said(asking, name, task[name]) for name in WORDS if name in TASK}


def _row(asking: Asking, task: Record) -> dict[str, Any]:
    """The task as listings show it: without template and content."""
    contact = contact_of(asking, task)
    view: dict[str, Any] = {name: task[name] for name in ("id", "assignedUserId", *_ROW)}
    view |= {name: said(asking, name, task[name]) for name in ("taskType", "status", "linkedInTaskType")}
    if contact is None:
        return view | {"contact": None}
    names = (contact.fields.get("firstName"), contact.fields.get("lastName"))
    return view | {"contact": {"id": contact.id, "fullName": " ".join(filter(None, names))}}


def _check(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    if before is not None and before["status"] != "new":
        raise refused(asking, "Not changeable", "Only a new task can be changed.", "invalidInput")
    body = Body(asking, content)
    template = body.part("template")
    template.known("tasks template", ("body", "subject", "attachmentIdList"))
    values: Record = {
        "taskType": word_in(asking, body, content, "taskType", needed=True),
        "linkedInTaskType": word_in(asking, body, content, "linkedInTaskType"),
        "contactId": body.whole("contactId", 1, 2**31 - 1),
        "template": {
            "body": template.text("body", needed=True),
            "subject": template.text("subject"),
            "attachmentIdList": template.ids("attachmentIdList"),
        },
    }
    start, due = _time(body, "startAt", needed=True), _time(body, "dueTo", needed=True)
    if start is not None and start < _EARLIEST:
        body.wrong("startAt", "2015 or later.")
    if start is not None and due is not None and due <= start:
        body.wrong("dueTo", "Must be after startAt.")
    if values["linkedInTaskType"] and values["taskType"] != "linkedIn":
        body.wrong("linkedInTaskType", "Only for LinkedIn tasks.")
    known = (None, *((before["contactId"],) if before else ()))
    if values["contactId"] not in known and values["contactId"] not in asking.workspace.contacts:
        body.wrong("contactId", "No such contact.")
    for name in ("taskType", "contactId") if before and before["sequenceId"] is not None else ():
        if before is not None and values[name] != before[name]:
            body.wrong(name, "Fixed for tasks of a sequence.")
    if start is not None and due is not None:
        values |= {"startAt": moment(start.timestamp()), "dueTo": moment(due.timestamp())}
    fresh = TASK | {"assignedUserId": asking.user, "createdAt": moment(asking.now_s)} if before is None else {}
    return fresh | values, body.problems


def refused(asking: Asking, title: str, detail: str, word: str) -> Refused:
    """A 400 about the task itself."""
    return Refused(problem(asking.switches, 400, title, detail, code=f"task.{word}"))


KIND = Kind(name="tasks", code="task", keys=_KEYS, check=_check, view=show, family="tasks")


def _page(asking: Asking, tasks: Sequence[Record]) -> Answer:
    top, skip = asking.page(25, 1000)
    items = [_row(asking, task) for task in tasks[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(tasks)})


def list_tasks(asking: Asking) -> Answer:
    """GET all."""
    return _page(asking, list(KIND.shelf(asking)))


def filter_tasks(asking: Asking) -> Answer:
    """POST filter: all filters together; from 2000 to one year ahead unless told otherwise."""
    content = asking.mapping() if asking.content.strip() else {}
    body = Body(asking, content)
    body.known("tasks.filter", _FILTERS)
    start = _time(body, "from") or datetime(2000, 1, 1, tzinfo=UTC)
    end = _time(body, "to") or datetime.fromtimestamp(asking.now_s, UTC) + timedelta(days=365)
    if end <= start:
        body.wrong("to", "Must be after from.")
    same = {name: word_in(asking, body, content, name) for name in ("taskType", "status", "linkedInTaskType")}
    numbers = {name: body.whole(name, 1, 2**31 - 1) for name in ("contactId", "assignedUserId")}
    wanted = {name: value for name, value in (same | numbers).items() if value is not None}
    among = {"sequenceId": body.ids("sequenceIds"), "sequenceStepId": body.ids("sequenceStepIds")}
    zones, now = body.texts("timeZoneIds"), moment(asking.now_s)
    overdue = body.flag("overdue") if "overdue" in body else None
    body.refuse()

    def fits(task: Record) -> bool:
        contact = contact_of(asking, task)
        late = task["status"] == "new" and task["dueTo"] < now
        return (
            moment(start.timestamp()) <= task["startAt"] <= moment(end.timestamp())
            and all(task[name] == value for name, value in wanted.items())
            and all(not ids or task[name] in ids for name, ids in among.items())
            and (not zones or (contact is not None and contact.fields.get("timeZoneId") in zones))
            and overdue in (None, late)
        )

    return _page(asking, [task for task in KIND.shelf(asking) if fits(task)])


def get_task(asking: Asking) -> Answer:
    """GET one; with `includeContent` its template as the contact will see it."""
    task = KIND.found(asking)
    view = show(asking, task)
    if asking.query.get("includeContent", "").lower() == "true":
        view["content"] = task["content"] or rendered(asking, task)
    return json_answer(200, view)


def rendered(asking: Asking, task: Record) -> dict[str, Any]:
    """The template with the contact's values in place of its variables."""
    contact = contact_of(asking, task)
    known = {name.lower(): str(value) for name, value in (contact.fields if contact else {}).items()}

    def filled(text: str | None) -> str | None:
        return text and re.sub(r"{{\s*(\w+)\s*}}", lambda found: known.get(found[1].lower(), ""), text)

    return {name: filled(task["template"][name]) for name in ("body", "subject")}


ROUTES = {
    "v3.tasks.list": list_tasks,
    "v3.tasks.filter": filter_tasks,
    "v3.tasks.get": get_task,
    "v3.tasks.create": KIND.create,
    "v3.tasks.update": KIND.update,
    "v3.tasks.delete": KIND.delete,
    "v3.tasks.bulk_delete": KIND.bulk_delete,
}
