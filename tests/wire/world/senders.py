"""E-mail and LinkedIn accounts, e-mail templates, schedules and holiday calendars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.store import Workspace

JUDGED: dict[str, list[str]] = {
    "v3-email-accounts-list": ["DONE"],
    "v3-email-accounts-patch": ["DONE"],
    "v3-email-accounts-filter": ["DONE", "DONE"],
    "v3-email-accounts-get": ["DONE", "REJECT"],
    "v3-email-accounts-create": ["DONE", "REJECT"],
    "v3-email-accounts-delete": ["DONE", "DONE"],
    "v3-email-accounts-bulk-delete": ["DONE"],
    "v3-email-accounts-default": ["DONE", "DONE", "DONE"],
    "v3-email-account-tags": ["DONE", "DONE", "DONE", "DONE", "DONE"],
    "v3-linkedin-accounts-list": ["DONE"],
    "v3-linkedin-accounts-get": ["DONE", "REJECT"],
    "v3-linkedin-accounts-delete": ["DONE", "DONE", "DONE"],
    "v3-linkedin-accounts-settings": ["DONE", "DONE", "DONE", "DONE"],
    "v3-linkedin-accounts-connection-link": ["DONE", "DONE", "DONE"],
    "v3-linkedin-accounts-connect": ["DONE", "DONE"],
    "v3-email-templates-read": ["DONE", "DONE", "REJECT", "DONE"],
    "v3-email-templates-create": ["DONE"],
    "v3-email-templates-update": ["DONE", "DONE", "DONE", "REJECT"],
    "v3-email-templates-render": ["DONE", "DONE"],
    "v3-email-templates-delete": ["DONE", "DONE"],
    "v3-email-template-folders": ["DONE", "DONE", "DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-email-template-folders-put-missing": ["STOP"],
    "v3-email-template-folders-delete-missing": ["STOP"],
    "v3-schedules-read": ["DONE", "DONE", "REJECT"],
    "v3-schedules-create": ["DONE"],
    "v3-schedules-update": ["DONE", "REJECT", "REJECT", "REJECT"],
    "v3-schedules-default": ["REJECT", "DONE", "DONE", "DONE"],
    "v3-schedules-calendars": ["DONE", "DONE", "DONE", "DONE", "DONE"],
    "v3-holiday-calendars-read": ["DONE", "DONE", "REJECT"],
    "v3-holiday-calendars-create": ["DONE", "REJECT", "DONE", "REJECT"],
    "v3-holiday-calendars-put": ["DONE"],
}
SWITCHES: dict[str, dict[str, str]] = {
    "v3-email-template-folders-put-missing": {"v3.template_folder_writes": "405"},
    "v3-email-template-folders-delete-missing": {"v3.template_folder_writes": "405"},
}
SKIPPED: dict[str, str] = {}

_SECOND: dict[str, Any] = {
    "id": 9002,
    "ownerUserId": 11,
    "emailAccountType": "custom",
    "isDefault": False,
    "connectionStatus": "connected",
    "updatedAt": "2026-03-02T13:00:00Z",
    "connection": {
        "email": "second@example.com",
        "senderName": "Second Sender",
        "smtpHost": "smtp.example.com",
        "smtpPort": 465,
        "smtpSsl": True,
        "imapHost": "imap.example.com",
        "imapPort": 993,
        "imapSsl": True,
    },
    "safety": {"dailyLimit": 100, "isSendingDelayEnabled": True},
    "signature": {"signature": "<p>Second</p>"},
    "tags": [],
}
_MONDAY = {"fromTime": {"hour": 9, "minute": 0}, "toTime": {"hour": 17, "minute": 0}}
_SHELVES: dict[str, list[dict[str, Any]]] = {
    "email_accounts": [
        {
            "id": 9001,
            "ownerUserId": 11,
            "emailAccountType": "gmail",
            "isDefault": True,
            "connectionStatus": "connected",
            "updatedAt": "2026-03-02T12:00:00Z",
            "connection": {"email": "sender@example.com", "senderName": None},
            "safety": {"dailyLimit": 200},
            "tags": [],
        },
        _SECOND,
    ],
    "email_account_tags": [{"id": 61, "name": "warm", "colorId": 2}, {"id": 62, "name": "cold", "colorId": 3}],
    "linkedin_accounts": [
        {
            "id": 71001,
            "name": "Profile One",
            "status": "enabled",
            "profileUrl": "https://www.linkedin.com/in/profile-one-example",
            "ownerUserId": 11,
            "accountType": "public",
            "authType": "cookie",
            "cookieStatus": "valid",
            "usage": {"connectionRequests": 3, "messages": 1},
            "limits": {
                "limitsMode": "fixedMax",
                "fixedMax": {
                    "dailyDetectCount": 50,
                    "dailySendConnectionRequestCount": 20,
                    "dailySendMessageCount": 30,
                },
            },
        }
    ],
    "linkedin_pending_accounts": [{"id": 81, "name": "Profile Two", "_expires_s": 1741521600.0}],
    "email_template_folders": [
        {"id": 15, "name": "Onboarding", "folderType": "personal"},
        {"id": 16, "name": "Team letters", "folderType": "team"},
    ],
    "email_templates": [
        {
            "id": 4000,
            "name": "Reminder",
            "subject": "A note",
            "body": "<p>Hello {{FirstName}}</p>",
            "folderId": 15,
            "folderType": "personal",
            "attachmentIds": [],
            "createdAt": "2026-02-01T09:00:00Z",
            "updatedAt": "2026-02-01T09:00:00Z",
        }
    ],
    "attachments": [{"id": 5001, "fileName": "price-list.pdf", "size": 20480}],
    "schedules": [
        {
            "id": 21,
            "name": "Business hours",
            "timezoneId": "Europe/Berlin",
            "excludeHolidays": True,
            "useProspectTimezone": False,
            "useFollowUpSchedule": False,
            "isDefault": True,
            "status": "active",
            "mainTimings": [
                {"weekDay": "Monday", "isActive": True, "timeRanges": [_MONDAY]},
                {"weekDay": "Saturday", "isActive": False, "timeRanges": []},
            ],
            "followUpTimings": [],
        }
    ],
    "holiday_calendars": [
        {
            "id": 30,
            "name": "Germany",
            "calendarType": "predefined",
            "countryCode": "DE",
            "repeatEveryYear": False,
            "holidays": [{"id": 309, "startDate": "2026-10-03", "endDate": "2026-10-03", "name": "Unity Day"}],
        },
        {
            "id": 31,
            "name": "Company days",
            "calendarType": "custom",
            "countryCode": None,
            "repeatEveryYear": True,
            "holidays": [{"id": 310, "startDate": "2026-12-24", "endDate": "2026-12-31", "name": "Year end"}],
        },
    ],
}


def furnish(workspace: Workspace) -> None:
    """What the samples of this room presume."""
    for name, records in _SHELVES.items():
        for record in records:
            workspace.shelf(name).add(dict(record))


def _alone(workspace: Workspace) -> None:
    """Nothing of these kinds but what this room presumes, whatever other rooms put there."""
    for name in _SHELVES:
        workspace.shelves.pop(name, None)
    furnish(workspace)
    for sequence in workspace.shelf("sequences"):
        sequence["emailAccounts"] = [n for n in sequence.get("emailAccounts") or () if n != _SECOND["id"]]


def _one_mailbox(workspace: Workspace) -> None:
    _alone(workspace)
    workspace.shelf("email_accounts").remove(9002)


def _in_use(workspace: Workspace) -> None:
    _alone(workspace)
    sequence = {"id": 599, "name": "Autumn", "ownerUserId": 11, "created_s": 0.0, "status": "active"}
    sequence |= {"isArchived": False, "scheduleId": 21, "emailAccounts": [9002], "linkedInAccounts": []}
    workspace.shelf("sequences").add(sequence | {"settings": {}, "folderId": None})


def _warm(workspace: Workspace) -> None:
    _alone(workspace)
    workspace.shelf("email_accounts").add(_SECOND | {"tags": ["warm"]})


def _another_profile(workspace: Workspace) -> None:
    _alone(workspace)
    workspace.shelf("linkedin_accounts").add({"id": 71002, "name": "Profile Two", "ownerUserId": 11})


def _two_schedules(workspace: Workspace) -> None:
    _alone(workspace)
    schedule = {"id": 22, "name": "Two days", "timezoneId": "Europe/Kyiv", "isDefault": False, "status": "active"}
    workspace.shelf("schedules").add(schedule)


_OTHERS: dict[str, Callable[[Workspace], None]] = {
    "v3-email-accounts-list": _one_mailbox,
    "v3-email-accounts-patch": _in_use,
    "v3-email-accounts-filter": _warm,
    "v3-linkedin-accounts-delete": _another_profile,
    "v3-schedules-default": _two_schedules,
}
SETUP: dict[str, Callable[[Workspace], None]] = {name: _OTHERS.get(name, _alone) for name in JUDGED}
