"""`schedule add`, `list`, `remove`, `run` and `install`."""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.table import Table

from bulkreply.accounts import CONFIG_NAME
from bulkreply.catalog import Catalog
from bulkreply.cli.options import RUNS
from bulkreply.cli.screen import quoted
from bulkreply.cli.show import data, emit, talk
from bulkreply.clock import SYSTEM_CLOCK, iso_utc
from bulkreply.errors import BulkreplyError, Interrupted, UsageProblem
from bulkreply.job import Job, read_job
from bulkreply.mapping.rules import near
from bulkreply.plan import resolve_target
from bulkreply.runs import safe_name
from bulkreply.schedule import Clockwork, Cron, Entry, Ran, Schedule, Standing, Store, next_s
from bulkreply.schedule.units import Placed, crontab, github_actions, kubernetes, systemd, write_unit
from bulkreply.stopping import heeding

_WELL = (0, 5, 11)


def add(
    path: Path, cron: str, zone: str, *, name: str | None, account: str | None, runs: Path | None, as_json: bool
) -> int:
    """Adds a schedule, checked as far as it can be checked now."""
    job, when, now_s = read_job(path), Cron.read(cron, zone), SYSTEM_CLOCK.now_s()
    _check_unattended(job, path)
    if name is not None and name != safe_name(name):
        raise UsageProblem(f"--name {name!r}: letters, digits, - and _ only", hint=f"for example {safe_name(name)}")
    schedule = Schedule(
        name=name or safe_name(job.name),
        job=path.absolute(),  # a link that is moved on by the next release is meant as a link
        cron=when,
        folder=Path.cwd(),
        runs=(runs or RUNS).absolute(),
        account=account or "",
        added_s=now_s,
    )
    entry = Entry(schedule, Standing(seen_s=now_s))
    with Store().changing() as timetable:
        if schedule.name in timetable:
            hint = f"--name gives it another, or: bulkreply schedule remove {schedule.name}"
            raise UsageProblem(f"there is a schedule {schedule.name!r} already", hint=hint)
        timetable[schedule.name] = entry
    if as_json:
        emit(_words(entry, now_s))
    else:
        data.print(f"{schedule.name}: {when.text} {when.zone}, next {_next_text(entry, now_s)}", markup=False)
        talk.print("  next: bulkreply schedule run, or bulkreply schedule install --systemd", markup=False)
    return 0


def _check_unattended(job: Job, path: Path) -> None:
    """Nobody is there when it runs: nothing can be piped in, or asked.

    Raises:
        UsageProblem: The job needs somebody.
    """
    files = job.source.file if isinstance(job.source.file, list) else [job.source.file]
    if "-" in files or job.target.file == "-":
        raise UsageProblem(f"{path}: a job that runs by itself has no standard input or output")
    if job.exports or job.confirm:
        return
    target = resolve_target(job, Catalog())
    anyway = job.policy.do_not_contact == "send" and target.reaches
    if target.danger or target.deletes or anyway:
        what = target.danger or ("reaches people who must not be written to" if anyway else "deletes for good")
        raise UsageProblem(
            f"{path}: {target.label} {what}, and nobody can be asked", hint="say `confirm: true` in the job"
        )


def show(as_json: bool) -> int:
    """All schedules."""
    now_s = SYSTEM_CLOCK.now_s()
    entries = [entry for _, entry in sorted(Store().read().items())]
    if as_json:
        emit([_words(entry, now_s) for entry in entries])
    elif not entries:
        talk.print("no schedules; next: bulkreply schedule add JOB --cron …", markup=False)
    else:
        table = Table("name", "cron", "time zone", "next", "last", "job", box=None)
        for entry in entries:
            cron = entry.schedule.cron
            last = _last_text(entry)
            table.add_row(
                quoted(entry.schedule.name),
                cron.text,
                cron.zone,
                _next_text(entry, now_s),
                last,
                quoted(entry.schedule.job),
            )
        data.print(table)
    return 0


def remove(name: str, as_json: bool) -> int:
    """Removes a schedule."""
    store = Store()
    with store.changing() as timetable:
        if name not in timetable:
            raise _unknown(name, timetable)
        entry = timetable.pop(name)
        if not entry.standing.under_way:
            store.forget(name)
    if as_json:
        emit({"removed": name})
    else:
        data.print(f"removed {name}", markup=False)
    return 0


def run(*, once: bool, width: int, as_json: bool) -> int:
    """Runs what is due: once, or until stopped."""
    store = Store()
    store.read()
    clockwork = Clockwork(store, width=width, announce=_say)
    if once:
        ran = asyncio.run(_stoppable(clockwork, once=True))
        if as_json:
            emit([_ran_words(one) for one in ran])
        return max((abs(one.ending.exit_code) for one in ran if one.ending.exit_code not in _WELL), default=0)
    asyncio.run(_stoppable(clockwork, once=False))
    return 0


