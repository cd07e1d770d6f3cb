"""Cron expressions as moments: tables of month ends, leap days, weekdays and clock changes."""

from __future__ import annotations

from datetime import datetime

import pytest

from bulkreply.errors import UsageProblem
from bulkreply.schedule.cron import Cron


def moments(cron: str, zone: str, after: str, count: int) -> list[str]:
    when, time_s, found = Cron.read(cron, zone), datetime.fromisoformat(after).timestamp(), []
    for _ in range(count):
        following_s = when.next_after(time_s)
        assert following_s is not None
        time_s = following_s
        found.append(when.local(time_s))
    return found


# November 2026 begins on a Sunday.
@pytest.mark.parametrize(
    ("weekdays", "days"),
    [
        ("1-5", [2, 3, 4, 5, 6, 9]),
        ("mon-fri", [2, 3, 4, 5, 6, 9]),
        ("0", [1, 8, 15]),
        ("7", [1, 8, 15]),
        ("SUN", [1, 8, 15]),
        ("6", [7, 14, 21]),
        ("5-7", [1, 6, 7, 8]),
        ("1,3", [2, 4, 9, 11]),
        ("1-5/2", [2, 4, 6, 9]),
        ("*/3", [1, 4, 7, 8]),
        ("1/2", [2, 4, 6, 9]),
        ("*", [1, 2, 3]),
    ],
)
def test_weekdays_are_crontab_s(weekdays: str, days: list[int]) -> None:
    found = moments(f"0 6 * * {weekdays}", "UTC", "2026-10-31T23:00+00:00", len(days))
    assert found == [f"2026-11-{day:02}T06:00:00+00:00" for day in days]


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 0 31 * *", "2026-01-31T12:00", ["2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31", "2026-10-31"]),
        ("0 0 30 * *", "2026-01-30T12:00", ["2026-03-30", "2026-04-30", "2026-05-30"]),
        ("0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29", "2032-02-29"]),
        ("0 0 29 2 *", "2096-02-29T12:00", ["2104-02-29"]),
        ("0 0 1 1 *", "2026-12-31T23:59", ["2027-01-01", "2028-01-01"]),
        ("@monthly", "2026-12-01T00:00", ["2027-01-01", "2027-02-01"]),
        ("@weekly", "2026-11-01T00:00", ["2026-11-08", "2026-11-15"]),
        ("0 0 13 * 5", "2026-11-01T00:00", ["2026-11-06", "2026-11-13", "2026-11-20"]),  # either kind of day
        ("0 0 */2 * 5", "2026-11-01T00:00", ["2026-11-13", "2026-11-27"]),  # both: one of them begins with a star
        ("0 0 28-31 feb mon", "2026-02-15T00:00", ["2026-02-16", "2026-02-23", "2026-02-28", "2027-02-01"]),
    ],
)  # fmt: skip
def test_days(cron: str, after: str, expected: list[str]) -> None:
    assert moments(cron, "UTC", after + "+00:00", len(expected)) == [f"{day}T00:00:00+00:00" for day in expected]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # Berlin, 29 March 2026: 02:00 to 03:00 does not exist.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["29T03:00:00+02:00", "30T02:30:00+02:00"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["29T03:00:00+02:00", "30T02:00:00+02:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T01:00+01:00",
         ["29T01:30:00+01:00", "29T03:00:00+02:00", "29T03:30:00+02:00"]),
        # Berlin, 25 October 2026: 02:00 to 03:00 comes twice.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+02:00", ["25T02:30:00+02:00", "26T02:30:00+01:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-25T01:30+02:00",
         ["25T02:00:00+02:00", "25T03:00:00+01:00", "25T04:00:00+01:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:15+01:00", ["26T02:30:00+01:00"]),
        # New York, 8 March 2026 and 1 November 2026.
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["08T03:00:00-04:00", "09T02:30:00-04:00"]),
        ("0 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["08T03:00:00-04:00", "09T02:00:00-04:00"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00-04:00", ["01T01:30:00-04:00", "02T01:30:00-05:00"]),
        ("*/30 1 * * *", "America/New_York", "2026-11-01T00:30-04:00",
         ["01T01:00:00-04:00", "01T01:30:00-04:00", "02T01:00:00-05:00"]),
        # Changes of half an hour, and a day that never was.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["04T02:30:00+11:00", "05T02:15:00+11:00"]),
        ("0 5 * * *", "Pacific/Apia", "2011-12-29T12:00-10:00", ["31T00:00:00+14:00", "31T05:00:00+14:00"]),
        # The same moment, whatever the zone.
        ("0 6 * * *", "Asia/Kolkata", "2026-11-01T00:00+00:00", ["01T06:00:00+05:30", "02T06:00:00+05:30"]),
    ],
)  # fmt: skip
def test_clock_changes(cron: str, zone: str, after: str, expected: list[str]) -> None:
    found = moments(cron, zone, after, len(expected))
    assert [moment[8:] for moment in found] == expected


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("61 * * * *", "minute '61' is not within 0-59"),
        ("* 24 * * *", "hour '24' is not within 0-23"),
        ("* * 0 * *", "day of month '0' is not within 1-31"),
        ("* * * 13 *", "month '13' is not within 1-12 or jan … dec"),
        ("* * * * 8", "day of week '8' is not within 0-7 or sun … sat"),
        ("* * * * foo", "day of week 'foo' is not within 0-7 or sun … sat"),
        ("* * *", "it has 3 fields, not 5"),
        ("0 0 6 * * 1", "it has 6 fields, not 5"),
        ("", "it has 0 fields, not 5"),
        ("@reboot", "it has 1 fields, not 5"),
        ("*/0 * * * *", "minute '*/0' steps by 0"),
        ("9-5 * * * *", "minute '9-5' ends before it begins"),
        ("1,,2 * * * *", "minute '' is not a number, a range or a step"),
        ("٣ * * * *", "minute '٣' is not a number, a range or a step"),
        ("-1 * * * *", "minute '-1' is not a number, a range or a step"),
        ("0 0 30 2 *", "there is no such day, it would never run"),
        ("0 0 31 4,6,9,11 *", "there is no such day, it would never run"),
    ],
)
def test_bad_expressions_give_one_clear_line(cron: str, problem: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        Cron.read(cron, "UTC")
    assert raised.value.message == f"cron {cron!r}: {problem}"


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berlim", "did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "did you mean 'Europe/Berlin'?"),
        ("", "as in the IANA list"),
        ("../../etc/passwd", "as in the IANA list"),
        ("/etc/localtime", ""),
        ("Europe", "did you mean"),
    ],
)
def test_bad_zones_give_one_clear_line(zone: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        Cron.read("0 6 * * *", zone)
    assert raised.value.message == f"there is no time zone {zone!r}"
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("cron", "portable"),
    [
        ("0 6 * * 1-5", "0 6 * * 1-5"),
        ("0 6 * * mon-fri", "0 6 * * 1,2,3,4,5"),
        ("0 6 * * 5-7", "0 6 * * 0,5,6"),
        ("0 6 * jan,jul *", "0 6 * 1,7 *"),
        ("@daily", "0 0 * * *"),
        ("*/15  *  *  7 *", "*/15 * * 7 *"),
    ],
)
def test_other_daemons_understand_it(cron: str, portable: str) -> None:
    assert Cron.read(cron, "UTC").portable == portable
