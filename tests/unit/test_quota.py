from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.errors import UsageProblem
from bulkreply.quota import DEFAULT_LIMITS, Quota, Window, parse_limits
from bulkreply.quota.forecast import spell
from bulkreply.quota.pacing import BURST, EvenPace, Pace, lowered
from bulkreply.quota.windows import Lane, Tally
from tests.unit.quota_stage import HOUR, NOW_MS, StillClock, spacing_s, spend, used


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quota" / "0123456789abcdef.sqlite"


# Limits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("100/60s,3000/1h", DEFAULT_LIMITS),
        ("3000/h, 100 / min", DEFAULT_LIMITS),
        ("1/10.5s", (Window(1, 10.5),)),
        ("5/500ms", (Window(5, 0.5),)),
        ("15000/30d", (Window(15000, 30 * 86400.0),)),
        ("7/2m", (Window(7, 120.0),)),
        ("none", ()),
        (" None ", ()),
    ],
)
def test_limits_are_read(text: str, limits: tuple[Window, ...]) -> None:
    assert parse_limits(text) == limits


@pytest.mark.parametrize(
    "text", ["", "100", "100/60x", "0/60s", "5/0s", "-1/1s", "1e3/1h", "100/60s,", "100/60s;3000/1h"]
)
def test_limits_that_mean_nothing_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageProblem) as refusal:
        parse_limits(text)
    assert refusal.value.message.startswith("limits: ")
    assert "100/60s,3000/1h" in refusal.value.hint


def test_windows_speak_plainly() -> None:
    assert [str(window) for window in (*DEFAULT_LIMITS, Window(1, 10.5), Window(15000, 30 * 86400.0))] == [
        "100 per minute",
        "3,000 per hour",
        "1 per 10.5 s",
        "15,000 per 30 days",
    ]
    assert [spell(s) for s in (1.2, 89, 1860, 3600, 7800)] == ["1 s", "89 s", "31 min", "1 h", "2 h 10 min"]


# Counting -------------------------------------------------------------------------------------------------------------


def test_answers_may_be_counted_out_of_order() -> None:
    tally = Tally(Window(10, 1.0))
    for at_ms in (30, 10, 20, 10):
        tally.add(at_ms, 1)
    assert list(tally.rows()) == [(10, 2), (20, 1), (30, 1)]
    assert tally.opening_ms(2) == 10 + tally.span_ms
    assert tally.opening_ms(3) == 20 + tally.span_ms
    assert tally.opening_ms(5) is None
    tally.expire(10 + tally.span_ms)
    assert tally.total == 2


def test_a_call_in_flight_counts_until_its_answer_is_one_period_old() -> None:
    lane = Lane("default", (Window(2, 1.0),), 0.0)
    lane.own_flight = 2
    assert (lane.available(NOW_MS), lane.opening_ms(NOW_MS)) == (0, None)
    lane.own_flight = 1
    lane.add(NOW_MS, 1)
    opening_ms = lane.opening_ms(NOW_MS + 5)
    assert opening_ms is not None
    assert opening_ms > NOW_MS + 1000
    assert lane.available(opening_ms - 1) == 0
    assert lane.available(opening_ms) == 1


def test_a_reserve_leaves_a_share_to_others_but_never_stops_everything() -> None:
    lane = Lane("default", (Window(100, 60.0), Window(1, 1.0)), 0.2)
    assert [tally.allowed for tally in lane.tallies] == [1, 80]


def test_a_huge_limit_does_not_become_a_huge_file() -> None:
    lane = Lane("default", (Window(10_000_000, 3600.0),), 0.0)
    stamps = {lane.stamp_ms(at_ms / 1000) for at_ms in range(NOW_MS, NOW_MS + 3_600_000, 7)}
    assert len(stamps) <= 50_002
    assert lane.stamp_ms(NOW_MS / 1000 + 0.0001) >= NOW_MS + 1


# Pace -----------------------------------------------------------------------------------------------------------------


def test_the_pace_recovers_by_five_per_cent_a_minute_and_is_forgotten_after_a_clean_hour() -> None:
    pace = lowered(None, NOW_MS)
    assert pace.factor == pytest.approx(0.8)
    at = [pace.factor_at(NOW_MS + minutes * 60_000, 60.0, 3600.0) for minutes in (0, 1, 2, 5, 64, 66)]
    assert at == [pytest.approx(0.8), pytest.approx(0.84), pytest.approx(0.882), 1.0, 1.0, None]
    assert lowered(0.84, NOW_MS).factor == pytest.approx(0.672)
    assert lowered(0.1, NOW_MS).factor == 0.1


def test_calls_already_under_way_teach_nothing_new() -> None:
    pace = Pace(0.8, NOW_MS)
    assert not pace.contradicts_again(NOW_MS + 14_999, 60.0)
    assert pace.contradicts_again(NOW_MS + 15_000, 60.0)


async def test_a_new_rate_is_no_excuse_for_a_new_burst() -> None:
    pace = EvenPace()
    assert pace.take(50, 0.01) == BURST
    await pace.confirm(BURST - 2)
    for rate_per_s in (0.011, 0.012):
        assert pace.take(50, rate_per_s) == 2
    await pace.confirm(2)
    assert pace.take(50, 0.013) == 0
    await pace.confirm(0)
    assert pace.take(50, 0.013) == 0


async def test_many_refusals_at_once_lower_the_rate_once_and_the_next_process_knows(path: Path) -> None:
    clock = StillClock()
    async with Quota(path, {"default": (Window(100, 60.0),)}, clock) as quota:
        for _ in range(50):
            quota.contradicted("default")
        assert 40 < 1 / spacing_s(quota) * 60 <= 80.0001
    async with Quota(path, {"default": (Window(100, 60.0),)}, clock) as quota:
        assert spacing_s(quota) == pytest.approx(60 / 80)


