"""What an error answer says, in any of Reply's dialects (conventions.md 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkreply.secrets import redact
from bulkreply.wire.answer import Answer, Failure

_LONGEST = 2_000
"""Characters of a text that are looked at: what a server writes has no end of its own."""


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


def refusal(answer: Answer, alone: bool = False) -> Refusal:
    """What an error answer says, whatever its dialect.

    Args:
        alone: Whether the call carries one record as its body: a number in a pointer is then a place inside it.
    """
    try:
        content = answer.json()
    except ValueError:
        content = answer.body[:300].decode("utf-8", "replace")
    if isinstance(content, str):
        return Refusal("", redact(" ".join(re.sub(r"<[^<>]*>", " ", content[:_LONGEST]).split()))[:200])
    if not isinstance(content, dict):
        return Refusal("", "")
    code = content.get("code") or content.get("errorCode") or ""
    words = content.get("detail") or content.get("message") or content.get("Message") or content.get("error")
    failures, whole = _pointed(content.get("errors"), alone)
    message = redact(str(words or content.get("title") or "")[:_LONGEST])[:300]
    return Refusal(redact(str(code)[:100]), message, failures, whole)


def _pointed(errors: Any, alone: bool) -> tuple[dict[int, Failure], tuple[str, ...]]:
    failures: dict[int, Failure] = {}
    whole: list[str] = []
    for name, told in errors.items() if isinstance(errors, Mapping) else ():  # field -> sentences
        words = ", ".join(map(str, told)) if isinstance(told, list) else str(told)
        whole.append(redact(f"{name}: {words}"))
    for error in errors if isinstance(errors, list) else []:
        if not isinstance(error, dict):
            continue
        pointer, detail = str(error.get("pointer") or ""), str(error.get("detail") or "refused")
        match = re.match(r"^#?/(?:[A-Za-z]\w*/)?(\d{1,9})(?:/(.*))?$", pointer)
        if match is None or alone:
            whole.append(f"{pointer} {redact(detail)}".strip())
            continue
        index, name = int(match[1]), (match[2] or "").replace("/", ".")
        before = failures.get(index)
        message = detail if before is None else f"{before.message}; {detail}"
        failures[index] = Failure("reply.validation", message, name if before is None else before.field)
    return failures, tuple(whole)
