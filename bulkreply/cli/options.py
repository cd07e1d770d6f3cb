"""Options that many commands share. Light: nothing heavy is imported for `--help`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

JobPath = Annotated[Path, typer.Argument(metavar="JOB", help="Job file (YAML).", show_default=False)]
RunName = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="Run id, its beginning, or its folder.", show_default=False)
]
AccountName = Annotated[str | None, typer.Option("--account", help="Account of bulkreply.toml.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Server, when not Reply itself.")]
Limits = Annotated[str | None, typer.Option("--limits", help='Quota windows, "100/60s,3000/1h" or none.')]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of the run folders.")]
RowLimit = Annotated[int, typer.Option("--limit", min=0, help="Take the first N rows only.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Change the job: to.mode=insert.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable answer on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse columns neither mapped nor ignored.")]
Parallel = Annotated[
    int, typer.Option("--parallel", min=0, max=64, help="Calls under way at once; 0: as many as the quota keeps busy.")
]
MaxWait = Annotated[str, typer.Option("--max-wait", help="Longest wait for the quota before pausing (exit 5).")]
Only = Annotated[str | None, typer.Option("--only", help="unknown: read back what a finished run left unknown.")]
OnlyRows = Annotated[str | None, typer.Option("--rows", help="With --only: these rows, 5,7-9.")]
Resend = Annotated[bool, typer.Option("--resend", help="With --only: send again what cannot be read back.")]
Assume = Annotated[str | None, typer.Option("--assume", help="With --only: done, after you looked at Reply.")]
CatalogFolder = Annotated[Path | None, typer.Option("--catalog", help="Catalog file, or folder of them.")]

RUNS = Path("bulkreply-runs")


@dataclass(frozen=True, slots=True)
class Common:
    """Options that most commands share."""

    account: str | None = None
    base_url: str | None = None
    limits: str | None = None
    runs: Path = RUNS
    parallel: int = 0
    max_wait: str = "2h"
    catalog: Path | None = None
    as_json: bool = False
