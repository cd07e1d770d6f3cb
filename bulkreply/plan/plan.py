"""A plan: a job resolved against catalog, input and account. Printing it is the dry run; nothing is sent for it."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bulkreply.catalog import Catalog
from bulkreply.errors import JobInvalid
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import GROUP_SEPARATOR, Mapping, Problem, bind, columns_of
from bulkreply.mapping.rules import near
from bulkreply.net.client import Client
from bulkreply.plan.cost import count_calls, foresee, rate_classes, sendable_by_group, spent
from bulkreply.plan.knowledge import read_references
from bulkreply.plan.target import Target, open_source, resolve_target
from bulkreply.quota import Forecast
from bulkreply.sizes import BatchSize
from bulkreply.sources import FileSource
from bulkreply.stage import Stage, StageWriter, Verdicts
from bulkreply.wire.record import render as render_records


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything known before the first record is sent.

    Attributes:
        stage: Every valid record, ready to send.
        duplicates: Rows settled without a call.
        unmapped: Columns neither mapped nor ignored.
        new_names: Referenced object -> names to be created.
        new_fields: Custom field titles to be created, with their type.
        batches: Write calls, if nothing has to be repeated.
        calls: All calls by operation label.
        forecast: Wall clock and quota pauses; None when the account is not known.
        checked: Whether names and custom fields were checked at Reply.
    """

    job: Job
    target: Target
    source: FileSource
    stage: Stage
    duplicates: Verdicts
    unmapped: tuple[str, ...]
    new_names: MappingOf[str, tuple[str, ...]]
    new_fields: MappingOf[str, str]
    batches: int
    calls: MappingOf[str, int]
    checked: bool
    forecast: Forecast | None = None
    spent: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def batching_saves(self) -> int:
        """Calls that one call per row would cost more."""
        return max(0, self.stage.sendable - self.batches)


async def make_plan(
    job: Job,
    catalog: Catalog,
    client: Client | None,
    folder: Path,
    *,
    keep: set[tuple[int, int]] | None = None,
    strict: bool = False,
    limit: int = 0,
) -> Plan:
    """Reads the input, validates every row, stages the valid ones and counts what sending them will cost.

    Args:
        client: None plans without asking Reply: names and custom fields stay unchecked.
        folder: Private folder for staged records and standard input.
        keep: Rows to take, `(file, row)`; None for all.
        strict: Refuse columns that are neither mapped nor ignored.
        limit: Take so many rows only, 0 for all.

    Raises:
        JobInvalid: The job does not fit the input or the account; all problems at once.
        SourceUnreadable: The input is no table.
    """
    target = resolve_target(job, catalog)
    source = open_source(job, folder)
    fingerprint = source.fingerprint()
    known = await read_references(job, target, client)
    mapping, problems = bind(job.rules, target.spec, target.mode, source.columns, known.types, known.names)
    problems += _ignored_unknown(job, source)
    _refuse(problems, job)
    unmapped = _unmapped(job, source)
    if strict and unmapped:
        _refuse([Problem(("ignore",), f"not mapped and not ignored: {', '.join(unmapped)}")], job)
    stage, duplicates = _stage(
        job, source, mapping, catalog.api(target.spec.api).clear_form, folder / "stage", keep, limit
    )
    new_names = _new_names(mapping, stage) if known.checked else {}
    size = BatchSize(target.operation, client.account_name if client else "none", job.target.batch or 0)
    batches = sum(ceil(count / size.now) for count in sendable_by_group(stage).values())
    calls = count_calls(target, known, stage, batches, new_names)
    return Plan(
        job=job,
        target=target,
        source=source,
        stage=stage,
        duplicates=duplicates,
        unmapped=unmapped,
        new_names=new_names,
        new_fields=known.new_fields,
        batches=batches,
        calls=calls,
        checked=known.checked,
        forecast=foresee(client, catalog, calls),
        spent=spent(client, target),
        fingerprint=fingerprint,
    )


def _refuse(problems: list[Problem], job: Job) -> None:
    if problems:
        raise JobInvalid([render(problem, job.path, job.places) for problem in problems])


def _stage(
    job: Job,
    source: FileSource,
    mapping: Mapping,
    clear_form: str,
    folder: Path,
    keep: set[tuple[int, int]] | None,
    limit: int,
) -> tuple[Stage, Verdicts]:
    """One pass over the input: map, validate, render, write."""
    writer = StageWriter(folder, keep)
    for chunk in source.chunks():
        mapped = mapping.apply(chunk)
        bodies = render_records(mapped.records, mapping.sent, clear_form)
        records = mapped.records.select("file", "row", "key", "group").with_columns(bodies)
        if limit:
            records = records.head(max(0, limit - writer.read))
        writer.add(records, mapped.rejects)
        if limit and writer.read >= limit:
            break
    return writer.finish(job.policy.duplicate)


def _unmapped(job: Job, source: FileSource) -> tuple[str, ...]:
    used = columns_of(job.rules) | set(job.ignore)
    return tuple(name for name in source.tables[0].columns if name not in used)


def _ignored_unknown(job: Job, source: FileSource) -> list[Problem]:
    columns = source.tables[0].columns
    return [
        Problem(("ignore", i), f"the file has no column {name!r}", near(name, columns))
        for i, name in enumerate(job.ignore)
        if name not in columns
    ]


def _new_names(mapping: Mapping, stage: Stage) -> dict[str, tuple[str, ...]]:
    reference = mapping.reference
    if reference is None:
        return {}
    tokens = {token[1:] for group in stage.groups for token in group.split(GROUP_SEPARATOR) if token.startswith("+")}
    return {reference.object: tuple(sorted(tokens))} if tokens else {}


def plan_as_words(plan: Plan, catalog: Catalog) -> dict[str, Any]:
    """The plan as plain values, for `plan --json`."""
    forecast = plan.forecast
    return {
        "job": plan.job.name,
        "object": plan.target.spec.name,
        "mode": plan.target.mode.name,
        "operation": plan.target.operation.label,
        "files": [{"path": str(table.path), **dict(table.dialect)} for table in plan.source.tables],
        "rows": {
            "read": plan.stage.read,
            "to_send": plan.stage.sendable,
            "duplicates": plan.stage.duplicates,
            "rejected": plan.stage.invalid,
        },
        "rejects": plan.stage.invalid_by_code,
        "unmapped_columns": list(plan.unmapped),
        "create": {"names": {k: list(v) for k, v in plan.new_names.items()}, "custom_fields": dict(plan.new_fields)},
        "checked_at_reply": plan.checked,
        "batches": plan.batches,
        "calls": dict(plan.calls),
        "calls_by_rate_class": rate_classes(catalog, plan.calls),
        "batching_saves_calls": plan.batching_saves,
        "quota_spent": list(plan.spent),
        "wall_clock_s": round(forecast.duration_s, 1) if forecast else None,
        "pauses": [str(pause) for pause in forecast.pauses] if forecast else [],
    }
