"""Sequences, their folders, templates, steps and variants, as the samples of many rooms presume them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.store import Workspace

FOLDER = "3f2c1a90-0000-4000-8000-000000000001"
SECOND_FOLDER = "3f2c1a90-0000-4000-8000-000000000002"
SAVED_TEMPLATE = "5d5d1a90-0000-4000-8000-000000000009"
TEAM_TEMPLATE = "5d5d1a90-0000-4000-8000-000000000002"
SYSTEM_TEMPLATE = "5d5d1a90-0000-4000-8000-000000000003"
JANUARY_S = 1768032000.0  # 2026-01-10T08:00:00Z
MARCH_S = 1772456400.0  # 2026-03-02T13:00:00Z
FULL_SETTINGS = {
    "emailsCountPerDay": 50,
    "daysToFinishProspect": 14,
    "emailSendingDelaySeconds": 60,
    "dailyThrottling": 20,
    "useDailyThrottling": True,
    "disableOpensTracking": False,
    "repliesHandlingType": "markAsFinished",
    "enableLinksTracking": False,
}

# What the client is to make of each answer.
JUDGED: dict[str, list[str]] = {
    "v3-sequence-folder-assign": ["DONE", "DONE"],
    "v3-sequence-folder-unassign": ["DONE", "DONE", "REJECT"],
    "v3-sequence-folders": ["DONE", "DONE", "DONE", "DONE", "REJECT", "DONE", "DONE"],
    "v3-sequence-steps-bulk-create": ["DONE"],
    "v3-sequence-steps-bulk-create-int": ["DONE"],
    "v3-sequence-steps-bulk-delete": ["DONE"],
    "v3-sequence-steps-condition-words": ["DONE"],
    "v3-sequence-steps-execution-mode": ["DONE"],
    "v3-sequence-steps-list": ["DONE"],
    "v3-sequence-steps-one": ["DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-sequence-steps-put": ["DONE"],
    "v3-sequence-steps-refused": ["REJECT", "REJECT", "REJECT", "REJECT", "REJECT"],
    "v3-sequence-steps-types": ["DONE", "DONE", "DONE"],
    "v3-sequence-steps-variants-switch": ["DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-sequence-template-delete": ["DONE", "REJECT"],
    "v3-sequence-templates-list": ["DONE"],
    "v3-sequence-templates-list-bare": ["DONE"],
    "v3-sequence-templates-save-and-use": ["DONE", "DONE", "DONE", "REJECT"],
    "v3-sequences-bulk-archive-repeat": ["DONE", "DONE"],
    "v3-sequences-bulk-delete": ["DONE", "DONE"],
    "v3-sequences-bulk-pause": ["DONE", "DONE"],
    "v3-sequences-bulk-start-int": ["DONE"],
    "v3-sequences-bulk-start-slug": ["DONE"],
    "v3-sequences-create-unknown-variable": ["REJECT"],
    "v3-sequences-create-with-steps": ["DONE"],
    "v3-sequences-delete-repeat": ["DONE", "DONE", "REJECT"],
    "v3-sequences-get-404": ["REJECT"],
    "v3-sequences-get-detail": ["DONE"],
    "v3-sequences-get-pascal": ["DONE"],
    "v3-sequences-list-created-after": ["DONE"],
    "v3-sequences-list-filtered": ["DONE"],
    "v3-sequences-owner": ["DONE", "REJECT", "DONE"],
    "v3-sequences-patch-settings": ["DONE"],
    "v3-sequences-pause-archive": ["DONE", "DONE", "DONE", "REJECT", "REJECT"],
    "v3-sequences-settings-refused": ["REJECT", "DONE"],
    "v3-sequences-start-refused": ["REJECT", "REJECT", "REJECT"],
    "v3-sequences-start-repeat": ["DONE", "DONE"],
    "v3-step-variants-bulk-create": ["DONE", "DONE"],
    "v3-step-variants-bulk-create-int": ["DONE", "DONE"],
    "v3-step-variants-bulk-delete": ["DONE"],
    "v3-step-variants-create": ["DONE"],
    "v3-step-variants-update": ["DONE", "DONE", "DONE", "DONE"],
}
SWITCHES: dict[str, dict[str, str]] = {
    "v3-sequence-steps-bulk-create-int": {"v3.item_error": "int"},
    "v3-sequence-steps-bulk-delete": {"v3.item_error": "int"},
    "v3-sequence-steps-execution-mode": {"v3.step_execution_mode": "required"},
    "v3-sequence-templates-list-bare": {"v3.sequence_templates_shape": "bare_array"},
    "v3-sequences-bulk-delete": {"v3.item_error": "int"},
    "v3-sequences-bulk-start-int": {"v3.item_error": "int"},
    "v3-sequences-get-pascal": {"v3.enum_out": "pascal"},
    "v3-sequences-list-created-after": {"v3.sequence_created_after": "honoured"},
    "v3-sequences-settings-refused": {"v3.settings_partial": "refused"},
    "v3-step-variants-bulk-create-int": {"v3.item_error": "int"},
}
SKIPPED: dict[str, str] = {}


def sequence(workspace: Workspace, number: int, name: str, **more: Any) -> dict[str, Any]:
    """Puts a sequence on its shelf; a fresh one with a sender unless told otherwise."""
    fresh: dict[str, Any] = {
        "id": number,
        "name": name,
        "ownerUserId": 11,
        "created_s": MARCH_S,
        "status": "new",
        "isArchived": False,
        "scheduleId": 21,
        "emailAccounts": [9001],
        "linkedInAccounts": [],
        "settings": dict(FULL_SETTINGS),
        "folderId": None,
    }
    return workspace.shelf("sequences").add(fresh | more)


def step(workspace: Workspace, number: int, of: int, kind: str, parent: int | None = None, **more: Any) -> None:
    """Puts a step on its shelf; `variants` are `(id, subject, message, isEnabled)`."""
    variants = more.pop("variants", ())
    record = {"id": number, "sequenceId": of, "type": kind, "delayInMinutes": 0, "parentId": parent}
    workspace.shelf("sequence_steps").add(record | {"ifConditionPositive": None} | more)
    for variant, subject, message, enabled in variants:
        of_step = {"id": variant, "sequenceId": of, "stepId": number, "subject": subject, "message": message}
        workspace.shelf("sequence_step_variants").add(of_step | {"isEnabled": enabled, "attachmentIds": []})


def furnish(workspace: Workspace) -> None:
    """A running sequence of four steps, a new one of one step, a folder, and templates of both kinds."""
    sequence(workspace, 501, "Spring", created_s=JANUARY_S, status="active")
    sequence(workspace, 503, "Summer")
    automatic: dict[str, Any] = {"executionMode": "automatic"}
    intro = [(3101, "Intro", "<p>Hello</p>", True), (3102, "Intro B", "<p>Hi</p>", False)]
    step(workspace, 2101, 501, "email", **automatic, variants=intro)
    opened = [{"property": "emailOpened", "rules": [{"operator": "equal", "value": "true"}]}]
    step(workspace, 2102, 501, "condition", 2101, waitInMinutes=1440, conditions=opened)
    hello = [(3103, None, "Hello there", True)]
    more: dict[str, Any] = {"actionType": "message", "delayInMinutes": 60, "ifConditionPositive": True, **automatic}
    step(workspace, 2103, 501, "linkedIn", 2102, **more, variants=hello)
    step(workspace, 2104, 501, "call", 2102, delayInMinutes=1440, ifConditionPositive=False)
    step(workspace, 2201, 503, "email", **automatic, variants=[(3301, "Hello", "<p>Hi {{FirstName}}</p>", True)])
    workspace.shelf("sequence_folders").add({"id": FOLDER, "name": "Campaigns 2026"})
    email = {"id": 1, "type": "email", "delayInMinutes": 0, "parentId": None, "ifConditionPositive": None} | automatic
    email["variants"] = [{"id": 1, "subject": "Hello", "message": "<p>Hi</p>", "isEnabled": True, "attachmentIds": []}]
    task: dict[str, Any] = {"id": 2, "type": "task", "actionType": "toDo", "description": "Check", "delayInMinutes": 10}
    task |= {"parentId": 1, "ifConditionPositive": None, "variants": []}
    for number, name, scope, steps in (
        (TEAM_TEMPLATE, "Two touches", "team", [email, task]),
        (SYSTEM_TEMPLATE, "Cold start", "system", [email]),
    ):
        template = {"id": number, "name": name, "description": None, "scope": scope, "steps": steps}
        workspace.shelf("sequence_templates").add(template)


def _next_id(workspace: Workspace, shelf: str, number: str) -> None:
    """The next record of a shelf gets the id it has in the sample."""
    vars(workspace.shelf(shelf))["new_id"] = lambda: number


def _without_steps(workspace: Workspace) -> None:
    for shelf in ("sequence_steps", "sequence_step_variants"):
        for record in workspace.shelf(shelf):
            workspace.shelf(shelf).remove(record["id"])


def _enrolled(workspace: Workspace, *sequences: int) -> None:
    """One contact in some sequences."""
    workspace.contacts[1001].sequences = {
        number: {"sequenceId": number, "sequenceName": "", "status": "active", "currentStep": 1} for number in sequences
    }


def _startable(workspace: Workspace) -> None:
    """One that runs, one without contacts, one without senders."""
    sequence(workspace, 502, "Winter")
    sequence(workspace, 503, "Summer", emailAccounts=[])
    _enrolled(workspace, 501, 503)


def _winter(workspace: Workspace) -> None:
    sequence(workspace, 502, "Winter")


def _one_variant(workspace: Workspace) -> None:
    """Only the first step of the running sequence, with one variant, a profile and a blocked sender."""
    for number in (2102, 2103, 2104):
        workspace.shelf("sequence_steps").remove(number)
    workspace.shelf("sequence_step_variants").remove(3102)
    sequence(
        workspace,
        501,
        "Spring",
        created_s=JANUARY_S,
        status="active",
        linkedInAccounts=[71001],
        issues=[{"type": "emailAccountSendingBlocked"}],
    )


def _second_variant(workspace: Workspace) -> None:
    of_step = {"id": 3302, "sequenceId": 503, "stepId": 2201, "subject": "Test B", "message": "<p>B</p>"}
    workspace.shelf("sequence_step_variants").add(of_step | {"isEnabled": True, "attachmentIds": [87]})


def _foreign_file(workspace: Workspace) -> None:
    workspace.shelf("attachments").add({"id": 88, "ownerUserId": 12, "fileName": "offer.pdf", "size": 1000})


def _child(workspace: Workspace) -> None:
    step(workspace, 2202, 503, "task", 2201, actionType="toDo", description="Check")


def _no_others(workspace: Workspace) -> None:
    """Other rooms may have put sequences of their own there."""
    for record in workspace.shelf("sequences"):
        if record["id"] not in (501, 503):
            workspace.shelf("sequences").remove(record["id"])


def _in_folder(workspace: Workspace) -> None:
    sequence(workspace, 501, "Spring", created_s=JANUARY_S, status="active", folderId=FOLDER)


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v3-sequence-folder-unassign": _in_folder,
    "v3-sequence-folders": lambda workspace: _next_id(workspace, "sequence_folders", SECOND_FOLDER),
    "v3-sequence-steps-bulk-delete": _child,
    "v3-sequence-steps-refused": _foreign_file,
    "v3-sequence-templates-save-and-use": lambda workspace: _next_id(workspace, "sequence_templates", SAVED_TEMPLATE),
    "v3-sequences-bulk-archive-repeat": _winter,
    "v3-sequences-bulk-start-int": _startable,
    "v3-sequences-bulk-start-slug": _startable,
    "v3-sequences-get-detail": _one_variant,
    "v3-sequences-get-pascal": _one_variant,
    "v3-sequences-list-created-after": _no_others,
    "v3-sequences-owner": _without_steps,
    "v3-sequences-patch-settings": _without_steps,
    "v3-sequences-pause-archive": _without_steps,
    "v3-sequences-start-refused": _startable,
    "v3-sequences-start-repeat": _without_steps,
    "v3-step-variants-bulk-create": _foreign_file,
    "v3-step-variants-bulk-delete": _second_variant,
    "v3-step-variants-update": _second_variant,
}
