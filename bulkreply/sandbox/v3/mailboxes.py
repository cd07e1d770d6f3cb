"""E-mail accounts and the tags on them (v3-senders-templates-schedules.md 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import NEEDED, Body, moment, spelled

TYPES = ("custom", "gmail", "outlook", "exchange", "exchangeOnPremise")
STATES = ("unknown", "connected", "disconnected")
SECTIONS: dict[str, dict[str, Any]] = {
    "connection": {
        "email": None,
        "senderName": None,
        "smtpHost": None,
        "smtpPort": None,
        "smtpSsl": False,
        "imapHost": None,
        "imapPort": None,
        "imapSsl": False,
    },
    "safety": {
        "dailyLimit": 100,
        "isEmailsThrottlingEnabled": False,
        "emailsPerInterval": 10,
        "emailsThrottlingSecondsInterval": 600,
        "isSendingDelayEnabled": False,
        "minSendingDelaySeconds": 30,
        "maxSendingDelaySeconds": 90,
    },
    "signature": {"signature": ""},
    "optOut": {"message": "", "emailFooter": "", "isOptOutLinkEnabled": False, "optOutTextBlock": ""},
    "rampUp": {"enabled": False, "startValue": 10, "incrementValue": 5},
}
_SECRETS = ("smtpPassword", "imapPassword")
_NEEDED = ("email", "smtpHost", "smtpPort", "smtpPassword", "imapHost", "imapPort", "imapPassword")


def section(account: Record, name: str) -> dict[str, Any]:
    """A section of an account, with everything it lacks."""
    return SECTIONS[name] | dict(account.get(name) or {})


def links(asking: Asking, account: Record) -> list[Record]:
    """The sequences that send from an account."""
    return [one for one in asking.workspace.shelf("sequences") if account["id"] in (one.get("emailAccounts") or ())]


def _section_values(part: Body, name: str, before: dict[str, Any], fresh: bool) -> dict[str, Any]:
    part.known(f"email_accounts.{name}", [*SECTIONS[name], *(_SECRETS if name == "connection" else ())])
    values: dict[str, Any] = {}
    for key, usual in SECTIONS[name].items():
        needed = fresh and key in _NEEDED
        if key == "email":
            found: Any = part.address(key, needed=needed)
        elif isinstance(usual, bool):
            found = part.flag(key, usual) if key in part else None
        elif key.endswith("Port"):
            found = part.whole(key, 1, 65_535, needed=needed)
        elif isinstance(usual, int):
            found = part.whole(key, 0, 10**9)
        else:
            found = part.text(key, needed=needed)
        if found is not None:
            values[key] = found
        elif part.cleared(key):
            values[key] = usual
            if key == "email":
                part.wrong(key, NEEDED)
    # Passwords are checked for being there and never kept.
    for key in _SECRETS if name == "connection" else ():
        part.text(key, needed=fresh)
    return before | values


def _check(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    values: Record = {"updatedAt": moment(asking.now_s)}
    if before is None:
        values |= {"ownerUserId": asking.user, "emailAccountType": "custom", "isDefault": False, "tags": []}
        values |= {"connectionStatus": "connected", "sendingLockedByProvider": False}
        if "connection" not in body:
            body.wrong("connection", NEEDED)
            return values, body.problems
    for name in SECTIONS:
        if before is None or name in body:
            fresh = before is None and name == "connection"
            values[name] = _section_values(body.part(name), name, section(before or {}, name), fresh)
    if "tags" in body or body.cleared("tags"):
        values["tags"] = body.texts("tags")
        if not body.problems:
            _remember(asking, values["tags"])
    return values, body.problems


def _remember(asking: Asking, names: list[str]) -> None:
    """A tag that is used for the first time is made."""
    tags = asking.workspace.shelf("email_account_tags")
    for name in names:
        if tags.named("name", name) is None:
            tags.add({"name": name, "colorId": 1})


def _detail(asking: Asking, account: Record) -> dict[str, Any]:
    connection = {key: value for key, value in section(account, "connection").items() if key not in _SECRETS}
    return {
        "id": account["id"],
        "ownerUserId": account.get("ownerUserId", asking.user),
        "emailAccountType": spelled(asking, account.get("emailAccountType", "custom")),
        "isDefault": bool(account.get("isDefault")),
        "isInUse": bool(links(asking, account)),
        "connectionStatus": spelled(asking, account.get("connectionStatus", "connected")),
        "sendingConnectivityError": account.get("sendingConnectivityError"),
        "receivingConnectivityError": account.get("receivingConnectivityError"),
        "sendingLockedByProvider": bool(account.get("sendingLockedByProvider")),
        "updatedAt": account.get("updatedAt"),
        "connection": connection,
        **{name: section(account, name) for name in SECTIONS if name != "connection"},
        "tags": list(account.get("tags") or ()),
    }


def row(asking: Asking, account: Record) -> dict[str, Any]:
    """An account as lists show it."""
    connection = section(account, "connection")
    return {
        "id": account["id"],
        "ownerUserId": account.get("ownerUserId", asking.user),
        "email": connection["email"],
        "senderName": connection["senderName"],
        "emailAccountType": spelled(asking, account.get("emailAccountType", "custom")),
        "isDefault": bool(account.get("isDefault")),
        "dailyLimit": section(account, "safety")["dailyLimit"],
        "connectionStatus": spelled(asking, account.get("connectionStatus", "connected")),
        "tags": list(account.get("tags") or ()),
    }


def _gone(asking: Asking, account: Record) -> None:
    for sequence in links(asking, account):
        sequence["emailAccounts"] = [number for number in sequence["emailAccounts"] if number != account["id"]]


KIND = Kind(
    name="email_accounts",
    code="emailAccount",
    keys=frozenset({*SECTIONS, "tags"}),
    check=_check,
    view=_detail,
    family="plain",
    gone=_gone,
)
ROWS = replace(KIND, view=row)


def list_accounts(asking: Asking) -> Answer:
    """GET all; `my` leaves out those of others."""
    mine = asking.query.get("my", "").lower() == "true"
    every = KIND.shelf(asking)
    return ROWS.page(asking, [one for one in every if not mine or one.get("ownerUserId") == asking.user])


def filter_accounts(asking: Asking) -> Answer:
    """POST filter: all filters together."""
    body = Body(asking, asking.mapping())
    body.known("email_accounts.filter", ("status", "emailAccountType", "email", "domains", "ownerUserIds", "tags"))
    status, kind = body.word("status", STATES), body.word("emailAccountType", TYPES)
    address, domains = body.text("email"), [name.lower() for name in body.texts("domains")]
    owners, tags = body.ids("ownerUserIds"), {name.lower() for name in body.texts("tags")}
    body.refuse()

    def fits(account: Record) -> bool:
        email = str(section(account, "connection")["email"]).lower()
        return (
            status in (None, account.get("connectionStatus", "connected"))
            and kind in (None, account.get("emailAccountType", "custom"))
            and (not address or address.lower() == email)
            and (not domains or email.endswith(tuple(domains)))
            and (not owners or account.get("ownerUserId") in owners)
            and (not tags or bool(tags & {name.lower() for name in account.get("tags") or ()}))
        )

    return ROWS.page(asking, [account for account in KIND.shelf(asking) if fits(account)])


def set_default(asking: Asking) -> Answer:
    """POST set-default: its owner's former default one is none any more."""
    account = KIND.found(asking)
    for other in KIND.shelf(asking):
        if other.get("ownerUserId") == account.get("ownerUserId"):
            other["isDefault"] = other is account
    KIND.note(asking, "set_default", [account["id"]], [Effect.UPDATED])
    return done(asking)


