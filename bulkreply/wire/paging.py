"""Pages of a listing: what a page holds, and whether there is another (conventions.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bulkreply.catalog.model import Operation
from bulkreply.wire.answer import WrongShape


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        records: What Reply keeps, as it says it.
        more: Whether another page follows.
        total: Records in the whole listing, -1 when Reply does not say.
        known: Whether Reply has what the records belong to.
    """

    records: tuple[Mapping[str, Any], ...]
    more: bool
    total: int = -1
    known: bool = True


def read_page(operation: Operation, content: Any, page: int, size: int) -> Page:
    """A page from the decoded body of its answer.

    Raises:
        WrongShape: No list where the catalog says there is one, or an empty page that claims another follows.
    """
    paging = operation.paging
    if content is None:
        return Page((), False, known=False)
    if isinstance(content, list):
        return Page(_objects(operation, content), False, len(content))
    found = _list_in(content, paging.items)
    if not isinstance(content, dict) or found is None:
        raise WrongShape(f"{operation.label}: no list of records in the answer")
    records = _objects(operation, found)
    total = content.get(paging.total) if paging.total else None
    if paging.style == "number":
        pages = content.get("pagesCount")
        more = bool(records) and (page + 1 < pages if isinstance(pages, int) else len(records) == size)
    else:
        more = bool(content.get("hasMore"))
    if more and not records:
        raise WrongShape(f"{operation.label}: an empty page that claims another follows")
    return Page(records, more, total if isinstance(total, int) else -1)


def _list_in(content: Any, name: str) -> list[Any] | None:
    """The records of an answer: under the known key, else the one list there is; `*` takes all lists together."""
    if not isinstance(content, dict):
        return None
    if name != "*" and isinstance(content.get(name), list):
        found: list[Any] = content[name]
        return found
    lists = [value for value in content.values() if isinstance(value, list)]
    if name == "*":
        return [record for records in lists for record in records]
    return lists[0] if len(lists) == 1 else None


def _objects(operation: Operation, records: list[Any]) -> tuple[Mapping[str, Any], ...]:
    wrap = operation.paging.wrap
    if wrap:
        records = [record if isinstance(record, dict) else {wrap: record} for record in records]
    if not all(isinstance(record, dict) for record in records):
        raise WrongShape(f"{operation.label}: a record is not an object")
    return tuple(records)
