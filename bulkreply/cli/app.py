"""The commands as people type them. Heavy modules are imported inside the commands, so that `--help` stays fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bulkreply import __version__
from bulkreply.cli.direct_app import direct_app
from bulkreply.cli.options import (
    RUNS,
    AccountName,
    AsJson,
    Assume,
    BaseUrl,
    CatalogFolder,
    Common,
    JobPath,
    Limits,
    MaxWait,
    Only,
    OnlyRows,
    Parallel,
    Resend,
    RowLimit,
    RunName,
    Runs,
    Settings,
    Strict,
    Yes,
)
from bulkreply.cli.schedule_app import schedule_app
from bulkreply.cli.streams import one_line
from bulkreply.errors import BulkreplyError, DiskFatal, exit_code_of

app = typer.Typer(
    name="bulkreply",
    help="Bulk import and export for Reply: one job file, one command, every row accounted for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(direct_app)
app.add_typer(schedule_app, name="schedule")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"bulkreply {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show tracebacks of internal errors.")] = False,
) -> None:
    if verbose:
        os.environ["BULKREPLY_VERBOSE"] = "1"


@app.command()
def demo(
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep the run folders here.")] = None,
) -> None:
    """Show the whole thing: a stand-in Reply, 1,000 contacts, a killed run that resumes."""
    from bulkreply.cli import demonstration

    raise typer.Exit(demonstration.demo(keep))


@app.command()
def check(job: JobPath, settings: Settings = None, as_json: AsJson = False, catalog: CatalogFolder = None) -> None:
    """Check a job file against the catalog and its input, without asking Reply."""
    from bulkreply.cli import planning

    raise typer.Exit(planning.check(job, settings or [], Common(catalog=catalog, as_json=as_json)))


@app.command()
def plan(
    job: JobPath,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Reply for names and fields.")] = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Read Reply's records and say what the rows would change; costs calls."),
    ] = False,
    strict: Strict = False,
    limit: RowLimit = 0,
    settings: Settings = None,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """The dry run: rows, rejects, calls, wall clock with quota pauses. Nothing is written at Reply."""
    from bulkreply.cli import planning

    common = Common(account, base_url, limits, catalog=catalog, as_json=as_json)
    flags = planning.Flags(offline, compare, strict, limit)
    raise typer.Exit(planning.plan(job, settings or [], common, flags))


@app.command()
def run(
    job: JobPath,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, leave an unfinished run.")] = False,
    accept_changed_input: Annotated[
        bool, typer.Option("--accept-changed-input", help="Go on with a changed input or job, by row key.")
    ] = False,
    strict: Strict = False,
    limit: RowLimit = 0,
    settings: Settings = None,
    yes: Yes = False,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    runs: Runs = RUNS,
    parallel: Parallel = 0,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Run a job; an unfinished run of the same job and input is continued."""
    from bulkreply.cli import running

    common = Common(account, base_url, limits, runs, parallel, max_wait, catalog, as_json)
    flags = running.Flags(fresh, accept_changed_input, strict, limit, yes)
    raise typer.Exit(running.run(job, settings or [], common, flags))


