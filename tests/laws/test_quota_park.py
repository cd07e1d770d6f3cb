"""After a 429 everybody waits as long as the server says; then calls go evenly, through aiolimiter, and recover."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkreply.quota import Quota, Window
from bulkreply.quota.pacing import BURST
from tests.laws.simulated import Call, Server, SimulatedClock, arrive, most_in_any, simulate


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


@pytest.mark.parametrize("refused", [False, True])
def test_after_a_429_calls_go_in_small_bursts_at_the_learned_rate(refused: bool) -> None:
    limits = (Window(100, 60.0),)

    async def story() -> Server:
        server = Server(clock := SimulatedClock())
        async with Quota(None, {"default": limits}, clock) as quota:
            if refused:
                quota.contradicted("default")
            await arrive([quota], server, [Call(0.0, 0.01, 0.5)] * 300)
        return server

    server = simulate(story())
    assert len(server.stamps_s) == 300
    if not refused:
        assert most_in_any(server.stamps_s, 1.0) == 100
        return
    for minute, factor in enumerate((0.8, 0.84, 0.882)):  # changing rates: no new burst either
        stamps_s = [at_s for at_s in server.stamps_s if 60 * minute <= at_s < 60 * (minute + 1)]
        rate_per_s = factor * 100 / 60
        assert 60 * rate_per_s - 2 <= len(stamps_s) <= 60 * rate_per_s + BURST
        for span_s in (0.1, 1.0, 10.0):
            assert most_in_any(stamps_s, span_s) <= BURST + 1 + span_s * rate_per_s
    assert most_in_any([at_s for at_s in server.stamps_s if 10 < at_s < 50], 0.1) == 1  # the first burst is long over
