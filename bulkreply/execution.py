"""job -> plan -> engine -> report: begins a run, or continues one, and always leaves a report."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bulkreply.accounts import ReplyAccount
from bulkreply.carry import carry_over
from bulkreply.catalog import Catalog
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.engine import Engine, Identities, Progress, Rules
from bulkreply.errors import BulkreplyError, DiskFatal, InputChanged, Interrupted, KeyRefused, LedgerUnusable
from bulkreply.job import Job
from bulkreply.job.read import job_of
from bulkreply.ledger import Ledger
from bulkreply.net.client import Client, Patience, open_client
from bulkreply.plan import Plan, make_plan, open_source, resolve_target
from bulkreply.references import create, create_custom_fields, read_names
from bulkreply.report import Report
from bulkreply.runs import RunFolder, create_run, locked, unfinished_run
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage
from bulkreply.targets import Target
from bulkreply.wrapup import ANSWERS_NAME, Answers, conclude

Watch = Callable[[Progress, Client], Awaitable[None]]
Announce = Callable[[str], None]


@dataclass(slots=True)
class Order:
    """What to run and how.

    Attributes:
        runs: Folder that holds all run folders.
        fresh: Begin anew even when an unfinished run exists.
        accept_changed: Go on although input or job changed: records already settled as they stand are not sent again.
        keep: Rows to take, `(file, row)`; None for all.
        confirm: Shown the plan before anything is sent; False stops.
        watch: Runs beside the engine, for progress.
        announce: Told what is worth a line.
        concluded: Told the run folder once its report is written.
    """

    job: Job
    account: ReplyAccount
    runs: Path
    catalog: Catalog = field(default_factory=Catalog)
    patience: Patience = field(default_factory=Patience)
    fresh: bool = False
    accept_changed: bool = False
    strict: bool = False
    limit: int = 0
    keep: set[tuple[int, int]] | None = None
    confirm: Callable[[Plan], bool] | None = None
    watch: Watch | None = None
    announce: Announce = print
    concluded: Callable[[RunFolder], None] = lambda run: None


async def execute(order: Order) -> tuple[RunFolder, Report]:
    """Runs a job to its end, or as far as it goes; continues its unfinished run if there is one.

    Raises:
        BulkreplyError: Nothing was begun; or the run stopped, with its report written.
    """
    with locked(order.runs, order.job.name):
        run = None if order.fresh else unfinished_run(order.runs, order.job.name)
        changed_from = None
        if run is not None:
            changes = changes_of(run, order.job)
            if changes and not order.accept_changed:
                hint = "--accept-changed-input sends what is new or changed, --fresh begins anew"
                raise InputChanged(f"run {run.name} of this job has not finished, and {'; '.join(changes)}", hint=hint)
            changed_from = run if changes else None
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            if run is not None and changed_from is None:
                order.announce(f"continuing run {run.name}")
                return run, await _continue(order, client, run)
            begun = await _begin(order, client, changed_from)
            return begun, await _continue(order, client, begun)


async def resume(order: Order, run: RunFolder) -> Report:
    """Continues an unfinished run from its own folder.

    Raises:
        BulkreplyError: It cannot go on; what was answered is recorded.
    """
    with locked(order.runs, order.job.name):
        changes = changes_of(run, order.job)
        if changes:
            hint = "`bulkreply run JOB --accept-changed-input` sends what is new or changed"
            raise InputChanged("; ".join(changes), hint=hint)
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            return await _continue(order, client, run)


def job_of_run(run: RunFolder) -> Job:
    """The job a run began with.

    Raises:
        LedgerUnusable: The run does not know it.
    """
    with _opened(run) as ledger:
        facts = ledger.facts()
    if "job_content" not in facts:
        raise LedgerUnusable(f"the ledger of {run.name} is damaged")
    return job_of(orjson.loads(facts["job_content"]), Path(facts["job_path"]))


def changes_of(run: RunFolder, job: Job) -> list[str]:
    """What differs from what an unfinished run began with; a missing input is no change, its rows are staged."""
    facts = run.facts()
    found = []
    if facts.get("job_fingerprint") != job.fingerprint:
        before = orjson.loads(facts.get("job_content", "{}"))
        found.append("the job changed: " + ", ".join(_differences(before, job.content, ())))
    with suppress(BulkreplyError):
        if not job.exports and open_source(job, run.path).fingerprint() != facts.get("input_fingerprint"):
            found.append("the input changed")
    return found


def _differences(before: object, after: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), (*path, name))
    elif before != after:
        yield ".".join(path)


async def _begin(order: Order, client: Client, replaced: RunFolder | None) -> RunFolder:
    """Plans, asks, creates what the job says may be created, and writes the ledger: from here on it can be resumed."""
    job, now_s = order.job, SYSTEM_CLOCK.now_s()
    run = create_run(order.runs, job.name, now_s)
    try:
        plan = await make_plan(
            job, order.catalog, client, run.path, keep=order.keep, strict=order.strict, limit=order.limit
        )
        if order.confirm is not None and not order.confirm(plan):
            raise Interrupted("nothing was sent", signal_number=signal.SIGINT)
        await create_custom_fields(client, job.target.api, plan.new_fields)
        write_private(run.path / "job.yaml", job.text or orjson.dumps(job.content).decode())
        ledger = Ledger.create(run.ledger_path.with_suffix(".part"))
        with ledger.transaction():
            ledger.note(
                state="running",
                job=job.name,
                job_path=str(job.path.resolve()),
                job_fingerprint=job.fingerprint,
                job_content=orjson.dumps(job.content).decode(),
                input_fingerprint=plan.fingerprint,
                account=client.account_name,
                fields=orjson.dumps(plan.fields).decode(),
                started_s=repr(now_s),
                sendable=str(plan.stage.sendable),
            )
            _settle_duplicates(ledger, plan)
        if replaced is not None:
            carry_over(replaced, plan.stage, ledger)
        ledger.close()
        run.ledger_path.with_suffix(".part").replace(run.ledger_path)
    except BaseException:
        run.discard()
        raise
    if replaced is not None:
        with _opened(replaced) as old, old.transaction():
            old.note(state="superseded")
    return run


def _settle_duplicates(ledger: Ledger, plan: Plan) -> None:
    verdicts = sorted(plan.duplicates.outcomes.items())
    if verdicts:
        failures = {at: (code, "", message) for at, (_, code, message) in verdicts}
        outcomes = bytes(outcome for _, (outcome, _, _) in verdicts)
        ledger.settle_unsent(Spans.of(at for at, _ in verdicts), outcomes, (), failures)


async def _continue(order: Order, client: Client, run: RunFolder) -> Report:
    """Runs the engine on a run that has a ledger; the report is written however it ends."""
    stage = Stage.load(run.stage_folder)
    if stage is None:
        raise LedgerUnusable(f"the staged records of {run.name} are missing", hint="--fresh begins anew")
    with _opened(run) as ledger:
        facts = ledger.facts()
        target = resolve_target(order.job, order.catalog).addressed(orjson.loads(facts.get("fields", "[]")))
        if facts.get("account", client.account_name) != client.account_name:
            raise KeyRefused("this key belongs to another account than the run began with")
        client.counts.add(orjson.loads(facts.get("requests", "{}")))
        with ledger.transaction():
            ledger.note(state="running")
        policy = order.job.policy
        rules = Rules(policy.ambiguous, policy.settle_s, policy.rejects_allowed(stage.read))
        progress = Progress(stage.positions, stage.invalid)
        problem: BulkreplyError | None = None
        began_s = SYSTEM_CLOCK.now_s()
        try:
            identities = await _identities(order, client, target, stage, ledger)
            sink = ReplySink(client, target, identities.id_of)
            sizes = BatchSizes(client.account_name, order.job.target.batch or 0)
            watching = order.watch(progress, client) if order.watch else None
            keep = Answers(run.path / ANSWERS_NAME, stage).keep
            await _drive(
                lambda stop: Engine(ledger, stage, sink, sizes, rules, stop, progress, identities, keep), watching
            )
        except BulkreplyError as error:
            problem = error
        report = conclude(order.job, run, ledger, stage, client, began_s, problem)
        order.concluded(run)
    if problem is not None:
        raise problem
    return report


async def _drive(make: Callable[[asyncio.Event], Engine], watching: Awaitable[None] | None) -> None:
    """Runs an engine with signals caught and progress shown."""
    watcher = asyncio.ensure_future(watching) if watching is not None else None
    with orderly_stop() as (stop, seen):
        try:
            await make(stop).run()
        except Interrupted as error:
            raise Interrupted(error.message, signal_number=seen[0]) from None
        finally:
            if watcher is not None:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)


async def _identities(order: Order, client: Client, target: Target, stage: Stage, ledger: Ledger) -> Identities:
    """What fills slots: names are resolved now, created where that is allowed; ids made before are remembered."""
    ids: dict[str, str] = {}
    wanted: dict[str, set[str]] = {}
    for object_name, name in stage.slots():
        wanted.setdefault(object_name, set()).add(name)
    for object_name, names in sorted(wanted.items()):
        spec = order.catalog.object(object_name, target.api)
        known = await read_names(client, spec, spec.natural_key)
        there = {name: found[0] for name, found in known.ids.items()}
        for name in sorted(names):
            if name.lower() not in there:  # names mean the same in any case
                there[name.lower()] = await create(client, spec, name)
            ids[f"{object_name}:{name}"] = orjson.dumps(there[name.lower()]).decode()
    identities = Identities(stage.labels(), ids)
    identities.recall(ledger)
    return identities


@contextmanager
def _opened(run: RunFolder) -> Iterator[Ledger]:
    ledger = Ledger.open(run.ledger_path)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def orderly_stop() -> Iterator[tuple[asyncio.Event, list[int]]]:
    """The first Ctrl-C or SIGTERM asks for an orderly stop; the second leaves at once, which loses nothing either."""
    stop, seen = asyncio.Event(), list[int]()

    def ask(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
    try:
        yield stop, seen
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def write_private(path: Path, text: str) -> None:
    """Writes a file only its owner may read.

    Raises:
        DiskFatal: The disk refused.
    """
    try:
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
