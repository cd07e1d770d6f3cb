"""Every record of a ledger, fact, reason and page is covered: changed, moved, exchanged or gone, it is missed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from bulkreply.errors import LedgerUnusable
from bulkreply.ledger import Ledger
from bulkreply.ledger.pages import KeptPage, Pages, StoredPage
from bulkreply.ledger.sums import Sums
from bulkreply.outcomes import Outcome
from bulkreply.quota.store import Store
from bulkreply.spans import Spans
from tests.support import REPOSITORY

LOST = ("ledger.damaged", "", "why is not known any more: the ledger was damaged")
REASONS = {3: ("reply.a", "email", "no"), 7: ("reply.b", "", "never")}


def fill(path: Path) -> Path:
    """Rows 0-9 settled, 3 and 7 of them rejected, 10-19 settled, 20-29 under way, of a hundred."""
    ledger = Ledger.create(path)
    with ledger.transaction():
        ledger.note(state="running", account="a1")
        outcomes = bytearray([Outcome.CREATED]) * 10
        outcomes[3] = outcomes[7] = Outcome.REJECTED
        ledger.settle(ledger.intend(Spans.of(range(10)), 0, 5.0), bytes(outcomes), range(1, 11), REASONS)
        ledger.settle(ledger.intend(Spans.of(range(10, 20)), 0, 5.0), bytes([Outcome.CREATED]) * 10, range(11, 21), {})
        ledger.intend(Spans.of(range(20, 30)), 0, 6.0)
    ledger.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return fill(tmp_path / "ledger.sqlite")


def change(path: Path, *script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in script:
            db.execute(statement)


def fates(path: Path) -> tuple[str, str, str]:
    """Positions settled, under way, and in doubt."""
    with closing(Ledger.open(path)) as ledger:
        begun = ",".join(str(entry.positions) for entry in ledger.open_entries())
        return str(ledger.settled()), begun, str(ledger.damaged(100))


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (["UPDATE batch SET outcomes = x'' WHERE id = 1"], ("10-19", "20-29", "0-9")),
        (["UPDATE batch SET positions = '0-8' WHERE id = 1"], ("10-19", "20-29", "0-9,30-99")),
        (["UPDATE batch SET state = 3 WHERE id = 3"], ("0-19", "", "20-29")),
        (["UPDATE batch SET state = 4 WHERE id = 3"], ("0-19", "", "20-29")),
        (["DELETE FROM batch WHERE id = 1"], ("10-19", "20-29", "0-9,30-99")),
        (["DELETE FROM batch WHERE id = 3"], ("0-19", "", "20-99")),
        (["DELETE FROM batch"], ("", "", "0-99")),
        (["UPDATE batch SET id = 9 WHERE id = 3"], ("0-19", "", "20-99")),
        (["UPDATE batch SET id = -id WHERE id < 3", "UPDATE batch SET id = 3 + id WHERE id < 0"],
         ("", "20-29", "0-19,30-99")),
        (["INSERT INTO batch SELECT 4, positions, attempt, at_s, intent, state, job, outcomes, ids, fate FROM batch"
          " WHERE id = 1"], ("0-19", "20-29", "30-99")),
    ],
)  # fmt: skip
def test_batches_changed_moved_or_gone(path: Path, script: list[str], found: tuple[str, str, str]) -> None:
    change(path, *script)
    assert fates(path) == found


def test_records_that_went_are_still_missed_when_others_have_come(path: Path) -> None:
    change(path, "DELETE FROM batch WHERE id = 3")
    for _ in range(2):
        with closing(Ledger.open(path)) as ledger, ledger.transaction():
            ledger.settle_unsent(Spans.of([50]), bytes([Outcome.CREATED]), (), {})
    assert fates(path) == ("0-19,50", "", "20-49,51-99")


def test_a_record_of_another_ledger_does_not_fit(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    fill(other)
    columns = "positions, attempt, at_s, intent, state, job, outcomes, ids, fate"
    change(
        path,
        f"ATTACH '{other}' AS other",
        f"UPDATE batch SET ({columns}) = (SELECT {columns} FROM other.batch AS b WHERE b.id = batch.id) WHERE id = 2",
    )
    assert fates(path) == ("0-9", "20-29", "10-19,30-99")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = 'finished' WHERE name = 'state'",
        "UPDATE meta SET name = 'count' WHERE name = 'account'",
        "DELETE FROM meta WHERE name = 'account'",
        "UPDATE meta SET checksum = checksum + 1 WHERE name = 'account'",
        "UPDATE seal SET facts = facts + 1",
        "UPDATE seal SET batches = batches - 1",
        "UPDATE seal SET salt = randomblob(16)",
        "UPDATE seal SET salt = 'x'",
        "DELETE FROM seal",
    ],
)
def test_without_its_facts_a_run_is_not_gone_on_with(path: Path, statement: str) -> None:
    change(path, statement)
    for door in (Ledger.open, Ledger.look):
        with pytest.raises(LedgerUnusable, match="damaged") as refused:
            door(path)
        assert refused.value.exit_code == 10


def test_an_outdated_fact_is_damage_as_well(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        (before,) = db.execute("SELECT checksum FROM meta WHERE name = 'state'").fetchone()
    with closing(Ledger.open(path)) as ledger, ledger.transaction():
        ledger.note(state="finished")
    change(path, f"UPDATE meta SET value = 'running', checksum = {before} WHERE name = 'state'")
    with pytest.raises(LedgerUnusable, match="damaged"):
        Ledger.open(path)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE failure SET message = 'yes' WHERE position = 3", REASONS | {3: LOST}),
        ("UPDATE failure SET code = 'reply.b' WHERE position = 3", REASONS | {3: LOST}),
        ("UPDATE failure SET position = 5 WHERE position = 3", REASONS | {3: LOST}),
        ("DELETE FROM failure WHERE position = 3", REASONS | {3: LOST}),
        ("DELETE FROM failure", {3: LOST, 7: LOST}),
    ],
)
def test_reasons_changed_moved_or_gone(path: Path, statement: str, found: dict[int, tuple[str, str, str]]) -> None:
    change(path, statement)
    with closing(Ledger.open(path)) as ledger:
        assert {at: tuple(words) for at, *words in ledger.failures()} == found
        assert ledger.tally()[Outcome.REJECTED] == 2, "what became of the rows is known all the same"


def test_a_row_settled_again_counts_once_with_its_last_outcome(path: Path) -> None:
    with closing(Ledger.open(path)) as ledger:
        with ledger.transaction():
            ledger.settle_unsent(Spans.of([3, 4]), bytes([Outcome.CREATED, Outcome.UPDATED]), (), {})
        assert ledger.tally() == {Outcome.CREATED: 18, Outcome.UPDATED: 1, Outcome.REJECTED: 1}
        assert str(ledger.settled()) == "0-19"


def test_a_transaction_taken_back_leaves_the_seal_as_it_was(path: Path) -> None:
    with closing(Ledger.open(path)) as ledger:
        with pytest.raises(ZeroDivisionError), ledger.transaction():
            ledger.note(state="paused", more="x")
            ledger.settle_unsent(Spans.of([40]), bytes([Outcome.REJECTED]), (), {40: ("c", "", "")})
            _ = 1 / 0
        with ledger.transaction():
            ledger.note(state="paused")
    with closing(Ledger.open(path)) as ledger:
        assert ledger.facts() == {"state": "paused", "account": "a1"}
    assert fates(path) == ("0-19", "20-29", "")


def test_checksums_tell_where_one_value_ends() -> None:
    sums = Sums(b"salt")
    texts = [(("a", "b"), b""), (("ab", ""), b""), (("a",), b"b"), (("a", "b", ""), b"")]
    found = {sums.of(words, blob) for words, blob in texts} | {sums.of((), b"a", b"b"), sums.of((), b"ab", b"")}
    assert len(found) == 6
    assert Sums(b"other").of(("a", "b"), b"") not in found


# -- the files


WAL = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("PRAGMA user_version = 2")
os._exit(0)
"""