# Plans ----------------------------------------------------------------------------------------------------------------


async def test_the_forecast_names_its_pauses_and_knows_what_is_spent() -> None:
    clock = StillClock()
    async with Quota(None, {"default": DEFAULT_LIMITS}, clock) as quota:
        fresh = quota.forecast({"default": 10_000})
        assert fresh.duration_s == pytest.approx(11_347.8, rel=0.001)  # perf.md: 11,348 s
        assert fresh.finish_s == clock.at_s + fresh.duration_s
        assert str(fresh.pauses[0]).endswith("pauses of up to 31 min for the limit of 3,000 per hour (default)")
        assert [pause.window for pause in fresh.pauses] == list(reversed(DEFAULT_LIMITS))
        million = quota.forecast({"default": 1_000_000})
        assert million.duration_s == pytest.approx(1_000_000 / 3000 * 3600, rel=0.002)
        await spend(quota, 60)
        assert quota.forecast({"default": 48}, 0.3, 8).duration_s == pytest.approx(60.3, abs=0.1)
        quota.park("default", clock.at_s + 500)
        assert quota.next_open_s("default") == clock.at_s + 500
        parked = quota.forecast({"default": 8})
        assert parked.duration_s == pytest.approx(500.3)
        assert [pause.window for pause in parked.pauses] == [None]


async def test_classes_run_side_by_side_in_a_forecast() -> None:
    limits = {"default": DEFAULT_LIMITS, "stats": (Window(1, 10.5),)}
    async with Quota(None, limits, StillClock()) as quota:
        both = quota.forecast({"default": 100, "stats": 11, "unlimited": 10}, 0.1)
        assert both.duration_s == pytest.approx(105 + 1.1, abs=0.2)
        assert [pause.rate_class for pause in both.pauses] == ["stats"]
        assert quota.forecast({}).duration_s == 0.0


# Classes that count in a wider one ------------------------------------------------------------------------------------

WIDER = {"default": (Window(3, 86400.0),), "stats": (Window(1, 10.5),), "campaigns": (Window(1, 10.5),)}
INTO = {"stats": "default", "campaigns": "default"}


async def test_narrow_classes_spend_the_wider_one_too_and_every_process_knows(path: Path) -> None:
    clock = StillClock()
    async with Quota(path, WIDER, clock, wider=INTO) as quota:
        await spend(quota, 1, "stats")
        await spend(quota, 1, "campaigns")
        assert (used(quota), used(quota, "stats"), used(quota, "campaigns")) == ([2], [1, 2], [1, 2])
    async with Quota(path, WIDER, clock, wider=INTO) as quota:
        clock.at_s += 11
        assert quota.next_open_s("stats") == clock.at_s
        await spend(quota, 1)
        assert used(quota) == [3]
        assert quota.next_open_s("stats") - clock.at_s == pytest.approx(86389, abs=3), "the wider one is used up"


async def test_a_call_that_waits_for_its_own_class_takes_nothing_of_the_wider_one() -> None:
    async with Quota(None, WIDER, StillClock(), wider=INTO) as quota:
        held = await quota.acquire("stats")
        waiting = asyncio.create_task(quota.acquire("stats"))
        await asyncio.sleep(0)
        assert used(quota) == [1]
        await spend(quota, 1)
        waiting.cancel()
        quota.release(held, never_sent=True)
        quota.release(held, never_sent=True)
        assert (used(quota), used(quota, "stats")) == ([1], [0, 1]), "the permit went back in both"


async def test_giving_up_on_the_wider_class_gives_the_own_place_back() -> None:
    async with Quota(None, WIDER, StillClock(), wider=INTO) as quota:
        await spend(quota, 3)
        waiting = asyncio.create_task(quota.acquire("stats"))
        await asyncio.sleep(0.01)
        assert used(quota, "stats") == [1, 3]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert used(quota, "stats") == [0, 3]


async def test_a_forecast_adds_up_what_counts_in_the_wider_class() -> None:
    limits = {"default": (Window(10, 60.0),), "stats": (Window(1, 1.0),)}
    async with Quota(None, limits, StillClock(), wider={"stats": "default"}) as quota:
        both = quota.forecast({"default": 8, "stats": 3}, 0.1)
        assert both.duration_s == pytest.approx(60.2, abs=0.2), "eleven calls in all, ten a minute"
        assert [pause.rate_class for pause in both.pauses] == ["default", "stats"]


async def test_a_class_without_windows_waits_after_a_429_all_the_same() -> None:
    clock = StillClock()
    async with Quota(None, {"default": ()}, clock) as quota:
        await spend(quota, 50)
        quota.park("default", clock.at_s + 500)
        quota.park("default", clock.at_s + 100)
        assert quota.next_open_s("default") == clock.at_s + 500
        clock.at_s -= 3600
        assert quota.next_open_s("default") == clock.at_s + 500, "a clock set back makes it no longer"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(quota.acquire("default"), 0.01)
        clock.at_s += 3600 + 500
        await spend(quota, 50)


async def test_a_quota_serves_only_while_open() -> None:
    quota = Quota(None, {"default": HOUR}, SYSTEM_CLOCK)
    with pytest.raises(RuntimeError):
        await quota.acquire("default")
    with pytest.raises(ValueError, match="reserve"):
        Quota(None, {}, SYSTEM_CLOCK, reserve=1.0)
