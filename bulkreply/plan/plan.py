"""A plan: a job resolved against catalog, input and account. Printing it is the dry run; nothing is sent for it."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from bulkreply.ahead import ahead
from bulkreply.catalog import Catalog
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.errors import JobInvalid
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import Mapping, Problem, Rule, bind, columns_of, reject_frame
from bulkreply.mapping.rules import near
from bulkreply.net.client import Client
from bulkreply.plan.cost import Cost, added, cost_of, count_others, rate_classes, spent
from bulkreply.plan.knowledge import read_references
from bulkreply.plan.sets import broken_sets
from bulkreply.plan.stakes import NOTHING, Stakes, stakes_of
from bulkreply.plan.target import open_source, resolve_rules, uncreatable
from bulkreply.records import Reject
from bulkreply.sources import FileSource, seen
from bulkreply.stage import Stage, StageWriter, Verdicts
from bulkreply.targets import Target
from bulkreply.wire.layout import Layouts


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything known before the first record is sent.

    Attributes:
        stage: Every valid record, ready to send.
        duplicates: Rows settled without a call.
        unmapped: Columns neither mapped nor ignored.
        new_names: Referenced object -> names to be created.
        new_fields: Custom field titles to be created, with their type.
        cost: Calls, and the wall clock the quota makes of them.
        checked: Whether names and custom fields were checked at Reply.
        fingerprint: Of the bytes of the input files.
        seen: Of what the file system said of them before they were read.
        fields: Reply fields that are mapped.
        stakes: People it reaches and records it deletes.
        compare: What the rows would change at Reply, and the calls it took to know; None when it was not asked for.
    """

    job: Job
    target: Target
    source: FileSource
    stage: Stage
    duplicates: Verdicts
    unmapped: tuple[str, ...]
    new_names: MappingOf[str, tuple[str, ...]]
    new_fields: MappingOf[str, str]
    cost: Cost
    checked: bool
    spent: tuple[str, ...] = ()
    fingerprint: str = ""
    seen: str = ""
    fields: tuple[str, ...] = ()
    stakes: Stakes = NOTHING
    compare: MappingOf[str, int] | None = None

    @property
    def batching_saves(self) -> int:
        """Calls that one call per row would cost more."""
        return max(0, self.stage.sendable - self.cost.batches)

    @property
    def gate(self) -> str:
        """What a person has to agree to before anything is sent, "" when nothing."""
        rows = f"{self.stage.sendable:,}"
        if self.target.mode is not None and self.target.deletes:
            of = f" of {self.stakes.held:,}" if self.stakes.held >= 0 else ""
            return f"delete up to {rows}{of} {self.target.name} at Reply? There is no undo"
        danger = self.target.danger or ("makes Reply write to real people" if self.stakes.people else "")
        if self.stakes.anyway:
            danger = f"{danger or 'reaches people'}, those who opted out, bounced or are blacklisted included"
        elif danger and self.stakes.people > 0:
            danger += f", up to {self.stakes.people:,} of them"
        return f"{self.target.label}, {rows} rows: it {danger}. Go on?" if danger else ""


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
    source = open_source(job, folder)
    looked = seen([table.path for table in source.tables], SYSTEM_CLOCK.now_s())
    fingerprint = source.fingerprint()
    target, rules = resolve_rules(job, catalog, source)
    known = await read_references(job, target, rules, source, client)
    mapping, problems = bind(rules, target, source.columns, known.types, known.names)
    layouts = Layouts(mapping, catalog.api(target.api).clear_form)
    problems += layouts.problems()
    problems += _ignored_unknown(job, source) + uncreatable(job, target)
    _refuse(problems, job)
    unmapped = _unmapped(job, rules, source)
    if strict and unmapped:
        _refuse([Problem(("ignore",), f"not mapped and not ignored: {', '.join(unmapped)}")], job)
    stage, duplicates = _stage(job, source, mapping, layouts, folder / "stage", keep, limit)
    new_names = _new_names(target, stage) if known.checked else {}
    stakes = await stakes_of(job, target, stage, client)
    others = added(count_others(target, known, stage, new_names), dict(stakes.reads))
    cost = cost_of(client, catalog, target, stage, job.target.batch or 0, others)
    return Plan(
        job=job,
        target=target,
        source=source,
        stage=stage,
        duplicates=duplicates,
        unmapped=unmapped,
        new_names=new_names,
        new_fields=known.new_fields,
        cost=cost,
        checked=known.checked,
        spent=spent(client, target),
        fingerprint=fingerprint,
        seen=looked,
        fields=tuple(sorted({rule.root for rule in rules})),
        stakes=stakes,
    )


