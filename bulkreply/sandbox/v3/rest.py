"""Lists, custom fields, background jobs and users of V3."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import ContactList, CustomField, Job, note_surprises
from bulkreply.sandbox.v3.importing import run_import
from bulkreply.sandbox.views import plain_time

USERS = {11: "owner@example.com", 12: "member@example.com"}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def whoami(asking: Asking) -> Answer:
    """GET whoami."""
    return json_answer(
        200, {"userId": asking.user, "username": USERS.get(asking.user, f"user{asking.user}@example.com")}
    )


def team_users(asking: Asking) -> Answer:
    """GET team users: a bare array."""
    names = {11: "Owner One", 12: "Member Two"}
    team = {"teamId": 5, "teamName": "North"}
    found = [team | {"userId": n, "userName": names[n], "userEmail": address} for n, address in USERS.items()]
    return json_answer(200, found)


def _list_view(one: ContactList) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "isShared": one.shared}


def _list(asking: Asking) -> ContactList:
    found = asking.workspace.lists.get(asking.id())
    if found is None:
        raise asking.not_found("contactList.notFound", "list")
    return found


def list_lists(asking: Asking) -> Answer:
    """GET lists."""
    top, skip = asking.page(25, 1000)
    every = list(asking.workspace.lists.values())
    items = [_list_view(one) for one in every[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(every)})


def get_list(asking: Asking) -> Answer:
    """GET one list."""
    return json_answer(200, _list_view(_list(asking)))


def _name(asking: Asking) -> str:
    name = asking.mapping().get("name")
    if not isinstance(name, str) or not name.strip():
        raise Refused(invalid([("/name", "A value is needed.")]))
    return name


def create_list(asking: Asking) -> Answer:
    """POST a list."""
    body, workspace = asking.mapping(), asking.workspace
    note_surprises(workspace, "contact_lists.create", body, ("name", "isShared"))
    name = _name(asking)
    taken = any(one.name.lower() == name.lower() for one in workspace.lists.values())
    if taken and asking.switches["v3.list_name_unique"] == "yes":
        raise Refused(invalid([("/name", "The name is taken.")]))
    made = ContactList(workspace.new_id("list"), name, bool(body.get("isShared")))
    workspace.lists[made.id] = made
    workspace.events.note(asking.now_s, asking.number, "contact_lists.create", [made.id], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _list_view(made))


def update_list(asking: Asking) -> Answer:
    """PUT a list: isShared is lost unless sent again."""
    found = _list(asking)
    found.name, found.shared = _name(asking), bool(asking.mapping().get("isShared"))
    return json_answer(200, _list_view(found))


def delete_list(asking: Asking) -> Answer:
    """DELETE a list; its contacts stay."""
    found = _list(asking)
    for number in list(found.members):
        asking.workspace.leave(asking.workspace.contacts[number], found.id)
    del asking.workspace.lists[found.id]
    asking.workspace.events.note(asking.now_s, asking.number, "contact_lists.delete", [found.id], [Effect.DELETED])
    return empty(204)


def share_list(asking: Asking) -> Answer:
    """POST share."""
    _list(asking).shared = True
    return empty(int(asking.switches["v3.empty_action"]))


def unshare_list(asking: Asking) -> Answer:
    """POST unshare."""
    _list(asking).shared = False
    return empty(int(asking.switches["v3.empty_action"]))


def add_contacts(asking: Asking) -> Answer:
    """POST add-contacts: a member added again is a success."""
    return _enlist(asking, moves=False)


def move_contacts(asking: Asking) -> Answer:
    """POST move-contacts: off the other lists."""
    return _enlist(asking, moves=asking.switches["v3.move_list"] == "leaves_other_lists")


def _enlist(asking: Asking, moves: bool) -> Answer:
    found, failed = _list(asking), {}
    for number in asking.ids("contactIds"):
        contact = asking.workspace.contacts.get(number)
        if contact is None:
            failed[str(number)] = item_error(asking.switches, "contact_lists", "contactNotProcessed", number)
            continue
        for other in contact.lists if moves else ():
            if other != found.id:
                asking.workspace.leave(contact, other)
        asking.workspace.join(contact, found.id)
    return json_answer(200, failed)


def _field_view(one: CustomField) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "fieldType": one.kind,
        "metadata": one.metadata,
        "orgWide": one.org_wide,
    }


def _field(asking: Asking) -> CustomField:
    found = asking.workspace.fields.get(asking.id())
    if found is None:
        raise asking.not_found("customField.notFound", "field")
    return found


def list_fields(asking: Asking) -> Answer:
    """GET custom fields: a bare array."""
    return json_answer(200, [_field_view(one) for one in asking.workspace.fields.values()])


def get_field(asking: Asking) -> Answer:
    """GET one custom field."""
    return json_answer(200, _field_view(_field(asking)))


def _field_values(asking: Asking) -> tuple[str, str]:
    body = asking.mapping()
    note_surprises(asking.workspace, "custom_fields", body, ("title", "fieldType", "metadata", "orgWide"))
    title, kind, problems = body.get("title"), str(body.get("fieldType")).lower(), []
    if not isinstance(title, str) or not title.strip():
        problems.append(("/title", "A value is needed."))
    elif len(title) > 90:
        problems.append(("/title", "At most 90 characters."))
    if kind not in ("text", "number"):
        problems.append(("/fieldType", "text or number."))
    if problems:
        raise Refused(invalid(problems))
    return str(title), kind


def create_field(asking: Asking) -> Answer:
    """POST a custom field."""
    title, kind = _field_values(asking)
    body, workspace = asking.mapping(), asking.workspace
    made = CustomField(workspace.new_id("field"), title, kind, body.get("metadata"), bool(body.get("orgWide")))
    workspace.fields[made.id] = made
    workspace.events.note(asking.now_s, asking.number, "custom_fields.create", [made.id], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _field_view(made))


def update_field(asking: Asking) -> Answer:
    """PUT a custom field."""
    found = _field(asking)
    found.title, found.kind = _field_values(asking)
    found.metadata = asking.mapping().get("metadata")
    return json_answer(200, _field_view(found))


def delete_field(asking: Asking) -> Answer:
    """DELETE a custom field; its values are no longer shown."""
    del asking.workspace.fields[_field(asking).id]
    return empty(204)


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
        worker = replace(asking, user=job.user, number=job.number)
        outcome = run_import(worker, job.work["items"], job.work["options"])
        if asking.switches["v3.import_job_result"] == "opaque":
            del outcome["items"]
        job.result = orjson.dumps(outcome).decode()
    job.status, job.finished_s, job.work = end, asking.now_s, {}


def cancel_job(asking: Asking) -> Answer:
    """POST cancel; a repeat is fine."""
    job = _job(asking)
    if not job.final:
        job.status, job.finished_s, job.work = "Cancelled", asking.now_s, {}
    return empty(int(asking.switches["v3.empty_action"]))
