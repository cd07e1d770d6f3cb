"""Accounts, their lists, blacklist rules, webhooks, e-mail validation; more of lists and custom fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.store import Workspace

_CRUD_OF_RULES = ["DONE", "REJECT", "REJECT", "DONE", "DONE", "DONE", "DONE", "DONE", "REJECT"]
JUDGED: dict[str, list[str]] = {
    "v3-account-lists-add": ["DONE", "DONE"],
    "v3-account-lists-crud": ["DONE", "REJECT", "DONE", "DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-account-lists-move-int": ["DONE"],
    "v3-accounts-bulk-create": ["DONE"],
    "v3-accounts-bulk-create-int": ["DONE"],
    "v3-accounts-bulk-delete": ["DONE"],
    "v3-accounts-bulk-delete-empty": ["DONE"],
    "v3-accounts-contacts": ["DONE", "DONE", "DONE", "DONE", "DONE", "DONE"],
    "v3-accounts-create": ["DONE", "REJECT", "REJECT", "DONE", "DONE", "REJECT"],
    "v3-accounts-filter": ["DONE"],
    "v3-accounts-link-contacts": ["DONE"],
    "v3-accounts-links-int": ["DONE", "DONE"],
    "v3-accounts-list": ["DONE", "DONE"],
    "v3-accounts-owner-outside-team": ["REJECT"],
    "v3-accounts-put": ["DONE", "DONE"],
    "v3-accounts-set-owner": ["DONE", "REJECT"],
    "v3-blacklist-domains-bulk": ["DONE"],
    "v3-blacklist-domains-bulk-delete": ["DONE"],
    "v3-blacklist-domains-bulk-int": ["DONE"],
    "v3-blacklist-domains-crud": _CRUD_OF_RULES,
    "v3-blacklist-domains-global": ["REJECT", "REJECT", "DONE", "DONE"],
    "v3-blacklist-emails-bulk": ["DONE"],
    "v3-blacklist-emails-bulk-delete-int": ["DONE"],
    "v3-blacklist-emails-crud": _CRUD_OF_RULES,
    "v3-blacklist-exceptions-bulk": ["DONE"],
    "v3-blacklist-exceptions-bulk-delete": ["DONE"],
    "v3-blacklist-exceptions-crud": _CRUD_OF_RULES,
    "v3-blacklist-exceptions-list": ["DONE"],
    "v3-contact-lists-delete": ["DONE", "DONE", "REJECT"],
    "v3-contact-lists-list": ["DONE"],
    "v3-contact-lists-share": ["DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-custom-fields-update": ["DONE", "DONE", "REJECT", "DONE", "DONE", "REJECT"],
    "v3-email-validation-job": ["DONE", "FOLLOW", "DONE"],
    "v3-email-validation-short": ["DONE", "REJECT", "DONE", "FOLLOW"],
    "v3-webhooks-create": ["DONE", "REJECT", "REJECT"],
    "v3-webhooks-delete": ["DONE", "DONE", "REJECT"],
    "v3-webhooks-enable": ["DONE", "DONE", "DONE", "DONE", "DONE", "DONE", "REJECT"],
    "v3-webhooks-events": ["DONE"],
    "v3-webhooks-list": ["DONE", "DONE"],
    "v3-webhooks-scope-int": ["REJECT"],
    "v3-webhooks-update": ["DONE", "DONE"],
}


def furnish(workspace: Workspace) -> None:
    """Nothing: V1 lists the same rules, so each sample brings its own."""


def _account(workspace: Workspace, number: int, name: str, **values: Any) -> None:
    made_s = datetime(2026, 2, 1, 10, tzinfo=UTC).timestamp()
    workspace.shelf("accounts").add({"id": number, "name": name, "ownerUserId": 11, "created_s": made_s} | values)


def _northwind(workspace: Workspace) -> None:
    _account(workspace, 302, "Northwind Test", domainName="northwind.example", companySize="11-50")


def _three_accounts(workspace: Workspace) -> None:
    _northwind(workspace)
    _account(workspace, 303, "Tailspin Test")
    _account(workspace, 304, "Fabrikam Test")


def _linked(workspace: Workspace) -> None:
    _northwind(workspace)
    workspace.contacts[1001].fields["accountId"] = 302


def _account_list(workspace: Workspace) -> None:
    _northwind(workspace)
    workspace.shelf("account_lists").add({"id": 351, "name": "Key accounts", "members": {}})


def _rule(kind: str, number: int, pattern: str, *, is_global: bool = False) -> Callable[[Workspace], None]:
    def add(workspace: Workspace) -> None:
        workspace.shelf(kind).add({"id": number, "pattern": pattern, "isGlobal": is_global})

    return add


def _email_rules(workspace: Workspace) -> None:
    _rule("email_blacklist_rules", 1, "abuse@gov.example", is_global=True)(workspace)
    _rule("email_blacklist_rules", 882, "spam@rival.example")(workspace)


def _webhook(workspace: Workspace) -> None:
    parts = {"includeEmailUrl": True, "includeEmailText": False, "includeProspectCustomFields": True}
    hook = {"id": 61, "eventType": "email_replied", "url": "https://hooks.example.com/reply", "scope": "personal"}
    workspace.shelf("webhooks").add(hook | {"enabled": True, "payloadConfig": parts, "created_s": 0.0, "logs": []})


def _credits(left_n: int) -> Callable[[Workspace], None]:
    def add(workspace: Workspace) -> None:
        workspace.shelf("validation_credits").add({"id": "left", "left_n": left_n})

    return add


_FRIEND = _rule("email_exception_blacklist_rules", 890, "friend@rival.example")
_RIVAL = _rule("domain_blacklist_rules", 881, "rival.example")
SETUP: dict[str, Callable[[Workspace], None]] = {
    "v3-account-lists-add": _account_list,
    "v3-account-lists-move-int": _account_list,
    "v3-accounts-bulk-delete": _northwind,
    "v3-accounts-bulk-delete-empty": _northwind,
    "v3-accounts-contacts": _northwind,
    "v3-accounts-filter": _northwind,
    "v3-accounts-link-contacts": _northwind,
    "v3-accounts-links-int": _linked,
    "v3-accounts-list": _three_accounts,
    "v3-accounts-owner-outside-team": _northwind,
    "v3-accounts-put": _northwind,
    "v3-accounts-set-owner": _northwind,
    "v3-blacklist-domains-bulk-delete": _RIVAL,
    "v3-blacklist-domains-bulk-int": _RIVAL,
    "v3-blacklist-domains-global": _rule("domain_blacklist_rules", 1, "gov.example", is_global=True),
    "v3-blacklist-emails-bulk-delete-int": _email_rules,
    "v3-blacklist-exceptions-bulk-delete": _FRIEND,
    "v3-blacklist-exceptions-list": _FRIEND,
    "v3-email-validation-job": _credits(50),
    "v3-email-validation-short": _credits(1),
    "v3-webhooks-delete": _webhook,
    "v3-webhooks-enable": _webhook,
    "v3-webhooks-list": _webhook,
    "v3-webhooks-update": _webhook,
}
SWITCHES = {
    "v3-account-lists-move-int": {"v3.item_error": "int"},
    "v3-accounts-bulk-create-int": {"v3.item_error": "int"},
    "v3-accounts-bulk-delete-empty": {"v3.bulk_delete_answer": "empty_204"},
    "v3-accounts-links-int": {"v3.item_error": "int"},
    "v3-blacklist-domains-bulk-int": {"v3.item_error": "int"},
    "v3-blacklist-emails-bulk-delete-int": {"v3.item_error": "int"},
    "v3-webhooks-scope-int": {"v3.error_key": "errorCode"},
}
SKIPPED: dict[str, str] = {}
