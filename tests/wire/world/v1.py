"""What the V1 samples presume: campaigns with people and mail, lists, blacklist, templates, companies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.store import Contact, ContactList, Workspace

CREATED_S = 1768032000.1234567  # 2026-01-10T08:00:00.1234567Z
JANUARY_S = 1768550400.0  # 2026-01-16T08:00:00Z
MAILED_S, REPLIED_S = 1772350000, 1772440000

JUDGED: dict[str, list[str]] = {
    "v1-accounts-csv-import": ["DONE", "REJECT"],
    "v1-add-and-push": ["DONE"],
    "v1-blacklist": ["DONE", "DONE", "DONE"],
    "v1-blacklist-by-kind": ["DONE", "DONE", "DONE"],
    "v1-campaign-people-404": ["REJECT", "DONE"],
    "v1-campaign-people-list": ["DONE"],
    "v1-campaigns-429": ["WAIT"],
    "v1-campaigns-by-id-array": ["DONE"],
    "v1-campaigns-by-name": ["DONE"],
    "v1-campaigns-get": ["DONE", "REJECT"],
    "v1-campaigns-month-403": ["STOP"],
    "v1-campaigns-throttle-400": ["DONE", "WAIT"],
    "v1-custom-fields-put": ["DONE", "DONE", "REJECT"],
    "v1-email-accounts-delete": ["DONE", "DONE"],
    "v1-email-accounts-list": ["DONE"],
    "v1-email-accounts-upsert": ["DONE", "DONE"],
    "v1-lists-create-and-members": ["DONE", "DONE"],
    "v1-lists-create-taken": ["DONE", "REJECT"],
    "v1-lists-delete": ["DONE", "DONE"],
    "v1-lists-members-by-name": ["DONE"],
    "v1-lists-move": ["DONE", "DONE"],
    "v1-lists-read": ["DONE", "DONE", "REJECT"],
    "v1-mark-as-finished": ["DONE", "DONE"],
    "v1-mark-as-replied": ["DONE", "REJECT"],
    "v1-people-by-id": ["DONE", "DONE", "REJECT"],
    "v1-people-csv-import": ["DONE", "DONE"],
    "v1-people-delete-by-id": ["DONE", "DONE", "DONE"],
    "v1-people-lookup": ["DONE", "DONE"],
    "v1-people-sequences": ["DONE"],
    "v1-push-blocked": ["REJECT", "REJECT"],
    "v1-push-contacts-bulk": ["DONE"],
    "v1-push-to-campaign": ["DONE", "REJECT"],
    "v1-remove-from-all-campaigns": ["DONE", "DONE"],
    "v1-remove-from-campaign": ["DONE"],
    "v1-shared-page": ["DONE", "STOP"],
    "v1-stats-campaign-clicks": ["DONE", "REJECT"],
    "v1-stats-campaign-step": ["DONE", "REJECT"],
    "v1-stats-people-sent": ["DONE"],
    "v1-stats-person": ["DONE"],
    "v1-stats-person-fresh": ["REJECT"],
    "v1-stats-status-in-campaign": ["DONE"],
    "v1-templates": ["DONE", "DONE", "REJECT"],
    "v1-unmark-out-of-office": ["DONE"],
    "v1-variables-opaque": ["DONE"],
}
SKIPPED: dict[str, str] = {
    "v1-campaigns-429": "needs the ten-second rule; tests/unit/test_sandbox_v1.py",
    "v1-campaigns-throttle-400": "needs the ten-second rule; tests/unit/test_sandbox_v1.py",
    "v1-people-lookup": "shows both positions of a switch; tests/unit/test_sandbox_v1.py",
    "v1-shared-page": "shows both positions of a switch; tests/unit/test_sandbox_v1.py",
}
SWITCHES: dict[str, dict[str, str]] = {
    "v1-campaign-people-404": {"v1.campaign_people": "404"},
    "v1-campaigns-month-403": {"v1.month_calls": "0"},
}


def furnish(workspace: Workspace) -> None:
    """Everything most samples presume stands there already, put by the rooms of V3."""


def _join(workspace: Workspace, person: int, number: int = 501, status: str = "active", **hidden: Any) -> None:
    membership = {
        "sequenceId": number,
        "sequenceName": workspace.shelf("sequences").get(number)["name"],
        "status": status,
        "currentStep": 1,
        "addingDate": "2026-01-16T08:00:00+00:00",
        "emailAccountId": 9001,
        "linkedInAccountId": None,
        "_added_s": JANUARY_S,
    }
    contact = workspace.contacts[person]
    contact.sequences = (contact.sequences or {}) | {number: membership | hidden}


def _mail(**what: bool) -> dict[str, Any]:
    return {"stepNum": 1, "date": MAILED_S, "opened": False, "replied": False, "bounced": False} | what


def _enrolled(workspace: Workspace) -> None:
    _join(workspace, 1001)


def _away(workspace: Workspace) -> None:
    _join(workspace, 1001, status="outOfOffice")


def _crowd(workspace: Workspace) -> None:
    """Forty people in Spring, as the figures of the samples say."""
    spring = workspace.shelf("sequences").get(501)
    spring |= {"created_s": CREATED_S, "status": "active", "emailAccounts": [9001]}
    for other in list(workspace.shelf("sequences")):
        if other["id"] != 501:
            workspace.shelf("sequences").remove(other["id"])
    statuses = ["active"] * 30 + ["finished"] * 8 + ["paused", "outOfOffice"]
    for i, status in enumerate(statuses):
        fields = {"email": f"member{i}@example.com", "firstName": "M"} | ({"isOptedOut": True} if i == 39 else {})
        workspace.add(Contact(1100 + i, fields, 11, 0.0))
        mail = _mail(bounced=i == 0, opened=1 <= i <= 20, replied=1 <= i <= 4)
        _join(workspace, 1100 + i, status=status, _emails=[mail])


def _paused_crowd(workspace: Workspace) -> None:
    _crowd(workspace)
    workspace.shelf("sequences").get(501)["status"] = "paused"


def _replied(workspace: Workspace) -> None:
    workspace.shelf("sequences").get(501)["status"] = "paused"
    reply = {"_reply_s": REPLIED_S, "_reply_text": "Sounds good", "_inbox_state": "Interested"}
    _join(workspace, 1001, status="finished", _emails=[_mail(opened=True, replied=True)], **reply)


def _clicked(workspace: Workspace) -> None:
    link = {"textToDisplay": "our offer", "title": "Offer", "url": "https://example.com/offer", "clicks": 3}
    link["lastClickDate"] = "2026-03-01T10:00:00"
    workspace.shelf("sequence_steps").get(2101)["_links"] = [link]


def _tau(workspace: Workspace) -> None:
    _enrolled(workspace)
    workspace.add(Contact(1020, {"email": "tau@example.com", "firstName": "Tau"}, 11, 0.0))


def _bulk(workspace: Workspace) -> None:
    _enrolled(workspace)
    workspace.add(Contact(1005, {"email": "epsilon@example.com", "firstName": "Epsilon"}, 11, 0.0))


def _another_campaign(workspace: Workspace) -> None:
    autumn = workspace.shelf("sequences").get(501) | {"id": 502, "name": "Autumn"}
    workspace.shelf("sequences").add(autumn)
    workspace.shelf("sequence_steps").add(workspace.shelf("sequence_steps").get(2101) | {"id": 2190, "sequenceId": 502})


def _next_list(workspace: Workspace) -> None:
    workspace.next_ids["list"] = 73


def _webinar(workspace: Workspace) -> None:
    workspace.lists[72] = ContactList(72, "Webinar")


def _clear(workspace: Workspace, *names: str) -> None:
    for name in names:
        for one in list(workspace.shelf(name)):
            workspace.shelf(name).remove(one["id"])


def _spam(workspace: Workspace) -> None:
    _clear(workspace, "domain_blacklist_rules", "email_blacklist_rules")
    workspace.shelf("email_blacklist_rules").add({"pattern": "spam@other.example", "isGlobal": False})


def _rival(workspace: Workspace) -> None:
    _clear(workspace, "domain_blacklist_rules", "email_blacklist_rules")
    workspace.shelf("domain_blacklist_rules").add({"pattern": "rival.example", "isGlobal": False})


def _one_mailbox(workspace: Workspace) -> None:
    _clear(workspace, "email_accounts")
    connection = {"email": "sender@example.com", "senderName": "Owner One"}
    workspace.shelf("email_accounts").add({"id": 9001, "ownerUserId": 11, "connection": connection})


def _two_templates(workspace: Workspace) -> None:
    _clear(workspace, "email_templates")
    shelf = workspace.shelf("email_templates")
    welcome = {"subject": "Hello", "body": "<p>Welcome</p>", "folderId": 15}
    shelf.add({"id": 4001, "name": "Welcome", "folderType": "personal"} | welcome)
    shelf.add({"id": 4002, "name": "Team welcome", "folderType": "team", "body": "<p>Welcome</p>"})


def _northwind(workspace: Workspace) -> None:
    _clear(workspace, "accounts")
    workspace.shelf("accounts").add({"id": 302, "name": "Northwind", "domainName": "northwind.example"})


def _one_field(workspace: Workspace) -> None:
    del workspace.fields[42]


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v1-accounts-csv-import": _northwind,
    "v1-blacklist": _spam,
    "v1-blacklist-by-kind": _rival,
    "v1-campaign-people-404": _enrolled,
    "v1-campaign-people-list": _enrolled,
    "v1-campaigns-by-id-array": _crowd,
    "v1-campaigns-by-name": _paused_crowd,
    "v1-campaigns-get": _crowd,
    "v1-email-accounts-delete": _one_mailbox,
    "v1-email-accounts-list": _one_mailbox,
    "v1-email-accounts-upsert": _one_mailbox,
    "v1-lists-create-and-members": _next_list,
    "v1-lists-move": _webinar,
    "v1-mark-as-finished": _enrolled,
    "v1-mark-as-replied": _tau,
    "v1-people-sequences": _enrolled,
    "v1-push-contacts-bulk": _bulk,
    "v1-push-to-campaign": _another_campaign,
    "v1-remove-from-all-campaigns": _enrolled,
    "v1-remove-from-campaign": _enrolled,
    "v1-stats-campaign-clicks": _clicked,
    "v1-stats-campaign-step": _replied,
    "v1-stats-people-sent": _crowd,
    "v1-stats-person": _replied,
    "v1-stats-status-in-campaign": _enrolled,
    "v1-templates": _two_templates,
    "v1-unmark-out-of-office": _away,
    "v1-variables-opaque": _one_field,
}
