"""People counted before they are reached: per execution, per UTC day, by whoever counts in the same file."""

from __future__ import annotations

from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkreply.batching import Batch
from bulkreply.engine.headcount import Caps, Headcount
from bulkreply.errors import DiskFatal, RunPaused, UsageProblem
from bulkreply.outcomes import Outcome
from bulkreply.quota import Reached
from bulkreply.wire.answer import Settled
from tests.unit.quota_stage import StillClock

DAY_S = 86_400.0


def batch(*positions: int) -> Batch:
    return Batch(positions, ("",) * len(positions), ("1",) * len(positions))


def became(*outcomes: Outcome) -> Settled:
    return Settled(bytearray(outcomes), array("q", [0] * len(outcomes)))


@pytest.fixture
def clock() -> StillClock:
    made = StillClock()
    made.at_s = 20_000 * DAY_S + 86_399.0  # a second before midnight, UTC
    return made


@pytest.fixture
def reached(tmp_path: Path, clock: StillClock) -> Reached:
    return Reached(tmp_path / "reached" / "a.sqlite", clock)


def test_a_day_ends_at_midnight_utc_and_takes_what_fits_from_the_first_on(reached: Reached, clock: StillClock) -> None:
    assert (reached.day, reached.tomorrow_s) == ("2024-10-04", 20_001 * DAY_S)
    assert reached.take([1, 1, 1], 2) == 2
    assert reached.take([1], 2) == 0
    assert (reached.take([3, 1], 4), reached.take([1, 1, 5], 4), reached.people()) == (0, 2, 4)
    clock.at_s += 1
    assert (reached.people(), reached.take([4, 1], 4), reached.people()) == (0, 1, 4)
    reached.give_back("2024-10-04", 3)
    reached.give_back(reached.day, 9)
    assert reached.people() == 0, "never less than nobody"
    clock.at_s -= 1
    assert reached.people() == 1
    assert reached.take([7], None) == 1


def test_two_who_count_in_one_file_share_it(tmp_path: Path, clock: StillClock, reached: Reached) -> None:
    other = Reached(tmp_path / "reached" / "a.sqlite", clock)
    assert (reached.take([1] * 6, 10), other.take([1] * 6, 10), reached.take([1], 10)) == (6, 4, 0)
    assert (tmp_path / "reached").stat().st_mode & 0o777 == 0o700


def test_many_at_once_wait_for_each_other_and_none_is_lost(tmp_path: Path, clock: StillClock) -> None:
    def takes(number: int) -> int:
        mine = Reached(tmp_path / "reached" / "a.sqlite", clock)
        return sum(mine.take([1], 100) for _ in range(40))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(takes, range(4))) == 100


def test_a_damaged_file_is_no_reason_to_begin_at_zero(tmp_path: Path, reached: Reached) -> None:
    assert reached.take([1], 5) == 1
    (tmp_path / "reached" / "a.sqlite").write_bytes(b"no database, but long enough to be taken for one" * 40)
    with pytest.raises(DiskFatal, match="people written to today cannot be counted"):
        reached.take([1], 5)


def test_a_call_that_waited_past_midnight_counts_in_the_new_day(reached: Reached, clock: StillClock) -> None:
    count = Headcount(Caps(per_day=3), reached)
    assert count.take(batch(0, 1), [1, 1]) == 2
    clock.at_s += 1
    count.turn(batch(0, 1))
    assert reached.people() == 2
    clock.at_s -= 1
    assert reached.people() == 0, "and no more in the old one"


def test_where_the_new_day_is_full_it_stays_here(reached: Reached, clock: StillClock) -> None:
    count = Headcount(Caps(per_day=3), reached)
    count.take(batch(0, 1), [1, 1])
    clock.at_s += 1
    assert reached.take([1, 1], 3) == 2, "another process was quicker"
    with pytest.raises(RunPaused) as pause:
        count.turn(batch(0, 1))
    assert pause.value.resume_at == 20_002 * DAY_S
    assert reached.people() == 2, "nothing of it is left behind"
    assert list(map(count.counted.__contains__, (0, 1))) == [False, False]


def test_what_goes_again_counts_once_and_who_was_not_reached_not_at_all(reached: Reached) -> None:
    count = Headcount(Caps(per_run=4), reached)
    assert count.take(batch(0, 1, 2, 3), [1, 1, 1, 1]) == 4
    assert 0 in count.counted
    count.told(batch(0, 1, 2), became(Outcome.CALLED, Outcome.UNCHANGED, Outcome.REJECTED))
    count.back(batch(3))
    assert reached.people() == 1
    assert count.take(batch(4, 5, 6, 7), [1, 1, 1, 1]) == 3, "of four a run, one is used"
    with pytest.raises(RunPaused, match=r"4 people were reached, sending.per_run of the job allows 4"):
        count.take(batch(7), [1])


def test_an_unknown_fate_counts_as_reached(reached: Reached) -> None:
    count = Headcount(Caps(per_day=2), reached)
    count.take(batch(0, 1), [1, 1])
    count.told(batch(0, 1), became(Outcome.UNKNOWN, Outcome.CREATED))
    assert reached.people() == 2
    with pytest.raises(RunPaused, match=r"sending\.per_day of the job allows 2 people, and today"):
        count.take(batch(2), [1])


@pytest.mark.parametrize("caps", [Caps(per_run=5), Caps(per_day=5)])
def test_one_row_that_is_more_than_the_cap_will_never_go(reached: Reached, caps: Caps) -> None:
    with pytest.raises(UsageProblem, match="one row alone reaches 6 people"):
        Headcount(caps, reached).take(batch(0), [6])
    assert reached.people() == 0
