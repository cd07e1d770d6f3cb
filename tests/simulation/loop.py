"""An event loop on which everything that may happen in another order does, by seed, and on which a process can die."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.laws.simulated import SimulatedLoop

Result = TypeVar("Result")
STEPS_MAX = 400_000


class Killed(KeyboardInterrupt):
    """The process is gone: nothing of it runs any more, no `finally` either. asyncio lets this kind through at once."""


class ShuffledLoop(SimulatedLoop):
    """Ready callbacks run in any order; work given to threads is done on the loop, a moment later.

    Attributes:
        kill_at_step: Round of the loop before which the process dies, 0 for none.
        kill_at_work: Number of the piece of thread work at which it dies: the disk write of the ledger.
        kill_after_work: Whether it dies when that work is done but nobody knows it yet, or before it is begun.
    """

    def __init__(self, chance: random.Random, begin_s: float) -> None:
        super().__init__()
        self.jumping.now_s = begin_s
        self.kill_at_step = self.kill_at_work = 0
        self.kill_after_work = False
        self._chance = chance
        self._steps = self._works = 0
        self._left: set[asyncio.Task[Any]] = set()

    def live(self, life: Coroutine[Any, Any, Result]) -> Result:
        """Runs one life of the process to its end.

        Raises:
            Killed: It died; see `end`.
        """
        try:
            result = self.run_until_complete(life)
        except Exception:
            self.end()
            raise
        except Killed:
            self._left = asyncio.all_tasks(self)  # nobody else may hold them any more
            raise
        self.end()
        return result

    def end(self) -> None:
        """An orderly end: tasks that are left are cancelled, as `asyncio.run` does.

        Of a process that died it frees the memory, once all is judged: all files are closed, nobody listens any more.
        """
        self.kill_at_step = self.kill_at_work = 0
        while left := asyncio.all_tasks(self):
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.wait(left))
            for task in left:
                if not task.cancelled():
                    task.exception()
        self._left.clear()
        self.close()

    def die(self) -> None:
        """Called from within a task: it dies as soon as the task waits, before anything else runs."""
        self._ready.appendleft(asyncio.Handle(self._dies, (), self))

    def _dies(self) -> None:
        raise Killed

    def _run_once(self) -> None:
        self._steps += 1
        assert self._steps < STEPS_MAX, "it goes on for ever"
        if self._steps == self.kill_at_step:
            raise Killed
        if len(self._ready) > 1:
            self._chance.shuffle(self._ready)  # type: ignore[arg-type]
        super()._run_once()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """The work is done on the loop, after the time a disk takes."""
        done: asyncio.Future[Any] = self.create_future()
        delay_s = self._chance.choice((0.0005, 0.002, 0.002, 0.05, 0.4))
        self.call_later(delay_s, self._perform, done, func, args)
        return done

    def _perform(self, done: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._works += 1
        dies = self._works == self.kill_at_work
        if dies and not self.kill_after_work:
            raise Killed
        try:
            result = func(*args)
        except Exception as error:
            if not done.done():
                done.set_exception(error)
            return
        if dies:
            raise Killed
        if not done.done():
            done.set_result(result)
