"""Contacts in sequences, the senders of sequences, and tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.store import Contact, Workspace

JUDGED: dict[str, list[str]] = {
    "v3-sequence-contacts-add": ["DONE"],
    "v3-sequence-contacts-add-archived": ["REJECT", "REJECT"],
    "v3-sequence-contacts-add-limit": ["DONE"],
    "v3-sequence-contacts-add-moving": ["DONE", "DONE", "REJECT"],
    "v3-sequence-contacts-get": ["DONE"],
    "v3-sequence-contacts-get-404": ["REJECT"],
    "v3-sequence-contacts-list": ["DONE", "DONE"],
    "v3-sequence-contacts-pause-repeat": ["DONE", "DONE", "DONE"],
    "v3-sequence-contacts-remove": ["DONE", "DONE"],
    "v3-sequence-contacts-remove-bulk": ["DONE"],
    "v3-sequence-contacts-set-bounced": ["REJECT", "REJECT", "DONE", "DONE"],
    "v3-sequence-contacts-set-replied": ["DONE", "DONE"],
    "v3-sequence-contacts-set-replied-int": ["DONE"],
    "v3-sequence-contacts-set-status-archived": ["DONE"],
    "v3-sequence-contacts-set-status-int": ["DONE"],
    "v3-sequence-contacts-state": ["DONE"],
    "v3-sequence-email-accounts": ["DONE", "DONE", "DONE", "DONE"],
    "v3-sequence-email-accounts-unlink": ["DONE", "DONE", "DONE", "REJECT"],
    "v3-sequence-linkedin-accounts": ["DONE", "DONE", "DONE", "DONE", "DONE", "DONE"],
    "v3-tasks-batch-assign": ["DONE"],
    "v3-tasks-batch-complete-repeat": ["DONE", "DONE"],
    "v3-tasks-bulk-delete": ["DONE", "DONE"],
    "v3-tasks-complete": ["DONE"],
    "v3-tasks-complete-repeat": ["REJECT", "DONE"],
    "v3-tasks-create": ["DONE", "REJECT"],
    "v3-tasks-delete": ["DONE", "DONE"],
    "v3-tasks-execute": ["DONE", "REJECT"],
    "v3-tasks-filter": ["DONE"],
    "v3-tasks-filter-int": ["DONE"],
    "v3-tasks-get-content": ["DONE", "REJECT"],
    "v3-tasks-list": ["DONE", "DONE"],
    "v3-tasks-list-pascal": ["DONE"],
    "v3-tasks-reassign": ["DONE", "REJECT"],
    "v3-tasks-update": ["DONE", "REJECT"],
}
SWITCHES: dict[str, dict[str, str]] = {
    "v3-sequence-contacts-add-limit": {"v3.plan_contacts": "1"},
    "v3-sequence-contacts-set-replied-int": {"v3.item_error": "int"},
    "v3-sequence-contacts-set-status-int": {"v3.item_error": "int"},
    "v3-tasks-batch-assign": {"v3.item_error": "int"},
    "v3-tasks-filter-int": {"v3.task_enums": "ints"},
    "v3-tasks-list-pascal": {"v3.enum_out": "pascal"},
}
SKIPPED: dict[str, str] = {}

_TASK: dict[str, Any] = {
    "contactId": 1001,
    "taskType": "call",
    "status": "new",
    "linkedInTaskType": None,
    "sequenceId": None,
    "sequenceStepId": None,
    "sequenceStepDisplayName": None,
    "assignedUserId": 11,
    "creationSource": "user",
    "createdAt": "2026-03-02T16:00:00Z",
    "startAt": "2026-03-05T09:00:00Z",
    "dueTo": "2026-03-06T09:00:00Z",
    "finishedAt": None,
    "isFailed": False,
    "isScheduled": False,
    "template": {"body": "Ask about renewal", "subject": None, "attachmentIdList": []},
    "content": None,
    "deliveryInfo": None,
}
_LETTER: dict[str, Any] = {
    "taskType": "manualEmail",
    "startAt": "2026-03-03T09:00:00Z",
    "dueTo": "2026-03-04T09:00:00Z",
    "template": {"body": "<p>Template</p>", "subject": "Hello", "attachmentIdList": []},
}
_OF_SPRING: dict[str, Any] = {
    "sequenceId": 501,
    "sequenceStepId": 2101,
    "sequenceStepDisplayName": "1",
    "creationSource": "sequence",
}
TASKS: dict[int, dict[str, Any]] = {
    801: _LETTER | _OF_SPRING,
    802: {},
    803: {},
    804: {"taskType": "toDo", "status": "finished", "finishedAt": "2026-03-02T17:00:00Z"},
    805: {
        "taskType": "manualEmail",
        "template": {"body": "<p>Hi {{FirstName}}</p>", "subject": "Hello", "attachmentIdList": []},
    },
}


def furnish(workspace: Workspace) -> None:
    """Nothing that all samples presume: whoever is in a sequence shows it in every answer about contacts."""


def task(workspace: Workspace, number: int, **more: Any) -> None:
    """Puts a task on its shelf."""
    workspace.shelf("tasks").add({"id": number} | _TASK | TASKS.get(number, {}) | more)


def enrolled(workspace: Workspace, contact: int, sequence: int, **more: Any) -> None:
    """Puts a contact into a sequence."""
    named = workspace.shelf("sequences").get(sequence)
    membership: dict[str, Any] = {
        "sequenceId": sequence,
        "sequenceName": named["name"] if named else "",
        "status": "active",
        "currentStep": 1,
        "addingDate": "2026-01-16T08:00:00+00:00",
        "emailAccountId": 9001,
        "linkedInAccountId": None,
    }
    known = workspace.contacts[contact]
    known.sequences = (known.sequences or {}) | {sequence: membership | more}


def _person(
    workspace: Workspace, number: int, email: str, first: str, last: str | None = None, owner: int = 11
) -> None:
    fields = {"email": email, "firstName": first, "lastName": last}
    workspace.add(Contact(number, {name: text for name, text in fields.items() if text is not None}, owner, 0.0))


def _sequence(workspace: Workspace, number: int, name: str, archived: bool = False) -> None:
    blank: dict[str, Any] = {"ownerUserId": 11, "created_s": 0.0, "status": "new", "scheduleId": 21, "settings": {}}
    blank |= {"emailAccounts": [], "linkedInAccounts": [], "folderId": None}
    workspace.shelf("sequences").add(blank | {"id": number, "name": name, "isArchived": archived})


def _alpha(workspace: Workspace) -> None:
    enrolled(workspace, 1001, 501)


def _alpha_and_epsilon(workspace: Workspace) -> None:
    workspace.contacts[1001].fields["callStatus"] = "called"
    enrolled(workspace, 1001, 501, status="finished", currentStep=3, _replied=True, _opened=True)
    _person(workspace, 1005, "epsilon@example.com", "Epsilon", "Five")
    enrolled(workspace, 1005, 501, addingDate="2026-03-01T09:00:00+00:00")


def _alpha_replied(workspace: Workspace) -> None:
    enrolled(workspace, 1001, 501, status="finished", currentStep=3, _replied=True, _opened=True)


def _alpha_in_two(workspace: Workspace) -> None:
    _alpha(workspace)
    enrolled(workspace, 1001, 503, status="finished", _replied=True)


def _alpha_and_zeta(workspace: Workspace) -> None:
    _alpha(workspace)
    _mate(workspace)


def _mate(workspace: Workspace) -> None:
    _person(workspace, 1090, "owned-by-mate@example.com", "Zeta", owner=12)


def _newcomer(workspace: Workspace) -> None:
    _alpha(workspace)
    _person(workspace, 1006, "zeta@example.com", "Zeta")


def _member(workspace: Workspace) -> None:
    _newcomer(workspace)
    enrolled(workspace, 1006, 501)


def _archived_and_empty(workspace: Workspace) -> None:
    _newcomer(workspace)
    _sequence(workspace, 502, "Autumn", archived=True)
    _sequence(workspace, 504, "Empty")


def _in_the_archive(workspace: Workspace) -> None:
    _sequence(workspace, 502, "Autumn", archived=True)
    enrolled(workspace, 1001, 502)


def _tasks(*numbers: int) -> Callable[[Workspace], None]:
    def put(workspace: Workspace) -> None:
        for number in numbers:
            task(workspace, number)

    return put


def _nobodys_letter(workspace: Workspace) -> None:
    task(workspace, 801, contactId=None, sequenceId=None, sequenceStepId=None)


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v3-sequence-contacts-add": _newcomer,
    "v3-sequence-contacts-add-archived": _archived_and_empty,
    "v3-sequence-contacts-add-moving": _alpha_in_two,
    "v3-sequence-contacts-get": _alpha,
    "v3-sequence-contacts-list": _alpha_and_epsilon,
    "v3-sequence-contacts-pause-repeat": _alpha,
    "v3-sequence-contacts-remove": _alpha,
    "v3-sequence-contacts-remove-bulk": _alpha_and_epsilon,
    "v3-sequence-contacts-set-bounced": _alpha,
    "v3-sequence-contacts-set-replied": _alpha_and_zeta,
    "v3-sequence-contacts-set-replied-int": _alpha_and_zeta,
    "v3-sequence-contacts-set-status-archived": _in_the_archive,
    "v3-sequence-contacts-set-status-int": _member,
    "v3-sequence-contacts-state": _alpha_replied,
    "v3-tasks-batch-assign": _tasks(801, 802),
    "v3-tasks-batch-complete-repeat": _tasks(804),
    "v3-tasks-bulk-delete": _tasks(802, 804),
    "v3-tasks-complete": _tasks(802),
    "v3-tasks-complete-repeat": _tasks(804),
    "v3-tasks-delete": _tasks(802),
    "v3-tasks-execute": _tasks(801, 803),
    "v3-tasks-filter": _tasks(801, 802),
    "v3-tasks-filter-int": _nobodys_letter,
    "v3-tasks-get-content": _tasks(805),
    "v3-tasks-list": _tasks(801, 802),
    "v3-tasks-list-pascal": _tasks(801),
    "v3-tasks-reassign": _tasks(802),
    "v3-tasks-update": _tasks(802, 804),
}
