"""Answers as plain values, and how each shape of answer settles the records of a call (conventions.md 6, 7)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from bulkreply.catalog.model import Mode, Operation
from bulkreply.outcomes import Outcome
from bulkreply.secrets import redact

_ITEM_WORDS = {
    "created": Outcome.CREATED,
    "added": Outcome.CREATED,
    "updated": Outcome.UPDATED,
    "unchanged": Outcome.UNCHANGED,
    "skipped": Outcome.SKIPPED,
    "failed": Outcome.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status, 0 when there was no usable answer.
        headers: Names in lower case.
        silence: Why there is no answer: `unsent` = no byte of the request left, `lost` = it may have been executed.
        detail: What the network said, without URL, key or address.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    silence: Literal["", "unsent", "lost"] = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; the exact number means little (README of reply-api, v3.empty_action)."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body, None when empty.

        Raises:
            ValueError: The body is not JSON.
        """
        return orjson.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one record was not taken: Reply's own word, and its sentence."""

    code: str
    message: str = ""
    field: str = ""


@dataclass(slots=True)
class Settled:
    """Outcomes of the records of one call, as columns.

    Attributes:
        outcomes: One Outcome per record.
        ids: Reply id per record, 0 when unknown.
        failures: Index of a record -> why it was skipped, rejected or unknown.
    """

    outcomes: bytearray
    ids: array[int]
    failures: dict[int, Failure] = field(default_factory=dict)

    @classmethod
    def all(cls, count: int, outcome: Outcome, failure: Failure | None = None) -> Settled:
        """The same outcome for every record."""
        made = cls(bytearray([outcome]) * count, array("q", bytes(8 * count)))
        if failure is not None:
            made.failures = dict.fromkeys(range(count), failure)
        return made


class WrongShape(ValueError):
    """An answer that does not say what became of every record: the whole call is ambiguous."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says (conventions.md 6): problem+json, V1 message, or text.

    Attributes:
        code: `contact.notFound`, `TEAM_REQUIRED`, a number of the earlier generation, or "".
        failures: Index of a record -> what is wrong with it, from JSON pointers.
        whole: Pointers that name no record.
    """

    code: str
    message: str
    failures: Mapping[int, Failure] = field(default_factory=dict)
    whole: tuple[str, ...] = ()


def settle(operation: Operation, mode: Mode, answer: Answer, count: int, ids: Sequence[int], key: str) -> Settled:
    """Outcomes of the records of a call that was answered with 2xx.

    Args:
        count: Records in the call.
        ids: Reply ids sent, for shapes keyed by id; empty otherwise.
        key: Field of an answered record that holds its id.

    Raises:
        WrongShape: The answer does not account for every record.
    """
    success = Outcome[mode.outcome.upper()]
    try:
        content = answer.json()
    except ValueError:
        raise WrongShape("the answer is not JSON") from None
    if operation.result == "positional":
        return _positional(operation, content, count, success)
    if operation.result == "failed_by_id":
        return _failed_by_id(operation, content, ids, success)
    settled = Settled.all(count, success)
    if operation.result == "whole":
        found = _id_in(content, key) if isinstance(content, dict) else 0
        if not found:
            raise WrongShape(f"{operation.label}: the answer carries no {key}")
        settled.ids[0] = found
        if mode.name == "upsert" and answer.status == 201:
            settled.outcomes[0] = Outcome.CREATED
    return settled


