"""`/v3/sequence-templates`, and the two ways between sequences and templates (v3-sequences-steps.md 1)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, needs_text
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.v3.folders import FOLDERS
from bulkreply.sandbox.v3.sequences import SEQUENCES, detail_view, fresh
from bulkreply.sandbox.v3.step_shelves import parents_first, plant_step, steps_in, variants_in
from bulkreply.sandbox.v3.wording import chosen, spelled

_GROUPS = ("system", "organization", "team")


def _view(asking: Asking, record: Record) -> dict[str, Any]:
    kinds = dict.fromkeys(step["type"] for step in record["steps"])
    return {
        "id": record["id"],
        "name": record["name"],
        "description": record["description"],
        "stepTypes": [spelled(asking, kind) for kind in kinds],
        "isConditional": "condition" in kinds,
    }


def _nothing(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, list[tuple[str, str]]]:
    return {}, []  # templates are saved from sequences, never written


TEMPLATES = Kind("sequence_templates", "sequenceTemplate", frozenset(), _nothing, _view)


def list_templates(asking: Asking) -> Answer:
    """GET templates: one object that groups them, or a bare array."""
    found = list(TEMPLATES.shelf(asking))
    if asking.switches["v3.sequence_templates_shape"] == "bare_array":
        return json_answer(200, [_view(asking, one) for one in found])
    return json_answer(200, {group: [_view(asking, o) for o in found if o["scope"] == group] for group in _GROUPS})


def delete_template(asking: Asking) -> Answer:
    """DELETE a template; those of the system stay."""
    if TEMPLATES.found(asking)["scope"] == "system":
        detail = "System templates stay."
        raise Refused(problem(asking.switches, 403, "Forbidden", detail, code="sequenceTemplate.forbidden"))
    return TEMPLATES.delete(asking)


def save_as_template(asking: Asking) -> Answer:
    """POST save-as-template: the steps of a sequence, without its accounts and contacts."""
    sequence, body = SEQUENCES.found(asking), asking.mapping()
    note_surprises(asking.workspace, "sequences.save_as_template", body, ("name", "description", "scope"))
    scope = chosen(asking, body.get("scope") or "team", ("team", "organization"))
    problems = needs_text(body, "name")
    if scope is None:
        problems.append(("/scope", "One of team, organization."))
    if problems:
        raise Refused(invalid(problems))
    steps = [step | {"variants": [dict(v) for v in variants_in(asking, step)]} for step in steps_in(asking, sequence)]
    saved = {"name": body["name"], "description": body.get("description"), "scope": scope, "steps": steps}
    record = TEMPLATES.shelf(asking).add(saved)
    SEQUENCES.note(asking, "save_as_template", [record["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _view(asking, record))


def create_from_template(asking: Asking) -> Answer:
    """POST create-from-template: a new sequence of the template's name, perhaps in a folder."""
    body = asking.mapping()
    note_surprises(asking.workspace, "sequences.create_from_template", body, ("templateId", "sequenceFolderId"))
    template = TEMPLATES.shelf(asking).get(str(body.get("templateId")).lower())
    folder = body.get("sequenceFolderId")
    problems = [] if template is not None else [("/templateId", "No such template.")]
    if folder is not None and str(folder).lower() not in FOLDERS.shelf(asking):
        problems.append(("/sequenceFolderId", "No such folder."))
    if template is None or problems:
        raise Refused(invalid(problems))
    values = fresh(asking, template["name"]) | {"folderId": folder and str(folder).lower()}
    sequence = SEQUENCES.shelf(asking).add(values)
    _plant(asking, sequence, template["steps"])
    SEQUENCES.note(asking, "create_from_template", [sequence["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), detail_view(asking, sequence))


def _plant(asking: Asking, sequence: Record, steps: list[Record]) -> None:
    """Steps of a template as those of a sequence, under ids of their own."""
    numbers: dict[Any, Any] = {None: None}
    for step in parents_first(steps):
        values = {name: value for name, value in step.items() if name not in ("id", "variants")}
        variants = [{name: value for name, value in one.items() if name != "id"} for one in step["variants"]]
        made = plant_step(asking, sequence, values | {"parentId": numbers.get(step["parentId"])}, variants)
        numbers[step["id"]] = made["id"]


ROUTES = {
    "v3.sequence_templates.list": list_templates,
    "v3.sequence_templates.delete": delete_template,
    "v3.sequences.save_as_template": save_as_template,
    "v3.sequences.create_from_template": create_from_template,
}
