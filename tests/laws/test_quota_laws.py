"""No sliding window of the server ever exceeds its limit, whatever arrives when: on a loop whose time is simulated."""

from __future__ import annotations

import asyncio
import random
import selectors
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.quota import DEFAULT_LIMITS, Quota, Window

EPOCH_S = 1_800_000_000.0
SLACK_S = 0.006  # a millisecond of rounding at each end, the margin, and the pump's waking


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: time jumps to where the loop would have woken."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everyone waits and nothing will ever happen"
        self.now_s += max(0.0, timeout) + 1e-7  # a round of the loop takes a moment, as in life
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on which an hour takes no time; aiolimiter and the quota live on the same time."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
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


windows = st.lists(
    st.builds(Window, st.integers(1, 12), st.sampled_from([0.1, 0.5, 1.0, 7.0, 60.0])), min_size=1, max_size=3
).map(tuple)
calls = st.lists(
    st.builds(
        Call,
        st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 0.01)),
        st.one_of(st.floats(0, 0.05), st.floats(0, 5)),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=60,
)


def assert_within(server: Server, limits: Sequence[Window], count: int) -> None:
    assert len(server.stamps_s) == count
    for window in limits:
        assert most_in_any(server.stamps_s, window.period_s) <= window.limit, window


@given(windows, calls)
def test_no_sliding_window_ever_exceeds_its_limit(limits: tuple[Window, ...], wanted: list[Call]) -> None:
    async def story() -> Server:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": limits}, clock) as quota:
            await arrive([quota], server, wanted)
        return server

    assert_within(simulate(story()), limits, len(wanted))


@settings(max_examples=40)
@given(windows, calls)
def test_two_quotas_on_one_file_and_a_successor_stay_within(limits: tuple[Window, ...], wanted: list[Call]) -> None:
    async def story(folder: str) -> Server:
        path = Path(folder) / "account.sqlite"
        server = Server(clock := SimulatedClock())
        half = len(wanted) // 2
        async with (
            Quota(path, {"default": limits}, clock) as first,
            Quota(path, {"default": limits}, clock) as second,
        ):
            await arrive([first, second], server, wanted[:half])
        async with Quota(path, {"default": limits}, clock) as successor:
            await arrive([successor], server, wanted[half:])
        return server

    with tempfile.TemporaryDirectory() as folder:
        assert_within(simulate(story(folder)), limits, len(wanted))


@given(windows, calls, st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5000)), max_size=4))
def test_a_clock_that_steps_back_never_grants_more(
    limits: tuple[Window, ...], wanted: list[Call], steps: list[tuple[float, float]]
) -> None:
    async def set_back(clock: SimulatedClock) -> None:
        for after_s, by_s in steps:
            await clock.sleep(after_s)
            clock.step_s -= by_s

    async def story() -> tuple[Server, float]:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": limits}, clock) as quota, asyncio.TaskGroup() as group:
            group.create_task(set_back(clock))
            group.create_task(arrive([quota], server, wanted))
        return server, clock.true_s()

    server, took_s = simulate(story())
    assert_within(server, limits, len(wanted))
    arrivals_s = sum(call.after_s + call.latency_s for call in wanted)
    longest_s = max(window.period_s for window in limits)
    # Nor does it wait for the clock to catch up: each step costs one period at most.
    assert took_s <= arrivals_s + optimum_s(len(wanted), limits, 5.0, SLACK_S) + 4 * (longest_s + 26) + 100


@given(windows, st.integers(1, 120), st.floats(0, 0.4))
def test_the_makespan_is_the_optimum_but_for_the_latency(
    limits: tuple[Window, ...], count: int, latency_s: float
) -> None:
    async def story() -> Server:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": limits}, clock) as quota:
            await arrive([quota], server, [Call(0.0, latency_s, 0.0)] * count)
        return server

    server = simulate(story())
    assert optimum_s(count, limits) * 0.9999 <= server.stamps_s[-1]
    assert server.stamps_s[-1] <= optimum_s(count, limits, latency_s, SLACK_S) + SLACK_S


