"""LinkedIn accounts, and those still to be connected (v3-senders-templates-schedules.md 2)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, empty, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.v3.bodies import NEEDED, Body, moment, spelled

PENDING = "linkedin_pending_accounts"
COUNTERS = (
    "connectionRequests",
    "messages",
    "salesNavigatorConnectionRequests",
    "inMails",
    "viewProfiles",
    "likeRecentPosts",
    "detects",
    "revokeConnections",
    "endorseSkills",
    "followProfile",
)
_LINK_DAYS = 7
_LIMITS = {
    "limitsMode": "fixedMax",
    "fixedMax": {"dailyDetectCount": 50, "dailySendConnectionRequestCount": 20, "dailySendMessageCount": 30},
}


def view(asking: Asking, account: Record) -> dict[str, Any]:
    """An account as it is answered."""
    kind = account.get("accountType")
    return {
        "id": account["id"],
        "name": account.get("name"),
        "status": spelled(asking, account.get("status", "enabled")),
        "profileUrl": account.get("profileUrl"),
        "photoUrl": account.get("photoUrl"),
        "ownerUserId": account.get("ownerUserId", asking.user),
        "accountType": spelled(asking, kind),
        "authType": spelled(asking, account.get("authType", "cookie")),
        "cookieStatus": spelled(asking, account.get("cookieStatus", "valid")),
        "usage": dict.fromkeys(COUNTERS, 0) | dict(account.get("usage") or {}),
        "limits": account.get("limits") or _LIMITS,
    }


def _cannot_be_made(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    return {}, [("", "A LinkedIn account is connected, not made.")]


def _gone(asking: Asking, account: Record) -> None:
    for sequence in asking.workspace.shelf("sequences"):
        linked = sequence.get("linkedInAccounts") or ()
        if account["id"] in linked:
            sequence["linkedInAccounts"] = [number for number in linked if number != account["id"]]


KIND = Kind(
    name="linkedin_accounts",
    code="linkedInAccount",
    keys=frozenset(),
    check=_cannot_be_made,
    view=view,
    bare=True,
    family="plain",
    gone=_gone,
)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete; what `force` overrides is unknown, so it changes nothing."""
    body = Body(asking, asking.mapping())
    body.known("linkedin_accounts.bulk_delete", ("ids", "force"))
    body.flag("force")
    body.refuse()
    return KIND.bulk_delete(asking)


def _changed(asking: Asking, operation: str, account: Record) -> Answer:
    KIND.note(asking, operation, [account["id"]], [Effect.UPDATED])
    return json_answer(200, view(asking, account))


def toggle_status(asking: Asking) -> Answer:
    """POST toggle-status: whatever works is disabled, whatever is disabled works."""
    account = KIND.found(asking)
    account["status"] = "enabled" if account.get("status", "enabled") == "disabled" else "disabled"
    return _changed(asking, "toggle_status", account)


def set_limits(asking: Asking) -> Answer:
    """PUT limits: all of them are replaced."""
    account, content = KIND.found(asking), asking.mapping()
    body = Body(asking, content)
    body.known("linkedin_accounts.set_limits", ("limitsMode", "rangeMin", "rangeMax", "fixedMax"))
    body.text("limitsMode", needed=True)
    body.refuse()
    account["limits"] = {name: content[name] for name in content if content[name] is not None}
    return _changed(asking, "set_limits", account)


def set_revoke_settings(asking: Asking) -> Answer:
    """PUT revoke-settings; no answer is known to show them."""
    account = KIND.found(asking)
    body = Body(asking, asking.mapping())
    body.known("linkedin_accounts.set_revoke_settings", ("enabled", "periodDays"))
    if "enabled" not in body:
        body.wrong("enabled", NEEDED)
    enabled, days = body.flag("enabled"), body.whole("periodDays", 1, 365)
    body.refuse()
    account["_revoke"] = {"enabled": enabled, "periodDays": days}
    return _changed(asking, "set_revoke_settings", account)


def create_connection_link(asking: Asking) -> Answer:
    """POST connection-link: somebody may open it to connect their profile."""
    body = Body(asking, asking.mapping())
    body.known("linkedin_accounts.create_connection_link", ("name",))
    name = body.text("name", needed=True)
    body.refuse()
    expires_s = asking.now_s + _LINK_DAYS * 86_400
    made = asking.workspace.shelf(PENDING).add({"name": name, "_expires_s": expires_s})
    KIND.note(asking, "create_connection_link", [made["id"]], [Effect.CREATED])
    return json_answer(200, {"connectionLink": _link(made), "pendingAccountId": made["id"]})


def _link(pending: Record) -> str:
    return f"https://connect.example.com/linkedin/{pending['id']}"


def list_pending(asking: Asking) -> Answer:
    """GET pending: a bare array."""
    found = [
        {
            "id": one["id"],
            "name": one["name"],
            "connectionLink": _link(one),
            "expiresAtUtc": moment(one["_expires_s"]),
            "isExpired": asking.now_s > one["_expires_s"],
        }
        for one in asking.workspace.shelf(PENDING)
    ]
    return json_answer(200, found)


def delete_pending(asking: Asking) -> Answer:
    """DELETE a pending one: its link is dead."""
    shelf, number = asking.workspace.shelf(PENDING), asking.id()
    if number not in shelf:
        raise asking.not_found("linkedInPendingAccount.notFound", "pending account")
    shelf.remove(number)
    KIND.note(asking, "delete_pending", [number], [Effect.DELETED])
    return empty(204)


def _given(asking: Asking) -> dict[str, Any]:
    """What a profile is connected with; what Reply wants there is unknown, so anything will do."""
    content = asking.mapping() if asking.content.strip() else {}
    note_surprises(asking.workspace, "linkedin_accounts.connect", content, ("connection",))
    inner = content.get("connection")
    return inner if isinstance(inner, dict) else content


def connect(asking: Asking) -> Answer:
    """POST connect."""
    shelf = KIND.shelf(asking)
    name = _given(asking).get("name")
    made = shelf.add({"status": "enabled", "ownerUserId": asking.user, "limits": _LIMITS, "cookieStatus": "valid"})
    made["name"] = name if isinstance(name, str) else f"Profile {made['id']}"
    KIND.note(asking, "connect", [made["id"]], [Effect.CREATED])
    return json_answer(200, view(asking, made))


def reconnect(asking: Asking) -> Answer:
    """POST reconnect: its cookie is good again."""
    account = KIND.found(asking)
    _given(asking)
    account |= {"cookieStatus": "valid", "status": "enabled"}
    return _changed(asking, "reconnect", account)


ROUTES = {
    "v3.linkedin_accounts.list": KIND.list,
    "v3.linkedin_accounts.get": KIND.get,
    "v3.linkedin_accounts.delete": KIND.delete,
    "v3.linkedin_accounts.bulk_delete": bulk_delete,
    "v3.linkedin_accounts.toggle_status": toggle_status,
    "v3.linkedin_accounts.set_limits": set_limits,
    "v3.linkedin_accounts.set_revoke_settings": set_revoke_settings,
    "v3.linkedin_accounts.create_connection_link": create_connection_link,
    "v3.linkedin_accounts.connect": connect,
    "v3.linkedin_accounts.reconnect": reconnect,
    "v3.linkedin_accounts.list_pending": list_pending,
    "v3.linkedin_accounts.delete_pending": delete_pending,
}
