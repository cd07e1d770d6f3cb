"""Counting: how many calls of one rate class still count, and when the next one may go. No clock, no disk.

A call counts from the moment it is granted until its *answer* is one period old. The server stamps it somewhere
in between, so no sliding window of the server can hold more than the limit.
All times here are whole Unix milliseconds: answers are rounded up, "now" is rounded down.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from bulkreply.quota.limits import Window
from bulkreply.quota.pacing import Pace

_ROWS_MAX = 50_000
_CLOCK_STEP_MS = 1000


def margin_s(period_s: float) -> float:
    """How much longer than the period a call counts: clock granularity, and two clocks drifting apart."""
    return 0.002 + 2e-5 * period_s


class Tally:
    """The answered calls that still count in one window, oldest first."""

    __slots__ = ("_answered", "allowed", "span_ms", "total", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.allowed = window.limit
        self.span_ms = math.ceil((window.period_s + margin_s(window.period_s)) * 1000)
        self.total = 0
        self._answered: deque[tuple[int, int]] = deque()

    def add(self, at_ms: int, calls: int) -> None:
        """Count calls answered at a time, which need not be the latest."""
        answered = self._answered
        self.total += calls
        later: list[tuple[int, int]] = []
        while answered and answered[-1][0] > at_ms:
            later.append(answered.pop())
        if answered and answered[-1][0] == at_ms:
            calls += answered.pop()[1]
        answered.append((at_ms, calls))
        answered.extend(reversed(later))

    def expire(self, now_ms: int) -> None:
        """Forget what no longer counts."""
        answered, horizon_ms = self._answered, now_ms - self.span_ms
        while answered and answered[0][0] <= horizon_ms:
            self.total -= answered.popleft()[1]

    def pull_back(self, now_ms: int) -> None:
        """Calls answered "in the future" (the clock stepped back) were answered now at the latest."""
        calls = 0
        while self._answered and self._answered[-1][0] > now_ms:
            calls += self._answered.pop()[1]
        if calls:
            self.total -= calls
            self.add(now_ms, calls)

    def latest_ms(self) -> int:
        """When the newest call was answered; 0 when there is none."""
        return self._answered[-1][0] if self._answered else 0

    def opening_ms(self, calls: int) -> int | None:
        """When the `calls` oldest answers have left; None when there are not that many."""
        for at_ms, count in self._answered:
            calls -= count
            if calls <= 0:
                return at_ms + self.span_ms
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._answered.clear()
        self.total = 0

    def rows(self) -> Iterable[tuple[int, int]]:
        """(answered ms, calls), oldest first."""
        return self._answered


class Lane:
    """One rate class of the account: its windows, its calls in flight, and until when it is parked."""

    __slots__ = ("bucket_ms", "foreign_flight", "longest_ms", "own_flight", "pace", "parked_at_ms",
                 "parked_until_ms", "rate_class", "reserve", "shortest_s", "tallies")  # fmt: skip

    def __init__(self, rate_class: str, windows: Iterable[Window], reserve: float) -> None:
        self.rate_class = rate_class
        self.reserve = reserve
        self.tallies = sorted((Tally(window) for window in windows), key=lambda tally: tally.span_ms)
        self.own_flight = 0
        self.foreign_flight = 0
        self.parked_at_ms = 0
        self.parked_until_ms = 0
        self.pace: Pace | None = None
        longest = self.tallies[-1]
        self.shortest_s = self.tallies[0].window.period_s
        self.longest_ms = longest.span_ms
        # Answers of one bucket share a row, so that a huge limit does not become a huge file.
        self.bucket_ms = 1 if longest.window.limit <= _ROWS_MAX else max(1, longest.span_ms // _ROWS_MAX)
        self.set_share(None)

    def set_share(self, factor: float | None) -> None:
        """Use only this share of the shortest window (after a 429), on top of the reserve; None: all of it.

        The longer ones keep their count: what contradicts them is the rate, and a share of them would hold calls back
        for as long as they take to pass.
        """
        for tally in self.tallies:
            share = (1.0 - self.reserve) * (factor if factor is not None and tally is self.tallies[0] else 1.0)
            tally.allowed = max(1, int(tally.window.limit * share + 1e-9))

    def stamp_ms(self, now_s: float) -> int:
        """The time under which an answer that arrives now is counted: rounded up to a whole bucket."""
        return math.ceil(now_s * 1000 / self.bucket_ms) * self.bucket_ms

    def add(self, at_ms: int, calls: int) -> None:
        """Count answered calls in every window."""
        for tally in self.tallies:
            tally.add(at_ms, calls)

    def clear(self) -> None:
        """Forget every answered call."""
        for tally in self.tallies:
            tally.clear()

    def park(self, until_ms: int, at_ms: int) -> None:
        """No call before `until_ms`, as learned at `at_ms`; a later end known already stays."""
        if until_ms > self.parked_until_ms:
            self.parked_until_ms, self.parked_at_ms = until_ms, at_ms

    def pull_back(self, now_ms: int) -> bool:
        """Notice a clock that stepped back; True when it did. Nothing then waits for it to catch up."""
        newest_ms = max(self.tallies[-1].latest_ms(), self.parked_at_ms, self.pace.since_ms if self.pace else 0)
        if newest_ms <= now_ms + self.bucket_ms + _CLOCK_STEP_MS:
            return False
        for tally in self.tallies:
            tally.pull_back(now_ms)
        if self.parked_at_ms > now_ms:
            self.parked_until_ms += now_ms - self.parked_at_ms
            self.parked_at_ms = now_ms
        if self.pace is not None and self.pace.since_ms > now_ms:
            self.pace = Pace(self.pace.factor, now_ms)
        return True

    def available(self, now_ms: int) -> int:
        """How many calls may go now."""
        if now_ms < self.parked_until_ms:
            return 0
        flight = self.own_flight + self.foreign_flight
        room = 1 << 60
        for tally in self.tallies:
            tally.expire(now_ms)
            room = min(room, tally.allowed - tally.total - flight)
        return max(0, room)

    def share_now(self, now_ms: int) -> float | None:
        """Apply the learned rate as it stands now; None when there is none (any more)."""
        if self.pace is None:
            return None
        factor = self.pace.factor_at(now_ms, self.shortest_s, self.longest_ms / 1000)
        self.set_share(factor)
        if factor is None:
            self.pace = None
        return factor

    def even_rate_per_s(self, factor: float) -> float:
        """Calls per second when a share of the shortest window is spread evenly."""
        return self.tallies[0].window.limit * (1.0 - self.reserve) * factor / self.shortest_s

    def cautious(self, now_ms: int) -> None:
        """What was spent is unknown: go evenly, at the rate that the tightest window bears for ever."""
        rates = [tally.window.limit / tally.window.period_s for tally in self.tallies]
        self.pace = Pace(min(rates) / rates[0], now_ms)

    def opening_ms(self, now_ms: int) -> int | None:
        """When the next call may go; None when only the answer to a call in flight can tell."""
        opening_ms = max(now_ms, self.parked_until_ms)
        flight = self.own_flight + self.foreign_flight
        for tally in self.tallies:
            tally.expire(now_ms)
            over = tally.total + flight - tally.allowed + 1
            if over > 0:
                leaves_ms = tally.opening_ms(over)
                if leaves_ms is None:
                    return None
                opening_ms = max(opening_ms, leaves_ms)
        return opening_ms
