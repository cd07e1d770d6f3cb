"""Turns: as many calls as the width, and as many intents ahead of them only while answers are quick."""

from __future__ import annotations

import asyncio
import random

import pytest

from bulkreply.engine.turns import Turns


async def most_at_once(turns: Turns, answers: list[bool], workers: int) -> tuple[int, int]:
    """Most batches made ready, and most calls under way, at the same time."""
    left, ready, calls, most = list(answers), 0, 0, [0, 0]

    async def work() -> None:
        nonlocal ready, calls
        while True:
            await turns.begin()
            if not left:
                return turns.end()
            quick = left.pop(0)
            ready += 1
            most[0] = max(most[0], ready)
            await asyncio.sleep(0)
            async with turns.call:
                calls += 1
                most[1] = max(most[1], calls)
                await asyncio.sleep(0)
                calls -= 1
                turns.answered(quick)
            ready -= 1
            turns.end()

    await asyncio.gather(*(work() for _ in range(workers)))
    assert not left
    return most[0], most[1]


async def test_slow_answers_make_nothing_ready_ahead() -> None:
    turns = Turns(4)
    assert await most_at_once(turns, [False] * 100, turns.workers) == (4, 4)


async def test_quick_answers_let_as_many_again_be_made_ready() -> None:
    turns = Turns(4)
    assert await most_at_once(turns, [True] * 100, turns.workers) == (8, 4)


@pytest.mark.parametrize("seed", range(20))
async def test_after_any_answers_the_width_is_as_it_was(seed: int) -> None:
    chance = random.Random(seed)
    turns = Turns(3)
    for _ in range(5):
        answers = [chance.random() < 0.5 for _ in range(chance.randrange(1, 40))]
        ready, calls = await most_at_once(turns, answers, turns.workers)
        assert ready <= 6
        assert calls <= 3
    assert (await most_at_once(turns, [False] * 50, turns.workers))[1] <= 3
    assert await most_at_once(turns, [False] * 50, turns.workers) == (3, 3)
