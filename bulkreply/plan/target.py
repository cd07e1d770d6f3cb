"""What the `to:` and `from:` of a job mean in the catalog and on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bulkreply.catalog import Catalog, Mode, ObjectSpec, Operation
from bulkreply.errors import JobInvalid, UsageProblem
from bulkreply.files.formats import FileOptions
from bulkreply.job import Job
from bulkreply.job.read import render
from bulkreply.mapping import Problem
from bulkreply.sources import FileSource, open_files


@dataclass(frozen=True, slots=True)
class Target:
    """What the job's `to:` means in the catalog."""

    spec: ObjectSpec
    mode: Mode
    operation: Operation


def resolve_target(job: Job, catalog: Catalog) -> Target:
    """The object, mode and operation of a job.

    Raises:
        JobInvalid: Reply has no such object, or cannot do this to it.
    """
    wanted = job.target
    try:
        spec = catalog.object(wanted.object, wanted.api)
    except UsageProblem as problem:
        found = Problem(("to", "object"), problem.message, problem.hint)
        raise JobInvalid([render(found, job.path, job.places)]) from None
    mode = spec.modes.get(wanted.mode)
    if mode is None:
        hint = f"modes: {', '.join(spec.modes)}" if spec.modes else "it can only be read"
        place = ("to", "mode") if ("to", "mode") in job.places else ("to", "object")
        found = Problem(place, f"{spec.name} has no mode {wanted.mode!r}", hint)
        raise JobInvalid([render(found, job.path, job.places)])
    return Target(spec, mode, spec.operations[mode.operation])


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
