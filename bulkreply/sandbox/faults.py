"""Things that go wrong between client and server, by chance but repeatable by seed."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping

from bulkreply.errors import UsageProblem

FAULTS = {
    "reset_before": "the connection breaks before anything is done",
    "lost_answer": "everything is done, then the connection breaks",
    "error_before": "503 before anything is done",
    "error_after": "500 after everything is done",
    "spurious_429": "429 with Retry-After: 1 although the windows are open",
    "truncated": "everything is done, the answer is cut short",
    "html200": "everything is done, the answer is a page of HTML with status 200",
    "slow": "the answer takes one second longer",
}


class Faults:
    """Draws at most one fault per request.

    Args:
        shares: Fault -> share of requests, 0 to 1.

    Raises:
        UsageProblem: An unknown fault, or shares above 1.
    """

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        self._chance = random.Random(seed)
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
        if sum(shares.values()) > 1:
            raise UsageProblem("faults add up to more than all requests")
        self._shares = dict(shares)

    def draw(self) -> str:
        """The fault of this request, "" for none."""
        at = self._chance.random()
        for name, share in self._shares.items():
            if at < share:
                self.drawn[name] = self.drawn.get(name, 0) + 1
                return name
            at -= share
        return ""

    def latency_s(self, range_ms: tuple[float, float]) -> float:
        """How long this answer takes."""
        low, high = range_ms
        return (low if high <= low else self._chance.uniform(low, high)) / 1000
