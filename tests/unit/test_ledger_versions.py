"""Ledgers and pages of earlier programs are brought forward, whole or not at all; those of later ones are refused."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.ledger import Ledger, State
from bulkreply.ledger.ledger import FORM, SCHEMA_VERSION
from bulkreply.ledger.pages import FORM as PAGES_FORM
from bulkreply.ledger.pages import Pages
from bulkreply.outcomes import Outcome
from tests.ledgers import as_version_1, listen, real_ledger
from tests.support import REPOSITORY

FIRST = Path(__file__).parent / "ledgers" / "ledger_version_1.sqlite"
FIRST_PAGES = Path(__file__).parent / "ledgers" / "pages_version_1.sqlite"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """What bulkreply 0.1 left of a run of 130 rows that was killed with three calls under way."""
    return Path(shutil.copy(FIRST, tmp_path / "ledger.sqlite"))


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def said(ledger: Ledger) -> dict[str, Any]:
    with closing(ledger):
        return {
            "open": [(e.id, str(e.positions), e.state, e.attempt) for e in ledger.open_entries()],
            "tally": ledger.tally(),
            "settled": str(ledger.settled()),
            "damaged": str(ledger.damaged(129)),
            "failures": len(list(ledger.failures())),
            "ids": [number for result in ledger.results() for number in result.ids],
            "state": ledger.facts()["state"],
            "job": orjson.loads(ledger.facts()["job_content"])["job"],
        }


TRUTH = {
    "open": [(number, span, State.INTENT, 0) for number, span in ((6, "41-50"), (7, "51-60"), (8, "61-70"))],
    "tally": {Outcome.CREATED: 26, Outcome.SKIPPED: 15},
    "settled": "0-40",
    "damaged": "",
    "failures": 15,
    "ids": list(range(1001, 1041)),
    "state": "running",
    "job": "first",
}


def test_the_first_version_is_brought_forward_with_a_copy_beside(path: Path) -> None:
    before = dump(path)
    assert said(Ledger.open(path)) == TRUTH
    assert version_of(path) == SCHEMA_VERSION == 2
    copy = path.with_name("ledger.sqlite.v1.bak")
    assert (dump(copy), version_of(copy), copy.stat().st_mode & 0o777) == (before, 1, 0o600)
    assert sorted(one.name for one in path.parent.iterdir()) == ["ledger.sqlite", "ledger.sqlite.v1.bak"]
    assert said(Ledger.open(path)) == TRUTH, "and opened like any other from then on"


def test_a_ledger_brought_forward_is_gone_on_with(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.transaction():
        ledger.settle(6, bytes([Outcome.UNKNOWN]) * 10, (), {41: ("wire.lost", "", "lost")})
        assert ledger.intend(ledger.settled(), 0, 1.0) == 9
        ledger.note(state="paused")
    ledger.close()
    found = said(Ledger.open(path))
    assert (found["settled"], found["failures"], found["state"]) == ("0-50", 16, "paused")


def test_looking_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    assert said(Ledger.look(path)) == TRUTH
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["ledger.sqlite"]


def test_what_is_brought_forward_and_what_is_made_are_alike(path: Path, tmp_path: Path) -> None:
    Ledger.open(path).close()
    Ledger.create(tmp_path / "new.sqlite").close()
    pages = Path(shutil.copy(FIRST_PAGES, tmp_path / "pages.sqlite"))
    Pages.open(pages).close()
    Pages.create(tmp_path / "new-pages.sqlite", [{}]).close()
    for old, new in ((path, "new.sqlite"), (pages, "new-pages.sqlite")):
        found = []
        for one in (old, tmp_path / new):
            with closing(sqlite3.connect(one)) as db:
                found.append(sorted(db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")))
        assert found[0] == found[1]
        assert found[0]


@pytest.mark.parametrize("seed", range(3))
def test_all_a_ledger_of_the_first_version_knows_is_taken_over(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ledger.sqlite"
    truth = real_ledger(path, seed).truth
    as_version_1(path)
    heard = listen(path, truth)
    assert not (heard.refused or heard.wrong or heard.lost or heard.lies)
    assert path.with_name("ledger.sqlite.v1.bak").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE batch SET outcomes = replace(outcomes, x'07', x'01') WHERE id = 3",
        "UPDATE batch SET positions = '11-19' WHERE id = 3",
        "UPDATE batch SET outcomes = 'x' WHERE id = 3",
        "DELETE FROM batch WHERE id = 3",
    ],
)
def test_what_was_damaged_stays_in_doubt(path: Path, statement: str) -> None:
    change(path, statement)
    for ledger in (Ledger.look(path), Ledger.open(path), Ledger.open(path)):
        found = said(ledger)
        assert (found["settled"], found["damaged"]) == ("0-10,21-40", "11-20,71-128")


def refused_and_unchanged(path: Path, kind: type[Exception], words: str) -> None:
    before = path.read_bytes()
    with pytest.raises(kind, match=words):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_without_room_for_the_copy_nothing_is_changed(path: Path) -> None:
    path.with_name("ledger.sqlite.v1.bak.part").mkdir()
    refused_and_unchanged(path, DiskFatal, "of an earlier bulkreply cannot be brought forward: Is a directory")
    path.with_name("ledger.sqlite.v1.bak.part").rmdir()
    assert said(Ledger.open(path)) == TRUTH


@pytest.mark.parametrize("hindrance", ["CREATE TABLE failure_1 (x)", "CREATE TABLE seal (x)"])
def test_steps_that_fail_half_way_were_never_taken(path: Path, hindrance: str) -> None:
    change(path, hindrance)
    refused_and_unchanged(path, DiskFatal, "cannot be brought forward")
    change(path, hindrance.replace("CREATE", "DROP").replace(" (x)", ""))
    assert said(Ledger.open(path)) == TRUTH


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from bulkreply.ledger.form import Step
from bulkreply.ledger.ledger import FORM
from bulkreply.ledger.opening import open_file
def fill(db):
    FORM.steps[2].fill(db)
    db.execute("PRAGMA cache_size = 1")  # half-made pages reach the file before the commit
    db.execute("UPDATE batch SET ids = zeroblob(20000)")
    os.kill(os.getpid(), signal.SIGKILL)
open_file(Path(sys.argv[1]), replace(FORM, steps={2: Step(FORM.steps[2].script, fill)}))
"""


