"""What is said in a thread (v3-tasks-inbox-reports.md 2)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body, moment
from bulkreply.sandbox.v3.inbox import CHANNELS, message_view, refused, thread_named
from bulkreply.sandbox.v3.rest import NAMES

_REPLY_KEYS = {
    "email": ("channel", "message", "attachmentIds", "cc", "bcc", "applySignature"),
    "linkedIn": ("channel", "message"),
}


def list_messages(asking: Asking) -> Answer:
    """GET messages, oldest first."""
    thread = thread_named(asking)
    top, skip = asking.page(25, 1000)
    items = [message_view(asking, message) for message in thread["messages"][skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(thread["messages"])})


def reply(asking: Asking) -> Answer:
    """POST a message: it goes out over the channel of the thread."""
    thread, body = thread_named(asking), Body(asking, asking.mapping())
    channel = body.word("channel", CHANNELS, needed=True)
    body.known("inbox_messages.reply", _REPLY_KEYS.get(channel or "", _REPLY_KEYS["email"]))
    text = body.text("message", needed=True)
    copies = {name: body.texts(name) for name in ("cc", "bcc")}
    body.ids("attachmentIds")
    body.flag("applySignature")
    body.refuse()
    if channel != thread["channel"]:
        other = "e-mail" if thread["channel"] == "email" else "LinkedIn"
        raise refused(asking, "Wrong channel", f"This thread is {other}.", "channelMismatch")
    sent = {"channel": channel, "date": moment(asking.now_s), "body": text, "fromName": NAMES.get(asking.user)}
    sent |= {"isOutbound": True, "status": None, "subject": thread["subject"]} | _addresses(asking, thread) | copies
    thread["messages"].append(sent)
    thread["isRead"] = True
    asking.note("inbox_messages.reply", [thread["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), message_view(asking, sent))


def _addresses(asking: Asking, thread: Record) -> dict[str, Any]:
    """From whom and to whom; LinkedIn has no addresses."""
    if thread["channel"] != "email":
        return {"fromAddress": None, "to": []}
    account = asking.workspace.shelf("email_accounts").get(thread["emailAccountId"] or 0) or {}
    address = asking.workspace.email_of(thread["contactId"])
    return {
        "fromAddress": (account.get("connection") or account).get("email"),
        "to": [address] if address else [],
    }


ROUTES = {
    "v3.inbox_messages.list": list_messages,
    "v3.inbox_messages.reply": reply,
}