def _positional(operation: Operation, content: Any, count: int, success: Outcome) -> Settled:
    items = content.get(operation.result_at) if operation.result_at and isinstance(content, dict) else content
    if not isinstance(items, list) or len(items) != count:
        raise WrongShape(f"{operation.label}: the answer does not hold one result per record")
    settled = Settled.all(count, success)
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise WrongShape(f"{operation.label}: result {i} is not an object")
        found, status, error = _id_in(item, "id"), item.get("status"), item.get("error")
        settled.ids[i] = found
        if status is not None:
            outcome = _ITEM_WORDS.get(str(status).lower())
            if outcome is None:
                raise WrongShape(f"{operation.label}: result {i} has an unknown status")
        else:
            outcome = Outcome.REJECTED if item.get("id") is None or error is not None else success
        if outcome in (Outcome.CREATED, Outcome.UPDATED) and not found:
            raise WrongShape(f"{operation.label}: result {i} succeeded without an id")
        settled.outcomes[i] = outcome
        if outcome in (Outcome.REJECTED, Outcome.SKIPPED):
            reason = item.get("skipReason") or error
            settled.failures[i] = _failure(operation, reason, item.get("errorDetails"), outcome)
    return settled


def _id_in(record: Mapping[str, Any], key: str) -> int:
    """The id a record carries, 0 when it is none: ids are whole numbers above 0 (conventions.md 11)."""
    found = record.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**63 else 0


def _failed_by_id(operation: Operation, content: Any, ids: Sequence[int], success: Outcome) -> Settled:
    if content is None:
        content = {}
    if not isinstance(content, dict) or not set(content) <= {str(i) for i in ids}:
        raise WrongShape(f"{operation.label}: the answer names records that were not sent")
    settled = Settled.all(len(ids), success)
    for i, one in enumerate(ids):
        settled.ids[i] = one
        failed = content.get(str(one))
        if failed is not None:
            entry = failed if isinstance(failed, dict) else {"error": failed}
            failure = _failure(operation, entry.get("error"), entry.get("errorDetails"), Outcome.REJECTED)
            gone = success is Outcome.DELETED and failure.code.lower().endswith("notfound")
            settled.outcomes[i] = Outcome.SKIPPED if gone else Outcome.REJECTED
            settled.failures[i] = failure
    return settled


def _failure(operation: Operation, error: Any, details: Any, outcome: Outcome) -> Failure:
    """Numbers mean different things per family: they are decoded with the operation's own table only."""
    code = operation.errors.get(str(error), str(error)) if error is not None else ""
    if not code:
        code = "exists" if outcome is Outcome.SKIPPED else "failed"
    if " " in code:  # import items answer free text
        return Failure("reply." + ("skipped" if outcome is Outcome.SKIPPED else "failed"), code)
    return Failure("reply." + code, str(details or ""))


def refusal(answer: Answer) -> Refusal:
    """What an error answer says, whatever its dialect."""
    try:
        content = answer.json()
    except ValueError:
        content = answer.body[:300].decode("utf-8", "replace")
    if isinstance(content, str):
        return Refusal("", redact(" ".join(re.sub(r"<[^>]*>", " ", content).split()))[:200])
    if not isinstance(content, dict):
        return Refusal("", "")
    code = content.get("code") or content.get("errorCode") or ""
    words = content.get("detail") or content.get("message") or content.get("Message") or content.get("error")
    failures, whole = _pointed(content.get("errors"))
    return Refusal(str(code), redact(str(words or content.get("title") or ""))[:300], failures, whole)


def _pointed(errors: Any) -> tuple[dict[int, Failure], tuple[str, ...]]:
    failures: dict[int, Failure] = {}
    whole: list[str] = []
    for error in errors if isinstance(errors, list) else []:
        if not isinstance(error, dict):
            continue
        pointer, detail = str(error.get("pointer") or ""), str(error.get("detail") or "refused")
        match = re.match(r"^#?/(?:[A-Za-z]\w*/)?(\d+)(?:/(.*))?$", pointer)
        if match is None:
            whole.append(f"{pointer} {redact(detail)}".strip())
            continue
        index, name = int(match[1]), (match[2] or "").replace("/", ".")
        before = failures.get(index)
        message = detail if before is None else f"{before.message}; {detail}"
        failures[index] = Failure("reply.validation", message, name if before is None else before.field)
    return failures, tuple(whole)
