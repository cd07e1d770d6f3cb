"""`status`, `report` and `why`: looking at runs, without touching anything."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.table import Table

from bulkreply.cli.show import data, emit, show_report, talk
from bulkreply.errors import LedgerUnusable, UsageProblem
from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.report.summary import read_report
from bulkreply.runs import RunFolder, all_runs, find_run
from bulkreply.stage import Stage


def status(name: str | None, runs: Path, as_json: bool) -> int:
    """One run, or all of them."""
    if name is not None:
        words = _status(find_run(runs, name))
        if as_json:
            emit(words)
        else:
            for key, value in words.items():
                for line in value if isinstance(value, list) else [value]:
                    data.print(f"{key:>14}  {line}", markup=False)
        return 0
    found = [_status(run) for run in all_runs(runs)]
    if as_json:
        emit(found)
    elif not found:
        talk.print(f"no runs in {runs}; next: bulkreply run JOB", markup=False)
    else:
        table = Table("run", "job", "state", "done", "of", box=None)
        for one in found:
            table.add_row(one["run"], one["job"], one["state"], f"{one['settled']:,}", f"{one['staged']:,}")
        data.print(table)
    return 0


def _status(run: RunFolder) -> dict[str, Any]:
    words: dict[str, Any] = {"run": run.name, "job": run.job, "state": "damaged", "settled": 0, "staged": 0}
    stage = Stage.load(run.stage_folder)
    try:
        with closing(Ledger.look(run.ledger_path)) as ledger:
            facts, tally = ledger.facts(), ledger.tally()
            in_doubt = sum(len(entry.positions) for entry in ledger.open_entries())
            in_doubt += len(ledger.damaged(stage.positions)) if stage else 0
    except LedgerUnusable:
        return words
    settled = sum(tally.values())
    words |= {
        "state": facts.get("state", "unknown"),
        "settled": settled,
        "staged": stage.positions if stage else settled,
        "in_doubt": in_doubt,
        "rows": {outcome.word: rows for outcome, rows in tally.items()},
        "folder": str(run.path),
    }
    unknown = read_report(run.path).get("unknown", [])
    if unknown:
        words["unknown"] = [f"row {one['row']}: {one['check']}" for one in unknown]
        words["next"] = f"bulkreply resume --only unknown {run.name}"
    return words


def report(name: str | None, runs: Path, as_json: bool) -> int:
    """The report of a run."""
    run = find_run(runs, name)
    content = read_report(run.path)
    if not content:
        raise UsageProblem(f"run {run.name} has no report yet", hint=f"bulkreply resume {run.name}")
    if as_json:
        emit(content)
    else:
        show_report(content, str(run.path), data)
    return 0


def why(name: str, row: int, runs: Path, as_json: bool) -> int:
    """What became of one row."""
    run = find_run(runs, name)
    try:
        with (run.path / "results.csv").open(encoding="utf-8", newline="") as lines:
            found = [line for line in csv.DictReader(lines) if line["row"] == str(row)]
    except (OSError, KeyError):
        raise UsageProblem(f"run {run.name} has no results yet", hint=f"bulkreply resume {run.name}") from None
    if not found:
        raise UsageProblem(f"run {run.name} read no row {row}", hint="the header is row 1; blank rows are not read")
    if as_json:
        emit(found)
        return 0
    for line in found:
        where = f" of file {int(line['file']) + 1}" if line["file"] != "0" else ""
        data.print(f"row {row}{where}: [bold]{line['outcome'].replace('_', ' ')}[/bold]")
        for label, text in (("key", line["key"]), ("Reply id", line["reply_id"]), ("code", line["code"])):
            if text:
                data.print(f"  {label}: {text}", markup=False)
        if line["message"]:
            data.print(f"  {line['message']}", markup=False)
        if line["outcome"] == Outcome.UNKNOWN.word:
            data.print(f"  next: bulkreply resume --only unknown {run.name} --rows {row}", markup=False)
    return 0
