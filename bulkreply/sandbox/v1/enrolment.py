"""People into campaigns of V1 and out of them (v1-v2.md 4, procedures.md 2)."""

from __future__ import annotations

from collections import Counter

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import enrol, membership_of, steps_of, withdraw
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v1.blacklist import is_blacklisted
from bulkreply.sandbox.v1.bodies import DONE, body_of, campaign_with, number_in, numbers_in, person_with, truth
from bulkreply.sandbox.v1.pages import people_page
from bulkreply.sandbox.v1.people import PERSON_KEYS, upsert

_UNDERWAY = ("active", "paused", "outOfOffice")
# Key of the bulk answer -> what kept someone out.
_COUNTED = {
    "skipped": ("here", "elsewhere", "unknown", "blacklisted"),
    "skippedByInvalidEmail": ("address",),
    "skippedByOptedOutStatus": ("opted out",),
    "skippedByOwner": ("owner",),
}


def list_people(asking: Asking) -> Answer:
    """GET the people of a campaign, where that listing is still alive."""
    if asking.switches["v1.campaign_people"] == "404":
        raise asking.v1_refused(404, "Not found")
    number, contacts = campaign_with(asking, asking.id())["id"], asking.workspace.contacts
    ids = [one for one in asking.workspace.ordered() if number in (contacts[one].sequences or {})]
    return people_page(asking, ids, f"/v1/campaigns/{number}/people")


def _open(asking: Asking, number: object) -> tuple[Record, Record]:
    """A campaign that takes people, and the step they begin with."""
    campaign = campaign_with(asking, number)
    steps = steps_of(asking.workspace, campaign["id"])
    if campaign["isArchived"] or not steps:
        raise asking.v1_refused(400, "The campaign is archived." if steps else "The campaign has no steps.")
    return campaign, steps[0]


def _blocked(asking: Asking, contact: Contact) -> str:
    """What forbids to write to someone, "" for nothing."""
    if contact.fields.get("isOptedOut"):
        return "opted out"
    return "blacklisted" if contact.email and is_blacklisted(asking.workspace, contact.email) else ""


def _taken(contact: Contact, number: int) -> str:
    """Whether someone is in this campaign already (`here`), or active in another one (`elsewhere`)."""
    inside = membership_of(contact, number)
    if inside is not None and inside["status"] in _UNDERWAY:
        return "here"
    return "elsewhere" if any(one["status"] == "active" for one in (contact.sequences or {}).values()) else ""


def _leave_others(contact: Contact, number: int) -> None:
    for other, membership in list((contact.sequences or {}).items()):
        if other != number and membership["status"] == "active":
            withdraw(contact, other)


def _refusal(asking: Asking, contact: Contact, number: int, force: bool) -> Answer | None:
    """The answer when someone cannot be enrolled, None when nothing is in the way."""
    blocked, taken = _blocked(asking, contact), _taken(contact, number)
    if blocked:
        if asking.switches["v1.push_blocked"] == "200_silent":
            return DONE
        raise asking.v1_refused(
            400, "The person opted out." if blocked == "opted out" else "The person is blacklisted."
        )
    if not taken or (force and taken == "elsewhere"):
        return None
    choice = asking.switches["v1.push_active"]
    if choice == "200":
        return DONE
    where = "this campaign" if taken == "here" else "another campaign"
    raise asking.v1_refused(int(choice), f"The person is active in {where}.")


def push(asking: Asking) -> Answer:
    """POST: enrols someone who is known; `forcePush` takes the person out of another campaign."""
    body = body_of(asking, "v1.campaign_people.push", ("campaignId", "email", "forcePush"))
    campaign, step = _open(asking, body.get("campaignId"))
    contact, force = person_with(asking, body.get("email")), truth(body.get("forcePush"))
    refusal = _refusal(asking, contact, campaign["id"], force)
    if refusal is None:
        _leave_others(contact, campaign["id"])
        enrol(asking, contact, campaign, step)
    asking.note("v1.campaign_people.push", [contact.id], [Effect.SKIPPED if refusal else Effect.CREATED])
    return refusal or DONE


