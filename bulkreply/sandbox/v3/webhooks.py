"""Webhooks of V3. Nothing is ever delivered from here: a test delivery is logged as one that failed."""

from __future__ import annotations

import re
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.views import plain_time
from bulkreply.sandbox.vocabulary import pascal

EVENTS = (
    "email_sent",
    "email_opened",
    "email_link_clicked",
    "email_replied",
    "reply_categorized",
    "email_bounced",
    "email_auto_reply",
    "email_account_connection_lost",
    "email_account_error",
    "linkedin_connection_request_sent",
    "linkedin_connection_request_accepted",
    "linkedin_message_sent",
    "linkedin_message_replied",
    "linkedin_reply_categorized",
    "linkedin_account_alerts",
    "contact_called",
    "contact_finished",
    "contact_opted_out",
    "autopilot_stopped",
)
_SCOPES = ("personal", "team", "organization")
_PARTS = ("includeEmailUrl", "includeEmailText", "includeProspectCustomFields")
_KEYS = frozenset({"eventType", "url", "scope", "enabled", "payloadConfig"})
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)


def _scope(asking: Asking, word: Any) -> str | None:
    given = "personal" if word is None else str(word)
    strict = asking.switches["v3.enum_in"] == "camel_only"
    return next((one for one in _SCOPES if given == one or (not strict and given.lower() == one)), None)


def _event(asking: Asking, word: Any) -> str:
    if word not in EVENTS:
        raise Refused(problem(asking.switches, 400, "Invalid event", "No such event.", code="webHook.invalidEvent"))
    return str(word)


def _refuse_scope(asking: Asking) -> Refused:
    older = {"errorCode": 5} if asking.switches["v3.error_key"] == "errorCode" else {}
    code, detail = "webHook.organizationScopeNotImplemented", "This scope is not available."
    return Refused(problem(asking.switches, 400, "Not available", detail, code=code, more=older))


def _check(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    """A create or a full replacement; only a create takes `enabled`."""
    problems: Problems = []
    url, parts, scope = body.get("url"), body.get("payloadConfig") or {}, _scope(asking, body.get("scope"))
    if not isinstance(url, str) or len(url) > 1024 or not _URL.fullmatch(url):
        problems.append(("/url", "An absolute http or https address of at most 1024 characters is needed."))
    if scope is None:
        problems.append(("/scope", "Not one of the known values."))
    if not isinstance(parts, dict):
        problems.append(("/payloadConfig", "An object is needed."))
        parts = {}
    note_surprises(asking.workspace, "webhooks payloadConfig", parts, _PARTS)
    if body.get("eventType") is None:
        problems.append(("/eventType", "A value is needed."))
    if problems:
        return {}, problems
    values: Record = {"eventType": _event(asking, body["eventType"]), "url": url, "scope": scope}
    if scope == "organization":
        raise _refuse_scope(asking)
    values["payloadConfig"] = {name: bool(parts.get(name)) for name in _PARTS}
    if before is None:
        values |= {"enabled": body.get("enabled") is not False, "created_s": asking.now_s, "logs": []}
    elif "enabled" in body:
        note_surprises(asking.workspace, "webhooks.update", body, _KEYS - {"enabled"})
    return values, problems


def _view(asking: Asking, record: Record) -> dict[str, Any]:
    scope = record["scope"]
    return {
        "id": record["id"],
        "eventType": record["eventType"],
        "url": record["url"],
        "scope": pascal(scope) if asking.switches["v3.enum_out"] == "pascal" else scope,
        "enabled": record["enabled"],
        "createdAt": plain_time(record["created_s"]) + "Z",
        "payloadConfig": record["payloadConfig"],
    }


WEBHOOK = Kind("webhooks", "webHook", _KEYS, _check, _view)


def list_events(asking: Asking) -> Answer:
    """GET events; their shape is unknown, a bare array is assumed."""
    return json_answer(200, [{"eventType": name} for name in EVENTS])


def enable(asking: Asking) -> Answer:
    """POST enable."""
    return _turn(asking, "enable", True)


def disable(asking: Asking) -> Answer:
    """POST disable."""
    return _turn(asking, "disable", False)


def _turn(asking: Asking, operation: str, enabled: bool) -> Answer:
    record = WEBHOOK.found(asking)
    effect = Effect.UNCHANGED if record["enabled"] is enabled else Effect.UPDATED
    record["enabled"] = enabled
    WEBHOOK.note(asking, operation, [record["id"]], [effect])
    return done(asking)


def test(asking: Asking) -> Answer:
    """POST test."""
    record = WEBHOOK.found(asking)
    log = {"date": plain_time(asking.now_s) + "Z", "eventType": record["eventType"], "error": "Nothing listens."}
    record["logs"] = [*record.get("logs", ()), log]
    WEBHOOK.note(asking, "test", [record["id"]], [Effect.UNCHANGED])
    return done(asking)


def list_logs(asking: Asking) -> Answer:
    """GET logs: deliveries that failed; their shape is unknown."""
    logs, (top, skip) = WEBHOOK.found(asking).get("logs", []), asking.page(25, 1000)
    return json_answer(200, {"items": logs[skip : skip + top], "hasMore": skip + top < len(logs)})


ROUTES = {
    "v3.webhooks.list": WEBHOOK.list,
    "v3.webhooks.list_events": list_events,
    "v3.webhooks.get": WEBHOOK.get,
    "v3.webhooks.create": WEBHOOK.create,
    "v3.webhooks.update": WEBHOOK.update,
    "v3.webhooks.delete": WEBHOOK.delete,
    "v3.webhooks.enable": enable,
    "v3.webhooks.disable": disable,
    "v3.webhooks.test": test,
    "v3.webhooks.list_logs": list_logs,
}
