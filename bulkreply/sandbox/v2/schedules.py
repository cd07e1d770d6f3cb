"""Schedules of V2: the same ones that V3 shows (v1-v2.md 8)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record, Shelf
from bulkreply.sandbox.v1.bodies import DONE, body_of
from bulkreply.sandbox.v2.asked import record_at
from bulkreply.sandbox.v3.bodies import NEEDED, Body
from bulkreply.sandbox.v3.sending_times import FLAGS, KIND, timings

_KEYS = ("name", "timezoneId", *FLAGS, "mainTimings", "followUpTimings")


def _shelf(asking: Asking) -> Shelf:
    return asking.workspace.shelf("schedules")


def _view(schedule: Record) -> dict[str, Any]:
    return {name: schedule.get(name) for name in ("id", *_KEYS, "isDefault")}


def _schedule(asking: Asking) -> Record:
    return record_at(asking, "schedules", "Schedule")


def list_schedules(asking: Asking) -> Answer:
    """GET all: a bare array."""
    return json_answer(200, [_view(one) for one in _shelf(asking)])


def get_default(asking: Asking) -> Answer:
    """GET the default one."""
    found = _shelf(asking).where(isDefault=True)
    if not found:
        raise asking.v1_refused(404, "Schedule not found.")
    return json_answer(200, _view(found[0]))


def get_schedule(asking: Asking) -> Answer:
    """GET one."""
    return json_answer(200, _view(_schedule(asking)))


def create_schedule(asking: Asking) -> Answer:
    """POST one: only the id comes back. Names of time zones pass in either vocabulary."""
    body = Body(asking, body_of(asking, "v2.schedules.create", _KEYS))
    values: Record = {"name": body.text("name", needed=True, most=255)}
    values |= {"timezoneId": body.text("timezoneId", needed=True)} | {name: body.flag(name) for name in FLAGS}
    if "mainTimings" not in body:
        body.wrong("mainTimings", NEEDED)
    values["mainTimings"] = timings(body, "mainTimings")
    values["followUpTimings"] = timings(body, "followUpTimings", idle=not values["useFollowUpSchedule"])
    if body.problems:
        raise asking.v1_refused(400, " ".join(body.problems[0]))
    made = _shelf(asking).add(values | {"isDefault": False, "status": "active"})
    asking.note("v2.schedules.create", [made["id"]], [Effect.CREATED])
    return json_answer(200, {"id": made["id"]})


def set_default(asking: Asking) -> Answer:
    """POST set-default: the former one is none any more."""
    wanted = _schedule(asking)
    for one in _shelf(asking):
        one["isDefault"] = one is wanted
    asking.note("v2.schedules.set_default", [wanted["id"]], [Effect.UPDATED])
    return DONE


def delete_schedule(asking: Asking) -> Answer:
    """DELETE one; the default one stays, and campaigns that used another go over to it."""
    gone = _schedule(asking)
    if gone.get("isDefault"):
        raise asking.v1_refused(400, "The default schedule stays.")
    KIND.drop(asking, gone)
    asking.note("v2.schedules.delete", [gone["id"]], [Effect.DELETED])
    return DONE


ROUTES = {
    "v2.schedules.list": list_schedules,
    "v2.schedules.get_default": get_default,
    "v2.schedules.get": get_schedule,
    "v2.schedules.create": create_schedule,
    "v2.schedules.delete": delete_schedule,
    "v2.schedules.set_default": set_default,
}
