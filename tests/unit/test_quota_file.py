"""The file of an account: shared, survived, damaged, held by others."""

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
from bulkreply.quota import DEFAULT_LIMITS, Quota, Window
from bulkreply.quota.processes import own_mark, process_mark
from bulkreply.quota.store import Busy, LaneNote, Store
from tests.unit.quota_stage import HOUR, StillClock, spacing_s, spend, used


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quota" / "0123456789abcdef.sqlite"


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


async def test_a_statement_that_fails_leaves_no_transaction_that_would_look_like_damage(path: Path) -> None:
    store = Store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TRIGGER keep BEFORE DELETE ON answered BEGIN SELECT RAISE(ABORT, 'kept'); END")
    other.close()
    store.look()
    store.write([("default", 1, 1)], {}, {})
    store.look()
    store.write([], {}, {"default": LaneNote(0, 0, None, 1000)})
    store.look()
    with pytest.raises(DiskFatal):
        store.tidy(1_000_000)
    store.look()
    store.write([], {}, {})
    store.shut()


async def test_a_process_that_died_takes_no_share_of_an_even_pace(path: Path) -> None:
    async with Quota(path, {"default": (Window(100, 1.0),)}, SYSTEM_CLOCK) as quota:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("INSERT INTO owner(pid, mark) VALUES(?, 'gone')", (2**22 + 12345,))
        quota.contradicted("default")
        await spend(quota, 8)
        assert other.execute("SELECT pid FROM owner").fetchall() == [(os.getpid(),)]
        other.close()
