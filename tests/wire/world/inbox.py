"""Where contacts stand, background jobs, settings, the inbox and its categories, reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.store import Contact, ContactList, Job, Workspace
from tests.wire.world.enrolment import enrolled, task

JUDGED: dict[str, list[str]] = {
    "v3-background-jobs-cancel-camel": ["DONE", "DONE"],
    "v3-background-jobs-get": ["DONE", "DONE", "REJECT", "REJECT"],
    "v3-contacts-activities": ["DONE", "DONE", "REJECT"],
    "v3-contacts-add-note": ["DONE", "REJECT", "REJECT"],
    "v3-contacts-import-enrols": ["DONE", "DONE"],
    "v3-contacts-import-enrols-not": ["DONE", "DONE"],
    "v3-contacts-lists": ["DONE", "DONE", "REJECT"],
    "v3-contacts-move-to-sequence": ["DONE"],
    "v3-contacts-move-to-sequence-read-back": ["DONE", "DONE"],
    "v3-contacts-move-to-sequence-refused": ["REJECT", "REJECT", "REJECT", "REJECT", "REJECT", "REJECT"],
    "v3-contacts-patch-owner": ["REJECT", "DONE"],
    "v3-contacts-sequences": ["DONE", "DONE", "REJECT"],
    "v3-contacts-set-bounced": ["REJECT", "DONE", "DONE"],
    "v3-contacts-set-bounced-resend": ["REJECT"],
    "v3-contacts-set-opted-out": ["DONE", "DONE", "DONE", "DONE"],
    "v3-contacts-set-opted-out-ok": ["DONE"],
    "v3-contacts-set-owner": ["DONE"],
    "v3-contacts-set-owner-refused": ["STOP", "REJECT"],
    "v3-contacts-set-replied-int": ["DONE"],
    "v3-contacts-set-replied-read-back": ["DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-contacts-set-replied-slug": ["DONE"],
    "v3-contacts-set-replied-too-many": ["SPLIT"],
    "v3-contacts-set-status": ["DONE"],
    "v3-contacts-set-status-int": ["DONE"],
    "v3-contacts-set-status-pause-repeat": ["DONE", "DONE", "DONE"],
    "v3-contacts-set-status-pause-taken": ["DONE", "DONE"],
    "v3-contacts-set-status-refused": ["REJECT", "DONE"],
    "v3-contacts-statuses": ["DONE"],
    "v3-contacts-statuses-404": ["REJECT", "DONE"],
    "v3-inbox-categories-crud": ["DONE", "DONE", "DONE", "DONE", "REJECT", "DONE", "REJECT"],
    "v3-inbox-category-assign": ["DONE", "DONE", "REJECT"],
    "v3-inbox-category-unassign": ["DONE"],
    "v3-inbox-messages-list": ["DONE"],
    "v3-inbox-reply-email": ["DONE", "REJECT", "REJECT", "DONE"],
    "v3-inbox-reply-linkedin": ["DONE", "DONE"],
    "v3-inbox-reply-wrong-channel": ["REJECT"],
    "v3-inbox-threads-bulk-delete": ["DONE", "DONE"],
    "v3-inbox-threads-category": ["DONE", "DONE", "REJECT"],
    "v3-inbox-threads-delete": ["DONE", "DONE"],
    "v3-inbox-threads-filter": ["DONE", "DONE", "REJECT", "REJECT"],
    "v3-inbox-threads-get": ["DONE", "REJECT"],
    "v3-inbox-threads-list": ["DONE"],
    "v3-inbox-threads-mark": ["DONE", "DONE", "DONE", "DONE"],
    "v3-inbox-threads-meeting": ["DONE", "REJECT", "REJECT"],
    "v3-inbox-threads-pascal": ["DONE"],
    "v3-reports-activities": ["DONE", "DONE", "DONE", "DONE", "DONE", "DONE"],
    "v3-reports-emails-overview": ["DONE"],
    "v3-reports-linkedin-overview": ["DONE", "REJECT", "REJECT"],
    "v3-reports-overviews": ["DONE", "DONE", "DONE", "DONE"],
    "v3-reports-sequence-stats": ["DONE", "REJECT"],
    "v3-reports-sequences-stats": ["DONE", "REJECT"],
    "v3-reports-strict-cap": ["DONE", "WAIT"],
    "v3-sequences-stats": ["WAIT", "DONE"],
    "v3-settings": ["DONE", "DONE", "DONE", "REJECT"],
}
SWITCHES: dict[str, dict[str, str]] = {
    "v3-background-jobs-cancel-camel": {"v3.job_state_case": "camel"},
    "v3-contacts-import-enrols-not": {"v3.import_sequence_option": "ignored"},
    "v3-contacts-set-replied-int": {"v3.item_error": "int"},
    "v3-contacts-set-status-int": {"v3.item_error": "int"},
    "v3-contacts-set-status-pause-taken": {"v3.reenrol_paused_transition": "ok"},
    "v3-inbox-threads-pascal": {"v3.enum_out": "pascal"},
    "v3-reports-strict-cap": {"v3.strict_cap": "1"},
}
SKIPPED: dict[str, str] = {
    "v3-sequences-stats": "waits ten minutes; v3-reports-strict-cap shows the throttle",
}

JOB = "7b0f2c54-1111-4222-8333-9a0000000004"
OCCURRED = "2026-03-01T09:00:05Z"
DAY_S = 86_400.0


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _message(channel: str, date: str, body: str, sender: tuple[str, str | None], **more: Any) -> dict[str, Any]:
    """A message somebody wrote to us, unless told otherwise."""
    said = {"channel": channel, "date": date, "body": body, "fromName": sender[0], "isOutbound": False}
    said |= {"status": None, "subject": None, "fromAddress": sender[1], "to": [], "cc": [], "bcc": []}
    return said | more


def _thread(workspace: Workspace, number: int, contact: int, messages: list[dict[str, Any]], **more: Any) -> None:
    """Puts a thread on its shelf; an unread one by e-mail unless told otherwise."""
    made: dict[str, Any] = {"id": number, "channel": "email", "isRead": False, "subject": None, "contactId": contact}
    made |= {"sequenceId": None, "categoryId": None, "hasMeetingIntent": False, "emailAccountId": 9001}
    workspace.shelf("inbox_threads").add(made | {"linkedInAccountId": None, "messages": messages} | more)


def furnish(workspace: Workspace) -> None:
    """A category, and a thread of two messages that is not in it."""
    workspace.shelf("inbox_categories").add({"id": 9, "name": "Interested", "color": "#22aa55"})
    delivered = {"state": "delivered", "code": None, "occurredAt": OCCURRED}
    ours = _message("email", "2026-03-01T09:00:00Z", "<p>Hello</p>", ("Owner One", "sender@example.com"))
    ours |= {"isOutbound": True, "status": delivered, "subject": "Hello", "to": ["alpha@example.com"]}
    theirs = _message("email", "2026-03-02T09:00:00Z", "<p>Sounds good</p>", ("Alpha One", "alpha@example.com"))
    theirs |= {"subject": "Re: Hello", "to": ["sender@example.com"]}
    _thread(workspace, 6001, 1001, [ours, theirs], subject="Re: Hello", sequenceId=501, hasMeetingIntent=True)


# -- the inbox


def _no_phone(workspace: Workspace) -> None:
    del workspace.contacts[1001].fields["phone"]


def _filed(workspace: Workspace) -> None:
    workspace.shelf("inbox_threads").where(id=6001)[0]["categoryId"] = 9


def _of_a_mate(workspace: Workspace) -> None:
    _mate(workspace)
    _thread(workspace, 6090, 1090, [])


def _by_linkedin(workspace: Workspace) -> None:
    asked = _message("linkedIn", "2026-03-03T09:00:00Z", "May I ask?", ("Gamma Three", None))
    _thread(workspace, 6002, 1003, [asked], channel="linkedIn", emailAccountId=None, linkedInAccountId=71001)


# -- contacts


def _mate(workspace: Workspace) -> None:
    workspace.add(Contact(1090, {"email": "owned-by-mate@example.com", "firstName": "Zeta"}, 12, 0.0))


def _alpha(workspace: Workspace) -> None:
    enrolled(workspace, 1001, 501)


def _alpha_and_mate(workspace: Workspace) -> None:
    _alpha(workspace)
    _mate(workspace)


def _alpha_and_finished_beta(workspace: Workspace) -> None:
    _alpha(workspace)
    enrolled(workspace, 1002, 501, status="finished")


def _alpha_paused(workspace: Workspace) -> None:
    workspace.contacts[1001].fields["callStatus"] = "called"
    enrolled(workspace, 1001, 501, status="paused", _replied=True)


def _only_enrolled(workspace: Workspace) -> None:
    _alpha(workspace)
    workspace.shelf("inbox_threads").remove(6001)


def _sequence(workspace: Workspace, number: int, name: str, *, archived: bool = False) -> None:
    fresh: dict[str, Any] = {"id": number, "name": name, "ownerUserId": 11, "created_s": 0.0, "status": "new"}
    fresh |= {"isArchived": archived, "scheduleId": 21, "emailAccounts": [9001], "linkedInAccounts": []}
    workspace.shelf("sequences").add(fresh | {"settings": {}, "folderId": None})


def _autumn(workspace: Workspace) -> None:
    _sequence(workspace, 502, "Autumn")
    workspace.shelf("sequence_steps").where(id=2101)[0]["sequenceId"] = 502


def _nowhere_to_go(workspace: Workspace) -> None:
    _sequence(workspace, 502, "Autumn", archived=True)
    _sequence(workspace, 504, "Winter")


def _on_a_private_list(workspace: Workspace) -> None:
    workspace.lists[72] = ContactList(72, "Webinar")
    workspace.join(workspace.contacts[1001], 72)


# -- jobs


def _job(workspace: Workspace, **more: Any) -> None:
    job = Job(JOB, "email-validation", _at("2026-03-02T10:00:00"), _at("2026-03-02T10:00:05"), 11, 1, **more)
    workspace.jobs[JOB] = job


def _done_job(workspace: Workspace) -> None:
    _job(
        workspace,
        status="Done",
        started_s=_at("2026-03-02T10:00:00"),
        finished_s=_at("2026-03-02T10:00:05"),
        told='{"contactIds":[1001]}',
        result='{"processed":1}',
    )


# -- reports


def _february(workspace: Workspace) -> None:
    """Four letters: two opened, one of those answered; one came back, one met an absence note."""
    mailed: dict[str, Any] = {"_mailed_s": _at("2026-02-05T09:00:00")}
    enrolled(workspace, 1001, 501, **mailed, _opened=True, _replied=True)
    enrolled(workspace, 1002, 501, **mailed, _opened=True)
    enrolled(workspace, 1003, 501, **mailed, _bounced=True)
    workspace.add(Contact(1005, {"email": "epsilon@example.com", "firstName": "Epsilon"}, 11, 0.0))
    enrolled(workspace, 1005, 501, **mailed, status="outOfOffice")


def _march(workspace: Workspace) -> None:
    """What tasks did: two invitations, a message to somebody who answered, a visit, a call; a meeting came of it."""
    _by_linkedin(workspace)
    done: dict[str, Any] = {"status": "finished", "finishedAt": "2026-03-10T09:00:00Z"}
    social: dict[str, Any] = done | {"taskType": "linkedIn"}
    task(workspace, 811, **social, linkedInTaskType="connect", contactId=1003)
    task(workspace, 812, **social, linkedInTaskType="connect", contactId=1001)
    task(workspace, 813, **social, linkedInTaskType="message", contactId=1003)
    task(workspace, 814, **social, linkedInTaskType="viewProfile", contactId=1001)
    task(workspace, 815, **done, _callResolution="positive")
    task(workspace, 816)
    workspace.contacts[1001].fields["meetingStatus"] = "meetingBooked"
    workspace.contacts[1001].modified_s = _at("2026-03-11T09:00:00")


def _february_and_march(workspace: Workspace) -> None:
    _february(workspace)
    _march(workspace)


def _last_month(workspace: Workspace) -> None:
    """Forty letters of ten days ago."""
    mailed_s = time.time() - 10 * DAY_S
    for i in range(40):
        fields = {"email": f"person{i}@example.com", "firstName": "Person"}
        workspace.add(Contact(2001 + i, fields, 11, 0.0))
        enrolled(workspace, 2001 + i, 501, _mailed_s=mailed_s, _opened=i < 20, _replied=i < 4, _bounced=i == 39)
    for i in range(2):
        _thread(workspace, 6101 + i, 2001 + i, [], categoryId=9)
    workspace.contacts[2001].fields["meetingStatus"] = "meetingBooked"
    workspace.contacts[2030].fields["isOptedOut"] = True
    enrolled(workspace, 2031, 501, _mailed_s=mailed_s, status="outOfOffice")


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v3-background-jobs-cancel-camel": _job,
    "v3-background-jobs-get": _done_job,
    "v3-contacts-activities": _only_enrolled,
    "v3-contacts-lists": _on_a_private_list,
    "v3-contacts-move-to-sequence": _autumn,
    "v3-contacts-move-to-sequence-read-back": _alpha,
    "v3-contacts-move-to-sequence-refused": _nowhere_to_go,
    "v3-contacts-sequences": _alpha,
    "v3-contacts-set-owner": _mate,
    "v3-contacts-set-replied-int": _alpha_and_mate,
    "v3-contacts-set-replied-read-back": _alpha,
    "v3-contacts-set-replied-slug": _alpha_and_mate,
    "v3-contacts-set-status": _alpha_and_finished_beta,
    "v3-contacts-set-status-int": _alpha_and_mate,
    "v3-contacts-set-status-pause-repeat": _alpha,
    "v3-contacts-set-status-pause-taken": _alpha,
    "v3-contacts-set-status-refused": _alpha_and_mate,
    "v3-contacts-statuses": _alpha_paused,
    "v3-inbox-category-assign": _of_a_mate,
    "v3-inbox-category-unassign": _filed,
    "v3-inbox-reply-linkedin": _by_linkedin,
    "v3-inbox-threads-filter": _no_phone,
    "v3-inbox-threads-get": _no_phone,
    "v3-inbox-threads-list": _no_phone,
    "v3-reports-activities": _february_and_march,
    "v3-reports-emails-overview": _last_month,
    "v3-reports-linkedin-overview": _march,
    "v3-reports-overviews": _march,
    "v3-reports-sequence-stats": _february,
    "v3-reports-sequences-stats": _february,
    "v3-reports-strict-cap": _february,
}
