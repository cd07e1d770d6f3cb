"""Jobs through a stand-in that answers wrongly by seed, and what became of their rows held against its event log."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bulkreply
from bulkreply.errors import RunPaused
from tests.flow.account import Account

TIRED = 40
"""Times a run that was paused is continued before the test gives up."""
ON_CONNECTIONS = ("reset_before", "lost_answer", "truncated", "error_before", "error_after")
AS_PAGES = ("html200", "html200_before", "html502", "wrong_type")
IN_RESULTS = ("items_short", "items_long", "items_doubled", "items_null")
SELDOM = {"away": 0.005, "spurious_429_fraction": 0.01, "endless": 0.004, "gzip_bomb": 0.004}


def shares(most: float, *more: str) -> dict[str, float]:
    """Faults that together spoil about so many of all requests; those of results strike bulk answers only."""
    names = (*ON_CONNECTIONS, *AS_PAGES, *IN_RESULTS, *more)
    return {name: round((most - sum(SELDOM.values())) / len(names), 5) for name in names} | SELDOM


@dataclass(frozen=True)
class Row:
    """What the run says of a row."""

    outcome: str
    code: str
    reply_id: int


@dataclass(frozen=True)
class Log:
    """What the stand-in says.

    Attributes:
        changed: Id -> how often it was really changed by an operation.
        before: What it held before the run, by address.
        after: And after.
    """

    changed: Callable[[str, int], int]
    before: Mapping[str, dict[str, Any]]
    after: Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A job, and how each of its rows is judged.

    Attributes:
        job: What comes after `job:` and `from:`.
        judge: Raises when what is said of a row of the file is not what happened.
    """

    job: str
    header: str
    rows: list[str]
    judge: Callable[[int, Row, Log], None]


@dataclass
class Figures:
    """Of all runs of a test."""

    altered: int = 0
    runs: int = 0
    pauses: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        said = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        rows = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        return f"{self.altered:,} answers altered in {self.runs} runs, {self.pauses} pauses: {said}; rows: {rows}"


def play(folder: Path, account: Account, case: Case, faults: Mapping[str, float], figures: Figures) -> None:
    """Runs a job through faults to its end, and judges every row."""
    folder.mkdir()
    (folder / "rows.csv").write_text("\n".join([case.header, *case.rows]) + "\n", "utf-8")
    head = "job: it\nfrom: {file: rows.csv}\n"
    if "policy:" not in case.job:
        head += "policy: {settle_s: 0.1}\n"
    (folder / "job.yaml").write_text(head + case.job, "utf-8")
    (folder / "bulkreply.toml").write_text('[accounts.free]\nkey_env = "REPLY_API_KEY"\nlimits = "none"\n', "utf-8")
    before, drawn, noted = _people(account), _faults(account), len(account.server.ask("events"))
    account.server.change("faults", faults)
    try:
        report = _to_its_end(folder, account, figures)
    finally:
        account.server.change("faults", {})
    events = account.server.ask("events")[noted:]
    changes = Counter((event["operation"], event["id"]) for event in events if event["changed"])
    log = Log(lambda operation, number: changes[operation, number], before, _people(account))
    rows = _rows(folder)
    assert len(rows) == len(case.rows), "every row has one outcome"
    tally = Counter(row.outcome for row in rows)
    assert {word: count for word, count in report["rows"].items() if count} == {"read": len(rows)} | tally
    for i, row in enumerate(rows):
        case.judge(i, row, log)
    new = _faults(account) - drawn
    figures.altered += new.total() - new["slow"]
    figures.faults += new
    figures.runs += 1
    figures.outcomes += tally


def _to_its_end(folder: Path, account: Account, figures: Figures) -> dict[str, Any]:
    for _ in range(TIRED):
        try:
            made = bulkreply.run(
                folder / "job.yaml",
                runs=folder / "runs",
                account="free",
                base_url=account.server.url,
                confirm=True,
            )
        except RunPaused:
            figures.pauses += 1
        else:
            return dict(made.content)
    raise AssertionError(f"paused {TIRED} times")


def _rows(folder: Path) -> list[Row]:
    newest = max((folder / "runs" / "it").glob("*/"), key=lambda path: path.name)
    with (newest / "results.csv").open(newline="", encoding="utf-8") as lines:
        found = sorted(csv.DictReader(lines), key=lambda row: int(row["row"]))
    assert [int(row["row"]) for row in found] == list(range(2, len(found) + 2))
    return [Row(row["outcome"], row["code"], int(row["reply_id"] or 0)) for row in found]


def _people(account: Account) -> dict[str, dict[str, Any]]:
    return {contact["email"]: contact for contact in account.server.ask("contacts")}


def _faults(account: Account) -> Counter[str]:
    return Counter(account.server.ask("state")["faults"])
