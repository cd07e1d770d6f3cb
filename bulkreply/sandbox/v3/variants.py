"""`/v3/sequences/{id}/steps/{step_id}/variants` (v3-sequences-steps.md 3)."""

from __future__ import annotations

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.step_rules import Fault, draft_variant, refuse, takes_variants
from bulkreply.sandbox.v3.step_shelves import plant_variant, step_of, variant_view, variants_in, variants_shelf


def _variant(asking: Asking) -> Record:
    step = step_of(asking)
    record = variants_shelf(asking).get(asking.id("variant_id"))
    if record is None or record["stepId"] != step["id"]:
        raise asking.not_found("sequenceStepVariant.notFound", "variant")
    return record


def list_variants(asking: Asking) -> Answer:
    """GET variants: a bare array."""
    return json_answer(200, [variant_view(one) for one in variants_in(asking, step_of(asking))])


def create_variant(asking: Asking) -> Answer:
    """POST one variant."""
    step = step_of(asking)
    values, faults = draft_variant(asking, asking.mapping())
    if not takes_variants(step):
        faults.insert(0, Fault("invalidStep", "", "The step takes no variants."))
    refuse(asking, faults)
    variant = plant_variant(asking, step, values)
    asking.note("sequence_step_variants.create", [variant["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), variant_view(variant))


def bulk_create(asking: Asking) -> Answer:
    """POST many variants of one step."""
    step, bodies = step_of(asking), asking.json()
    if not isinstance(bodies, list) or not bodies:
        raise Refused(invalid([("", "A list of variants is needed.")]))
    results, made = [], []
    for at, body in enumerate(bodies):
        values, faults = draft_variant(asking, body)
        if not takes_variants(step):
            faults.insert(0, Fault("invalidStep", "", "The step takes no variants."))
        if faults:
            detail = None if faults[0].slug == "forbidden" else faults[0].detail
            results.append({"id": None} | item_error(asking.switches, "variants", faults[0].slug, at, detail))
            continue
        variant = plant_variant(asking, step, values)
        made.append(variant["id"])
        results.append({"id": variant["id"], "error": None, "errorDetails": None})
    asking.note("sequence_step_variants.bulk_create", made, [Effect.CREATED] * len(made))
    return json_answer(200, results)


def update_variant(asking: Asking) -> Answer:
    """PUT a variant: attachments left out are kept, an empty list clears them."""
    variant = _variant(asking)
    values, faults = draft_variant(asking, asking.mapping())
    refuse(asking, faults)
    if values["attachmentIds"] is None:
        del values["attachmentIds"]
    variant |= values
    asking.note("sequence_step_variants.update", [variant["id"]], [Effect.UPDATED])
    return json_answer(200, variant_view(variant))


def delete_variant(asking: Asking) -> Answer:
    """DELETE a variant."""
    variant = _variant(asking)
    variants_shelf(asking).remove(variant["id"])
    asking.note("sequence_step_variants.delete", [variant["id"]], [Effect.DELETED])
    return empty(204)


def bulk_delete(asking: Asking) -> Answer:
    """POST bulk-delete: failures by id."""
    own, failed, gone = {one["id"] for one in variants_in(asking, step_of(asking))}, {}, []
    for number in asking.ids("ids"):
        if number not in own:
            failed[str(number)] = item_error(asking.switches, "variants", "notFound", number)
            continue
        own.remove(number)
        variants_shelf(asking).remove(number)
        gone.append(number)
    asking.note("sequence_step_variants.bulk_delete", gone, [Effect.DELETED] * len(gone))
    return json_answer(200, failed)


ROUTES = {
    "v3.sequence_step_variants.list": list_variants,
    "v3.sequence_step_variants.create": create_variant,
    "v3.sequence_step_variants.bulk_create": bulk_create,
    "v3.sequence_step_variants.update": update_variant,
    "v3.sequence_step_variants.delete": delete_variant,
    "v3.sequence_step_variants.bulk_delete": bulk_delete,
}
