"""Custom fields and variables of V1 (v1-v2.md 3)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import CustomField
from bulkreply.sandbox.v1.bodies import body_of, number_in

# Which standard variables Reply lists, and in which shape, is unknown: one is enough to stand for them.
_STANDARD = ("FirstName",)


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
    body = body_of(asking, "v1.custom_fields", ("title", "type"))
    title, kind = body.get("title"), body.get("type")
    if not isinstance(title, str) or not title.strip() or len(title) > 90 or str(kind) not in ("0", "1"):
        raise asking.v1_refused(400, "title and type are required.")
    return title, "number" if number_in(kind) else "text"


def create_field(asking: Asking) -> Answer:
    """POST a custom field: `type` in, `fieldType` out."""
    title, kind = _field_values(asking)
    made = CustomField(asking.workspace.new_id("field"), title, kind)
    asking.workspace.fields[made.id] = made
    asking.note("v1.custom_fields.create", [made.id], [Effect.CREATED])
    return json_answer(200, _field_view(made))


def update_field(asking: Asking) -> Answer:
    """PUT a custom field."""
    found = _field(asking)
    before = found.title, found.kind
    found.title, found.kind = _field_values(asking)
    effect = Effect.UNCHANGED if before == (found.title, found.kind) else Effect.UPDATED
    asking.note("v1.custom_fields.update", [found.id], [effect])
    return json_answer(200, _field_view(found))


def delete_field(asking: Asking) -> Answer:
    """DELETE answers the JSON value true."""
    number = _field(asking).id
    del asking.workspace.fields[number]
    asking.note("v1.custom_fields.delete", [number], [Effect.DELETED])
    return json_answer(200, True)


def list_variables(asking: Asking) -> Answer:
    """GET variables: standard ones and custom fields."""
    titles = [one.title for one in asking.workspace.fields.values()]
    if asking.switches["v1.variables_shape"] == "array":
        return json_answer(200, [*_STANDARD, *titles])
    known = [{"name": name, "isCustom": False} for name in _STANDARD]
    return json_answer(200, known + [{"name": title, "isCustom": True} for title in titles])


ROUTES = {
    "v1.custom_fields.list": list_fields,
    "v1.custom_fields.get": get_field,
    "v1.custom_fields.create": create_field,
    "v1.custom_fields.update": update_field,
    "v1.custom_fields.delete": delete_field,
    "v1.variables.get": list_variables,
}
