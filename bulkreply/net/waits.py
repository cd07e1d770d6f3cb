"""Waits that end when the run is to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bulkreply.clock import Clock
from bulkreply.errors import Interrupted, RunPaused


class Waits:
    """Who waits, and whether anybody still may."""

    __slots__ = ("_clock", "_closed", "_leaving", "_tasks")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed: dict[str, float] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._leaving = False

    def leave(self) -> None:
        """Ends all waits, and those that would begin."""
        self._leaving = True
        for task in self._tasks:
            task.cancel()

    def close(self, lane: str, until_s: float) -> None:
        """Ends waits for calls of a class that would begin before a time: nobody has so much patience."""
        self._closed[lane] = until_s

    @contextmanager
    def wait(self, lane: str = "") -> Iterator[None]:
        """A wait, perhaps for a call of a class.

        Raises:
            Interrupted: The run is to stop.
            RunPaused: The class is closed.
        """
        self._check()
        if self._clock.now_s() < (until_s := self._closed.get(lane, 0.0)):
            raise RunPaused("Reply asks to wait", resume_at=until_s, hint="resume then; nothing is lost")
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._leaving:
                task.uncancel()
            self._check()
            raise
        finally:
            self._tasks.discard(task)

    def _check(self) -> None:
        if self._leaving:
            words = "stopped as asked; every answer so far is recorded"
            raise Interrupted(words, signal_number=signal.SIGINT) from None
