"""`export`, and what `run`, `plan`, `check` and `resume` do with jobs that read Reply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bulkreply.catalog import Catalog
from bulkreply.cli.options import Common
from bulkreply.cli.screen import quoted
from bulkreply.cli.setup import account_of, catalog_of, patience_of
from bulkreply.cli.show import data, emit, talk, watch
from bulkreply.cli.working import run_work
from bulkreply.engine import Progress
from bulkreply.errors import UsageProblem
from bulkreply.execution import Order
from bulkreply.export.plan import ExportPlan, make_export_plan
from bulkreply.export.running import export
from bulkreply.job import Job
from bulkreply.job.read import job_of
from bulkreply.net.client import Client
from bulkreply.net.opening import open_client
from bulkreply.plan.cost import rate_classes
from bulkreply.quota.forecast import spell
from bulkreply.runs import RunFolder


def job_from_options(
    name: str, output: str, where: Sequence[str], *, api: str, details: bool, form: str | None, incremental: bool
) -> Job:
    """The job that `bulkreply export contacts -o contacts.csv` stands for.

    Raises:
        UsageProblem: An option cannot be read.
    """
    source: dict[str, Any] = {"object": name, "api": api}
    if where:
        source["where"] = dict(_pair(one) for one in where)
    if details:
        source["details"] = True
    if incremental:
        source["incremental"] = True
    folder = Path()
    target: dict[str, Any] = {"database": output}
    if "://" not in output:
        written = Path(output)
        folder = Path() if "{" in str(written.parent) else written.parent  # what a person types may lie anywhere
        target = {"file": output if folder == Path() else written.name}
    if form:
        target["format"] = form
    return job_of({"job": f"export-{name}", "from": source, "to": target}, folder / "export")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageProblem(f"--where {text}: write it as name=value, such as listId=7")
    return name, value


def order_of(job: Job, common: Common, *, fresh: bool, runs: Path | None = None) -> Order:
    """What to run and how."""

    async def progress(done: Progress, client: Client) -> None:
        await watch(done, client, "v3.default", 1000)

    return Order(
        job=job,
        account=account_of(common, job),
        runs=runs or common.runs,
        catalog=catalog_of(common),
        patience=patience_of(common),
        fresh=fresh,
        watch=progress,
        announce=talk.print,
    )


def work_of(order: Order, catalog: Catalog, run: RunFolder | None = None) -> Any:
    """The work of an export, its plan shown first."""
    return export(order, lambda plan: show_plan(plan, catalog, talk), run)


def plan_export(job: Job, common: Common) -> int:
    """The dry run: what is read, and what it costs."""
    return run_work(_plan(job, common))


async def _plan(job: Job, common: Common) -> int:
    catalog = catalog_of(common)
    async with open_client(account_of(common, job), catalog, patience=patience_of(common)) as client:
        plan = await make_export_plan(job, catalog, client)
    if common.as_json:
        emit(plan_as_words(plan, catalog))
    else:
        show_plan(plan, catalog, data)
        talk.print(f"  next: bulkreply run {quoted(job.path)}")
    return 0


def plan_as_words(plan: ExportPlan, catalog: Catalog) -> dict[str, Any]:
    """The plan as plain values."""
    forecast = plan.forecast
    return {
        "job": plan.job.name,
        "object": plan.spec.name,
        "operation": plan.operation.label,
        "to": plan.job.target.file or "a database",
        "where_at_reply": dict(plan.query) | dict(plan.body),
        "where_here": dict(plan.local),
        "listings": len(plan.parents),
        "records": plan.total if plan.total >= 0 else None,
        "details": plan.details,
        "columns": {name: str(kind) for name, kind in plan.shape.kinds.items()},
        "calls": dict(plan.calls),
        "calls_by_rate_class": rate_classes(catalog, plan.calls),
        "wall_clock_s": round(forecast.duration_s, 1) if forecast else None,
        "pauses": [str(pause) for pause in forecast.pauses] if forecast else [],
    }


def show_plan(plan: ExportPlan, catalog: Catalog, console: Console) -> None:
    """The plan for a person."""
    words = plan_as_words(plan, catalog)
    console.print(
        f"[bold]{quoted(plan.job.name)}[/bold]: export {plan.spec.name} through {plan.operation.label}"
        f" to {quoted(words['to'])}"
    )
    records = f"{plan.total:,} records" if plan.total >= 0 else "records are not counted beforehand"
    listings = f" in {len(plan.parents):,} listings" if len(plan.parents) != 1 else ""
    least = "" if plan.total >= 0 else "at least "
    console.print(f"  {records}{listings}, {len(words['columns'])} columns, {least}{sum(plan.calls.values()):,} calls")
    if plan.details:
        console.print("  every record is read whole: one call each")
    if plan.local:
        console.print(f"  narrowed here, not by Reply: {', '.join(plan.local)}", markup=False)
    if plan.forecast is not None:
        console.print(
            f"  takes {'' if plan.total >= 0 else 'at least '}about [bold]{spell(plan.forecast.duration_s)}[/bold]"
        )
        for pause in plan.forecast.pauses:
            console.print(f"    {pause}")