def test_a_ledger_in_write_ahead_mode_opens_and_leaves_it(path: Path) -> None:
    subprocess.run([sys.executable, "-c", WAL, str(path)], cwd=REPOSITORY, check=True)
    wal = path.with_name("ledger.sqlite-wal")
    assert wal.stat().st_size > 0
    with closing(Ledger.look(path)) as ledger:
        assert str(ledger.settled()) == "0-19"
    assert fates(path) == ("0-19", "20-29", "")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not wal.exists()


def test_journals_are_rolled_back_and_synchronous(path: Path, tmp_path: Path) -> None:
    with closing(Ledger.open(path)) as ledger, closing(Pages.create(tmp_path / "pages.sqlite", [{}])) as pages:
        for db in (ledger._db, pages._db):
            modes = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
            assert modes == ["persist", 3], "EXTRA: the folder is synchronised too, so no journal comes back to life"
    store = Store(tmp_path / "quota" / "a.sqlite")
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",), "no WAL there either"
    store.shut()


def test_links_are_not_followed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)
    with pytest.raises(LedgerUnusable, match="symbolic link"):
        Ledger.open(link)


def test_everything_is_private(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Pages.create(tmp_path / "pages.sqlite", [{}]).close()
        with closing(Ledger.create(tmp_path / "new.sqlite")) as ledger, ledger.transaction():
            ledger.note(state="x" * 9000)
            journal = tmp_path / "new.sqlite-journal"
            found = [one.stat().st_mode & 0o777 for one in (ledger.path, journal, tmp_path / "pages.sqlite")]
    finally:
        os.umask(before)
    assert found == [0o600] * 3


def test_a_look_holds_still_while_others_write(path: Path) -> None:
    with closing(Ledger.look(path)) as seen:
        assert seen.facts()["state"] == "running"
        with pytest.raises(sqlite3.OperationalError, match="readonly"), closing(Ledger.look(path)) as other:
            other._db.execute("DELETE FROM meta")
    with closing(Ledger.open(path)) as ledger, ledger.transaction():
        ledger.note(state="finished")
    with closing(Ledger.look(path)) as seen:
        assert seen.facts()["state"] == "finished"


# -- pages of exports


def page(number: int) -> StoredPage:
    return StoredPage(number * 10, 10, number == 0, [1], 5.0 + number, orjson.dumps([{"id": number}]))


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.sqlite"
    with closing(Pages.create(path, [{"listId": "1"}, {"listId": "2"}])) as pages:
        for scope in (1, 2):
            pages.add_all([KeptPage(scope, page(0), 20, done=False), KeptPage(scope, page(1), 20, done=True)])
        pages.add_details({"7": b'{"id":7}', "8": b'{"id":8}'})
    return path


def all_of(path: Path) -> list[object]:
    with closing(Pages.open(path)) as pages:
        found: list[object] = [pages.detailed(), pages.detail("7"), pages.detail("8"), pages.detail("9")]
        for scope in pages.scopes():
            found += [scope, *pages.pages(scope.id)]
        return found


def test_pages_as_they_were(pages: Path) -> None:
    details, seven, eight, nine, one, *two = all_of(pages)
    assert (details, seven, eight, nine) == ({"7", "8"}, {"id": 7}, {"id": 8}, None)
    assert one.parents == {"listId": "1"}
    assert two[:2] == [page(0), page(1)]


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE page SET {column} = {column} + 1 WHERE id = 2" for column in ("skip", "count", "more", "at_s")),
        "UPDATE page SET id = 9 WHERE id = 2",
        "UPDATE page SET scope = 2 WHERE id = 2",
        "UPDATE page SET left_out = '[]' WHERE id = 2",
        "UPDATE page SET body = (SELECT body FROM page WHERE id = 1) WHERE id = 2",
        "DELETE FROM page WHERE id = 2",
        "DELETE FROM page WHERE scope = 2",
        *(f"UPDATE scope SET {column} = {column} + 1 WHERE id = 2" for column in ("id", "done", "total", "pages")),
        'UPDATE scope SET parents = \'{"listId":"3"}\' WHERE id = 2',
        "DELETE FROM scope WHERE id = 2",
        "DELETE FROM scope",
        "DELETE FROM seal",
        "UPDATE seal SET scopes = 1",
        "UPDATE detail SET body = (SELECT body FROM detail WHERE record = '8') WHERE record = '7'",
    ],
)
def test_pages_changed_moved_or_gone(pages: Path, statement: str) -> None:
    change(pages, statement)
    with pytest.raises(LedgerUnusable, match="damaged"):
        all_of(pages)


def test_a_damaged_detail_is_read_again(pages: Path) -> None:
    change(pages, "UPDATE detail SET checksum = 1 WHERE record = '7'")
    with closing(Pages.open(pages)) as opened:
        assert opened.detailed() == {"8"}
        opened.add_details({"7": b'{"id":70}'})
        assert opened.detail("7") == {"id": 70}


def test_pages_that_are_gone_are_not_an_empty_listing(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="no file of pages"):
        Pages.open(tmp_path / "pages.sqlite")
