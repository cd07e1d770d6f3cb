"""Moments of a cron expression against a clock that is watched minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bulkreply.schedule.cron import Cron

CHANGES = {
    "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-10-03T15:30", "2026-04-04T15:00"],
    "UTC": ["2026-02-28T12:00"],
}


def numbers(low: int, high: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(low, high), min_size=1, max_size=4)


def watched(zone: ZoneInfo, start: datetime, minutes: int, fits: dict[str, frozenset[int]]) -> list[float]:
    """Every minute that shows, for the first time, a wall time that fits; the end of a gap shows all of the gap."""
    found = []
    before = (start - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    highest = before
    for minute in range(minutes):
        moment = start + timedelta(minutes=minute)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        shown = [
            highest + timedelta(minutes=step) for step in range(1, int((wall - highest).total_seconds()) // 60 + 1)
        ]
        if any(
            one.minute in fits["minute"] and one.hour in fits["hour"] and one.isoweekday() % 7 in fits["weekday"]
            for one in shown
        ):
            found.append(moment.timestamp())
        highest = max(highest, wall)
    return found


@given(
    zone=st.sampled_from(sorted(CHANGES)),
    change=st.integers(0, 1),
    lead=st.integers(0, 300),
    minute=numbers(0, 59),
    hour=numbers(0, 5),
    weekday=numbers(0, 6),
)
def test_every_shown_time_counts_once(
    zone: str, change: int, lead: int, minute: frozenset[int], hour: frozenset[int], weekday: frozenset[int]
) -> None:
    start = datetime.fromisoformat(CHANGES[zone][change % len(CHANGES[zone])]).replace(tzinfo=UTC)
    start -= timedelta(minutes=150 + lead)
    listed = (",".join(map(str, sorted(values))) for values in (minute, hour, weekday))
    cron = Cron.read("{} {} * * {}".format(*listed), zone)
    expected = watched(ZoneInfo(zone), start, 900, {"minute": minute, "hour": hour, "weekday": weekday})
    end_s, found = (start + timedelta(minutes=900)).timestamp(), []
    moment_s = cron.next_after(start.timestamp() - 1)
    while moment_s is not None and moment_s < end_s:
        found.append(moment_s)
        moment_s = cron.next_after(moment_s)
    assert found == expected


@given(
    zone=st.sampled_from(sorted(CHANGES)),
    time_s=st.integers(1_700_000_000, 1_900_000_000),
    later_s=st.integers(0, 86_400),
    cron=st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 0 31 * *", "0 6 13 * 5", "@weekly"]),
)
def test_what_comes_next_does_not_depend_on_how_often_it_is_asked(
    zone: str, time_s: int, later_s: int, cron: str
) -> None:
    when = Cron.read(cron, zone)
    first, second = when.next_after(time_s), when.next_after(time_s + later_s)
    assert first is not None
    assert second is not None
    assert first > time_s
    assert second == first if first > time_s + later_s else second > first
