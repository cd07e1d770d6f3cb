"""`run`, `resume` and `retry`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from bulkreply.belonging import job_of_run
from bulkreply.cli import exporting
from bulkreply.cli.options import Common
from bulkreply.cli.screen import quoted
from bulkreply.cli.setup import account_of, catalog_of, patience_of
from bulkreply.cli.show import emit, show_plan, show_report, talk, watch
from bulkreply.cli.working import run_work
from bulkreply.engine import Progress
from bulkreply.errors import BulkreplyError, UsageProblem, exit_code_of
from bulkreply.execution import Order, execute, resume
from bulkreply.job import Job, read_job
from bulkreply.net.client import Client
from bulkreply.plan import Plan, plan_as_words, resolve_target
from bulkreply.report.summary import read_report
from bulkreply.runs import RunFolder, find_run


@dataclass(frozen=True, slots=True)
class Flags:
    """Options of `run` alone."""

    fresh: bool = False
    accept_changed: bool = False
    strict: bool = False
    limit: int = 0
    yes: bool = False


def run(path: Path, settings: list[str], common: Common, flags: Flags) -> int:
    """Runs a job file, whichever direction it has."""
    job = read_job(path, settings)
    if job.exports:
        return run_export(job, common, fresh=flags.fresh)
    order = order_of(job, common, flags)
    return carry_out(order, execute(order), common)


def run_export(job: Job, common: Common, *, fresh: bool, folder: RunFolder | None = None) -> int:
    """Runs a job that reads Reply."""
    runs = folder.path.parent.parent if folder is not None else None
    order = exporting.order_of(job, common, fresh=fresh, runs=runs)
    return carry_out(order, exporting.work_of(order, order.catalog, folder), common)


def resume_run(name: str | None, common: Common) -> int:
    """Continues an unfinished run."""
    folder = find_run(common.runs, name, unfinished=name is None)
    job = job_of_run(folder)
    if folder.facts().get("state") == "finished":
        folder.tidy()
        talk.print(f"run {folder.name} has finished; nothing is left to do{_unknown_words(folder)}")
        return _finish(folder, common)
    talk.print(f"continuing run {folder.name} of {quoted(job.name)}")
    if job.exports:
        return run_export(job, common, fresh=False, folder=folder)
    order = order_of(job, common, Flags(yes=True), runs=folder.path.parent.parent)
    return carry_out(order, resume(order, folder), common)


def retry_run(name: str, settings: list[str], common: Common, *, yes: bool) -> int:
    """Sends the rejected rows of a run again, through the job file as it is now; never those that may be done."""
    folder = find_run(common.runs, name)
    facts = folder.facts()
    if facts.get("state") != "finished":
        raise UsageProblem(f"run {folder.name} has not finished", hint=f"bulkreply resume {folder.name}")
    keep = _failed_rows(folder)
    if not keep:
        talk.print(f"run {folder.name} has no rejected rows{_unknown_words(folder)}")
        return 0
    path = Path(facts["job_path"])
    job = read_job(path, settings) if path.is_file() else job_of_run(folder)
    order = order_of(job, common, Flags(fresh=True, yes=yes))
    order.keep = keep
    talk.print(f"{len(keep):,} rejected rows of run {folder.name} go again{_unknown_words(folder)}")
    return carry_out(order, execute(order), common)


def _unknown_words(folder: RunFolder) -> str:
    """What there is to say of rows that may have been done, or not."""
    rows = read_report(folder.path).get("rows", {}).get("unknown", 0)
    return f", but for {rows:,} unknown: bulkreply resume --only unknown {folder.name}" if rows else ""


def _failed_rows(folder: RunFolder) -> set[tuple[int, int]]:
    try:
        with (folder.path / "results.csv").open(encoding="utf-8", newline="") as lines:
            return {
                (int(line["file"]), int(line["row"])) for line in csv.DictReader(lines) if line["outcome"] == "rejected"
            }
    except (OSError, KeyError, ValueError):
        raise UsageProblem(f"the results of run {folder.name} are missing or damaged") from None


def order_of(job: Job, common: Common, flags: Flags, runs: Path | None = None) -> Order:
    """A job with the options of the command line."""
    catalog = catalog_of(common)
    target = resolve_target(job, catalog)

    async def progress(done: Progress, client: Client) -> None:
        size = job.target.batch or (target.operation.batch.start if target.operation.batch else 1)
        await watch(done, client, target.operation.label, size)

    def confirm(plan: Plan) -> bool:
        show_plan(plan, plan_as_words(plan, catalog), talk)
        if flags.yes or job.confirm or not plan.gate:
            return True
        if not sys.stdin.isatty():
            raise UsageProblem(f"{target.label} needs --yes, or `confirm: true` in the job, when nobody can be asked")
        return typer.confirm(plan.gate, err=True)

    return Order(
        job=job,
        account=account_of(common, job),
        runs=runs or common.runs,
        catalog=catalog,
        patience=patience_of(common),
        fresh=flags.fresh,
        accept_changed=flags.accept_changed,
        strict=flags.strict,
        limit=flags.limit,
        confirm=confirm,
        watch=progress,
        announce=talk.print,
    )


def carry_out(order: Order, work: Coroutine[Any, Any, Any], common: Common) -> int:
    """Runs to the end, shows the report however it ended, and the reason after it."""
    concluded: list[RunFolder] = []
    order.concluded = concluded.append
    try:
        run_work(work)
    except BulkreplyError as problem:
        if not concluded:
            raise
        _finish(concluded[0], common)
        talk.print(f"[red]{quoted(problem.message)}[/red]")
        if problem.hint:
            talk.print(f"  how to go on: {quoted(problem.hint)}")
        return exit_code_of(problem)
    return _finish(concluded[0], common)


def _finish(folder: RunFolder, common: Common) -> int:
    content = read_report(folder.path)
    show_report(content, str(folder.path), talk)
    if common.as_json:
        emit(content)
    return int(content["exit_code"])
