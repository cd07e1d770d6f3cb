"""The end of an execution, whatever kind of end: results, rejects and report are written, the ledger says so."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulkreply.clock import SYSTEM_CLOCK, iso_utc
from bulkreply.errors import BulkreplyError, Interrupted, LedgerUnusable, RunPaused, exit_code_of
from bulkreply.files.rejects import write_rejects
from bulkreply.guard import PERSON
from bulkreply.job import Job
from bulkreply.ledger import Ledger
from bulkreply.net.client import Client
from bulkreply.plan import open_source
from bulkreply.report import Report, summarise, write_report, write_results, write_unknown
from bulkreply.report.summary import exit_code_of_rows, read_report
from bulkreply.runs import UNKNOWN_NAME, Log, RunFolder, append_private
from bulkreply.stage import Stage

RESULTS_NAME = "results.csv"
ANSWERS_NAME = "answers.ndjson"


class Answers:
    """Answers of calls that were made for what they say: a line per call, with the rows it was made for."""

    def __init__(self, path: Path, stage: Stage) -> None:
        self._path = path
        self._stage = stage

    def keep(self, positions: tuple[int, ...], body: bytes) -> None:
        """Appends an answer.

        Raises:
            DiskFatal: The disk refused.
        """
        rows = self._stage.records(pl.Series("position", list(positions), dtype=pl.UInt32))["row"].to_list()
        try:
            answer = orjson.loads(body) if body.strip() else None
        except ValueError:
            answer = body.decode("utf-8", "replace")
        append_private(self._path, orjson.dumps({"rows": rows, "answer": answer}) + b"\n")


def conclude(
    job: Job,
    run: RunFolder,
    ledger: Ledger,
    stage: Stage,
    client: Client,
    began_s: float,
    problem: BulkreplyError | None,
) -> Report:
    """Writes everything an execution leaves behind.

    Args:
        began_s: When this execution began, Unix seconds.
        problem: Why it stopped, None when it came to its end.

    Raises:
        DiskFatal: The run folder cannot be written; the ledger still knows everything.
    """
    now_s = SYSTEM_CLOCK.now_s()
    results = write_results(ledger, stage, run.path / RESULTS_NAME)
    if not results.tally.balances:
        raise LedgerUnusable(f"the rows do not add up: {results.tally.as_words()}", hint="--fresh begins anew")
    state = state_after(problem)
    files = {"results": RESULTS_NAME, "log": "log.jsonl"}
    if (run.path / ANSWERS_NAME).is_file():
        files["answers"] = ANSWERS_NAME
    write_unknown(results.unknown, run.path / UNKNOWN_NAME)
    if results.unknown.height:
        files["unknown"] = UNKNOWN_NAME
    if results.rejects.height:
        files |= _rejects(job, run, results.rejects)
    report = summarise(
        job=job.name,
        run=run.name,
        state=state,
        exit_code=exit_code_of_rows(results) if problem is None else exit_code_of(problem),
        results=results,
        counts=client.counts,
        waited_s=read_report(run.path).get("quota", {}).get("waited_s", 0.0) + client.quota.waited_s,
        utilisation=_utilisation(client, now_s - began_s),
        started_s=float(ledger.facts().get("started_s", began_s)),
        finished_s=now_s,
        files=files,
        message=problem.message if problem else "",
        more=when_to_resume(problem) | sending_words(job, ledger),
    )
    write_report(report, run.path)
    Log(run.path / "log.jsonl").write(
        iso_utc(now_s), state, exit_code=report.exit_code, rows=dict(report.rows), requests=client.counts.sent
    )
    with ledger.transaction():
        ledger.note(state=state)
    if state == "finished" and not results.unknown.height:  # unknown rows may be read back, or sent, later
        run.strip()
    return report


def when_to_resume(problem: BulkreplyError | None) -> dict[str, str]:
    """From when going on makes sense, for schedules; nothing when it is not known."""
    resume_at = problem.resume_at if isinstance(problem, RunPaused) else None
    return {"resume_at": iso_utc(resume_at)} if resume_at is not None else {}


def sending_words(job: Job, ledger: Ledger) -> dict[str, Any]:
    """What the report says of people: who was left out, the caps, and whether they were reached all the same."""
    anyway = ledger.facts().get("do_not_contact") == "send"
    left_out = Counter(code for _, code, _, _ in ledger.failures() if code.startswith(PERSON))
    caps: dict[str, Any] = job.sending.model_dump(exclude_none=True)
    unread = ledger.facts().get("unread_rules", "").split()
    if not (anyway or left_out or caps or unread):
        return {}
    known = {"unread": unread} if unread else {}
    return {"sending": {"do_not_contact": "send" if anyway else "skip", "left_out": dict(left_out), **known, **caps}}


def state_after(problem: BulkreplyError | None) -> str:
    """`finished`, `paused` where it can go on as it is, `failed` where something has to be mended first."""
    if problem is None:
        return "finished"
    return "paused" if isinstance(problem, RunPaused | Interrupted) else "failed"


def _rejects(job: Job, run: RunFolder, rejects: pl.DataFrame) -> dict[str, str]:
    """The rejected rows in the source's own format; without the source, results.csv still names them."""
    with suppress(BulkreplyError):
        paths = write_rejects(open_source(job, run.path).tables, rejects, run.path)
        return {"rejects" if i == 0 else f"rejects {i + 1}": path.name for i, path in enumerate(paths)}
    return {}


def _utilisation(client: Client, duration_s: float) -> float:
    """Calls sent as a share of what the windows allowed in that time."""
    allowed = [window.limit * max(1.0, duration_s / window.period_s) for window, _ in client.quota.spent("v3.default")]
    return min(1.0, client.counts.sent / min(allowed)) if allowed else 0.0
