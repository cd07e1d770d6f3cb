"""Signals: the first asks for an orderly stop, the second leaves at once, which loses nothing either."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulkreply.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether somebody asked to stop.

    Attributes:
        number: The signal that asked, 0 for none; known at once, even while the event loop is busy.
        asked: Set as soon as the event loop gets round to it.
    """

    __slots__ = ("asked", "number")

    def __init__(self) -> None:
        self.number = 0
        self.asked = asyncio.Event()

    def check(self) -> None:
        """For work that lets nobody else have a turn: ends it.

        Raises:
            Interrupted: Somebody asked to stop.
        """
        if self.number:
            raise Interrupted("stopped as asked", signal_number=self.number)


@contextmanager
def heeding(ask: Callable[[int], None]) -> Iterator[None]:
    """Hands signals to `ask` while the block lasts, even when the event loop is busy; in the main thread only.

    Those that are ignored stay so: `nohup`, and shells that start something in the background, mean it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in mine:
        signal.signal(number, lambda number, frame: ask(number))
    try:
        yield
    finally:
        for number, old in mine.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)


@contextmanager
def orderly_stop(leave: Callable[[], None] = lambda: None) -> Iterator[Stop]:
    """The first Ctrl-C, SIGTERM or SIGHUP asks for an orderly stop, the second leaves at once.

    Args:
        leave: Called in the event loop after the first.
    """
    stop, loop = Stop(), asyncio.get_running_loop()

    def told() -> None:
        stop.asked.set()
        leave()

    def ask(number: int) -> None:
        if stop.number:
            os._exit(128 + number)
        stop.number = number
        loop.call_soon_threadsafe(told)

    with heeding(ask):
        yield stop
