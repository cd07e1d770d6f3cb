"""The ledger: what is on record stays, what is damaged is never believed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from array import array
from pathlib import Path

import pytest

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.ledger import Ledger, State
from bulkreply.ledger.scribe import Scribe
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "ledger.sqlite")


def test_the_life_of_a_batch(ledger: Ledger) -> None:
    with ledger.transaction():
        first, second = ledger.intend(Spans.of(range(3)), 0, 5.0), ledger.intend(Spans.of([5, 7]), 1, 6.0)
        ledger.follow(second, "job-1")
    entries = ledger.open_entries()
    assert [(e.id, str(e.positions), e.state, e.attempt, e.at_s) for e in entries] == [
        (first, "0-2", State.INTENT, 0, 5.0),
        (second, "5,7", State.FOLLOWING, 1, 6.0),
    ]
    with ledger.transaction():
        outcomes = bytes([Outcome.CREATED, Outcome.REJECTED, Outcome.CREATED])
        ledger.settle(first, outcomes, array("q", [10, 0, 12]), {1: ("reply.failed", "email", "no")})
        ledger.replace(second)
    assert ledger.open_entries() == []
    assert str(ledger.settled()) == "0-2"
    assert ledger.tally() == {Outcome.CREATED: 2, Outcome.REJECTED: 1}
    assert [list(result.ids) for result in ledger.results()] == [[10, 0, 12]]
    assert list(ledger.failures()) == [(1, "reply.failed", "email", "no")]


def test_a_transaction_is_whole_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.intend(Spans.of([1]), 0, 1.0)
        _ = 1 / 0
    assert ledger.open_entries() == []


def test_a_flipped_bit_never_makes_a_row_done(tmp_path: Path) -> None:
    path, chance = tmp_path / "ledger.sqlite", random.Random(4)
    ledger = Ledger.create(path)
    with ledger.transaction():
        batch = ledger.intend(Spans.of(range(50)), 0, 1.0)
        ledger.settle(batch, bytes([Outcome.REJECTED]) * 50, array("q", range(50)), {})
        ledger.intend(Spans.of(range(50, 100)), 0, 2.0)
    ledger.close()
    sound, changed = path.read_bytes(), 0
    for _ in range(400):
        spoiled = bytearray(sound)
        spoiled[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        path.write_bytes(spoiled)
        try:
            opened = Ledger.open(path)
        except LedgerUnusable:
            changed += 1
            continue
        try:
            results = [bytes(result.outcomes) for result in opened.results()]
            assert results in ([], [bytes([Outcome.REJECTED]) * 50])
            assert opened.settled().pairs in ((), ((0, 50),))
            changed += not results
        except sqlite3.DatabaseError:
            changed += 1
        finally:
            opened.close()
    assert changed > 5


def test_columns_changed_behind_our_back_are_damage(ledger: Ledger) -> None:
    with ledger.transaction():
        batch = ledger.intend(Spans.of(range(4)), 0, 1.0)
        ledger.settle(batch, bytes([Outcome.REJECTED]) * 4, (), {})
    with sqlite3.connect(ledger.path) as other:
        other.execute("UPDATE batch SET outcomes = ?", (bytes([Outcome.CREATED]) * 4,))
    other.close()
    assert list(ledger.results()) == []
    assert str(ledger.damaged(9)) == "0-3"


def test_a_record_that_no_longer_says_which_rows_it_was_about_puts_all_in_doubt(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.intend(Spans.of(range(4)), 0, 1.0)
    with sqlite3.connect(ledger.path) as other:
        other.execute("UPDATE batch SET positions = 'x'")
    other.close()
    assert str(ledger.damaged(9)) == "0-8"


def test_missing_newer_and_unwritable(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="no ledger"):
        Ledger.open(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("not a database" * 100)
    with pytest.raises(LedgerUnusable, match="damaged"):
        Ledger.open(tmp_path / "text.sqlite")
    with pytest.raises(DiskFatal):
        Ledger.create(tmp_path / "nowhere" / "ledger.sqlite")
    assert (Ledger.create(tmp_path / "new.sqlite").path.stat().st_mode & 0o777) == 0o600


async def test_writers_share_commits_and_each_is_on_disk_when_it_returns(ledger: Ledger, tmp_path: Path) -> None:
    commits: list[str] = []
    ledger._db.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)

    async def write(scribe: Scribe, at: int) -> None:
        await scribe.write(lambda book: book.intend(Spans.of([at]), 0, 1.0))
        other = sqlite3.connect(ledger.path)
        assert other.execute("SELECT count(*) FROM batch WHERE positions = ?", (str(at),)).fetchone() == (1,)
        other.close()

    async with Scribe(ledger) as scribe:
        await asyncio.gather(*(write(scribe, at) for at in range(60)))
    assert len(ledger.open_entries()) == 60
    assert len(commits) < 20


def test_a_gap_is_missed_even_by_an_outdated_count(ledger: Ledger) -> None:
    def settle(at: int) -> None:
        with ledger.transaction():
            ledger.settle_unsent(Spans.of([at]), bytes([Outcome.CREATED]), (), {})

    settle(0)
    settle(1)
    seal = ledger._db.execute("SELECT batches, failures, facts, checksum FROM seal").fetchone()
    settle(2)
    ledger.close()
    with sqlite3.connect(ledger.path) as other:
        other.execute("UPDATE seal SET batches = ?, failures = ?, facts = ?, checksum = ?", seal)
        other.execute("DELETE FROM batch WHERE id = 1")
    other.close()
    again = Ledger.open(ledger.path)
    assert (str(again.settled()), str(again.damaged(9))) == ("1-2", "0,3-8")
    again.close()
