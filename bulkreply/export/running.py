"""One export from its plan to its report: pull, compare, deliver; killed anywhere, it goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bulkreply.belonging import changes_of
from bulkreply.clock import SYSTEM_CLOCK, iso_utc
from bulkreply.engine import Progress
from bulkreply.errors import BulkreplyError, DiskFatal, InputChanged, Interrupted, KeyRefused, exit_code_of
from bulkreply.execution import Order
from bulkreply.export.changes import Changes, load_snapshot, refuse_losses, save_snapshot
from bulkreply.export.deliver import Delivered, deliver
from bulkreply.export.manifest import manifest_of, write_manifest
from bulkreply.export.part import Part, early_part
from bulkreply.export.plan import ExportPlan, make_export_plan
from bulkreply.export.pull import Pull, read_details
from bulkreply.export.rows import Gathered, as_listed, records_of
from bulkreply.ledger import Ledger
from bulkreply.ledger.pages import Pages
from bulkreply.mapping import reject_frame
from bulkreply.net.client import Client
from bulkreply.net.opening import open_client
from bulkreply.outcomes import Outcome, Tally
from bulkreply.report import Report, summarise, write_report
from bulkreply.report.results import Results
from bulkreply.runs import Log, RunFolder, create_run, locked, safe_name, unfinished_run, write_private
from bulkreply.stopping import Stop, orderly_stop
from bulkreply.wrapup import state_after, when_to_resume

PAGES_NAME = "pages.sqlite"
ShowPlan = Callable[[ExportPlan], None]


async def export(order: Order, show: ShowPlan = lambda plan: None, run: RunFolder | None = None) -> Report:
    """Runs an export job to its end, or continues its unfinished run.

    Args:
        show: Shown the plan before anything is read.
        run: The run to continue; None takes the job's unfinished one, or begins another.

    Raises:
        BulkreplyError: It stopped; what was read is kept.
    """
    job = order.job
    with locked(order.runs, job.name) as lock:
        run = run or (None if order.fresh else unfinished_run(order.runs, job.name))
        if run is not None and (found := changes_of(run, job)):
            raise InputChanged(
                f"run {run.name} of this job has not finished, and {'; '.join(found)}", hint="--fresh begins anew"
            )
        async with open_client(order.account, order.catalog, patience=order.patience) as client:
            lock.claim(client.account_name, run.name if run is not None else "")
            plan = await make_export_plan(job, order.catalog, client)
            if run is None:
                show(plan)
                run = _begin(order, client, plan)
                lock.note(run.name)
            else:
                order.announce(f"continuing run {run.name}")
            return await _Export(order, client, plan, run).work()


def _begin(order: Order, client: Client, plan: ExportPlan) -> RunFolder:
    """The run folder, the listings to read, and the ledger last: from here on it can be continued."""
    job, now_s = order.job, SYSTEM_CLOCK.now_s()
    run = create_run(order.runs, job.name, now_s)
    try:
        write_private(run.path / "job.yaml", job.text or orjson.dumps(job.content).decode())
        Pages.create(run.path / PAGES_NAME, plan.parents).close()
        part = run.ledger_path.with_suffix(".part")
        ledger = Ledger.create(part)
        with ledger.transaction():
            ledger.note(
                state="running",
                job=job.name,
                job_path=str(job.path.resolve()),
                job_fingerprint=job.fingerprint,
                job_content=orjson.dumps(job.content).decode(),
                account=client.account_name,
                started_s=repr(now_s),
            )
        ledger.close()
        part.replace(run.ledger_path)
    except BaseException:
        run.discard()
        raise
    return run


def _began(facts: Mapping[str, str]) -> datetime:
    return datetime.fromtimestamp(float(facts["started_s"]), UTC)


class _Export:
    """One execution of a run."""

    def __init__(self, order: Order, client: Client, plan: ExportPlan, run: RunFolder) -> None:
        self._order = order
        self._client = client
        self._plan = plan
        self._run = run
        self._progress = Progress(max(0, plan.total))
        self._progress.doing = "reading"
        self._early: Part | None = None

    async def work(self) -> Report:
        """Reads, delivers, reports; the report is written however it ends.

        Raises:
            BulkreplyError: Why it stopped.
        """
        ledger = Ledger.open(self._run.ledger_path)
        problem: BulkreplyError | None = None
        doubts: list[str] = []
        done, changed = Delivered(), dict[str, int]()
        with orderly_stop(self._client.leave) as stop, closing(ledger), closing(self._pages(stop)) as pages:
            self._check_account(ledger)
            try:
                if "delivered" not in (facts := ledger.facts()):
                    self._early = early_part(self._plan, _began(facts), self._client.account_name)
                doubts = await self._pull(pages, stop)
                done, changed = self._deliver(ledger, pages, doubts)
            except Interrupted:
                words = "stopped as asked; every page so far is kept"
                problem = Interrupted(words, signal_number=stop.number or signal.SIGINT)
            except BulkreplyError as error:
                problem = error
            except BrokenPipeError:
                self._abandon(ledger)
                raise
            except OSError as error:
                problem = DiskFatal.of(error)
            finally:
                if self._early is not None:
                    self._early.abandon()
            report = self._report(ledger, pages, done, doubts, changed, problem)
        self._order.concluded(self._run)
        if problem is not None:
            raise problem
        if report.content["state"] == "finished":
            self._run.strip()
        return report

    def _pages(self, stop: Stop) -> Pages:
        return Pages.open(self._run.path / PAGES_NAME, stop.check)

    def _abandon(self, ledger: Ledger) -> None:
        """Whoever read standard output has seen enough: this run is not what the next one goes on with."""
        with ledger.transaction():
            ledger.note(state="abandoned")
        (self._run.path / PAGES_NAME).unlink(missing_ok=True)

    def _check_account(self, ledger: Ledger) -> None:
        facts = ledger.facts()
        if facts.get("account", self._client.account_name) != self._client.account_name:
            raise KeyRefused("this key belongs to another account than the run began with")
        self._client.counts.add(orjson.loads(facts.get("requests", "{}")))
        with ledger.transaction():
            ledger.note(state="running")

    async def _pull(self, pages: Pages, stop: Stop) -> list[str]:
        """Reads everything that is to be read; what could not be proven complete.

        Raises:
            Interrupted: Somebody asked to stop.
        """

        def told(read: int, total: int) -> None:
            self._progress.rows = max(self._progress.rows, total, read)
            self._progress.tally = {Outcome.EXPORTED: read}

        plan, asked = self._plan, stop.asked.is_set
        watching = self._order.watch(self._progress, self._client) if self._order.watch else None
        watcher = asyncio.ensure_future(watching) if watching is not None else None
        pull = Pull(self._client, plan.spec, plan.operation, pages, plan.query, plan.body, stop=asked, told=told)
        pull.decode = plan.shape.decode_ids
        rows, early = Gathered(plan, pages), self._early
        if early is not None:
            if as_listed(plan):
                pull.decode = plan.shape.decode
            pull.kept = lambda *page: early.add_all(rows.add(*page))
        try:
            doubts = await pull.run()
            if plan.details and not asked():
                self._progress.doing = "reading details"
                await read_details(pull, self._detailed(pages, doubts))
        finally:
            if watcher is not None:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)
        stop.check()
        if early is not None:
            early.add_all(rows.rest())
        return doubts

    def _changes(self, pages: Pages, doubts: list[str]) -> Changes | None:
        """What differs from the last run; of a listing that may lack records, none is taken for deleted."""
        if not self._order.job.source.incremental:
            return None
        changes = Changes(self._plan.known_as, load_snapshot(self._snapshot), whole=not doubts)
        held = len(changes.before)
        self._look(changes, pages)
        refuse_losses(self._order.job, held, len(changes.deleted))
        return changes

    def _look(self, changes: Changes, pages: Pages) -> None:
        for records in records_of(replace(self._plan, details=False), pages):
            changes.look(records)

    @property
    def _snapshot(self) -> Path:
        """Where the last run of this job left what it saw; a job that reads or fills something else begins anew."""
        source, target = self._order.job.source, self._order.job.target
        parts: list[Any] = [source.object, source.api, source.operation, source.where]
        if target.database is not None:
            columns = [[column.name, column.spec.name, column.title] for column in self._plan.shape.columns]
            own = [column for column in columns if not column[2]]  # a custom field that appears is null so far
            parts += [target.database, target.table, target.unwind, source.details, own]
        about = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        name = f"snapshot-{hashlib.sha256(about + self._client.account_name.encode()).hexdigest()[:12]}.arrow"
        return self._order.runs / safe_name(self._order.job.name) / name

    def _detailed(self, pages: Pages, doubts: list[str]) -> list[Any]:
        """Records that have to be read whole: all, or those whose listing shows a change."""
        changes = self._changes(pages, doubts)
        listed = [r for records in records_of(replace(self._plan, details=False), pages) for r in records]
        return listed if changes is None else [r for r in listed if changes.word(r)]

    def _deliver(self, ledger: Ledger, pages: Pages, doubts: list[str]) -> tuple[Delivered, dict[str, int]]:
        """Files and tables first, then their manifest, and what is remembered for the next run last of all.

        A run that is killed while it remembers must not compare with itself: it would write that nothing changed.
        """
        self._progress.doing = "writing"
        plan, account, facts = self._plan, self._client.account_name, ledger.facts()
        if "delivered" in facts:
            done, counts = Delivered(**orjson.loads(facts["delivered"])), dict[str, int](orjson.loads(facts["changes"]))
            changes = Changes(plan.known_as) if self._order.job.source.incremental else None
            if changes is not None and not doubts:
                self._look(changes, pages)
        else:
            changes = self._changes(pages, doubts)
            done = deliver(plan, pages, changes, _began(facts), account, self._early)
            self._early = None
            counts = changes.counts() if changes is not None else {}
            manifest = manifest_of(plan, done, pages.times_s(), account, doubts, counts)
            beside = [Path(name) for name in done.files.values()][:1]
            place = beside[0] if beside else self._run.path / f"{plan.spec.name}.export"
            done.files["manifest"] = str(write_manifest(manifest, place))
            with ledger.transaction():
                ledger.note(delivered=orjson.dumps(done).decode(), changes=orjson.dumps(counts).decode())
        if changes is not None and not doubts:
            save_snapshot(self._snapshot, changes.now)
        return done, counts

    def _report(
        self,
        ledger: Ledger,
        pages: Pages,
        done: Delivered,
        doubts: list[str],
        changed: dict[str, int],
        problem: BulkreplyError | None,
    ) -> Report:
        exported = next(iter(done.rows.values()), 0)
        tally = Tally(read=exported)
        tally.add(Outcome.EXPORTED, exported)
        state = state_after(problem)
        code = exit_code_of(problem) if problem is not None else (3 if doubts else 0)
        message = problem.message if problem else "; ".join(f"incomplete: {doubt}" for doubt in doubts)
        now_s = SYSTEM_CLOCK.now_s()
        report = summarise(
            job=self._order.job.name,
            run=self._run.name,
            state=state,
            exit_code=code,
            results=Results(tally, reject_frame(()), {}),
            counts=self._client.counts,
            waited_s=self._client.quota.waited_s,
            utilisation=0.0,
            started_s=float(ledger.facts().get("started_s", now_s)),
            finished_s=now_s,
            files={"log": "log.jsonl", **done.files},
            message=message,
            more={"tables": done.rows, "changes": changed, "complete": problem is None and not doubts}
            | when_to_resume(problem),
        )
        write_report(report, self._run.path)
        Log(self._run.path / "log.jsonl").write(iso_utc(now_s), state, exit_code=code, rows=dict(report.rows))
        with ledger.transaction():
            ledger.note(state=state, requests=orjson.dumps(self._client.counts.as_words()).decode())
        return report
