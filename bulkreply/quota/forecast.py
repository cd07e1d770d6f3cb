"""How long a number of calls will take under the windows, and which pauses they force. Arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bulkreply.quota.limits import Window
from bulkreply.quota.windows import Lane

_SIMULATED_MIN = 20_000
_PAUSE_MIN_S = 1.0
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Pause:
    """Waiting that one window, or an earlier 429, forces on one rate class.

    Attributes:
        window: The window that forces it; None: parked or paced after a 429.
        times: How many separate waits of a second or more.
        total_s: All waiting for this window together.
        longest_s: The longest single wait.
    """

    rate_class: str
    window: Window | None
    times: int
    total_s: float
    longest_s: float

    def __str__(self) -> str:
        cause = f"the limit of {self.window}" if self.window else "a rate the server set by a 429"
        often = f" in {self.times:,} pauses of up to {spell(self.longest_s)}" if self.times > 1 else ""
        return f"waits {spell(self.total_s)}{often} for {cause} ({self.rate_class})"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a number of calls costs from now on.

    Attributes:
        duration_s: From now to the last answer.
        finish_s: The same as Unix time.
        pauses: What the windows force, longest first.
    """

    duration_s: float
    finish_s: float
    pauses: tuple[Pause, ...]


def spell(duration_s: float) -> str:
    """A duration for people: `31 min`, `2 h 10 min`."""
    if duration_s < 90:
        return f"{duration_s:.0f} s"
    hours, minutes = divmod(round(duration_s / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


@dataclass(frozen=True, slots=True)
class LaneState:
    """A rate class as it stands: windows with what counts in them, and from when and how fast calls may go.

    Attributes:
        windows: The window, the calls it allows, for how long a call counts, and the Unix times of the answers.
        flight: Calls under way now.
        parked_until_s: No call before (Unix time).
        spacing_s: Least time between two calls (after a 429).
    """

    windows: tuple[tuple[Window, int, float, list[float]], ...]
    flight: int
    parked_until_s: float
    spacing_s: float

    @classmethod
    def of(cls, lane: Lane, now_ms: int) -> Self:
        """The state of a lane now."""
        factor = lane.share_now(now_ms)
        lane.available(now_ms)
        windows = tuple(
            (
                tally.window,
                tally.allowed,
                tally.span_ms / 1000,
                [at_ms / 1000 for at_ms, calls in tally.rows() for _ in range(calls)],
            )
            for tally in lane.tallies
        )
        spacing_s = 0.0 if factor is None else 1.0 / lane.even_rate_per_s(factor)
        return cls(windows, lane.own_flight + lane.foreign_flight, lane.parked_until_ms / 1000, spacing_s)


@dataclass(slots=True)
class _Waits:
    times: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0

    def add(self, wait_s: float, repeats: int) -> None:
        self.times += repeats if wait_s >= _PAUSE_MIN_S else 0
        self.total_s += wait_s * repeats
        self.longest_s = max(self.longest_s, wait_s)


def foresee(
    calls: Mapping[str, int],
    states: Mapping[str, LaneState],
    now_s: float,
    latency_s: float,
    concurrency: int,
    total: int,
) -> Forecast:
    """Forecast; classes run side by side and share the concurrency.

    Args:
        calls: Calls per rate class; one that counts in two stands in both.
        total: All calls, each once.
    """
    duration_s = total * latency_s / concurrency
    pauses: list[Pause] = []
    for rate_class, count in calls.items():
        if count < 1:
            continue
        state = states.get(rate_class)
        if state is None:
            duration_s = max(duration_s, latency_s)
            continue
        took_s, waits = _simulate(count, state, now_s, latency_s, concurrency)
        duration_s = max(duration_s, took_s)
        pauses += [
            Pause(rate_class, window, some.times, some.total_s, some.longest_s)
            for window, some in waits.items()
            if some.total_s >= _PAUSE_MIN_S
        ]
    pauses.sort(key=lambda pause: -pause.total_s)
    return Forecast(duration_s, now_s + duration_s, tuple(pauses))


@dataclass(slots=True)
class _Rule:
    """One window: `opens[i]` is when it lets call i go, filled in as calls are placed."""

    window: Window
    span_s: float
    opens: list[float]

    @classmethod
    def of(cls, state: LaneState, index: int, count: int, now_s: float, latency_s: float) -> Self | None:
        """The rule; None when so few calls never meet it."""
        window, allowed, span_s, answered = state.windows[index]
        leaving = [at_s - now_s + span_s for at_s in answered] + [latency_s + span_s] * state.flight
        if count + len(leaving) <= allowed:
            return None
        free = max(0, allowed - len(leaving))
        return cls(window, span_s + latency_s, [_NEVER] * free + leaving[-allowed:])


def _simulate(
    count: int, state: LaneState, now_s: float, latency_s: float, concurrency: int
) -> tuple[float, dict[Window | None, _Waits]]:
    """Seconds until the last answer, and the waiting per window.

    Call i goes when call i-concurrency has its answer and, in every window, when call i-limit has left. What follows
    the simulated part repeats with the period of the slowest of these rules.
    """
    cycles_s = [(allowed, span_s + latency_s) for _, allowed, span_s, _ in state.windows]
    simulated = min(count, max(_SIMULATED_MIN, 3 * max(allowed for allowed, _ in cycles_s)))
    places = range(len(state.windows))
    rules = [rule for at in places if (rule := _Rule.of(state, at, simulated, now_s, latency_s)) is not None]
    first_s = max(0.0, state.parked_until_s - now_s)
    step = 1 if state.spacing_s else min(concurrency, *(allowed for allowed, _ in cycles_s))
    starts: list[float] = []
    while len(starts) < simulated:
        done = len(starts)
        block = [first_s] * step
        if done >= concurrency:
            block = [start + latency_s for start in starts[done - concurrency : done - concurrency + step]]
        if state.spacing_s and done:
            block[0] = max(block[0], starts[-1] + state.spacing_s)
        for rule in rules:
            block = list(map(max, block, rule.opens[done : done + step]))
        for rule in rules:
            rule.opens += [start + rule.span_s for start in block]
        starts += block
    del starts[simulated:]
    slowest = max([*cycles_s, (concurrency, latency_s), (1, state.spacing_s)], key=lambda one: one[1] / one[0])
    repeats = -(-(count - simulated) // slowest[0])
    last_s = starts[count - 1 - repeats * slowest[0]] + repeats * slowest[1]
    repeated_from = simulated - slowest[0] if repeats else simulated
    return last_s + latency_s, _waits(starts, rules, latency_s, concurrency, repeated_from, repeats)


def _waits(
    starts: list[float], rules: list[_Rule], latency_s: float, concurrency: int, repeated_from: int, repeats: int
) -> dict[Window | None, _Waits]:
    """Which window made the calls wait for how long; those from `repeated_from` on stand for more rounds."""
    waits: dict[Window | None, _Waits] = {}
    previous = 0.0
    for call, start in enumerate(starts):
        ready = max(previous, starts[call - concurrency] + latency_s) if call >= concurrency else previous
        previous = start
        if start - ready > 1e-6:
            causes = [rule.window for rule in rules if rule.opens[call] >= start - 1e-6]
            times = 1 + repeats if call >= repeated_from else 1
            waits.setdefault(causes[-1] if causes else None, _Waits()).add(start - ready, times)
    return waits
