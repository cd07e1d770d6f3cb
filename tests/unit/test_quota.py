from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

import bulkreply
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.quota import DEFAULT_LIMITS, Quota, Window, parse_limits
from bulkreply.quota.forecast import spell
from bulkreply.quota.pacing import Pace, lowered
from bulkreply.quota.processes import own_mark, process_mark
from bulkreply.quota.store import Busy, Store
from bulkreply.quota.windows import Lane, Tally

NOW_MS = 1_800_000_000_000
HOUR = (Window(10, 3600.0),)


class StillClock:
    """Time stands until it is set."""

    def __init__(self) -> None:
        self.at_s = NOW_MS / 1000

    def now_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        await asyncio.Event().wait()

    def jitter(self) -> float:
        return 0.5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quota" / "0123456789abcdef.sqlite"


async def spend(quota: Quota, calls: int, rate_class: str = "default") -> None:
    for _ in range(calls):
        quota.release(await quota.acquire(rate_class))


def used(quota: Quota, rate_class: str = "default") -> list[int]:
    return [count for _, count in quota.spent(rate_class)]


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
    assert [str(window) for window in (*DEFAULT_LIMITS, Window(1, 10.5))] == [
        "100 per minute",
        "3,000 per hour",
        "1 per 10.5 s",
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


async def test_many_refusals_at_once_lower_the_rate_once_and_the_next_process_knows(path: Path) -> None:
    clock = StillClock()
    async with Quota(path, {"default": (Window(100, 60.0),)}, clock) as quota:
        for _ in range(50):
            quota.contradicted("default")
        assert 40 < 1 / spacing_s(quota) * 60 <= 80.0001
    async with Quota(path, {"default": (Window(100, 60.0),)}, clock) as quota:
        assert spacing_s(quota) == pytest.approx(60 / 80)


def spacing_s(quota: Quota) -> float:
    """What the forecast says about the time between two calls, far beyond any burst."""
    return (quota.forecast({"default": 41}, 0.001).duration_s - quota.forecast({"default": 21}, 0.001).duration_s) / 20


# The file -------------------------------------------------------------------------------------------------------------


async def test_what_is_spent_survives_and_the_file_is_private(path: Path) -> None:
    limits = {"default": DEFAULT_LIMITS, "strict": HOUR}
    async with Quota(path, limits, SYSTEM_CLOCK) as quota:
        await spend(quota, 7)
        await spend(quota, 2, "strict")
        assert used(quota) == [7, 7]
    assert path.stat().st_mode & 0o777 == 0o600
    async with Quota(path, limits, SYSTEM_CLOCK) as quota:
        assert (used(quota), used(quota, "strict")) == ([7, 7], [2])
        assert quota.next_open_s("default") <= SYSTEM_CLOCK.now_s()
        assert quota.granted == 0


async def test_two_quotas_see_each_other_at_once(path: Path) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as one, Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as two:
        permits = [await one.acquire("default") for _ in range(6)]
        await spend(two, 3)
        assert used(one) == used(two) == [9]
        one.release(permits.pop(), never_sent=True)
        await spend(two, 2)
        assert used(two) == [10]
        one.release(permits[0])
        one.release(permits[0])
        assert used(one) == [10]


@pytest.mark.parametrize("rounds", range(8))
async def test_a_permit_granted_in_the_moment_of_cancelling_is_given_back(path: Path, rounds: int) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        asking = asyncio.create_task(quota.acquire("default"))
        for _ in range(rounds):  # one of these is the round of the loop between the grant and its reception
            await asyncio.sleep(0)
        if asking.cancel():
            with pytest.raises(asyncio.CancelledError):
                await asking
        else:
            quota.release(asking.result(), never_sent=True)
        assert quota.granted == 0
        await spend(quota, 10)
        assert used(quota) == [10]


async def test_a_permit_held_at_the_end_counts_as_answered_then(path: Path) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        permit = await quota.acquire("default")
    quota.release(permit)
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        assert used(quota) == [1]
        assert quota.next_open_s("default") < SYSTEM_CLOCK.now_s() + 1


async def test_a_class_without_windows_needs_no_file(path: Path) -> None:
    async with Quota(path, {"default": ()}, SYSTEM_CLOCK) as quota:
        await spend(quota, 1000)
        await spend(quota, 1000, "never heard of")
        assert quota.spent("default") == []
        assert quota.next_open_s("default") <= SYSTEM_CLOCK.now_s()
        assert quota.forecast({"default": 80}, 0.3, 8).duration_s == pytest.approx(3.0)
    assert not path.exists()


@pytest.mark.parametrize("rubbish", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_damaged_file_is_set_aside_and_counting_begins_anew_evenly_paced(path: Path, rubbish: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(rubbish)
    async with Quota(path, {"default": DEFAULT_LIMITS}, SYSTEM_CLOCK) as quota:
        await spend(quota, 2)
        assert used(quota) == [2, 2]
        assert spacing_s(quota) == pytest.approx(1.2)  # 3,000 an hour, for ever
    aside = [one for one in path.parent.iterdir() if ".damaged-" in one.name]
    assert [one.read_bytes() for one in aside] == [rubbish]


async def test_a_file_that_is_removed_or_overwritten_under_us_is_written_again_from_memory(path: Path) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        await spend(quota, 4)
        held = await quota.acquire("default")
        path.unlink()
        await spend(quota, 1)
        assert used(quota) == [6]
        path.write_bytes(b"\x00" * 40_000)
        await spend(quota, 1)
        quota.release(held)
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        assert used(quota) == [7]


async def test_a_newer_file_and_an_unwritable_folder_stop_with_a_clear_line(path: Path) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        await spend(quota, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UsageProblem, match="newer bulkreply"):
        await Quota(path, {"default": HOUR}, SYSTEM_CLOCK).__aenter__()
    with pytest.raises(DiskFatal):
        await Quota(path / "below a file.sqlite", {"default": HOUR}, SYSTEM_CLOCK).__aenter__()


async def test_the_file_stays_small(path: Path) -> None:
    clock = StillClock()
    async with Quota(path, {"default": (Window(50, 1.0),)}, clock) as quota:
        for _ in range(20):
            await spend(quota, 50)
            clock.at_s += 61.0
        await spend(quota, 1)
        await spend(quota, 1)
    connection = sqlite3.connect(path)
    (rows,) = connection.execute("SELECT count(*) FROM answered").fetchone()
    connection.close()
    assert rows <= 3


async def test_a_writer_that_holds_the_file_delays_but_does_not_stall_the_loop(path: Path) -> None:
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            Store(path)
        waiting = asyncio.create_task(spend(quota, 1))
        for _ in range(20):
            await SYSTEM_CLOCK.sleep(0.001)
        assert not waiting.done()
        other.execute("COMMIT")
        other.close()
        await waiting
        assert used(quota) == [1]


async def test_calls_in_flight_of_a_killed_process_count_from_the_moment_it_is_found_gone(path: Path) -> None:
    story = """
import asyncio, sys
from pathlib import Path
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.quota import Quota, Window
async def main():
    async with Quota(Path(sys.argv[1]), {"default": (Window(10, 3600.0),)}, SYSTEM_CLOCK) as quota:
        for _ in range(9):
            permit = await quota.acquire("default")
        quota.release(permit)
        await asyncio.sleep(0.05)
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        story,
        str(path),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(bulkreply.__file__).parents[1])},
    )
    assert process.stdout is not None
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        assert await process.stdout.readline() == b"ready\n"
        assert used(quota) == [9]
        await spend(quota, 1)
        blocked = asyncio.create_task(quota.acquire("default"))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    with pytest.raises(asyncio.CancelledError):
        await blocked
    async with Quota(path, {"default": HOUR}, SYSTEM_CLOCK) as quota:
        assert used(quota) == [10]
        assert 3590 < quota.next_open_s("default") - SYSTEM_CLOCK.now_s() < 3601


def test_a_process_is_known_by_more_than_its_number() -> None:
    pid, mark = own_mark()
    assert process_mark(pid) == mark
    assert process_mark(2**22 + 12345) is None


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


async def test_a_quota_serves_only_while_open(path: Path) -> None:
    quota = Quota(None, {"default": HOUR}, SYSTEM_CLOCK)
    with pytest.raises(RuntimeError):
        await quota.acquire("default")
    with pytest.raises(ValueError, match="reserve"):
        Quota(None, {}, SYSTEM_CLOCK, reserve=1.0)
