"""Figures counted from what the stand-in remembers. What exactly Reply counts is unpublished; the names are its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import Membership, disposition
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact

_OF_CONTACTED = ("contacted", "delivered", "notReached", "bounced")
_OF_DELIVERED = ("opened", "replied", "interested", "optedOut", "outOfOffice", "autoReplied", "meetingsBooked")
INTEREST = "interested"
"""Name of the category, without regard to case, that makes a contact an interested one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about.

    Attributes:
        since_s: First second of its period.
        until_s: First second after it.
        sequences: Only these, None for all.
        senders: Only what these e-mail accounts send, None for all.
        users: Only what belongs to these, None for all.
    """

    since_s: float
    until_s: float
    sequences: frozenset[int] | None = None
    senders: frozenset[int] | None = None
    users: frozenset[int] | None = None

    def holds(self, time_s: float) -> bool:
        """Whether a time is in the period."""
        return self.since_s <= time_s < self.until_s


def second_of(text: str) -> float:
    """A time as text, in seconds; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def mailed_s(membership: Membership) -> float:
    """When a contact was first written to, as far as is known; else when it joined."""
    known = membership.get("_mailed_s") or membership.get("_added_s")
    return float(known) if known else second_of(membership["addingDate"])


def mailed(asking: Asking, scope: Scope) -> list[tuple[Contact, Membership]]:
    """Who was written to, newest first."""
    found = []
    for contact in asking.workspace.contacts.values():
        if scope.users is not None and contact.owner not in scope.users:
            continue
        for number, one in (contact.sequences or {}).items():
            if disposition(one) is None and "_mailed_s" not in one:
                continue
            if scope.sequences is not None and number not in scope.sequences:
                continue
            if scope.senders is not None and one.get("emailAccountId") not in scope.senders:
                continue
            if scope.holds(mailed_s(one)):
                found.append((contact, one))
    found.sort(key=lambda pair: (mailed_s(pair[1]), pair[0].id), reverse=True)
    return found


def email_figures(asking: Asking, scope: Scope) -> dict[str, float]:
    """E-mail counters, each with its share."""
    counts = dict.fromkeys((*_OF_CONTACTED, *_OF_DELIVERED), 0)
    keen = _interested(asking)
    for contact, one in mailed(asking, scope):
        bounced, finished = bool(one.get("_bounced")), one["status"] == "finished"
        reacted = any(one.get(name) for name in ("_opened", "_replied", "_autoReplied", "_bounced"))
        counts["contacted"] += 1
        counts["bounced"] += bounced
        counts["delivered"] += not bounced
        counts["notReached"] += finished and not reacted
        counts["opened"] += bool(one.get("_opened"))
        counts["replied"] += bool(one.get("_replied"))
        counts["autoReplied"] += bool(one.get("_autoReplied"))
        counts["interested"] += contact.id in keen
        counts["optedOut"] += bool(contact.fields.get("isOptedOut"))
        counts["outOfOffice"] += one["status"] == "outOfOffice"
        counts["meetingsBooked"] += contact.fields.get("meetingStatus") == "meetingBooked"
    shares = {name: share(counts[name], counts["contacted"]) for name in _OF_CONTACTED}
    shares |= {name: share(counts[name], counts["delivered"]) for name in _OF_DELIVERED}
    return counts | {f"{name}Percentage": value for name, value in shares.items()}


def share(part: int, whole: int) -> float:
    """Percent, one digit after the point."""
    return round(100 * part / whole, 1) if whole else 0


def _interested(asking: Asking) -> set[int]:
    category = asking.workspace.shelf("inbox_categories").named("name", INTEREST)
    if category is None:
        return set()
    return {thread["contactId"] for thread in asking.workspace.shelf("inbox_threads").where(categoryId=category["id"])}


def tasks_in(asking: Asking, scope: Scope, **values: Any) -> list[Record]:
    """Tasks that hold these values, by when they ended or else begin, newest first."""
    found = []
    for task in asking.workspace.shelf("tasks").where(**values):
        if scope.sequences is not None and task["sequenceId"] not in scope.sequences:
            continue
        if scope.users is not None and task["assignedUserId"] not in scope.users:
            continue
        if scope.holds(second_of(task["finishedAt"] or task["startAt"])):
            found.append(task)
    found.sort(key=lambda task: (task["finishedAt"] or task["startAt"], task["id"]), reverse=True)
    return found


def linkedin_figures(asking: Asking, scope: Scope) -> dict[str, float]:
    """LinkedIn counters: what tasks did, and who wrote back. Nothing here likes, follows or endorses."""
    tasks = tasks_in(asking, scope, taskType="linkedIn", status="finished")
    by_kind = {kind: [one for one in tasks if one["linkedInTaskType"] == kind] for kind in _KINDS}
    answered = set(_wrote_back(asking))
    notes = [one for one in by_kind["connect"] if (one.get("template") or {}).get("body")]
    sent = {
        "connections": by_kind["connect"],
        "messages": by_kind["message"] + by_kind["inMail"],
        "inMails": by_kind["inMail"],
        "connectionNotes": notes,
        "regularMessages": by_kind["message"],
    }
    counts: dict[str, float] = {f"{name}Sent": len(some) for name, some in sent.items()}
    for name, of in _ANSWERS.items():
        part = sum(one["contactId"] in answered for one in sent[of])
        counts |= {name: part, f"{name}Percentage": share(part, len(sent[of]))}
    return counts | {"profileViews": len(by_kind["viewProfile"])} | dict.fromkeys(("likes", "follows", "endorses"), 0)


_KINDS = ("connect", "message", "inMail", "viewProfile")
_ANSWERS = {
    "connectionsAccepted": "connections",
    "replied": "messages",
    "inMailsReplied": "inMails",
    "connectionNotesReplied": "connectionNotes",
    "regularMessagesReplied": "regularMessages",
}


def _wrote_back(asking: Asking) -> Iterator[int]:
    """Contacts that wrote by LinkedIn; whoever does is connected."""
    for thread in asking.workspace.shelf("inbox_threads").where(channel="linkedIn"):
        if any(not message["isOutbound"] for message in thread["messages"]):
            yield thread["contactId"]


def tally(tasks: Sequence[Record], name: str, words: Sequence[str]) -> dict[str, int]:
    """How many tasks say each word."""
    return {word: sum(task.get(name) == word for task in tasks) for word in words}
