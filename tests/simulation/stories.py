"""What the runs of the simulation do: the job, the rows, what Reply holds before, and what must be so afterwards."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bulkreply.catalog import Catalog
from bulkreply.job.read import job_of
from bulkreply.outcomes import Outcome
from bulkreply.plan import Plan, make_plan
from tests.simulation.server import REFUSED, REFUSED_IDS, SHUNNED, Server

CATALOG = Catalog()
Before = Callable[[Server, int], None]


@dataclass(frozen=True)
class Story:
    """One kind of run.

    Attributes:
        to: What the job does.
        columns: Column -> what row i holds.
        before: Puts what Reply holds of row i, if anything.
        expected: Outcomes row i may have when its fate is known.
        key: What the server calls row i.
        holds: Whether Reply is as row i says.
        same: Whether Reply was so before: then an outcome needs no effect.
        refuses: Whether Reply refuses some rows.
        shuns: Whether row i is about somebody who must not be written to.
        once: Whether no row may have more effects than one; else a repeat does no harm.
        keyed: Whether Reply itself knows rows again, so that a job may have them sent again in doubt.
        readable: Whether Reply can be read to see what became of a row.
    """

    name: str
    to: dict[str, Any]
    columns: dict[str, Callable[[int], str]]
    before: Before
    expected: Callable[[int], set[Outcome]]
    key: Callable[[int], str]
    holds: Callable[[Server, int], bool]
    same: Callable[[int], bool] = lambda i: False
    refuses: bool = True
    shuns: Callable[[int], bool] = lambda i: False
    once: bool = True
    keyed: bool = True
    readable: bool = True

    def bad(self, i: int) -> bool:
        """Whether Reply refuses row i."""
        return self.refuses and i % 23 == 7


def address(i: int) -> str:
    return f"p{i}@{SHUNNED if i % 13 == 5 else 'simulated.example'}"


def contact_id(i: int) -> str:
    return str(REFUSED_IDS[i] if i % 23 == 7 else 1000 + i)


def _contact(server: Server, i: int, title: str) -> None:
    record = {"id": 1000 + i, "email": address(i), "firstName": f"First {i}", "title": title}
    server.contacts[address(i)] = record | {"createdAt": "2020-01-01T00:00:00"}


def _some_old(server: Server, i: int) -> None:
    if i % 3 == 0 and i % 23 != 7:
        _contact(server, i, "Old" if i % 2 else f"Title {i}")


def _all_old(server: Server, i: int) -> None:
    _contact(server, i, "Old")


def _person(server: Server, i: int) -> None:
    if i % 23 != 7:
        _contact(server, i, "Old")
        server.contacts[address(i)]["isOptedOut"] = i % 13 == 5


def _enrolled(server: Server, i: int) -> None:
    _person(server, i)
    if i % 5 == 0:
        server.enrolled[1000 + i] = 0.0


def _nothing(server: Server, i: int) -> None:
    return None


def _has(server: Server, i: int) -> bool:
    record = server.contacts.get(address(i), {})
    return (record.get("firstName"), record.get("title")) == (f"First {i}", f"Title {i}")


def _new(i: int) -> bool:
    return i % 3 != 0


def _task(i: int) -> str:
    """Every ninth task is just like the one before it: both are wanted."""
    return f"task {i - 1 if i % 9 == 8 else i}"


_PERSON = {
    "email": address,
    "firstName": lambda i: REFUSED if i % 23 == 7 else f"First {i}",
    "title": lambda i: f"Title {i}",
}
_MANY_IDS = {"ContactIds": contact_id}
_TASK = {
    "contactId": lambda i: str(1000 + (i - 1 if i % 9 == 8 else i) // 4),
    "taskType": lambda i: "call",
    "startAt": lambda i: "2027-01-04T09:00:00Z",
    "dueTo": lambda i: "2027-01-04T10:00:00Z",
    "template": lambda i: json.dumps({"body": _task(i)}).replace('"', '""'),
}

STORIES = (
    Story(
        "upsert",
        {"object": "contacts", "mode": "upsert"},
        _PERSON,
        _some_old,
        lambda i: {Outcome.CREATED} if _new(i) else {Outcome.UPDATED},
        address,
        _has,
        same=lambda i: not _new(i) and i % 2 == 0,
        shuns=lambda i: _new(i) and i % 13 == 5,
    ),
    Story(
        "insert",
        {"object": "contacts", "mode": "insert"},
        _PERSON,
        _some_old,
        lambda i: {Outcome.CREATED} if _new(i) else {Outcome.SKIPPED},
        address,
        lambda server, i: _has(server, i) if _new(i) else server.contacts[address(i)]["createdAt"] < "2021",
        shuns=lambda i: _new(i) and i % 13 == 5,
    ),
    Story(
        "update",
        {"object": "contacts", "mode": "update"},
        _PERSON,
        _some_old,
        lambda i: {Outcome.REJECTED} if _new(i) else {Outcome.UPDATED} if i % 2 else {Outcome.UNCHANGED},
        address,
        lambda server, i: address(i) not in server.contacts if _new(i) else _has(server, i),
    ),
    Story(
        "delete",
        {"object": "contacts", "mode": "delete"},
        {"email": address},
        lambda server, i: _all_old(server, i) if not _new(i) else None,
        lambda i: {Outcome.SKIPPED} if _new(i) else {Outcome.DELETED},
        lambda i: str(1000 + i),
        lambda server, i: address(i) not in server.contacts,
        refuses=False,
    ),
    Story(
        "tasks",
        {"object": "tasks", "mode": "insert"},
        _TASK,
        _nothing,
        lambda i: {Outcome.CREATED},
        _task,
        lambda server, i: any(task["template"]["body"] == _task(i) for task in server.tasks),
        refuses=False,
        keyed=False,
    ),
    Story(
        "move",
        {"procedure": "contacts.move_to_sequence"},
        {"contactId": contact_id, "sequenceId": lambda i: "7"},
        _person,
        lambda i: {Outcome.CALLED},
        contact_id,
        lambda server, i: server.effects[contact_id(i)] == 1,
        keyed=False,
        shuns=lambda i: i % 13 == 5,
        readable=False,
    ),
    Story(
        "enrol",
        {"procedure": "AddContactsToSequence"},
        _MANY_IDS | {"SequenceId": lambda i: "7"},
        _enrolled,
        lambda i: {Outcome.UNCHANGED, Outcome.CALLED} if i % 5 == 0 else {Outcome.CALLED, Outcome.UNCHANGED},
        contact_id,
        lambda server, i: int(contact_id(i)) in server.enrolled,
        same=lambda i: i % 5 == 0,
        shuns=lambda i: i % 13 == 5,
    ),
    Story(
        "list",
        {"procedure": "AddContactsToContactList"},
        _MANY_IDS | {"ListId": lambda i: "3"},
        _nothing,
        lambda i: {Outcome.CALLED},
        contact_id,
        lambda server, i: int(contact_id(i)) in server.members,
        once=False,
    ),
)
PEOPLE = replace(STORIES[0], name="people", to={"object": "people", "api": "v1", "mode": "upsert"})
"""They travel one by one, in rounds; seeds beyond the others are theirs."""


@dataclass(frozen=True)
class Staged:
    """The plan of a story for so many rows."""

    plan: Plan
    numbers: tuple[int, ...]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bulkreply-simulation-")


@cache
def staged(name: str, rows: int) -> Staged:
    """Stages the rows of a story, as a run would; the same for every schedule of it."""
    story = next(story for story in (*STORIES, PEOPLE) if story.name == name)
    folder = Path(_folder().name) / f"{name}-{rows}"
    folder.mkdir()
    with (folder / "rows.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(story.columns) + "\n")
        for i in range(rows):
            file.write(",".join(f'"{cell(i)}"' for cell in story.columns.values()) + "\n")
    job = job_of({"job": name, "from": {"file": "rows.csv"}, "to": story.to}, folder / "job.yaml")
    plan = asyncio.run(make_plan(job, CATALOG, None, folder))
    assert plan.stage.positions == plan.stage.read == rows, (name, plan.stage.rejects())
    return Staged(plan, tuple(_numbers(plan)))


def _numbers(plan: Plan) -> Iterator[int]:
    """Position -> number of its row, from 0."""
    for part in plan.stage.parts:
        yield from (row - 2 for row in plan.stage.frame(part)["row"])
