"""Answers as faults change them: values in, values out."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import orjson

from bulkreply.sandbox.answers import Answer

HTML = "<html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_WRONG_TYPES = ("text/html", "image/png", "application/octet-stream")
_ERRORS = (500, 502, 503, 504)
_RETRY_AFTER: dict[str, Callable[[], str]] = {
    "": lambda: "1",
    "_date": lambda: formatdate(time.time() + 1, usegmt=True),
    "_fraction": lambda: "0.2",
    "_none": lambda: "",
    "_garbage": lambda: "in a moment",
    "_negative": lambda: "-5",
    "_huge": lambda: "999999999",
}
_SUCCEEDED = ("items", "added", "removedIds", "affectedIds", "affectedIdList")


def page_of_html(status: int) -> Answer:
    """What a proxy or a sign-in page says."""
    return Answer(status, HTML.encode(), "text/html")


def broken(chance: random.Random) -> Answer:
    """An error of the server, as HTML or as JSON."""
    status = chance.choice(_ERRORS)
    if chance.random() < 0.5:
        return page_of_html(status)
    return Answer(status, orjson.dumps({"title": "Server error", "status": status}), "application/problem+json")


def throttled(answer: Answer, fault: str) -> Answer:
    """A refusal by quota with one of the forms of Retry-After."""
    said = _RETRY_AFTER[fault.removeprefix("spurious_429")]()
    return replace(answer, headers={"Retry-After": said} if said else {})


def spoiled(fault: str, answer: Answer, chance: random.Random) -> Answer:
    """The answer with what a fault does to it; the same object where the fault has nothing to do with it."""
    if fault == "wrong_type":
        return replace(answer, content_type=chance.choice(_WRONG_TYPES)) if answer.content else answer
    if answer.status != 200 or not answer.content:
        return answer
    try:
        content = orjson.loads(answer.content)
    except ValueError:
        return answer
    if fault == "items_null" and chance.random() < 0.3 and _results(content) is not None:
        return replace(answer, content=b"null")
    if isinstance(content, dict) and content and _by_id(content) is content:
        changed: Any = _other_failures(fault, content)
    else:
        results = _results(content)
        if results is None or not _change(fault, results, chance):
            return answer
        changed = content
    return answer if changed is None else replace(answer, content=orjson.dumps(changed))


def _results(content: Any) -> list[Any] | dict[str, Any] | None:
    """The results of a bulk answer: one per record, the ids that were taken, or failures by id."""
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        for name in _SUCCEEDED:
            if isinstance(content.get(name), list):
                found: list[Any] = content[name]
                return found
        return _by_id(content)
    return None


def _by_id(content: dict[str, Any]) -> dict[str, Any] | None:
    return content if all(name.isdigit() for name in content) else None


def _other_failures(fault: str, failures: dict[str, Any]) -> dict[str, Any] | None:
    """Failures by id, where a missing one would say that all went well: only what can be noticed is changed."""
    if fault == "items_shuffled":
        return dict(reversed(failures.items()))
    if fault == "items_long":
        return failures | {"999999999": {"error": "notFound", "errorDetails": None}}
    if fault == "items_null":
        return dict.fromkeys(failures)
    return None


def _change(fault: str, results: list[Any] | dict[str, Any], chance: random.Random) -> bool:
    """Spoils the results in place; whether anything is different now."""
    if not isinstance(results, list) or not results:
        return False
    at = chance.randrange(len(results))
    if fault == "items_short":
        results.pop()
    elif fault == "items_long":
        results.append(results[at] if isinstance(results[at], dict) else 999_999_999)
    elif fault == "items_null":
        results[at] = None
    elif len(results) < 2:
        return False
    elif fault == "items_shuffled":
        before = list(results)
        chance.shuffle(results)
        return results != before
    elif fault == "items_doubled":
        results[at - 1] = results[at]
    return True
