"""The routes that most kinds of records share: list, get, create, update, delete, many deletes in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Key, Record, Shelf
from bulkreply.sandbox.store import note_surprises

Route = Callable[[Asking], Answer]
View = Callable[[Asking, Record], dict[str, Any]]
Problems = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of plain record behaves.

    Attributes:
        name: Its shelf and the object's name in the catalog, `accounts`.
        code: Beginning of its error codes, `contactAccount`.
        keys: Body keys a create or an update takes; others are noted as surprises.
        check: Body and the record before (None on create) -> values to keep, and what is wrong with the body.
        view: How a record is answered.
        bare: Whether its list is a bare array.
        family: Family of its per-item error words (answers.py).
        gone: Called when a record is deleted, to let go of what hangs on it.
    """

    name: str
    code: str
    keys: frozenset[str]
    check: Callable[[Asking, dict[str, Any], Record | None], tuple[Record, Problems]]
    view: View
    bare: bool = False
    family: str = ""
    gone: Callable[[Asking, Record], None] = lambda asking, record: None

    def shelf(self, asking: Asking) -> Shelf:
        """Where they are kept."""
        return asking.workspace.shelf(self.name)

    def found(self, asking: Asking, parameter: str = "id") -> Record:
        """The record the path names.

        Raises:
            Refused: There is none.
        """
        text = asking.parameters.get(parameter, "")
        key: Key = int(text) if text.isdigit() and len(text) < 19 else text.lower()
        record = self.shelf(asking).get(key)
        if record is None:
            raise asking.not_found(f"{self.code}.notFound", self.name)
        return record

    def list(self, asking: Asking) -> Answer:
        """GET all."""
        return self.page(asking, list(self.shelf(asking)))

    def page(self, asking: Asking, records: Sequence[Record], most: int = 1000) -> Answer:
        """Some records: a bare array, or a page of them."""
        if self.bare:
            return json_answer(200, [self.view(asking, record) for record in records])
        top, skip = asking.page(25, most)
        items = [self.view(asking, record) for record in records[skip : skip + top]]
        return json_answer(200, {"items": items, "hasMore": skip + top < len(records)})

    def get(self, asking: Asking) -> Answer:
        """GET one."""
        return json_answer(200, self.view(asking, self.found(asking)))

    def create(self, asking: Asking) -> Answer:
        """POST one."""
        record = self.shelf(asking).add(self.checked(asking, asking.mapping(), None))
        self.note(asking, "create", [record["id"]], [Effect.CREATED])
        return json_answer(int(asking.switches["v3.create_status"]), self.view(asking, record))

    def update(self, asking: Asking) -> Answer:
        """PUT or PATCH one."""
        record = self.found(asking)
        record |= self.checked(asking, asking.mapping(), record)
        self.note(asking, "update", [record["id"]], [Effect.UPDATED])
        return json_answer(200, self.view(asking, record))

    def delete(self, asking: Asking) -> Answer:
        """DELETE one."""
        record = self.found(asking)
        self.drop(asking, record)
        self.note(asking, "delete", [record["id"]], [Effect.DELETED])
        return empty(204)

    def bulk_delete(self, asking: Asking) -> Answer:
        """POST bulk-delete: failures by id."""
        failed, gone = {}, []
        for number in asking.ids("ids"):
            record = self.shelf(asking).get(number)
            if record is None:
                failed[str(number)] = item_error(asking.switches, self.family, "notFound", number)
            else:
                self.drop(asking, record)
                gone.append(number)
        self.note(asking, "bulk_delete", gone, [Effect.DELETED] * len(gone))
        return json_answer(200, failed)

    def drop(self, asking: Asking, record: Record) -> None:
        """Takes a record off the shelf, and what hangs on it."""
        self.gone(asking, record)
        self.shelf(asking).remove(record["id"])

    def checked(self, asking: Asking, body: dict[str, Any], before: Record | None) -> Record:
        """The values of a body.

        Raises:
            Refused: A validation 400 that names everything wrong.
        """
        note_surprises(asking.workspace, self.name, body, self.keys)
        values, problems = self.check(asking, body, before)
        if problems:
            raise Refused(invalid(problems))
        return values

    def note(self, asking: Asking, operation: str, ids: Sequence[Any], effects: Sequence[Effect]) -> None:
        """Tells the event log."""
        asking.note(f"{self.name}.{operation}", ids, effects)


def needs_text(body: dict[str, Any], name: str, most: int = 0) -> Problems:
    """What is wrong with a text the body must hold."""
    text = body.get(name)
    if not isinstance(text, str) or not text.strip():
        return [(f"/{name}", "A value is needed.")]
    return [(f"/{name}", f"At most {most} characters.")] if most and len(text) > most else []


def done(asking: Asking) -> Answer:
    """The answer of an action without content."""
    return empty(int(asking.switches["v3.empty_action"]))
