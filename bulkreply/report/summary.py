"""`report.json` and `report.html`: a run as a value that never changes meaning, and as a page for people."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bulkreply.clock import iso_utc
from bulkreply.errors import DiskFatal
from bulkreply.net.client import Counts
from bulkreply.outcomes import REPORT_ORDER
from bulkreply.report.results import Results
from bulkreply.secrets import redact

SCHEMA_VERSION = 1
SHOWN = 20
"""Unknown rows that a report names; the file lists all."""


@dataclass(frozen=True, slots=True)
class Report:
    """A run as `report.json` says it (DESIGN section 7)."""

    content: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """Exit code of the run."""
        return int(self.content["exit_code"])

    @property
    def rows(self) -> Mapping[str, int]:
        """Rows by outcome word, and `read`."""
        rows: Mapping[str, int] = self.content["rows"]
        return rows


def exit_code_of_rows(results: Results) -> int:
    """0 when every row settled well, 3 when some have to be looked at."""
    return 0 if all(outcome.settled_well for outcome, rows in results.tally if rows) else 3


def summarise(
    *,
    job: str,
    run: str,
    state: str,
    exit_code: int,
    results: Results,
    counts: Counts,
    waited_s: float,
    utilisation: float,
    started_s: float,
    finished_s: float,
    files: Mapping[str, str],
    message: str = "",
    more: Mapping[str, Any] | None = None,
) -> Report:
    """The report of a run.

    Args:
        counts: Requests of all executions of the run.
        waited_s: Seconds all executions waited for the quota.
        utilisation: Share of the allowed calls that were used while the run was sending, 0 to 1.
        message: Why the run stopped, "" when it finished.
        more: What only this kind of run has to say.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "job": job,
        "run": run,
        "state": state,
        "exit_code": exit_code,
        "rows": results.tally.as_words(),
        "requests": counts.as_words(),
        "quota": {
            "waited_s": round(waited_s, 3),
            "utilisation": round(utilisation, 4),
        },
        "started": iso_utc(started_s),
        "finished": iso_utc(finished_s),
        "rejects": [
            {"code": code, "rows": rows, "example": {"row": example}} for code, (rows, example) in results.codes.items()
        ],
        "files": dict(files),
    }
    if results.unknown.height:
        content["unknown"] = [
            {"row": row, "check": redact(words or "").replace("…@…", "…")}
            for row, words in results.unknown.select("row", "message").head(SHOWN).iter_rows()
        ]
    content |= dict(more or {})
    if message:
        content["message"] = message
    return Report(content)


def write_report(report: Report, folder: Path) -> None:
    """Writes both forms, whole or not at all.

    Raises:
        DiskFatal: The disk refused.
    """
    _write(folder / "report.json", json.dumps(report.content, indent=2, ensure_ascii=False) + "\n")
    _write(folder / "report.html", _page(report))


def read_report(folder: Path) -> dict[str, Any]:
    """`report.json` of a run, {} when there is none yet."""
    try:
        found = json.loads((folder / "report.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _page(report: Report) -> str:
    from jinja2 import Environment

    template = (resources.files("bulkreply.report") / "report.html.jinja").read_text("utf-8")
    rows = report.rows
    shares = [
        (word, rows[word], 100 * rows[word] / max(1, rows["read"]))
        for word in (outcome.word for outcome in REPORT_ORDER)
        if rows[word]
    ]
    return Environment(autoescape=True).from_string(template).render(report=report.content, shares=shares)


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
