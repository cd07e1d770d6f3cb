"""What the `to:` and `from:` of a job mean in the catalog and on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bulkreply.catalog import Catalog, ObjectSpec
from bulkreply.catalog.inputs import inputs_of
from bulkreply.errors import JobInvalid, UsageProblem
from bulkreply.files.formats import FileOptions
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import Problem, Rule, auto_rules
from bulkreply.mapping.rules import near
from bulkreply.sources import FileSource, open_files
from bulkreply.targets import Target, object_target, procedure_target


def resolve_target(job: Job, catalog: Catalog) -> Target:
    """The object and mode, or the procedure, of a job.

    Raises:
        JobInvalid: Reply has no such thing, or cannot do this to it.
    """
    wanted = job.target
    try:
        if wanted.procedure is not None:
            place: tuple[str, ...] = ("to", "procedure")
            return procedure_target(catalog, catalog.procedure(wanted.procedure, wanted.api))
        place = ("to", "object")
        assert wanted.object is not None
        spec = catalog.object(wanted.object, wanted.api)
        place = ("to", "mode") if ("to", "mode") in job.places else place
        return object_target(catalog, spec.name, wanted.api, wanted.mode)
    except UsageProblem as problem:
        found = Problem(place, problem.message, problem.hint)
        raise JobInvalid([render(found, job.path, job.places)]) from None


def resolve_rules(job: Job, catalog: Catalog, source: FileSource) -> tuple[Target, list[Rule]]:
    """The target, and the rules that fill it from a source.

    Raises:
        JobInvalid: Reply has no such target.
    """
    target = resolve_target(job, catalog)
    rules = _rules(job, target, source)
    return target.addressed({rule.root for rule in rules}), rules


def _rules(job: Job, target: Target, source: FileSource) -> list[Rule]:
    """The rules of a job: its map, or columns called like fields; and what a field means where nothing is said."""
    rules = list(job.rules) or [
        replace(rule, blank=job.policy.blank, clear=job.policy.clear) for rule in _auto(job, target, source)
    ]
    mapped = {rule.root for rule in rules}
    made = list(rules)
    for field in target.fields.values():
        if field.default and field.name not in mapped:
            made.append(Rule(field=field.name, value=field.default))
    return [_with_default(rule, target) for rule in made]


def _auto(job: Job, target: Target, source: FileSource) -> list[Rule]:
    """Rules for columns called like fields that a call of the target takes; the others are named as unmapped."""
    columns = [name for name in source.tables[0].columns if name not in job.ignore]
    rules = auto_rules(target, columns)
    spec = target.spec
    if spec is None:
        return rules
    taken = {name for operation in target.operations for name in inputs_of(spec, operation)} | set(spec.natural_key)
    taken |= {name for case in target.cases for name in (*case.when, *case.give.values())}
    names_itself = target.word in ("update", "delete") or bool(spec.parent) or not spec.known_by_id
    # elsewhere ids may be another account's
    taken = taken | {spec.key} if names_itself else taken - {spec.key}
    return [rule for rule in rules if rule.root in taken]


def _with_default(rule: Rule, target: Target) -> Rule:
    field = target.fields.get(rule.field)
    return replace(rule, default=field.default) if field and field.default and rule.default is None else rule


def creatable(job: Job, target: Target) -> tuple[str, ...]:
    """Objects that the job allows to create; it may name them by a field that refers to them, such as `lists`."""
    fields = ((name, target.fields.get(name)) for name in job.create_missing)
    return tuple(field.object if field is not None and field.object else name for name, field in fields)


def uncreatable(job: Job, target: Target) -> list[Problem]:
    """What `create_missing` names that cannot be created from a name alone."""
    if not job.create_missing:
        return []
    specs = [target.catalog.object(name, target.api) for name in target.catalog.names(target.api)]
    known = [target.catalog.api(target.api).custom_fields, *(spec.name for spec in specs if _by_name_alone(spec))]
    problems = []
    for i, (name, object_name) in enumerate(zip(job.create_missing, creatable(job, target), strict=True)):
        if object_name not in known:
            hint = near(name, known) or f"known: {', '.join(known)}"
            problems.append(Problem(("create_missing", i), f"{name!r} cannot be created by its name", hint))
    return problems


def _by_name_alone(spec: ObjectSpec) -> bool:
    needed = {field.name for field in spec.fields.values() if "insert" in field.required}
    return "create" in spec.operations and spec.lookup is not None and needed == set(spec.natural_key[:1])


def open_source(job: Job, spool: Path) -> FileSource:
    """The input files of a job."""
    wanted = job.source
    options = FileOptions(
        format=wanted.format,
        encoding=wanted.encoding,
        delimiter=wanted.delimiter,
        quote=wanted.quote,
        sheet=wanted.sheet,
        header_row=wanted.header_row,
    )
    assert wanted.file is not None
    return open_files(wanted.file, job.folder, options, spool)
