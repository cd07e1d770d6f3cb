"""The quota of one account: who may send now, and who waits until when.

One coroutine, the pump, serves all waiting calls: in one short transaction it learns what other processes did, records
the answers that came, grants what every rate class has room for, and then rests until the next opening.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bulkreply.clock import Clock
from bulkreply.quota.book import Book
from bulkreply.quota.forecast import Forecast, LaneState, foresee
from bulkreply.quota.limits import Window
from bulkreply.quota.pacing import lowered
from bulkreply.quota.waiting import Permit, Queue

_FLUSH_S = 0.01


class Quota:
    """The rate windows of one account, counted exactly and shared by every process that uses the same file.

    A call counts from `acquire` until its answer is one period old. Used as `async with Quota(...) as quota`.

    Args:
        path: The account's file, made if missing (0600); None counts in memory, for this object only.
        windows: The windows of each rate class; a class without windows, or not named, is unlimited and costs nothing.
        clock: Source of time.
        reserve: Share of every limit left to others, 0 up to but not including 1.
        wider: Rate class -> another one that each of its calls counts in as well.

    Attributes:
        waited_s: Seconds during which at least one call waited for the quota.
        granted: Calls granted and not given back unsent.
        status_429: How often `park` was called.
    """

    def __init__(
        self,
        path: Path | None,
        windows: Mapping[str, tuple[Window, ...]],
        clock: Clock,
        reserve: float = 0.0,
        wider: Mapping[str, str] | None = None,
    ) -> None:
        if not 0.0 <= reserve < 1.0:
            raise ValueError(f"reserve must be in [0, 1), not {reserve}")
        self.waited_s = 0.0
        self.granted = 0
        self.status_429 = 0
        self._clock = clock
        self._book = Book(path, windows, clock, reserve)
        self._wider = dict(wider or {})
        self._pauses: dict[str, tuple[float, float]] = {}
        self._numbers = 0
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._timer_due_s = math.inf
        self._blocked_since_s: float | None = None
        self._problem: Exception | None = None

    async def __aenter__(self) -> Self:
        await self._book.open()
        self._pump = asyncio.create_task(self._serve(), name="quota pump")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._pump, self._timer) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pump = self._timer = None
        for queue in self._book.queues.values():
            for caller in queue.waiting:
                caller.cancel()
            queue.waiting.clear()
        self._meter()
        await self._book.leave()

    async def acquire(self, rate_class: str) -> Permit:
        """Wait until a call of this class may be sent; first come, first served within the class.

        Cancelling the wait loses nothing.

        Raises:
            DiskFatal: The account's file cannot be written, so nothing can be counted any more.
        """
        permit = await self._one(rate_class)
        if rate_class not in self._wider:
            return permit
        try:
            return Permit(rate_class, permit.number, await self._one(self._wider[rate_class]))
        except BaseException:
            self.release(permit, never_sent=True)
            raise

    async def _one(self, rate_class: str) -> Permit:
        """A permit of this class alone."""
        queue = self._book.queues.get(rate_class)
        if queue is None:
            while (delay_s := self._pause_s(rate_class)) > 0:
                await self._clock.sleep(delay_s)
            return Permit(rate_class, 0)
        if self._problem is not None:
            raise self._problem
        if self._pump is None:
            raise RuntimeError("a Quota serves only within `async with`")
        if not self._book.on_disk and not queue.waiting and queue.lane.pace is None:
            now_ms = self._now_ms()
            queue.lane.pull_back(now_ms)
            if queue.lane.available(now_ms):
                queue.lane.own_flight += 1
                return self._permit(queue)
        caller: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        queue.waiting.append(caller)
        self._wake.set()
        try:
            return await caller
        except asyncio.CancelledError:
            if caller.done() and not caller.cancelled() and caller.exception() is None:
                self.release(caller.result(), never_sent=True)
            raise

    def release(self, permit: Permit, never_sent: bool = False) -> None:
        """The answer, or the failure, of a call arrived now. Releasing twice does nothing.

        Args:
            permit: What `acquire` gave.
            never_sent: Not one byte left: the permit is given back as if never asked for.
        """
        if permit.wider is not None:
            self.release(permit.wider, never_sent)
        queue = self._book.queues.get(permit.rate_class)
        if queue is None or permit.number not in queue.in_flight:
            return
        queue.in_flight.discard(permit.number)
        lane = queue.lane
        lane.own_flight -= 1
        if never_sent:
            self.granted -= 1
            self._wake.set()
            return
        now_s = self._clock.now_s()
        at_ms = lane.stamp_ms(now_s)
        lane.add(at_ms, 1)
        if self._book.on_disk:
            queue.unwritten[at_ms] = queue.unwritten.get(at_ms, 0) + 1
            # An answer opens nothing before it is one period old, so writing it can wait for company.
            self._arm(now_s, min(_FLUSH_S, lane.shortest_s / 4))
        if queue.needs_answer:
            self._wake.set()

    def counts(self, rate_class: str) -> bool:
        """Whether calls of this class are counted at all."""
        return rate_class in self._book.queues or self._wider.get(rate_class) in self._book.queues

    def at_once(self, rate_class: str) -> Permit | None:
        """A permit nobody has to wait for; None where calls are counted, or Reply asked to wait."""
        return None if self._pauses or self.counts(rate_class) else Permit(rate_class, 0)

    def park(self, rate_class: str, until_s: float) -> None:
        """A 429: no process of the account sends calls of this class before `until_s` (Unix seconds)."""
        self.status_429 += 1
        queue = self._book.queues.get(rate_class)
        if queue is None:
            if until_s > self._pauses.get(rate_class, (0.0, 0.0))[0]:
                self._pauses[rate_class] = (until_s, until_s - self._clock.now_s())
        else:
            queue.lane.park(math.ceil(until_s * 1000), self._now_ms())
            queue.note_changed = True
            self._wake.set()

    def contradicted(self, rate_class: str) -> None:
        """A 429 although our windows said yes: from now on evenly, at a lower rate that recovers slowly."""
        queue = self._book.queues.get(rate_class)
        if queue is None:
            return
        lane, now_ms = queue.lane, self._now_ms()
        if lane.pace is None or lane.pace.contradicts_again(now_ms, lane.shortest_s):
            lane.pace = lowered(lane.share_now(now_ms), now_ms)
            queue.note_changed = True
            self._wake.set()

    def _pause_s(self, rate_class: str) -> float:
        """How long a class without windows still has to wait after a 429; a clock set back makes it no longer."""
        until_s, wait_s = self._pauses.get(rate_class, (0.0, 0.0))
        return max(0.0, min(until_s - self._clock.now_s(), wait_s))

    def spent(self, rate_class: str) -> list[tuple[Window, int]]:
        """How many calls count in each window now, those in flight and those of other processes included."""
        found: list[tuple[Window, int]] = []
        for name in self._counted_in(rate_class):
            queue = self._book.queues.get(name)
            if queue is None:
                continue
            self._book.glance()
            lane = queue.lane
            lane.available(self._now_ms())
            flight = lane.own_flight + lane.foreign_flight
            found += [(tally.window, tally.total + flight) for tally in lane.tallies]
        return found

    def _counted_in(self, rate_class: str) -> list[str]:
        return [rate_class, self._wider[rate_class]] if rate_class in self._wider else [rate_class]

    def next_open_s(self, rate_class: str) -> float:
        """Unix time from which the next call of this class may go; now when it may already."""
        return max(self._opens_s(name) for name in self._counted_in(rate_class))

    def _opens_s(self, rate_class: str) -> float:
        queue, now_s = self._book.queues.get(rate_class), self._clock.now_s()
        if queue is None:
            return now_s + self._pause_s(rate_class)
        self._book.glance()
        opening_ms = queue.lane.opening_ms(int(now_s * 1000))
        if opening_ms is None:  # all in flight: the first answer, then one period
            return now_s + queue.lane.tallies[0].span_ms / 1000
        return max(now_s, opening_ms / 1000)

    def forecast(self, calls: Mapping[str, int], latency_s: float = 0.3, concurrency: int = 8) -> Forecast:
        """How long so many calls of each class take from now on, and which pauses the windows force.

        Args:
            calls: Number of calls per rate class.
            latency_s: Seconds from sending to the answer.
            concurrency: Calls under way at the same time, all classes together.
        """
        self._book.glance()
        now_s = self._clock.now_s()
        states = {name: LaneState.of(queue.lane, int(now_s * 1000)) for name, queue in self._book.queues.items()}
        counted = Counter[str]()
        for rate_class, count in calls.items():
            for name in self._counted_in(rate_class):
                counted[name] += count
        return foresee(counted, states, now_s, latency_s, concurrency, sum(calls.values()))

    async def _serve(self) -> None:
        try:
            while True:
                self._wake.clear()
                delay_s = await self._turn()
                if delay_s is not None:
                    self._arm(self._clock.now_s(), delay_s)
                await self._wake.wait()
        except Exception as problem:
            self._problem = problem
            for queue in self._book.queues.values():
                for caller in queue.waiting:
                    if not caller.done():
                        caller.set_exception(problem)
                queue.waiting.clear()

    async def _turn(self) -> float | None:
        """Serve everyone who can be served; returns in how many seconds the next turn makes sense."""
        queues = self._book.queues.values()
        if all(queue.idle for queue in queues):
            return None
        for queue, callers in (await self._book.exchange()).items():
            if queue.factor is not None:
                await queue.even.confirm(len(callers))
            for caller in callers:
                caller.set_result(self._permit(queue))
        now_ms = self._now_ms()
        delays_s = [delay_s for queue in queues if (delay_s := queue.next_turn_s(now_ms)) is not None]
        self._meter()
        self._book.bury_when_blocked(now_ms)
        return min(delays_s, default=None)

    def _permit(self, queue: Queue) -> Permit:
        self._numbers += 1
        self.granted += 1
        queue.in_flight.add(self._numbers)
        return Permit(queue.lane.rate_class, self._numbers)

    def _arm(self, now_s: float, delay_s: float) -> None:
        """Wake the pump in so many seconds, unless it wakes earlier anyway."""
        due_s = now_s + delay_s
        if self._pump is None or (self._timer is not None and self._timer_due_s <= due_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = due_s
        self._timer = asyncio.create_task(self._ring(delay_s), name="quota timer")

    async def _ring(self, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        self._timer = None
        self._wake.set()

    def _meter(self) -> None:
        blocked = any(queue.waiting for queue in self._book.queues.values())
        now_s = self._clock.now_s()
        if self._blocked_since_s is not None:
            self.waited_s += max(0.0, now_s - self._blocked_since_s)
        self._blocked_since_s = now_s if blocked else None

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)
