"""The lanes of one account and their file, kept in step: every exchange is one short transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bulkreply.clock import Clock
from bulkreply.errors import DiskFatal
from bulkreply.quota.limits import Window
from bulkreply.quota.store import Busy, Damaged, News, Store, set_aside
from bulkreply.quota.waiting import Permit, Queue
from bulkreply.quota.windows import Lane

_BURY_EVERY_MS = 100
_TIDY_EVERY_MS = 60_000
_LEAVE_TRIES = 500
_REBUILDS_MAX = 20


class Book:
    """Who waits and what counts, in memory; `path` None keeps it there.

    Attributes:
        queues: One per rate class that has windows.
        on_disk: Whether other processes share it.
        owners: How many open quotas share it.
    """

    def __init__(
        self, path: Path | None, windows: Mapping[str, tuple[Window, ...]], clock: Clock, reserve: float
    ) -> None:
        self.queues = {name: Queue(Lane(name, some, reserve)) for name, some in windows.items() if some}
        self.on_disk = path is not None and bool(self.queues)
        self.owners = 1
        self._path = path
        self._clock = clock
        self._store: Store | None = None
        self._buried_ms = 0
        self._tidied_ms = 0
        self._rebuilt = 0

    async def open(self) -> None:
        """Open or make the file, if there is to be one.

        Raises:
            DiskFatal: The file cannot be made or written.
            UsageProblem: A newer bulkreply wrote it.
        """
        if self.on_disk and self._path is not None:
            await self._open(self._path)

    async def exchange(self) -> dict[Queue, list[asyncio.Future[Permit]]]:
        """Learn what others did, record what came, and choose who may go now (counted, but not told yet)."""
        while True:
            try:
                return self._exchange()
            except Busy:
                await self._clock.sleep(0.0005 + 0.002 * self._clock.jitter())
            except Damaged as damage:
                await self._rebuild(damage.inode)

    def _exchange(self) -> dict[Queue, list[asyncio.Future[Permit]]]:
        """One transaction: learn, choose, record. When it fails everyone stands in line as before."""
        store = self._store
        if store is not None and (news := store.look()) is not None:
            self._learn(news)
        now_ms = self._now_ms()
        chosen: dict[Queue, list[asyncio.Future[Permit]]] = {}
        try:
            self._pull_back(now_ms)
            for queue in self.queues.values():
                queue.factor = queue.lane.share_now(now_ms)
                if queue.waiting:
                    chosen[queue] = queue.choose(now_ms, self.owners)
            if store is not None:
                self._record(store, chosen, now_ms)
        except BaseException:
            for queue, callers in chosen.items():
                queue.waiting.extendleft(reversed(callers))
            raise
        for queue, callers in chosen.items():
            queue.lane.own_flight += len(callers)
        return chosen

    def _record(self, store: Store, chosen: Mapping[Queue, list[asyncio.Future[Permit]]], now_ms: int) -> None:
        answered: list[tuple[str, int, int]] = []
        flight: dict[str, int] = {}
        for name, queue in self.queues.items():
            answered.extend((name, at_ms, calls) for at_ms, calls in queue.unwritten.items())
            calls_now = queue.lane.own_flight + len(chosen.get(queue, ()))
            if calls_now != queue.written_flight:
                flight[name] = calls_now
        if abs(now_ms - self._tidied_ms) >= _TIDY_EVERY_MS:
            store.tidy(now_ms)
            self._tidied_ms = now_ms
        store.write(answered, flight, {n: queue.note() for n, queue in self.queues.items() if queue.note_changed})
        for name, queue in self.queues.items():
            queue.unwritten.clear()
            queue.note_changed = False
            queue.written_flight = flight.get(name, queue.written_flight)

    def _learn(self, news: News) -> None:
        for rate_class, at_ms, calls in news.answered:
            if rate_class in self.queues:
                self.queues[rate_class].lane.add(at_ms, calls)
        for name, queue in self.queues.items():
            queue.lane.foreign_flight = news.foreign_flight.get(name, 0)
            note = news.notes.get(name)
            if note is not None:
                queue.lane.park(note.parked_until_ms, note.parked_at_ms)
                pace = queue.lane.pace
                if note.pace is not None and (pace is None or note.pace.since_ms > pace.since_ms):
                    queue.lane.pace = note.pace
        self.owners = max(1, news.owners)

    def _pull_back(self, now_ms: int) -> None:
        """Within a transaction: the clock may have stepped back."""
        stepped = [queue.lane.pull_back(now_ms) for queue in self.queues.values()]
        if any(stepped) and self._store is not None:
            self._store.pull_back(now_ms)

    def bury_when_blocked(self, now_ms: int) -> None:
        """When calls of other processes, or their share of an even pace, stand in the way: do they still live?"""
        if self._store is None or abs(now_ms - self._buried_ms) < _BURY_EVERY_MS:
            return
        if any(
            (queue.needs_answer and queue.lane.foreign_flight) or (queue.factor is not None and self.owners > 1)
            for queue in self.queues.values()
        ):
            self._buried_ms = now_ms
            with suppress(Busy, Damaged):  # the next turn meets it again
                self._store.bury(now_ms)

    def glance(self) -> None:
        """Learn what other processes did, if that is possible without waiting, and what time it is."""
        if self._store is None:
            self._pull_back(self._now_ms())
            return
        with suppress(Busy, Damaged):
            if (news := self._store.look()) is not None:
                self._learn(news)
            self._pull_back(self._now_ms())
            self._store.write([], {}, {})

    async def leave(self) -> None:
        """Record the last answers and close the file; what is still in flight counts as answered now."""
        store, self._store = self._store, None
        if store is None:
            return
        for _ in range(_LEAVE_TRIES):
            try:
                if (news := store.look()) is not None:
                    self._learn(news)
                self._record(store, {}, self._now_ms())
                store.leave(self._now_ms())
                break
            except Busy:
                await self._clock.sleep(0.001 + 0.004 * self._clock.jitter())
            except Exception:  # what is in flight then counts as soon as somebody finds this process gone
                break
        store.shut()

    async def _open(self, path: Path) -> Store:
        cautious = False
        while self._store is None:
            try:
                self._store = Store(path)
            except Busy:
                await self._clock.sleep(0.001 + 0.004 * self._clock.jitter())
            except Damaged as damage:
                set_aside(path, damage.inode, self._now_ms())
                cautious = True
        for queue in self.queues.values():
            if cautious and self._store.fresh:
                queue.lane.cautious(self._now_ms())
            queue.note_changed = True
        with suppress(Busy, Damaged):
            self._store.bury(self._now_ms())
        self.glance()
        return self._store

    async def _rebuild(self, inode: int) -> None:
        """The file was damaged or removed under us: what this process knows goes into a new one."""
        path, store = self._path, self._store
        self._rebuilt += 1
        if path is None or store is None or self._rebuilt > _REBUILDS_MAX:
            raise DiskFatal(f"{path} is damaged again and again", hint="check the disk of the state folder")
        store.shut()
        self._store = None
        set_aside(path, inode, self._now_ms())
        known: dict[Queue, tuple[list[tuple[int, int]], dict[int, int]]] = {}
        for queue in self.queues.values():
            known[queue] = list(queue.lane.tallies[-1].rows()), queue.unwritten
            queue.unwritten = {}
            queue.lane.clear()
            queue.lane.foreign_flight = queue.written_flight = 0
        store = await self._open(path)
        for queue in self.queues.values():
            counted, pending = known[queue]
            for at_ms, calls in counted if store.fresh else pending.items():
                queue.lane.add(at_ms, calls)
                queue.unwritten[at_ms] = queue.unwritten.get(at_ms, 0) + calls

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)