def test_killed_half_way_it_is_of_the_first_version(path: Path) -> None:
    before = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=REPOSITORY, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.stat().st_size > before, "nothing was half-made: the test proves nothing"
    assert version_of(path) == 1
    assert said(Ledger.open(path)) == TRUTH


@pytest.mark.parametrize("door", [Ledger.open, Ledger.look])
@pytest.mark.parametrize(
    ("version", "words"), [(3, "newer bulkreply .schema 3, known up to 2"), (0, "schema 0"), (-1, "-1")]
)
def test_versions_nobody_knows(path: Path, door: Callable[[Path], Ledger], version: int, words: str) -> None:
    change(path, f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(LedgerUnusable, match=words) as refused:
        door(path)
    assert refused.value.exit_code == 10
    assert path.read_bytes() == before


def test_every_version_has_a_way_to_the_next() -> None:
    for form in (FORM, PAGES_FORM):
        assert sorted(form.steps) == list(range(2, form.version + 1))


def test_pages_of_the_first_version(tmp_path: Path) -> None:
    path = Path(shutil.copy(FIRST_PAGES, tmp_path / "pages.sqlite"))
    for _ in range(2):
        with closing(Pages.open(path)) as pages:
            (scope,) = pages.scopes()
            assert (scope.parents, scope.done, scope.total) == ({}, True, 40)
            (page,) = pages.pages(scope.id)
            assert (page.skip, page.count, page.more, page.left_out) == (0, 40, False, [])
            assert len(orjson.loads(page.body)) == 40
            known = pages.detailed()
            assert len(known) == 15
            assert pages.detail(min(known))["email"].endswith("example.com")
    assert path.with_name("pages.sqlite.v1.bak").stat().st_mode & 0o777 == 0o600
