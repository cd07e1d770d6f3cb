"""Limits as the user writes them: `100/60s,3000/1h`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bulkreply.errors import UsageProblem

_UNIT_S = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT_NAME = {60.0: "minute", 3600.0: "hour", 86400.0: "day"}
_LIMIT = re.compile(r"(\d{1,9})/(\d{1,7}(?:\.\d{1,3})?)?(ms|sec|s|min|m|h|d)")
_HINT = "write CALLS/PERIOD such as 100/60s,3000/1h (units ms s m min h d), or none"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` calls in any `period_s` seconds."""

    limit: int
    period_s: float

    def __str__(self) -> str:
        days = self.period_s / 86400.0
        period = _UNIT_NAME.get(self.period_s) or (f"{days:g} days" if days > 1 else f"{self.period_s:g} s")
        return f"{self.limit:,} per {period}"


#: V3: 100 per minute and 3,000 per hour, per user (Reply's documentation; conventions.md section 5).
DEFAULT_LIMITS: tuple[Window, ...] = (Window(100, 60.0), Window(3000, 3600.0))


def parse_limits(text: str) -> tuple[Window, ...]:
    """Read limits such as `100/60s,3000/1h`, shortest period first; `none` means unlimited.

    Raises:
        UsageProblem: The text is not understood; the message quotes the part that is wrong.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(sorted(map(_window, text.split(",")), key=lambda window: window.period_s))


def _window(text: str) -> Window:
    match = _LIMIT.fullmatch(re.sub(r"\s+", "", text).lower())
    if match is None:
        raise UsageProblem(f"limits: cannot read {text.strip()!r}", hint=_HINT)
    limit, number, unit = match.groups()
    period_s = float(number or 1) * _UNIT_S[unit]
    if int(limit) < 1 or period_s < 0.001:
        raise UsageProblem(f"limits: {text.strip()!r} would allow nothing", hint=_HINT)
    return Window(int(limit), period_s)
