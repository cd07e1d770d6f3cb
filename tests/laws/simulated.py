"""A loop whose time is simulated, a server on it that stamps calls, and what its stamps must satisfy."""

from __future__ import annotations

import asyncio
import random
import selectors
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bulkreply.quota import Quota, Window

EPOCH_S = 1_800_000_000.0


class JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: time jumps to where the loop would have woken."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everyone waits and nothing will ever happen"
        self.now_s += max(0.0, timeout) + 1e-7  # a round of the loop takes a moment, as in life
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on which an hour takes no time; aiolimiter and the quota live on the same time."""

    def __init__(self) -> None:
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s


class SimulatedClock:
    """The wall clock of such a loop; `step_s` sets it wrong, as an administrator would."""

    def __init__(self, seed: int = 0) -> None:
        self.step_s = 0.0
        self._chance = random.Random(seed)

    def true_s(self) -> float:
        return asyncio.get_running_loop().time()

    def now_s(self) -> float:
        return EPOCH_S + self.true_s() + self.step_s

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s))

    def jitter(self) -> float:
        return self._chance.random()


Result = TypeVar("Result")


def simulate(story: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(story)


@dataclass
class Call:
    """One call: when it is wanted, how long its answer takes, and where in between the server stamps it."""

    after_s: float
    latency_s: float
    stamped_at: float


class Server:
    """Stamps calls with true time; a bucket of its own may refuse some, as servers do that count differently."""

    def __init__(self, clock: SimulatedClock, accepts: Callable[[float], bool] = lambda at_s: True) -> None:
        self.clock = clock
        self.accepts = accepts
        self.stamps_s: list[float] = []
        self.refused_s: list[float] = []

    async def answer(self, latency_s: float, stamped_at: float = 0.5) -> bool:
        await self.clock.sleep(latency_s * stamped_at)
        at_s = self.clock.true_s()
        accepted = self.accepts(at_s)
        (self.stamps_s if accepted else self.refused_s).append(at_s)
        await self.clock.sleep(latency_s * (1 - stamped_at))
        return accepted


def most_in_any(stamps_s: Sequence[float], period_s: float) -> int:
    """The largest number of stamps in any sliding window."""
    ordered = sorted(stamps_s)
    return max((at - bisect_right(ordered, one - period_s) + 1 for at, one in enumerate(ordered)), default=0)


def optimum_s(calls: int, windows: Sequence[Window], latency_s: float = 0.0, slack_s: float = 0.0) -> float:
    """When the last of so many calls can go, all waiting from the start."""
    starts: list[float] = []
    for call in range(calls):
        starts.append(
            max(
                (
                    starts[call - w.limit] + w.period_s * 1.00002 + latency_s + slack_s
                    for w in windows
                    if call >= w.limit
                ),
                default=0.0,
            )
        )
    return starts[-1] if starts else 0.0


async def one_call(quota: Quota, server: Server, call: Call, rate_class: str = "default") -> None:
    permit = await quota.acquire(rate_class)
    try:
        await server.answer(call.latency_s, call.stamped_at)
    finally:
        quota.release(permit)


async def arrive(quotas: Sequence[Quota], server: Server, calls: Sequence[Call]) -> None:
    async with asyncio.TaskGroup() as group:
        for at, call in enumerate(calls):
            await server.clock.sleep(call.after_s)
            group.create_task(one_call(quotas[at % len(quotas)], server, call))


def assert_within(server: Server, limits: Sequence[Window], count: int) -> None:
    assert len(server.stamps_s) == count
    for window in limits:
        assert most_in_any(server.stamps_s, window.period_s) <= window.limit, window
