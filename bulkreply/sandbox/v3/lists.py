"""Contact lists and custom fields of V3."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import done
from bulkreply.sandbox.store import ContactList, CustomField, note_surprises
from bulkreply.sandbox.vocabulary import pascal


def _list_view(one: ContactList) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "isShared": one.shared}


def _list(asking: Asking) -> ContactList:
    found = asking.workspace.lists.get(asking.id())
    if found is None:
        raise asking.not_found("contactList.notFound", "list")
    return found


def list_lists(asking: Asking) -> Answer:
    """GET lists."""
    top, skip = asking.page(25, 1000)
    every = list(asking.workspace.lists.values())
    items = [_list_view(one) for one in every[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(every)})


def get_list(asking: Asking) -> Answer:
    """GET one list."""
    return json_answer(200, _list_view(_list(asking)))


def _name(asking: Asking) -> str:
    name = asking.mapping().get("name")
    if not isinstance(name, str) or not name.strip():
        raise Refused(invalid([("/name", "A value is needed.")]))
    return name


def create_list(asking: Asking) -> Answer:
    """POST a list."""
    body, workspace = asking.mapping(), asking.workspace
    note_surprises(workspace, "contact_lists.create", body, ("name", "isShared"))
    name = _name(asking)
    taken = any(one.name.lower() == name.lower() for one in workspace.lists.values())
    if taken and asking.switches["v3.list_name_unique"] == "yes":
        raise Refused(invalid([("/name", "The name is taken.")]))
    made = ContactList(workspace.new_id("list"), name, bool(body.get("isShared")))
    workspace.lists[made.id] = made
    asking.note("contact_lists.create", [made.id], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _list_view(made))


def update_list(asking: Asking) -> Answer:
    """PUT a list: isShared is lost unless sent again."""
    found, before = _list(asking), _list_view(_list(asking))
    note_surprises(asking.workspace, "contact_lists.update", asking.mapping(), ("name", "isShared"))
    found.name, found.shared = _name(asking), bool(asking.mapping().get("isShared"))
    after = _list_view(found)
    asking.note("contact_lists.update", [found.id], [Effect.UNCHANGED if after == before else Effect.UPDATED])
    return json_answer(200, after)


def delete_list(asking: Asking) -> Answer:
    """DELETE a list; its contacts stay."""
    found = _list(asking)
    for number in list(found.members):
        asking.workspace.leave(asking.workspace.contacts[number], found.id)
    del asking.workspace.lists[found.id]
    asking.note("contact_lists.delete", [found.id], [Effect.DELETED])
    return empty(204)


def share_list(asking: Asking) -> Answer:
    """POST share."""
    return _share(asking, "share", True)


def unshare_list(asking: Asking) -> Answer:
    """POST unshare."""
    return _share(asking, "unshare", False)


def _share(asking: Asking, operation: str, shared: bool) -> Answer:
    found = _list(asking)
    effect = Effect.UNCHANGED if found.shared is shared else Effect.UPDATED
    found.shared = shared
    asking.note(f"contact_lists.{operation}", [found.id], [effect])
    return done(asking)


def add_contacts(asking: Asking) -> Answer:
    """POST add-contacts: a member added again is a success."""
    return _enlist(asking, "add_contacts")


def move_contacts(asking: Asking) -> Answer:
    """POST move-contacts: off the other lists."""
    return _enlist(asking, "move_contacts")


def _enlist(asking: Asking, operation: str) -> Answer:
    found, failed, effects = _list(asking), {}, []
    note_surprises(asking.workspace, f"contact_lists.{operation}", asking.mapping(), ("contactIds",))
    moves = operation == "move_contacts" and asking.switches["v3.move_list"] == "leaves_other_lists"
    ids = asking.ids("contactIds")
    for number in ids:
        contact = asking.workspace.contacts.get(number)
        if contact is None:
            failed[str(number)] = item_error(asking.switches, "contact_lists", "contactNotProcessed", number)
            effects.append(Effect.FAILED)
            continue
        others = [other for other in contact.lists if moves and other != found.id]
        for other in others:
            asking.workspace.leave(contact, other)
        joined = asking.workspace.join(contact, found.id)
        effects.append(Effect.UPDATED if joined or others else Effect.UNCHANGED)
    asking.note(f"contact_lists.{operation}", ids, effects)
    return json_answer(200, failed)


def _field_view(asking: Asking, one: CustomField) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "fieldType": pascal(one.kind) if asking.switches["v3.enum_out"] == "pascal" else one.kind,
        "metadata": one.metadata,
        "orgWide": one.org_wide,
    }


def _field(asking: Asking) -> CustomField:
    found = asking.workspace.fields.get(asking.id())
    if found is None:
        raise asking.not_found("customField.notFound", "field")
    return found


def list_fields(asking: Asking) -> Answer:
    """GET custom fields: a bare array."""
    return json_answer(200, [_field_view(asking, one) for one in asking.workspace.fields.values()])


def get_field(asking: Asking) -> Answer:
    """GET one custom field."""
    return json_answer(200, _field_view(asking, _field(asking)))


def _field_values(asking: Asking) -> tuple[str, str]:
    body = asking.mapping()
    note_surprises(asking.workspace, "custom_fields", body, ("title", "fieldType", "metadata", "orgWide"))
    title, kind, problems = body.get("title"), str(body.get("fieldType")), []
    if asking.switches["v3.enum_in"] == "any_case":
        kind = kind.lower()
    if not isinstance(title, str) or not title.strip():
        problems.append(("/title", "A value is needed."))
    elif len(title) > 90:
        problems.append(("/title", "At most 90 characters."))
    if kind not in ("text", "number"):
        problems.append(("/fieldType", "text or number."))
    if problems:
        raise Refused(invalid(problems))
    return str(title), kind


def create_field(asking: Asking) -> Answer:
    """POST a custom field."""
    title, kind = _field_values(asking)
    body, workspace = asking.mapping(), asking.workspace
    made = CustomField(workspace.new_id("field"), title, kind, body.get("metadata"), bool(body.get("orgWide")))
    workspace.fields[made.id] = made
    asking.note("custom_fields.create", [made.id], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _field_view(asking, made))


def update_field(asking: Asking) -> Answer:
    """PUT a custom field; whose it is stays as it was."""
    found, before = _field(asking), _field_view(asking, _field(asking))
    note_surprises(asking.workspace, "custom_fields.update", asking.mapping(), ("title", "fieldType", "metadata"))
    found.title, found.kind = _field_values(asking)
    found.metadata = asking.mapping().get("metadata")
    effect = Effect.UNCHANGED if _field_view(asking, found) == before else Effect.UPDATED
    asking.note("custom_fields.update", [found.id], [effect])
    return json_answer(200, _field_view(asking, found))


def delete_field(asking: Asking) -> Answer:
    """DELETE a custom field; its values are no longer shown."""
    found = _field(asking)
    del asking.workspace.fields[found.id]
    asking.note("custom_fields.delete", [found.id], [Effect.DELETED])
    return empty(204)


ROUTES = {
    "v3.contact_lists.list": list_lists,
    "v3.contact_lists.get": get_list,
    "v3.contact_lists.create": create_list,
    "v3.contact_lists.update": update_list,
    "v3.contact_lists.delete": delete_list,
    "v3.contact_lists.share": share_list,
    "v3.contact_lists.unshare": unshare_list,
    "v3.contact_lists.add_contacts": add_contacts,
    "v3.contact_lists.move_contacts": move_contacts,
    "v3.custom_fields.list": list_fields,
    "v3.custom_fields.get": get_field,
    "v3.custom_fields.create": create_field,
    "v3.custom_fields.update": update_field,
    "v3.custom_fields.delete": delete_field,
}
