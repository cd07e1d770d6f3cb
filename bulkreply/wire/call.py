"""Calls as plain values, built from the catalog."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from bulkreply.catalog.inputs import has_body
from bulkreply.catalog.model import Operation, Paging

FILE = "file"
"""Batch field of operations that take records as an uploaded CSV file."""
_BOUNDARY = "bulkreply-cb0f6f0d2a"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is asked of which operation. The path is relative to the base URL and fully encoded."""

    operation: Operation
    path: str
    body: bytes = b""
    content_type: str = "application/json"

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

    return re.sub(r"{(\w+)}", value, path) if "{" in path else path


def write_call(
    operation: Operation,
    elements: Sequence[str],
    parameters: Mapping[str, str] | None = None,
    shared: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> Call:
    """The call that carries a batch.

    Args:
        elements: JSON text of each record, or of each id.
        parameters: Path parameters.
        shared: What the body holds beside the records.
        query: Query parameters.
    """
    path = with_query(fill(operation.path, parameters or {}), query or {})
    if operation.batch is None:
        assert len(elements) == 1, f"{operation.label} takes one record"
        empty = elements[0] == "{}" and (operation.method == "DELETE" or not has_body(operation))
        return Call(operation, path, b"" if empty or operation.method == "GET" else elements[0].encode())
    if operation.batch.field == FILE:
        return upload(operation, path, elements, shared or {})
    if operation.batch.field == "[]":
        return Call(operation, path, f"[{','.join(elements)}]".encode())
    lead, tail = orjson.dumps(operation.batch.field).decode(), orjson.dumps(dict(shared or {}))[1:].decode()
    text = f"{{{lead}:[{','.join(elements)}]{',' if shared else ''}{tail}"
    return Call(operation, path, text.encode())


def with_options(shared: Mapping[str, Any], options: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The body beside the records with the mode's own options."""
    if not at:
        return dict(options) | dict(shared)
    return dict(shared) | {at: dict(options) | dict(shared.get(at, {}))}


def with_query(path: str, query: Mapping[str, str]) -> str:
    """A path with further query parameters."""
    if not query:
        return path
    joined = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return path + ("&" if "?" in path else "?") + joined


def page_call(
    operation: Operation, page: int, size: int, query: Mapping[str, str], body: Mapping[str, Any], skip: int = -1
) -> Call:
    """The call that reads one page of a listing.

    Args:
        page: Number of the page, from 0.
        size: Records per page, at most `paging.page_max`.
        skip: Offset of the page, when it is not a multiple of the size.
    """
    path = fill(operation.path, query)
    extra = {name: value for name, value in query.items() if name not in operation.parameters}
    extra |= _page_query(operation.paging, page, size)
    if skip >= 0 and operation.paging.style == "offset":
        extra["skip"] = str(skip)
    return Call(operation, with_query(path, extra), orjson.dumps(body) if operation.method == "POST" else b"")


def _page_query(paging: Paging, page: int, size: int) -> dict[str, str]:
    if paging.style == "offset":
        return {"top": str(size), "skip": str(page * size)}
    if paging.style == "number":
        return {"page": str(page + 1), "limit": str(size)}
    return {}


def upload(operation: Operation, path: str, elements: Sequence[str], options: Mapping[str, Any]) -> Call:
    """The call that carries records as a CSV file in multipart/form-data (v1-v2.md 2.2 and 2.3).

    Args:
        elements: JSON text of each record; its keys become columns of their own names.
        options: The `options` part, beside the mapping of fields to columns.
    """
    records = [_flat(orjson.loads(element)) for element in elements]
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(records)
    mapping = _column_mapping(operation.batch.mapping if operation.batch else "", names)
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="contacts.csv"\r\n'
    middle = f'\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; name="options"\r\n\r\n'
    chosen = orjson.dumps(mapping | dict(options)).decode()
    whole = f"{head}Content-Type: text/csv\r\n\r\n{text.getvalue()}{middle}{chosen}\r\n--{_BOUNDARY}--\r\n"
    return Call(operation, path, whole.encode(), f"multipart/form-data; boundary={_BOUNDARY}")


def _column_mapping(place: str, names: Sequence[str]) -> dict[str, Any]:
    """Says that columns are called like fields."""
    if place.endswith("[]"):
        return {place[:-2]: [{"CsvFieldName": name, "ReplyFieldName": name} for name in names]}
    made: dict[str, Any] = {name: name for name in names}
    for part in reversed(place.split(".") if place else ()):
        made = {part: made}
    return made


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as cells; custom fields stand under their titles."""
    flat = {name: value for name, value in record.items() if not isinstance(value, list | dict)}
    for entry in record.get("customFields") or ():
        flat[entry.get("key") or entry.get("name")] = entry.get("value")
    return flat
