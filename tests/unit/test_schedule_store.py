"""The file schedules are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.schedule import Cron, Entry, Schedule, Standing, Store
from bulkreply.schedule.child import command_of, ending_of
from bulkreply.schedule.timetable import begun, ended


def entry(name: str = "nightly") -> Entry:
    schedule = Schedule(
        name,
        Path("/jobs/job.yaml"),
        Cron.read("0 6 * * 1-5", "Europe/Berlin"),
        Path("/jobs"),
        Path("/runs"),
        "main",
        7.5,
    )
    return Entry(schedule, ended(begun(Standing(seen_s=10.0), 20.0), 30.25, 5, run="r", message="m", resume_s=99.0))


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "schedule")
    assert store.read() == {}
    with store.changing() as timetable:
        timetable["nightly"] = entry()
    assert Store(tmp_path / "schedule").read() == {"nightly": entry()}
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in store.folder.iterdir()} == {0o600}
    assert not list(store.folder.glob("*.part"))


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.changing() as timetable:
        timetable["nightly"] = entry()
    with pytest.raises(UsageProblem), store.changing() as timetable:
        del timetable["nightly"]
        raise UsageProblem("no")
    assert list(store.read()) == ["nightly"]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"version": 1}', b'{"version": 1, "timetable": [{}]}', b'{"version": 2}'],
)
def test_damage_is_said_and_nothing_is_lost(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path)
    store.path.write_bytes(damage)
    with pytest.raises(UsageProblem, match=r"timetable\.json"), store.changing() as timetable:
        timetable.clear()
    assert store.path.read_bytes() == damage


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"seen_s": 20.0', '"seen_s": "soon"'),
        ('"seen_s": 20.0', '"soon": 1'),
        ('"tz": "Europe/Berlin"', '"tz": "Nowhere"'),
        ('"cron": "0 6 * * 1-5"', '"cron": "whenever"'),
        ('"job": "/jobs/job.yaml"', '"job": null'),
        ('"resume_s": 99.0', '"resume_s": []'),
        ('"run": "r"', '"run": null'),
        ('"name": "nightly"', '"name": "../nightly"'),
    ],
)
def test_entries_mended_by_hand_are_checked(tmp_path: Path, right: str, wrong: str) -> None:
    store = Store(tmp_path)
    with store.changing() as timetable:
        timetable["nightly"] = entry()
    text = store.path.read_text("utf-8")
    assert right in text
    store.path.write_text(text.replace(right, wrong), "utf-8")
    with pytest.raises(UsageProblem):
        store.read()


def test_a_disk_that_refuses_is_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskFatal), Store(tmp_path / "file" / "schedule").changing():
        pass


def test_a_claim_is_held_by_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    claim = store.claim("nightly")
    assert claim is not None
    assert store.claim("nightly") is None
    other = store.claim("other")
    assert other is not None
    for one in (claim, other):
        one.release()
    again = store.claim("nightly")
    assert again is not None
    again.release()


def test_a_job_is_never_said_yes_for() -> None:
    words = command_of(entry().schedule)
    assert words[1:4] == ["-m", "bulkreply", "run"]
    assert words[4:] == ["/jobs/job.yaml", "--json", "--account", "main", "--runs", "/runs"]


@pytest.mark.parametrize(
    ("code", "out", "err", "expected"),
    [
        (0, '{"run": "r", "exit_code": 0}', "talk", ("r", "", None)),
        (3, '{"run": "r", "exit_code": 3}', "error: no\n", ("r", "", None)),
        (5, '{"run": "r", "message": "wait", "resume_at": "2026-11-25T06:00:00Z"}', "", ("r", "wait", 1795586400.0)),
        (5, '{"run": "r", "message": "wait"}', "", ("r", "wait", None)),
        (2, "", "warning\nerror: a@example.com is wrong\n  how to fix it: mend it\n", ("", "…@… is wrong", None)),
        (1, "[]", "one\ntwo\n\n", ("", "two", None)),
        (-9, '{"run"', "", ("", "", None)),
    ],
)
def test_how_a_run_ended_is_read_from_what_it_said(
    tmp_path: Path, code: int, out: str, err: str, expected: tuple[str, str, float | None]
) -> None:
    output = tmp_path / "out", tmp_path / "err"
    output[0].write_text(out, "utf-8")
    output[1].write_text(err, "utf-8")
    ending = ending_of(code, output)
    assert (ending.run, ending.message, ending.resume_s) == expected
    assert ending.exit_code == code
