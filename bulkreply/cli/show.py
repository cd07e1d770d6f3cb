"""What people see: plans, reports, progress. Talk goes to stderr, data to stdout."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from bulkreply.cli.screen import Screen, quoted
from bulkreply.cli.streams import takes_any_character
from bulkreply.engine import Progress as Done
from bulkreply.net.client import Client
from bulkreply.outcomes import REPORT_ORDER, Outcome
from bulkreply.plan import Plan, plan_as_words
from bulkreply.quota.forecast import spell

LINE_EVERY_S = 30.0
_COLOURS = {
    "created": "green",
    "updated": "blue",
    "changed": "blue",
    "rejected": "red",
    "unknown": "magenta",
    "skipped": "yellow",
}

talk = Screen(stderr=True, highlight=False, emoji=False, soft_wrap=True)
data = Screen(highlight=False, emoji=False, soft_wrap=True)


def show_plan(plan: Plan, catalog_words: Mapping[str, Any], console: Console) -> None:
    """The plan for a person."""
    words = catalog_words
    through = ", ".join(label for label in plan.cost.calls if label in {one.label for one in plan.target.operations})
    target = f"{plan.target.label} through {through or plan.target.operation.label}"
    console.print(f"[bold]{quoted(plan.job.name)}[/bold]: {quoted(target)}")
    for table in plan.source.tables:
        dialect = "".join(f", {name} {value}" for name, value in table.dialect.items() if name != "format")
        console.print(f"  {quoted(table.path)} [dim]({quoted(table.dialect.get('format', '') + dialect)})[/dim]")
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    grid.add_column(justify="right")
    grid.add_column()
    rows = words["rows"]
    grid.add_row(f"{rows['read']:,}", "rows read")
    grid.add_row(f"{rows['to_send']:,}", "to send")
    if rows["duplicates"]:
        grid.add_row(f"{rows['duplicates']:,}", f"duplicates in the file (policy {plan.job.policy.duplicate})")
    if rows["rejected"]:
        reasons = ", ".join(f"{code} {count:,}" for code, count in words["rejects"].items())
        grid.add_row(f"[red]{rows['rejected']:,}[/red]", f"rejected before anything is sent: {reasons}")
    grid.add_row(f"{plan.cost.batches:,}", "batches")
    grid.add_row(f"{sum(plan.cost.calls.values()):,}", _calls(words))
    console.print(grid)
    if plan.compare is not None:
        _show_compare(plan.compare, console)
    if plan.batching_saves:
        hours = f", {spell(plan.cost.saved_s)}" if plan.cost.saved_s else ""
        console.print(f"  batching saves {plan.batching_saves:,} calls{hours}")
    for name, names in plan.new_names.items():
        console.print(f"  [yellow]creates in {name}: {quoted(', '.join(names))}[/yellow]")
    if plan.new_fields:
        fields = ", ".join(f"{title} ({kind})" for title, kind in plan.new_fields.items())
        console.print(f"  [yellow]creates custom fields: {quoted(fields)}[/yellow]")
    if plan.unmapped:
        unmapped = quoted(", ".join(plan.unmapped[:30]) + (" …" if len(plan.unmapped) > 30 else ""))
        console.print(f"  [yellow]columns neither mapped nor ignored: {unmapped}[/yellow]")
    _show_stakes(plan, console)
    _show_time(plan, console)


def _show_stakes(plan: Plan, console: Console) -> None:
    stakes, caps = plan.stakes, plan.job.sending
    if stakes.people:
        number = f"up to {stakes.people:,}" if stakes.people > 0 else "an unknown number of"
        most = [f"{n:,} a {word}" for n, word in ((caps.per_run, "run"), (caps.per_day, "day")) if n is not None]
        console.print(
            f"  [yellow]Reply may write to {number} people[/yellow]{', at most ' if most else ''}{', '.join(most)}"
        )
    if stakes.anyway:
        words = "people who opted out, bounced or are blacklisted are not left out (policy.do_not_contact: send)"
        console.print(f"  [red]{words}[/red]")
    if stakes.refusal:
        console.print(f"  [red]refused: {quoted(stakes.refusal)}[/red]\n    how to go on: {quoted(stakes.hint)}")


def _show_compare(compare: Mapping[str, int], console: Console) -> None:
    parts = (f"[{_COLOURS.get(word, 'default')}]{n:,} {word}[/]" for word, n in compare.items() if word != "calls")
    console.print(f"  compared with Reply: {', '.join(parts)} [dim]({compare['calls']:,} calls)[/dim]")


def _calls(words: Mapping[str, Any]) -> str:
    lanes = ", ".join(f"{lane} {count:,}" for lane, count in words["calls_by_rate_class"].items())
    return f"calls ({lanes})"


def _show_time(plan: Plan, console: Console) -> None:
    forecast = plan.cost.forecast
    if forecast is None:
        console.print("  [dim]names, custom fields and time are not checked: Reply was not asked[/dim]")
        return
    spent = f" · quota spent so far: {', '.join(plan.spent)}" if plan.spent else ""
    console.print(f"  takes about [bold]{spell(forecast.duration_s)}[/bold]{spent}")
    for pause in forecast.pauses:
        console.print(f"    {pause}")


def show_report(content: Mapping[str, Any], folder: str, console: Console) -> None:
    """How a run ended, and what to do next."""
    rows = content["rows"]
    parts = [
        f"[{_COLOURS.get(word, 'default')}]{word.replace('_', ' ')} {rows[word]:,}[/]"
        for word in (outcome.word for outcome in REPORT_ORDER)
        if rows[word]
    ]
    console.print(
        f"[bold]{content['state']}[/bold]: {rows['read']:,} rows read: {' · '.join(parts) or 'nothing to do'}"
    )
    for reject in content["rejects"][:8]:
        console.print(f"  {reject['rows']:,} x {quoted(reject['code'])}, for example row {reject['example']['row']}")
    if unread := content.get("sending", {}).get("unread"):
        console.print(f"  could not be read, so nobody was left out for it: {', '.join(map(quoted, unread))}")
    requests = content["requests"]
    waited = f", waited {spell(content['quota']['waited_s'])} for the quota" if content["quota"]["waited_s"] > 1 else ""
    console.print(f"  {requests['sent']:,} requests, {requests['status_429']} answered 429{waited}")
    console.print(f"  report: {quoted(folder)}/report.html")
    if "rejects" in content["files"]:
        console.print(f"  rows to mend: {quoted(folder)}/{content['files']['rejects']}")
    if "unknown" in content["files"]:
        console.print(f"  rows to look for at Reply: {quoted(folder)}/{content['files']['unknown']}")
    console.print(f"  next: {_next_command(content)}")


def _next_command(content: Mapping[str, Any]) -> str:
    run = content["run"]
    if content["state"] != "finished":
        return f"bulkreply resume {run}"
    if content["rows"].get("unknown"):
        return f"bulkreply resume --only unknown {run}"
    if content["rejects"]:
        row = content["rejects"][0]["example"]["row"]
        return f"bulkreply why {run} {row}   or mend the job and: bulkreply retry {run}"
    return f"bulkreply report {run}"


async def watch(done: Done, client: Client, operation: str, size: int) -> None:
    """Progress until cancelled: a bar on a terminal, a line every 30 s otherwise."""
    lane = ".".join((operation.partition(".")[0], "default"))
    if not talk.is_terminal:
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            eta = _eta(done, client, lane, _size(done, client, operation, size))
            talk.print(f"{done.done:,} of {done.rows:,} rows, {done.doing}, {eta}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[eta]}"))
    with Progress(*columns, console=talk, transient=True) as bar:
        task = bar.add_task("sending", total=done.rows, eta="")
        while True:
            eta = _eta(done, client, lane, _size(done, client, operation, size))
            bar.update(task, completed=done.done, description=done.doing, eta=eta)
            await asyncio.sleep(0.5)


def _size(done: Done, client: Client, operation: str, least: int) -> int:
    """Rows a call has carried so far: calls grow."""
    calls = client.counts.by_operation[operation]
    return max(least, done.done // calls) if calls else least


def _eta(done: Done, client: Client, lane: str, size: int) -> str:
    left = -(-(done.rows - done.done) // max(1, size))
    forecast = client.quota.forecast({lane: left}, concurrency=client.patience.width)
    failed = done.tally.get(Outcome.REJECTED, 0)
    return f"{spell(forecast.duration_s)} left" + (f", {failed:,} rejected" if failed else "")


def emit(content: object) -> None:
    """A value as JSON on stdout."""
    import json

    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=not takes_any_character(), default=str) + "\n")


__all__ = ["data", "emit", "plan_as_words", "show_plan", "show_report", "talk", "watch"]