def resume_sending(asking: Asking) -> Answer:
    """POST resume-sending: a provider's lock is off."""
    account = KIND.found(asking)
    account |= {"sendingLockedByProvider": False, "sendingConnectivityError": None}
    KIND.note(asking, "resume_sending", [account["id"]], [Effect.UPDATED])
    return done(asking)


def _tag_view(tag: Record) -> dict[str, Any]:
    return {"id": tag["id"], "name": tag["name"], "colorId": tag.get("colorId")}


def list_tags(asking: Asking) -> Answer:
    """GET tags: a bare array."""
    return json_answer(200, [_tag_view(tag) for tag in asking.workspace.shelf("email_account_tags")])


def rename_tag(asking: Asking) -> Answer:
    """PUT a tag: accounts that have it show the new name."""
    tag = asking.workspace.shelf("email_account_tags").get(asking.id("tag_id"))
    if tag is None:
        raise asking.not_found("emailAccountTag.notFound", "tag")
    body = Body(asking, asking.mapping())
    body.known("email_account_tags", ("name", "colorId"))
    name, colour = body.text("name", needed=True), body.whole("colorId", 0, 10**9)
    body.refuse()
    for account in KIND.shelf(asking):
        account["tags"] = [name if one.lower() == tag["name"].lower() else one for one in account.get("tags") or ()]
    tag |= {"name": name, "colorId": colour}
    asking.note("email_account_tags.update", [tag["id"]], [Effect.UPDATED])
    return json_answer(200, _tag_view(tag))


def _tags_sent(asking: Asking) -> list[str]:
    body = Body(asking, asking.mapping())
    body.known("email_account_tags", ("tags",))
    names = body.texts("tags")
    if not names and not body.problems:
        body.wrong("tags", NEEDED)
    body.refuse()
    return names


def add_tags(asking: Asking) -> Answer:
    """POST tags onto an account; one it has already is a success."""
    account, names = KIND.found(asking), _tags_sent(asking)
    _remember(asking, names)
    had = {one.lower() for one in account.get("tags") or ()}
    account["tags"] = [*(account.get("tags") or ()), *(name for name in names if name.lower() not in had)]
    asking.note("email_account_tags.add", [account["id"]], [Effect.UPDATED])
    return done(asking)


def remove_tags(asking: Asking) -> Answer:
    """DELETE tags off an account; one it does not have is a success."""
    account, names = KIND.found(asking), {name.lower() for name in _tags_sent(asking)}
    account["tags"] = [one for one in account.get("tags") or () if one.lower() not in names]
    asking.note("email_account_tags.remove", [account["id"]], [Effect.UPDATED])
    return done(asking)


ROUTES = {
    "v3.email_accounts.list": list_accounts,
    "v3.email_accounts.filter": filter_accounts,
    "v3.email_accounts.get": KIND.get,
    "v3.email_accounts.create": KIND.create,
    "v3.email_accounts.update": KIND.update,
    "v3.email_accounts.delete": KIND.delete,
    "v3.email_accounts.bulk_delete": KIND.bulk_delete,
    "v3.email_accounts.set_default": set_default,
    "v3.email_accounts.resume_sending": resume_sending,
    "v3.email_account_tags.list": list_tags,
    "v3.email_account_tags.update": rename_tag,
    "v3.email_account_tags.add": add_tags,
    "v3.email_account_tags.remove": remove_tags,
}
