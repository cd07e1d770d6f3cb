"""Campaigns, steps, schedules and webhooks of V2, and what it tells of mail."""

from __future__ import annotations

from collections.abc import Callable

from bulkreply.sandbox.store import Workspace
from bulkreply.sandbox.v2.webhooks import MOST
from tests.wire.world.sequences import JANUARY_S, MARCH_S, sequence, step

JUDGED: dict[str, list[str]] = {
    "v2-campaigns-archive": ["DONE", "REJECT", "REJECT"],
    "v2-campaigns-create": ["DONE"],
    "v2-campaigns-create-refused": ["REJECT", "REJECT", "DONE"],
    "v2-campaigns-list": ["DONE"],
    "v2-campaigns-patch": ["DONE"],
    "v2-campaigns-patch-one-setting": ["DONE"],
    "v2-campaigns-patch-refused": ["REJECT", "REJECT", "REJECT"],
    "v2-campaigns-start-empty": ["REJECT"],
    "v2-campaigns-start-pause": ["DONE", "DONE"],
    "v2-emails-content": ["DONE", "REJECT"],
    "v2-report-job": ["FOLLOW", "REJECT", "DONE"],
    "v2-schedules-create": ["DONE"],
    "v2-schedules-default-delete": ["DONE", "DONE", "DONE", "DONE"],
    "v2-schedules-read": ["DONE", "DONE", "DONE", "REJECT"],
    "v2-schedules-refused": ["REJECT", "REJECT"],
    "v2-stage-changes": ["DONE", "STOP"],
    "v2-stage-changes-window": ["REJECT", "DONE"],
    "v2-steps-get": ["DONE", "REJECT"],
    "v2-steps-list": ["DONE"],
    "v2-steps-refused": ["REJECT", "REJECT", "DONE", "REJECT"],
    "v2-steps-toggle-variants": ["DONE", "DONE", "REJECT"],
    "v2-steps-write": ["DONE", "DONE", "DONE", "REJECT"],
    "v2-webhooks": ["DONE", "DONE", "DONE"],
    "v2-webhooks-read": ["DONE", "DONE", "REJECT", "DONE", "DONE", "DONE"],
    "v2-webhooks-refused": ["REJECT", "REJECT"],
}
SWITCHES = {"v2-campaigns-patch-refused": {"v2.settings_partial": "refused"}}
SKIPPED: dict[str, str] = {}

_DAY = {"fromTime": {"hour": 9, "minute": 0}, "toTime": {"hour": 17, "minute": 0}}
_MONDAY = {"weekDay": "Monday", "isActive": True, "timeRanges": [_DAY]}


def furnish(workspace: Workspace) -> None:
    """Nothing of its own: campaigns are sequences, and each sample says which ones there are."""


def _autumn(workspace: Workspace, name: str = "Autumn") -> None:
    """A new campaign of one step."""
    sequence(workspace, 505, name)
    step(workspace, 2401, 505, "email", executionMode="automatic", variants=[(5401, "Hello", "<p>Hi</p>", True)])


def _renamed_with_people(workspace: Workspace) -> None:
    _autumn(workspace, "Autumn 2")
    membership = {"sequenceId": 505, "sequenceName": "Autumn 2", "status": "active", "currentStep": 1}
    workspace.contacts[1001].sequences = {505: membership}


def _spring_and_autumn(workspace: Workspace) -> None:
    workspace.shelves.pop("sequences")
    sequence(workspace, 501, "Spring", created_s=JANUARY_S, status="active")
    sequence(workspace, 505, "Autumn", status="paused", isArchived=True)


def _mailed(workspace: Workspace) -> None:
    _autumn(workspace)
    kept = {"id": 401, "name": "Kept", "subject": "Kept subject", "body": "<p>Kept</p>"}
    workspace.shelf("email_templates").add(kept)
    _mail(workspace)


def _mail(workspace: Workspace) -> None:
    mail = {"id": 8101, "contactId": 1001, "sequenceId": 505, "stepId": 2401, "sent_s": MARCH_S}
    workspace.shelf("v2_emails").add(mail | {"subject": "Hello", "body": "<p>Hi</p>"})


def _report(workspace: Workspace) -> None:
    _mail(workspace)
    workspace.shelf("v2_reports").add({"id": "invented", "type": "emails", "polls": 0})


def _two_schedules(workspace: Workspace) -> None:
    workspace.shelves.pop("schedules", None)
    for number, name, zone, apart in (
        (21, "Office hours", "Europe/Berlin", False),
        (22, "Nights", "Pacific Standard Time", True),
    ):
        schedule = {"id": number, "name": name, "timezoneId": zone, "isDefault": not apart, "status": "active"}
        schedule |= {"excludeHolidays": apart, "useProspectTimezone": apart, "useFollowUpSchedule": False}
        workspace.shelf("schedules").add(schedule | {"mainTimings": [_MONDAY], "followUpTimings": []})


def _webhook(workspace: Workspace) -> None:
    webhook = {"id": 1, "event": "email_sent", "url": "https://hooks.example.com/v2", "isDisabled": False}
    webhook |= {"created_s": MARCH_S, "payload": {"includeEmailUrl": True, "includeProspectCustomFields": False}}
    log = {"eventId": 1, "subscriptionId": "1", "httpStatus": 500, "date": "2026-03-02T13:00:00.000Z"}
    workspace.shelf("v2_webhooks").add(webhook | {"logs": [log]})


def _many_webhooks(workspace: Workspace) -> None:
    for _ in range(MOST):
        workspace.shelf("v2_webhooks").add({"event": "email_sent", "isDisabled": True})


def _replied(workspace: Workspace) -> None:
    for contact in workspace.contacts.values():
        contact.sequences = None
    membership = {"sequenceId": 501, "sequenceName": "Spring", "status": "active", "_replied": True}
    workspace.contacts[1001].sequences = {501: membership}
    workspace.contacts[1001].modified_s = 1772442000.0  # 2026-03-02T09:00:00Z


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v2-campaigns-archive": _autumn,
    "v2-campaigns-create-refused": _autumn,
    "v2-campaigns-list": _spring_and_autumn,
    "v2-campaigns-patch": _autumn,
    "v2-campaigns-patch-one-setting": _autumn,
    "v2-campaigns-patch-refused": _autumn,
    "v2-campaigns-start-empty": _autumn,
    "v2-campaigns-start-pause": _renamed_with_people,
    "v2-emails-content": _mail,
    "v2-report-job": _report,
    "v2-schedules-default-delete": _two_schedules,
    "v2-schedules-read": _two_schedules,
    "v2-stage-changes": _replied,
    "v2-stage-changes-window": _replied,
    "v2-steps-get": _autumn,
    "v2-steps-list": _autumn,
    "v2-steps-refused": _mailed,
    "v2-steps-write": _autumn,
    "v2-webhooks": _webhook,
    "v2-webhooks-read": _webhook,
    "v2-webhooks-refused": _many_webhooks,
}
