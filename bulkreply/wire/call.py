"""Calls as plain values, built from the catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from bulkreply.catalog.model import Mode, Operation, Paging


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is asked of which operation. The path is relative to the base URL and fully encoded."""

    operation: Operation
    path: str
    body: bytes = b""

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.operation.method


def fill(path: str, parameters: Mapping[str, str]) -> str:
    """The path with its `{parameters}` percent-encoded in place.

    Raises:
        ValueError: A parameter is missing or empty; a DELETE by an empty e-mail must never leave.
    """

    def value(match: re.Match[str]) -> str:
        text = parameters.get(match[1], "")
        if not text:
            raise ValueError(f"the path needs {match[1]}")
        return quote(text, safe="")

    return re.sub(r"{(\w+)}", value, path)


def write_call(
    operation: Operation,
    mode: Mode,
    elements: Sequence[str],
    parameters: Mapping[str, str] | None = None,
    placed: Mapping[str, Any] | None = None,
) -> Call:
    """The call that carries a batch.

    Args:
        elements: JSON text of each record, or of each id.
        parameters: Path parameters of an operation on one record.
        placed: Values outside the records by dotted place, `options.listIds`.
    """
    path = fill(operation.path, parameters or {})
    if operation.batch is None:
        sends_body = operation.method not in ("DELETE", "GET")
        return Call(operation, path, elements[0].encode() if sends_body else b"")
    array = "[" + ",".join(elements) + "]"
    if operation.batch.field == "[]":
        return Call(operation, path, array.encode())
    rest: dict[str, Any] = {mode.options_at: dict(mode.options)} if mode.options_at else dict(mode.options)
    for place, value in (placed or {}).items():
        *folders, name = place.split(".")
        inner = rest
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[name] = value
    lead = f"{{{orjson.dumps(operation.batch.field).decode()}:{array}"
    tail = orjson.dumps(rest)[1:]
    return Call(operation, path, lead.encode() + (b"," if rest else b"") + tail)


def page_call(operation: Operation, page: int, size: int, query: Mapping[str, str], body: Mapping[str, Any]) -> Call:
    """The call that reads one page of a listing.

    Args:
        page: Number of the page, from 0.
        size: Records per page, at most `paging.page_max`.
    """
    path = fill(operation.path, query)
    extra = {name: value for name, value in query.items() if name not in operation.parameters}
    extra |= _page_query(operation.paging, page, size)
    joined = "&".join(f"{name}={quote(value, safe='')}" for name, value in extra.items())
    if joined:
        path += ("&" if "?" in path else "?") + joined
    return Call(operation, path, orjson.dumps(body) if operation.method == "POST" else b"")


def _page_query(paging: Paging, page: int, size: int) -> dict[str, str]:
    if paging.style == "offset":
        return {"top": str(size), "skip": str(page * size)}
    if paging.style == "number":
        return {"page": str(page + 1), "limit": str(size)}
    return {}