@given(windows, st.integers(1, 120), st.integers(1, 9), st.floats(0.001, 0.4))
def test_the_forecast_comes_true(limits: tuple[Window, ...], count: int, concurrency: int, latency_s: float) -> None:
    async def story() -> tuple[float, float]:
        server = Server(clock := SimulatedClock())
        left = iter(range(count))

        async def worker(quota: Quota) -> None:
            for _ in left:
                await one_call(quota, server, Call(0.0, latency_s, 0.5))

        async with Quota(None, {"default": limits}, clock) as quota:
            await arrive([quota], server, [Call(0.0, 0.01, 0.5)] * (count // 3))
            began_s = clock.true_s()
            foreseen = quota.forecast({"default": count}, latency_s, concurrency)
            await asyncio.gather(*(worker(quota) for _ in range(concurrency)))
            return foreseen.duration_s, clock.true_s() - began_s

    foreseen_s, took_s = simulate(story())
    assert abs(took_s - foreseen_s) <= SLACK_S * (count + 2)


def test_v3_limits_for_one_hour_and_more() -> None:
    async def story() -> tuple[Server, Quota]:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": DEFAULT_LIMITS}, clock) as quota:
            await arrive([quota], server, [Call(0.0, 0.1, 0.5)] * 4000)
        return server, quota

    server, quota = simulate(story())
    assert_within(server, DEFAULT_LIMITS, 4000)
    best_s = optimum_s(4000, DEFAULT_LIMITS)
    print(
        f"4,000 calls under 100/min and 3,000/h: {server.stamps_s[-1]:.1f} s,"
        f" {best_s / server.stamps_s[-1]:.2%} of the rate"
    )
    assert best_s / server.stamps_s[-1] >= 0.97
    assert quota.waited_s >= 0.9 * best_s


def test_canary_aiolimiter_alone_lets_twice_the_limit_through() -> None:
    async def story() -> Server:
        server = Server(SimulatedClock())
        limiter = AsyncLimiter(100, 60)

        async def caller() -> None:
            await limiter.acquire()
            await server.answer(0.001)

        await asyncio.gather(*(caller() for _ in range(400)))
        return server

    assert most_in_any(simulate(story()).stamps_s, 60.0) >= 199


def token_bucket(size: int, per_s: float) -> Callable[[float], bool]:
    """A server that refills evenly and allows only small bursts."""
    level, at_s = float(size), 0.0

    def accepts(now_s: float) -> bool:
        nonlocal level, at_s
        level, at_s = min(size, level + (now_s - at_s) * per_s), now_s
        if level < 1:
            return False
        level -= 1
        return True

    return accepts


async def until_accepted(quota: Quota, server: Server, retry_after_s: float) -> None:
    while True:
        permit = await quota.acquire("default")
        accepted = await server.answer(0.05)
        quota.release(permit)
        if accepted:
            return
        quota.park("default", server.clock.now_s() + retry_after_s)
        quota.contradicted("default")


def test_a_429_teaches_an_even_pace_that_recovers() -> None:
    limits = (Window(100, 60.0),)

    async def story() -> tuple[Server, Quota]:
        server = Server(clock := SimulatedClock(), token_bucket(10, 100 / 60))
        async with Quota(None, {"default": limits}, clock) as quota:
            left = iter(range(1500))

            async def worker() -> None:
                for _ in left:
                    await until_accepted(quota, server, 5.0)

            await asyncio.gather(*(worker() for _ in range(8)))
        return server, quota

    server, quota = simulate(story())
    later = [at_s for at_s in server.refused_s if at_s > 60]
    print(
        f"token bucket of 10: {len(server.refused_s)} refused of 1,500 in {server.stamps_s[-1]:.0f} s,"
        f" {len(later)} after the first minute"
    )
    assert quota.status_429 == len(server.refused_s) <= 20
    assert len(later) <= 8
    assert server.stamps_s[-1] <= 1.25 * 1500 / (100 / 60)
    full_rate = [at_s for at_s in server.stamps_s if at_s > server.stamps_s[-1] - 60]
    assert len(full_rate) >= 90


def test_two_paced_quotas_share_the_rate() -> None:
    limits = (Window(100, 60.0),)

    async def story(folder: str) -> Server:
        server = Server(clock := SimulatedClock(), token_bucket(12, 100 / 60))
        path = Path(folder) / "account.sqlite"
        async with Quota(path, {"default": limits}, clock) as first, Quota(path, {"default": limits}, clock) as second:
            left = iter(range(400))

            async def worker(quota: Quota) -> None:
                for _ in left:
                    await until_accepted(quota, server, 5.0)

            await asyncio.gather(*(worker(quota) for quota in (first, second) for _ in range(8)))
        return server

    with tempfile.TemporaryDirectory() as folder:
        server = simulate(story(folder))
    assert len(server.refused_s) <= 30
    assert len(server.stamps_s) == 400


def test_nothing_is_sent_before_a_park_ends_by_any_quota_of_the_account() -> None:
    limits = (Window(100, 1.0),)

    async def story(folder: str) -> tuple[float, list[float]]:
        path = Path(folder) / "account.sqlite"
        server = Server(clock := SimulatedClock())
        async with Quota(path, {"default": limits}, clock) as first, Quota(path, {"default": limits}, clock) as second:
            await arrive([first, second], server, [Call(0.0, 0.01, 0.5)] * 10)
            first.park("default", clock.now_s() + 30.0)
            parked_s = clock.true_s()
            await clock.sleep(0.05)
            assert second.next_open_s("default") == first.next_open_s("default")
            async with Quota(path, {"default": limits}, clock) as third:
                await arrive([first, second, third], server, [Call(0.0, 0.01, 0.5)] * 30)
        return parked_s, server.stamps_s

    with tempfile.TemporaryDirectory() as folder:
        parked_s, stamps_s = simulate(story(folder))
    assert len(stamps_s) == 40
    assert not [at_s for at_s in stamps_s if parked_s < at_s < parked_s + 30]


def test_a_strict_class_that_waits_holds_up_nobody_and_classes_are_served_in_order() -> None:
    limits = {"default": (Window(5, 1.0),), "strict": (Window(1, 100.0),)}

    async def story() -> tuple[list[int], float, float]:
        clock = SimulatedClock()
        served: list[int] = []
        async with Quota(None, limits, clock) as quota:

            async def caller(number: int, rate_class: str) -> float:
                permit = await quota.acquire(rate_class)
                served.append(number)
                quota.release(permit)
                return clock.true_s()

            async with asyncio.TaskGroup() as group:
                strict = [group.create_task(caller(-1, "strict")) for _ in range(2)]
                default = [group.create_task(caller(number, "default")) for number in range(20)]
        return [number for number in served if number >= 0], default[-1].result(), strict[-1].result()

    served, default_s, strict_s = simulate(story())
    assert served == list(range(20))
    assert default_s < 3.1 < 100 <= strict_s


@given(windows, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), min_size=1, max_size=40))
def test_cancelling_waits_leaks_nothing(limits: tuple[Window, ...], patience: list[tuple[float, float]]) -> None:
    async def story() -> list[tuple[Window, int]]:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": limits}, clock) as quota:

            async def impatient(call: Call, patience_s: float) -> None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        permit = await quota.acquire("default")
                    await server.answer(call.latency_s, call.stamped_at)
                    quota.release(permit)

            async with asyncio.TaskGroup() as group:
                for after_s, patience_s in patience:
                    await clock.sleep(after_s)
                    group.create_task(impatient(Call(0.0, 0.2, 0.5), patience_s))
            await clock.sleep(max(window.period_s for window in limits) + 1)
            for window in limits:
                assert most_in_any(server.stamps_s, window.period_s) <= window.limit
            return quota.spent("default")

    assert [used for _, used in simulate(story())] == [0] * len(limits)
