"""The harness can fail: with the settle time switched off, a request that is still at work when the client comes back
is done a second time, and the comparison says so."""

from __future__ import annotations

import random
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.conftest import KEY_CANARY
from tests.crash.comparison import CLASSES, Compared, Effect, Line, compare
from tests.crash.harness import Instant, Kills, run_to_its_end
from tests.crash.scenes import IMPORTS, Scene, judged, set_out
from tests.flow.account import Account
from tests.flow.scripted import Asked, Said, scripted
from tests.support import SandboxProcess

Start = Callable[..., SandboxProcess]
UPSERT, TREES, INSERT = (next(one for one in IMPORTS if one.name == name) for name in ("upsert", "trees", "insert"))
BOTH = replace(INSERT, name="make or change", to="object: accounts, batch: 10")
LOOKS = {UPSERT: ("POST", "/filter"), TREES: ("GET", "/steps")}
WORK_S, SETTLE_S = 0.5, 4.0


@dataclass
class SlowReply:
    """A Reply in front of a stand-in that is slow with the first writes it gets: they reach it only when somebody has
    looked for what they do, or after `work_s`. The client that sent them is dead by then.

    Attributes:
        look: Method and end of the path of a read that tells what became of them, if one is to matter.
        work_s: None when only a look brings them to their end.
        held: How many writes it works on.
    """

    server: SandboxProcess
    look: tuple[str, str]
    work_s: float | None
    held: int = 0
    looked: threading.Event = field(default_factory=threading.Event)
    dead: threading.Event = field(default_factory=threading.Event)
    over: list[threading.Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bury(self) -> None:
        """The client is dead; nobody looks at what ends by itself before it has ended, where no look is spoken of."""
        self.dead.set()
        if not self.look[1]:
            self.wait()

    def wait(self) -> None:
        """Waits for the end of the work."""
        for over in self.over:
            assert over.wait(30)

    def answer(self, asked: Asked) -> Said:
        """Answers as the stand-in does, but late."""
        method, path = self.look
        looks = bool(path) and asked.method == method and asked.path.endswith(path)
        if asked.method == "POST" and not looks and not self.dead.is_set():
            over = threading.Event()
            with self._lock:
                self.held += 1
                self.over.append(over)
            self.looked.wait(self.work_s)
            said = self._pass_on(asked)
            over.set()
            self.dead.wait(30)
            return said
        said = self._pass_on(asked)
        if looks and self.dead.is_set():  # what was read is true no more when the client hears of it
            self.looked.set()
            self.wait()
        return said

    def _pass_on(self, asked: Asked) -> Said:
        query = "&".join(f"{name}={value}" for name, value in asked.query.items())
        headers = {"Authorization": f"Bearer {KEY_CANARY}", "Content-Type": "application/json"}
        url = f"{self.server.url}{asked.path}" + (f"?{query}" if query else "")
        request = urllib.request.Request(url, asked.content or None, headers, method=asked.method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Said(answer.status, answer.read(), {"Content-Type": "application/json"})


@contextmanager
def slow(scene: Scene, server: SandboxProcess, work_s: float | None) -> Iterator[tuple[SlowReply, str]]:
    """The slow Reply, and where it listens."""
    reply = SlowReply(server, LOOKS.get(scene, ("", "")), work_s)
    with scripted(reply.answer) as front:
        try:
            yield reply, front.url
        finally:
            reply.looked.set()


def killed_at_work(
    scene: Scene, folder: Path, server: SandboxProcess, settle_s: float, work_s: float | None
) -> Compared:
    """Kills a run while its first writes are at work at the server, and lets it end."""
    account = Account(server)
    command, laid = set_out(scene, account, folder / "run", settle_s)
    before = len(server.ask("events"))
    with slow(scene, server, work_s) as (reply, url):
        at_work = Instant("at work", lambda watch: reply.held >= 2, (0.0, 0.0))
        options = ("--base-url", url, "--limits", "none", "--parallel", "2")
        kills, chance = Kills(1), random.Random(0)
        ended = run_to_its_end(command, "crash", options, server, [at_work], kills, chance, reply.bury)
        reply.wait()
    assert ended.code == 0, ended
    return judged(scene, account, laid, ended.runs[-1], server.ask("events")[before:])


@pytest.mark.parametrize("scene", LOOKS, ids=lambda scene: scene.name)
def test_without_a_settle_time_the_harness_finds_what_was_done_twice(
    scene: Scene, tmp_path: Path, sandbox: Start
) -> None:
    found = killed_at_work(scene, tmp_path, sandbox("--limits", "none"), settle_s=0, work_s=None)
    print(f"\ncanary, {scene.name} with settle 0: {found}")
    assert found.twice > 0
    assert not found.is_clean


def test_with_a_settle_time_the_same_kill_does_no_harm(tmp_path: Path, sandbox: Start) -> None:
    found = killed_at_work(TREES, tmp_path, sandbox("--limits", "none"), settle_s=SETTLE_S, work_s=WORK_S)
    assert found == Compared(rows=found.rows)


@pytest.mark.parametrize("scene", [INSERT, BOTH], ids=lambda scene: scene.name)
def test_what_a_dead_client_made_is_created_not_known(scene: Scene, tmp_path: Path, sandbox: Start) -> None:
    """The records are there when the next process looks what Reply knows already."""
    found = killed_at_work(scene, tmp_path, sandbox("--limits", "none"), settle_s=0.2, work_s=0.05)
    assert found == Compared(rows=found.rows)


# -- whatever is amiss is noticed

KEYS, IDS = ["a", "b"], {1: "a", 2: "b", 9: "z"}
DONE = [Effect(1, "created"), Effect(2, "created")]
SAID = [Line(2, "created", "1"), Line(3, "created", "2")]


def report(rows: list[Line], **changes: object) -> dict[str, object]:
    """The report of some lines."""
    counts = {word: sum(line.outcome == word for line in rows) for word in CLASSES}
    unwell = counts["unknown"] + counts["rejected"]
    return {"rows": {"read": 2} | counts, "rejects": [{"rows": unwell}], "state": "finished"} | changes


@pytest.mark.parametrize(
    ("lines", "effects", "told", "expected"),
    [
        (SAID, DONE, {}, Compared(2)),
        (SAID, DONE[:1], {}, Compared(2, lost=1)),
        (SAID, [*DONE, DONE[1]], {}, Compared(2, twice=1)),
        (SAID, [*DONE, Effect(9, "created")], {}, Compared(2, strangers=1)),
        (SAID, [*DONE, Effect(7, "created")], {}, Compared(2, strangers=1)),
        ([SAID[0], Line(3, "updated", "2")], DONE, {}, Compared(2, wrong=1)),
        ([SAID[0], Line(3, "created", "1")], DONE, {}, Compared(2, wrong=1)),
        ([SAID[0], Line(3, "skipped")], DONE, {}, Compared(2, wrong=1)),
        ([SAID[0], Line(3, "skipped")], DONE[:1], {}, Compared(2, lost=1)),
        ([SAID[0], Line(3, "unknown")], DONE, {}, Compared(2, unknown=1)),
        ([SAID[0], Line(3, "unknown")], DONE[:1], {}, Compared(2, unknown=1)),
        ([SAID[0], Line(3, "unknown")], DONE, {"rejects": []}, Compared(2, untold=1, unknown=1)),
        (SAID, DONE, {"state": "paused"}, Compared(2, untold=1)),
        ([*SAID, SAID[1]], DONE, {}, Compared(2, untold=2)),
        (SAID[:1], DONE, {}, Compared(2, wrong=1, untold=2)),
    ],
)
def test_the_comparison_tells_what_is_amiss(
    lines: list[Line], effects: list[Effect], told: dict[str, object], expected: Compared
) -> None:
    assert compare(KEYS, lines, report(lines, **told), effects, IDS) == expected
    assert expected.is_clean == (expected in (Compared(2), Compared(2, unknown=1)))