@app.command()
def resume(
    run: RunName = None,
    only: Only = None,
    rows: OnlyRows = None,
    resend: Resend = False,
    assume: Assume = None,
    yes: Yes = False,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    runs: Runs = RUNS,
    parallel: Parallel = 0,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Continue a run that was killed, paused or stopped; without RUN the latest unfinished one."""
    from bulkreply.cli import deciding, running

    common = Common(account, base_url, limits, runs, parallel, max_wait, catalog, as_json)
    asked = deciding.Asked(only, rows, resend, assume, yes)
    raise typer.Exit(deciding.resume_unknown(run, asked, common) if asked.any else running.resume_run(run, common))


@app.command()
def retry(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run whose failed rows go again.")],
    yes: Yes = False,
    settings: Settings = None,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    runs: Runs = RUNS,
    parallel: Parallel = 0,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send only the failed rows of a run again: from the original file, through the job as it is now."""
    from bulkreply.cli import running

    common = Common(account, base_url, limits, runs, parallel, max_wait, catalog, as_json)
    raise typer.Exit(running.retry_run(run, settings or [], common, yes=yes))


@app.command()
def status(run: RunName = None, runs: Runs = RUNS, as_json: AsJson = False) -> None:
    """What the runs are doing, or how one stands."""
    from bulkreply.cli import looking

    raise typer.Exit(looking.status(run, runs, as_json))


@app.command()
def report(run: RunName = None, runs: Runs = RUNS, as_json: AsJson = False) -> None:
    """The report of a run, the latest by default."""
    from bulkreply.cli import looking

    raise typer.Exit(looking.report(run, runs, as_json))


@app.command()
def why(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or its folder.")],
    row: Annotated[int, typer.Argument(metavar="ROW", help="Row number as the spreadsheet shows it.")],
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """What became of one row, and why."""
    from bulkreply.cli import looking

    raise typer.Exit(looking.why(run, row, runs, as_json))


@app.command()
def objects(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Object or procedure, such as contacts.")] = None,
    api: Annotated[str, typer.Option("--api", help="v3, v2 or v1.")] = "v3",
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole table, for a README.")] = False,
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """What Reply keeps, what can be done to it, and how sure that is."""
    from bulkreply.cli import browsing

    raise typer.Exit(browsing.objects(name, api, catalog, as_json, markdown))


@app.command()
def schema(catalog: CatalogFolder = None) -> None:
    """JSON Schema of job files, for editors."""
    from bulkreply.cli import browsing

    raise typer.Exit(browsing.schema(catalog))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 8008,
    limits: Annotated[str, typer.Option("--limits", help="Quota windows, or none.")] = "100/60s,3000/1h",
    windows: Annotated[str, typer.Option("--windows", help="sliding or fixed.")] = "sliding",
    key: Annotated[list[str] | None, typer.Option("--key", help="Accepted key; each is an account.")] = None,
    switch: Annotated[list[str] | None, typer.Option("--switch", help="Behaviour, v3.import_mode=job.")] = None,
    fault: Annotated[list[str] | None, typer.Option("--fault", help="Fault and share, lost_answer=0.02.")] = None,
    latency_ms: Annotated[str, typer.Option("--latency-ms", help="Range, 20-80.")] = "0-0",
    seed: Annotated[int, typer.Option("--seed", help="For chance.")] = 0,
    seed_contacts: Annotated[int, typer.Option("--seed-contacts", help="Contacts to begin with.")] = 0,
    state: Annotated[Path | None, typer.Option("--state", help="File that keeps what it holds.")] = None,
) -> None:
    """A stand-in for Reply on this machine, with quota and faults."""
    from bulkreply.cli import sandboxing

    raise typer.Exit(
        sandboxing.sandbox(
            port, limits, windows, key or ["sandbox"], switch or [], fault or [], latency_ms, seed, seed_contacts, state
        )
    )


@app.command()
def doctor(account: AccountName = None, base_url: BaseUrl = None, runs: Runs = RUNS, as_json: AsJson = False) -> None:
    """Check machine, folders, key and server."""
    from bulkreply.cli import diagnosis

    raise typer.Exit(diagnosis.doctor(Common(account, base_url, runs=runs, as_json=as_json)))


def run_app() -> int:
    """Runs the command line; the exit code."""
    try:
        return _code_of_app()
    except BulkreplyError as error:
        for line in error.message.splitlines():
            sys.stderr.write(f"error: {one_line(line)}\n")
        if error.hint:
            sys.stderr.write(f"  how to fix it: {one_line(error.hint)}\n")
        return exit_code_of(error)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        if os.environ.get("BULKREPLY_VERBOSE"):
            raise
        about = f"{Path(str(error.filename)).name}: " if error.filename else ""
        sys.stderr.write(f"error: the system refused: {one_line(about)}{error.strerror or type(error).__name__}\n")
        return DiskFatal.exit_code
    except BaseException as error:
        # A panic of a library written in Rust is no Exception.
        if os.environ.get("BULKREPLY_VERBOSE") or not (isinstance(error, Exception) or "Panic" in type(error).__name__):
            raise
        sys.stderr.write(f"internal error: {type(error).__name__} (-v shows where)\n")
        return 1


def _code_of_app() -> int:
    """The exit code of a command that came to its end, or of words that are no command."""
    try:
        app()
    except SystemExit as leave:
        if leave.code != 1:
            return leave.code if isinstance(leave.code, int) else 0
        # Only typer leaves so: when the reader of a pipe has gone, or a question was answered with Ctrl-C.
        return 0 if type(sys.stdout).__name__ == "PacifyFlushWrapper" else 130
    return 0
