"""Intents before the bytes leave, outcomes in one transaction after; a damaged record is unknown, never done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

from bulkreply.errors import DiskFatal
from bulkreply.ledger.form import Form, Step, noted_version, words_of
from bulkreply.ledger.opening import look_into, make, open_file, read_errors, shut
from bulkreply.ledger.packing import pack, unpack
from bulkreply.ledger.sums import SALT_BYTES, Sums, new_salt
from bulkreply.ledger.survey import Entry, Record, State, Survey, survey
from bulkreply.ledger.version_2 import fill_ledger
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans

SCHEMA_VERSION = 2
FORM = Form(
    name="ledger",
    version=SCHEMA_VERSION,
    script="schema.sql",
    columns={
        "seal": "id, salt, batches, failures, facts, checksum",
        "meta": "name, value, checksum",
        "batch": "id, positions, attempt, at_s, intent, state, job, outcomes, ids, fate",
        "failure": "position, code, field, message, checksum",
    },
    version_of=noted_version,
    steps={2: Step("upgrades/002_ledger.sql", fill_ledger)},
)

_NO_OUTCOMES = bytes(code for code in range(256) if code not in set(Outcome))
_EXPLAINED = {Outcome.REJECTED, Outcome.UNKNOWN}
_LOST = ["ledger.damaged", "", "why is not known any more: the ledger was damaged"]


@dataclass(frozen=True, slots=True)
class Result:
    """Outcomes of one settled batch, as columns in the order of its positions."""

    positions: Spans
    outcomes: bytes
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Seal:
    """How much a ledger holds, so that what is gone is missed."""

    batches: int = 0
    failures: int = 0
    facts: int = 0

    @property
    def words(self) -> tuple[int, int, int]:
        return self.batches, self.failures, self.facts


class Ledger:
    """The ledger of one run. Every write goes through `transaction`; a failing disk raises DiskFatal.

    Raises:
        LedgerUnusable: From every method that reads: the file is damaged.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, sums: type[Sums] = Sums) -> None:
        self._db = connection
        self.path = path
        self._sums, self._seal = self._unsealed(sums)
        self._facts = self._fact_sums()
        self._highest: int = max(self._seal.batches, self._read("SELECT coalesce(max(id), 0) FROM batch")[0][0])
        self._surveyed: Survey | None = None
        self._intents: dict[int, int] = {}  # checksums of batches begun here, until their fate is known

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """A new, empty ledger (0600).

        Raises:
            DiskFatal: It cannot be written.
        """

        def fill(db: sqlite3.Connection) -> None:
            seal, salt = _Seal(), new_salt()
            values = (salt, *seal.words, Sums(salt).of(seal.words))
            db.execute("INSERT INTO seal VALUES (1, ?, ?, ?, ?, ?)", values)

        return cls(make(path, FORM, fill), path)

    @classmethod
    def open(cls, path: Path, sums: type[Sums] = Sums) -> Ledger:
        """The ledger of an earlier run, to go on with; one of an earlier bulkreply is brought forward.

        Args:
            sums: How records are checked.

        Raises:
            LedgerUnusable: It is missing, damaged, or written by a newer bulkreply.
        """
        return cls._checked(open_file(path, FORM), path, sums)

    @classmethod
    def look(cls, path: Path) -> Ledger:
        """A ledger as it is at this moment, to be read and closed soon; nothing in it is changed.

        Raises:
            LedgerUnusable: As for `open`.
        """
        return cls._checked(look_into(path, FORM), path, Sums)

    @classmethod
    def _checked(cls, db: sqlite3.Connection, path: Path, sums: type[Sums]) -> Ledger:
        try:
            return cls(db, path, sums)
        except BaseException:
            db.close()
            raise

    def close(self) -> None:
        """Closes the file; a ledger that is closed can be opened again."""
        shut(self._db)

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """All writes inside are on disk when it ends, or none is.

        Raises:
            DiskFatal: The disk refused; nothing inside was recorded.
        """
        seal, facts, highest, self._surveyed = self._seal, dict(self._facts), self._highest, None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self
            if self._seal != seal:
                values = (*self._seal.words, self._sums.of(self._seal.words))
                self._db.execute("UPDATE seal SET batches = ?, failures = ?, facts = ?, checksum = ?", values)
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._seal, self._facts, self._highest = seal, facts, highest
            if isinstance(error, sqlite3.Error):
                raise DiskFatal(f"the ledger cannot be written: {words_of(error)}") from None
            raise
        finally:
            self._surveyed = None

    def note(self, **facts: str) -> None:
        """Stores facts about the run."""
        for name, value in facts.items():
            total = self._sums.of((name, value))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (name, value, total))
            self._seal = replace(self._seal, facts=self._seal.facts ^ self._facts.get(name, 0) ^ total)
            self._facts[name] = total

    def facts(self) -> dict[str, str]:
        """The facts stored with `note`."""
        return {name: value for name, value, _ in self._read("SELECT name, value, checksum FROM meta")}

    def intend(self, positions: Spans, attempt: int, at_s: float) -> int:
        """Records that a batch is about to be sent; its id."""
        batch, text, at_s = self._highest + 1, str(positions), float(at_s)
        intent = self._sums.of((batch, text, attempt, at_s))
        fate = self._sums.of((intent, int(State.INTENT), ""), b"", b"")
        self._db.execute(
            "INSERT INTO batch (id, positions, attempt, at_s, intent, state, fate) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (batch, text, attempt, at_s, intent, State.INTENT, fate),
        )
        self._highest, self._seal = batch, _Seal(batch, self._seal.failures, self._seal.facts)
        self._intents[batch] = intent
        return batch

    def settle(
        self, batch: int, outcomes: bytes, ids: Sequence[int], failures: Mapping[int, tuple[str, str, str]]
    ) -> None:
        """Records what became of every position of a batch.

        Args:
            failures: Position -> `(code, field, message)` of rows somebody may want to look at.
        """
        self._restate(batch, State.SETTLED, outcomes=outcomes, ids=pack(ids))
        if failures:
            self.forget(Spans.of(failures))
            rows = [(at, *words, self._sums.of((at, *words))) for at, words in failures.items()]
            self._db.executemany("INSERT INTO failure VALUES (?, ?, ?, ?, ?)", rows)
            self._seal = replace(self._seal, failures=self._seal.failures + len(rows))

    def settle_unsent(
        self, positions: Spans, outcomes: bytes, ids: Sequence[int], failures: Mapping[int, tuple[str, str, str]]
    ) -> None:
        """Records rows that need no call: duplicates, rows Reply does not know, rows carried over."""
        self.settle(self.intend(positions, 0, 0.0), outcomes, ids, failures)

    def forget(self, positions: Spans) -> None:
        """Takes back why rows ended as they did."""
        gone = 0
        for pair in positions.pairs:
            gone += self._db.execute("DELETE FROM failure WHERE position >= ? AND position < ?", pair).rowcount
        self._seal = replace(self._seal, failures=max(0, self._seal.failures - gone))

    def follow(self, batch: int, job: str) -> None:
        """Records the background job that does the work of a batch."""
        self._restate(batch, State.FOLLOWING, job)

    def replace(self, batch: int) -> None:
        """Takes a batch back: none of its positions was, or will be, done by it."""
        self._restate(batch, State.REPLACED)

    def open_entries(self) -> list[Entry]:
        """Batches with an intent and no outcome, damaged ones left out."""
        return list(self._survey().open)

    def settled(self) -> Spans:
        """Positions whose outcome is on record, damaged records left out."""
        return self._survey().settled

    def damaged(self, positions: int) -> Spans:
        """Positions that may have been sent by a batch whose record is damaged or gone: nobody knows.

        Args:
            positions: How many there are in all; the answer, but for what is on record, when nobody knows which.
        """
        found = self._survey()
        doubtful = Spans.union([(0, positions)]) if found.lost else found.spoiled.within(0, positions)
        known = Spans.union(pair for entry in found.open for pair in entry.positions.pairs) | found.settled
        return doubtful.minus(known)

    def results(self) -> Iterator[Result]:
        """Settled batches in the order they were begun."""
        return (Result(entry.positions, outcomes, ids) for entry, outcomes, ids in self.settled_batches())

    def settled_batches(self) -> Iterator[tuple[Entry, bytes, Sequence[int]]]:
        """`(entry, outcomes, ids)` of settled batches, in the order they were begun."""
        for record in self._records("WHERE state = 3"):
            if record.sound and record.entry is not None:
                yield record.entry, record.outcomes, unpack(record.ids)

    def tally(self) -> dict[Outcome, int]:
        """Rows by outcome over all settled batches."""
        return dict(self._survey().tally)

    def failures(self) -> Iterator[tuple[int, str, str, str]]:
        """`(position, code, field, message)`, ascending; of those whose reason is damaged or gone, just that."""
        rows = self._read(f"SELECT {FORM.columns['failure']} FROM failure ORDER BY position")  # noqa: S608
        sound = {at: words for at, *words, total in rows if self._sums.holds(total, (at, *words))}
        if len(sound) != self._seal.failures:
            for result in self.results():
                bad = (at for at, code in zip(result.positions, result.outcomes, strict=True) if code in _EXPLAINED)
                sound |= {at: _LOST for at in bad if at not in sound}
        yield from ((at, code, field, message) for at, (code, field, message) in sorted(sound.items()))

    def _restate(self, batch: int, state: State, job: str = "", outcomes: bytes = b"", ids: bytes = b"") -> None:
        """Rewrites what became of a batch."""
        intent = self._intents.pop(batch, None)
        if intent is None:
            intent, *_ = self._db.execute("SELECT intent FROM batch WHERE id = ?", (batch,)).fetchone() or (None,)
        fate = self._sums.of((intent, int(state), job), outcomes, ids)
        done = self._db.execute(
            "UPDATE batch SET state = ?, job = ?, outcomes = ?, ids = ?, fate = ? WHERE id = ?",
            (state, job, outcomes, ids, fate, batch),
        )
        if not done.rowcount:
            raise FORM.damaged()

    def _survey(self) -> Survey:
        if self._surveyed is None:
            self._surveyed = survey(lambda: self._records(""), self._seal.batches)
        return self._surveyed

    def _records(self, where: str) -> Iterator[Record]:
        query = f"SELECT {FORM.columns['batch']} FROM batch {where} ORDER BY id"  # noqa: S608
        with read_errors(FORM):
            for batch, text, attempt, at_s, intent, state, job, outcomes, ids, fate in self._db.execute(query):
                entry, sound = None, False
                try:
                    if self._sums.holds(intent, (batch, text, attempt, at_s)):
                        positions = Spans.parse(text)
                        sound = self._sums.holds(fate, (intent, state, job), outcomes, ids)
                        codes = len(positions) if sound and state == State.SETTLED else 0
                        sound = sound and len(outcomes.translate(None, _NO_OUTCOMES)) == len(outcomes) == codes
                        entry = Entry(batch, positions, State(state) if sound else State.INTENT, attempt, at_s, job)
                except (TypeError, ValueError, AttributeError):
                    sound = False
                yield Record(entry, sound, outcomes, ids)

    def _unsealed(self, sums: type[Sums]) -> tuple[Sums, _Seal]:
        found = self._read(f"SELECT {FORM.columns['seal']} FROM seal WHERE id = 1")  # noqa: S608
        for _, salt, *counts, total in found:
            if isinstance(salt, bytes) and len(salt) == SALT_BYTES and sums(salt).holds(total, tuple(counts)):
                return sums(salt), _Seal(*counts)
        raise FORM.damaged()

    def _fact_sums(self) -> dict[str, int]:
        """Checksums of all facts.

        Raises:
            LedgerUnusable: One is damaged, gone, or not the latest: nothing can be built on the others.
        """
        rows = self._read("SELECT name, value, checksum FROM meta")
        sound = all(self._sums.holds(total, (name, value)) for name, value, total in rows)
        found = {name: total for name, _, total in rows}
        if not sound or reduce(xor, found.values(), 0) != self._seal.facts:
            raise FORM.damaged()
        return found

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with read_errors(FORM):
            return self._db.execute(query).fetchall()
