"""`POST /v3/contacts/import` (v3-contacts.md 3)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import Unusable, custom_of, make, problems_of, put, values_of
from bulkreply.sandbox.enrolling import enrol, membership_of, steps_of
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, Job, note_surprises
from bulkreply.sandbox.vocabulary import PATCH_KEYS, pascal

_OPTIONS = ("overwriteExisting", "skipExisting", "detectTimeZone", "listIds", "sequenceId")
Result = tuple[int | None, Effect, str | None, str | None]


def import_contacts(asking: Asking) -> Answer:
    """Takes a batch now, or hands it to a background job."""
    body = asking.mapping()
    items: Any = body.get("items")
    options: dict[str, Any] = body.get("options") or {}
    _check(asking, body, items, options)
    mode, many = asking.switches["v3.import_mode"], asking.switches.number("v3.import_mode")
    if mode == "job" or (many is not None and len(items) > many):
        return _as_job(asking, items, options)
    done = run_import(asking, items, options)
    if _too_many(asking, items) and asking.switches["v3.import_max_items"].endswith(":504"):
        return problem(asking.switches, 504, "Gateway timeout", "The work went on behind it, and is done.")
    return json_answer(200, done)


def _too_many(asking: Asking, items: Sequence[Any]) -> bool:
    most = asking.switches.number("v3.import_max_items")
    return most is not None and len(items) > most


def _check(asking: Asking, body: Mapping[str, Any], items: Any, options: Mapping[str, Any]) -> None:
    note_surprises(asking.workspace, "contacts.import", body, ("items", "options"))
    note_surprises(asking.workspace, "contacts.import options", options, _OPTIONS)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Refused(invalid([("/items", "At least one item is needed.")]))
    if _too_many(asking, items) and not asking.switches["v3.import_max_items"].endswith(":504"):
        raise Refused(invalid([("/items", f"At most {asking.switches['v3.import_max_items']} items.")]))
    both = options.get("overwriteExisting") and options.get("skipExisting")
    if both and asking.switches["v3.import_both_flags"] == "refuse":
        raise Refused(invalid([("/options", "overwriteExisting and skipExisting exclude each other.")]))
    sequence = options.get("sequenceId")
    if sequence is not None and _enrols(asking) and sequence not in asking.workspace.shelf("sequences"):
        raise Refused(invalid([("/options/sequenceId", "No such sequence.")]))
    unknown = [i for i, one in enumerate(options.get("listIds") or ()) if one not in asking.workspace.lists]
    if unknown:
        raise Refused(invalid([(f"/options/listIds/{i}", "No such list.") for i in unknown]))
    if asking.switches["v3.import_bad_email"] == "whole_call":
        bad = [
            (f"/items/{i}/{name}", detail)
            for i, item in enumerate(items)
            for name, detail in problems_of(asking, item)
            if name == "email"
        ]
        if bad:
            raise Refused(invalid(bad))
    cap = asking.switches.number("v3.plan_contacts")
    if cap is not None:
        new = sum(asking.workspace.by_email(str(item.get("email") or "")) is None for item in items)
        if len(asking.workspace.contacts) + new > cap:
            detail = "The plan allows no more contacts."
            raise Refused(problem(asking.switches, 400, "Limit reached", detail, code="contact.limitExceeded"))


def run_import(asking: Asking, items: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """Imports; results in input order."""
    seen: dict[str, int] = {}
    results = [_take(asking, item, options, seen) for item in items]
    ids = [number or 0 for number, _, _, _ in results]
    asking.workspace.events.note(asking.now_s, asking.number, "contacts.import", ids, [r[1] for r in results])
    spell = pascal if asking.switches["v3.enum_out"] == "pascal" else str
    answered = []
    named = asking.switches["v3.import_results"] == "named"
    for item, (number, effect, error, reason) in zip(items, results, strict=True):
        answered.append({"id": number, "status": spell(effect.word), "error": error})
        if named:
            answered[-1]["email"] = item.get("email")
        if reason:
            answered[-1]["skipReason"] = reason
    words = [effect.word for _, effect, _, _ in results]
    counts = {"added": "created", "updated": "updated", "skipped": "skipped", "failed": "failed"}
    return {"items": answered} | {name: words.count(word) for name, word in counts.items()}


def _take(asking: Asking, item: Mapping[str, Any], options: Mapping[str, Any], seen: dict[str, int]) -> Result:
    workspace = asking.workspace
    note_surprises(workspace, "contacts.import item", item, PATCH_KEYS)
    address = str(item.get("email") or "").lower()
    if address and address in seen and asking.switches["v3.import_repeat_in_call"] == "skipped":
        return seen[address], Effect.SKIPPED, None, None
    known = workspace.by_email(address) if address else None
    try:
        if problems_of(asking, item) or (known is None and not item.get("firstName")):
            raise Unusable("Invalid data")
        values = values_of(asking, item)
        custom = custom_of(asking, item.get("customFields"), ("id", "name"))
    except Unusable as error:
        return None, Effect.FAILED, str(error), None
    if known is None:
        if address in workspace.tombstones and asking.switches["v3.import_deleted"] == "skipped":
            return None, Effect.SKIPPED, None, "contactDeleted"
        contact, effect = make(asking, values, custom), Effect.CREATED
    elif known.owner != asking.user:
        return known.id, Effect.SKIPPED, None, "noEditPermission"
    else:
        contact = known
        choice = _choice(asking, options)
        if choice == "skip":
            return known.id, Effect.SKIPPED, None, None
        effect = put(asking, known, values, custom, empty_only=choice == "fill_empty")
    _join(asking, contact, options)
    if address:
        seen[address] = contact.id
    return contact.id, effect, None, None


def _choice(asking: Asking, options: Mapping[str, Any]) -> str:
    overwrite, skip = bool(options.get("overwriteExisting")), bool(options.get("skipExisting"))
    if overwrite and skip:
        return "skip" if asking.switches["v3.import_both_flags"] == "skip_wins" else "overwrite"
    if skip:
        return "skip"
    return "overwrite" if overwrite else asking.switches["v3.import_no_options"]


def _join(asking: Asking, contact: Contact, options: Mapping[str, Any]) -> None:
    for number in options.get("listIds") or ():
        asking.workspace.join(contact, number)
    sequence = asking.workspace.shelf("sequences").get(options.get("sequenceId") or 0)
    if sequence is not None and _enrols(asking) and membership_of(contact, sequence["id"]) is None:
        steps = steps_of(asking.workspace, sequence["id"])
        if steps and not sequence["isArchived"]:
            enrol(asking, contact, sequence, steps[0])


def _enrols(asking: Asking) -> bool:
    return asking.switches["v3.import_sequence_option"] == "honoured"


def _as_job(asking: Asking, items: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Answer:
    """202 and a job whose work is done while it is watched (conventions.md 9)."""
    number = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{asking.workspace.name} {asking.number}"))
    job = Job(number, "contacts-import", asking.now_s, asking.now_s + 1.0, asking.user, asking.number)
    job.work = {"items": list(items), "options": dict(options)}
    job.told = f'{{"items":{len(items)}}}'
    asking.workspace.jobs[number] = job
    return json_answer(202, {"jobId": number}, {"Location": f"/v3/background-jobs/{number}"})


ROUTES = {
    "v3.contacts.import": import_contacts,
}
