"""What a write does to a contact: checks of V3 records, and putting values in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, Workspace
from bulkreply.sandbox.vocabulary import ENUMS, V3_TEXTS, enum_word, is_address, is_time_zone


class Unusable(Exception):
    """A record that cannot be taken; the text is what an import item answers."""


def problems_of(asking: Asking, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`(field, detail)` of everything malformed in a V3 record."""
    found = []
    for name in V3_TEXTS & record.keys():
        if record[name] is not None and not isinstance(record[name], str):
            found.append((name, "Text is needed."))
    address = record.get("email")
    if isinstance(address, str) and not is_address(address):
        found.append(("email", "Not a valid address."))
    strict = asking.switches["v3.enum_in"] == "camel_only"
    for name in ENUMS.keys() & record.keys():
        word = record[name]
        if word is not None and enum_word(name, str(word), strict) is None:
            found.append((name, "Not one of the known values."))
    return found


def values_of(asking: Asking, record: Mapping[str, Any]) -> dict[str, Any]:
    """The plain fields a record sets; None empties."""
    strict = asking.switches["v3.enum_in"] == "camel_only"
    values = {name: record[name] for name in V3_TEXTS & record.keys()}
    for name in ENUMS.keys() & record.keys():
        values[name] = None if record[name] is None else enum_word(name, str(record[name]), strict)
    for name in ("accountId", "isOptedOut"):
        if name in record:
            values[name] = record[name]
    zone = values.get("timeZoneId")
    if zone and asking.switches["v3.import_unknown_time_zone"] == "item_failed" and not is_time_zone(zone):
        raise Unusable("Unknown time zone")
    return values


def custom_of(asking: Asking, entries: Any, address_by: tuple[str, ...]) -> dict[int, str | None]:
    """Custom field values by id.

    Args:
        address_by: Keys an entry may name its field by: `key` on create, `id` or `name` on PATCH and import
            (`key` is silently ignored there, v3-contacts.md 1).

    Raises:
        Unusable: A field the account does not have.
    """
    found: dict[int, str | None] = {}
    for entry in entries or ():
        number = _field_id(asking.workspace, entry, address_by)
        if number == 0:
            if asking.switches["v3.unknown_custom_field"] == "item_failed":
                raise Unusable("Unknown custom field")
            continue
        if number is not None:
            value = entry.get("value")
            if value is not None and asking.workspace.fields[number].kind == "number":
                _check_number(str(value))
            found[number] = None if value in (None, "") else str(value)
    return found


def _field_id(workspace: Workspace, entry: Mapping[str, Any], address_by: tuple[str, ...]) -> int | None:
    """Id of the field an entry names, 0 when there is no such field, None when the entry is to be ignored."""
    for name in address_by:
        if name == "id" and isinstance(entry.get("id"), int):
            return entry["id"] if entry["id"] in workspace.fields else 0
        if name != "id" and isinstance(entry.get(name), str):
            known = workspace.field_named(entry[name])
            return known.id if known else 0
    return None


def _check_number(text: str) -> None:
    try:
        float(text)
    except ValueError:
        raise Unusable("Invalid data") from None


def put(
    asking: Asking,
    contact: Contact,
    values: Mapping[str, Any],
    custom: Mapping[int, str | None],
    empty_only: bool = False,
) -> Effect:
    """Changes a contact; UNCHANGED when it already said all that."""
    changed = False
    for name, value in values.items():
        before = contact.fields.get(name)
        after = value if value not in (None, "") else None
        if before == after or (empty_only and before is not None):
            continue
        if name == "email":
            asking.workspace.readdress(contact, after)
        changed = True
        if after is None:
            contact.fields.pop(name, None)
        else:
            contact.fields[name] = after
    for number, text in custom.items():
        before = (contact.custom or {}).get(number)
        if before == text or (empty_only and before is not None):
            continue
        changed = True
        contact.custom = {k: v for k, v in ((contact.custom or {}) | {number: text}).items() if v is not None}
    contact.updated_n += 1
    if changed:
        contact.changed_n += 1
        contact.modified_s = asking.now_s
    return Effect.UPDATED if changed else Effect.UNCHANGED


def make(asking: Asking, values: Mapping[str, Any], custom: Mapping[int, str | None], source: str = "API") -> Contact:
    """A new contact."""
    workspace = asking.workspace
    fields = {name: value for name, value in values.items() if value not in (None, "")}
    contact = Contact(workspace.new_id("contact"), fields, asking.user, asking.now_s, source)
    contact.custom = {number: text for number, text in custom.items() if text is not None} or None
    workspace.add(contact)
    return contact
