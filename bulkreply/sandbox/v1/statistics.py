"""Statistics of V1 (v1-v2.md 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import Membership, members_of, steps_of
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v1.blacklist import is_blacklisted
from bulkreply.sandbox.v1.bodies import campaign_with, number_in, person_with
from bulkreply.sandbox.v1.figures import mailed, mails
from bulkreply.sandbox.vocabulary import pascal

# The first letter is Cyrillic, as Reply once answered it.
_NAME = "\u0441ampaignName"


def person(asking: Asking) -> Answer:
    """GET what happened to one person."""
    contact = person_with(asking, asking.query.get("email"))
    if not mailed(asking.workspace, contact):
        raise asking.v1_refused(400, "There is no statistics for this person.")
    names = (contact.fields.get("firstName"), contact.fields.get("lastName"))
    return json_answer(
        200,
        {
            "id": contact.id,
            "email": contact.email,
            "fullName": " ".join(name for name in names if name),
            "isBlocked": is_blacklisted(asking.workspace, contact.email or ""),
            "isOptedOut": bool(contact.fields.get("isOptedOut")),
            "isContactOwner": contact.owner == asking.user,
            "campaigns": [_campaign(asking, one) for one in (contact.sequences or {}).values()],
        },
    )


def _campaign(asking: Asking, membership: Membership) -> dict[str, Any]:
    sequence = asking.workspace.shelf("sequences").get(membership["sequenceId"]) or {}
    return {
        "id": membership["sequenceId"],
        "name": membership["sequenceName"],
        "status": pascal(sequence.get("status", "new")),
        "isSequenceOwner": sequence.get("ownerUserId") == asking.user,
        "personStatus": pascal(membership["status"]),
        "inboxState": membership.get("_inbox_state", ""),
        "replyDate": membership.get("_reply_s"),
        "replyText": membership.get("_reply_text", ""),
        "emails": mails(asking.workspace, membership),
    }


def status_in_campaign(asking: Asking) -> Answer:
    """GET one word: of the campaign someone joined last."""
    joined = list((person_with(asking, asking.query.get("email")).sequences or {}).values())
    if not joined:
        raise asking.v1_refused(400, "The person is in no campaign.")
    return json_answer(200, {"status": pascal(joined[-1]["status"])})


def _campaign_of(asking: Asking) -> Record:
    if not asking.query.get("campaignid"):
        raise asking.v1_refused(400, "campaignId is required.")
    return campaign_with(asking, asking.query["campaignid"])


def people_sent(asking: Asking) -> Answer:
    """GET how many people of a campaign got mail."""
    campaign, workspace = _campaign_of(asking), asking.workspace
    reached = (any(not mail["bounced"] for mail in mails(workspace, one)) for _, one in _members(asking, campaign))
    return json_answer(
        200, {"campaignId": campaign["id"], _NAME: campaign["name"], "deliveredProspectsCount": sum(reached)}
    )


def _members(asking: Asking, campaign: Record) -> list[tuple[Contact, Membership]]:
    return members_of(asking.workspace, campaign["id"])


def campaign_step(asking: Asking) -> Answer:
    """GET the figures of one step, perhaps of a period only."""
    campaign, wanted = _campaign_of(asking), number_in(asking.query.get("stepid"))
    steps = [one["id"] for one in steps_of(asking.workspace, campaign["id"])]
    if campaign["isArchived"] or wanted not in steps:
        raise asking.v1_refused(400, "The campaign is archived." if wanted in steps else "The step does not exist.")
    number = steps.index(wanted) + 1
    sent = [list(_sent(asking, one, number)) for _, one in _members(asking, campaign)]
    people_n, mails_n = sum(bool(one) for one in sent), sum(map(len, sent))
    view: dict[str, Any] = {
        "campaignId": campaign["id"],
        "campaignName": campaign["name"],
        "stepId": wanted,
        "stepNumber": number,
        "contactedPeople": people_n,
        "peopleSentTo": people_n,
        "sentEmails": mails_n,
    }
    for name in ("opened", "replied", "bounced", "clicked"):
        view[f"{name}People"] = sum(any(mail.get(name) for mail in one) for one in sent)
        view[f"{name}Emails"] = sum(bool(mail.get(name)) for one in sent for mail in one)
    rates = {
        "deliveryRate": mails_n - view["bouncedEmails"],
        "openRate": view["openedEmails"],
        "replyRate": view["repliedEmails"],
        "interestedRate": 0,
    }
    return json_answer(200, view | {name: _percent(part, mails_n) for name, part in rates.items()})


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0


def _sent(asking: Asking, membership: Membership, number: int) -> Iterator[Record]:
    """The mails of a step within the period asked for."""
    first, last = (number_in(asking.query.get(name)) for name in ("from", "to"))
    for mail in mails(asking.workspace, membership):
        if mail["stepNum"] == number and first <= mail["date"] <= (last or mail["date"]):
            yield mail


def campaign_clicks(asking: Asking) -> Answer:
    """GET the clicks on the links of each step."""
    campaign = _campaign_of(asking)
    clicked = [one for one in steps_of(asking.workspace, campaign["id"]) if one.get("_links")]
    steps = [{"stepId": one["id"], "links": one["_links"]} for one in clicked]
    return json_answer(200, {"campaignId": campaign["id"], "stepClicks": steps})


ROUTES = {
    "v1.statistics.person": person,
    "v1.statistics.status_in_campaign": status_in_campaign,
    "v1.statistics.people_sent_per_campaign": people_sent,
    "v1.statistics.campaign_step": campaign_step,
    "v1.statistics.campaign_clicks": campaign_clicks,
}
