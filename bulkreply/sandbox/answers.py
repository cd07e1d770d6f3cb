"""Answers as plain values, and the error dialects of V3 and V1 (conventions.md 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bulkreply.sandbox.switches import Switches

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json"
_ERROR_CODES = {"notFound": 1, "forbidden": 3, "limitExceeded": 4, "archived": 3, "invalidInput": 8}
# conventions.md 8: the same number means different things per family.
_FAMILIES = {
    "contacts": {"notFound": 1, "forbidden": 3, "sequenceNotFound": 5, "invalidInput": 8},
    "contact_lists": {"contactNotProcessed": 8},
    "account_links": {"notFound": 1, "invalidInput": 3},
    "accounts": {"notFound": 1, "invalidInput": 3},
    "account_lists": {"accountNotProcessed": 7},
    "blacklist_create": {"duplicate": 2, "invalidPattern": 4, "notAdded": 5},
    "blacklist_delete": {"notFound": 1, "globalRuleReadOnly": 3},
    "sequences": {
        "notFound": 1,
        "forbidden": 2,
        "archived": 3,
        "noContacts": 6,
        "noEmailAccounts": 7,
        "salesAgentNotAllowed": 8,
    },
    "folder_links": {"notFound": 1},
    "steps_create": {"invalidInput": 1, "invalidStep": 2, "internalError": 3, "stepLocked": 5},
    "steps_delete": {"notFound": 4, "stepLocked": 5, "stepLockedHasChildren": 7},
    "variants": {"invalidInput": 1, "invalidStep": 2, "internalError": 3, "notFound": 4},
    "sequence_contacts": {"invalidInput": 1, "contactNotFound": 7, "notInSequence": 8, "forbidden": 11},
    "tasks": {"notFound": 1, "cannotComplete": 7},
    "plain": {"notFound": 1},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over the wire.

    Attributes:
        status: HTTP status.
        content: Body bytes.
        content_type: Content type, "" when the body is empty.
        headers: Further headers.
    """

    status: int
    content: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Unwinds a route with a ready answer.

    Args:
        answer: What the client gets to see.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, orjson.dumps(value), JSON, headers or {})


def empty(status: int) -> Answer:
    """An answer without a body."""
    return Answer(status)


def problem(
    switches: Switches,
    status: int,
    title: str,
    detail: str,
    *,
    code: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    """A problem+json body: `{title, status, detail, code}`, or `errorCode` in the earlier generation."""
    body: dict[str, Any] = {"title": title, "status": status, "detail": detail}
    if code and switches["v3.error_key"] == "errorCode" and "." in code:
        body["errorCode"] = _ERROR_CODES.get(code.partition(".")[2], 2)
    elif code:
        body["code"] = code
    return Answer(status, orjson.dumps(body | dict(more or {})), PROBLEM, headers or {})


def invalid(problems: Sequence[tuple[str, str]]) -> Answer:
    """A validation 400: `{title, status, errors: [{pointer, detail}]}`, without a code."""
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in problems]
    body = {"title": "Validation failed", "status": 400, "errors": errors}
    return Answer(400, orjson.dumps(body), PROBLEM)


def item_error(switches: Switches, family: str, slug: str, key: int, details: str | None = None) -> dict[str, Any]:
    """`{error, errorDetails}` of one failed id; a slug, or the number of its family."""
    form = switches["v3.item_error"]
    as_number = form == "int" or (form == "mixed" and key % 2 == 0)
    error: str | int = _FAMILIES[family].get(slug, slug) if as_number else slug
    return {"error": error, "errorDetails": details if isinstance(error, str) else None}


def v1_error(switches: Switches, status: int, text: str) -> Answer:
    """A V1 refusal in the chosen dialect."""
    form = switches["v1.error_body"]
    if form == "text":
        return Answer(status, text.encode(), "text/plain")
    if form == "empty":
        return Answer(status)
    return json_answer(status, text if form == "json_string" else {form: text})