async def _stoppable(clockwork: Clockwork, *, once: bool) -> list[Ran]:
    """The first signal stops in good order, with all runs; the second asks the runs to leave at once."""
    stop, seen, loop = asyncio.Event(), list[int](), asyncio.get_running_loop()

    def asked() -> None:
        if len(seen) > 1:
            clockwork.stop()
        stop.set()

    def ask(number: int) -> None:
        seen.append(number)
        loop.call_soon_threadsafe(asked)

    with heeding(ask):
        if not once:
            _say("scheduler begins; Ctrl-C stops it")
        await (clockwork.once(stop) if once else clockwork.keep(stop))
    if seen:
        raise Interrupted("the scheduler was stopped; runs under way go on when it does", signal_number=seen[0])
    return clockwork.ran


def install(kinds: Sequence[str], names: Sequence[str], image: str, write: Path | None) -> int:
    """Prints or writes what another scheduler needs."""
    if len(kinds) != 1:
        raise UsageProblem("give one of --systemd, --cron, --github-actions, --kubernetes")
    timetable = Store().read()
    for name in names:
        if name not in timetable:
            raise _unknown(name, timetable)
    placed = [
        Placed(one.schedule, _variable(one.schedule)) for name, one in timetable.items() if name in names or not names
    ]
    texts = {"systemd": systemd, "cron": crontab, "github-actions": github_actions}
    text = kubernetes(placed, image) if kinds[0] == "kubernetes" else texts[kinds[0]](placed)
    if write is None:
        sys.stdout.write(text)
    else:
        write_unit(write, text)
        talk.print(f"written: {write}; its first lines say what to do with it", markup=False)
    return 0


def _variable(schedule: Schedule) -> str:
    """The environment variable the key of a schedule comes from; the key itself is not looked at."""
    name = schedule.account
    with suppress(BulkreplyError):
        job = read_job(schedule.job)
        name = name or (job.source.account if job.exports else job.target.account) or ""
    if not name and "REPLY_API_KEY" in os.environ:
        return "REPLY_API_KEY"
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "bulkreply"
    for folder in (schedule.job.parent, schedule.folder, home):
        with suppress(OSError, ValueError, AttributeError, KeyError):
            accounts = tomllib.loads((folder / CONFIG_NAME).read_text("utf-8"))["accounts"]
            only = next(iter(accounts)) if len(accounts) == 1 else "default"
            return str(accounts[name or only].get("key_env", "REPLY_API_KEY"))
    return "REPLY_API_KEY"


def _words(entry: Entry, now_s: float) -> dict[str, Any]:
    schedule, standing = entry.schedule, entry.standing
    coming_s = next_s(schedule, standing, now_s)
    return {
        "name": schedule.name,
        "job": str(schedule.job),
        "cron": schedule.cron.text,
        "tz": schedule.cron.zone,
        "account": schedule.account,
        "folder": str(schedule.folder),
        "runs": str(schedule.runs),
        "next": None if coming_s is None else iso_utc(coming_s),
        "next_local": None if coming_s is None else schedule.cron.local(coming_s),
        "due": coming_s is not None and coming_s <= now_s and not standing.under_way,
        "last": None if standing.begun_s is None else _last_words(standing),
        "started": standing.started,
        "skipped": standing.skipped,
        "failed": standing.failed,
        "log": str(Store().output(schedule.name)[1]),
    }


def _last_words(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.word,
        "exit_code": standing.exit_code,
        "run": standing.run,
        "begun": None if standing.begun_s is None else iso_utc(standing.begun_s),
        "ended": None if standing.ended_s is None else iso_utc(standing.ended_s),
        "goes_on": None if standing.resume_s is None else iso_utc(standing.resume_s),
        "message": standing.message,
    }


def _ran_words(ran: Ran) -> dict[str, Any]:
    return {"name": ran.name, "exit_code": ran.ending.exit_code, "run": ran.ending.run, "message": ran.ending.message}


def _next_text(entry: Entry, now_s: float) -> str:
    coming_s = next_s(entry.schedule, entry.standing, now_s)
    if coming_s is None:
        return "never"
    return "now" if coming_s <= now_s else entry.schedule.cron.local(coming_s)


def _last_text(entry: Entry) -> str:
    standing = entry.standing
    if standing.begun_s is None:
        return "-"
    code = "" if standing.exit_code is None else f" (exit {standing.exit_code})"
    return f"{standing.word}{code} {entry.schedule.cron.local(standing.ended_s or standing.begun_s)}"


def _unknown(name: str, timetable: dict[str, Entry]) -> UsageProblem:
    return UsageProblem(f"there is no schedule {name!r}", hint=near(name, timetable) or "see `bulkreply schedule list`")


def _say(line: str) -> None:
    talk.print(f"{iso_utc(SYSTEM_CLOCK.now_s())} {line}", markup=False)
