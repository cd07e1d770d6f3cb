"""E-mail validation of V3 (v3-contacts.md 4): what it would cost, and a job that spends it."""

from __future__ import annotations

import uuid
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Job, note_surprises

CREDITS_N = 100_000
_MOST = 10_000


def _credits(asking: Asking) -> Record:
    """What the account has left."""
    shelf = asking.workspace.shelf("validation_credits")
    return shelf.get("left") or shelf.add({"id": "left", "left_n": CREDITS_N})


def _asked(asking: Asking) -> tuple[list[int], list[int], bool]:
    """Ids asked for, those that have an address, and whether fewer will do."""
    body = asking.mapping()
    note_surprises(asking.workspace, "email_validations", body, ("contactIds", "acceptPartial"))
    partial = body.get("acceptPartial")
    if partial is not None and not isinstance(partial, bool):
        raise Refused(invalid([("/acceptPartial", "true or false.")]))
    ids, contacts = asking.ids("contactIds", _MOST), asking.workspace.contacts
    return ids, [n for n in dict.fromkeys(ids) if n in contacts and contacts[n].email], bool(partial)


def estimate(asking: Asking) -> Answer:
    """POST estimate: changes nothing."""
    ids, eligible, partial = _asked(asking)
    left_n = _credits(asking)["left_n"]
    enough = len(eligible) <= left_n
    # The number of NotEnoughCredits in the int generation is unknown.
    blocker: Any = 1 if asking.switches["v3.item_error"] == "int" else "notEnoughCredits"
    answer = {
        "requestedCount": len(ids),
        "eligibleCount": len(eligible),
        "creditsAvailable": left_n,
        "creditsRequired": len(eligible),
        "creditsSufficient": enough,
        "canSchedule": bool(eligible) and (enough or (partial and left_n > 0)),
        "blockers": [] if enough else [blocker],
    }
    return json_answer(200, answer)


def schedule(asking: Asking) -> Answer:
    """POST schedule: 202 and a job; short credits are a refusal unless a part will do."""
    _, eligible, partial = _asked(asking)
    if not eligible:
        raise Refused(invalid([("/contactIds", "None of them has an address.")]))
    left = _credits(asking)
    if len(eligible) > left["left_n"] and not (partial and left["left_n"]):
        detail, code = "Not enough credits.", "emailValidation.notEnoughCredits"
        raise Refused(problem(asking.switches, 400, detail.rstrip("."), detail, code=code))
    taken = eligible[: left["left_n"]]
    left["left_n"] -= len(taken)
    number = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{asking.workspace.name} validation {asking.number}"))
    # Quick work: the first look at it finds it ended.
    job = Job(number, "email-validation", asking.now_s, asking.now_s + 1.0, asking.user, asking.number, polls=1)
    job.work = {"contactIds": taken}
    asking.workspace.jobs[number] = job
    asking.note("email_validations.schedule", taken, [Effect.UNCHANGED] * len(taken))
    body = {"jobId": number, "scheduledCount": len(taken), "creditsReserved": len(taken)}
    return json_answer(202, body, {"Location": f"/v3/background-jobs/{number}"})


ROUTES = {
    "v3.email_validations.estimate": estimate,
    "v3.email_validations.schedule": schedule,
}
