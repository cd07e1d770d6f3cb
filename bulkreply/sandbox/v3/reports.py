"""Reports (v3-tasks-inbox-reports.md 3): all read by POST, all in the strict rate class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body, moment, spelled
from bulkreply.sandbox.v3.figures import (
    Scope,
    email_figures,
    linkedin_figures,
    mailed,
    mailed_s,
    second_of,
    share,
    tally,
    tasks_in,
)
from bulkreply.sandbox.v3.rest import NAMES
from bulkreply.sandbox.v3.tasks import WORDS

HOUR_S = 3600.0
PRESETS = {"lastWeek": 7, "lastMonth": 30, "lastYear": 365, "allTime": 36_500}
MONTH_DAYS = 31
_FILTERS = ("from", "to", "dateRangePreset", "sequenceIds", "emailAccountIds", "userIds")
Figures = Callable[[Asking, Scope], Any]
Route = Callable[[Asking], Answer]


def strictly(route: Route) -> Route:
    """A route that may be called a few times an hour only, when a cap is set (conventions.md 5)."""

    def answer(asking: Asking) -> Answer:
        cap = asking.switches.number("v3.strict_cap")
        if cap is not None:
            _count(asking, cap)
        return route(asking)

    return answer


def _count(asking: Asking, cap: int) -> None:
    shelf = asking.workspace.shelf("strict_calls")
    calls = shelf.get("last_hour") or shelf.add({"id": "last_hour", "times_s": []})
    calls["times_s"] = [time_s for time_s in calls["times_s"] if time_s > asking.now_s - HOUR_S]
    if len(calls["times_s"]) >= cap:
        oldest = calls["times_s"][-cap] if cap else asking.now_s
        wait = {"Retry-After": str(max(1, int(oldest + HOUR_S - asking.now_s) + 1))}
        raise Refused(problem(asking.switches, 429, "Too many requests", "Wait and try again.", headers=wait))
    calls["times_s"].append(asking.now_s)


# -- what a report is about


def _scope(asking: Asking, most_days: int = 0) -> Scope:
    """The filters of a body; the last week unless told otherwise.

    Raises:
        Refused: They cannot be read, or span more than they may.
    """
    whole = Body(asking, asking.mapping() if asking.content.strip() else {})
    whole.known("reports", ("filters", "compareTo"))
    body = whole.part("filters")
    body.known("reports filters", _FILTERS)
    preset = body.word("dateRangePreset", tuple(PRESETS))
    since, until = _day(body, "from"), _day(body, "to")
    if preset is not None and (since or until):
        body.wrong("dateRangePreset", "Not together with from and to.")
    now = datetime.fromtimestamp(asking.now_s, UTC)
    end = until + timedelta(days=1) if until else now + timedelta(seconds=1)
    start = since or end - timedelta(days=PRESETS[preset or "lastWeek"])
    if end <= start:
        body.wrong("to", "Must not be before from.")
    if most_days and end - start > timedelta(days=most_days):
        body.wrong("dateRangePreset" if preset else "to", "At most a month after from.")
    scope = Scope(
        start.timestamp(),
        end.timestamp(),
        _chosen(body, "sequenceIds"),
        _chosen(body, "emailAccountIds"),
        _chosen(body, "userIds"),
    )
    whole.refuse()
    return scope


def _day(body: Body, name: str) -> datetime | None:
    """Midnight of a day; a time counts as its day."""
    text = body.text(name)
    try:
        found = datetime.fromtimestamp(second_of(text), UTC) if text else None
    except ValueError:
        body.wrong(name, "Not a day.")
        return None
    return found.replace(hour=0, minute=0, second=0, microsecond=0) if found else None


def _chosen(body: Body, name: str) -> frozenset[int] | None:
    return frozenset(body.ids(name)) or None


def overview(figures: Figures) -> Route:
    """A route that answers with figures."""
    return strictly(lambda asking: json_answer(200, figures(asking, _scope(asking))))


def activities(rows: Callable[[Asking, Scope], Sequence[Mapping[str, Any]]]) -> Route:
    """A route that answers with a page of rows."""

    def answer(asking: Asking) -> Answer:
        top, skip = asking.page(25, 1000)
        every = rows(asking, _scope(asking))
        return json_answer(200, {"items": list(every[skip : skip + top]), "hasMore": skip + top < len(every)})

    return strictly(answer)


# -- sequences


def _of_sequence(asking: Asking, scope: Scope, number: int) -> dict[str, Any]:
    only = replace(scope, sequences=frozenset((number,)))
    return {"emailOverview": email_figures(asking, only), "linkedInOverview": linkedin_figures(asking, only)}


def sequences_stats(asking: Asking) -> Answer:
    """POST all sequences: a bare array."""
    scope = _scope(asking, MONTH_DAYS)
    found = []
    for one in asking.workspace.shelf("sequences"):
        if scope.users is None or one["ownerUserId"] in scope.users:
            lead = {"sequenceId": one["id"], "name": one["name"], "status": spelled(asking, one["status"])}
            found.append(lead | _of_sequence(asking, replace(scope, users=None), one["id"]))
    return json_answer(200, found)


def sequence_stats(asking: Asking) -> Answer:
    """POST one sequence."""
    scope, number = _scope(asking), asking.id()
    if number not in asking.workspace.shelf("sequences"):
        raise asking.not_found("sequence.notFound", "sequence")
    return json_answer(200, _of_sequence(asking, scope, number))


# -- overviews and rows, whose shapes nothing seen states


def _team(asking: Asking, scope: Scope) -> list[dict[str, Any]]:
    found = []
    for user, name in NAMES.items():
        own = replace(scope, users=frozenset((user,)))
        figures = {"emailOverview": email_figures(asking, own), "linkedInOverview": linkedin_figures(asking, own)}
        found.append({"userId": user, "userName": name} | figures)
    return found


def _channels(asking: Asking, scope: Scope) -> list[dict[str, Any]]:
    email, linkedin = email_figures(asking, scope), linkedin_figures(asking, scope)
    rows = (
        ("email", email["contacted"], email["replied"]),
        ("linkedIn", linkedin["messagesSent"], linkedin["replied"]),
    )
    return [
        {
            "channel": spelled(asking, name),
            "contacted": sent,
            "replied": replied,
            "repliedPercentage": share(int(replied), int(sent)),
        }
        for name, sent, replied in rows
    ]


def _calls(asking: Asking, scope: Scope) -> dict[str, int]:
    calls = tasks_in(asking, scope, taskType="call", status="finished")
    return tally(calls, "_callResolution", tuple(WORDS["callResolution"]))


def _tasks(asking: Asking, scope: Scope) -> dict[str, int]:
    return tally(tasks_in(asking, scope), "status", tuple(WORDS["status"]))


def _task_rows(asking: Asking, tasks: Sequence[Record]) -> list[dict[str, Any]]:
    names = ("id", "contactId", "sequenceId", "assignedUserId", "startAt", "finishedAt")
    words = ("taskType", "status", "linkedInTaskType")
    return [
        {name: task[name] for name in names} | {name: spelled(asking, task[name]) for name in words} for task in tasks
    ]


def _email_rows(asking: Asking, scope: Scope) -> list[dict[str, Any]]:
    return [
        {
            "contactId": contact.id,
            "email": contact.email,
            "sequenceId": one["sequenceId"],
            "emailAccountId": one.get("emailAccountId"),
            "date": moment(mailed_s(one)),
        }
        for contact, one in mailed(asking, scope)
    ]


def _meeting_rows(asking: Asking, scope: Scope) -> list[dict[str, Any]]:
    return [
        {"contactId": one.id, "email": one.email, "ownerUserId": one.owner, "date": moment(one.modified_s)}
        for one in asking.workspace.contacts.values()
        if one.fields.get("meetingStatus") == "meetingBooked"
        and scope.holds(one.modified_s)
        and (scope.users is None or one.owner in scope.users)
    ]


def _finished(kind: str) -> Callable[[Asking, Scope], list[dict[str, Any]]]:
    return lambda asking, scope: _task_rows(asking, tasks_in(asking, scope, taskType=kind, status="finished"))


ROUTES = {
    "v3.reports.sequences_stats": strictly(sequences_stats),
    "v3.reports.sequence_stats": strictly(sequence_stats),
    "v3.reports.emails_overview": overview(email_figures),
    "v3.reports.linkedin_overview": overview(linkedin_figures),
    "v3.reports.team_performance_overview": overview(_team),
    "v3.reports.channel_efficiency_overview": overview(_channels),
    "v3.reports.calls_overview": overview(_calls),
    "v3.reports.tasks_overview": overview(_tasks),
    "v3.reports.emails_activity": activities(_email_rows),
    "v3.reports.calls_activity": activities(_finished("call")),
    "v3.reports.tasks_activity": activities(lambda asking, scope: _task_rows(asking, tasks_in(asking, scope))),
    "v3.reports.linkedin_activity": activities(_finished("linkedIn")),
    "v3.reports.meetings_activity": activities(_meeting_rows),
}
