"""Pages asked for before the one in front of them is there: while one is worked on, the next are on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

MOST = 3
"""Pages under way or waiting at once: they lie in memory until their turn."""
Found = TypeVar("Found")


class Ahead(Generic[Found]):
    """Pages by their offset. Used as `async with`: whoever leaves ends what is still under way.

    Args:
        ask: Reads the page at an offset, within the quota.
        most: How many at once; 0 asks for none ahead.
    """

    def __init__(self, ask: Callable[[int], Awaitable[Found]], most: int = MOST) -> None:
        self._ask = ask
        self._most = most
        self._under_way: dict[int, asyncio.Task[Found]] = {}
        self._late: list[asyncio.Task[Found]] = []

    async def __aenter__(self) -> Ahead[Found]:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        tasks = [*self._under_way.values(), *self._late]
        for task in tasks:  # nobody wants them any more, and they might wait an hour for the quota
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def page(self, skip: int) -> Found:
        """The page at an offset, at once if it was expected. Another one than was expected makes the rest useless."""
        task = self._under_way.pop(skip, None)
        if task is not None:
            return await task
        self._late += self._under_way.values()
        self._under_way.clear()
        return await self._ask(skip)

    def expect(self, skips: Iterable[int]) -> None:
        """Asks for the pages that will be wanted next, in their order."""
        for skip in skips:
            if len(self._under_way) >= self._most:
                return
            if skip not in self._under_way:
                self._under_way[skip] = asyncio.ensure_future(self._ask(skip))
