"""The stand-in's own quota: windows counted at the server's door, on its own clock."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field

from bulkreply.errors import UsageProblem

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_windows(text: str) -> list[tuple[int, float]]:
    """`100/60s,3000/1h` as `(calls, seconds)`; `none` is no limit.

    Raises:
        UsageProblem: The text cannot be read.
    """
    if text.strip().lower() in ("none", ""):
        return []
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)/(\d+(?:\.\d+)?)?(ms|s|min|m|h|d)", part.strip())
        if match is None:
            raise UsageProblem(f"limits: cannot read {part.strip()!r}", hint="write 100/60s,3000/1h or none")
        found.append((int(match[1]), float(match[2] or 1) * _UNITS_S[match[3]]))
    return found


@dataclass(slots=True)
class Sliding:
    """At most `limit` arrivals in any `period_s` seconds."""

    limit: int
    period_s: float
    arrivals: deque[float] = field(default_factory=deque)

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call is taken; 0 when it is taken now."""
        while self.arrivals and self.arrivals[0] <= now_s - self.period_s:
            self.arrivals.popleft()
        return 0.0 if len(self.arrivals) < self.limit else self.arrivals[0] + self.period_s - now_s

    def take(self, now_s: float) -> None:
        """Count an arrival."""
        self.arrivals.append(now_s)

    def left(self) -> int:
        """Calls still allowed."""
        return self.limit - len(self.arrivals)


@dataclass(slots=True)
class Fixed:
    """At most `limit` arrivals between two whole multiples of `period_s`."""

    limit: int
    period_s: float
    number: int = -1
    count: int = 0

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call is taken; 0 when it is taken now."""
        number = int(now_s // self.period_s)
        if number != self.number:
            self.number, self.count = number, 0
        return 0.0 if self.count < self.limit else (number + 1) * self.period_s - now_s

    def take(self, now_s: float) -> None:
        """Count an arrival."""
        self.count += 1

    def left(self) -> int:
        """Calls still allowed."""
        return self.limit - self.count


class Gate:
    """The windows of one account and API.

    Args:
        limits: As in `parse_windows`.
        style: `sliding` or `fixed`.
    """

    def __init__(self, limits: str, style: str) -> None:
        kind = Fixed if style == "fixed" else Sliding
        self.windows: list[Sliding | Fixed] = [kind(limit, period_s) for limit, period_s in parse_windows(limits)]

    def admit(self, now_s: float) -> int:
        """0 when the call is taken (and counted), else whole seconds to wait."""
        wait_s = max((window.wait_s(now_s) for window in self.windows), default=0.0)
        if wait_s > 0:
            return max(1, math.ceil(wait_s))
        for window in self.windows:
            window.take(now_s)
        return 0
