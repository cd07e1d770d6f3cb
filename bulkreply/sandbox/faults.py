"""Things that go wrong between client and server, by chance but repeatable by seed."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping

from bulkreply.errors import UsageProblem

FAULTS = {
    "reset_before": "the connection breaks before anything is done",
    "lost_answer": "everything is done, then the connection breaks",
    "away": "the connection breaks before anything is done, and for a while no other is taken",
    "error_before": "500, 502, 503 or 504 before anything is done",
    "error_after": "500, 502, 503 or 504 after everything is done",
    "html200": "everything is done, the answer is a page of HTML with status 200",
    "html200_before": "nothing is done, the answer is a page of HTML with status 200",
    "html502": "nothing is done, the answer is a page of HTML with status 502",
    "spurious_429": "429 with Retry-After: 1 although the windows are open",
    "spurious_429_date": "the same with a date",
    "spurious_429_fraction": "the same with 0.2 seconds",
    "spurious_429_none": "the same without Retry-After",
    "spurious_429_garbage": "the same with words for it",
    "spurious_429_negative": "the same with -5 seconds",
    "spurious_429_huge": "the same with 999999999 seconds",
    "truncated": "everything is done, the answer is cut short",
    "endless": "everything is done, the answer never ends",
    "gzip_bomb": "everything is done, the answer grows to 1 GiB when it is inflated",
    "wrong_type": "everything is done, the answer is said to be HTML, a picture or nothing in particular",
    "slow": "the answer takes one second longer",
    "key_revoked": "401, and the key is refused from now on",
    "items_short": "everything is done, the last result of a bulk answer is missing",
    "items_long": "everything is done, a bulk answer has one result too many",
    "items_shuffled": "everything is done, the results of a bulk answer are in another order",
    "items_doubled": "everything is done, one result of a bulk answer stands in the place of another too",
    "items_null": "everything is done, one result of a bulk answer, or the whole answer, is null",
}


class Faults:
    """Draws at most one fault per request.

    Attributes:
        drawn: Fault -> how often it was carried out: bulk answers can only be spoiled where there are any.

    Args:
        shares: Fault -> share of requests, 0 to 1.

    Raises:
        UsageProblem: An unknown fault, or shares above 1.
    """

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        self.chance = random.Random(seed)
        self._shares: dict[str, float] = {}
        self.drawn: dict[str, int] = {}
        self.choose(shares)

    def choose(self, shares: Mapping[str, float]) -> None:
        """Replace all shares."""
        for name in shares:
            if name not in FAULTS:
                near = difflib.get_close_matches(name, FAULTS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(FAULTS)}"
                raise UsageProblem(f"the sandbox has no fault {name!r}", hint=hint)
        if sum(shares.values()) > 1 + 1e-9:
            raise UsageProblem("faults add up to more than all requests")
        self._shares = dict(shares)

    def draw(self) -> str:
        """The fault of this request, "" for none."""
        at = self.chance.random()
        for name, share in self._shares.items():
            if at < share:
                return name
            at -= share
        return ""

    def count(self, name: str) -> None:
        """Notes that a fault was carried out."""
        self.drawn[name] = self.drawn.get(name, 0) + 1

    def latency_s(self, range_ms: tuple[float, float]) -> float:
        """How long this answer takes."""
        low, high = range_ms
        return (low if high <= low else self.chance.uniform(low, high)) / 1000
