"""The scheduler: looks what is due, runs it as child processes, and notes how they end.

Only the arithmetic of cron is APScheduler's. Its own schedulers wait for a time on the wall: set that clock back by a
year, and they stand still for a year. Here somebody looks every half minute at least, and all that is remembered lies
in the store, so a scheduler may be killed, and several may be at work at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bulkreply.clock import SYSTEM_CLOCK, Clock
from bulkreply.schedule.child import Child, Ending, ending_of, report_of
from bulkreply.schedule.store import Claim, Entry, Store, Timetable
from bulkreply.schedule.timetable import Due, Schedule, begun, due, ended, interrupted, next_s, rewound, skipped

LOOK_EVERY_S = 30.0
_SHORTEST_S = 0.05


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of a schedule that has come to its end."""

    name: str
    ending: Ending


class Clockwork:
    """Runs schedules.

    Args:
        width: Runs under way at once; what is due beyond waits for one to end.
        announce: Told what is worth a line.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock = SYSTEM_CLOCK,
        width: int = 4,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._width = width
        self._announce = announce
        self._children: dict[str, Child] = {}
        self._waiting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._stopping = False
        self.ran: list[Ran] = []

    async def once(self, stop: asyncio.Event) -> None:
        """Runs everything that is due now or was missed, and waits for it; what becomes due meanwhile is left."""
        now_s = self._clock.now_s()
        stopping = asyncio.ensure_future(self._stop_when(stop))
        try:
            while await self.look(now_s) or self._waiting:
                await self._next_end()
        finally:
            stopping.cancel()

    async def keep(self, stop: asyncio.Event) -> None:
        """Runs what becomes due, until told to stop; then stops its children in good order and waits for them."""
        stopping = asyncio.ensure_future(self._stop_when(stop))
        try:
            while not stop.is_set():
                self._changed.clear()
                now_s = self._clock.now_s()
                await self.look(now_s)
                await self._pause(self._until_next_s(now_s), stop)
                self.ran.clear()
        finally:
            stopping.cancel()
            if not self._stopping:  # asked twice, runs leave at once
                self.stop()
            await self.idle()

    async def look(self, now_s: float) -> list[str]:
        """Starts what is due; the names of what was started."""
        starting: list[tuple[Schedule, Claim]] = []
        with self._store.changing() as timetable:
            for name, entry in timetable.items():
                timetable[name] = Entry(entry.schedule, rewound(entry.standing, now_s))
            for entry, found in _longest_due_first(timetable, now_s):
                name = entry.schedule.name
                if found is None and not entry.standing.under_way:
                    continue
                claim = self._store.claim(name)
                if claim is None:
                    timetable[name] = self._passed_by(entry, found, now_s)
                    continue
                entry, found = self._recovered(entry, found, now_s)
                full = len(self._children) + len(starting) >= self._width
                if found is None or full or self._stopping:
                    claim.release()
                else:
                    self._announce(f"{name}: {found.why}, due {entry.schedule.cron.local(found.moment_s)}")
                    starting.append((entry.schedule, claim))
                    entry = Entry(entry.schedule, begun(entry.standing, now_s))
                timetable[name] = entry
            for schedule, _ in starting:
                self._store.forget(schedule.name)
        for schedule, claim in starting:
            await self._start(schedule, claim)
        return [schedule.name for schedule, _ in starting]

    def stop(self) -> None:
        """Nothing more is started, and the runs under way are asked to stop."""
        self._stopping = True
        for child in self._children.values():
            child.stop()

    async def idle(self) -> None:
        """Waits until no run of this scheduler is under way."""
        while self._waiting:
            await self._next_end()

    def _passed_by(self, entry: Entry, found: Due | None, now_s: float) -> Entry:
        """What becomes of a schedule that is being run: a moment that comes meanwhile is skipped."""
        if found is None:
            return entry
        self._announce(f"{entry.schedule.name}: skipped, its last run is still under way")
        return Entry(entry.schedule, skipped(entry.standing, now_s))

    def _recovered(self, entry: Entry, found: Due | None, now_s: float) -> tuple[Entry, Due | None]:
        """A run whose scheduler was killed has ended or died meanwhile: what it left says which."""
        standing = entry.standing
        if not standing.under_way:
            return entry, found
        output = self._store.output(entry.schedule.name)
        report = report_of(output)
        if report:
            standing = _ended(entry, ending_of(int(report.get("exit_code", 1)), output), now_s).standing
        else:
            standing = interrupted(standing, now_s)
        entry = Entry(entry.schedule, standing)
        return entry, due(entry.schedule, standing, now_s)

    async def _start(self, schedule: Schedule, claim: Claim) -> None:
        try:
            child = await Child.start(schedule, claim, self._store.output(schedule.name))
        except OSError as error:
            self._note(schedule, Ending(7, message=f"it cannot be started from {schedule.folder}: {error.strerror}"))
            claim.release()
            return
        self._children[schedule.name] = child
        if self._stopping:
            child.stop()
        self._waiting.add(asyncio.ensure_future(self._see_off(schedule, child, claim)))

    async def _see_off(self, schedule: Schedule, child: Child, claim: Claim) -> None:
        """Waits for a run and notes how it ended; nobody else takes it for abandoned before that."""
        try:
            ending = await child.end()
            self._note(schedule, ending, stopped=child.stopped)
        finally:
            del self._children[schedule.name]
            claim.release()
            self._changed.set()

    def _note(self, schedule: Schedule, ending: Ending, *, stopped: bool = False) -> None:
        now_s = self._clock.now_s()
        self.ran.append(Ran(schedule.name, ending))
        with self._store.changing() as timetable:
            entry = timetable.get(schedule.name)
            if entry is None or entry.schedule != schedule:  # removed, or another one by now
                return
            timetable[schedule.name] = entry = _ended(entry, ending, now_s, stopped=stopped)
        why = f": {ending.message}" if ending.message else ""
        self._announce(f"{schedule.name}: {entry.standing.word} (exit {ending.exit_code}){why}")

    def _until_next_s(self, now_s: float) -> float:
        """How long nothing can become due, at most half a minute: clocks are set, schedules are added."""
        moments = [next_s(one.schedule, one.standing, now_s) for one in self._store.read().values()]
        later = [moment_s - now_s for moment_s in moments if moment_s is not None and moment_s > now_s]
        return max(_SHORTEST_S, min([LOOK_EVERY_S, *later]))

    async def _pause(self, pause_s: float, stop: asyncio.Event) -> None:
        """Until it is time, a run has ended, or somebody says stop."""
        ways = [self._clock.sleep(pause_s), self._changed.wait(), stop.wait()]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._raise_trouble()

    async def _next_end(self) -> None:
        if self._waiting:
            await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
        self._raise_trouble()

    def _raise_trouble(self) -> None:
        """Noting an end may have failed, with the disk: then nothing can be relied on."""
        for task in [task for task in self._waiting if task.done()]:
            self._waiting.discard(task)
            task.result()

    async def _stop_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.stop()


def _ended(entry: Entry, ending: Ending, now_s: float, *, stopped: bool = False) -> Entry:
    standing = ended(
        entry.standing,
        now_s,
        ending.exit_code,
        run=ending.run,
        message=ending.message,
        resume_s=ending.resume_s,
        stopped=stopped,
    )
    return Entry(entry.schedule, standing)


def _longest_due_first(timetable: Timetable, now_s: float) -> list[tuple[Entry, Due | None]]:
    """All schedules with what is due of each, so that none waits for ever behind those that are due more often."""
    rows = [(entry, due(entry.schedule, entry.standing, now_s)) for entry in timetable.values()]
    return sorted(rows, key=lambda row: row[1].moment_s if row[1] is not None else now_s)
