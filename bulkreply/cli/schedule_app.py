"""The `schedule` commands as people type them. Like app.py: heavy modules are imported inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

schedule_app = typer.Typer(help="Jobs that run by themselves.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a schedule.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable answer on stdout.")]


@schedule_app.command()
def add(
    job: Annotated[Path, typer.Argument(metavar="JOB", help="Job file (YAML).", show_default=False)],
    cron: Annotated[str, typer.Option("--cron", help='When: "0 6 * * 1-5", @daily …', show_default=False)],
    tz: Annotated[str, typer.Option("--tz", help="Time zone of --cron, Europe/Berlin.")] = "UTC",
    name: Annotated[str | None, typer.Option("--name", help="Name of the schedule; the job's by default.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Account of bulkreply.toml.")] = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of the run folders.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a job that runs by itself, from this folder."""
    from bulkreply.cli import scheduling

    raise typer.Exit(scheduling.add(job, cron, tz, name=name, account=account, runs=runs, as_json=as_json))


@schedule_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """What runs when, and how it went last time."""
    from bulkreply.cli import scheduling

    raise typer.Exit(scheduling.show(as_json))


@schedule_app.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a schedule; a run of it that is under way goes on, run folders stay."""
    from bulkreply.cli import scheduling

    raise typer.Exit(scheduling.remove(name, as_json))


@schedule_app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Run what is due or was missed, then leave.")] = False,
    width: Annotated[int, typer.Option("--parallel", min=1, max=64, help="Runs under way at once.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Run what becomes due, until stopped with Ctrl-C or SIGTERM."""
    from bulkreply.cli import scheduling

    raise typer.Exit(scheduling.run(once=once, width=width, as_json=as_json))


@schedule_app.command()
def install(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Schedules; all by default.")] = None,
    systemd: Annotated[bool, typer.Option("--systemd", help="A service that keeps the scheduler running.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="A crontab line that looks every minute.")] = False,
    github_actions: Annotated[bool, typer.Option("--github-actions", help="A workflow.")] = False,
    kubernetes: Annotated[bool, typer.Option("--kubernetes", help="Cron jobs of a cluster.")] = False,
    image: Annotated[str, typer.Option("--image", help="Image of --kubernetes.")] = "bulkreply:latest",
    write: Annotated[Path | None, typer.Option("--write", help="Write it here, not to stdout.")] = None,
) -> None:
    """Print what another scheduler needs to run the schedules; without keys."""
    from bulkreply.cli import scheduling

    kinds = {"systemd": systemd, "cron": cron, "github-actions": github_actions, "kubernetes": kubernetes}
    wanted = [kind for kind, chosen in kinds.items() if chosen]
    raise typer.Exit(scheduling.install(wanted, names or [], image, write))
