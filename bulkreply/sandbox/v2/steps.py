"""Steps of V2 campaigns, and switching their variants on and off (v1-v2.md 8)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v1.bodies import body_of
from bulkreply.sandbox.v2.asked import flag_in, number_in, record_at, several_in
from bulkreply.sandbox.v2.chain import (
    MAILS,
    STEP_KEYS,
    STEPS,
    add_step,
    delay_of,
    drop_step,
    mail_steps,
    step_view,
    steps_view,
    variants_of,
    wordings_of,
)


def _campaign(asking: Asking, to_change: bool = False) -> Record:
    campaign = record_at(asking, "sequences", "Campaign")
    if to_change and campaign["isArchived"]:
        raise asking.v1_refused(400, "The campaign is archived.")
    return campaign


def _step(asking: Asking, campaign: Record) -> tuple[Record, int]:
    """The e-mail step the path names, and its number."""
    for i, step in enumerate(mail_steps(asking.workspace, campaign["id"])):
        if step["id"] == asking.id("step_id"):
            return step, i + 1
    raise asking.v1_refused(404, "Step not found.")


def list_steps(asking: Asking) -> Answer:
    """GET steps: a bare array."""
    return json_answer(200, steps_view(asking.workspace, _campaign(asking)["id"]))


def get_step(asking: Asking) -> Answer:
    """GET one."""
    return json_answer(200, step_view(asking.workspace, *_step(asking, _campaign(asking))))


def create_step(asking: Asking) -> Answer:
    """POST a step at a number; it may push others back, but leaves no gap."""
    campaign = _campaign(asking, to_change=True)
    body = body_of(asking, "v2.campaign_steps.create", STEP_KEYS)
    number = number_in(asking, body, "number", 1)
    if number > len(mail_steps(asking.workspace, campaign["id"])) + 1:
        raise asking.v1_refused(400, "The numbers of steps run from 1.")
    delay, wordings = delay_of(asking, body, first=number == 1), wordings_of(asking, body)
    step = add_step(asking, campaign["id"], number, delay, wordings)
    asking.note("v2.campaign_steps.create", [step["id"]], [Effect.CREATED])
    return json_answer(200, step_view(asking.workspace, step, number))


def update_step(asking: Asking) -> Answer:
    """PATCH a step by its id."""
    campaign = _campaign(asking, to_change=True)
    return _changed(asking, *_step(asking, campaign), _asked(asking))


def update_without_step_id(asking: Asking) -> Answer:
    """PATCH in the older spelling: whether it is known at all is a switch; the templates tell which step is meant."""
    campaign = _campaign(asking, to_change=True)
    if asking.switches["v2.step_patch_path"] == "with_id":
        raise asking.v1_refused(405, "Method not allowed")
    body = _asked(asking)
    sent = {wording.get("id") for wording in wordings_of(asking, body)}
    for i, step in enumerate(mail_steps(asking.workspace, campaign["id"])):
        if sent & {variant["id"] for variant in variants_of(asking.workspace, step)}:
            return _changed(asking, step, i + 1, body)
    raise asking.v1_refused(404, "Step not found.")


def _asked(asking: Asking) -> dict[str, Any]:
    return body_of(asking, "v2.campaign_steps.update", ("inMinutesCount", "templates"))


def _changed(asking: Asking, step: Record, number: int, body: dict[str, Any]) -> Answer:
    delay, wordings = delay_of(asking, body, first=number == 1), wordings_of(asking, body)
    known = {variant["id"]: variant for variant in variants_of(asking.workspace, step)}
    if not all(wording.get("id") in known for wording in wordings):
        raise asking.v1_refused(400, "Every template carries its id.")
    step["delayInMinutes"] = delay
    for wording in wordings:
        known[wording["id"]] |= wording
    asking.note("v2.campaign_steps.update", [step["id"]], [Effect.UPDATED])
    return json_answer(200, step_view(asking.workspace, step, number))


def delete_step(asking: Asking) -> Answer:
    """DELETE a step; not the last one, and none whose mail has left."""
    campaign = _campaign(asking, to_change=True)
    step, _ = _step(asking, campaign)
    if asking.workspace.shelf(MAILS).where(stepId=step["id"]):
        raise asking.v1_refused(400, "Mail of this step has left.")
    if len(mail_steps(asking.workspace, campaign["id"])) == 1:
        raise asking.v1_refused(400, "The last step stays.")
    drop_step(asking.workspace, step)
    asking.note("v2.campaign_steps.delete", [step["id"]], [Effect.DELETED])
    return json_answer(200, {"wasDeleted": True})


def toggle_variants(asking: Asking) -> Answer:
    """POST toggle: `activate` is absolute; the answer lists every variant of the step."""
    step = asking.workspace.shelf(STEPS).get(asking.id("step_id"))
    if step is None or step["type"] != "email":
        raise asking.v1_refused(404, "Step not found.")
    body = body_of(asking, "v2.campaign_steps.toggle_variants", ("activate", "variantIds"))
    active, ids = flag_in(asking, body, "activate"), several_in(asking, body, "variantIds", int)
    variants = variants_of(asking.workspace, step)
    if not set(ids) <= {variant["id"] for variant in variants}:
        raise asking.v1_refused(400, "A variant of another step, or of none.")
    effects = []
    for variant in variants:
        if variant["id"] in ids:
            effects.append(Effect.UNCHANGED if variant["isEnabled"] == active else Effect.UPDATED)
            variant["isEnabled"] = active
    asking.note("v2.campaign_steps.toggle_variants", [step["id"]] * len(effects), effects)
    told = [{"variantId": variant["id"], "isDisabled": not variant["isEnabled"]} for variant in variants]
    return json_answer(200, [{"stepId": step["id"], "emailVariants": told}])


# The older PATCH answers once the catalog has its row; it is left out there in favour of the one with the step id.
ROUTES = {
    "v2.campaign_steps.list": list_steps,
    "v2.campaign_steps.get": get_step,
    "v2.campaign_steps.create": create_step,
    "v2.campaign_steps.update": update_step,
    "v2.campaign_steps.update_without_step_id": update_without_step_id,
    "v2.campaign_steps.delete": delete_step,
    "v2.campaign_steps.toggle_variants": toggle_variants,
}
