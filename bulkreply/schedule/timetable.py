"""What is due and what comes next: pure functions of a schedule, how it stands, and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bulkreply.schedule.cron import Cron

LATE_S = 120.0
"""A moment noticed later than this was missed: nobody was there to notice it."""
REWOUND_S = 86_400.0
"""A standing further ahead of the clock than this was written under a wrong clock."""
RETRY_S = 300.0
"""A paused run that does not say when to go on is tried again after this."""
RESUME_MIN_S = 10.0
_WORDS = {0: "finished", 3: "finished with rows to look at", 5: "paused", 11: "skipped", 130: "stopped", 143: "stopped"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the user wants to happen by itself.

    Attributes:
        job: The job file, absolute.
        folder: Where the job is run from; `bulkreply.toml` may lie there.
        account: Account of `bulkreply.toml`, "" for the job's or the environment's.
        runs: Folder of the run folders, absolute.
        added_s: When it was added, Unix seconds; nothing before it is caught up.
    """

    name: str
    job: Path
    cron: Cron
    folder: Path
    runs: Path
    account: str = ""
    added_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a schedule stands.

    Attributes:
        seen_s: All moments up to here are dealt with: run, skipped, or caught up.
        begun_s: When its last run was started, None before the first.
        ended_s: When that run ended, None while it is under way.
        resume_s: When a paused run goes on, None when there is none.
        exit_code: Exit code of the last run; negative for the number of the signal that killed it.
        run: Run id of the last run, "" when it did not come that far.
        message: Why it did not end well, one line.
    """

    seen_s: float
    begun_s: float | None = None
    ended_s: float | None = None
    resume_s: float | None = None
    exit_code: int | None = None
    run: str = ""
    message: str = ""
    started: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def under_way(self) -> bool:
        """Whether a run was started whose end nobody has seen."""
        return self.begun_s is not None and self.ended_s is None

    @property
    def word(self) -> str:
        """How the last run ended."""
        if self.under_way:
            return "running"
        return "" if self.exit_code is None else _WORDS.get(self.exit_code, "failed")


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule has to be run now.

    Attributes:
        moment_s: Since when.
        why: `on time`, `missed` or `to be continued`.
    """

    moment_s: float
    why: str


def due(schedule: Schedule, standing: Standing, now_s: float) -> Due | None:
    """Whether a schedule has to be run now. However many moments have passed unseen, it is run once."""
    if standing.resume_s is not None and standing.resume_s <= now_s:
        return Due(standing.resume_s, "to be continued")
    first_s = schedule.cron.next_after(standing.seen_s)
    if first_s is None or first_s > now_s:
        return None
    return Due(first_s, "missed" if now_s - first_s > LATE_S else "on time")


def next_s(schedule: Schedule, standing: Standing, now_s: float) -> float | None:
    """When a schedule is run next: now when it is due, None when never."""
    moments = [schedule.cron.next_after(standing.seen_s), standing.resume_s]
    return min((max(now_s, moment_s) for moment_s in moments if moment_s is not None), default=None)


def rewound(standing: Standing, now_s: float) -> Standing:
    """A standing after the clock was set back.

    Set back by less than a day, moments that were dealt with are not dealt with again. Further back, the clock was
    wrong before: moments count from now.
    """
    if standing.resume_s is not None and standing.ended_s is not None and standing.ended_s > now_s + REWOUND_S:
        standing = replace(standing, resume_s=now_s)
    return replace(standing, seen_s=now_s) if standing.seen_s > now_s + REWOUND_S else standing


def begun(standing: Standing, now_s: float) -> Standing:
    """A run is being started."""
    return replace(
        standing,
        seen_s=max(standing.seen_s, now_s),
        begun_s=now_s,
        ended_s=None,
        resume_s=None,
        exit_code=None,
        run="",
        message="",
        started=standing.started + 1,
    )


def skipped(standing: Standing, now_s: float) -> Standing:
    """A moment came while its own run was still under way."""
    return replace(standing, seen_s=max(standing.seen_s, now_s), skipped=standing.skipped + 1)


def ended(
    standing: Standing,
    now_s: float,
    exit_code: int,
    *,
    run: str = "",
    message: str = "",
    resume_s: float | None = None,
    stopped: bool = False,
) -> Standing:
    """The run has ended.

    Args:
        resume_s: When a paused run said it can go on.
        stopped: The scheduler itself stopped it, because it was stopped: it goes on when the scheduler does.
    """
    if stopped and exit_code < 0:  # asked so early that it could not yet say so
        exit_code = 143
    goes_on_s: float | None
    if exit_code == 5:
        goes_on_s = now_s + RETRY_S if resume_s is None else max(resume_s, now_s + RESUME_MIN_S)
    else:
        goes_on_s = now_s if stopped and exit_code in (130, 143) else None
    return replace(
        standing,
        ended_s=now_s,
        resume_s=goes_on_s,
        exit_code=exit_code,
        run=run,
        message=message,
        started=standing.started - (exit_code == 11),
        skipped=standing.skipped + (exit_code == 11),
        failed=standing.failed + (exit_code not in _WORDS),
    )


def interrupted(standing: Standing, now_s: float) -> Standing:
    """The scheduler was killed while the run was under way, and the run has not finished: it goes on."""
    return replace(
        standing, ended_s=now_s, resume_s=now_s, exit_code=None, message="the scheduler was killed meanwhile"
    )
