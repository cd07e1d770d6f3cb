"""What became of the mail of a campaign. Nothing is ever sent from here, so mail is presumed where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact, Workspace


def mails(workspace: Workspace, membership: Record) -> list[Record]:
    """The e-mails of a membership: `{stepNum, date, opened, replied, bounced}`.

    Someone in a sequence that was started counts as mailed once, on the day of joining.
    """
    if "_emails" in membership:
        known: list[Record] = membership["_emails"]
        return known
    sequence = workspace.shelf("sequences").get(membership["sequenceId"])
    if sequence is None or sequence["status"] == "new":
        return []
    replied, bounced = bool(membership.get("_replied")), bool(membership.get("_bounced"))
    date_s = int(membership.get("_added_s", 0))
    return [{"stepNum": 1, "date": date_s, "opened": False, "replied": replied, "bounced": bounced}]


def mailed(workspace: Workspace, contact: Contact) -> bool:
    """Whether anything was ever sent to someone."""
    return any(mails(workspace, membership) for membership in (contact.sequences or {}).values())


def counts(workspace: Workspace) -> dict[int, Counter[str]]:
    """The figures of every sequence that has people, under their names in V1."""
    found: dict[int, Counter[str]] = {}
    for contact in workspace.contacts.values():
        for number, membership in (contact.sequences or {}).items():
            found.setdefault(number, Counter()).update(_names(workspace, contact, membership))
    return found


def _names(workspace: Workspace, contact: Contact, membership: Record) -> Iterator[str]:
    yield "peopleCount"
    status = membership["status"]
    if status in ("active", "finished"):
        yield "peopleActive" if status == "active" else "peopleFinished"
    elif status in ("paused", "outOfOffice"):
        yield "peoplePaused"
    if status == "outOfOffice":
        yield "outOfOfficeCount"
    if contact.fields.get("isOptedOut"):
        yield "optOutsCount"
    for mail in mails(workspace, membership):
        yield "bouncesCount" if mail["bounced"] else "deliveriesCount"
        if mail["opened"]:
            yield "opensCount"
        if mail["replied"]:
            yield "repliesCount"