def add_and_push(asking: Asking) -> Answer:
    """POST: creates or changes someone and enrols; a repeat only changes."""
    body = body_of(asking, "v1.campaign_people.add_and_push", ("campaignId", *PERSON_KEYS))
    campaign, step = _open(asking, body.pop("campaignId", None))
    known = asking.workspace.by_email(str(body.get("email") or ""))
    repeated = known is not None and _taken(known, campaign["id"]) == "here"
    if known is not None and not (repeated and asking.switches["v1.push_active"] != "409"):
        refusal = _refusal(asking, known, campaign["id"], force=False)
        if refusal is not None:
            asking.note("v1.campaign_people.add_and_push", [known.id], [Effect.SKIPPED])
            return refusal
    contact, effect = upsert(asking, body)
    if not repeated:
        enrol(asking, contact, campaign, step)
        effect = effect if effect is Effect.CREATED else Effect.UPDATED
    asking.note("v1.campaign_people.add_and_push", [contact.id], [effect])
    return DONE


def bulk_push(asking: Asking) -> Answer:
    """POST by ids: who was enrolled, and how many were not for which reason."""
    body = body_of(asking, "v1.campaign_people.bulk_push", ("ContactIds", "SequenceId", "OverwriteExisting"))
    if "OverwriteExisting" not in body:
        raise asking.v1_refused(400, "OverwriteExisting is required.")
    campaign, step = _open(asking, body.get("SequenceId"))
    force, affected, skips = truth(body["OverwriteExisting"]), [], Counter[str]()
    ids = list(dict.fromkeys(numbers_in(asking, "ContactIds", body.get("ContactIds"))))
    for number in ids:
        contact = asking.workspace.contacts.get(number)
        reason = "unknown" if contact is None else _skip(asking, contact, campaign["id"], force)
        if contact is None or reason:
            skips[reason] += 1
            continue
        _leave_others(contact, campaign["id"])
        enrol(asking, contact, campaign, step)
        affected.append(number)
    effects = [Effect.CREATED if number in affected else Effect.SKIPPED for number in ids]
    asking.note("v1.campaign_people.bulk_push", ids, effects)
    totals = {name: sum(skips[reason] for reason in reasons) for name, reasons in _COUNTED.items()}
    return json_answer(200, {"affectedIdList": affected} | totals)


def _skip(asking: Asking, contact: Contact, number: int, force: bool) -> str:
    """Why the bulk form leaves someone out, "" when it does not."""
    blocked = _blocked(asking, contact)
    if blocked:
        return blocked
    if contact.owner != asking.user:
        return "owner"
    if not contact.email:
        return "address"
    taken = _taken(contact, number)
    return "" if force and taken == "elsewhere" else taken


def remove(asking: Asking) -> Answer:
    """POST: out of one campaign; someone who is not in it is out all the same."""
    body = body_of(asking, "v1.campaign_people.remove", ("campaignId", "email"))
    campaign, contact = campaign_with(asking, number_in(body.get("campaignId"))), person_with(asking, body.get("email"))
    left = withdraw(contact, campaign["id"])
    asking.note("v1.campaign_people.remove", [contact.id], [Effect.DELETED if left else Effect.UNCHANGED])
    return DONE


def remove_from_all(asking: Asking) -> Answer:
    """POST: out of all campaigns; the person stays, and has not opted out."""
    body = body_of(asking, "v1.campaign_people.remove_from_all", ("email",))
    contact = person_with(asking, body.get("email"))
    effect = Effect.DELETED if contact.sequences else Effect.UNCHANGED
    contact.sequences = None
    asking.note("v1.campaign_people.remove_from_all", [contact.id], [effect])
    return DONE


ROUTES = {
    "v1.campaign_people.list": list_people,
    "v1.campaign_people.push": push,
    "v1.campaign_people.add_and_push": add_and_push,
    "v1.campaign_people.bulk_push": bulk_push,
    "v1.campaign_people.remove": remove,
    "v1.campaign_people.remove_from_all": remove_from_all,
}
