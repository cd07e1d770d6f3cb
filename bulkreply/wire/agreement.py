"""Whether a bulk answer agrees with itself and with what was sent. What it says of one record may be the result of
another when it does not: then the whole answer says nothing.

Each function tells what is wrong, "" when nothing is.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bulkreply.outcomes import Outcome

_TOTALS = {
    Outcome.CREATED: ("added", "created"),
    Outcome.UPDATED: ("updated",),
    Outcome.SKIPPED: ("skipped",),
    Outcome.REJECTED: ("failed",),
}
_NEW = {Outcome.CREATED, Outcome.CALLED}


def other_totals(content: Any, said: Sequence[int]) -> str:
    """Totals beside the results that count them otherwise.

    Args:
        said: What each result said in its own words; nothing when they say it by an id only.
    """
    if not isinstance(content, dict) or not said:
        return ""
    for outcome, names in _TOTALS.items():
        for name in names:
            total = content.get(name)
            if type(total) is int and total != said.count(outcome):
                return f"{name} is {total}, and {said.count(outcome)} results say so"
    return ""


def same_record_twice(outcomes: Sequence[int], ids: array[int], texts: Mapping[int, str]) -> str:
    """Two records that were made, and are one."""
    if not texts and len(set(ids)) == len(ids):
        return ""
    known = [one for i, outcome in enumerate(outcomes) if outcome in _NEW and (one := texts.get(i) or ids[i])]
    return "two records were made with the same id" if len(set(known)) < len(known) else ""


def other_records(items: Sequence[Any], elements: Sequence[str], names: Sequence[str]) -> str:
    """Results that name a record, and another than was sent at their place.

    Args:
        names: Fields that say which record it is.
    """
    if not [1 for name in names for item in items if name in item]:
        return ""
    for i, item in enumerate(items):
        told = [name for name in names if item.get(name) is not None]
        if not told or elements[i][:1] != "{":
            continue
        sent = orjson.loads(elements[i])
        if any(sent.get(name) is not None and _folded(sent[name]) != _folded(item[name]) for name in told):
            return f"result {i} is about another record"
    return ""


def other_ids(known: Sequence[str], ids: array[int], texts: Mapping[int, str]) -> str:
    """Results with another id than the record was known to have."""
    for i, one in enumerate(known):
        said = texts.get(i) or (str(ids[i]) if ids[i] else "")
        if one and said and said != one:
            return f"result {i} is about another record"
    return ""


def other_count(content: Mapping[str, Any], taken: Sequence[Any], count: int) -> str:
    """Ids that were taken beside totals that count them otherwise, or one of them twice."""
    if len({str(one) for one in taken}) < len(taken):
        return "a record is named twice"
    for name, number in (("requested", count), ("removed", len(taken))):
        if type(content.get(name)) is int and content[name] != number:
            return f"{name} is {content[name]}, not {number}"
    return ""


def _folded(value: Any) -> str:
    return str(value).strip().casefold()
