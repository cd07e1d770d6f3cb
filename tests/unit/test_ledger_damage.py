"""Ledgers that were damaged, killed, or made by somebody else: what they say is never worse than `not known`."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.ledger import Ledger, State
from bulkreply.ledger.ledger import SCHEMA_VERSION
from bulkreply.ledger.scribe import Scribe
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans
from tests.support import REPOSITORY

COLUMNS = ["positions", "attempt", "at_s", "intent", "state", "job", "outcomes", "ids", "fate"]
TRUTH = {"0-9": bytes([Outcome.REJECTED]) * 10, "10-19,25": bytes([Outcome.SKIPPED]) * 11}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two settled batches, one under way, one followed."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.create(path)
    with ledger.transaction():
        ledger.note(job="x", state="running")
        for text, outcomes in TRUTH.items():
            batch = ledger.intend(Spans.parse(text), 0, 1_700_000_000.5)
            ledger.settle(batch, outcomes, range(1000, 1000 + len(outcomes)), {})
        ledger.intend(Spans.parse("30-39"), 1, 1_700_000_001.5)
        ledger.follow(ledger.intend(Spans.parse("40-49"), 0, 1_700_000_002.5), "7b0f2c54-1111")
    ledger.close()
    return path


def believed(path: Path) -> dict[str, bytes] | None:
    """What a ledger says was settled, None when it refuses to say anything."""
    try:
        ledger = Ledger.open(path)
    except LedgerUnusable:
        return None
    try:
        ledger.open_entries(), ledger.damaged(50), ledger.tally(), ledger.facts(), list(ledger.failures())
        return {str(result.positions): bytes(result.outcomes) for result in ledger.results()}
    finally:
        ledger.close()


def change(path: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.execute(statement, values)
    db.close()


def test_the_whole_ledger_is_believed(path: Path) -> None:
    assert believed(path) == TRUTH


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("batch", [1, 2])
def test_any_byte_of_a_settled_record(path: Path, column: str, batch: int) -> None:
    db = sqlite3.connect(path)
    (value,) = db.execute(f"SELECT {column} FROM batch WHERE id = ?", (batch,)).fetchone()
    db.close()
    if isinstance(value, int | float):
        spoiled = [value + 1, -value - 1, 0.25, "x", b"\xff"]
    else:
        raw = value.encode() if isinstance(value, str) else value
        flips = [raw[:i] + bytes([raw[i] ^ mask]) + raw[i + 1 :] for i in range(len(raw)) for mask in (1, 0x80)]
        flips += [raw + b"x", raw[:-1] or b"y"]
        spoiled = [text.decode("utf-8", "surrogateescape") for text in flips] if isinstance(value, str) else flips
    other = next(text for at, text in enumerate(TRUTH, 1) if at != batch)
    whole = path.read_bytes()
    for one in spoiled:
        path.write_bytes(whole)
        cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        content = one.encode("utf-8", "surrogateescape") if isinstance(one, str) and cast != "?" else one
        change(path, f"UPDATE batch SET {column} = {cast} WHERE id = ?", content, batch)
        assert believed(path) == {other: TRUTH[other]}, one


def test_a_damaged_record_is_in_doubt(path: Path) -> None:
    change(path, "UPDATE batch SET outcomes = ? WHERE id = 1", bytes([Outcome.CREATED]) * 10)
    change(path, "UPDATE batch SET job = 'another' WHERE id = 4")
    ledger = Ledger.open(path)
    assert str(ledger.damaged(50)) == "0-9,40-49"
    assert str(ledger.settled()) == "10-19,25"
    assert [entry.id for entry in ledger.open_entries()] == [3]
    ledger.close()


@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_a_spoiled_file_never_says_what_was_not_said(path: Path, mask: int) -> None:
    whole = path.read_bytes()
    heard = {None: 0, True: 0}
    for at in range(0, len(whole), 19):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
        said = believed(path)
        assert said is None or said.items() <= TRUTH.items(), at
        heard[said is not None or None] += 1
    assert all(heard.values())


@pytest.mark.parametrize("length", [0, 1, 99, 100, 4096, 5000])
def test_a_ledger_cut_short(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    assert believed(path) is None


def test_a_ledger_of_a_newer_program(path: Path) -> None:
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(LedgerUnusable, match=f"newer bulkreply .schema {SCHEMA_VERSION + 1}"):
        Ledger.open(path)


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 0",
        "DROP TABLE failure",
        "ALTER TABLE batch RENAME COLUMN outcomes TO fates",
        "ALTER TABLE meta DROP COLUMN value",
    ],
)
def test_another_kind_of_database(path: Path, statement: str) -> None:
    change(path, statement)
    with pytest.raises(LedgerUnusable, match="damaged"):
        Ledger.open(path)


def test_replacing_and_following_leave_nothing_settled(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.transaction():
        ledger.replace(1)
        ledger.follow(2, "job-2")
    assert list(ledger.results()) == []
    assert not ledger.damaged(50)
    assert next((e.id, e.state, e.job) for e in ledger.open_entries()) == (2, State.FOLLOWING, "job-2")
    with ledger.transaction():
        ledger.settle(2, TRUTH["10-19,25"], (), {})
    ledger.close()
    assert believed(path) == {"10-19,25": TRUTH["10-19,25"]}


def test_rows_that_need_no_call(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.transaction():
        ledger.settle_unsent(Spans.of([50, 51]), bytes([Outcome.UNCHANGED] * 2), (), {51: ("c", "f", "m")})
    assert ledger.tally() == {Outcome.REJECTED: 10, Outcome.SKIPPED: 11, Outcome.UNCHANGED: 2}
    assert list(ledger.failures()) == [(51, "c", "f", "m")]
    ledger.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from bulkreply.ledger import Ledger
from bulkreply.spans import Spans
ledger = Ledger.open(Path(sys.argv[1]))
ledger._db.execute("PRAGMA cache_size = 1")  # half-made pages reach the file before the commit
with ledger.transaction():
    for first in range(100, 3000, 10):
        ledger.settle_unsent(Spans.of(range(first, first + 10)), bytes([1]) * 10, range(1, 11), {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_transaction_killed_half_way_was_never_begun(path: Path) -> None:
    before = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=REPOSITORY, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.stat().st_size > before, "nothing was half-made: the test proves nothing"
    assert believed(path) == TRUTH
    ledger = Ledger.open(path)
    assert [entry.id for entry in ledger.open_entries()] == [3, 4]
    ledger.close()


async def test_a_write_that_fails_takes_its_whole_transaction_back_and_the_next_goes_on(path: Path) -> None:
    ledger = Ledger.open(path)

    def refuse(book: Ledger) -> int:
        book.intend(Spans.of([98]), 0, 1.0)
        raise DiskFatal("full")

    def intend(at: int) -> Callable[[Ledger], int]:
        return lambda book: book.intend(Spans.of([at]), 0, 1.0)

    async with Scribe(ledger) as scribe:
        first = asyncio.create_task(scribe.write(refuse))
        with pytest.raises(DiskFatal, match="full"):
            await first
        assert await scribe.write(intend(99)) > 0
    assert 98 not in [at for entry in ledger.open_entries() for at in entry.positions]
    assert 99 in [at for entry in ledger.open_entries() for at in entry.positions]
    ledger.close()


async def test_a_write_that_nobody_waits_for_any_more_is_on_disk_when_the_scribe_leaves(path: Path) -> None:
    ledger = Ledger.open(path)
    async with Scribe(ledger) as scribe:
        waiting = asyncio.create_task(scribe.write(lambda book: book.intend(Spans.of([99]), 0, 1.0)))
        await asyncio.wait([waiting], timeout=0)
        waiting.cancel()
    ledger.close()
    again = Ledger.open(path)
    assert "99" in [str(entry.positions) for entry in again.open_entries()]
    again.close()
