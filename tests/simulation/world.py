"""One schedule: the real engine, ledger, quota, client and sink, a simulated server, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import sqlite3
import tempfile
import uuid
import warnings
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bulkreply.accounts import ReplyAccount
from bulkreply.clock import Clock
from bulkreply.engine import Caps, Engine, Identities, Progress, Rules
from bulkreply.errors import BulkreplyError, RunPaused
from bulkreply.ledger import Ledger
from bulkreply.net.client import Client, Counts, Patience
from bulkreply.quota import Quota, Window, parse_limits
from bulkreply.secrets import Secret
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from tests.laws.simulated import EPOCH_S, SimulatedClock
from tests.simulation.loop import Killed, ShuffledLoop
from tests.simulation.network import Network, Weather
from tests.simulation.server import Server
from tests.simulation.stories import CATALOG, PEOPLE, STORIES, Story, staged

LANE = "v3.default"
PEOPLE_SEEDS = 10_000
"""From here on seeds are about people."""
LIVES_MAX = 40
QuotaMaker = Callable[[Path, tuple[Window, ...], Clock], AbstractAsyncContextManager[Any]]


def real_quota(path: Path, windows: tuple[Window, ...], clock: Clock) -> AbstractAsyncContextManager[Any]:
    return Quota(path, {LANE: windows}, clock)


@dataclass(frozen=True)
class Protections:
    """What keeps a run from harm; canaries take one away.

    Attributes:
        settle: Whether lost requests are given time before Reply is read.
        ambiguous: Policy, "" for what the seed says.
        judged_by: Policy whose laws hold, "" for the one of the run.
    """

    quota: QuotaMaker = real_quota
    settle: bool = True
    ambiguous: str = ""
    judged_by: str = ""


@dataclass(frozen=True)
class Schedule:
    """What a seed stands for."""

    seed: int
    story: Story
    rows: int
    batch: int
    width: int
    limits: str
    settle_s: float
    timeout_s: float
    ambiguous: str
    trouble: float
    faults: int
    deaths: tuple[tuple[str, int], ...]
    stop_after_s: float
    revoked_after_s: float
    caps: Caps


def schedule_of(seed: int) -> Schedule:
    """Draws a schedule; small, so that many fit."""
    chance = random.Random(seed)
    story = STORIES[seed % len(STORIES)] if seed < PEOPLE_SEEDS else PEOPLE
    parts = (None, None, None, 2, 3)
    single = story.name in ("tasks", "move", "people")
    kinds = chance.choices(("step", "work", "request"), k=chance.choice((0, 0, 1, 1, 2, 3)))
    most = {"step": 300, "work": 25, "request": 25}
    rows = chance.choice((24, 60) if story is PEOPLE else (9, 24) if single else (12, 40, 120))
    per_run, per_day = ((rows // part if part else None) for part in chance.choices(parts, k=2))
    return Schedule(
        seed=seed,
        story=story,
        rows=rows,
        batch=chance.choice((1, 3, 7, 25)) if not single else 1,
        width=chance.choice((1, 2, 4, 8)),
        limits=chance.choice(("none", "none", "10/2s", "8/3s,30/20s", "3/1s")) if story is not PEOPLE else "none",
        settle_s=chance.choice((6.0, 15.0, 30.0)),
        timeout_s=chance.choice((3.0, 10.0, 60.0)),
        ambiguous=chance.choice(("verify",) * 6 + ("resend", "hold")),
        trouble=chance.choice((0.0, 0.05, 0.2, 0.2, 0.5, 0.8)),
        faults=chance.choice((1, 3, 10, 30)),
        deaths=tuple((kind, chance.randint(1, most[kind])) for kind in kinds),
        stop_after_s=chance.choice((0.0, 0.0, 0.0, 10.0)) * chance.random(),
        revoked_after_s=chance.choice((0.0, 0.0, 0.0, 0.0, 5.0)) * chance.random(),
        caps=Caps(per_run, per_day),
    )


class World:
    """Runs a schedule, life after life, until the run has finished.

    Attributes:
        ends: How each life ended.
        wrong: What went wrong underway, as a law would say it.
        trace: Everything that happened, in order.
    """

    def __init__(self, schedule: Schedule, protections: Protections) -> None:
        self.schedule = schedule
        self.protections = protections
        self.chance = random.Random(schedule.seed + 1_000_003)
        limits = () if schedule.limits == "none" else parse_limits(schedule.limits)
        self.windows = limits
        strict = self.chance.choice(("", "", "named", "whole"))
        self.server = Server(limits, self.chance.choice((1000, 5)), strict, self.chance.random() < 0.15)
        self.server.skew_s = self.chance.choice((0.0, 0.0, 3.0, -3.0))
        longest_wait_s = self.chance.choice((20.0, 10_000.0))
        weather = Weather(schedule.trouble, schedule.faults, schedule.settle_s, schedule.timeout_s, longest_wait_s)
        self.network = Network(self.server, weather, self.chance)
        self.staged = staged(schedule.story.name, schedule.rows)
        for i in range(schedule.rows):
            schedule.story.before(self.server, i)
        ambiguous = protections.ambiguous or schedule.ambiguous
        self.policy = protections.judged_by or ambiguous
        self.rules = Rules(ambiguous, schedule.settle_s if protections.settle else 0.0)
        self.patience = Patience(schedule.width, schedule.timeout_s, park_s=600.0, outage_s=30.0)
        self.ends: list[str] = []
        self.wrong: list[str] = []
        self.outcomes: list[int] = []
        self._counts, self._counted = Counts(), 0
        self._account = f"simulated-{uuid.uuid4().hex}"
        self._dead: list[ShuffledLoop] = []

    def run(self) -> None:
        """The whole schedule.

        Raises:
            AssertionError: It does not come to an end.
        """
        memory = Path("/dev/shm")
        folder = Path(tempfile.mkdtemp(prefix="bulkreply-", dir=memory if memory.is_dir() else None))
        try:
            self._run(folder)
        finally:
            shutil.rmtree(folder)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of tasks that never came to begin
                for loop in self._dead:
                    loop.end()

    def _run(self, folder: Path) -> None:
        path, now_s = folder / "ledger.sqlite", 0.0
        Ledger.create(path).close()
        deaths = list(self.schedule.deaths)
        while not self.ends or self.ends[-1] != "finished":
            assert len(self.ends) < LIVES_MAX, f"it never finishes: {self.ends[-5:]}"
            ledger = Ledger.open(path)
            loop = ShuffledLoop(self.chance, now_s)
            self._arm(loop, deaths.pop(0) if deaths else ("", 0))
            self.network.begin(loop)
            self.server.revoked = False
            wait_s = 0.5 + self.chance.choice((1.0, 10.0, 60.0)) * self.chance.random()
            try:
                end = loop.live(self._life(ledger, folder, loop))
            except Killed:
                self._dead.append(loop)
                self._mourn(ledger, folder)
                end = "killed"
            except RunPaused as pause:
                end = f"paused: {pause.message}"
                wait_s = max(wait_s, (pause.resume_at or 0.0) - EPOCH_S - loop.time() + 0.01)
            except BulkreplyError as error:
                end = f"{type(error).__name__}: {error.message}"
            now_s = loop.time() + wait_s
            self._look_back(end)
            self.ends.append(end)
            self.network.trace.append(f"{loop.time():.4f} {end}")
            ledger.close()
        self.server.advance(math.inf)
        self.trace = tuple(self.network.trace)
        self._read(Ledger.open(path))

    def _arm(self, loop: ShuffledLoop, death: tuple[str, int]) -> None:
        kind, number = death
        if kind == "step":
            loop.kill_at_step = number
        elif kind == "work":
            loop.kill_at_work, loop.kill_after_work = number, self.chance.random() < 0.5
        elif kind == "request":
            self.network.kill_at = {self.network.requests + number}

    async def _life(self, ledger: Ledger, folder: Path, loop: ShuffledLoop) -> str:
        """What `execution` does between opening the ledger and writing the report."""
        schedule, clock, counts = self.schedule, SimulatedClock(schedule_seed(self.schedule, self.ends)), Counts()
        counts.add(orjson.loads(ledger.facts().get("requests", "{}")))
        self._counts, self._counted = counts, counts.sent
        plan, stop = self.staged.plan, asyncio.Event()
        if schedule.stop_after_s and not self.ends:
            loop.call_later(schedule.stop_after_s, stop.set)
        if schedule.revoked_after_s and not any("KeyRefused" in end for end in self.ends):
            self.server.at(loop.time() + schedule.revoked_after_s, self._revoke)
        account = ReplyAccount(key=Secret("simulated"), base_url="http://127.0.0.1:1")
        async with self.protections.quota(folder / "quota.sqlite", self.windows, clock) as quota:
            client = Client(account, CATALOG, self.network, quota, clock, self.patience, counts, self._account)
            identities = Identities(plan.stage.labels(), {})
            identities.recall(ledger)
            sink = ReplySink(client, plan.target, identities.id_of)
            sizes = BatchSizes(self._account, schedule.batch, clock)
            progress = Progress(plan.stage.positions, plan.stage.invalid)
            engine = Engine(ledger, plan.stage, sink, sizes, self.rules, stop, progress, identities, caps=schedule.caps)
            await engine.run()
        return "finished"

    def _revoke(self) -> None:
        self.server.revoked = True

    def _look_back(self, end: str) -> None:
        """Laws about one life."""
        life, width = self.network.life, self.schedule.width
        counted = self._counts.sent - self._counted
        if end != "killed" and counted != life.left:
            self.wrong.append(f"{counted} requests counted, {life.left} left")
        if max(life.rules_read.values(), default=0) > 1:
            self.wrong.append(f"rules read again and again: {life.rules_read}")
        if life.after_refusal > width:
            self.wrong.append(f"{life.after_refusal} requests after the key was refused, at a width of {width}")
        if life.most_in_hold > width:
            self.wrong.append(f"{life.most_in_hold} requests while Reply asked to wait, at a width of {width}")

    def _mourn(self, ledger: Ledger, folder: Path) -> None:
        """What is left of a process that died: open intents, and a number in the quota's file that nobody has."""
        numbers, story = self.staged.numbers, self.schedule.story
        for entry in ledger.open_entries():
            self.network.doubtful.update(story.key(numbers[position]) for position in entry.positions)
        quota = folder / "quota.sqlite"
        if quota.exists():
            with sqlite3.connect(quota) as db:
                db.execute("UPDATE owner SET mark = 'gone'")
            db.close()

    def _read(self, ledger: Ledger) -> None:
        """Outcome of every row, by its number."""
        self.outcomes = [0] * self.schedule.rows
        for result in ledger.results():
            for position, outcome in zip(result.positions, result.outcomes, strict=True):
                i = self.staged.numbers[position]
                if self.outcomes[i]:
                    self.wrong.append(f"row {i} has two outcomes")
                self.outcomes[i] = outcome
        if ledger.open_entries():
            self.wrong.append("the run has finished with open intents")
        ledger.close()


def schedule_seed(schedule: Schedule, ends: list[str]) -> int:
    return schedule.seed * 100 + len(ends)
