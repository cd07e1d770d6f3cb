"""No sliding window of the server ever exceeds its limit, whatever arrives when: on a loop whose time is simulated."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.quota import DEFAULT_LIMITS, Quota, Window
from tests.laws.simulated import (
    Call,
    Server,
    SimulatedClock,
    arrive,
    assert_within,
    most_in_any,
    one_call,
    optimum_s,
    simulate,
)

SLACK_S = 0.006  # a millisecond of rounding at each end, the margin, and the pump's waking

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


@settings(max_examples=40)
@given(windows, windows, calls, st.lists(st.booleans(), min_size=60, max_size=60))
def test_narrow_classes_stay_within_their_windows_and_all_together_within_the_wider_ones(
    wide: tuple[Window, ...], narrow: tuple[Window, ...], wanted: list[Call], slow: list[bool]
) -> None:
    limits = {"default": wide, "slow.one": narrow, "slow.two": narrow}
    into = {"slow.one": "default", "slow.two": "default"}

    async def story(folder: str) -> dict[str, Server]:
        path, clock = Path(folder) / "account.sqlite", SimulatedClock()
        servers = {name: Server(clock) for name in limits}
        async with (
            Quota(path, limits, clock, wider=into) as first,
            Quota(path, limits, clock, wider=into) as second,
            asyncio.TaskGroup() as group,
        ):
            for i, call in enumerate(wanted):
                name = ("slow.one", "slow.two")[i % 2] if slow[i] else "default"
                await clock.sleep(call.after_s)
                group.create_task(one_call((first, second)[i // 2 % 2], servers[name], call, name))
        return servers

    with tempfile.TemporaryDirectory() as folder:
        servers = simulate(story(folder))
    together = Server(servers["default"].clock)
    for name, server in servers.items():
        together.stamps_s += server.stamps_s
        assert_within(server, () if name == "default" else narrow, len(server.stamps_s))
    assert_within(together, wide, len(wanted))


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
