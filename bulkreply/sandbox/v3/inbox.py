"""`/v3/inbox/threads` (v3-tasks-inbox-reports.md 2).

A thread is `{id, channel, isRead, subject, contactId, sequenceId, categoryId, hasMeetingIntent, emailAccountId,
linkedInAccountId, messages}`; everything else that is answered follows from that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record, Shelf
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v3.bodies import NEEDED, Body, moment, spelled
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.v3.wording import chosen

CHANNELS = ("email", "linkedIn")
SOURCES = ("inbox", "sent", "unread", "aiDraft")
_FILTERS = ("search", "ownerUserId", "sequenceIds", "channels", "onlyWithMeetingIntent", "source", "from", "to")


def threads(asking: Asking) -> Shelf:
    """All threads of the account."""
    return asking.workspace.shelf("inbox_threads")


def thread_named(asking: Asking) -> Record:
    """The thread the path names.

    Raises:
        Refused: There is none.
    """
    thread = threads(asking).get(asking.id())
    if thread is None:
        raise asking.not_found("inboxThread.notFound", "thread")
    return thread


# -- views


def full_name(contact: Contact) -> str:
    """First and last name."""
    return " ".join(filter(None, (contact.fields.get("firstName"), contact.fields.get("lastName"))))


def _last(thread: Record) -> str:
    return str(thread["messages"][-1]["date"]) if thread["messages"] else ""


def _contact_view(asking: Asking, thread: Record) -> dict[str, Any]:
    contact = asking.workspace.contacts.get(thread["contactId"])
    if contact is None:
        address = asking.workspace.email_of(thread["contactId"])
        gone = dict.fromkeys(("ownerId", "linkedInProfileUrl", "phone", "companyName", "title"))
        return {"id": None, "fullName": address or "", "email": address, "isDeleted": True} | gone
    return {
        "id": contact.id,
        "ownerId": contact.owner,
        "fullName": full_name(contact),
        "email": contact.email,
        "linkedInProfileUrl": contact.fields.get("linkedInUrl"),
        "phone": contact.fields.get("phone"),
        "companyName": contact.fields.get("company"),
        "title": contact.fields.get("title"),
        "isDeleted": False,
    }


def _named(asking: Asking, shelf: str, number: int | None) -> dict[str, Any] | None:
    found = asking.workspace.shelf(shelf).get(number or 0)
    return None if found is None else {"id": found["id"], "name": found["name"]}


def _row(asking: Asking, thread: Record) -> dict[str, Any]:
    """A thread as listings show it."""
    messages = thread["messages"]
    states = [message["status"]["state"] for message in messages if message.get("status")]
    return {
        "id": thread["id"],
        "channel": spelled(asking, thread["channel"]),
        "isRead": thread["isRead"],
        "subject": thread["subject"],
        "bodyPreview": re.sub(r"<[^>]*>", "", messages[-1]["body"] or "")[:100] if messages else "",
        "lastActivityDate": _last(thread) or None,
        "isLastMessagePlanned": False,
        "contact": _contact_view(asking, thread),
        "sequence": _named(asking, "sequences", thread["sequenceId"]),
        "category": _named(asking, "inbox_categories", thread["categoryId"]),
        "hasMeetingIntent": thread["hasMeetingIntent"],
        "status": {"state": spelled(asking, "needsAttention" if "failed" in states else "ok")},
    }


def message_view(asking: Asking, message: Record) -> dict[str, Any]:
    """A message; it has no id."""
    return message | {"channel": spelled(asking, message["channel"])}


def _newest_first(found: Iterable[Record]) -> list[Record]:
    return sorted(found, key=lambda thread: (_last(thread), thread["id"]), reverse=True)


def _page(asking: Asking, found: Sequence[Record], total: bool = False) -> Answer:
    top, skip = asking.page(25, 1000)
    items = [_row(asking, thread) for thread in found[skip : skip + top]]
    body: dict[str, Any] = {"items": items, "hasMore": skip + top < len(found)}
    if total and asking.switches["v3.total_count"] == "present":
        body["totalCount"] = len(found)
    return json_answer(200, body)


# -- reads


def list_threads(asking: Asking) -> Answer:
    """GET all, newest activity first."""
    return _page(asking, _newest_first(threads(asking)))


def filter_threads(asking: Asking) -> Answer:
    """POST filter: all filters together."""
    body = Body(asking, asking.mapping() if asking.content.strip() else {})
    body.known("inbox_threads.filter", _FILTERS)
    owner, term = body.whole("ownerUserId", 1, 2**31 - 1), (body.text("search") or "").lower()
    sequences, channels = body.ids("sequenceIds"), _channels(asking, body)
    meeting, source = body.flag("onlyWithMeetingIntent"), body.word("source", SOURCES)
    since, until = _time(body, "from"), _time(body, "to")
    if since and until and until <= since:
        body.wrong("to", "Must be after from.")
    body.refuse()
    if owner is not None and owner not in USERS:
        raise refused(asking, "Invalid input", "The user is not in the team.", "invalidInput")

    def fits(thread: Record) -> bool:
        contact = _contact_view(asking, thread)
        texts = (thread["subject"], contact["fullName"], contact["email"], *(one["body"] for one in thread["messages"]))
        return (
            owner in (None, contact["ownerId"])
            and (not sequences or thread["sequenceId"] in sequences)
            and (not channels or thread["channel"] in channels)
            and (not meeting or thread["hasMeetingIntent"])
            and any(term in str(text or "").lower() for text in texts)
            and (since or "") <= _last(thread) <= (until or "~")
            and _is_from(thread, source)
        )

    return _page(asking, _newest_first(filter(fits, threads(asking))), total=True)


def _channels(asking: Asking, body: Body) -> list[str | None]:
    found = [chosen(asking, text, CHANNELS) for text in body.texts("channels")]
    if None in found:
        body.wrong("channels", f"Of {', '.join(CHANNELS)}.")
    return found


def _is_from(thread: Record, source: str | None) -> bool:
    """What each source shows is not published; nothing drafts here."""
    if source == "unread":
        return not thread["isRead"]
    wanted = {"inbox": (False,), "sent": (True,), "aiDraft": ()}.get(source or "", (True, False))
    return any(message["isOutbound"] in wanted for message in thread["messages"])


def _time(body: Body, name: str) -> str | None:
    text = body.text(name)
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        body.wrong(name, "Not a time.")
        return None
    return moment((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) if found else None


def get_thread(asking: Asking) -> Answer:
    """GET one, with its messages and the account it runs over."""
    thread = thread_named(asking)
    more = {name: thread[name] for name in ("emailAccountId", "linkedInAccountId") if thread[name] is not None}
    messages = [message_view(asking, message) for message in thread["messages"]]
    return json_answer(200, _row(asking, thread) | more | {"messages": messages})


# -- writes


def refused(asking: Asking, title: str, detail: str, word: str) -> Refused:
    """A 400 of the inbox."""
    return Refused(problem(asking.switches, 400, title, detail, code=f"inboxThread.{word}"))


def delete_thread(asking: Asking) -> Answer:
    """DELETE one."""
    thread = thread_named(asking)
    threads(asking).remove(thread["id"])
    asking.note("inbox_threads.delete", [thread["id"]], [Effect.DELETED])
    return empty(204)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete: failures by id."""
    return change_each(
        asking, "inbox_threads.bulk_delete", lambda thread: threads(asking).remove(thread["id"]), Effect.DELETED
    )


