"""Runs the asynchronous part of a command; a signal ends it wherever it is."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bulkreply.errors import BulkreplyError, Interrupted
from bulkreply.stopping import heeding

_Result = TypeVar("_Result")


def run_work(work: Coroutine[Any, Any, _Result]) -> _Result:
    """What the work gives. Parts of it that can stop in good order see to signals themselves.

    Raises:
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; a second one ends the process at once.
    """
    gc.freeze()  # what was loaded stays: no collection need look through it again
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        return runner.run(_interruptible(work))


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


async def _interruptible(work: Coroutine[Any, Any, _Result]) -> _Result:
    main, seen = asyncio.current_task(), list[int]()
    loop = asyncio.get_running_loop()
    assert main is not None

    def ask(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        if asyncio.current_task(loop) is main:  # it reads or stages a file, and would not look up for long
            raise asyncio.CancelledError
        loop.call_soon_threadsafe(main.cancel)

    with heeding(ask):
        try:
            return await work
        except (asyncio.CancelledError, BulkreplyError) as error:
            if not seen or isinstance(error, Interrupted):
                raise
            raise Interrupted("stopped", signal_number=seen[0]) from None
