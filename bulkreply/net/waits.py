"""Waits that end when the run is to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from bulkreply.clock import Clock
from bulkreply.errors import Interrupted, RunPaused


class _Wait:
    """One that waits."""

    __slots__ = ("_task", "_waits")

    def __init__(self, waits: Waits) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._waits = task, waits

    def __enter__(self) -> None:
        self._waits.waiting.add(self._task)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._waits.waiting.discard(self._task)
        if isinstance(error, asyncio.CancelledError):
            self._waits.explain(self._task)


class Waits:
    """Who waits, and whether anybody still may.

    Attributes:
        waiting: Who does.
    """

    __slots__ = ("_clock", "_closed", "_leaving", "waiting")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed: dict[str, float] = {}
        self.waiting: set[asyncio.Task[Any]] = set()
        self._leaving = False

    def leave(self) -> None:
        """Ends all waits, and those that would begin."""
        self._leaving = True
        for task in self.waiting:
            task.cancel()

    def close(self, lane: str, until_s: float) -> None:
        """Ends waits for calls of a class that would begin before a time: nobody has so much patience."""
        self._closed[lane] = until_s

    def wait(self, lane: str = "") -> _Wait:
        """A wait, perhaps for a call of a class, to be used as `with`.

        Raises:
            Interrupted: The run is to stop.
            RunPaused: The class is closed.
        """
        self._check()
        if self._closed and self._clock.now_s() < (until_s := self._closed.get(lane, 0.0)):
            raise RunPaused("Reply asks to wait", resume_at=until_s, hint="resume then; nothing is lost")
        return _Wait(self)

    def explain(self, task: asyncio.Task[Any]) -> None:
        """A wait was cancelled: if that was to stop the run, it says so.

        Raises:
            Interrupted: The run is to stop.
        """
        if self._leaving:
            task.uncancel()
        self._check()

    def _check(self) -> None:
        if self._leaving:
            words = "stopped as asked; every answer so far is recorded"
            raise Interrupted(words, signal_number=signal.SIGINT) from None
