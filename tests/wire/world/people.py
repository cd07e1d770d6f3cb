"""Contacts, lists, custom fields and people: what most samples presume."""

from __future__ import annotations

from collections.abc import Callable

from bulkreply.sandbox.store import Contact, ContactList, CustomField, Workspace

# What the client is to make of each answer of each sample that speaks of an operation of the catalog.
JUDGED: dict[str, list[str]] = {
    "v1-custom-fields": ["DONE", "DONE", "DONE"],
    "v1-people-401": ["STOP"],
    "v1-people-by-email": ["DONE", "REJECT"],
    "v1-people-by-email-200-null": ["DONE"],
    "v1-people-csv-import": ["DONE"],
    "v1-people-delete-by-email": ["DONE", "DONE"],
    "v1-people-list-two-pages": ["DONE", "DONE"],
    "v1-people-upsert": ["DONE", "DONE"],
    "v3-background-jobs-list-cancel": ["DONE", "DONE", "DONE", "REJECT"],
    "v3-contact-lists-add": ["DONE", "DONE"],
    "v3-contact-lists-create": ["DONE"],
    "v3-contact-lists-move-int": ["DONE"],
    "v3-contact-lists-rename": ["DONE", "DONE"],
    "v3-contacts-bulk-delete": ["DONE"],
    "v3-contacts-create-201": ["DONE"],
    "v3-contacts-create-400-validation": ["REJECT"],
    "v3-contacts-delete-repeat": ["DONE", "DONE"],
    "v3-contacts-filter-list-members": ["DONE", "DONE"],
    "v3-contacts-find-by-email": ["DONE"],
    "v3-contacts-get-404": ["REJECT"],
    "v3-contacts-get-404-int": ["REJECT"],
    "v3-contacts-import-202-job": ["FOLLOW", "DONE", "DONE", "DONE"],
    "v3-contacts-import-400-pointer": ["REJECT", "DONE"],
    "v3-contacts-import-503": ["VERIFY", "DONE", "DONE"],
    "v3-contacts-import-lost-answer": ["VERIFY", "DONE"],
    "v3-contacts-import-mixed": ["DONE"],
    "v3-contacts-import-mixed-pascal": ["DONE"],
    "v3-contacts-import-plan-limit": ["STOP"],
    "v3-contacts-list-429-retry": ["WAIT", "DONE"],
    "v3-contacts-list-scope-missing": ["STOP"],
    "v3-contacts-list-team-required": ["STOP"],
    "v3-contacts-list-two-pages": ["DONE", "DONE"],
    "v3-contacts-patch": ["DONE"],
    "v3-contacts-patch-key-ignored": ["DONE"],
    "v3-custom-fields-create": ["DONE", "REJECT"],
    "v3-custom-fields-list": ["DONE"],
    "v3-team-users-list": ["DONE"],
    "v3-whoami-401-empty": ["STOP"],
    "v3-whoami-401-problem": ["STOP"],
    "v3-whoami-401-unknown-acting-user": ["STOP"],
    "v3-whoami-acting-user": ["DONE", "DONE"],
    "v3-whoami-ok": ["DONE"],
}
SKIPPED = {
    "v3-contacts-list-429-retry": "needs an exhausted quota; tests/flow/test_sandbox.py",
    "v3-contacts-import-503": "needs a fault; tests/flow/test_answers.py",
    "v3-contacts-list-scope-missing": "needs its key; tests/flow/test_answers.py",
    "v3-contacts-list-team-required": "needs its key; tests/flow/test_answers.py",
    "v3-background-jobs-list-cancel": "a job of another category; tests/flow/test_sandbox.py",
}


