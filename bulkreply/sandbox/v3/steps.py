"""`/v3/sequences/{id}/steps` (v3-sequences-steps.md 2)."""

from __future__ import annotations

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.step_rules import Fault, draft_step, refuse
from bulkreply.sandbox.v3.step_shelves import (
    below,
    lock_of,
    locked,
    plant_step,
    sequence_of,
    step_of,
    step_view,
    steps_in,
    steps_shelf,
    uproot,
    variants_in,
    variants_shelf,
)

# The form of the vocabulary is unknown; a client passes it through.
_CONDITION_WORDS = [
    {"property": "emailOpened", "operators": ["equal"]},
    {"property": "country", "operators": ["equal", "notEqual", "contains"]},
]


def list_steps(asking: Asking) -> Answer:
    """GET steps: a bare array."""
    return json_answer(200, [step_view(asking, one) for one in steps_in(asking, sequence_of(asking))])


def get_step(asking: Asking) -> Answer:
    """GET one step."""
    return json_answer(200, step_view(asking, step_of(asking)))


def create_step(asking: Asking) -> Answer:
    """POST one step."""
    of = sequence_of(asking)
    draft = draft_step(asking, asking.mapping(), {one["id"] for one in steps_in(asking, of)})
    refuse(asking, draft.faults)
    if of["status"] == "active":
        raise locked(asking, "stepLocked")
    step = plant_step(asking, of, draft.values, draft.variants or ())
    asking.note("sequence_steps.create", [step["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), step_view(asking, step))


def bulk_create(asking: Asking) -> Answer:
    """POST many steps; none may hang below another of the same call, whose id nobody knows yet."""
    of, bodies = sequence_of(asking), asking.json()
    if not isinstance(bodies, list) or not bodies:
        raise Refused(invalid([("", "A list of steps is needed.")]))
    parents = {one["id"] for one in steps_in(asking, of)}
    results, made = [], []
    for at, body in enumerate(bodies):
        draft = draft_step(asking, body, parents)
        if of["status"] == "active":
            draft.faults.insert(0, Fault("stepLocked", "", "The sequence is running."))
        if draft.faults:
            slug = draft.faults[0].slug
            detail = None if slug == "forbidden" else draft.faults[0].detail
            results.append({"id": None} | item_error(asking.switches, "steps_create", slug, at, detail))
            continue
        step = plant_step(asking, of, draft.values, draft.variants or ())
        made.append(step["id"])
        results.append({"id": step["id"], "error": None, "errorDetails": None})
    asking.note("sequence_steps.bulk_create", made, [Effect.CREATED] * len(made))
    return json_answer(200, results)


def update_step(asking: Asking) -> Answer:
    """PUT a step: what is left out is gone, variants too; attachments left out are kept."""
    step = step_of(asking)
    parents = {one["id"] for one in steps_in(asking, sequence_of(asking))} - below(asking, step)
    draft = draft_step(asking, asking.mapping(), parents, step)
    own = {one["id"]: one for one in variants_in(asking, step)}
    for at, variant in enumerate(draft.variants or ()):
        if "id" in variant and variant["id"] not in own:
            draft.fault("invalidInput", f"/variants/{at}/id", "No such variant.")
    refuse(asking, draft.faults)
    kept = {"id": step["id"], "sequenceId": step["sequenceId"]}
    step.clear()
    step |= kept | draft.values
    _replace_variants(asking, own, draft.variants or [])
    asking.note("sequence_steps.update", [step["id"]], [Effect.UPDATED])
    return json_answer(200, step_view(asking, step))


def _replace_variants(asking: Asking, own: dict[int, Record], wanted: list[Record]) -> None:
    for variant in wanted:
        before = own.pop(variant["id"])
        attached = variant["attachmentIds"]
        before |= variant | {"attachmentIds": before["attachmentIds"] if attached is None else attached}
    for number in own:
        variants_shelf(asking).remove(number)


def delete_step(asking: Asking) -> Answer:
    """DELETE a step, once nothing hangs below it."""
    step = step_of(asking)
    if lock := lock_of(asking, step):
        raise locked(asking, lock)
    uproot(asking, step)
    asking.note("sequence_steps.delete", [step["id"]], [Effect.DELETED])
    return empty(204)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete, in the order of the ids: failures by id."""
    of, failed, gone = sequence_of(asking), {}, []
    for number in asking.ids("ids"):
        step = steps_shelf(asking).get(number)
        slug = "notFound" if step is None or step["sequenceId"] != of["id"] else lock_of(asking, step)
        if step is None or slug:
            failed[str(number)] = item_error(asking.switches, "steps_delete", slug, number)
        else:
            uproot(asking, step)
            gone.append(number)
    asking.note("sequence_steps.bulk_delete", gone, [Effect.DELETED] * len(gone))
    return json_answer(200, failed)


def enable_variants(asking: Asking) -> Answer:
    """POST enable."""
    return _switch(asking, "enable_variants", True)


def disable_variants(asking: Asking) -> Answer:
    """POST disable."""
    return _switch(asking, "disable_variants", False)


def _switch(asking: Asking, operation: str, enabled: bool) -> Answer:
    own = {one["id"]: one for one in variants_in(asking, step_of(asking))}
    numbers = asking.ids("variantIds")
    unknown = [(f"/variantIds/{at}", "No such variant.") for at, number in enumerate(numbers) if number not in own]
    if unknown:
        raise Refused(invalid(unknown))
    effects = [Effect.UNCHANGED if own[number]["isEnabled"] is enabled else Effect.UPDATED for number in numbers]
    for number in numbers:
        own[number]["isEnabled"] = enabled
    asking.note(f"sequence_steps.{operation}", numbers, effects)
    return done(asking)


def condition_properties(asking: Asking) -> Answer:
    """GET the vocabulary of condition steps."""
    return json_answer(200, _CONDITION_WORDS)


ROUTES = {
    "v3.sequence_steps.list": list_steps,
    "v3.sequence_steps.get": get_step,
    "v3.sequence_steps.create": create_step,
    "v3.sequence_steps.bulk_create": bulk_create,
    "v3.sequence_steps.update": update_step,
    "v3.sequence_steps.delete": delete_step,
    "v3.sequence_steps.bulk_delete": bulk_delete,
    "v3.sequence_steps.enable_variants": enable_variants,
    "v3.sequence_steps.disable_variants": disable_variants,
    "v3.sequence_steps.list_condition_properties": condition_properties,
}
