"""An export resolved against catalog and account: which listing, which filters, which columns, what it will cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from bulkreply.catalog import Catalog, Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import CALL, filler, inputs_of
from bulkreply.errors import JobInvalid, UsageProblem
from bulkreply.export.pull import identity
from bulkreply.files.output import output_format
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import Problem
from bulkreply.mapping.names import is_id
from bulkreply.mapping.rules import near
from bulkreply.net.client import Client
from bulkreply.plan.cost import rate_classes
from bulkreply.quota import Forecast
from bulkreply.references import read_custom_types, read_names
from bulkreply.shape import Shape, columns_of
from bulkreply.shape.tables import Unwind
from bulkreply.targets import shapes_of
from bulkreply.wire.call import page_call
from bulkreply.wire.paging import read_page


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Everything known before the first page is kept.

    Attributes:
        operation: The listing that is read.
        query: Filters Reply applies, in the query.
        body: Filters Reply applies, in the body.
        local: Filters applied here: field -> value.
        parents: Listings to read, one per parent; one without fields when records have no parent.
        details: Whether every record is read whole, one call each.
        total: Records Reply says there are, -1 when it does not.
        calls: Calls by operation label; with an unknown total, those of one page per listing.
    """

    job: Job
    spec: ObjectSpec
    operation: Operation
    shape: Shape
    query: Mapping[str, str]
    body: Mapping[str, Any]
    local: Mapping[str, Any]
    parents: tuple[Mapping[str, str], ...]
    details: bool
    total: int = -1
    calls: Mapping[str, int] = field(default_factory=dict)
    forecast: Forecast | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """Fields that tell a record from all others: those of its parent, and its own key."""
        named = [filler(self.spec, self.operation, parameter) for parameter in self.operation.parameters]
        return (*(name for name in named if name != self.spec.key), self.spec.key)

    def known_as(self, record: Mapping[str, Any]) -> str:
        """What tells a record from all others, as one text: `5/1001` for a contact in a sequence."""
        own = identity(self.spec, self.operation, record)
        return "/".join([*(str(record.get(name)) for name in self.identity[:-1]), own])


async def make_export_plan(job: Job, catalog: Catalog, client: Client) -> ExportPlan:
    """Checks the job and asks Reply for what has to be known first.

    Raises:
        JobInvalid: The job does not fit the object or the account; all problems at once.
    """
    source, texts = job.source, format_of(job) in ("csv", "tsv")
    spec, operation = _listing(job, catalog)
    inputs = inputs_of(spec, operation)
    known = {**spec.fields, **inputs}
    where = {name: await _filter(client, spec, known.get(name), value) for name, value in source.where.items()}
    problems = _filter_problems(spec, inputs, where)
    needed = [n for n, f in inputs.items() if CALL in f.required and not f.default and n not in where]
    named = {filler(spec, operation, parameter) for parameter in operation.parameters}
    problems += [Problem(("from", "where"), f"{operation.label} needs {n}") for n in needed if n not in named]
    titles = await read_custom_types(client, source.api) if spec.custom is not None else {}
    columns, found = columns_of(spec, job.rules, titles)
    problems += found
    details = source.details and (bool(spec.lookup and spec.lookup.detail) or "get" in spec.operations)
    if source.details and not details:
        problems.append(Problem(("from", "details"), f"{spec.name} cannot be read one by one"))
    if source.incremental and job.target.database is not None and job.target.table_mode != "merge":
        problems.append(Problem(("to", "mode"), "only merge can take in what changed: mode: merge"))
    if problems:
        raise JobInvalid([render(problem, job.path, job.places) for problem in problems])
    fillers = {filler(spec, operation, parameter) for parameter in operation.parameters}
    sent = {name: value for name, value in where.items() if name in inputs and name not in fillers}
    defaults = {n: f.default for n, f in inputs.items() if f.default and n not in sent and n not in fillers}
    parents = await _parents(client, spec, operation, where)
    in_query = operation.method == "GET"
    shape = Shape(spec, columns, unwind_of(job), shapes_of(catalog, spec, spec.fields), texts)
    plan = ExportPlan(
        job=job,
        spec=spec,
        operation=operation,
        shape=shape,
        query={n: _text(v) for n, v in (defaults | sent).items()} if in_query else {},
        body={} if in_query else defaults | sent,
        local={name: value for name, value in where.items() if name not in inputs},
        parents=tuple(parents),
        details=details,
    )
    return await _with_cost(plan, catalog, client)


def unwind_of(job: Job) -> Unwind:
    """What becomes of nested values: kept where the format can, JSON text elsewhere, unless the job says otherwise."""
    if job.target.unwind is not None:
        return job.target.unwind
    return "nested" if format_of(job) in ("parquet", "ndjson") else "json"


def format_of(job: Job) -> str:
    """Format of the file it writes, "" where it fills a database.

    Raises:
        UsageProblem: It is none that can be written.
    """
    target = job.target
    return output_format(target.file, target.format) if target.file is not None else ""


