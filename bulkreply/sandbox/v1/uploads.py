"""Files of people and of companies (v1-v2.md 2.2 and 2.3)."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import make, put
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.multipart import parts_of
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact, note_surprises
from bulkreply.sandbox.v1.bodies import folded, number_in, truth
from bulkreply.sandbox.v1.people import zone_of
from bulkreply.sandbox.v3.accounts import SIZES
from bulkreply.sandbox.vocabulary import V1_BANDS, is_address

# Reply field of a mapping -> field of V3.
_PEOPLE = {
    "email": "email",
    "firstname": "firstName",
    "lastname": "lastName",
    "company": "company",
    "title": "title",
    "phone": "phone",
    "city": "city",
    "state": "state",
    "country": "country",
    "linkedinprofile": "linkedInUrl",
    "companysize": "companySize",
    "industry": "industry",
    "timezoneid": "timeZoneId",
    "id": "id",
}
_SIZES = {band.lower(): word for word, band in V1_BANDS.items()}
_ACCOUNTS = {
    "accountname": "name",
    "domain": "domainName",
    "accountid": "id",
    "description": "description",
    "industry": "industry",
    "companysize": "companySize",
    "country": "country",
    "state": "state",
    "city": "city",
    "phone": "phone",
    "linkedinurl": "linkedInUrl",
}
_CRITERIA = {"accountname": "name", "domain": "domainName", "accountid": "id"}
_ACTIONS = ("OverwriteExisting", "UpdateMissing", "Skip", "Duplicate")
Row = dict[str, str]


def _form(asking: Asking, missing: str, damaged: str) -> tuple[list[Row], list[str], dict[str, Any]]:
    """Rows and header of the file, and the options."""
    try:
        parts = parts_of(asking.content, asking.content_type)
        file, options = parts["file"].content, orjson.loads(parts["options"].content)
    except (ValueError, KeyError):
        raise asking.v1_refused(400, missing) from None
    try:
        reader = csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline=""), restval="", strict=True)
        rows = [{name: text or "" for name, text in row.items() if name is not None} for row in reader]
    except (UnicodeDecodeError, csv.Error):
        raise asking.v1_refused(400, damaged) from None
    if not isinstance(options, dict):
        raise asking.v1_refused(400, missing)
    return rows, list(reader.fieldnames or ()), options


def import_people(asking: Asking) -> Answer:
    """POST a file of people: taken at once, but nothing is ever told about it."""
    rows, header, options = _form(asking, "The parts file and options are needed.", "The file cannot be read.")
    known = ("mapping", "overwriteExisting", "listId", "matchingFields", "csvUrl")
    note_surprises(asking.workspace, "v1.people.csv_import options", options, known)
    mapping = (options.get("mapping") or {}).get("prospect") or {}
    if not mapping:
        raise asking.v1_refused(400, "A mapping is needed.")
    if not set(mapping.values()) <= set(header):
        raise asking.v1_refused(400, "The file lacks a column of the mapping.")
    plain, custom = _columns(asking, mapping)
    number = number_in(options.get("listId"))
    if number and number not in asking.workspace.lists:
        raise asking.v1_refused(400, "List not found.")
    match = folded(str((options.get("matchingFields") or ["email"])[0]))
    most = asking.switches.number("v1.csv_row_cap")
    ids, effects = [], []
    for row in rows if most is None else rows[:most]:
        contact, effect = _take(asking, row, plain, custom, match, truth(options.get("overwriteExisting")))
        if contact is not None and number:
            asking.workspace.join(contact, number)
        ids.append(contact.id if contact else 0)
        effects.append(effect)
    asking.note("v1.people.csv_import", ids, effects)
    session = uuid.uuid5(uuid.NAMESPACE_OID, f"{asking.workspace.name} import {asking.number}")
    return json_answer(200, {"importSessionId": str(session)})


def _columns(asking: Asking, mapping: Mapping[str, str]) -> tuple[dict[str, str], dict[int, str]]:
    """Column by field of V3, and by custom field."""
    plain, custom = {}, {}
    for name, column in mapping.items():
        known = asking.workspace.field_named(name)
        if folded(name) in _PEOPLE:
            plain[_PEOPLE[folded(name)]] = column
        elif known is not None and asking.switches["v1.csv_custom_fields"] == "title":
            custom[known.id] = column
        else:
            raise asking.v1_refused(400, "The mapping names an unknown field.")
    return plain, custom


def _take(
    asking: Asking, row: Row, plain: dict[str, str], custom: dict[int, str], match: str, overwrites: bool
) -> tuple[Contact | None, Effect]:
    """One row: blank cells change nothing, and rows that cannot be taken are passed over in silence."""
    values: dict[str, Any] = {name: row[column].strip() for name, column in plain.items() if row[column].strip()}
    own: dict[int, str | None] = {
        number: row[column].strip() for number, column in custom.items() if row[column].strip()
    }
    number, address = number_in(values.pop("id", "")), values.get("email", "")
    if "timeZoneId" in values:
        values["timeZoneId"] = zone_of(values["timeZoneId"])
    if "companySize" in values:
        values["companySize"] = _SIZES.get(values["companySize"].lower())
    known = _known(asking, match, number, values)
    holder = asking.workspace.by_email(address) if address else None
    if (address and not is_address(address)) or (holder is not None and holder is not known):
        return None, Effect.SKIPPED
    if known is not None:
        return known, put(asking, known, values, own) if overwrites else Effect.SKIPPED
    if match == "id" or "firstName" not in values or not (address or values.get("linkedInUrl")):
        return None, Effect.SKIPPED
    return make(asking, values, own, "CSV"), Effect.CREATED


def _known(asking: Asking, match: str, number: int, values: Mapping[str, Any]) -> Contact | None:
    if match == "id":
        return asking.workspace.contacts.get(number)
    if match == "email":
        return asking.workspace.by_email(str(values.get("email", "")))
    profile = values.get("linkedInUrl")
    every = asking.workspace.contacts.values()
    return next((one for one in every if profile and one.fields.get("linkedInUrl") == profile), None)


def import_accounts(asking: Asking) -> Answer:
    """POST a file of companies: totals, not who was which."""
    rows, header, options = _form(asking, "MultiformPartMissed", "FileIsCorrupted")
    known = ("ListId", "MergeActionType", "MergeMatchingCriteria", "Mappings")
    note_surprises(asking.workspace, "v1.accounts.csv_import options", options, known)
    columns = _mapped(asking, options.get("Mappings"), header)
    criterion = _CRITERIA.get(folded(str(options.get("MergeMatchingCriteria"))), "")
    action, number = options.get("MergeActionType"), number_in(options.get("ListId"))
    into = asking.workspace.shelf("account_lists").get(number)
    if action not in _ACTIONS or not criterion or (number and into is None):
        raise asking.v1_refused(400, "ImportFailed")
    shelf = asking.workspace.shelf("accounts")
    index = {} if action == "Duplicate" else {str(one.get(criterion) or "").lower(): one for one in shelf}
    ids, effects = [], []
    for row in rows:
        record, effect = _take_account(asking, row, columns, index, (criterion, str(action)))
        if record is not None and into is not None:
            into["members"][record["id"]] = None
        ids.append(record["id"] if record else 0)
        effects.append(effect)
    asking.note("v1.accounts.csv_import", ids, effects)
    names = {"imported": "created", "updated": "updated", "skipped": "skipped", "errors": "failed"}
    words = Counter(effect.word for effect in effects)
    return json_answer(200, {f"{name}Count": words[word] for name, word in names.items()})


def _mapped(asking: Asking, mappings: Any, header: list[str]) -> dict[str, str]:
    """Column by field of V3."""
    if not isinstance(mappings, list) or not mappings or not all(isinstance(one, dict) for one in mappings):
        raise asking.v1_refused(400, "MappingsNotPresent")
    columns = {}
    for one in mappings:
        own = _ACCOUNTS.get(folded(str(one.get("ReplyFieldName"))))
        if own is None:
            raise asking.v1_refused(400, "ReplyFieldNameMismatch")
        if one.get("CsvFieldName") not in header:
            raise asking.v1_refused(400, "HeaderMismatch")
        columns[own] = one["CsvFieldName"]
    return columns


def _take_account(
    asking: Asking, row: Row, columns: Mapping[str, str], index: dict[str, Record], how: tuple[str, str]
) -> tuple[Record | None, Effect]:
    """One row: made, changed, or left alone, as `how` (criterion, action) says."""
    criterion, action = how
    values: Record = {name: row[column].strip() for name, column in columns.items() if row[column].strip()}
    key = str(values.get(criterion, "")).lower()
    values.pop("id", None)
    if "companySize" in values:
        values["companySize"] = next((one for one in SIZES if one.lower() == values["companySize"].lower()), None)
    known = index.get(key) if key else None
    if values.get("companySize", "") is None or (known is None and (criterion == "id" or "name" not in values)):
        return None, Effect.FAILED
    if known is None:
        fresh: Record = {"ownerUserId": asking.user, "created_s": asking.now_s, "companySize": "Empty"}
        made = asking.workspace.shelf("accounts").add(fresh | values)
        if key and action != "Duplicate":
            index[key] = made
        return made, Effect.CREATED
    if action == "Skip":
        return known, Effect.SKIPPED
    if action == "UpdateMissing":
        values = {name: value for name, value in values.items() if known.get(name) in (None, "", "Empty")}
    changed = any(known.get(name) != value for name, value in values.items())
    known.update(values)
    return known, Effect.UPDATED if changed else Effect.UNCHANGED


ROUTES = {
    "v1.people.csv_import": import_people,
    "v1.accounts.csv_import": import_accounts,
}
