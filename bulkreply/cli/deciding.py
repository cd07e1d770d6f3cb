"""`resume --only unknown`: rows whose fate is not known are read back, or decided by who has looked."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import typer

from bulkreply.belonging import job_of_run
from bulkreply.cli.options import Common
from bulkreply.cli.running import Flags, carry_out, order_of
from bulkreply.cli.show import talk
from bulkreply.errors import UsageProblem
from bulkreply.runs import RunFolder, all_runs, find_run
from bulkreply.unknowns import Decision, settle_unknown

MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of `resume` that are about unknown rows."""

    only: str | None = None
    rows: str | None = None
    resend: bool = False
    assume: str | None = None
    yes: bool = False

    @property
    def any(self) -> bool:
        """Whether one was given."""
        return bool(self.only or self.rows or self.resend or self.assume)

    def decision(self) -> Decision:
        """What they say.

        Raises:
            UsageProblem: They do not make sense.
        """
        if self.only != "unknown":
            hint = "bulkreply resume --only unknown RUN, then --resend or --assume done if you have looked"
            raise UsageProblem("--rows, --resend and --assume go with --only unknown", hint=hint)
        if self.assume not in (None, "done"):
            raise UsageProblem(f"--assume {self.assume}: write --assume done", hint="what was not done: --resend")
        if self.assume and self.resend:
            raise UsageProblem("--resend and --assume done contradict each other", hint="--rows tells rows apart")
        return Decision(_numbers(self.rows), self.resend, self.assume == "done")


def resume_unknown(name: str | None, asked: Asked, common: Common) -> int:
    """Settles unknown rows of a finished run."""
    decision = asked.decision()
    folder = find_run(common.runs, name) if name else _newest_with_unknown(common)
    if folder.facts().get("state") != "finished":
        raise UsageProblem(f"run {folder.name} has not finished", hint=f"bulkreply resume {folder.name}")
    job = job_of_run(folder)
    if decision.resend and not asked.yes:
        words = "Send again what may have been done already?"
        if not sys.stdin.isatty():
            raise UsageProblem("--resend needs --yes when nobody can be asked: it may be done twice")
        if not typer.confirm(words, err=True):
            return 130
    order = order_of(job, common, Flags(yes=True), runs=folder.path.parent.parent)
    talk.print(f"reading back unknown rows of run {folder.name}")
    return carry_out(order, settle_unknown(order, folder, decision), common)


def _newest_with_unknown(common: Common) -> RunFolder:
    for run in all_runs(common.runs):
        if (run.path / "unknown.csv").is_file():
            return run
    raise UsageProblem(f"no run in {common.runs} has unknown rows")


def _numbers(text: str | None) -> frozenset[int]:
    """Row numbers of `5,7-9`.

    Raises:
        UsageProblem: It is not written so.
    """
    found: set[int] = set()
    for part in filter(None, (text or "").replace(" ", "").split(",")):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 <= last - first < MOST_ROWS:
            raise UsageProblem(f"--rows {text}: write row numbers as 5,7-9")
        found.update(range(first, last + 1))
    return frozenset(found)
