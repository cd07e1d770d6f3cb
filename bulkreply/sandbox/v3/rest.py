"""Background jobs and users of V3."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.plain import done
from bulkreply.sandbox.store import Job
from bulkreply.sandbox.v3.importing import run_import
from bulkreply.sandbox.views import plain_time

USERS = {11: "owner@example.com", 12: "member@example.com"}
NAMES = {11: "Owner One", 12: "Member Two"}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def whoami(asking: Asking) -> Answer:
    """GET whoami."""
    return json_answer(
        200, {"userId": asking.user, "username": USERS.get(asking.user, f"user{asking.user}@example.com")}
    )


def team_users(asking: Asking) -> Answer:
    """GET team users: a bare array."""
    team = {"teamId": 5, "teamName": "North"}
    found = [team | {"userId": n, "userName": NAMES[n], "userEmail": address} for n, address in USERS.items()]
    return json_answer(200, found)


def _job(asking: Asking) -> Job:
    number = asking.parameters.get("job_id", "")
    if not _GUID.fullmatch(number):
        raise Refused(invalid([("/jobId", "Not a GUID.")]))
    found = asking.workspace.jobs.get(number.lower())
    if found is None:
        raise asking.not_found("backgroundJob.notFound", "job")
    return found


def _job_view(asking: Asking, job: Job, full: bool) -> dict[str, Any]:
    state = job.status
    if asking.switches["v3.job_state_case"] == "camel":
        state = state[:1].lower() + state[1:]
    view: dict[str, Any] = {
        "jobId": job.id,
        "status": state,
        "category": job.category,
        "startedAt": plain_time(job.started_s) + "Z" if job.started_s else None,
        "finishedAt": plain_time(job.finished_s) + "Z" if job.finished_s else None,
        "progress": 1 if job.final else (0.5 if job.started_s else None),
    }
    return view | {"jsonData": job.told, "jsonDataResult": job.result} if full else view


def list_jobs(asking: Asking) -> Answer:
    """GET jobs, by the beginning of their category."""
    top, skip = asking.page(100, 200)
    category = asking.query.get("category", "")
    every = [job for job in asking.workspace.jobs.values() if job.category.startswith(category)]
    items = [_job_view(asking, job, False) for job in every[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(every)})


def get_job(asking: Asking) -> Answer:
    """GET one job; the first look finds it at work, the second finds it ended."""
    job = _job(asking)
    job.polls += 1
    if not job.final:
        job.started_s, job.status = job.started_s or asking.now_s, "Processing"
        if job.polls > 1 and job.work:
            _end(asking, job)
    return json_answer(200, _job_view(asking, job, True))


def _end(asking: Asking, job: Job) -> None:
    end = asking.switches["v3.job_end"]
    if end == "Unknown":
        job.status = end
        return
    if end == "Done":
        job.result = _imported(asking, job) if "items" in job.work else "{}"
    job.status, job.finished_s, job.work = end, asking.now_s, {}


def _imported(asking: Asking, job: Job) -> str:
    worker = replace(asking, user=job.user, number=job.number)
    outcome = run_import(worker, job.work["items"], job.work["options"])
    if asking.switches["v3.import_job_result"] == "opaque":
        del outcome["items"]
    return orjson.dumps(outcome).decode()


def cancel_job(asking: Asking) -> Answer:
    """POST cancel; a repeat is fine."""
    job = _job(asking)
    if not job.final:
        job.status, job.finished_s, job.work = "Cancelled", asking.now_s, {}
    return done(asking)


ROUTES = {
    "v3.users.whoami": whoami,
    "v3.users.list_team_users": team_users,
    "v3.background_jobs.list": list_jobs,
    "v3.background_jobs.get": get_job,
    "v3.background_jobs.cancel": cancel_job,
}
