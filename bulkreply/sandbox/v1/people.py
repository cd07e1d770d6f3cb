"""People, lists and custom fields of V1 (v1-v2.md 2 and 3)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import make, put
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, CustomField, note_surprises
from bulkreply.sandbox.views import v1_person
from bulkreply.sandbox.vocabulary import V1_WRITABLE, WINDOWS_ZONES, is_address

_ZONES = {windows: iana for iana, windows in WINDOWS_ZONES.items()}


def _missing(asking: Asking) -> Refused:
    return asking.v1_refused(404, "Person not found.")


def _by_id(asking: Asking) -> Contact:
    text = asking.parameters.get("id") or asking.query.get("id", "")
    found = asking.workspace.contacts.get(int(text) if text.isdigit() else 0)
    if found is None:
        raise _missing(asking)
    return found


def list_people(asking: Asking) -> Answer:
    """GET people, page by page."""
    limit, page = int(asking.query.get("limit", "100") or 100), int(asking.query.get("page", "1") or 1)
    choice = asking.switches["v1.limit_over_100"]
    if limit > 100 and choice == "refuse":
        raise asking.v1_refused(400, "The limit is 100.")
    if limit > 100 and choice == "clamp":
        limit = 100
    ids = asking.workspace.ordered()
    if asking.switches["v1.people_order"] != "oldest_first":
        ids = ids[::-1]
    pages = -(-len(ids) // limit)
    first = (page - 1) * limit
    link = f"{asking.base}/v1/people?page={{}}&limit={limit}"
    contacts = asking.workspace.contacts
    return json_answer(
        200,
        {
            "people": [v1_person(asking.workspace, contacts[number]) for number in ids[first : first + limit]],
            "total": len(ids),
            "page": page,
            "limit": limit,
            "pagesCount": pages,
            "next": link.format(page + 1) if page < pages else None,
            "previous": link.format(page - 1) if page > 1 else None,
        },
    )


def get_person(asking: Asking) -> Answer:
    """GET by id, either spelling."""
    return json_answer(200, v1_person(asking.workspace, _by_id(asking)))


def get_by_email(asking: Asking) -> Answer:
    """GET by e-mail: a bare object; what an unknown one answers is a switch."""
    found = asking.workspace.by_email(asking.query.get("email", ""))
    if found is not None:
        return json_answer(200, v1_person(asking.workspace, found))
    choice = asking.switches["v1.unknown_email"]
    if choice == "404":
        raise _missing(asking)
    return json_answer(200, None) if choice == "200_null" else Answer(200)


def upsert_person(asking: Asking) -> Answer:
    """POST: new by e-mail, or changed."""
    body, workspace = asking.mapping(), asking.workspace
    note_surprises(workspace, "v1.people", body, {*V1_WRITABLE, "customFields"})
    address = body.get("email")
    if not isinstance(address, str) or not is_address(address):
        raise asking.v1_refused(400, "Email is not valid.")
    if not body.get("firstName"):
        raise asking.v1_refused(400, "FirstName is required.")
    values, custom = _values(asking, body), _custom(asking, body)
    known = workspace.by_email(address)
    if known is None:
        contact, effect, status = make(asking, values, custom), Effect.CREATED, 201
    else:
        if asking.switches["v1.omitted_fields"] == "blanked":
            values = dict.fromkeys(V1_WRITABLE.values(), None) | values
        contact, effect = known, put(asking, known, values, custom)
        status = int(asking.switches["v1.update_status"])
    workspace.events.note(asking.now_s, asking.number, "v1.people.upsert", [contact.id], [effect])
    return json_answer(status, v1_person(workspace, contact))


def _values(asking: Asking, body: dict[str, Any]) -> dict[str, Any]:
    ignored = asking.switches["v1.empty_string"] == "ignored"
    values = {
        own: body[name] for name, own in V1_WRITABLE.items() if name in body and not (ignored and body[name] == "")
    }
    if "timeZoneId" in values:
        values["timeZoneId"] = _ZONES.get(values["timeZoneId"], values["timeZoneId"])
    return values


def _custom(asking: Asking, body: dict[str, Any]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    entries = body.get("customFields") or []
    if not isinstance(entries, list):
        raise asking.v1_refused(400, "customFields must be an array.")
    for entry in entries:
        known = asking.workspace.field_named(str(entry.get("key")))
        if known is not None:
            found[known.id] = str(entry.get("value") or "") or None
        elif asking.switches["v1.unknown_custom_field"] == "refuse_400":
            raise asking.v1_refused(400, "Unknown custom field.")
    return found


def _delete(asking: Asking, contact: Contact | None) -> Answer:
    if contact is None:
        if asking.switches["v1.delete_missing"] == "404":
            raise _missing(asking)
        return Answer(200, b"", "text/plain")
    asking.workspace.remove(contact)
    asking.workspace.events.note(asking.now_s, asking.number, "v1.people.delete", [contact.id], [Effect.DELETED])
    return Answer(200, b"", "text/plain")


def delete_person(asking: Asking) -> Answer:
    """DELETE by id, either spelling."""
    text = asking.parameters.get("id") or asking.query.get("id", "")
    return _delete(asking, asking.workspace.contacts.get(int(text) if text.isdigit() else 0))


def delete_by_email(asking: Asking) -> Answer:
    """DELETE by e-mail."""
    return _delete(asking, asking.workspace.by_email(asking.query.get("email", "")))


def list_fields(asking: Asking) -> Answer:
    """GET custom fields: a bare array, kinds as numbers."""
    return json_answer(200, [_field_view(one) for one in asking.workspace.fields.values()])


def _field_view(one: CustomField) -> dict[str, Any]:
    return {"id": one.id, "title": one.title, "fieldType": int(one.kind == "number")}


def _field(asking: Asking) -> CustomField:
    found = asking.workspace.fields.get(asking.id())
    if found is None:
        raise asking.v1_refused(404, "Custom field not found.")
    return found


def get_field(asking: Asking) -> Answer:
    """GET one custom field."""
    return json_answer(200, _field_view(_field(asking)))


def _field_values(asking: Asking) -> tuple[str, str]:
    body = asking.mapping()
    title, kind = body.get("title"), body.get("type")
    if not isinstance(title, str) or not title.strip() or len(title) > 90 or kind not in (0, 1):
        raise asking.v1_refused(400, "title and type are required.")
    return title, "number" if kind else "text"


def create_field(asking: Asking) -> Answer:
    """POST a custom field: `type` in, `fieldType` out."""
    title, kind = _field_values(asking)
    made = CustomField(asking.workspace.new_id("field"), title, kind)
    asking.workspace.fields[made.id] = made
    return json_answer(200, _field_view(made))


def update_field(asking: Asking) -> Answer:
    """PUT a custom field."""
    found = _field(asking)
    found.title, found.kind = _field_values(asking)
    return json_answer(200, _field_view(found))


def delete_field(asking: Asking) -> Answer:
    """DELETE answers the JSON value true."""
    del asking.workspace.fields[_field(asking).id]
    return json_answer(200, True)
