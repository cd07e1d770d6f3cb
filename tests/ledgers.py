"""Ledgers for tests: real ones with what is true of them, ways to spoil them, and how the first version wrote them."""

from __future__ import annotations

import random
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bulkreply.errors import LedgerUnusable
from bulkreply.ledger import Ledger
from bulkreply.ledger.sums import Sums
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans

PAGE = 4096
POSITIONS = 2_000
WELL = [Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.SKIPPED]


class Credulous(Sums):
    """The checksum switched off."""

    def holds(self, stored: object, words: tuple[object, ...], *blobs: bytes) -> bool:
        return True


@dataclass
class Truth:
    """What happened, whatever a ledger says.

    Attributes:
        done: Position -> outcome and id.
        open: Positions that were sent and of which nothing was heard.
        facts: Every `(name, value)` that ever was written.
    """

    done: dict[int, tuple[int, int]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    failures: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    facts: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Real:
    """A ledger as a run leaves it.

    Attributes:
        before: The same file some time earlier.
    """

    truth: Truth
    whole: bytes
    before: bytes


def real_ledger(path: Path, seed: int) -> Real:
    """Some hundred batches, a few of them under way, followed or divided."""
    chance, truth = random.Random(seed), Truth()
    ledger, before, at = Ledger.create(path), b"", 0
    ledger._db.execute("PRAGMA synchronous = OFF")
    facts = {"state": "running", "job": "x", "job_content": "{}" * chance.randrange(400), "account": f"{seed:x}"}
    truth.facts |= facts.items()
    with ledger.transaction():
        ledger.note(**facts)
    while at < POSITIONS - 100:
        positions = Spans.of(range(at, at + chance.randrange(1, 40)))
        if chance.random() < 0.1:
            positions = Spans.of(list(positions)[::2])
        at = positions.pairs[-1][1]
        with ledger.transaction():
            _one_batch(ledger, truth, positions, chance)
        if not before and at > POSITIONS * 0.7:
            before = path.read_bytes()
    ledger.close()
    return Real(truth, path.read_bytes(), before)


def _one_batch(ledger: Ledger, truth: Truth, positions: Spans, chance: random.Random) -> None:
    batch, kind = ledger.intend(positions, chance.randrange(3), 1.7e9 + chance.random()), chance.random()
    truth.facts.add(("requests", str(batch)))
    ledger.note(requests=str(batch))
    if kind < 0.08:
        truth.open |= set(positions)
    elif kind < 0.12:
        ledger.follow(batch, f"job-{batch}")
        truth.open |= set(positions)
    elif kind < 0.16:
        ledger.replace(batch)
    else:
        outcomes = [Outcome.REJECTED if chance.random() < 0.2 else chance.choice(WELL) for _ in positions]
        ids = [chance.randrange(1, 2**40) for _ in positions] if chance.random() < 0.8 else [0] * len(positions)
        bad = [p for p, outcome in zip(positions, outcomes, strict=True) if outcome is Outcome.REJECTED]
        failures = {p: (f"reply.c{p % 7}", "email", f"no {p}") for p in bad}
        ledger.settle(batch, bytes(outcomes), ids, failures)
        truth.failures |= failures
        truth.done |= {p: (o, i) for p, o, i in zip(positions, outcomes, ids, strict=True)}


@dataclass
class Heard:
    """What a spoiled ledger made somebody believe.

    Attributes:
        refused: It was not opened, or not read to its end.
        wrong: Positions with an outcome, or id, they never had.
        lost: Positions that were sent and are now taken for never sent.
        lies: Reasons or facts that were never written.
    """

    refused: bool = False
    wrong: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    lies: list[object] = field(default_factory=list)


def listen(path: Path, truth: Truth, sums: type[Sums] = Sums) -> Heard:
    """Reads a ledger as a run that goes on does."""
    heard = Heard()
    try:
        with closing(Ledger.open(path, sums)) as ledger:
            known = set(ledger.settled())
            for result in ledger.results():
                ids = result.ids if len(result.ids) else [0] * len(result.positions)
                for position, outcome, number in zip(result.positions, result.outcomes, ids, strict=False):
                    if truth.done.get(position) != (outcome, number):
                        heard.wrong.add(position)
            doubtful = set(ledger.damaged(POSITIONS)) | {p for entry in ledger.open_entries() for p in entry.positions}
            heard.wrong |= known - truth.done.keys()
            heard.lost = (truth.done.keys() | truth.open) - known - doubtful
            heard.lies += [
                (position, *words)
                for position, *words in ledger.failures()
                if truth.failures.get(position) != tuple(words) and words[0] != "ledger.damaged"
            ]
            heard.lies += ledger.facts().items() - truth.facts
    except LedgerUnusable:
        heard.refused = True
    except (TypeError, ValueError):  # nonsense that no checksum kept away
        if sums is Sums:
            raise
    return heard


Damage = Callable[[bytearray, Real, Real, random.Random], None]


def _flip(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)


def _overwrite(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    at, length = chance.randrange(len(spoiled)), chance.choice([1, 4, 16, 64, 512])
    content = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)
    spoiled[at : at + length] = content[: len(spoiled) - at]


def _page_at(content: bytes | bytearray, chance: random.Random) -> int:
    return chance.randrange(1, max(2, len(content) // PAGE)) * PAGE


def _zero_page(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    at = _page_at(spoiled, chance)
    spoiled[at : at + PAGE] = bytes(len(spoiled[at : at + PAGE]))


def _earlier_page(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    at = _page_at(real.before, chance)
    spoiled[at : at + PAGE] = real.before[at : at + PAGE]


def _foreign_page(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    at = min(_page_at(other.whole, chance), len(spoiled) // PAGE * PAGE - PAGE)
    spoiled[at : at + PAGE] = other.whole[at : at + PAGE]


def _exchange_pages(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    a, b = _page_at(spoiled, chance), _page_at(spoiled, chance)
    spoiled[a : a + PAGE], spoiled[b : b + PAGE] = spoiled[b : b + PAGE], spoiled[a : a + PAGE]


def _cut_out(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    at, length = chance.randrange(len(spoiled)), chance.choice([1, 7, 512, PAGE])
    del spoiled[at : at + length]


def _cut_short(spoiled: bytearray, real: Real, other: Real, chance: random.Random) -> None:
    del spoiled[chance.randrange(len(spoiled)) :]


BYTES: list[Damage] = [
    *[_flip, _overwrite] * 3,
    _zero_page,
    _earlier_page,
    _foreign_page,
    _exchange_pages,
    _cut_out,
    _cut_short,
]
ROWS = [
    "DELETE FROM batch WHERE id = :batch",
    "DELETE FROM batch WHERE id > (SELECT max(id) FROM batch) - :few",
    "UPDATE batch SET id = id + 1000 WHERE id = :batch",
    "UPDATE batch SET state = 3, outcomes = zeroblob(20) WHERE state < 3",
    "UPDATE batch SET state = :few WHERE id = :batch",
    "UPDATE batch SET positions = (SELECT positions FROM batch WHERE id = :other) WHERE id = :batch",
    "UPDATE batch SET outcomes = (SELECT outcomes FROM batch WHERE id = :other) WHERE id = :batch",
    "UPDATE batch SET ids = (SELECT ids FROM batch WHERE id = :other) WHERE id = :batch",
    "UPDATE batch SET (positions, attempt, at_s, intent, state, job, outcomes, ids, fate) = (SELECT positions, attempt,"
    " at_s, intent, state, job, outcomes, ids, fate FROM batch WHERE id = :other) WHERE id = :batch",
    "UPDATE batch SET outcomes = replace(outcomes, x'08', x'01') WHERE id = :batch",
    "UPDATE batch SET fate = fate + 1 WHERE id = :batch",
    "DELETE FROM failure WHERE position % 7 = :few",
    "UPDATE failure SET message = 'all is well' WHERE position % 7 = :few",
    "UPDATE failure SET position = position + 1000000 WHERE position % 7 = :few",
    "DELETE FROM meta WHERE name = 'account'",
    "UPDATE meta SET value = 'finished' WHERE name = 'state'",
    "UPDATE seal SET batches = batches - :few",
]


def spoil(path: Path, real: Real, other: Real, chance: random.Random) -> None:
    """Writes a ledger with something wrong in it: bytes and pages mostly, rows sometimes."""
    spoiled = bytearray(real.whole)
    if chance.random() < 0.3:
        path.write_bytes(spoiled)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            number = db.execute("SELECT max(id) FROM batch").fetchone()[0]
            values = {
                "batch": chance.randint(1, number),
                "other": chance.randint(1, number),
                "few": chance.randint(1, 5),
            }
            db.execute(chance.choice(ROWS), values)
        return
    for _ in range(chance.choice([1, 1, 2])):
        chance.choice(BYTES)(spoiled, real, other, chance)
    path.write_bytes(spoiled)


def as_version_1(path: Path) -> None:
    """Rewrites a ledger as bulkreply 0.1 wrote it before records had numbers in their checksums."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        facts = db.execute("SELECT name, value FROM meta").fetchall()
        failures = db.execute("SELECT position, code, field, message FROM failure").fetchall()
        batches = db.execute("SELECT id, positions, state, attempt, at_s, job, outcomes, ids FROM batch").fetchall()
        db.execute("BEGIN")
        for table in ("meta", "failure", "batch", "seal"):
            db.execute(f"DROP TABLE {table}")
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        db.execute(
            "CREATE TABLE batch (id INTEGER PRIMARY KEY, positions TEXT NOT NULL, state INTEGER NOT NULL,"
            " attempt INTEGER NOT NULL, at_s REAL NOT NULL, job TEXT NOT NULL DEFAULT '',"
            " outcomes BLOB NOT NULL DEFAULT x'', ids BLOB NOT NULL DEFAULT x'', checksum INTEGER NOT NULL)"
        )
        db.execute("CREATE INDEX batch_open ON batch (state) WHERE state < 3")
        db.execute(
            "CREATE TABLE failure (position INTEGER PRIMARY KEY, code TEXT NOT NULL, field TEXT NOT NULL, message TEXT"
            " NOT NULL)"
        )
        db.executemany("INSERT INTO meta VALUES (?, ?)", facts)
        db.executemany("INSERT INTO failure VALUES (?, ?, ?, ?)", failures)
        for number, positions, state, attempt, at_s, job, outcomes, ids in batches:
            head = f"{positions}|{state}|{attempt}|{at_s!r}|{job}|".encode()
            checksum = zlib.crc32(ids, zlib.crc32(outcomes, zlib.crc32(head)))
            values = (number, positions, state, attempt, at_s, job, outcomes, ids, checksum)
            db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.execute("PRAGMA user_version = 1")
        db.execute("COMMIT")
