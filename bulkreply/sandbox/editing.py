"""What a write does to a contact: reading V3 records strictly, and putting values in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.vocabulary import ENUMS, V3_TEXTS, enum_word, is_address, is_time_zone

Custom = dict[int, str | None]


@dataclass(slots=True)
class Draft:
    """A V3 record as read.

    Attributes:
        values: Field -> value; None empties.
        custom: Custom field id -> text; None empties.
        malformed: `(pointer inside the record, detail)`: what makes no sense to Reply at all.
        refused: `(pointer, detail)` of what is well-formed but not acceptable here; an import fails only the item.
        owner: New owner, None to keep.
    """

    values: dict[str, Any] = field(default_factory=dict)
    custom: Custom = field(default_factory=dict)
    malformed: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    owner: int | None = None

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Everything wrong with it."""
        return self.malformed + self.refused


def read_record(
    asking: Asking, record: Mapping[str, Any], known: Collection[str], address_by: tuple[str, ...], where: str
) -> Draft:
    """Reads a record as Reply would.

    Args:
        known: Fields the operation takes; others are noted as surprises and ignored.
        address_by: Keys a custom field may be named by: `key` on create, `id` or `name` on PATCH and import, where
            `key` is silently ignored (v3-contacts.md 1).
        where: Operation, for surprises.
    """
    draft = Draft()
    values = draft.values
    for name, value in record.items():
        if name not in known:
            asking.workspace.surprises[f"{where} {name}"] += 1
        elif name in V3_TEXTS:
            if value is None or type(value) is str:
                values[name] = value or None
            else:
                draft.malformed.append((f"/{name}", "Text is needed."))
        elif name == "customFields":
            _read_custom(asking, value, address_by, draft)
        else:
            _read_special(asking, name, value, draft)
    address = values.get("email")
    if address is not None and not is_address(address):
        draft.malformed.append(("/email", "Not a valid address."))
    zone = values.get("timeZoneId")
    if zone is not None and not is_time_zone(zone):
        if asking.switches["v3.import_unknown_time_zone"] == "item_failed":
            draft.refused.append(("/timeZoneId", "Unknown time zone"))
        else:
            del values["timeZoneId"]
    return draft


def _read_special(asking: Asking, name: str, value: Any, draft: Draft) -> None:
    """Fields that are not texts."""
    if name in ENUMS:
        word = enum_word(name, value, asking.switches["v3.enum_in"] == "camel_only") if type(value) is str else None
        if value is not None and word is None:
            draft.malformed.append((f"/{name}", "Not one of the known values."))
        else:
            draft.values[name] = None if word == ENUMS[name][0] else word
    elif name == "isOptedOut":
        if type(value) is bool:
            draft.values[name] = value or None
        else:
            draft.malformed.append((f"/{name}", "true or false."))
    elif value is not None and type(value) is not int:
        draft.malformed.append((f"/{name}", "A whole number is needed."))
    elif name == "accountId":
        draft.values[name] = value
    elif value in asking.workspace.team.users:
        draft.owner = value
    else:
        draft.refused.append((f"/{name}", "No such user in the team."))


def _read_custom(asking: Asking, entries: Any, address_by: tuple[str, ...], draft: Draft) -> None:
    if entries is None:
        return
    if not isinstance(entries, list):
        draft.malformed.append(("/customFields", "An array is needed."))
        return
    fields = asking.workspace.fields
    for at, entry in enumerate(entries):
        pointer = f"/customFields/{at}"
        if not isinstance(entry, dict):
            draft.malformed.append((pointer, "An object is needed."))
            continue
        if "key" in entry and "key" not in address_by and asking.switches["v3.patch_field_key"] == "refused":
            draft.malformed.append((f"{pointer}/key", "Unknown key."))
            continue
        value = entry.get("value")
        if value is not None and type(value) is not str:
            draft.malformed.append((f"{pointer}/value", "Text is needed."))
            continue
        number, named_by = _field_id(asking, entry, address_by)
        if number == 0:
            if asking.switches["v3.unknown_custom_field"] == "item_failed":
                draft.refused.append((f"{pointer}/{named_by}", "Unknown custom field"))
        elif number is not None:
            if value and fields[number].kind == "number" and not _is_number(value):
                draft.refused.append((f"{pointer}/value", "A number is needed."))
            draft.custom[number] = value


def _field_id(asking: Asking, entry: Mapping[str, Any], address_by: tuple[str, ...]) -> tuple[int | None, str]:
    """Id of the field an entry names, 0 when there is none, None when the entry is to be ignored; and how named."""
    accepted = (*address_by, "key") if asking.switches["v3.patch_field_key"] == "accepted" else address_by
    for name in accepted:
        wanted = entry.get(name)
        if name == "id" and type(wanted) is int:
            return (wanted if wanted in asking.workspace.fields else 0), name
        if name != "id" and type(wanted) is str:
            known = asking.workspace.field_named(wanted)
            return (known.id if known else 0), name
    return None, ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def put(asking: Asking, contact: Contact, draft: Draft, empty_only: bool = False) -> Effect:
    """Changes a contact; UNCHANGED when it already said all that.

    Args:
        empty_only: Fill what is empty and leave the rest.
    """
    changed, fields = False, contact.fields
    for name, value in draft.values.items():
        before = fields.get(name)
        if before == value or (empty_only and before is not None):
            continue
        if name == "email":
            asking.workspace.readdress(contact, value)
        changed = True
        if value is None:
            del fields[name]
        else:
            fields[name] = value
    for number, text in draft.custom.items():
        stored = (contact.custom or {}).get(number)
        if stored == text or (empty_only and stored):
            continue
        changed = True
        merged = (contact.custom or {}) | {number: text}
        contact.custom = {key: kept for key, kept in merged.items() if kept is not None} or None
    if draft.owner is not None and draft.owner != contact.owner:
        contact.owner, changed = draft.owner, True
    contact.updated_n += 1
    if changed:
        contact.changed_n += 1
        contact.modified_s = asking.now_s
    return Effect.UPDATED if changed else Effect.UNCHANGED


def make(asking: Asking, draft: Draft, source: str = "API") -> Contact:
    """A new contact."""
    workspace = asking.workspace
    fields = {name: value for name, value in draft.values.items() if value is not None}
    contact = Contact(workspace.new_id("contact"), fields, draft.owner or asking.user, asking.now_s, source)
    if draft.custom:
        contact.custom = {number: text for number, text in draft.custom.items() if text is not None} or None
    workspace.add(contact)
    return contact


def blanked(contact: Contact, draft: Draft) -> Draft:
    """The draft that also empties whatever it does not mention."""
    values = dict.fromkeys(contact.fields, None) | draft.values
    custom = dict.fromkeys(contact.custom or {}, None) | draft.custom
    return Draft(values, custom, owner=draft.owner)


def reachable(contact: Contact | None, draft: Draft) -> bool:
    """Whether the contact would have an e-mail or a LinkedIn URL; one of them is needed (v3-contacts.md 1)."""
    before = contact.fields if contact else {}
    return any(draft.values.get(name, before.get(name)) for name in ("email", "linkedInUrl"))
