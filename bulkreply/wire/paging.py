"""Pages of a listing: what a page holds, and whether there is another (conventions.md 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bulkreply.catalog.model import Operation
from bulkreply.catalog.objects import ObjectSpec
from bulkreply.wire.answer import WrongShape

_START = re.compile(rb'\s*\{(?:\s*"\w+"\s*:\s*(?:-?\d+|true|false|null)\s*,)*\s*"(\w+)"\s*:\s*\[')


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
        more = _full(operation, len(content), size)
        return Page(_objects(operation, content), more, -1 if more or page else len(content))
    found = _list_in(content, paging.items)
    if not isinstance(content, dict) or found is None:
        raise WrongShape(f"{operation.label}: no list of records in the answer")
    records = _objects(operation, found)
    return Page(records, *_around(operation, content, len(records), page, size))


def _around(operation: Operation, content: Mapping[str, Any], count: int, page: int, size: int) -> tuple[bool, int]:
    """What an answer says beside its records: whether more follow, and how many there are, -1 when it does not."""
    paging = operation.paging
    if paging.style == "number":
        pages = _number(content.get("pagesCount"))
        more = count > 0 and (count == size if pages is None else page + 1 < pages)
    else:
        said = content.get("hasMore")
        more = str(said).lower() == "true" if said is not None else _full(operation, count, size)
    if more and not count:
        raise WrongShape(f"{operation.label}: an empty page that claims another follows")
    total = _number(content.get(paging.total)) if paging.total else None
    return more, -1 if total is None else total


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer whose records were cut out of it as bytes, so that nobody had to decode them.

    Attributes:
        records: The array of the records, should the answer be JSON; it is when this is.
        around: What the answer says beside them.
    """

    records: bytes
    around: Mapping[str, Any]

    def page(self, operation: Operation, count: int, page: int, size: int) -> tuple[bool, int]:
        """Whether another page follows, and the records of the whole listing, -1 when Reply does not say.

        Args:
            count: Records in this one.

        Raises:
            WrongShape: As `read_page`.
        """
        return _around(operation, self.around, count, page, size)


def cut_page(operation: Operation, body: bytes) -> Cut | None:
    """The records of an answer as bytes; None where it takes a parser to find them.

    Before them there may be numbers and words only, and behind them no list, so nothing else can hold these brackets.
    """
    found = _START.match(body)
    end = body.rfind(b"]")
    if found is None or end < found.end() or operation.paging.wrap or found[1] != operation.paging.items.encode():
        return None
    try:
        around = orjson.loads(body[: found.end()] + body[end:])
    except ValueError:
        return None
    return Cut(body[found.end() - 1 : end + 1], around) if around[operation.paging.items] == [] else None


def _number(value: Any) -> int | None:
    """A count, which may come as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _full(operation: Operation, count: int, size: int) -> bool:
    """Whether a page that says nothing of others may have some: it is as full as it was asked for."""
    return operation.paging.style != "none" and count == size


def read_one(spec: ObjectSpec, operation: Operation, content: Any) -> Mapping[str, Any] | None:
    """One record from the decoded body of its answer, None when there is none.

    Raises:
        WrongShape: The answer holds nothing of what is known of such a record: nobody must take it for one.
    """
    if content is None or content in ({}, [], ""):
        return None
    found = content[0] if isinstance(content, list) and len(content) == 1 else content
    known = {word.partition(".")[0] for one in spec.fields.values() for word in (one.name, one.read_at)}
    if isinstance(found, dict) and len(found) == 1 and not found.keys() & known:
        (found,) = found.values()
    if not isinstance(found, dict) or not found.keys() & known:
        raise WrongShape(f"{operation.label}: no record in the answer")
    return found


def _list_in(content: Any, name: str) -> list[Any] | None:
    """The records of an answer: under the known key, else the one list there is; `*` takes all lists together."""
    if not isinstance(content, dict):
        return None
    if name != "*" and name in content and isinstance(content[name], list | None):
        found: list[Any] = content[name] or []
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
