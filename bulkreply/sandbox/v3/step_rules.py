"""What a step may say, by its type (v3-sequences-steps.md 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bulkreply.sandbox.answers import Refused, invalid, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.v3.wording import chosen, unknown_variables

MAX_ATTACHMENTS = 3
COMMON = ("type", "delayInMinutes", "parentId", "ifConditionPositive")
_VARIANT_KEYS = ("id", "subject", "message", "isEnabled", "attachmentIds")


@dataclass(frozen=True, slots=True)
class Trait:
    """One further field of a type of step.

    Attributes:
        kind: Of its value.
        needed: Whether the step is not valid without it.
        words: For words, those there are.
    """

    kind: Literal["word", "text", "count", "number", "texts", "conditions"]
    needed: bool = False
    words: tuple[str, ...] = ()


_EXECUTION = Trait("word", words=("automatic", "manual"))
_TEXT, _NEEDED = Trait("text"), Trait("text", needed=True)
_LINKED_IN: dict[str, dict[str, Trait]] = {
    "message": {"executionMode": _EXECUTION},
    "connect": {"executionMode": _EXECUTION},
    "inMail": {"executionMode": _EXECUTION},
    "viewProfile": {},
    "endorseSkills": {"numberOfSkills": Trait("count")},
    "voiceMessage": {
        "audioFile": _TEXT,
        "message": _TEXT,
        "speed": Trait("number"),
        "backgroundNoiseId": Trait("count"),
    },
    "likeRecentPosts": {},
    "followProfile": {},
    "commentOnRecentPost": {
        "aiPromptText": _TEXT,
        "skipIfNoPostsInDays": Trait("count"),
        "skipTopics": Trait("texts"),
    },
}
_TYPES: dict[str, dict[str, Trait]] = {
    "email": {"executionMode": _EXECUTION},
    "linkedIn": {"actionType": Trait("word", True, tuple(_LINKED_IN))},
    "call": {"description": _TEXT, "executionMode": _EXECUTION},
    "sms": {"executionMode": _EXECUTION, "message": _NEEDED},
    "whatsApp": {"message": _NEEDED},
    "zapier": {"name": _NEEDED, "action": Trait("word", True, ("immediately", "wait"))},
    "task": {"actionType": Trait("word", True, ("toDo", "meeting")), "description": _NEEDED},
    "condition": {"waitInMinutes": Trait("count", True), "conditions": Trait("conditions", True)},
}
TYPES = tuple(_TYPES)
_WITH_VARIANTS = {("email", None), ("linkedIn", "message"), ("linkedIn", "connect"), ("linkedIn", "inMail")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a step or a variant: the word a bulk answer has for it, where, and what."""

    slug: str
    pointer: str
    detail: str


@dataclass(slots=True)
class Draft:
    """A step as a body says it, before it is taken.

    Attributes:
        variants: Its variants, None when its type has none.
    """

    values: Record = field(default_factory=dict)
    variants: list[Record] | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, slug: str, pointer: str, detail: str) -> None:
        """Notes that something is wrong."""
        self.faults.append(Fault(slug, pointer, detail))


def takes_variants(step: Mapping[str, Any]) -> bool:
    """Whether a step of this type says what it says in variants."""
    kind = step.get("type")
    return (kind, step.get("actionType") if kind == "linkedIn" else None) in _WITH_VARIANTS


def traits_of(step: Mapping[str, Any]) -> dict[str, Trait]:
    """The further fields of a step that has its type and action already."""
    traits = _TYPES[step["type"]]
    return traits | _LINKED_IN[step["actionType"]] if "actionType" in step and step["type"] == "linkedIn" else traits


def draft_step(asking: Asking, body: Any, parents: Collection[Any], before: Record | None = None) -> Draft:
    """A step from its body, with everything that is wrong with it.

    Args:
        parents: Ids of the steps it may hang below.
        before: The step it replaces.
    """
    draft = Draft()
    if not isinstance(body, dict):
        draft.fault("invalidInput", "", "A step is an object.")
        return draft
    kind = chosen(asking, body.get("type"), TYPES)
    if kind is None:
        draft.fault("invalidInput", "/type", "Not one of the known types.")
        return draft
    if before is not None and kind != before["type"]:
        draft.fault("invalidInput", "/type", "The type of a step stays.")
        return draft
    delay = body.get("delayInMinutes")
    if type(delay) is not int or delay < 0:
        draft.fault("invalidInput", "/delayInMinutes", "A whole number from 0.")
    parent, branch = body.get("parentId"), body.get("ifConditionPositive")
    if parent is not None and parent not in parents:
        draft.fault("invalidStep", "/parentId", "No such parent.")
    if branch is not None and not isinstance(branch, bool):
        draft.fault("invalidInput", "/ifConditionPositive", "true, false or null.")
    draft.values = {"type": kind, "delayInMinutes": delay, "parentId": parent, "ifConditionPositive": branch}
    _further(asking, body, draft)
    known = {*COMMON, *traits_of(draft.values), *(("id", "variants") if takes_variants(draft.values) else ("id",))}
    note_surprises(asking.workspace, "sequence_steps", body, known)
    if takes_variants(draft.values):
        _variants(asking, body.get("variants"), draft, before is not None)
    return draft


