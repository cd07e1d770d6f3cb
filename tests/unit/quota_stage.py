"""What the tests of the quota share: a clock that stands, and spending."""

from __future__ import annotations

import asyncio

from bulkreply.quota import Quota, Window

NOW_MS = 1_800_000_000_000
HOUR = (Window(10, 3600.0),)


class StillClock:
    """Time stands until it is set."""

    def __init__(self) -> None:
        self.at_s = NOW_MS / 1000

    def now_s(self) -> float:
        """The time that was set."""
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        """For ever: nothing here moves by itself."""
        await asyncio.Event().wait()

    def jitter(self) -> float:
        """Always the same."""
        return 0.5


async def spend(quota: Quota, calls: int, rate_class: str = "default") -> None:
    """So many calls, answered at once, one after the other."""
    for _ in range(calls):
        quota.release(await quota.acquire(rate_class))


def used(quota: Quota, rate_class: str = "default") -> list[int]:
    """What counts in each window."""
    return [count for _, count in quota.spent(rate_class)]


def spacing_s(quota: Quota) -> float:
    """What the forecast says about the time between two calls, far beyond any burst."""
    return (quota.forecast({"default": 41}, 0.001).duration_s - quota.forecast({"default": 21}, 0.001).duration_s) / 20
