"""What a run says of its rows, held against what the server's own event log says was done."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

CLASSES = (
    *("created", "updated", "unchanged", "deleted", "called", "exported"),
    *("skipped", "rejected", "unknown", "not_attempted"),
)


@dataclass(frozen=True)
class Line:
    """A line of `results.csv`."""

    row: int
    outcome: str
    reply_id: str = ""
    code: str = ""


@dataclass(frozen=True)
class Effect:
    """Something the server did: to which of its records, and what."""

    id: int
    word: str


@dataclass(frozen=True)
class Compared:
    """How far a run and the server disagree; all but `unknown` are to be 0.

    Attributes:
        lost: Rows that are neither done nor listed as unknown.
        twice: Times something was done that was done before.
        strangers: Effects on what no row speaks of.
        wrong: Rows of which something else is said than was done.
        untold: Rows in no class or in several, counts that do not add up, unknown rows the report does not list.
        unknown: Rows listed for a human.
    """

    rows: int = 0
    lost: int = 0
    twice: int = 0
    strangers: int = 0
    wrong: int = 0
    untold: int = 0
    unknown: int = 0

    def __add__(self, other: Compared) -> Compared:
        return Compared(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def __str__(self) -> str:
        return ", ".join(f"{one.name} {getattr(self, one.name)}" for one in fields(self) if one.name != "rows")

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, done twice or told wrong."""
        return not (self.lost or self.twice or self.strangers or self.wrong or self.untold)


def effects_of(events: Iterable[Mapping[str, Any]], operation: str, repeatable: bool) -> list[Effect]:
    """What an operation did.

    Args:
        repeatable: Whether it may be done again as long as that changes nothing: then only changes are effects.
    """
    mine = (event for event in events if event["operation"] == operation)
    return [Effect(event["id"], event["effect"]) for event in mine if event["changed"] or not repeatable]


def compare(
    keys: Sequence[str],
    lines: Sequence[Line],
    report: Mapping[str, Any],
    effects: Sequence[Effect],
    key_of: Mapping[int, str],
) -> Compared:
    """Holds the results of a run against the effects.

    Args:
        keys: What each row is about, in the order of the file.
        report: `report.json`.
        key_of: Id -> key of all that is, or was, at the server.
    """
    done: dict[str, list[Effect]] = {key: [] for key in keys}
    strangers = 0
    for effect in effects:
        if key_of.get(effect.id) in done:
            done[key_of[effect.id]].append(effect)
        else:
            strangers += 1
    said: dict[int, list[Line]] = {row: [] for row in range(2, len(keys) + 2)}
    for line in lines:
        said.setdefault(line.row, []).append(line)
    lost = wrong = 0
    for row, key in enumerate(keys, 2):
        found = said[row][0] if said[row] else Line(row, "")
        lost += not done[key] and found.outcome != "unknown"
        wrong += bool(done[key]) and not _agree(found, done[key])
    return Compared(
        rows=len(keys),
        lost=lost,
        twice=sum(len(each) - 1 for each in done.values() if each),
        strangers=strangers,
        wrong=wrong,
        untold=sum(len(each) != 1 for each in said.values()) + _untold(lines, report, len(keys)),
        unknown=sum(line.outcome == "unknown" for line in lines),
    )


def _agree(line: Line, done: Sequence[Effect]) -> bool:
    """Whether a line says what was done, to the record it was done to."""
    if line.outcome == "unknown":
        return True
    if line.reply_id and line.reply_id not in {str(effect.id) for effect in done}:
        return False
    return line.outcome in ("called", done[0].word)


def _untold(lines: Sequence[Line], report: Mapping[str, Any], rows: int) -> int:
    """What is amiss with the report."""
    counted, said = Counter(line.outcome for line in lines), report["rows"]
    amiss = sum(counted[word] != said[word] for word in CLASSES) + (said["read"] != rows)
    amiss += sum(said[word] for word in CLASSES) != said["read"]
    listed = sum(one["rows"] for one in report["rejects"])
    return amiss + (listed != said["rejected"] + said["unknown"]) + (report["state"] != "finished")


def read_results(run: Path) -> list[Line]:
    """The lines of `results.csv`.

    Raises:
        AssertionError: `unknown.csv` does not list just the rows that are unknown there.
    """
    with (run / "results.csv").open(encoding="utf-8", newline="") as found:
        lines = [Line(int(one["row"]), one["outcome"], one["reply_id"], one["code"]) for one in csv.DictReader(found)]
    listed, unknown = run / "unknown.csv", [line.row for line in lines if line.outcome == "unknown"]
    rows = []
    if listed.exists():
        with listed.open(encoding="utf-8", newline="") as found:
            rows = [int(one["row"]) for one in csv.DictReader(found)]
    assert rows == unknown, (rows, unknown)
    return lines
