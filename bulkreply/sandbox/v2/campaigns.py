"""Campaigns of V2: the sequences of V3 under their older name (v1-v2.md 7)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Key, Record
from bulkreply.sandbox.store import Contact, note_surprises
from bulkreply.sandbox.v1.bodies import body_of
from bulkreply.sandbox.v1.campaigns import created_text
from bulkreply.sandbox.v1.mailboxes import address_of
from bulkreply.sandbox.v2.asked import flag_in, number_in, record_at, several_in
from bulkreply.sandbox.v2.chain import (
    MAILS,
    STEP_KEYS,
    Wording,
    add_step,
    delay_of,
    mail_steps,
    steps_view,
    variants_of,
    wordings_of,
)
from bulkreply.sandbox.v3.sequences import fresh

_STATUSES = {"new": "New", "active": "Active", "paused": "Paused"}
_REPLIES = {"Mark person as finished": "markAsFinished", "Continue sending emails": "continueSending"}
_NUMBERS = ("emailsCountPerDay", "daysToFinishProspect", "emailSendingDelaySeconds", "dailyThrottling")
_FLAGS = ("useDailyThrottling", "disableOpensTracking", "enableLinksTracking")
_OLDER = ("daysFromLastProspectContact", "emailPriorityType")  # 2018; V3 knows neither
_CREATE_KEYS = {"name", "emailAccounts", "useDefaultEmailAccountFallback", "scheduleId", "settings", "steps"}


def _short(asking: Asking, campaign: Record) -> dict[str, Any]:
    accounts = asking.workspace.shelf("email_accounts")
    senders = [accounts.get(number) for number in campaign["emailAccounts"]]
    return {
        "id": campaign["id"],
        "name": campaign["name"],
        "emailAccounts": [address_of(sender) for sender in senders if sender is not None],
        "created": created_text(campaign["created_s"]),
        "status": _STATUSES[campaign["status"]],
        "isArchived": campaign["isArchived"],
    }


def _row(asking: Asking, campaign: Record) -> dict[str, Any]:
    settings = dict(campaign.get("settings") or {}) | dict(campaign.get("_v2Settings") or {})
    words = {own: word for word, own in _REPLIES.items()}
    if "repliesHandlingType" in settings:
        settings["repliesHandlingType"] = words.get(settings["repliesHandlingType"], settings["repliesHandlingType"])
    known = {*_NUMBERS, *_FLAGS, *_OLDER, "repliesHandlingType"}
    shown = {name: value for name, value in settings.items() if name in known}
    return _short(asking, campaign) | {"scheduleId": campaign["scheduleId"], "settings": shown}


def _campaign(asking: Asking) -> Record:
    return record_at(asking, "sequences", "Campaign")


def list_campaigns(asking: Asking) -> Answer:
    """GET campaigns: a bare array, archived ones too."""
    return json_answer(200, [_row(asking, one) for one in asking.workspace.shelf("sequences")])


def _senders(asking: Asking, body: dict[str, Any]) -> list[Key]:
    """Ids of the accounts whose addresses the body gives."""
    by_address = {address_of(one).lower(): one["id"] for one in asking.workspace.shelf("email_accounts")}
    found = []
    for address in several_in(asking, body, "emailAccounts", str):
        if address.lower() not in by_address:
            raise asking.v1_refused(400, "No such e-mail account.")
        found.append(by_address[address.lower()])
    return found


def _first_senders(asking: Asking, body: dict[str, Any]) -> list[Key]:
    if body.get("emailAccounts"):
        return _senders(asking, body)
    if body.get("useDefaultEmailAccountFallback") is None:
        raise asking.v1_refused(400, "emailAccounts are required.")
    if not flag_in(asking, body, "useDefaultEmailAccountFallback"):
        return []
    defaults = asking.workspace.shelf("email_accounts").where(isDefault=True)
    if not defaults:
        raise asking.v1_refused(400, "There is no default e-mail account.")
    return [defaults[0]["id"]]


def _schedule(asking: Asking, body: dict[str, Any]) -> Key | None:
    shelf = asking.workspace.shelf("schedules")
    if body.get("scheduleId") is None:
        defaults = shelf.where(isDefault=True)
        return defaults[0]["id"] if defaults else None
    number = number_in(asking, body, "scheduleId", 1)
    if number not in shelf:
        raise asking.v1_refused(400, "No such schedule.")
    return number


def _settings(asking: Asking, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a body sets, in the words of V3, and what V3 does not know."""
    given = body.get("settings") or {}
    if not isinstance(given, dict):
        raise asking.v1_refused(400, "settings must be an object.")
    note_surprises(
        asking.workspace, "v2.campaigns settings", given, (*_NUMBERS, *_FLAGS, *_OLDER, "repliesHandlingType")
    )
    made: dict[str, Any] = {name: number_in(asking, given, name, 0) for name in _NUMBERS if name in given}
    made |= {name: flag_in(asking, given, name) for name in _FLAGS if name in given}
    if "repliesHandlingType" in given:
        if str(given["repliesHandlingType"]) not in _REPLIES:
            raise asking.v1_refused(400, "repliesHandlingType is not one of the known values.")
        made["repliesHandlingType"] = _REPLIES[given["repliesHandlingType"]]
    return made, {name: given[name] for name in _OLDER if name in given}


