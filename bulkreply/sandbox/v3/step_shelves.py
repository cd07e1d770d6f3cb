"""Where the steps of sequences and their variants are kept, and how they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bulkreply.sandbox.answers import Refused, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record, Shelf
from bulkreply.sandbox.v3.step_rules import takes_variants, traits_of
from bulkreply.sandbox.v3.wording import spelled


def sequence_of(asking: Asking) -> Record:
    """The sequence the path names.

    Raises:
        Refused: There is none.
    """
    record = asking.workspace.shelf("sequences").get(asking.id())
    if record is None:
        raise asking.not_found("sequence.notFound", "sequence")
    return record


def step_of(asking: Asking) -> Record:
    """The step the path names.

    Raises:
        Refused: There is none, or it is a step of another sequence.
    """
    of = sequence_of(asking)
    record = steps_shelf(asking).get(asking.id("step_id"))
    if record is None or record["sequenceId"] != of["id"]:
        raise asking.not_found("sequenceStep.notFound", "step")
    return record


def steps_shelf(asking: Asking) -> Shelf:
    """Steps of all sequences."""
    return asking.workspace.shelf("sequence_steps")


def variants_shelf(asking: Asking) -> Shelf:
    """Variants of all steps."""
    return asking.workspace.shelf("sequence_step_variants")


def steps_in(asking: Asking, sequence: Record) -> list[Record]:
    """The steps of a sequence, parents before their children."""
    return parents_first(steps_shelf(asking).where(sequenceId=sequence["id"]))


def parents_first(steps: Sequence[Record]) -> list[Record]:
    """Steps in an order in which they can be made."""
    waiting, placed, order = list(steps), {None}, []
    while waiting:
        ready = [one for one in waiting if one["parentId"] in placed] or waiting
        order += ready
        placed |= {one["id"] for one in ready}
        waiting = [one for one in waiting if one["id"] not in placed]
    return order


def below(asking: Asking, step: Record) -> set[Any]:
    """Ids of a step and of everything that hangs below it."""
    found = {step["id"]}
    for one in steps_in(asking, {"id": step["sequenceId"]}):
        if one["parentId"] in found:
            found.add(one["id"])
    return found


def variants_in(asking: Asking, step: Record) -> list[Record]:
    """The variants of a step."""
    return variants_shelf(asking).where(stepId=step["id"])


def step_view(asking: Asking, step: Record) -> dict[str, Any]:
    """A step as it is answered: what its type has, and no more."""
    view: dict[str, Any] = {"id": step["id"], "type": spelled(asking, step["type"])}
    view |= {name: step.get(name) for name in ("delayInMinutes", "parentId", "ifConditionPositive")}
    for name, trait in traits_of(step).items():
        if name in step:
            value = step[name]
            view[name] = spelled(asking, value) if trait.kind == "word" and value else value
    if takes_variants(step):
        view["variants"] = [variant_view(one) for one in variants_in(asking, step)]
    return view


def variant_view(variant: Record) -> dict[str, Any]:
    """A variant as it is answered: whether it has attachments, not which."""
    view = {name: variant[name] for name in ("id", "subject", "message", "isEnabled")}
    return view | {"hasAttachments": bool(variant["attachmentIds"])}


def plant_step(asking: Asking, sequence: Record, values: Record, variants: Sequence[Record]) -> Record:
    """Puts a new step and its variants in place."""
    step = steps_shelf(asking).add(values | {"sequenceId": sequence["id"]})
    for one in variants:
        plant_variant(asking, step, one)
    return step


def plant_variant(asking: Asking, step: Record, values: Record) -> Record:
    """Puts a new variant in place."""
    of = {"sequenceId": step["sequenceId"], "stepId": step["id"]}
    return variants_shelf(asking).add(values | of | {"attachmentIds": list(values.get("attachmentIds") or ())})


def uproot(asking: Asking, step: Record) -> None:
    """Takes a step away, and its variants."""
    for one in variants_in(asking, step):
        variants_shelf(asking).remove(one["id"])
    steps_shelf(asking).remove(step["id"])


def lock_of(asking: Asking, step: Record) -> str:
    """Why a step cannot be deleted, "" when it can."""
    sequence = asking.workspace.shelf("sequences").get(step["sequenceId"])
    if sequence is not None and sequence["status"] == "active":
        return "stepLocked"
    return "stepLockedHasChildren" if steps_shelf(asking).where(parentId=step["id"]) else ""


def locked(asking: Asking, lock: str) -> Refused:
    """The refusal of one call about a locked step."""
    detail = "The sequence is running." if lock == "stepLocked" else "Other steps hang below it."
    return Refused(problem(asking.switches, 400, "Locked", detail, code=f"sequenceStep.{lock}"))