def furnish(workspace: Workspace) -> None:
    """What most samples presume."""
    workspace.lists[71] = ContactList(71, "Fair 2026", True)
    workspace.next_ids["list"] = 72
    workspace.fields[41] = CustomField(41, "Region", "text")
    workspace.fields[42] = CustomField(42, "Seats", "number")
    workspace.next_ids["field"] = 43
    people = (
        (1001, "alpha@example.com", "Alpha", "One", {"title": "Buyer", "company": "Northwind Test"}),
        (1002, "beta@example.org", "Beta", None, {"isOptedOut": True}),
        (1003, None, "Gamma", "Three", {"linkedInUrl": "https://www.linkedin.com/in/gamma-example"}),
    )
    for number, email, first, last, more in people:
        fields = {"email": email, "firstName": first, "lastName": last, **more}
        workspace.add(Contact(number, {k: v for k, v in fields.items() if v is not None}, 11, 1768469400.0))
    workspace.contacts[1001].fields |= {"companySize": "fifty", "phone": "+1-415-555-0101", "accountId": 301}
    workspace.contacts[1001].fields["timeZoneId"] = "America/Los_Angeles"
    workspace.contacts[1001].custom = {41: "West"}
    workspace.contacts[1003].fields |= {"companySize": "tenThousand", "callStatus": "toCall"}
    workspace.next_ids["contact"] = 1004
    workspace.join(workspace.contacts[1001], 71)


def _mate(workspace: Workspace) -> None:
    workspace.add(Contact(1090, {"email": "owned-by-mate@example.com", "firstName": "Zeta"}, 12, 0.0))


def _members(workspace: Workspace) -> None:
    for number, email, first in ((1005, "epsilon@example.com", "Epsilon"), (1008, "mu@example.com", "Mu")):
        workspace.add(Contact(number, {"email": email, "firstName": first}, 11, 0.0))
        workspace.join(workspace.contacts[number], 71)


def _people(workspace: Workspace) -> None:
    workspace.remove(workspace.contacts[1003])
    workspace.add(Contact(1000, {"email": "first@example.net", "firstName": "First"}, 11, 0.0, "Manually"))
    workspace.contacts[1001].source = "CSV"


def _pi(workspace: Workspace) -> None:
    workspace.add(Contact(1012, {"email": "pi@example.com", "firstName": "Pi"}, 11, 0.0))


def _another_list(workspace: Workspace) -> None:
    workspace.lists[72] = ContactList(72, "Webinar")


def _seats_gone(workspace: Workspace) -> None:
    del workspace.fields[42]
    workspace.next_ids["field"] = 42


def _plain_north(workspace: Workspace) -> None:
    workspace.contacts[1001].custom = {41: "North"}


def _empty_list(workspace: Workspace) -> None:
    workspace.leave(workspace.contacts[1001], 71)


def _bare(workspace: Workspace) -> None:
    workspace.contacts[1001].custom = None
    _empty_list(workspace)


def _in_a_sequence(workspace: Workspace) -> None:
    membership = {"sequenceId": 501, "sequenceName": "Spring", "status": "active", "currentStep": 1}
    membership |= {"addingDate": "2026-01-16T08:00:00+00:00", "emailAccountId": 9001, "linkedInAccountId": None}
    workspace.contacts[1001].sequences = {501: membership}
    workspace.contacts[1003].custom = {41: ""}
    workspace.contacts[1003].owner = 12


def _north_and_bare(workspace: Workspace) -> None:
    _bare(workspace)
    _plain_north(workspace)


SETUP: dict[str, Callable[[Workspace], None]] = {
    "v3-contacts-import-mixed": _mate,
    "v3-contacts-filter-list-members": _members,
    "v1-people-list-two-pages": _people,
    "v1-people-delete-by-email": _pi,
    "v3-contact-lists-move-int": _another_list,
    "v1-custom-fields": _seats_gone,
    "v3-contacts-find-by-email": _bare,
    "v3-contacts-list-two-pages": _in_a_sequence,
    "v3-contacts-patch": _empty_list,
    "v3-contacts-patch-key-ignored": _north_and_bare,
    "v3-contacts-import-202-job": _empty_list,
}
SWITCHES = {
    "v3-contacts-import-mixed-pascal": {"v3.enum_out": "pascal"},
    "v3-contacts-get-404-int": {"v3.error_key": "errorCode"},
    "v3-contact-lists-move-int": {"v3.item_error": "int"},
    "v3-whoami-401-problem": {"v3.unauthorized_body": "problem"},
    "v3-contacts-import-202-job": {"v3.import_mode": "job"},
    "v3-contacts-import-plan-limit": {"v3.plan_contacts": "3"},
    "v1-people-by-email-200-null": {"v1.unknown_email": "200_null"},
}
