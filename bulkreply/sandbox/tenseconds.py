"""Which reads of V1 wait for each other (conventions.md 5)."""

from __future__ import annotations

import re

_CAMPAIGNS = re.compile(r"GET /v1/campaigns(?:/[^/]+)?/?", re.IGNORECASE)
_STATS = re.compile(r"GET /v1/stats/(person|status_in_campaign|GetPeopleSentPerCampaign)/?", re.IGNORECASE)


def group_of(target: str, scope: str) -> str:
    """The calls that one waits for, "" when it waits for none.

    Args:
        target: Method and path, without the query.
        scope: Whether the rule holds per `group` (campaigns, statistics), per `endpoint`, or for the whole `key`.
    """
    stats = _STATS.fullmatch(target)
    if stats is None and _CAMPAIGNS.fullmatch(target) is None:
        return ""
    if scope == "key":
        return "all"
    if stats is None:
        return "campaigns"
    return stats[1].lower() if scope == "endpoint" else "stats"
