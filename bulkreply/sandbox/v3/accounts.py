"""Accounts and account lists of V3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, needs_text
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact, note_surprises
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.views import v3_contact

_TEXTS = (
    "description",
    "domainName",
    "domainSecondary",
    "industry",
    "country",
    "state",
    "city",
    "timeZoneId",
    "linkedInUrl",
    "phone",
    "twitterUrl",
    "logoUrl",
    "email",
)
# Bands, where contacts have words.
SIZES = (
    "Empty",
    "SelfEmployed",
    "2-10",
    "11-50",
    "51-200",
    "201-500",
    "501-1000",
    "1001-5000",
    "5001-10000",
    "10001+",
)
_STAGE = {"id": 1, "name": "New", "colorId": 3}
_KEYS = frozenset({"name", "companySize", *_TEXTS})


def _time(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _size(asking: Asking, word: Any) -> str | None:
    strict = asking.switches["v3.enum_in"] == "camel_only"
    for known in SIZES:
        if word == known or (not strict and str(word).lower() == known.lower()):
            return known
    return None


def _check(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    """A create or a full replacement: what is not sent is blank afterwards."""
    problems: Problems = [("/name", "A name is needed.")] if needs_text(body, "name") else []
    values: Record = {"name": body.get("name"), "companySize": "Empty"}
    for name in _TEXTS:
        values[name] = body.get(name)
        if values[name] is not None and not isinstance(values[name], str):
            problems.append((f"/{name}", "Text is needed."))
    if body.get("companySize") is not None:
        values["companySize"] = _size(asking, body["companySize"])
        if values["companySize"] is None:
            problems.append(("/companySize", "Not one of the known values."))
    if before is None:
        values |= {"ownerUserId": asking.user, "created_s": asking.now_s}
    return values, problems


def _members(asking: Asking, account: Record) -> list[int]:
    contacts = asking.workspace.contacts
    return [n for n in asking.workspace.ordered() if contacts[n].fields.get("accountId") == account["id"]]


def _shown(record: Record, linked_n: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": record["id"], "name": record["name"]}
    shown |= {name: record.get(name) for name in _TEXTS}
    return shown | {
        "companySize": record.get("companySize", "Empty"),
        "ownerUserId": record.get("ownerUserId"),
        "linkedProspectsCount": linked_n,
        "createdDate": _time(record.get("created_s", 0.0)),
        "lastActivityDate": None,
        "stage": record.get("stage", _STAGE),
    }


def _view(asking: Asking, record: Record) -> dict[str, Any]:
    return _shown(record, len(_members(asking, record)))


def _let_go(asking: Asking, record: Record) -> None:
    """The contacts of an account that is gone stay, without it."""
    for number in _members(asking, record):
        del asking.workspace.contacts[number].fields["accountId"]
    for one in asking.workspace.shelf("account_lists"):
        one["members"].pop(record["id"], None)


def _check_list(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    values: Record = {"name": body.get("name")} | ({"members": {}} if before is None else {})
    return values, needs_text(body, "name")


ACCOUNT = Kind("accounts", "contactAccount", _KEYS, _check, _view, family="accounts", gone=_let_go)
LIST = Kind(
    "account_lists",
    "contactAccountList",
    frozenset({"name"}),
    _check_list,
    lambda asking, record: {"id": record["id"], "name": record["name"]},
)


def list_accounts(asking: Asking) -> Answer:
    """GET all, or POST filter: what it filters by is unknown, so it takes all."""
    # Counted once for the page, not once for each account.
    linked = Counter(one.fields.get("accountId") for one in asking.workspace.contacts.values())
    kind = replace(ACCOUNT, view=lambda _, record: _shown(record, linked[record["id"]]))
    return kind.page(asking, list(ACCOUNT.shelf(asking)))


def bulk_create(asking: Asking) -> Answer:
    """POST bulk: one result per account, in the order of the call."""
    body = asking.mapping()
    note_surprises(asking.workspace, "accounts.bulk_create", body, ("items",))
    wanted = body.get("items")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(one, dict) for one in wanted):
        raise Refused(invalid([("/items", "At least one account is needed.")]))
    results: list[dict[str, Any]] = []
    for i, one in enumerate(wanted):
        note_surprises(asking.workspace, "accounts", one, _KEYS)
        values, problems = _check(asking, one, None)
        if problems:
            failed = item_error(asking.switches, "accounts", "invalidInput", i)
            results.append({"id": None} | failed | {"errorDetails": problems[0][1]})
        else:
            results.append({"id": ACCOUNT.shelf(asking).add(values)["id"], "error": None, "errorDetails": None})
    effects = [Effect.FAILED if one["id"] is None else Effect.CREATED for one in results]
    ACCOUNT.note(asking, "bulk_create", [one["id"] for one in results], effects)
    return json_answer(200, results)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete: failures by id, or nothing: the answer is a guess."""
    answer = ACCOUNT.bulk_delete(asking)
    return empty(204) if asking.switches["v3.bulk_delete_answer"] == "empty_204" else answer


