"""What became of mail, as V2 tells it: contents, reports as CSV text, stages of contacts (v1-v2.md 6 and 9)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from bulkreply.sandbox.answers import Answer, empty, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v2.asked import record_at
from bulkreply.sandbox.v2.chain import MAILS
from bulkreply.sandbox.views import v1_person

REPORTS = "v2_reports"
_TEAM = {"teamId": 5, "teamName": "North"}
_OWNERS = {11: "Owner One", 12: "Member Two"}
_MEMBERS_ONLY = (12,)
_STAGES = {
    1: "New",
    2: "Engaging",
    3: "Replied",
    4: "Interested",
    5: "Not interested",
    6: "Unresponsive",
    7: "Do not contact",
    8: "Bad contact info",
}


def get_content(asking: Asking) -> Answer:
    """GET what a mail said."""
    mail = record_at(asking, MAILS, "E-mail")
    return json_answer(200, {"id": mail["id"], "subject": mail["subject"], "body": mail["body"]})


def generate_email_report(asking: Asking) -> Answer:
    """GET a report made: 202, and where to fetch it."""
    kind = asking.query.get("reporttype") or "emails"
    report = asking.workspace.shelf(REPORTS).add({"type": kind, "polls": 0})
    place = f"/api/v2/reports/download?token={report['id']}&type={quote(kind, safe='')}"
    return Answer(202, headers={"Location": place})


def download_report(asking: Asking) -> Answer:
    """GET a report: the first look finds it unfinished, the second finds CSV text."""
    report = asking.workspace.shelf(REPORTS).get(asking.query.get("token", ""))
    if report is None or report["type"] != asking.query.get("type"):
        return empty(404)
    report["polls"] += 1
    if report["polls"] < 2:
        return empty(404)
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("Email", "Date"))
    for mail in asking.workspace.shelf(MAILS):
        sent = datetime.fromtimestamp(mail["sent_s"], UTC).date().isoformat()
        rows.writerow((asking.workspace.email_of(mail["contactId"]), sent))
    return Answer(200, text.getvalue().encode(), "text/csv")


def list_stage_changes(asking: Asking) -> Answer:
    """GET contacts in some sequence whose stage changed within a window of at most three days."""
    if asking.query.get("teamid", "5") != "5" or asking.user in _MEMBERS_ONLY:
        raise asking.v1_refused(403, "Owner or team lead only.")
    first_s, last_s = _moment_s(asking, "fromDate"), _moment_s(asking, "toDate")
    if not first_s <= last_s <= first_s + timedelta(days=3).total_seconds():
        raise asking.v1_refused(400, "At most three days.")
    found = []
    for contact in asking.workspace.contacts.values():
        changed_s, stage = _changed_s(contact), _stage(contact)
        if contact.sequences and stage != 1 and first_s <= changed_s <= last_s:
            found.append(_row(asking, contact, stage, changed_s))
    return json_answer(200, found)


def _moment_s(asking: Asking, name: str) -> float:
    try:
        found = datetime.strptime(asking.query.get(name.lower(), ""), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise asking.v1_refused(400, f"{name} must read like 2026-03-01 00:00:00.") from None
    return found.replace(tzinfo=UTC).timestamp()


def _stage(contact: Contact) -> int:
    """The stage, from what is known of a contact; people may set others, the stand-in has no way to."""
    memberships = list((contact.sequences or {}).values())
    if contact.fields.get("isOptedOut"):
        return 7
    if any(one.get("_bounced") for one in memberships):
        return 8
    if any(one.get("_replied") for one in memberships):
        return 3
    if any(one["status"] in ("active", "paused", "outOfOffice") for one in memberships):
        return 2
    return 6 if any(one["status"] == "finished" for one in memberships) else 1


def _changed_s(contact: Contact) -> float:
    added = [float(one.get("_added_s") or 0) for one in (contact.sequences or {}).values()]
    return max(contact.modified_s, *added, 0.0)


def _row(asking: Asking, contact: Contact, stage: int, changed_s: float) -> dict[str, Any]:
    changed = datetime.fromtimestamp(changed_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    owner = {"ownerId": contact.owner, "ownerName": _OWNERS.get(contact.owner, f"User {contact.owner}")}
    told = {"stageId": stage, "stageName": _STAGES[stage], "stageChangedAtUTC": changed}
    return v1_person(asking.workspace, contact) | told | owner | _TEAM


ROUTES = {
    "v2.reports.generate_email_report": generate_email_report,
    "v2.reports.download": download_report,
    "v2.stage_changes.list": list_stage_changes,
    "v2.emails.get_content": get_content,
}
