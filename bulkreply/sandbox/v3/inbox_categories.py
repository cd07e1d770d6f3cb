"""What threads are filed under (v3-tasks-inbox-reports.md 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.answers import Answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.plain import Kind, Problems
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body
from bulkreply.sandbox.v3.inbox import change_each


def _check(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    return {"name": body.text("name", needed=True), "color": body.text("color")}, body.problems


def _view(asking: Asking, category: Record) -> dict[str, Any]:
    return {name: category[name] for name in ("id", "name", "color")}


def _gone(asking: Asking, category: Record) -> None:
    for thread in asking.workspace.shelf("inbox_threads").where(categoryId=category["id"]):
        thread["categoryId"] = None


KIND = Kind(
    name="inbox_categories",
    code="inboxCategory",
    keys=frozenset({"name", "color"}),
    check=_check,
    view=_view,
    bare=True,
    gone=_gone,
)


def _filing(asking: Asking, operation: str, change: Callable[[Record, int], None]) -> Answer:
    number = int(KIND.found(asking)["id"])
    return change_each(asking, f"inbox_categories.{operation}", lambda thread: change(thread, number))


def bulk_assign(asking: Asking) -> Answer:
    """POST thread-links/bulk: a thread leaves the category it was in."""
    return _filing(asking, "bulk_assign", lambda thread, number: thread.update(categoryId=number))


def bulk_unassign(asking: Asking) -> Answer:
    """POST thread-links/bulk-delete: a thread that is in another category stays there."""

    def change(thread: Record, number: int) -> None:
        if thread["categoryId"] == number:
            thread["categoryId"] = None

    return _filing(asking, "bulk_unassign", change)


ROUTES = {
    "v3.inbox_categories.list": KIND.list,
    "v3.inbox_categories.get": KIND.get,
    "v3.inbox_categories.create": KIND.create,
    "v3.inbox_categories.update": KIND.update,
    "v3.inbox_categories.delete": KIND.delete,
    "v3.inbox_categories.bulk_assign": bulk_assign,
    "v3.inbox_categories.bulk_unassign": bulk_unassign,
}
