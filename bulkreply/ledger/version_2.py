"""From version 1 to 2: every record gets a checksum. What was damaged before stays damaged; facts, failures and
records that had none until now are taken as they stand."""

from __future__ import annotations

import sqlite3
import zlib
from functools import reduce
from operator import xor

from bulkreply.ledger.form import noted_version
from bulkreply.ledger.sums import Sums, new_salt


def fill_ledger(db: sqlite3.Connection) -> None:
    """Takes facts, batches and failures over."""
    sums = Sums(salt := new_salt())
    facts = [(name, value, sums.of((name, value))) for name, value in db.execute("SELECT name, value FROM meta_1")]
    db.executemany("INSERT INTO meta VALUES (?, ?, ?)", facts)
    highest = 0
    columns = "id, positions, attempt, at_s, state, job, outcomes, ids, checksum"
    for *record, checksum in db.execute(f"SELECT {columns} FROM batch_1 ORDER BY id").fetchall():  # noqa: S608
        batch, positions, attempt, at_s, state, job, outcomes, ids = record
        spoiled = checksum != _sum_1(positions, state, attempt, at_s, job, outcomes, ids)
        intent = sums.of((batch, positions, attempt, at_s)) ^ spoiled
        fate = 0 if spoiled else sums.of((intent, state, job), outcomes, ids)
        values = (batch, positions, attempt, at_s, intent, state, job, outcomes, ids, fate)
        db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        highest = max(highest, batch)
    failures = [(*row, sums.of(row)) for row in db.execute("SELECT position, code, field, message FROM failure_1")]
    db.executemany("INSERT INTO failure VALUES (?, ?, ?, ?, ?)", failures)
    counts = (highest, len(failures), reduce(xor, (total for _, _, total in facts), 0))
    db.execute("INSERT INTO seal VALUES (1, ?, ?, ?, ?, ?)", (salt, *counts, sums.of(counts)))
    for table in ("meta_1", "batch_1", "failure_1"):
        db.execute(f"DROP TABLE {table}")


def fill_pages(db: sqlite3.Connection) -> None:
    """Takes listings, their pages and details over; a damaged page stays damaged."""
    sums = Sums(salt := new_salt())
    scopes = db.execute("SELECT id, parents, done, total FROM scope_1").fetchall()
    for number, parents, done, total in scopes:
        count = db.execute("SELECT count(*) FROM page_1 WHERE scope = ?", (number,)).fetchone()[0]
        values = (number, _text(parents), done, total, count)
        db.execute("INSERT INTO scope VALUES (?, ?, ?, ?, ?, ?)", (*values, sums.of(values)))
    columns = "id, scope, skip, count, more, left_out, at_s, body, checksum"
    for (number,) in db.execute("SELECT id FROM page_1 ORDER BY id").fetchall():
        query = f"SELECT {columns} FROM page_1 WHERE id = ?"  # noqa: S608
        *words, left_out, at_s, body, checksum = db.execute(query, (number,)).fetchone()
        values = (*words, _text(left_out), at_s)
        total = sums.of(values, body) if zlib.crc32(body) == checksum else 0
        db.execute("INSERT INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, body, total))
    for record, body in db.execute("SELECT record, body FROM detail_1"):
        db.execute("INSERT INTO detail VALUES (?, ?, ?)", (record, body, sums.of((record,), body)))
    counts = (len(scopes),)
    db.execute("INSERT INTO seal VALUES (1, ?, ?, ?)", (salt, *counts, sums.of(counts)))
    for table in ("scope_1", "page_1", "detail_1"):
        db.execute(f"DROP TABLE {table}")


def version_of_pages(db: sqlite3.Connection) -> int:
    """The version of a file of pages; the first bore no number."""
    noted = noted_version(db)
    known = "SELECT 1 FROM sqlite_master WHERE name = 'page'"
    return 1 if noted == 0 and db.execute(known).fetchone() else noted


def _sum_1(
    positions: object, state: object, attempt: object, at_s: object, job: object, outcomes: object, ids: object
) -> int | None:
    """The checksum of a batch in version 1, None when its values make no sense."""
    if not (isinstance(outcomes, bytes) and isinstance(ids, bytes)):
        return None
    head = f"{positions}|{state}|{attempt}|{at_s!r}|{job}|".encode("utf-8", "surrogatepass")
    return zlib.crc32(ids, zlib.crc32(outcomes, zlib.crc32(head)))


def _text(value: object) -> str:
    """Version 1 kept JSON as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