def _listing(job: Job, catalog: Catalog) -> tuple[ObjectSpec, Operation]:
    source = job.source
    try:
        spec = catalog.object(source.object or "", source.api)
        if source.operation:
            return spec, catalog.operation(f"{source.api}.{spec.name}.{source.operation}")
    except UsageProblem as problem:
        found = Problem(("from", "object"), problem.message, problem.hint)
        raise JobInvalid([render(found, job.path, job.places)]) from None
    sweep = spec.lookup.sweep if spec.lookup else ""
    names = [name for name in (sweep, "list", "filter", "get") if name in spec.operations]
    if not names:
        hint = f"name one: operation: {', '.join(n for n, o in spec.operations.items() if o.reads)}"
        found = Problem(("from", "object"), f"{spec.name} has no listing of its own", hint)
        raise JobInvalid([render(found, job.path, job.places)])
    fitting = [name for name in names if set(source.where) <= inputs_of(spec, spec.operations[name]).keys()]
    return spec, spec.operations[(fitting or names)[0]]


def _filter_problems(spec: ObjectSpec, inputs: Mapping[str, Any], where: Mapping[str, Any]) -> list[Problem]:
    known, hint = [*inputs, *spec.fields], f"by {', '.join(inputs) or 'its fields'}"
    return [
        Problem(("from", "where", name), f"{spec.name} cannot be narrowed by {name!r}", near(name, known) or hint)
        for name in where
        if name not in inputs and name.partition(".")[0] not in spec.fields
    ]


async def _filter(client: Client, spec: ObjectSpec, one: Field | None, value: Any) -> Any:
    """A filter's value as its type; where an id is wanted, a name will do."""
    if one is None:
        return value
    if isinstance(value, list):
        return [await _filter(client, spec, one, inside) for inside in value]
    if one.type == "boolean":
        return str(value).lower() in ("true", "yes", "1")
    if one.type in ("id", "integer") and str(value).isdigit():
        return int(value)
    if not one.object or not isinstance(value, str) or is_id(value):
        return value
    other = client.catalog.object(one.object, spec.api)
    found = (await read_names(client, other, one.by or other.natural_key)).one(value)
    if found[1]:
        raise UsageProblem(f"where: {found[2]}")
    return found[0].strip('"') if not found[0].isdigit() else int(found[0])


async def _parents(
    client: Client, spec: ObjectSpec, operation: Operation, where: Mapping[str, Any]
) -> list[dict[str, str]]:
    """The parents whose records are read: those the job names, or all there are."""
    found: list[dict[str, str]] = [{}]
    for parameter in operation.parameters:
        name = filler(spec, operation, parameter)
        if name in where:
            found = [known | {name: str(where[name])} for known in found]
            continue
        one = operation.inputs.get(name) or spec.fields.get(name)
        if one is None or not one.object:
            hint = f"from: {{object: {spec.name}, where: {{{name}: …}}}}"
            raise UsageProblem(f"where: {spec.name} needs {name}", hint=hint)
        found = [known | {name: one_id} for known in found for one_id in await _ids(client, spec, one.object, known)]
    return found


async def _ids(client: Client, spec: ObjectSpec, name: str, known: Mapping[str, str]) -> list[str]:
    """Ids of all records of an object, of those of a parent where it has one."""
    other = client.catalog.object(name, spec.api)
    assert other.lookup is not None
    listing = other.operations[other.lookup.sweep]
    query = {one: known.get(filler(other, listing, one), "") for one in listing.parameters}
    return [str(record[other.key]) async for page in client.pages(listing, query) for record in page.records]


async def _with_cost(plan: ExportPlan, catalog: Catalog, client: Client) -> ExportPlan:
    total = await _total(plan, client)
    size = plan.operation.paging.page_max or 1000
    pages = max(1, ceil(total / (size - 10))) if total >= 0 and plan.operation.paging.style != "none" else 1
    calls = dict(client.counts.by_operation)
    listed = pages * len(plan.parents) + (1 if plan.operation.paging.style != "none" else 0) * len(plan.parents)
    calls[plan.operation.label] = calls.get(plan.operation.label, 0) + listed
    if plan.details:
        name = (plan.spec.lookup.detail if plan.spec.lookup else "") or "get"
        calls[plan.spec.operations[name].label] = max(0, total)
    forecast = client.quota.forecast(rate_classes(catalog, calls), concurrency=client.patience.width)
    return replace(plan, total=total, calls=calls, forecast=forecast)


async def _total(plan: ExportPlan, client: Client) -> int:
    """Records there are, where one small page tells; -1 where Reply does not count."""
    if not plan.operation.paging.total or len(plan.parents) != 1:
        return -1
    named = {p: plan.parents[0][filler(plan.spec, plan.operation, p)] for p in plan.operation.parameters}
    content = await client.read(page_call(plan.operation, 0, 1, {**plan.query, **named}, plan.body))
    return read_page(plan.operation, content, 0, 1).total


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
