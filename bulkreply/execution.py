"""job -> plan -> engine -> report: begins a run, or continues one, and always leaves a report."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bulkreply.accounts import ReplyAccount
from bulkreply.belonging import changes_of, opened, require_same_account
from bulkreply.carry import carry_over
from bulkreply.catalog import Catalog
from bulkreply.clock import SYSTEM_CLOCK, iso_utc
from bulkreply.engine import Engine, Identities, Progress, Rules, caps_of, check_budget
from bulkreply.errors import (
    BulkreplyError,
    DiskFatal,
    InputChanged,
    Interrupted,
    LedgerUnusable,
    UsageProblem,
)
from bulkreply.job import Job
from bulkreply.ledger import Ledger
from bulkreply.net.client import Client, Patience
from bulkreply.net.opening import open_client
from bulkreply.plan import Plan, make_plan, resolve_target
from bulkreply.references import create, create_custom_fields, read_names
from bulkreply.report import Report
from bulkreply.runs import Log, RunFolder, create_run, locked, unfinished_run, write_private
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage
from bulkreply.stopping import orderly_stop
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
    with locked(order.runs, order.job.name) as lock:
        run = None if order.fresh else unfinished_run(order.runs, order.job.name)
        changed_from = None
        if run is not None:
            changes = changes_of(run, order.job)
            if changes and not order.accept_changed:
                hint = "--accept-changed-input sends what is new or changed, --fresh begins anew"
                raise InputChanged(f"run {run.name} of this job has not finished, and {'; '.join(changes)}", hint=hint)
            changed_from = run if changes else None
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            lock.claim(client.account_name, run.name if run is not None else "")
            if run is not None and changed_from is None:
                order.announce(f"continuing run {run.name}")
                return run, await continue_run(order, client, run)
            if changed_from is not None:
                require_same_account(changed_from.facts(), order.account, client)
            begun = await _begin(order, client, changed_from)
            lock.note(begun.name)
            return begun, await continue_run(order, client, begun)


async def resume(order: Order, run: RunFolder) -> Report:
    """Continues an unfinished run from its own folder.

    Raises:
        BulkreplyError: It cannot go on; what was answered is recorded.
    """
    with locked(order.runs, order.job.name) as lock:
        changes = changes_of(run, order.job)
        if changes:
            hint = "`bulkreply run JOB --accept-changed-input` sends what is new or changed"
            raise InputChanged("; ".join(changes), hint=hint)
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            lock.claim(client.account_name, run.name)
            return await continue_run(order, client, run)


async def _begin(order: Order, client: Client, replaced: RunFolder | None) -> RunFolder:
    """Plans, asks, creates what the job says may be created, and writes the ledger: from here on it can be resumed."""
    job, now_s = order.job, SYSTEM_CLOCK.now_s()
    run = create_run(order.runs, job.name, now_s)
    try:
        plan = await make_plan(
            job, order.catalog, client, run.path, keep=order.keep, strict=order.strict, limit=order.limit
        )
        if plan.stakes.refusal:
            raise UsageProblem(plan.stakes.refusal, hint=plan.stakes.hint)
        if order.confirm is not None and not order.confirm(plan):
            raise Interrupted("nothing was sent", signal_number=signal.SIGINT)
        if 0 <= job.policy.rejects_allowed(plan.stage.read) < plan.stage.invalid:
            order.announce("more rows cannot be sent than policy.reject allows: nothing is sent")
        else:
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
                input_seen=plan.seen,
                account=client.account_name,
                fields=orjson.dumps(plan.fields).decode(),
                started_s=repr(now_s),
                sendable=str(plan.stage.sendable),
                **({"do_not_contact": "send"} if plan.stakes.anyway else {}),
            )
            _settle_duplicates(ledger, plan)
        if replaced is not None:
            carry_over(replaced, plan.stage, ledger)
        ledger.close()
        if plan.stakes.anyway:
            words = {"do_not_contact": "send", "rows": plan.stage.sendable}
            Log(run.path / "log.jsonl").write(iso_utc(now_s), "people who must not be written to are reached", **words)
        run.ledger_path.with_suffix(".part").replace(run.ledger_path)
    except BaseException:
        run.discard()
        raise
    if replaced is not None:
        with opened(replaced) as old, old.transaction():
            old.note(state="superseded")
    return run


def _settle_duplicates(ledger: Ledger, plan: Plan) -> None:
    verdicts = sorted(plan.duplicates.outcomes.items())
    if verdicts:
        failures = {at: (code, "", message) for at, (_, code, message) in verdicts}
        outcomes = bytes(outcome for _, (outcome, _, _) in verdicts)
        ledger.settle_unsent(Spans.of(at for at, _ in verdicts), outcomes, (), failures)


async def continue_run(order: Order, client: Client, run: RunFolder) -> Report:
    """Runs the engine on a run that has a ledger; the report is written however it ends."""
    stage = Stage.load(run.stage_folder)
    if stage is None:
        raise LedgerUnusable(f"the staged records of {run.name} are missing", hint="--fresh begins anew")
    with opened(run) as ledger:
        facts = ledger.facts()
        target = resolve_target(order.job, order.catalog).addressed(orjson.loads(facts.get("fields", "[]")))
        require_same_account(facts, order.account, client)
        client.counts.add(orjson.loads(facts.get("requests", "{}")))
        with ledger.transaction():
            ledger.note(state="running")
        policy = order.job.policy
        rules = Rules(policy.ambiguous, policy.settle_s, policy.rejects_allowed(stage.read), burst=policy.burst)
        progress = Progress(stage.positions, stage.invalid)
        problem: BulkreplyError | None = None
        began_s = SYSTEM_CLOCK.now_s()
        with orderly_stop(client.leave) as stop:
            try:
                progress.tally = ledger.tally()
                check_budget(progress, rules)  # before anything is created or sent
                identities = await identities_of(order, client, target, stage, ledger)
                sink = ReplySink(client, target, identities.id_of)
                sizes = BatchSizes(client.account_name, order.job.target.batch or 0, client.clock)
                watching = order.watch(progress, client) if order.watch else None
                caps = caps_of(order.job)
                keep = Answers(run.path / ANSWERS_NAME, stage).keep
                engine = Engine(ledger, stage, sink, sizes, rules, stop.asked, progress, identities, keep, caps)
                await _drive(engine, watching)
            except Interrupted as error:
                problem = Interrupted(error.message, signal_number=stop.number or signal.SIGINT)
            except BulkreplyError as error:
                problem = error
            except OSError as error:
                problem = DiskFatal.of(error)
            with _hinting_at(run):
                report = conclude(order.job, run, ledger, stage, client, began_s, problem)
        order.concluded(run)
    if problem is not None:
        raise problem
    return report


@contextmanager
def _hinting_at(run: RunFolder) -> Iterator[None]:
    """Where not even the report can be written: how to go on once it can."""
    hint = f"make room, then: bulkreply resume {run.name}"
    try:
        yield
    except DiskFatal as error:
        raise DiskFatal(error.message, hint=hint) from None
    except OSError as error:
        raise DiskFatal.of(error, hint=hint) from None


async def _drive(engine: Engine, watching: Awaitable[None] | None) -> None:
    """Runs an engine with progress shown."""
    watcher = asyncio.ensure_future(watching) if watching is not None else None
    try:
        await engine.run()
    finally:
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def identities_of(
    order: Order, client: Client, target: Target, stage: Stage, ledger: Ledger, *, reading: bool = False
) -> Identities:
    """What fills slots: names are resolved now, created where that is allowed; ids made before are remembered.

    Args:
        reading: Whether nothing is to be created, whatever is missing.
    """
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
                if reading:
                    continue
                there[name.lower()] = await create(client, spec, name)
            ids[f"{object_name}:{name}"] = orjson.dumps(there[name.lower()]).decode()
    identities = Identities(stage.labels(), ids)
    identities.recall(ledger)
    return identities
