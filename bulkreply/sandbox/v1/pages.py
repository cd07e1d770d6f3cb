"""Pages of people, whichever listing they come from (conventions.md 4)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.views import v1_person


def people_page(asking: Asking, ids: Sequence[int], path: str) -> Answer:
    """One page of the people envelope.

    Args:
        ids: Of all people of the listing, oldest first.
        path: Of the listing, for the links.
    """
    page, limit = _number(asking, "page", 1), _number(asking, "limit", 100)
    choice = asking.switches["v1.limit_over_100"]
    if limit > 100 and choice == "refuse":
        raise asking.v1_refused(400, "The limit is 100.")
    if limit > 100 and choice == "clamp":
        limit = 100
    pages = -(-len(ids) // limit)
    kept = {name: text for name, text in asking.query.items() if name not in ("page", "limit")}
    query = "".join(f"{name}={quote(text, safe='')}&" for name, text in kept.items())
    link = f"{asking.base}{path}?{query}page={{}}&limit={limit}"
    contacts, first = asking.workspace.contacts, (page - 1) * limit
    shown = _ordered(asking, ids, page)[first : first + limit]
    return json_answer(
        200,
        {
            "people": [v1_person(asking.workspace, contacts[number]) for number in shown],
            "total": len(ids),
            "page": page,
            "limit": limit,
            "pagesCount": pages,
            "next": link.format(page + 1) if page < pages else None,
            "previous": link.format(page - 1) if page > 1 else None,
        },
    )


def _ordered(asking: Asking, ids: Sequence[int], page: int) -> Sequence[int]:
    choice = asking.switches["v1.people_order"]
    if choice == "oldest_first":
        return ids
    newest = ids[::-1]
    if choice == "unstable" and page % 2 == 0:
        # Even pages are one row behind: a row comes twice, and another one not at all.
        return [*newest[-1:], *newest[:-1]]
    return newest


def _number(asking: Asking, name: str, default: int) -> int:
    text = asking.query.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) < 10**9:
        raise asking.v1_refused(400, f"{name} must be a number above 0.")
    return int(text)
