"""Campaigns of V1: the sequences of V3, to be read only (v1-v2.md 7)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v1.bodies import campaign_with
from bulkreply.sandbox.v1.figures import counts
from bulkreply.sandbox.v1.mailboxes import address_of
from bulkreply.sandbox.v3.rest import USERS

_STATUS = {"new": 0, "active": 2, "paused": 4}
_COUNTS = (
    "deliveriesCount",
    "opensCount",
    "repliesCount",
    "bouncesCount",
    "optOutsCount",
    "outOfOfficeCount",
    "peopleCount",
    "peopleActive",
    "peopleFinished",
    "peoplePaused",
)


def created_text(created_s: float) -> str:
    """A time as `created` of a campaign comes: an offset, and seven digits after the point."""
    return f"{datetime.fromtimestamp(int(created_s), UTC):%Y-%m-%dT%H:%M:%S}{f'{created_s % 1:.7f}'[1:]}+00:00"


def _view(asking: Asking, sequence: Record, figures: Counter[str]) -> dict[str, Any]:
    mailboxes = asking.workspace.shelf("email_accounts")
    senders = [mailboxes.get(number) for number in sequence["emailAccounts"] or ()]
    return {
        "id": sequence["id"],
        "name": sequence["name"],
        "created": created_text(sequence["created_s"]),
        "status": _STATUS[sequence["status"]],
        "emailAccounts": [address_of(one) for one in senders if one is not None],
        "ownerEmail": USERS.get(sequence["ownerUserId"], ""),
    } | {name: figures[name] for name in _COUNTS}


def _one(asking: Asking, sequence: Record) -> dict[str, Any]:
    return _view(asking, sequence, counts(asking.workspace).get(sequence["id"], Counter()))


def list_campaigns(asking: Asking) -> Answer:
    """GET all: a bare array."""
    figures = counts(asking.workspace)
    shelf = asking.workspace.shelf("sequences")
    return json_answer(200, [_view(asking, one, figures.get(one["id"], Counter())) for one in shelf])


def get_campaign(asking: Asking) -> Answer:
    """GET one by the path."""
    return json_answer(200, _one(asking, campaign_with(asking, asking.id())))


def get_by_id_query(asking: Asking) -> Answer:
    """GET one by the query: an array of one, or the object."""
    found = _one(asking, campaign_with(asking, asking.query.get("id", "")))
    return json_answer(200, [found] if asking.switches["v1.campaign_by_id"] == "array" else found)


def get_by_name(asking: Asking) -> Answer:
    """GET the first with a name."""
    found = asking.workspace.shelf("sequences").named("name", asking.query.get("name", ""))
    if found is None:
        raise asking.v1_refused(404, "Campaign not found.")
    return json_answer(200, _one(asking, found))


ROUTES = {
    "v1.campaigns.list": list_campaigns,
    "v1.campaigns.get": get_campaign,
    "v1.campaigns.get_by_id_query": get_by_id_query,
    "v1.campaigns.get_by_name": get_by_name,
}
