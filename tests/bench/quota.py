"""The quota engine for hours of simulated time against servers that count differently. Exact, so one round says all."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bulkreply.quota import Quota, Window
from tests.laws.simulated import SimulatedClock, optimum_s, simulate

MINUTE, HOUR = Window(100, 60.0), Window(3000, 3600.0)
LIMITS = (MINUTE, HOUR)
WIDTH = 8


class Sliding:
    """Counts the calls of the last period, exactly."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._at_s: deque[float] = deque()

    def wait_s(self, now_s: float) -> float:
        """0 when a call is welcome, otherwise what Retry-After says."""
        while self._at_s and self._at_s[0] <= now_s - self.window.period_s:
            self._at_s.popleft()
        if len(self._at_s) < self.window.limit:
            return 0.0
        return self._at_s[0] + self.window.period_s - now_s

    def take(self, now_s: float) -> None:
        """Counts a call."""
        self._at_s.append(now_s)


class Fixed:
    """Counts the calls since the last full minute or hour."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._number, self._count = -1, 0

    def _turn(self, now_s: float) -> None:
        number = int(now_s // self.window.period_s)
        if number != self._number:
            self._number, self._count = number, 0

    def wait_s(self, now_s: float) -> float:
        """0 when a call is welcome, otherwise what Retry-After says."""
        self._turn(now_s)
        return 0.0 if self._count < self.window.limit else (self._number + 1) * self.window.period_s - now_s

    def take(self, now_s: float) -> None:
        """Counts a call."""
        self._count += 1


class Counter:
    """A sliding counter: this period's calls and the share of the last period's that still overlaps."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._counts: dict[int, int] = {}

    def wait_s(self, now_s: float) -> float:
        """0 when a call is welcome, otherwise what Retry-After says."""
        number, part = divmod(now_s / self.window.period_s, 1)
        held = self._counts.get(int(number), 0) + self._counts.get(int(number) - 1, 0) * (1 - part)
        return 0.0 if held + 1 <= self.window.limit else 1.0

    def take(self, now_s: float) -> None:
        """Counts a call."""
        number = int(now_s // self.window.period_s)
        self._counts[number] = self._counts.get(number, 0) + 1


class Bucket:
    """A token bucket that holds a minute's calls, or fewer, and refills evenly."""

    def __init__(self, window: Window, size: int = 0) -> None:
        self.window = window
        self._size = size or window.limit
        self._level, self._at_s = float(self._size), 0.0

    def wait_s(self, now_s: float) -> float:
        """0 when a call is welcome, otherwise what Retry-After says."""
        rate_per_s = self.window.limit / self.window.period_s
        self._level = min(self._size, self._level + (now_s - self._at_s) * rate_per_s)
        self._at_s = now_s
        return 0.0 if self._level >= 1 else (1 - self._level) / rate_per_s

    def take(self, now_s: float) -> None:
        """Counts a call."""
        self._level -= 1


@dataclass(frozen=True, slots=True)
class Result:
    """What came of some hours.

    Attributes:
        used: Share of what was left to us, by what the server would have allowed.
        refused: Share of our calls answered 429.
        makespan: Time of the first 1,000 calls over the optimum with no latency; 0 where somebody else calls too.
    """

    server: str
    latency_s: str
    calls: int
    used: float
    refused: float
    makespan: float


Rule = Sliding | Fixed | Counter | Bucket


class Office:
    """A server with two rules, and whoever calls it."""

    def __init__(self, rules: list[Rule], clock: SimulatedClock) -> None:
        self.rules = rules
        self.clock = clock
        self.taken_s: list[float] = []
        self.refused = 0
        self.foreign = 0

    def ask(self, foreign: bool = False) -> float:
        """A call arrives: 0 when it is taken, otherwise the seconds to wait."""
        now_s = self.clock.true_s()
        wait_s = max(rule.wait_s(now_s) for rule in self.rules)
        if wait_s > 0:
            self.refused += not foreign
            return wait_s
        for rule in self.rules:
            rule.take(now_s)
        if foreign:
            self.foreign += 1
        else:
            self.taken_s.append(now_s)
        return 0.0


async def _worker(quota: Quota, office: Office, chance: random.Random, latency_s: tuple[float, float]) -> None:
    while True:
        permit = await quota.acquire("default")
        took_s, arrives = chance.uniform(*latency_s), chance.uniform(0.2, 0.8)
        await office.clock.sleep(took_s * arrives)
        wait_s = office.ask()
        await office.clock.sleep(took_s * (1 - arrives))
        quota.release(permit)
        if wait_s:
            quota.park("default", office.clock.now_s() + float(-(-wait_s // 1)))  # Retry-After is whole seconds
            quota.contradicted("default")


async def _foreigner(office: Office, per_min: float) -> None:
    while True:
        office.ask(foreign=True)
        await office.clock.sleep(60 / per_min)


def spend(rules: list[Rule], hours: float, latency_s: tuple[float, float], foreign_per_min: float = 0.0) -> Office:
    """Hours of calling as much as the quota allows."""

    async def story() -> Office:
        office = Office(rules, clock := SimulatedClock())
        chance = random.Random(5)
        async with Quota(None, {"default": LIMITS}, clock) as quota:
            tasks = [asyncio.ensure_future(_worker(quota, office, chance, latency_s)) for _ in range(WIDTH)]
            if foreign_per_min:
                tasks.append(asyncio.ensure_future(_foreigner(office, foreign_per_min)))
            await clock.sleep(hours * 3600)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return office

    return simulate(story())


SERVERS: dict[str, tuple[Callable[[], list[Rule]], float]] = {
    "sliding windows": (lambda: [Sliding(MINUTE), Sliding(HOUR)], 0.0),
    "fixed windows": (lambda: [Fixed(MINUTE), Fixed(HOUR)], 0.0),
    "token bucket": (lambda: [Bucket(MINUTE), Sliding(HOUR)], 0.0),
    "token bucket of 10": (lambda: [Bucket(MINUTE, 10), Sliding(HOUR)], 0.0),
    "sliding counter": (lambda: [Counter(MINUTE), Counter(HOUR)], 0.0),
    "sliding, half taken by others": (lambda: [Sliding(MINUTE), Sliding(HOUR)], 25.0),
}


def measure(name: str, hours: float, latency_s: tuple[float, float]) -> Result:
    """One server, one range of latencies."""
    make, foreign = SERVERS[name]
    office = spend(make(), hours, latency_s, foreign)
    allowed = sum(min(3000, 100 * (1 + int((min(1.0, hours - hour)) * 60))) for hour in range(int(-(-hours // 1))))
    left = allowed - office.foreign
    calls = len(office.taken_s)
    makespan = 0.0 if foreign or calls < 1000 else office.taken_s[999] / optimum_s(1000, LIMITS)
    words = f"{latency_s[0]:g}-{latency_s[1]:g}"
    return Result(name, words, calls, calls / left, office.refused / (calls + office.refused), makespan)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quota", description=__doc__)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"quota, {options.hours:g} simulated hours at 100/min and 3,000/h", title_justify="left")
    for head in ("server", "latency s", "calls", "used of what is left", "answered 429", "1,000 calls / optimum"):
        table.add_column(head, justify="left" if head == "server" else "right")
    found = []
    for name in SERVERS:
        for latency_s in ((0.05, 0.2), (0.05, 1.0), (1.0, 3.0)):
            one = measure(name, options.hours, latency_s)
            found.append({word: getattr(one, word) for word in Result.__slots__})
            makespan = f"{one.makespan:.3f}" if one.makespan else ""
            table.add_row(name, one.latency_s, f"{one.calls:,}", f"{one.used:.2%}", f"{one.refused:.2%}", makespan)
    Console(width=110).print(table)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
