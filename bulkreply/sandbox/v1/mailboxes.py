"""E-mail accounts of V1, which are those of V3 (v1-v2.md 9)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v1.bodies import DONE, body_of, number_in
from bulkreply.sandbox.v3.bodies import moment
from bulkreply.sandbox.vocabulary import is_address

# V1 key -> key of the connection of V3; passwords are taken and forgotten.
_CONNECTION = {
    "SenderName": "senderName",
    "SmtpHost": "smtpHost",
    "SmtpPort": "smtpPort",
    "SmtpSsl": "smtpSsl",
    "ImapHost": "imapHost",
    "ImapPort": "imapPort",
    "ImapSsl": "imapSsl",
}
_KEYS = ("Email", "Daily Limit", "SmtpPassword", "ImapPassword", *_CONNECTION)


def address_of(record: Record) -> str:
    """The address of an e-mail account."""
    return str((record.get("connection") or {}).get("email") or record.get("email") or "")


def _view(record: Record) -> dict[str, Any]:
    connection, signature = record.get("connection") or {}, record.get("signature") or {}
    return {
        "id": record["id"],
        "senderName": connection.get("senderName") or "",
        "emailAddress": address_of(record),
        "signature": signature.get("signature") or "",
    }


def _with_address(asking: Asking, address: Any) -> Record | None:
    wanted = str(address or "").strip().lower()
    every = asking.workspace.shelf("email_accounts")
    return next((one for one in every if wanted and address_of(one).lower() == wanted), None)


def list_accounts(asking: Asking) -> Answer:
    """GET all: a bare array."""
    return json_answer(200, [_view(one) for one in asking.workspace.shelf("email_accounts")])


def upsert_account(asking: Asking) -> Answer:
    """POST: new by address, or changed."""
    body = body_of(asking, "v1.email_accounts", _KEYS)
    address = body.get("Email")
    if not isinstance(address, str) or not is_address(address):
        raise asking.v1_refused(400, "Email is not valid.")
    for name in ("SmtpPort", "ImapPort"):
        if name in body and not 1 <= number_in(body[name]) <= 65535:
            raise asking.v1_refused(400, f"{name} is not valid.")
    known = _with_address(asking, address)
    record = known or asking.workspace.shelf("email_accounts").add(_fresh(asking, address))
    connection = record.setdefault("connection", {"email": address})
    connection |= {own: body[name] for name, own in _CONNECTION.items() if name in body}
    if "Daily Limit" in body:
        record.setdefault("safety", {})["dailyLimit"] = number_in(body["Daily Limit"])
    asking.note("v1.email_accounts.upsert", [record["id"]], [Effect.UPDATED if known else Effect.CREATED])
    return json_answer(200, {"id": record["id"]})


def _fresh(asking: Asking, address: str) -> Record:
    """An account as V3 keeps it; the sections it lacks are filled in there."""
    return {
        "ownerUserId": asking.user,
        "emailAccountType": "custom",
        "isDefault": False,
        "connectionStatus": "connected",
        "updatedAt": moment(asking.now_s),
        "connection": {"email": address},
        "tags": [],
    }


def delete_account(asking: Asking) -> Answer:
    """DELETE one; its key stands in the body."""
    body = body_of(asking, "v1.email_accounts.delete", ("id", "Email"))
    if len(body) != 1:
        raise asking.v1_refused(400, "Either id or Email is needed.")
    shelf = asking.workspace.shelf("email_accounts")
    found = shelf.get(number_in(body["id"])) if "id" in body else _with_address(asking, body["Email"])
    if found is None:
        if asking.switches["v1.delete_missing"] == "404":
            raise asking.v1_refused(404, "E-mail account not found.")
        return DONE
    for sequence in asking.workspace.shelf("sequences"):
        sequence["emailAccounts"] = [one for one in sequence["emailAccounts"] or () if one != found["id"]]
    shelf.remove(found["id"])
    asking.note("v1.email_accounts.delete", [found["id"]], [Effect.DELETED])
    return DONE


ROUTES = {
    "v1.email_accounts.list": list_accounts,
    "v1.email_accounts.upsert": upsert_account,
    "v1.email_accounts.delete": delete_account,
}
