"""When: five crontab fields and a time zone, as moments. The door to APScheduler, whose CronTrigger does the sums.

The trigger counts on the clock on the wall, without a zone; what the wall shows becomes a moment here. So a time that a
clock change leaves out is the moment of the change, and an hour that comes twice counts the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bulkreply.errors import UsageProblem
from bulkreply.mapping.rules import near

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NUMBER = "[0-9]{1,2}|[a-z]{3}"
_PART = re.compile(rf"(?:\*|(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?)(?:/(?P<step>[0-9]{{1,2}}))?")
_NEVER_BEFORE = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: what it may hold, and the words that stand for numbers in it."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    end: int = 0
    """Where `*` and `n/step` end, when not at `high`."""

    def numbers(self, text: str) -> tuple[int, ...]:
        """The numbers a field stands for, ascending.

        Raises:
            ValueError: With what is wrong, for a person.
        """
        found: set[int] = set()
        for part in text.lower().split(","):
            match = _PART.fullmatch(part)
            if match is None:
                raise ValueError(f"{self.name} {part!r} is not a number, a range or a step")
            first, last, step = match["first"], match["last"], int(match["step"] or 1)
            if step == 0:
                raise ValueError(f"{self.name} {part!r} steps by 0")
            low = self.low if first is None else self._number(first)
            high = self._number(last) if last else low if first and not match["step"] else self.end or self.high
            if low > high:
                raise ValueError(f"{self.name} {part!r} ends before it begins")
            found.update(range(low, high + 1, step))
        return tuple(sorted(found))

    def _number(self, word: str) -> int:
        number = int(word) if word.isdigit() else self.low + self.words.index(word) if word in self.words else -1
        if not self.low <= number <= self.high:
            known = f" or {self.words[0]} … {self.words[-1]}" if self.words else ""
            raise ValueError(f"{self.name} {word!r} is not within {self.low}-{self.high}{known}")
        return number


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS, end=6),  # 0 and 7 are Sunday
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line's five fields in a time zone."""

    text: str
    zone: str

    @staticmethod
    def read(text: str, zone: str) -> Cron:
        """A cron expression as people write it, checked.

        Raises:
            UsageProblem: Not a cron expression, one that never comes, or no such time zone.
        """
        cron = Cron(" ".join(text.split()), zone.strip())
        try:
            never = _next_wall(cron.text, _NEVER_BEFORE) is None
        except ValueError as problem:
            hint = 'minute, hour, day of month, month, day of week, such as "0 6 * * 1-5"; or @hourly, @daily, @weekly'
            raise UsageProblem(f"cron {cron.text!r}: {problem}", hint=hint) from None
        if never:
            raise UsageProblem(f"cron {cron.text!r}: there is no such day, it would never run")
        _zone(cron.zone)
        return cron

    @property
    def portable(self) -> str:
        """The same for cron daemons that know neither nicknames nor names nor Sunday as 7."""
        texts = _NICKNAMES.get(self.text.lower(), self.text).split()
        for i in (3, 4):
            if re.search(r"[a-zA-Z7]", texts[i]):
                numbers = _FIELDS[i].numbers(texts[i])
                texts[i] = ",".join(map(str, sorted({n % 7 for n in numbers} if i == 4 else numbers)))
        return " ".join(texts)

    def next_after(self, time_s: float) -> float | None:
        """The first moment later than `time_s` (Unix seconds), None when there is none."""
        zone = _zone(self.zone)
        wall: datetime | None = datetime.fromtimestamp(time_s, zone).replace(tzinfo=None, fold=0)
        while wall is not None and (wall := _next_wall(self.text, wall)) is not None:
            moment_s = moment_of(wall, zone)
            if moment_s > time_s:
                return moment_s
        return None

    def local(self, time_s: float) -> str:
        """A moment as the clock on the wall shows it, `2026-11-24T06:00:00+01:00`."""
        return datetime.fromtimestamp(int(time_s), _zone(self.zone)).isoformat()


def moment_of(wall: datetime, zone: ZoneInfo) -> float:
    """The moment a clock on the wall shows a time.

    A time that comes twice is meant the first time; one that a clock change leaves out is the moment of the change.
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if second >= first:
        return first
    low, high = int(second), int(first)  # time is left out here: the change lies between the two readings
    offset = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if datetime.fromtimestamp(middle, zone).utcoffset() == offset else (low, middle)
    return float(high)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones() - {"localtime"}
        hint = near(name, known) or "as in the IANA list: Europe/Berlin, America/New_York, UTC"
        raise UsageProblem(
            f"there is no time zone {name!r}", hint=hint if known else "this machine has none: pip install tzdata"
        ) from None


def _next_wall(text: str, after: datetime) -> datetime | None:
    """The next time on the wall that fits; strictly later."""
    start = (after + timedelta(seconds=1)).replace(tzinfo=UTC)
    found = [wall for trigger in _triggers(text) if (wall := trigger.get_next_fire_time(None, start)) is not None]
    return min(found).replace(tzinfo=None) if found else None


@cache
def _triggers(text: str) -> tuple[Any, ...]:
    """APScheduler's triggers for an expression; two when both kinds of day are given, as crontab takes either.

    Fields are handed over as plain numbers and weekdays as names: APScheduler counts weekdays from Monday, and reads
    some expressions by their beginning only.

    Raises:
        ValueError: With what is wrong, for a person.
    """
    try:
        from apscheduler.triggers.cron import CronTrigger
    except ImportError:
        raise UsageProblem("schedules need APScheduler", hint="pip install 'bulkreply[schedule]'") from None

    texts = _NICKNAMES.get(text.lower(), text).split()
    if len(texts) != len(_FIELDS):
        raise ValueError(f"it has {len(texts)} fields, not 5")
    numbers = [field.numbers(part) for field, part in zip(_FIELDS, texts, strict=True)]
    times = {"minute": _listed(numbers[0]), "hour": _listed(numbers[1]), "month": _listed(numbers[3])}
    days = {"day": _listed(numbers[2])}
    weekdays = {"day_of_week": _listed(_DAYS[number % 7] for number in numbers[4])}
    either = not texts[2].startswith("*") and not texts[4].startswith("*")
    kinds = (days, weekdays) if either else (days | weekdays,)
    return tuple(CronTrigger(**times, **kind, timezone=UTC) for kind in kinds)


def _listed(values: Iterable[object]) -> str:
    return ",".join(dict.fromkeys(map(str, values)))