def _further(asking: Asking, body: dict[str, Any], draft: Draft) -> None:
    kind = draft.values["type"]
    for name, trait in _TYPES[kind].items():
        _field(asking, body, draft, name, trait)
    action = draft.values.get("actionType")
    for name, trait in _LINKED_IN[action].items() if kind == "linkedIn" and action else ():
        _field(asking, body, draft, name, trait)
    if kind in ("email", "sms") and body.get("executionMode") is None:
        if asking.switches["v3.step_execution_mode"] == "required":
            draft.fault("invalidInput", "/executionMode", "executionMode is needed.")
        draft.values["executionMode"] = "automatic"


def _field(asking: Asking, body: dict[str, Any], draft: Draft, name: str, trait: Trait) -> None:
    value = body.get(name)
    if value is None:
        if trait.needed:
            draft.fault("invalidInput", f"/{name}", f"{name} is needed.")
        elif name in body and trait.kind != "word":
            draft.values[name] = None
        return
    wrong = _wrong(asking, value, trait)
    if wrong:
        draft.fault("invalidInput", f"/{name}", wrong)
        return
    draft.values[name] = chosen(asking, value, trait.words) if trait.kind == "word" else value
    if trait.kind == "text" and (unknown := unknown_variables(asking, value)):
        draft.fault("invalidStep", f"/{name}", f"unrecognized variables: {', '.join(unknown)}")


def _wrong(asking: Asking, value: Any, trait: Trait) -> str:
    match trait.kind:
        case "word":
            return "" if chosen(asking, value, trait.words) else f"One of {', '.join(trait.words)}."
        case "text":
            return "" if isinstance(value, str) and (value.strip() or not trait.needed) else "A text is needed."
        case "count":
            return "" if type(value) is int and value >= 0 else "A whole number from 0."
        case "number":
            return "" if isinstance(value, int | float) and not isinstance(value, bool) else "A number is needed."
        case "texts":
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
            return "" if fits else "A list of texts is needed."
    return "" if _are_conditions(value) else "A list of {property, rules: [{operator, value}]} is needed."


def _are_conditions(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    for one in value:
        rules = one.get("rules") if isinstance(one, dict) and isinstance(one.get("property"), str) else None
        if not isinstance(rules, list) or not rules:
            return False
        if not all(isinstance(rule, dict) and isinstance(rule.get("operator"), str) for rule in rules):
            return False
    return True


def _variants(asking: Asking, bodies: Any, draft: Draft, replaces: bool) -> None:
    if bodies is not None and not isinstance(bodies, list):
        draft.fault("invalidInput", "/variants", "A list is needed.")
        return
    if not bodies and draft.values.get("actionType") != "connect":
        draft.fault("invalidStep", "/variants", "A variant is needed.")
    draft.variants = []
    for at, body in enumerate(bodies or ()):
        values, faults = draft_variant(asking, body, f"/variants/{at}")
        if replaces and isinstance(body, dict) and type(body.get("id")) is not int:
            faults.append(Fault("invalidInput", f"/variants/{at}/id", "The id of the variant is needed."))
        draft.variants.append(values | ({"id": body["id"]} if replaces and not faults else {}))
        draft.faults += faults


def draft_variant(asking: Asking, body: Any, pointer: str = "") -> tuple[Record, list[Fault]]:
    """A variant from its body; `attachmentIds` is None when the body leaves them as they are."""
    if not isinstance(body, dict):
        return {}, [Fault("invalidInput", pointer, "A variant is an object.")]
    note_surprises(asking.workspace, "sequence_step_variants", body, _VARIANT_KEYS)
    faults = []
    message, subject, enabled = body.get("message"), body.get("subject"), body.get("isEnabled")
    if not isinstance(message, str) or not message.strip():
        faults.append(Fault("invalidInput", f"{pointer}/message", "message is needed."))
    if subject is not None and not isinstance(subject, str):
        faults.append(Fault("invalidInput", f"{pointer}/subject", "A text is needed."))
    if enabled is not None and not isinstance(enabled, bool):
        faults.append(Fault("invalidInput", f"{pointer}/isEnabled", "true or false."))
    for name, text in (("subject", subject), ("message", message)):
        if unknown := unknown_variables(asking, text):
            faults.append(Fault("invalidStep", f"{pointer}/{name}", f"unrecognized variables: {', '.join(unknown)}"))
    attached = body.get("attachmentIds")
    faults += _attachments(asking, attached, pointer)
    values = {"subject": subject, "message": message, "isEnabled": enabled is not False, "attachmentIds": attached}
    return values, faults


def _attachments(asking: Asking, attached: Any, pointer: str) -> list[Fault]:
    if attached is None:
        return []
    where = f"{pointer}/attachmentIds"
    if not isinstance(attached, list) or not all(type(one) is int for one in attached):
        return [Fault("invalidInput", where, "A list of ids is needed.")]
    if len(attached) > MAX_ATTACHMENTS:
        return [Fault("invalidInput", where, f"At most {MAX_ATTACHMENTS} attachments.")]
    files = [asking.workspace.shelf("attachments").get(one) for one in attached]
    if any(file is not None and file["ownerUserId"] != asking.user for file in files):
        return [Fault("forbidden", where, "The attachment belongs to somebody else.")]
    return []


def refuse(asking: Asking, faults: list[Fault]) -> None:
    """Nothing, when there is no fault.

    Raises:
        Refused: 403 when something is not the caller's own, else a validation 400 that names everything.
    """
    if any(fault.slug == "forbidden" for fault in faults):
        detail = next(fault.detail for fault in faults if fault.slug == "forbidden")
        raise Refused(problem(asking.switches, 403, "Forbidden", detail, code="sequenceStep.forbidden"))
    if faults:
        raise Refused(invalid([(fault.pointer, fault.detail) for fault in faults]))
