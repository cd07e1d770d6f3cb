"""A clock that is set back: nothing is forgotten, and nothing waits until the clock has caught up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bulkreply.quota import Quota, Window
from tests.unit.quota_stage import StillClock, spacing_s, spend, used

YEARS_S = 4 * 365 * 86_400.0
MINUTE = {"default": (Window(10, 60.0),)}


@pytest.fixture(params=["in memory", "on disk"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "account.sqlite" if request.param == "on disk" else None


async def test_spent_calls_still_count_for_one_period_and_no_longer(path: Path | None) -> None:
    clock = StillClock()
    async with Quota(path, MINUTE, clock) as quota:
        await spend(quota, 10)
        clock.at_s -= YEARS_S
        assert used(quota) == [10]
        assert 60 <= quota.next_open_s("default") - clock.at_s < 60.1
        clock.at_s += 60.1
        await spend(quota, 10)
        assert used(quota) == [10]


async def test_a_small_correction_changes_nothing(path: Path | None) -> None:
    clock = StillClock()
    async with Quota(path, MINUTE, clock) as quota:
        await spend(quota, 10)
        opens_s = quota.next_open_s("default")
        clock.at_s -= 0.9
        assert quota.next_open_s("default") == opens_s


async def test_a_park_lasts_as_long_as_the_server_asked_for(path: Path | None) -> None:
    clock = StillClock()
    async with Quota(path, MINUTE, clock) as quota:
        await spend(quota, 1)
        quota.park("default", clock.at_s + 600)
        clock.at_s -= YEARS_S
        assert quota.next_open_s("default") - clock.at_s == pytest.approx(600, abs=0.01)
        assert quota.forecast({"default": 1}, 0.1).duration_s == pytest.approx(600.1, abs=0.01)
        clock.at_s += 601
        await spend(quota, 1)


async def test_a_shorter_park_never_ends_a_longer_one(path: Path | None) -> None:
    clock = StillClock()
    async with Quota(path, MINUTE, clock) as quota:
        for wait_s in (30, 600, 60):
            quota.park("default", clock.at_s + wait_s)
        assert quota.next_open_s("default") == clock.at_s + 600
        assert quota.status_429 == 3


async def test_a_lowered_rate_recovers_after_the_step(path: Path | None) -> None:
    clock = StillClock()
    async with Quota(path, MINUTE, clock) as quota:
        quota.contradicted("default")
        clock.at_s -= YEARS_S
        assert spacing_s(quota) == pytest.approx(7.5, abs=0.01)
        clock.at_s += 3600
        assert quota.forecast({"default": 10}, 0.1, 10).duration_s == pytest.approx(0.1)


async def test_every_process_and_every_successor_learns_of_the_step(tmp_path: Path) -> None:
    path, clock = tmp_path / "account.sqlite", StillClock()
    async with Quota(path, MINUTE, clock) as one, Quota(path, MINUTE, clock) as two:
        await spend(one, 10)
        one.park("default", clock.at_s + 600)
        one.contradicted("default")
        while two.next_open_s("default") < clock.at_s + 600:  # until it is written
            await asyncio.sleep(0)
        clock.at_s -= YEARS_S
        for quota in (two, one, two):
            assert quota.next_open_s("default") - clock.at_s == pytest.approx(600, abs=0.01)
            assert used(quota) == [10]
    async with Quota(path, MINUTE, clock) as successor:
        assert successor.next_open_s("default") - clock.at_s == pytest.approx(600, abs=0.01)
        clock.at_s += 3601
        assert used(successor) == [0]
        assert successor.forecast({"default": 10}, 0.1, 10).duration_s == pytest.approx(0.1)
