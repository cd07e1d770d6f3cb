"""The e-mail steps of a campaign in their order, as V2 numbers them; other steps do not pass through (v1-v2.md 8)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Key, Record
from bulkreply.sandbox.store import Workspace, note_surprises
from bulkreply.sandbox.v2.asked import number_in, several_in

STEPS, VARIANTS, MAILS = "sequence_steps", "sequence_step_variants", "v2_emails"
STEP_KEYS = frozenset({"number", "inMinutesCount", "templates"})
_TEMPLATE_KEYS = ("id", "subject", "body", "ccList", "emailTemplateId")
Wording = dict[str, Any]


def whole_chain(workspace: Workspace, campaign: Key) -> list[Record]:
    """Every step of a sequence, parents first."""
    below: dict[Any, list[Record]] = {}
    for step in workspace.shelf(STEPS).where(sequenceId=campaign):
        below.setdefault(step.get("parentId"), []).append(step)
    found, waiting = [], below.get(None, [])[::-1]
    while waiting:
        step = waiting.pop()
        found.append(step)
        waiting += below.get(step["id"], [])[::-1]
    return found


def mail_steps(workspace: Workspace, campaign: Key) -> list[Record]:
    """The e-mail steps, parents first: the first is number 1."""
    return [step for step in whole_chain(workspace, campaign) if step["type"] == "email"]


def variants_of(workspace: Workspace, step: Record) -> list[Record]:
    """The wordings of a step."""
    return workspace.shelf(VARIANTS).where(stepId=step["id"])


def step_view(workspace: Workspace, step: Record, number: int) -> dict[str, Any]:
    """A step as V2 shows it: numbers as text, variants as templates."""
    templates = [_template_view(workspace, variant) for variant in variants_of(workspace, step)]
    delay = str(step.get("delayInMinutes") or 0)
    return {"id": step["id"], "number": str(number), "inMinutesCount": delay, "templates": templates}


def _template_view(workspace: Workspace, variant: Record) -> dict[str, Any]:
    kept = workspace.shelf("email_templates").get(variant.get("_emailTemplateId") or 0)
    return {
        "id": variant["id"],
        "subject": variant.get("subject") or "",
        "body": variant.get("message") or "",
        "ccList": variant.get("_ccList") or "",
        "emailTemplateId": variant.get("_emailTemplateId"),
        "emailTemplateName": kept["name"] if kept is not None else None,
        "attachmentsIds": list(variant.get("attachmentIds") or []),
    }


def steps_view(workspace: Workspace, campaign: Key) -> list[dict[str, Any]]:
    """All e-mail steps of a campaign."""
    return [step_view(workspace, step, i + 1) for i, step in enumerate(mail_steps(workspace, campaign))]


def delay_of(asking: Asking, body: dict[str, Any], first: bool) -> int:
    """The delay of a step: 0 or more for the first, above 1 for the others."""
    return number_in(asking, body, "inMinutesCount", 0 if first else 2)


def wordings_of(asking: Asking, body: dict[str, Any]) -> list[Wording]:
    """What the templates of a body say, as values of variants; `id` only where one was sent.

    Raises:
        Refused: There is none, or one is neither worded nor names a kept template.
    """
    return [_wording(asking, template) for template in several_in(asking, body, "templates", dict)]


def _wording(asking: Asking, template: dict[str, Any]) -> Wording:
    note_surprises(asking.workspace, "v2 templates", template, _TEMPLATE_KEYS)
    made: Wording = {"id": template["id"]} if type(template.get("id")) is int else {}
    if isinstance(template.get("ccList"), str):
        made["_ccList"] = template["ccList"]
    kept_id = template.get("emailTemplateId")
    if kept_id is not None:
        kept = asking.workspace.shelf("email_templates").get(kept_id) if type(kept_id) is int else None
        if kept is None:
            raise asking.v1_refused(400, "No such e-mail template.")
        return made | {"subject": kept.get("subject"), "message": kept.get("body"), "_emailTemplateId": kept_id}
    subject, text = template.get("subject") or "", template.get("body")
    if not isinstance(subject, str) or not isinstance(text, str) or not text.strip():
        raise asking.v1_refused(400, "A template needs a body, or an emailTemplateId.")
    return made | {"subject": subject, "message": text, "_emailTemplateId": None}


def add_step(asking: Asking, campaign: Key, number: int, delay: int, wordings: list[Wording]) -> Record:
    """Puts a step at its number; the one that was there, and what follows it, comes after it."""
    workspace = asking.workspace
    mails, every = mail_steps(workspace, campaign), whole_chain(workspace, campaign)
    later = mails[number - 1] if number <= len(mails) else None
    before, branch = (every[-1]["id"] if every else None), None
    if later is not None:
        before, branch = later.get("parentId"), later.get("ifConditionPositive")
    step = workspace.shelf(STEPS).add(
        {
            "sequenceId": campaign,
            "type": "email",
            "delayInMinutes": delay,
            "parentId": before,
            "ifConditionPositive": branch,
            "executionMode": "automatic",
        }
    )
    if later is not None:
        later |= {"parentId": step["id"], "ifConditionPositive": None}
    for wording in wordings:
        fresh = {"sequenceId": campaign, "stepId": step["id"], "isEnabled": True, "attachmentIds": []}
        values = {name: value for name, value in wording.items() if name != "id"}
        workspace.shelf(VARIANTS).add(fresh | values)
    return step


def drop_step(workspace: Workspace, step: Record) -> None:
    """Takes a step out; what followed it moves up."""
    for variant in variants_of(workspace, step):
        workspace.shelf(VARIANTS).remove(variant["id"])
    for child in workspace.shelf(STEPS).where(parentId=step["id"]):
        child |= {"parentId": step.get("parentId"), "ifConditionPositive": step.get("ifConditionPositive")}
    workspace.shelf(STEPS).remove(step["id"])
