"""How a contact looks from V3 and from V1 (v3-contacts.md 1, v1-v2.md 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.store import Contact, Workspace
from bulkreply.sandbox.switches import Switches
from bulkreply.sandbox.vocabulary import ENUMS, V1_BANDS, V1_WRITABLE, V3_TEXTS, WINDOWS_ZONES, pascal

_SHOWN = tuple(sorted(V3_TEXTS - {"phone2"}))


def plain_time(time_s: float) -> str:
    """A time without offset, as `createdAt` comes."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def v3_contact(workspace: Workspace, contact: Contact, switches: Switches) -> dict[str, Any]:
    """The contact object of V3."""
    fields = contact.fields
    view: dict[str, Any] = {"id": contact.id}
    view |= {name: fields.get(name) for name in _SHOWN}
    spell = pascal if switches["v3.enum_out"] == "pascal" else str
    for name, words in ENUMS.items():
        view[name] = spell(fields.get(name) or words[0])
    address = contact.email
    hidden = switches["v3.private_lists_in_contact"] == "hidden"
    return view | {
        "domain": address.rpartition("@")[2] if address else None,
        "phoneStatus": spell("notValidated"),
        "isOptedOut": bool(fields.get("isOptedOut")),
        "ownerUserId": contact.owner,
        "accountId": fields.get("accountId"),
        "addingDate": plain_time(contact.created_s) + "+00:00",
        "createdAt": plain_time(contact.created_s),
        "lastModifiedAt": plain_time(contact.modified_s),
        "customFields": _custom(workspace, contact),
        "sequences": [_shown(membership, switches) for membership in (contact.sequences or {}).values()],
        "lists": [
            {"listId": one.id, "listName": one.name, "isShared": one.shared}
            for one in (workspace.lists[number] for number in contact.lists)
            if one.shared or not hidden
        ],
    }


def _shown(membership: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """A membership without what the stand-in keeps to itself; that mail bounced may show as its status."""
    shown = {name: value for name, value in membership.items() if not name.startswith("_")}
    bounced = membership.get("_bounced") and switches["v3.bounced_in_contact"] == "shown"
    return shown | {"status": "bounced"} if bounced else shown


def _custom(workspace: Workspace, contact: Contact) -> list[dict[str, str]]:
    return [
        {"key": workspace.fields[number].title, "value": value}
        for number, value in (contact.custom or {}).items()
        if number in workspace.fields
    ]


def v1_person(workspace: Workspace, contact: Contact) -> dict[str, Any]:
    """The person object of V1: unset texts are empty, not null."""
    fields = contact.fields
    view: dict[str, Any] = {"id": contact.id}
    view |= {name: fields.get(own) or "" for name, own in V1_WRITABLE.items()}
    zone = str(fields.get("timeZoneId") or "")
    return view | {
        "timeZoneId": WINDOWS_ZONES.get(zone, zone),
        "phoneStatus": "",
        "companySize": V1_BANDS[fields.get("companySize") or "empty"],
        "industry": fields.get("industry") or "",
        "salesNavigatorUrl": fields.get("linkedInSalesNavigatorUrl") or "",
        "linkedInRecruiterUrl": fields.get("linkedInRecruiterUrl") or "",
        "accountId": fields.get("accountId"),
        "customFields": _custom(workspace, contact),
        "addingDate": plain_time(contact.created_s),
        "creationSource": contact.source,
    }