def _refuse(problems: list[Problem], job: Job) -> None:
    if problems:
        raise JobInvalid([render(problem, job.path, job.places) for problem in problems])


def _stage(
    job: Job,
    source: FileSource,
    mapping: Mapping,
    layouts: Layouts,
    folder: Path,
    keep: set[tuple[int, int]] | None,
    limit: int,
) -> tuple[Stage, Verdicts]:
    """One pass over the input: read, map and validate, render and write, each a chunk ahead of the next."""
    target = mapping.target
    writer = StageWriter(folder, keep, layouts.spreads, any(names.creatable for names in mapping.names.values()))
    for chunk, mapped in ahead((chunk, mapping.apply(chunk)) for chunk in ahead(source.chunks())):
        if limit:
            rows = mapped.records.head(max(0, limit - writer.read))
            mapped = replace(mapped, records=rows)
        records, unfit = layouts.apply(mapped)
        words = f"none of the calls of {target.name} fits this row"
        rejects = [Reject(row, "", "", "procedure.case", words, file=file) for file, row in unfit.iter_rows()]
        problems = pl.concat([mapped.rejects, reject_frame(rejects)]) if rejects else mapped.rejects
        broken = broken_sets(mapping, chunk, problems)
        if broken.height:  # a set that replaces what Reply holds goes whole or not at all
            problems = pl.concat([problems, broken])
            records = records.join(broken.select("file", "row"), on=["file", "row"], how="anti", maintain_order="left")
        writer.add(records, problems, layouts.lost(mapped))
        if limit and writer.read >= limit:
            break
    if target.mode is None:
        every_time = target.operation.batch is None or target.operation.batch.of == "records"
        return writer.finish(None if every_time else job.policy.duplicate, within_group=True)
    repeats = target.spec is not None and target.spec.repeats and target.word == "insert"
    return writer.finish(None if repeats else job.policy.duplicate)


def _unmapped(job: Job, rules: list[Rule], source: FileSource) -> tuple[str, ...]:
    used = columns_of(rules) | set(job.ignore)
    return tuple(name for name in source.tables[0].columns if name not in used)


def _ignored_unknown(job: Job, source: FileSource) -> list[Problem]:
    columns = source.tables[0].columns
    return [
        Problem(("ignore", i), f"the file has no column {name!r}", near(name, columns))
        for i, name in enumerate(job.ignore)
        if name not in columns
    ]


def _new_names(target: Target, stage: Stage) -> dict[str, tuple[str, ...]]:
    """Referenced object -> names that are created before anything is sent, each in one of its spellings."""
    found: dict[str, dict[str, str]] = {}
    for object_name, name in sorted(stage.slots()):
        found.setdefault(object_name, {}).setdefault(name.lower(), name)
    return {object_name: tuple(sorted(names.values())) for object_name, names in sorted(found.items())}


def plan_as_words(plan: Plan, catalog: Catalog) -> dict[str, Any]:
    """The plan as plain values, for `plan --json`."""
    cost, forecast = plan.cost, plan.cost.forecast
    return {
        "job": plan.job.name,
        "object": plan.target.name,
        "mode": plan.target.word,
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
        "batches": cost.batches,
        "calls": dict(cost.calls),
        "calls_by_rate_class": rate_classes(catalog, cost.calls),
        "batching_saves_calls": plan.batching_saves,
        "batching_saves_s": round(cost.saved_s, 1) if cost.saved_s is not None else None,
        "stakes": plan.stakes.as_words(),
        "quota_spent": list(plan.spent),
        "wall_clock_s": round(forecast.duration_s, 1) if forecast else None,
        "pauses": [str(pause) for pause in forecast.pauses] if forecast else [],
        **({"compare": dict(plan.compare)} if plan.compare is not None else {}),
    }
