"""Schedules, and the calendars of days without sending (v3-senders-templates-schedules.md 4 and 5)."""

from __future__ import annotations

import re
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import NEEDED, Body, spelled

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FLAGS = ("excludeHolidays", "useProspectTimezone", "useFollowUpSchedule")
_ZONE = re.compile(r"[A-Za-z]+(?:/[\w+-]+)+|UTC|GMT")
_ALL_DAY = {"fromTime": {"hour": 9, "minute": 0}, "toTime": {"hour": 17, "minute": 0}}


def working_week() -> list[dict[str, Any]]:
    """What a schedule begins with when no times are sent: they are not among the fields that must be."""
    return [{"weekDay": name, "isActive": True, "timeRanges": [_ALL_DAY]} for name in DAYS[:5]]


def _time(part: Body) -> dict[str, int]:
    return {
        "hour": part.whole("hour", 0, 23, needed=True) or 0,
        "minute": part.whole("minute", 0, 59, needed=True) or 0,
    }


def _range(part: Body) -> dict[str, Any]:
    if "fromTime" not in part or "toTime" not in part:
        part.wrong("toTime" if "fromTime" in part else "fromTime", NEEDED)
        return {}
    begin, end = _time(part.part("fromTime")), _time(part.part("toTime"))
    if (end["hour"], end["minute"]) <= (begin["hour"], begin["minute"]):
        part.wrong("toTime", "It must be later than fromTime.")
    return {"fromTime": begin, "toTime": end}


def _timing(part: Body) -> dict[str, Any]:
    """One day. Its name is the one word whose case counts (guess, from V2)."""
    name = part.text("weekDay", needed=True)
    if name is not None and name not in DAYS:
        part.wrong("weekDay", "One of Monday to Sunday.")
    active, ranges = part.flag("isActive"), [_range(one) for one in part.parts("timeRanges")]
    if active and not ranges:
        part.wrong("timeRanges", "An active day needs at least one.")
    return {"weekDay": name, "isActive": active, "timeRanges": ranges}


def timings(body: Body, name: str, idle: bool = False) -> list[dict[str, Any]]:
    """The days of a schedule, at least one of them active unless they are not used."""
    days = [_timing(part) for part in body.parts(name)]
    if not idle and not any(day["isActive"] for day in days):
        body.wrong(name, "At least one active day is needed.")
    return days


