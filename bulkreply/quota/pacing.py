"""What we do when the server says 429 although our windows said yes: go evenly, at a lower rate, and recover.

It happens when the server counts in another way (token bucket, sliding counter) or another machine uses the account.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiolimiter import AsyncLimiter

BURST = 5  # AsyncLimiter(100, 60) would let 199 calls through one minute; a small bucket keeps it honest
_CUT = 0.8
_FLOOR = 0.1
_RECOVERY = 1.05


@dataclass(frozen=True, slots=True)
class Pace:
    """A learned rate: `factor` of the limit as of `since_ms` (Unix milliseconds), growing again while all is well."""

    factor: float
    since_ms: int

    def factor_at(self, now_ms: int, shortest_s: float, longest_s: float) -> float | None:
        """The share of the limit to use now: 5 % more per clean shortest period; None once it is forgotten.

        It is forgotten after being at the full rate, evenly paced, for one longest period.
        """
        clean_s = max(0.0, (now_ms - self.since_ms) / 1000)
        factor, periods = self.factor, int(clean_s / shortest_s)
        climbed = 0
        while factor < 1.0 and climbed < periods:
            factor, climbed = factor * _RECOVERY, climbed + 1
        if factor >= 1.0 and clean_s - climbed * shortest_s >= longest_s:
            return None
        return min(1.0, factor)

    def contradicts_again(self, now_ms: int, shortest_s: float) -> bool:
        """Whether a 429 now is news; calls already under way when the first came tell nothing new."""
        return abs(now_ms - self.since_ms) >= shortest_s * 250


def lowered(factor: float | None, now_ms: int) -> Pace:
    """The pace after one more contradiction of the given share (None: unpaced until now)."""
    return Pace(max(_FLOOR, (1.0 if factor is None else factor) * _CUT), now_ms)


class EvenPace:
    """An aiolimiter bucket that follows a rate; a new rate is no excuse for a new burst."""

    __slots__ = ("_bucket", "_owed", "rate_per_s")

    def __init__(self) -> None:
        self.rate_per_s = 0.0
        self._bucket: AsyncLimiter | None = None
        self._owed = 0

    def take(self, wanted: int, rate_per_s: float) -> int:
        """How many of the calls wanted may go now; tell `confirm` how many did."""
        if self._bucket is None or abs(rate_per_s - self.rate_per_s) > 1e-9:
            if self._bucket is not None and not self._owed:
                self._owed = BURST - _free(self._bucket)
            self.rate_per_s = rate_per_s
            self._bucket = AsyncLimiter(BURST, BURST / rate_per_s)
        return min(wanted, max(0, _free(self._bucket) - self._owed))

    async def confirm(self, taken: int) -> None:
        """Spend what `take` found, and what the bucket of the rate before still held; never waits."""
        if self._bucket is not None and taken + self._owed:
            await self._bucket.acquire(taken + self._owed)
            self._owed = 0


def _free(bucket: AsyncLimiter) -> int:
    """How many calls the bucket takes at once."""
    return next(calls for calls in range(BURST, -1, -1) if not calls or bucket.has_capacity(calls))
