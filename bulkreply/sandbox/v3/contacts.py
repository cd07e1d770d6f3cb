"""`/v3/contacts` (v3-contacts.md 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import Unusable, custom_of, make, problems_of, put, values_of
from bulkreply.sandbox.enrolling import step_id, steps_of
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, note_surprises
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.views import v3_contact
from bulkreply.sandbox.vocabulary import CREATE_KEYS, PATCH_KEYS

_FILTER_KEYS = ("rules", "listId", "sequenceId", "sequenceStepId", "searchTerm", "sortBy", "sortDirection")


def _found(asking: Asking) -> Contact:
    contact = asking.workspace.contacts.get(asking.id())
    if contact is None:
        raise asking.not_found("contact.notFound", "contact")
    return contact


def _page(asking: Asking, ids: Sequence[int], total: bool) -> Answer:
    top, skip = asking.page(25, 1000)
    workspace, fault = asking.workspace, asking.switches["v3.paging_fault"]
    if fault == "shifted_rows" and skip:
        skip -= 1
    items = [v3_contact(workspace, workspace.contacts[number], asking.switches) for number in ids[skip : skip + top]]
    body: dict[str, Any] = {"items": items, "hasMore": skip + top < len(ids)}
    if fault == "empty_with_more" and skip:
        body = {"items": [], "hasMore": True}
    if total and asking.switches["v3.total_count"] == "present":
        body["totalCount"] = len(ids)
    return json_answer(200, body)


def list_contacts(asking: Asking) -> Answer:
    """GET: all, or the one with an exact `email` or `linkedIn`."""
    workspace = asking.workspace
    if "email" in asking.query:
        return _page(asking, [one.id for one in workspace.all_by_email(asking.query["email"])], False)
    if "linkedIn" in asking.query:
        wanted = asking.query["linkedIn"].rstrip("/").lower()
        found = [
            c.id
            for c in workspace.contacts.values()
            if str(c.fields.get("linkedInUrl", "")).rstrip("/").lower() == wanted
        ]
        return _page(asking, sorted(found), False)
    return _page(asking, workspace.ordered(), False)


def filter_contacts(asking: Asking) -> Answer:
    """POST filter: members of a list, or containment of a search term."""
    body = asking.mapping() if asking.content.strip() else {}
    note_surprises(asking.workspace, "contacts.filter", body, _FILTER_KEYS)
    ids: Sequence[int] = asking.workspace.ordered()
    if body.get("listId") is not None:
        ids = asking.workspace.members(body["listId"])
    if body.get("sequenceId") is not None or body.get("sequenceStepId") is not None:
        ids = [n for n in ids if _is_at(asking, asking.workspace.contacts[n], body)]
    if body.get("searchTerm"):
        term, contacts = str(body["searchTerm"]).lower(), asking.workspace.contacts
        names = ("email", "firstName", "lastName", "company")
        ids = [n for n in ids if any(term in str(contacts[n].fields.get(name, "")).lower() for name in names)]
    return _page(asking, ids, True)


def _is_at(asking: Asking, contact: Contact, body: Mapping[str, Any]) -> bool:
    """Whether a contact is in the sequence, and at the step, that a filter names."""
    sequence, step = body.get("sequenceId"), body.get("sequenceStepId")
    return any(
        sequence in (None, number) and step in (None, step_id(one, steps_of(asking.workspace, number)))
        for number, one in (contact.sequences or {}).items()
    )


def get_contact(asking: Asking) -> Answer:
    """GET one."""
    return json_answer(200, v3_contact(asking.workspace, _found(asking), asking.switches))


def create_contact(asking: Asking) -> Answer:
    """POST one: a known e-mail is overwritten and what is not sent is blanked (conventions.md 13, row 6)."""
    body, workspace, choice = asking.mapping(), asking.workspace, asking.switches["v3.contact_create_existing"]
    note_surprises(workspace, "contacts.create", body, CREATE_KEYS)
    problems = [(f"/{name}", detail) for name, detail in problems_of(asking, body)]
    if not body.get("firstName"):
        problems.append(("/firstName", "A value is needed."))
    if problems:
        raise Refused(invalid(problems))
    try:
        values, custom = values_of(asking, body), custom_of(asking, body.get("customFields"), ("key",))
    except Unusable as error:
        raise Refused(invalid([("", str(error))])) from None
    known = workspace.by_email(str(body.get("email") or "")) if choice != "duplicate" else None
    if known is not None and choice == "refuse_400":
        raise Refused(problem(asking.switches, 400, "Refused", "The address is taken.", code="contact.duplicate"))
    if known is not None:
        blank = dict.fromkeys(known.fields, None) | dict.fromkeys((), None)
        effect = put(asking, known, blank | values, dict.fromkeys(known.custom or {}, None) | custom)
        contact = known
    else:
        contact, effect = make(asking, values, custom), Effect.CREATED
    workspace.events.note(asking.now_s, asking.number, "contacts.create", [contact.id], [effect])
    return json_answer(int(asking.switches["v3.create_status"]), v3_contact(workspace, contact, asking.switches))


def update_contact(asking: Asking) -> Answer:
    """PATCH one: omitted keeps, null empties."""
    contact, body, workspace = _found(asking), asking.mapping(), asking.workspace
    note_surprises(workspace, "contacts.update", body, PATCH_KEYS)
    problems = [(f"/{name}", detail) for name, detail in problems_of(asking, body)]
    choice = asking.switches["v3.patch_field_key"]
    entries = body.get("customFields") or ()
    if choice == "refused" and any("key" in entry for entry in entries):
        problems.append(("/customFields/0/key", "Unknown key."))
    if problems:
        raise Refused(invalid(problems))
    owner = body.get("ownerUserId")
    if owner is not None and owner not in USERS:
        raise asking.not_found("user.notFound", "user")
    by = ("id", "name", "key") if choice == "accepted" else ("id", "name")
    try:
        effect = put(asking, contact, values_of(asking, body), custom_of(asking, entries, by))
    except Unusable as error:
        raise Refused(invalid([("/customFields", str(error))])) from None
    if owner is not None and owner != contact.owner:
        contact.owner, effect = owner, Effect.UPDATED
    workspace.events.note(asking.now_s, asking.number, "contacts.update", [contact.id], [effect])
    return json_answer(200, v3_contact(workspace, contact, asking.switches))


def delete_contact(asking: Asking) -> Answer:
    """DELETE one; there is no way back."""
    contact = _found(asking)
    asking.workspace.remove(contact)
    asking.workspace.events.note(asking.now_s, asking.number, "contacts.delete", [contact.id], [Effect.DELETED])
    return empty(204)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete: failures by id."""
    failed, gone = {}, []
    for number in asking.ids("ids"):
        contact = asking.workspace.contacts.get(number)
        if contact is None:
            failed[str(number)] = item_error(asking.switches, "contacts", "notFound", number)
        else:
            asking.workspace.remove(contact)
            gone.append(number)
    asking.workspace.events.note(
        asking.now_s, asking.number, "contacts.bulk_delete", gone, [Effect.DELETED] * len(gone)
    )
    if asking.switches["v3.bulk_delete_answer"] == "empty_204":
        return empty(204)
    return json_answer(200, failed)


ROUTES = {
    "v3.contacts.list": list_contacts,
    "v3.contacts.get": get_contact,
    "v3.contacts.create": create_contact,
    "v3.contacts.update": update_contact,
    "v3.contacts.delete": delete_contact,
    "v3.contacts.bulk_delete": bulk_delete,
    "v3.contacts.filter": filter_contacts,
}