def _check(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    values: Record = {"name": body.text("name", needed=True, most=255)}
    values["timezoneId"] = zone = body.text("timezoneId", needed=True)
    kept = before is not None and zone == before.get("timezoneId")  # V2 may have set a Windows name
    if zone is not None and not kept and not _ZONE.fullmatch(zone):
        body.wrong("timezoneId", "An IANA name is needed.")
    values |= {name: body.flag(name) for name in FLAGS}
    values["mainTimings"] = timings(body, "mainTimings") if "mainTimings" in body else working_week()
    follows = values["useFollowUpSchedule"]
    idle = not follows and "followUpTimings" in body
    values["followUpTimings"] = timings(body, "followUpTimings", idle) if follows or idle else []
    if before is None:
        values |= {"isDefault": False, "status": "active"}
    return values, body.problems


def _view(asking: Asking, schedule: Record) -> dict[str, Any]:
    return {
        "id": schedule["id"],
        "name": schedule["name"],
        "timezoneId": schedule.get("timezoneId"),
        **{name: bool(schedule.get(name)) for name in FLAGS},
        "isDefault": bool(schedule.get("isDefault")),
        "status": spelled(asking, schedule.get("status", "active")),
        "mainTimings": schedule.get("mainTimings") or [],
        "followUpTimings": schedule.get("followUpTimings") or [],
    }


def _gone(asking: Asking, schedule: Record) -> None:
    """Sequences that used it take the default one (guess)."""
    default = next(iter(asking.workspace.shelf("schedules").where(isDefault=True)), None)
    for sequence in asking.workspace.shelf("sequences").where(scheduleId=schedule["id"]):
        sequence["scheduleId"] = default["id"] if default else None


KIND = Kind(
    name="schedules",
    code="schedule",
    keys=frozenset({"name", "timezoneId", *FLAGS, "mainTimings", "followUpTimings"}),
    check=_check,
    view=_view,
    bare=True,
    gone=_gone,
)


def delete(asking: Asking) -> Answer:
    """DELETE a schedule; the default one stays."""
    if KIND.found(asking).get("isDefault"):
        words = "The default schedule cannot be deleted."
        raise Refused(problem(asking.switches, 400, "Bad request", words, code="schedule.isDefault"))
    return KIND.delete(asking)


def set_default(asking: Asking) -> Answer:
    """POST set-default: the former one is none any more."""
    schedule = KIND.found(asking)
    for other in KIND.shelf(asking):
        other["isDefault"] = other is schedule
    KIND.note(asking, "set_default", [schedule["id"]], [Effect.UPDATED])
    return done(asking)


def _holidays(asking: Asking, body: Body) -> list[Record]:
    found = []
    for part in body.parts("holidays"):
        part.known("holiday_calendars.holidays", ("startDate", "endDate", "name"))
        begin, end = part.day("startDate", needed=True), part.day("endDate", needed=True)
        if begin and end and end < begin:
            part.wrong("endDate", "It must not be before startDate.")
        found.append({"startDate": begin, "endDate": end, "name": part.text("name")})
    return found


def _check_calendar(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    values: Record = {"name": body.text("name", needed=True), "repeatEveryYear": body.flag("repeatEveryYear")}
    days = _holidays(asking, body)
    if before is None:
        values |= {"calendarType": "custom", "countryCode": None}
    if not body.problems:
        numbers = asking.workspace.shelf("holidays")
        values["holidays"] = [{"id": numbers.new_id()} | day for day in days]
    return values, body.problems


def _view_calendar(asking: Asking, calendar: Record) -> dict[str, Any]:
    return {
        "id": calendar["id"],
        "name": calendar["name"],
        "calendarType": spelled(asking, calendar.get("calendarType", "custom")),
        "countryCode": calendar.get("countryCode"),
        "repeatEveryYear": bool(calendar.get("repeatEveryYear")),
        "holidays": calendar.get("holidays") or [],
    }


def _calendar_gone(asking: Asking, calendar: Record) -> None:
    for schedule in KIND.shelf(asking):
        schedule["_calendars"] = [number for number in _linked(schedule) if number != calendar["id"]]


CALENDARS = Kind(
    name="holiday_calendars",
    code="holidayCalendar",
    keys=frozenset({"name", "repeatEveryYear", "holidays"}),
    check=_check_calendar,
    view=_view_calendar,
    bare=True,
    gone=_calendar_gone,
)


def _own(asking: Asking) -> None:
    if CALENDARS.found(asking).get("calendarType") == "predefined":
        words = "Predefined calendars cannot be changed."
        raise Refused(problem(asking.switches, 403, "Forbidden", words, code="holidayCalendar.forbidden"))


def update_calendar(asking: Asking) -> Answer:
    """PUT a calendar: its days are replaced, all of them."""
    _own(asking)
    return CALENDARS.update(asking)


def delete_calendar(asking: Asking) -> Answer:
    """DELETE a calendar; schedules let go of it."""
    _own(asking)
    return CALENDARS.delete(asking)


def _linked(schedule: Record) -> list[int]:
    return list(schedule.get("_calendars") or ())


def list_calendars(asking: Asking) -> Answer:
    """GET the calendars of a schedule: a bare array."""
    shelf, linked = CALENDARS.shelf(asking), _linked(KIND.found(asking))
    return CALENDARS.page(asking, [one for one in shelf if one["id"] in linked])


def link_calendar(asking: Asking) -> Answer:
    """POST a calendar onto a schedule; one that is there already is a success."""
    schedule = KIND.found(asking)
    body = Body(asking, asking.mapping())
    body.known("schedules.link_calendar", ("calendarId",))
    number = body.whole("calendarId", 1, 2**31 - 1, needed=True) or 0
    body.refuse()
    if number not in CALENDARS.shelf(asking):
        raise asking.not_found("holidayCalendar.notFound", "calendar")
    schedule["_calendars"] = list(dict.fromkeys([*_linked(schedule), number]))
    KIND.note(asking, "link_calendar", [schedule["id"]], [Effect.UPDATED])
    return done(asking)


def unlink_calendar(asking: Asking) -> Answer:
    """DELETE a calendar off a schedule."""
    schedule, number = KIND.found(asking), asking.id("calendar_id")
    linked = _linked(schedule)
    if number not in linked:
        raise asking.not_found("holidayCalendar.notFound", "calendar")
    schedule["_calendars"] = [other for other in linked if other != number]
    KIND.note(asking, "unlink_calendar", [schedule["id"]], [Effect.UPDATED])
    return empty(204)


ROUTES = {
    "v3.schedules.list": KIND.list,
    "v3.schedules.get": KIND.get,
    "v3.schedules.create": KIND.create,
    "v3.schedules.update": KIND.update,
    "v3.schedules.delete": delete,
    "v3.schedules.set_default": set_default,
    "v3.schedules.list_calendars": list_calendars,
    "v3.schedules.link_calendar": link_calendar,
    "v3.schedules.unlink_calendar": unlink_calendar,
    "v3.holiday_calendars.list": CALENDARS.list,
    "v3.holiday_calendars.get": CALENDARS.get,
    "v3.holiday_calendars.create": CALENDARS.create,
    "v3.holiday_calendars.update": update_calendar,
    "v3.holiday_calendars.delete": delete_calendar,
}
