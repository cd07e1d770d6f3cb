"""Webhooks of V2 (v1-v2.md 9). Nothing is ever delivered: a test delivery is logged as one that failed."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, empty, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record, Shelf
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.v1.bodies import body_of
from bulkreply.sandbox.v2.asked import flag_in, record_at
from bulkreply.sandbox.views import plain_time

MOST = 50  # that there is a cap is documented, the number is not
_FLAGS = ("includeEmailUrl", "includeProspectCustomFields")


def _shelf(asking: Asking) -> Shelf:
    return asking.workspace.shelf("v2_webhooks")


def _view(webhook: Record) -> dict[str, Any]:
    return {
        "id": str(webhook["id"]),
        "event": webhook["event"],
        "url": webhook["url"],
        "isDisabled": webhook["isDisabled"],
        "createdDate": plain_time(webhook["created_s"]) + "Z",
        "payload": webhook["payload"],
    }


def _webhook(asking: Asking) -> Record:
    return record_at(asking, "v2_webhooks", "Webhook")


def list_webhooks(asking: Asking) -> Answer:
    """GET all: a bare array."""
    return json_answer(200, [_view(one) for one in _shelf(asking)])


def get_webhook(asking: Asking) -> Answer:
    """GET one."""
    return json_answer(200, _view(_webhook(asking)))


def _values(asking: Asking, body: dict[str, Any]) -> Record:
    event, url, parts = body.get("event"), body.get("url"), body.get("payload") or {}
    if not isinstance(event, str) or not event.strip() or not isinstance(url, str) or not url.strip():
        raise asking.v1_refused(400, "event and url are required.")
    if not url.lower().startswith(("http://", "https://")):
        raise asking.v1_refused(400, "url must be a web address.")
    if not isinstance(parts, dict):
        raise asking.v1_refused(400, "payload must be an object.")
    note_surprises(asking.workspace, "v2.webhooks payload", parts, _FLAGS)
    return {"event": event, "url": url, "payload": {n: flag_in(asking, parts, n, default=False) for n in _FLAGS}}


def create_webhook(asking: Asking) -> Answer:
    """POST one: 201 with a text id."""
    values = _values(asking, body_of(asking, "v2.webhooks.create", ("event", "url", "payload")))
    if len(_shelf(asking)) >= MOST:
        raise asking.v1_refused(400, "No further webhook is possible.")
    made = _shelf(asking).add(values | {"isDisabled": False, "created_s": asking.now_s, "logs": []})
    asking.note("v2.webhooks.create", [made["id"]], [Effect.CREATED])
    return json_answer(201, {"id": str(made["id"])})


def update_webhook(asking: Asking) -> Answer:
    """PUT one: what is not sent is off afterwards."""
    webhook = _webhook(asking)
    body = body_of(asking, "v2.webhooks.update", ("event", "url", "payload", "isDisabled"))
    webhook |= _values(asking, body) | {"isDisabled": flag_in(asking, body, "isDisabled", default=False)}
    asking.note("v2.webhooks.update", [webhook["id"]], [Effect.UPDATED])
    return empty(204)


def delete_webhook(asking: Asking) -> Answer:
    """DELETE one."""
    gone = _shelf(asking).remove(_webhook(asking)["id"])
    asking.note("v2.webhooks.delete", [gone["id"]], [Effect.DELETED])
    return empty(204)


def list_logs(asking: Asking) -> Answer:
    """GET the deliveries of one: a bare array."""
    return json_answer(200, _webhook(asking)["logs"])


def test_webhook(asking: Asking) -> Answer:
    """POST a test delivery."""
    _deliver(asking, _webhook(asking))
    return empty(204)


def test_all(asking: Asking) -> Answer:
    """POST a test delivery to every address that is switched on."""
    for webhook in _shelf(asking):
        if not webhook["isDisabled"]:
            _deliver(asking, webhook)
    return empty(204)


def _deliver(asking: Asking, webhook: Record) -> None:
    entry = {"eventId": len(webhook["logs"]) + 1, "subscriptionId": str(webhook["id"]), "httpStatus": 503}
    webhook["logs"].append(entry | {"date": plain_time(asking.now_s) + "Z"})


ROUTES = {
    "v2.webhooks.list": list_webhooks,
    "v2.webhooks.get": get_webhook,
    "v2.webhooks.create": create_webhook,
    "v2.webhooks.update": update_webhook,
    "v2.webhooks.delete": delete_webhook,
    "v2.webhooks.list_logs": list_logs,
    "v2.webhooks.test_all": test_all,
    "v2.webhooks.test": test_webhook,
}