def _first_steps(asking: Asking, body: dict[str, Any]) -> list[tuple[int, list[Wording]]]:
    """Delay and wordings of each step, by their numbers, which run from 1."""
    steps = several_in(asking, body, "steps", dict)
    by_number = {number_in(asking, step, "number", 1): step for step in steps}
    if sorted(by_number) != list(range(1, len(steps) + 1)):
        raise asking.v1_refused(400, "The numbers of steps run from 1.")
    found = []
    for number, step in sorted(by_number.items()):
        note_surprises(asking.workspace, "v2.campaigns steps", step, STEP_KEYS)
        found.append((delay_of(asking, step, first=number == 1), wordings_of(asking, step)))
    return found


def _name(asking: Asking, body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise asking.v1_refused(400, "name is required.")
    return name


def create_campaign(asking: Asking) -> Answer:
    """POST: a campaign with its steps; 201."""
    body = body_of(asking, "v2.campaigns.create", _CREATE_KEYS)
    values = fresh(asking, _name(asking, body))
    settings, older = _settings(asking, body)
    steps = _first_steps(asking, body)
    values |= {"scheduleId": _schedule(asking, body), "emailAccounts": _first_senders(asking, body)}
    values |= {"settings": values["settings"] | settings, "_v2Settings": older}
    campaign = asking.workspace.shelf("sequences").add(values)
    for i, (delay, wordings) in enumerate(steps):
        add_step(asking, campaign["id"], i + 1, delay, wordings)
    asking.note("v2.campaigns.create", [campaign["id"]], [Effect.CREATED])
    return json_answer(201, _row(asking, campaign) | {"steps": steps_view(asking.workspace, campaign["id"])})


def update_campaign(asking: Asking) -> Answer:
    """PATCH: the name every time; whether half of the settings will do is a switch."""
    campaign = _campaign(asking)
    body = body_of(asking, "v2.campaigns.update", ("name", "emailAccounts", "settings"))
    values: Record = {"name": _name(asking, body)}
    if body.get("settings") is not None:
        both = {"emailsCountPerDay", "daysToFinishProspect"}
        settings, older = _settings(asking, body)
        if asking.switches["v2.settings_partial"] == "refused" and not both <= settings.keys():
            raise asking.v1_refused(400, "emailsCountPerDay and daysToFinishProspect are required.")
        values["settings"] = dict(campaign.get("settings") or {}) | settings
        values["_v2Settings"] = dict(campaign.get("_v2Settings") or {}) | older
    if body.get("emailAccounts") is not None:
        values["emailAccounts"] = _senders(asking, body)
    _refuse_archived(asking, campaign)
    campaign |= values
    asking.note("v2.campaigns.update", [campaign["id"]], [Effect.UPDATED])
    return json_answer(200, _row(asking, campaign))


def _refuse_archived(asking: Asking, campaign: Record) -> None:
    if campaign["isArchived"]:
        raise asking.v1_refused(400, "The campaign is archived.")


def _members(asking: Asking, campaign: Record) -> list[Contact]:
    return [one for one in asking.workspace.contacts.values() if campaign["id"] in (one.sequences or {})]


def start_campaign(asking: Asking) -> Answer:
    """POST start: needs contacts and a sender; one that runs already stays as it is."""
    campaign = _campaign(asking)
    _refuse_archived(asking, campaign)
    members = _members(asking, campaign)
    if not members:
        raise asking.v1_refused(400, "The campaign has no contacts.")
    if not campaign["emailAccounts"]:
        raise asking.v1_refused(400, "The campaign has no e-mail account.")
    _send_first(asking, campaign, members)
    return _turned(asking, campaign, "start", {"status": "active"})


def _send_first(asking: Asking, campaign: Record, members: list[Contact]) -> None:
    """The first mail to everyone who is to get it and has not got it; `emails` and `reports` know of it."""
    steps, mails = mail_steps(asking.workspace, campaign["id"]), asking.workspace.shelf(MAILS)
    wordings = [one for one in variants_of(asking.workspace, steps[0]) if one["isEnabled"]] if steps else []
    if not wordings:
        return
    mailed = {one["contactId"] for one in mails.where(stepId=steps[0]["id"])}
    text = {"subject": wordings[0].get("subject") or "", "body": wordings[0].get("message") or ""}
    for contact in members:
        waiting = (contact.sequences or {})[campaign["id"]]["status"] == "active" and contact.id not in mailed
        if waiting and contact.email and not contact.fields.get("isOptedOut"):
            where = {"contactId": contact.id, "sequenceId": campaign["id"], "stepId": steps[0]["id"]}
            mails.add(where | text | {"sent_s": asking.now_s})


def pause_campaign(asking: Asking) -> Answer:
    """POST pause; one that does not run stays as it is."""
    campaign = _campaign(asking)
    _refuse_archived(asking, campaign)
    return _turned(asking, campaign, "pause", _stopped(campaign))


def archive_campaign(asking: Asking) -> Answer:
    """POST archive: for good; what ran is paused, a repeat changes nothing."""
    campaign = _campaign(asking)
    return _turned(asking, campaign, "archive", {"isArchived": True} | _stopped(campaign))


def _stopped(campaign: Record) -> Record:
    return {"status": "paused"} if campaign["status"] == "active" else {}


def _turned(asking: Asking, campaign: Record, operation: str, values: Record) -> Answer:
    effect = Effect.UNCHANGED if values.items() <= campaign.items() else Effect.UPDATED
    campaign |= values
    asking.note(f"v2.campaigns.{operation}", [campaign["id"]], [effect])
    return json_answer(200, _short(asking, campaign))


ROUTES = {
    "v2.campaigns.list": list_campaigns,
    "v2.campaigns.create": create_campaign,
    "v2.campaigns.update": update_campaign,
    "v2.campaigns.start": start_campaign,
    "v2.campaigns.pause": pause_campaign,
    "v2.campaigns.archive": archive_campaign,
}
