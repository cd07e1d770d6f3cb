"""Hundreds of schedules of everything that can go wrong, each from a seed, each the same every time.

One again: `pytest tests/simulation --seed 17`. All of a long night: `pytest tests/simulation --slow`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiolimiter import AsyncLimiter

from bulkreply.clock import Clock
from bulkreply.quota import Permit, Window
from tests.simulation.laws import violations
from tests.simulation.stories import STORIES
from tests.simulation.world import PEOPLE_SEEDS, Protections, World, schedule_of
from tests.support import REPOSITORY

SCHEDULES, SLOW_SCHEDULES = 320, 5_000
REGRESSIONS = {
    26: "a background job that has ended was taken for a lost answer, and not read back with `hold` and `resend`",
    29: "reading ahead ended with `Interrupted` where the quota opened too late: exit 130 without a time to resume",
    60: "of two like tasks, one that was made long ago counted for both, and the other was lost",
    175: "a 429 that asks for more patience than there is left its batch in doubt, and then unknown",
    196: "an older task like the one of a row kept that one from being made",
    257: "what was created before its answer was lost by the time-out counted as somebody else's",
    335: "the same as 175, with other rows",
    579: "a key refused after a lost answer let that answer be forgotten, and what was deleted counted as absent",
}
"""Seeds that found something once, and what."""

ALL_SAFE = Protections()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        config = metafunc.config
        one = config.getoption("--seed")
        seeds = range(SLOW_SCHEDULES if config.getoption("--slow") else SCHEDULES)
        people = range(PEOPLE_SEEDS, PEOPLE_SEEDS + len(seeds) // 8)
        metafunc.parametrize("seed", [one] if one is not None else sorted({*seeds, *REGRESSIONS, *people}))


@pytest.fixture(autouse=True)
def state_in_memory(private_state: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Learned sizes and counts of people lie in memory too, where there is such a folder: disks are slow."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        yield


def run(seed: int, protections: Protections = ALL_SAFE) -> World:
    world = World(schedule_of(seed), protections)
    world.run()
    return world


def test_schedule(seed: int) -> None:
    world = run(seed)
    found = violations(world)
    schedule, ends = world.schedule, "\n    ".join(world.ends)
    assert not found, (
        f"seed {seed} ({schedule.story.name}, {schedule.rows} rows): {len(found)} violations\n  "
        + "\n  ".join(found[:20])
        + f"\n  its lives ended:\n    {ends}\n  again: pytest tests/simulation --seed {seed}"
    )


@pytest.mark.parametrize("first", range(len(STORIES)), ids=[story.name for story in STORIES])
def test_the_same_seed_is_the_same_story(first: int) -> None:
    for seed in range(first, 2 * len(STORIES), len(STORIES)):
        one, other = run(seed), run(seed)
        assert one.trace == other.trace
        assert one.outcomes == other.outcomes


def test_the_same_seed_is_the_same_story_in_another_process() -> None:
    """Where sets are ordered otherwise."""
    script = "from tests.simulation.test_schedules import run\nfor seed in range(8): print(*run(seed).trace, sep='\\n')"
    told = set()
    for salt in ("1", "2"):
        settings = {**os.environ, "PYTHONHASHSEED": salt}
        command = [sys.executable, "-c", script]
        told.add(subprocess.run(command, cwd=REPOSITORY, env=settings, capture_output=True, check=True).stdout)
    assert len(told) == 1
    assert len(told.pop().splitlines()) > 200


def test_everything_that_can_go_wrong_does() -> None:
    """The schedules reach what they are meant to reach."""
    worlds = [run(seed) for seed in range(64)]
    ends = [end for world in worlds for end in world.ends]
    assert ends.count("killed") > 30
    for word in ("KeyRefused", "Interrupted", "paused"):
        assert any(word in end for end in ends), word
    fates = {words for world in worlds for line in world.trace for words in line.split()[2:3]}
    assert fates >= {*worlds[0].network.weather.fates, "dies", "fine"} - {"refused"}
    found = {outcome for world in worlds for outcome in world.outcomes}
    assert len(found) >= 8


class Naive:
    """aiolimiter alone, as many a program would use it: it forgets with the process, and bursts on top of the rate."""

    waited_s = 0.0

    def __init__(self, windows: tuple[Window, ...], clock: Clock) -> None:
        self._limiters = [AsyncLimiter(window.limit, window.period_s) for window in windows]
        self._clock = clock

    def counts(self, rate_class: str) -> bool:
        return bool(self._limiters)

    def at_once(self, rate_class: str) -> None:
        pass

    async def acquire(self, rate_class: str) -> Permit:
        for limiter in self._limiters:
            await limiter.acquire()
        return Permit(rate_class, 0)

    def release(self, permit: Permit, never_sent: bool = False) -> None:
        pass

    def park(self, rate_class: str, until_s: float) -> None:
        pass

    def contradicted(self, rate_class: str) -> None:
        pass

    def next_open_s(self, rate_class: str) -> float:
        return self._clock.now_s()


def naive_quota(path: Path, windows: tuple[Window, ...], clock: Clock) -> AbstractAsyncContextManager[Any]:
    @asynccontextmanager
    async def opened() -> Any:
        yield Naive(windows, clock)

    return opened()


CANARIES = {
    "naive limiter": (Protections(quota=naive_quota), "requests in a window"),
    "settle 0": (Protections(settle=False), "at most"),
    "resend instead of verify": (Protections(ambiguous="resend", judged_by="verify"), "at most"),
}


@pytest.mark.parametrize("name", CANARIES)
def test_canaries_die(name: str) -> None:
    protections, words = CANARIES[name]
    for seed in range(SCHEDULES):
        if any(words in one for one in violations(run(seed, protections))):
            return
    pytest.fail(f"{name}: no schedule found it")


@pytest.mark.parametrize("request_number", range(2, 7))
def test_what_was_deleted_before_a_crash_is_not_sent_again_without_its_ids(request_number: int) -> None:
    """With `resend`, a run used to send `{"ids": [,]}`: Reply no longer had what the keys stand for."""
    calm = replace(schedule_of(3), rows=120, batch=7, width=1, limits="none", trouble=0.0, ambiguous="resend")
    world = World(replace(calm, deaths=(("request", request_number),), stop_after_s=0.0, revoked_after_s=0.0), ALL_SAFE)
    world.run()
    assert world.ends[:1] == ["killed"]
    assert violations(world) == []
