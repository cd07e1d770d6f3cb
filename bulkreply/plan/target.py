"""What the `to:` and `from:` of a job mean in the catalog and on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bulkreply.catalog import Catalog
from bulkreply.errors import JobInvalid, UsageProblem
from bulkreply.files.formats import FileOptions
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import Problem, Rule, auto_rules
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


def rules_of(job: Job, target: Target, source: FileSource) -> list[Rule]:
    """The rules of a job: its map, or columns called like fields; and what a field means where nothing is said."""
    rules = list(job.rules) or auto_rules(target, source.tables[0].columns)
    mapped = {rule.root for rule in rules}
    made = list(rules)
    for field in target.fields.values():
        if field.default and field.name not in mapped:
            made.append(Rule(field=field.name, value=field.default))
    return [_with_default(rule, target) for rule in made]


def _with_default(rule: Rule, target: Target) -> Rule:
    field = target.fields.get(rule.field)
    return replace(rule, default=field.default) if field and field.default and rule.default is None else rule


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
    return open_files(wanted.file, job.folder, options, spool)