def set_owner(asking: Asking) -> Answer:
    """PUT owner: someone outside the team is bad input, not a 404."""
    record, body = ACCOUNT.found(asking), asking.mapping()
    note_surprises(asking.workspace, "accounts.set_owner", body, ("userId",))
    if type(body.get("userId")) is not int:
        raise Refused(invalid([("/userId", "A value is needed.")]))
    if body["userId"] not in USERS:
        detail, code = "The user is not in the team.", "contactAccount.invalidInput"
        raise Refused(problem(asking.switches, 400, "Invalid input", detail, code=code))
    effect = Effect.UNCHANGED if record["ownerUserId"] == body["userId"] else Effect.UPDATED
    record["ownerUserId"] = body["userId"]
    ACCOUNT.note(asking, "set_owner", [record["id"]], [effect])
    return json_answer(200, _view(asking, record))


def list_contacts(asking: Asking) -> Answer:
    """GET the contacts of an account."""
    ids, (top, skip) = _members(asking, ACCOUNT.found(asking)), asking.page(25, 1000)
    workspace = asking.workspace
    shown = [v3_contact(workspace, workspace.contacts[n], asking.switches) for n in ids[skip : skip + top]]
    return json_answer(200, {"items": shown, "hasMore": skip + top < len(ids)})


def link_contacts(asking: Asking) -> Answer:
    """POST contact-links: a contact has one account, so it leaves another one."""

    def link(account: Record, contact: Contact) -> Effect | str:
        if contact.fields.get("accountId") == account["id"]:
            return Effect.UNCHANGED
        contact.fields["accountId"] = account["id"]
        return Effect.UPDATED

    return _links(asking, "link_contacts", link)


def unlink_contacts(asking: Asking) -> Answer:
    """POST contact-links/bulk-delete: one that is not linked is not found."""

    def unlink(account: Record, contact: Contact) -> Effect | str:
        if contact.fields.get("accountId") != account["id"]:
            return "notFound"
        del contact.fields["accountId"]
        return Effect.UPDATED

    return _links(asking, "unlink_contacts", unlink)


def _links(asking: Asking, operation: str, change: Callable[[Record, Contact], Effect | str]) -> Answer:
    account, failed, effects = ACCOUNT.found(asking), {}, []
    note_surprises(asking.workspace, f"accounts.{operation}", asking.mapping(), ("contactIds",))
    ids = asking.ids("contactIds", 1000)
    for number in ids:
        contact = asking.workspace.contacts.get(number)
        unknown = "invalidInput" if number < 1 and operation == "link_contacts" else "notFound"
        effect = unknown if contact is None else change(account, contact)
        if isinstance(effect, str):
            failed[str(number)] = item_error(asking.switches, "account_links", effect, number)
        effects.append(Effect.FAILED if isinstance(effect, str) else effect)
    ACCOUNT.note(asking, operation, ids, effects)
    return json_answer(200, failed)


def add_accounts(asking: Asking) -> Answer:
    """POST add-accounts: a member added again is a success."""
    return _enlist(asking, "add_accounts")


def move_accounts(asking: Asking) -> Answer:
    """POST move-accounts: off the other lists."""
    return _enlist(asking, "move_accounts")


def _enlist(asking: Asking, operation: str) -> Answer:
    found, failed, effects = LIST.found(asking), {}, []
    note_surprises(asking.workspace, f"account_lists.{operation}", asking.mapping(), ("accountIds",))
    moves = operation == "move_accounts" and asking.switches["v3.move_list"] == "leaves_other_lists"
    ids = asking.ids("accountIds", 1000)
    for number in ids:
        if number not in ACCOUNT.shelf(asking):
            failed[str(number)] = item_error(asking.switches, "account_lists", "accountNotProcessed", number)
            effects.append(Effect.FAILED)
            continue
        for other in LIST.shelf(asking) if moves else ():
            if other is not found:
                other["members"].pop(number, None)
        effects.append(Effect.UNCHANGED if number in found["members"] else Effect.UPDATED)
        found["members"][number] = None
    LIST.note(asking, operation, ids, effects)
    return json_answer(200, failed)


ROUTES = {
    "v3.accounts.list": list_accounts,
    "v3.accounts.filter": list_accounts,
    "v3.accounts.get": ACCOUNT.get,
    "v3.accounts.create": ACCOUNT.create,
    "v3.accounts.update": ACCOUNT.update,
    "v3.accounts.delete": ACCOUNT.delete,
    "v3.accounts.bulk_create": bulk_create,
    "v3.accounts.bulk_delete": bulk_delete,
    "v3.accounts.set_owner": set_owner,
    "v3.accounts.list_contacts": list_contacts,
    "v3.accounts.link_contacts": link_contacts,
    "v3.accounts.unlink_contacts": unlink_contacts,
    "v3.account_lists.list": LIST.list,
    "v3.account_lists.get": LIST.get,
    "v3.account_lists.create": LIST.create,
    "v3.account_lists.update": LIST.update,
    "v3.account_lists.delete": LIST.delete,
    "v3.account_lists.add_accounts": add_accounts,
    "v3.account_lists.move_accounts": move_accounts,
}
