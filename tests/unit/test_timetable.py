"""What is due and what comes next: tables over a clock that nobody waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bulkreply.schedule import Cron, Schedule, Standing, due, next_s
from bulkreply.schedule.timetable import begun, ended, interrupted, rewound, skipped

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
HOUR_S, DAY_S = 3_600.0, 86_400.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def nightly(cron: str = "0 6 * * *", zone: str = BERLIN, name: str = "nightly") -> Schedule:
    return Schedule(name, Path("/jobs/job.yaml"), Cron.read(cron, zone), Path("/jobs"), Path("/runs"))


@pytest.mark.parametrize(
    ("cron", "zone", "seen", "now", "why"),
    [
        ("0 6 * * *", BERLIN, "2026-11-24T06:00:00+01:00", "2026-11-25T05:59:59+01:00", None),
        ("0 6 * * *", BERLIN, "2026-11-24T06:00:00+01:00", "2026-11-25T06:00:00+01:00", "on time"),
        ("0 6 * * *", BERLIN, "2026-11-24T06:00:00+01:00", "2026-11-25T06:01:00+01:00", "on time"),
        ("0 6 * * *", BERLIN, "2026-11-24T06:00:00+01:00", "2026-11-25T09:00:00+01:00", "missed"),
        ("0 6 * * *", BERLIN, "2026-11-24T06:00:00+01:00", "2026-12-24T05:00:00+01:00", "missed"),
        ("0 6 * * 1-5", BERLIN, "2026-11-20T06:00:00+01:00", "2026-11-22T12:00:00+01:00", None),  # a weekend
        ("0 6 * * 1-5", BERLIN, "2026-11-20T06:00:00+01:00", "2026-11-23T06:00:10+01:00", "on time"),
        # Spring: 02:30 does not exist, 03:00 is the next moment that does.
        ("30 2 * * *", BERLIN, "2026-03-28T02:30:00+01:00", "2026-03-29T01:59:59+01:00", None),
        ("30 2 * * *", BERLIN, "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "on time"),
        ("30 2 * * *", BERLIN, "2026-03-29T03:00:00+02:00", "2026-03-29T03:31:00+02:00", None),
        ("30 2 * * *", NEW_YORK, "2026-03-07T02:30:00-05:00", "2026-03-08T03:00:30-04:00", "on time"),
        # Autumn: 02:30 comes twice and is run the first time.
        ("30 2 * * *", BERLIN, "2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "on time"),
        ("30 2 * * *", BERLIN, "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", None),
        ("30 2 * * *", BERLIN, "2026-10-24T02:30:00+02:00", "2026-10-25T02:40:00+01:00", "missed"),
        ("30 1 * * *", NEW_YORK, "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", None),
        ("0 0 31 * *", "UTC", "2026-10-31T00:00:00+00:00", "2026-12-30T23:59:00+00:00", None),
        ("0 0 31 * *", "UTC", "2026-10-31T00:00:00+00:00", "2026-12-31T00:00:00+00:00", "on time"),
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00:00+00:00", "2028-02-28T23:59:00+00:00", None),
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00:00+00:00", "2028-02-29T00:00:00+00:00", "on time"),
    ],
)
def test_what_is_due(cron: str, zone: str, seen: str, now: str, why: str | None) -> None:
    schedule, standing = nightly(cron, zone), Standing(seen_s=at(seen))
    found = due(schedule, standing, at(now))
    assert (found.why if found else None) == why
    coming_s = next_s(schedule, standing, at(now))
    assert coming_s is not None
    assert (coming_s <= at(now)) == (why is not None)
    if why is not None:
        after = begun(standing, at(now))
        assert due(schedule, after, at(now)) is None, "however much was missed, it is run once"


def test_two_due_at_the_same_moment_are_both_due() -> None:
    one, two = nightly("0 6 * * *", BERLIN, "one"), nightly("0 0 * * *", NEW_YORK, "two")
    standing = Standing(seen_s=at("2026-11-24T12:00:00+01:00"))
    moment_s = at("2026-11-25T06:00:00+01:00")
    assert [next_s(schedule, standing, moment_s - 60) for schedule in (one, two)] == [moment_s, moment_s]
    assert [bool(due(schedule, standing, moment_s)) for schedule in (one, two)] == [True, True]


@pytest.mark.parametrize("back_s", [1.0, 60.0, HOUR_S, 23 * HOUR_S])
def test_a_clock_set_back_repeats_nothing(back_s: float) -> None:
    schedule, moment_s = nightly(), at("2026-11-25T06:00:00+01:00")
    done = ended(begun(Standing(seen_s=moment_s - 60), moment_s), moment_s + 60, 0)
    for now_s in (moment_s - back_s, moment_s, moment_s + 60):
        assert rewound(done, now_s) == done
        assert due(schedule, done, now_s) is None
    assert next_s(schedule, done, moment_s - back_s) == moment_s + DAY_S
    assert due(schedule, done, moment_s + DAY_S) is not None


def test_after_a_clock_that_was_years_ahead_moments_count_from_now() -> None:
    schedule, wrong_s, now_s = nightly(), at("2031-01-01T12:00:00+01:00"), at("2026-11-25T05:00:00+01:00")
    paused = ended(begun(Standing(seen_s=wrong_s), wrong_s), wrong_s + 60, 5, resume_s=wrong_s + HOUR_S)
    standing = rewound(paused, now_s)
    found = due(schedule, standing, now_s)
    assert found is not None
    assert found.why == "to be continued"
    done = ended(begun(standing, now_s), now_s + 60, 0)
    assert next_s(schedule, done, now_s + 60) == at("2026-11-25T06:00:00+01:00")


@pytest.mark.parametrize(
    ("code", "word", "started", "skips", "failed"),
    [
        (0, "finished", 1, 0, 0),
        (1, "failed", 1, 0, 1),
        (2, "failed", 1, 0, 1),
        (3, "finished with rows to look at", 1, 0, 0),
        (5, "paused", 1, 0, 0),
        (6, "failed", 1, 0, 1),
        (7, "failed", 1, 0, 1),
        (10, "failed", 1, 0, 1),
        (11, "skipped", 0, 1, 0),
        (130, "stopped", 1, 0, 0),
        (143, "stopped", 1, 0, 0),
        (-9, "failed", 1, 0, 1),
    ],
)
def test_how_a_run_ended(code: int, word: str, started: int, skips: int, failed: int) -> None:
    running = begun(Standing(seen_s=0.0), 100.0)
    assert (running.word, running.under_way) == ("running", True)
    done = ended(running, 200.0, code, run="r", message="m")
    assert (done.word, done.under_way, done.run, done.message) == (word, False, "r", "m")
    assert (done.started, done.skipped, done.failed) == (started, skips, failed)
    assert (done.resume_s is None) == (code != 5)


@pytest.mark.parametrize(("resume_s", "goes_on_s"), [(5_000.0, 5_000.0), (None, 500.0), (0.0, 210.0)])
def test_a_paused_run_is_due_when_it_can_go_on(resume_s: float | None, goes_on_s: float) -> None:
    schedule = nightly("0 0 1 1 *")
    paused = ended(begun(Standing(seen_s=0.0), 100.0), 200.0, 5, resume_s=resume_s)
    assert due(schedule, paused, goes_on_s - 1) is None
    assert next_s(schedule, paused, 200.0) == goes_on_s
    found = due(schedule, paused, goes_on_s)
    assert found is not None
    assert found.why == "to be continued"
    assert due(schedule, begun(paused, goes_on_s), goes_on_s) is None


def test_the_next_moment_continues_a_paused_run_if_it_comes_first() -> None:
    schedule, moment_s = nightly(), at("2026-11-25T06:00:00+01:00")
    paused = ended(begun(Standing(seen_s=moment_s), moment_s), moment_s + 60, 5, resume_s=moment_s + 2 * DAY_S)
    assert next_s(schedule, paused, moment_s + 60) == moment_s + DAY_S
    found = due(schedule, paused, moment_s + DAY_S)
    assert found is not None
    assert found.why == "on time"


@pytest.mark.parametrize("code", [143, 130, -15, -2])
def test_what_the_scheduler_stopped_goes_on_with_it(code: int) -> None:
    schedule = nightly("0 0 1 1 *")
    running = begun(Standing(seen_s=0.0), 100.0)
    stopped = ended(running, 200.0, code, stopped=True)
    assert (stopped.word, stopped.failed) == ("stopped", 0)
    assert due(schedule, stopped, 201.0) is not None
    assert due(schedule, ended(running, 200.0, 143), 201.0) is None, "what a person stopped stays so until next time"
    assert due(schedule, ended(running, 200.0, 0, stopped=True), 201.0) is None, "it finished before it could stop"


def test_a_moment_during_its_own_run_is_skipped() -> None:
    schedule, moment_s = nightly(), at("2026-11-25T06:00:00+01:00")
    running = begun(Standing(seen_s=moment_s - DAY_S), moment_s - DAY_S)
    assert due(schedule, running, moment_s) is not None
    passed = skipped(running, moment_s)
    assert (passed.skipped, passed.failed, passed.under_way) == (1, 0, True)
    assert due(schedule, passed, moment_s + HOUR_S) is None
    assert next_s(schedule, passed, moment_s) == moment_s + DAY_S


def test_a_run_whose_scheduler_was_killed_goes_on() -> None:
    schedule = nightly("0 0 1 1 *")
    lost = interrupted(begun(Standing(seen_s=0.0), 100.0), 200.0)
    assert not lost.under_way
    assert due(schedule, lost, 200.0) is not None
    assert replace(lost, resume_s=None).failed == 0