def mark_read(asking: Asking) -> Answer:
    """POST mark-as-read."""
    return change_each(asking, "inbox_threads.mark_read", lambda thread: thread.update(isRead=True))


def mark_unread(asking: Asking) -> Answer:
    """POST mark-as-unread."""
    return change_each(asking, "inbox_threads.mark_unread", lambda thread: thread.update(isRead=False))


def set_category(asking: Asking) -> Answer:
    """PUT category; null takes the thread out of its category."""
    thread, body = thread_named(asking), Body(asking, asking.mapping())
    body.known("inbox_threads.set_category", ("categoryId",))
    number = body.whole("categoryId", 1, 2**31 - 1, needed=not body.cleared("categoryId"))
    body.refuse()
    if number is not None and number not in asking.workspace.shelf("inbox_categories"):
        raise asking.not_found("inboxCategory.notFound", "category")
    thread["categoryId"] = number
    asking.note("inbox_threads.set_category", [thread["id"]], [Effect.UPDATED])
    return json_answer(200, _row(asking, thread))


def set_meeting_intent(asking: Asking) -> Answer:
    """PUT meeting-intent."""
    thread, body = thread_named(asking), Body(asking, asking.mapping())
    body.known("inbox_threads.set_meeting_intent", ("hasMeetingIntent",))
    if "hasMeetingIntent" not in body:
        body.wrong("hasMeetingIntent", NEEDED)
    value = body.flag("hasMeetingIntent")
    body.refuse()
    thread["hasMeetingIntent"] = value
    asking.note("inbox_threads.set_meeting_intent", [thread["id"]], [Effect.UPDATED])
    return json_answer(200, _row(asking, thread))


def change_each(
    asking: Asking, operation: str, change: Callable[[Record], object], effect: Effect = Effect.UPDATED
) -> Answer:
    """Changes each thread the body names; failures by id, in words only (conventions.md 8)."""
    ids = asking.ids("threadIds")
    Body(asking, asking.mapping()).known(operation, ("threadIds",))
    failed, changed = {}, []
    for number in dict.fromkeys(ids):
        thread = threads(asking).get(number)
        contact = asking.workspace.contacts.get(thread["contactId"]) if thread is not None else None
        if thread is None:
            failed[str(number)] = {"error": "notFound" if number > 0 else "invalidInput", "errorDetails": None}
        elif contact is not None and contact.owner != asking.user:
            failed[str(number)] = {"error": "forbidden", "errorDetails": None}
        else:
            change(thread)
            changed.append(number)
    asking.note(operation, changed, [effect] * len(changed))
    return json_answer(200, failed)


ROUTES = {
    "v3.inbox_threads.list": list_threads,
    "v3.inbox_threads.filter": filter_threads,
    "v3.inbox_threads.get": get_thread,
    "v3.inbox_threads.delete": delete_thread,
    "v3.inbox_threads.bulk_delete": bulk_delete,
    "v3.inbox_threads.mark_read": mark_read,
    "v3.inbox_threads.mark_unread": mark_unread,
    "v3.inbox_threads.set_category": set_category,
    "v3.inbox_threads.set_meeting_intent": set_meeting_intent,
}
