"""`/v3/sequences` (v3-sequences-steps.md 1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.v3.sequence_settings import DEFAULTS, check_settings, settings_view
from bulkreply.sandbox.v3.step_rules import Draft, draft_step, refuse
from bulkreply.sandbox.v3.step_shelves import plant_step, step_view, steps_in, uproot
from bulkreply.sandbox.v3.wording import spelled, zulu

_LINKS = {"emailAccounts": "email_accounts", "linkedInAccounts": "linkedin_accounts"}
_FILTERS = ("status", "isArchived", "ownerUserId", "folderId")
_KEYS = frozenset({"name", "scheduleId", "settings", *_LINKS})
Change = Callable[[Asking, Record], str]


def row_view(asking: Asking, record: Record) -> dict[str, Any]:
    """A sequence as lists answer it."""
    return {
        "id": record["id"],
        "ownerUserId": record["ownerUserId"],
        "name": record["name"],
        "status": spelled(asking, record["status"]),
        "created": zulu(record["created_s"]),
        "isArchived": record["isArchived"],
        "health": spelled(asking, record.get("health") or "healthy"),
    }


def detail_view(asking: Asking, record: Record) -> dict[str, Any]:
    """A sequence with all its parts; accounts are objects here and ids when written."""
    senders = (asking.workspace.shelf("email_accounts").get(number) for number in record["emailAccounts"])
    profiles = (asking.workspace.shelf("linkedin_accounts").get(number) for number in record["linkedInAccounts"])
    shown = ("id", "name", "profileUrl", "status")
    return row_view(asking, record) | {
        "scheduleId": record["scheduleId"],
        "emailAccounts": [{"id": one["id"], "email": _address(one)} for one in senders if one is not None],
        "linkedInAccounts": [{name: one.get(name) for name in shown} for one in profiles if one is not None],
        "settings": settings_view(asking, record["settings"]),
        "steps": [step_view(asking, one) for one in steps_in(asking, record)],
        "issues": record.get("issues"),
    }


def _address(account: Record) -> Any:
    return (account.get("connection") or account).get("email")


def fresh(asking: Asking, name: str) -> Record:
    """What a new sequence holds unless told otherwise."""
    return {
        "name": name,
        "ownerUserId": asking.user,
        "created_s": asking.now_s,
        "status": "new",
        "isArchived": False,
        "scheduleId": None,
        "emailAccounts": [],
        "linkedInAccounts": [],
        "settings": dict(DEFAULTS),
        "folderId": None,
    }


def _check(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    values: Record = {}
    problems: Problems = []
    if before is None or "name" in body:
        name = body.get("name")
        values["name"] = name
        if not isinstance(name, str) or not name.strip():
            problems.append(("/name", "A value is needed."))
    schedule = body.get("scheduleId")
    if "scheduleId" in body:
        values["scheduleId"] = schedule
        if schedule is not None and schedule not in asking.workspace.shelf("schedules"):
            problems.append(("/scheduleId", "No such schedule."))
    for field, shelf in _LINKS.items():
        if field in body:
            values[field], wrong = _linked(asking, field, shelf, body[field])
            problems += wrong
    if body.get("settings") is not None:
        values["settings"], wrong = check_settings(asking, body["settings"], before["settings"] if before else DEFAULTS)
        problems += wrong
    return values, problems


def _linked(asking: Asking, field: str, shelf: str, numbers: Any) -> tuple[list[int], Problems]:
    if numbers is None:
        return [], []
    if not isinstance(numbers, list) or not all(type(one) is int for one in numbers):
        return [], [(f"/{field}", "A list of ids is needed.")]
    known = asking.workspace.shelf(shelf)
    wrong = [(f"/{field}/{at}", "No such account.") for at, number in enumerate(numbers) if number not in known]
    return list(dict.fromkeys(numbers)), wrong


def _gone(asking: Asking, record: Record) -> None:
    for step in steps_in(asking, record):
        uproot(asking, step)
    for contact in asking.workspace.contacts.values():
        if contact.sequences and record["id"] in contact.sequences:
            del contact.sequences[record["id"]]


SEQUENCES = Kind("sequences", "sequence", _KEYS, _check, detail_view, family="sequences", gone=_gone)


def list_sequences(asking: Asking) -> Answer:
    """GET sequences, by any of the filters: rows without steps, settings and accounts."""
    query, found = asking.query, list(SEQUENCES.shelf(asking))
    wanted = {
        name: query[name].lower() for name in ("status", "isArchived", "ownerUserId", "folderId") if name in query
    }
    found = [one for one in found if all(str(one[name]).lower() == word for name, word in wanted.items())]
    found = [one for one in found if query.get("name", "").lower() in one["name"].lower()]
    if "createdAfter" in query and asking.switches["v3.sequence_created_after"] == "honoured":
        found = [one for one in found if one["created_s"] > _second(query["createdAfter"])]
    return row_page(asking, found, query.get("sortBy", ""), query.get("sortDirection", ""))


def _second(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(invalid([("/createdAfter", "A time is needed.")])) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def row_page(asking: Asking, found: list[Record], by: str, direction: str) -> Answer:
    """A page of rows, sorted when told to."""
    sorting = {"created": "created_s", "name": "name", "status": "status"}.get(by)
    if sorting:
        found.sort(key=lambda one: one[sorting], reverse=direction.lower() == "desc")
    top, skip = asking.page(25, 1000)
    items = [row_view(asking, one) for one in found[skip : skip + top]]
    return json_answer(200, {"items": items, "hasMore": skip + top < len(found)})


def create_sequence(asking: Asking) -> Answer:
    """POST a sequence, with or without steps."""
    body = asking.mapping()
    drafts = _drafts(asking, body.get("steps"))
    values = SEQUENCES.checked(asking, {name: value for name, value in body.items() if name != "steps"}, None)
    refuse(asking, [fault for draft in drafts for fault in draft.faults])
    record = SEQUENCES.shelf(asking).add(fresh(asking, values["name"]) | values)
    parent = None
    for draft in drafts:
        # Nobody knows the ids of steps that come with their sequence: each follows the one before it [guess].
        parent = plant_step(asking, record, draft.values | {"parentId": parent}, draft.variants or ())["id"]
    SEQUENCES.note(asking, "create", [record["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), detail_view(asking, record))


def _drafts(asking: Asking, bodies: Any) -> list[Draft]:
    if bodies is not None and not isinstance(bodies, list):
        raise Refused(invalid([("/steps", "A list is needed.")]))
    drafts = [draft_step(asking, body, ()) for body in bodies or ()]
    for at, draft in enumerate(drafts):
        faults, draft.faults = draft.faults, []
        for fault in faults:
            draft.fault(fault.slug, f"/steps/{at}{fault.pointer}", fault.detail)
    return drafts


def _start(asking: Asking, record: Record) -> str:
    """Starts it; or why not."""
    if record["isArchived"]:
        return "archived"
    if record["status"] == "active":
        return ""
    number = record["id"]
    if not any(contact.sequences and number in contact.sequences for contact in asking.workspace.contacts.values()):
        return "noContacts"
    if not record["emailAccounts"]:
        return "noEmailAccounts"
    record["status"] = "active"
    return ""


def _pause(asking: Asking, record: Record) -> str:
    """Pauses it when it runs; or why not."""
    if record["isArchived"]:
        return "archived"
    record["status"] = "paused" if record["status"] == "active" else record["status"]
    return ""


def _archive(asking: Asking, record: Record) -> str:
    """Archives it, which stops it too; or why not."""
    if record["isArchived"]:
        return "archived"
    _pause(asking, record)
    record["isArchived"] = True
    return ""


def _own(asking: Asking, record: Record) -> str:
    record["ownerUserId"] = asking.mapping()["userId"]
    return ""


_REFUSALS = {
    "archived": "The sequence is archived.",
    "noContacts": "The sequence has no contacts.",
    "noEmailAccounts": "The sequence has no e-mail accounts.",
}


def _one(operation: str, change: Change) -> Callable[[Asking], Answer]:
    """The route that does it to one sequence."""

    def route(asking: Asking) -> Answer:
        record = SEQUENCES.found(asking)
        before = dict(record)
        if slug := change(asking, record):
            raise Refused(problem(asking.switches, 400, "Refused", _REFUSALS[slug], code=f"sequence.{slug}"))
        SEQUENCES.note(asking, operation, [record["id"]], [_effect(before, record)])
        return json_answer(200, detail_view(asking, record))

    return route


def _many(operation: str, change: Change) -> Callable[[Asking], Answer]:
    """The route that does it to many: failures by id."""

    def route(asking: Asking) -> Answer:
        failed, done, effects = {}, [], []
        for number in asking.ids("ids"):
            record = SEQUENCES.shelf(asking).get(number)
            before = dict(record or {})
            slug = "notFound" if record is None else change(asking, record)
            if record is None or slug:
                failed[str(number)] = item_error(asking.switches, "sequences", slug, number)
            else:
                done.append(number)
                effects.append(_effect(before, record))
        SEQUENCES.note(asking, operation, done, effects)
        return json_answer(200, failed)

    return route


def _effect(before: Record, after: Record) -> Effect:
    return Effect.UNCHANGED if before == after else Effect.UPDATED


def _to_a_user(route: Callable[[Asking], Answer]) -> Callable[[Asking], Answer]:
    """A route that is refused unless `userId` names somebody of the team."""

    def checked(asking: Asking) -> Answer:
        if asking.mapping().get("userId") not in USERS:
            raise Refused(invalid([("/userId", "No such user.")]))
        return route(asking)

    return checked


ROUTES = {
    "v3.sequences.list": list_sequences,
    "v3.sequences.get": SEQUENCES.get,
    "v3.sequences.create": create_sequence,
    "v3.sequences.update": SEQUENCES.update,
    "v3.sequences.delete": SEQUENCES.delete,
    "v3.sequences.start": _one("start", _start),
    "v3.sequences.pause": _one("pause", _pause),
    "v3.sequences.archive": _one("archive", _archive),
    "v3.sequences.set_owner": _to_a_user(_one("set_owner", _own)),
    "v3.sequences.bulk_start": _many("bulk_start", _start),
    "v3.sequences.bulk_pause": _many("bulk_pause", _pause),
    "v3.sequences.bulk_archive": _many("bulk_archive", _archive),
    "v3.sequences.bulk_delete": SEQUENCES.bulk_delete,
    "v3.sequences.bulk_set_owner": _to_a_user(_many("bulk_set_owner", _own)),
}
