"""`check` and `plan`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bulkreply.cli import exporting
from bulkreply.cli.options import Common
from bulkreply.cli.screen import quoted
from bulkreply.cli.setup import account_of, catalog_of, patience_of
from bulkreply.cli.show import data, emit, show_plan, talk
from bulkreply.cli.working import run_work
from bulkreply.engine import compare
from bulkreply.errors import JobInvalid, UsageProblem
from bulkreply.job import Job, read_job
from bulkreply.job.read import render
from bulkreply.mapping import bind
from bulkreply.net.opening import open_client
from bulkreply.plan import make_plan, open_source, plan_as_words, resolve_rules, uncreatable
from bulkreply.wire.layout import Layouts


@dataclass(frozen=True, slots=True)
class Flags:
    """Options of `plan` alone.

    Attributes:
        offline: Whether Reply is not asked at all.
        compare: Whether the records at Reply are read, to say what the rows would change.
        strict: Whether columns that are neither mapped nor ignored are refused.
        limit: Rows to take, 0 for all.
    """

    offline: bool = False
    compare: bool = False
    strict: bool = False
    limit: int = 0


def check(path: Path, settings: list[str], common: Common) -> int:
    """Job, catalog and columns; nothing is asked of Reply and no row is validated."""
    job = read_job(path, settings)
    if job.exports:
        data.print(f"{quoted(path)}: ok, exports {job.source.object}")
        return 0
    with tempfile.TemporaryDirectory(prefix="bulkreply-") as folder:
        source = open_source(job, Path(folder))
        target, rules = resolve_rules(job, catalog_of(common), source)
        mapping, problems = bind(rules, target, source.columns, None, {})
        layouts = Layouts(mapping, "null")
        problems += layouts.problems() + uncreatable(job, target)
    if problems:
        raise JobInvalid([render(problem, path, job.places) for problem in problems])
    if common.as_json:
        emit({"job": job.name, "ok": True, "columns": list(source.tables[0].columns)})
    else:
        data.print(f"{quoted(path)}: ok, {len(rules)} fields of {target.name} from {len(source.tables)} file(s)")
        talk.print(f"  next: bulkreply plan {quoted(path)}")
    return 0


def plan(path: Path, settings: list[str], common: Common, flags: Flags) -> int:
    """The dry run.

    Raises:
        UsageProblem: Reply is to be compared with, and cannot be.
    """
    job = read_job(path, settings)
    if flags.compare and (job.exports or flags.offline):
        hint = "without --offline Reply is asked" if flags.offline else "an export changes nothing there"
        raise UsageProblem("--compare compares what an import sends with what Reply holds", hint=hint)
    if job.exports:
        return exporting.plan_export(job, common)
    return run_work(_plan(job, path, common, flags))


async def _plan(job: Job, path: Path, common: Common, flags: Flags) -> int:
    catalog = catalog_of(common)
    account = account_of(common, job)
    with tempfile.TemporaryDirectory(prefix="bulkreply-") as folder:
        if flags.offline or (account.key is None and not flags.compare):
            made = await make_plan(job, catalog, None, Path(folder), strict=flags.strict, limit=flags.limit)
        else:
            async with open_client(account, catalog, patience=patience_of(common)) as client:
                made = await make_plan(job, catalog, client, Path(folder), strict=flags.strict, limit=flags.limit)
                if flags.compare:
                    made = replace(made, compare=await compare(made, client))
        words = plan_as_words(made, catalog)
        if common.as_json:
            emit(words)
        else:
            show_plan(made, words, data)
            talk.print(f"  next: bulkreply run {quoted(path)}")
    return 0
