"""Who may send now, and whose intent may be written meanwhile.

A call leaves only after its intent is on disk. Where answers come faster than the disk commits, connections would stand
idle: then as many batches again are made ready while others are under way, and share a commit.
"""

from __future__ import annotations

import asyncio

QUICK_S = 0.1
"""An answer in this time is a quick one; an intent that waited longer for its turn is written anew."""
SURE_S = 0.005
"""A call leaves only so shortly after the disk has taken a write, its intent or a later one."""


class Turns:
    """The turns of one run.

    Args:
        width: Most calls under way at once.

    Attributes:
        call: Held while a call is under way.
    """

    def __init__(self, width: int) -> None:
        self._ready = asyncio.Semaphore(width)
        self.call = asyncio.Semaphore(width)
        self._width = width
        self._ahead = self._owed = 0

    @property
    def workers(self) -> int:
        """How many may be at work at once, at the most."""
        return 2 * self._width

    async def begin(self) -> None:
        """Called before a batch is made ready, and its quota asked for; `end` follows when its fate is known."""
        await self._ready.acquire()

    def end(self) -> None:
        """Called once for every `begin`."""
        if self._owed:
            self._owed -= 1
        else:
            self._ready.release()

    def answered(self, quick: bool) -> None:
        """Whether batches may be made ready ahead, as the last answer shows."""
        ahead = self._width if quick else 0
        change, self._ahead = ahead - self._ahead, ahead
        forgiven = min(self._owed, change)  # below 0 where it owes more
        self._owed -= forgiven
        for _ in range(change - forgiven):
            self._ready.release()
