"""Exports into real databases: SQLite, DuckDB and a PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.databases import Written, open_database
from bulkreply.databases.names import Spelling, table_parts
from bulkreply.databases.sqlite_driver import SqliteDriver
from bulkreply.databases.writing import OpenDatabase
from bulkreply.errors import RunFatal, RunPaused, UsageProblem
from tests.flow.database_servers import PASSWORD, Server, frames_of
from tests.flow.database_writer import write as write_tables
from tests.support import REPOSITORY

KINDS = ("sqlite", "duckdb", "postgresql")
CONTACT = pl.Schema({"id": pl.Int64(), "email": pl.String(), "score": pl.Float64()})
ADA = {"id": 1, "email": "ada@example.com", "score": 0.5}
BOB = {"id": 2, "email": None, "score": None}
CLEO = {"id": 3, "email": "", "score": 2.0}


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, server_of: Callable[[str], Server]) -> Server:
    return server_of(request.param)


@pytest.fixture
def postgres(server_of: Callable[[str], Server]) -> Server:
    return server_of("postgresql")


@pytest.fixture
def sqlite(server_of: Callable[[str], Server]) -> Server:
    return server_of("sqlite")


def write(
    server: Server,
    rows: list[dict[str, Any]],
    schema: Any = CONTACT,
    mode: Any = "merge",
    key: tuple[str, ...] = ("id",),
    deleted: pl.DataFrame | None = None,
    table: str = "contacts",
) -> Written:
    with contextlib.closing(server.open()) as database:
        frames = frames_of(rows, schema)
        return database.write(table, pl.Schema(schema), frames, mode=mode, key=key, deleted=deleted)


# --- what is written ---------------------------------------------------------------------------------------------


def test_every_type_comes_back(server: Server) -> None:
    schema = {
        "id": pl.UInt32(),
        "text": pl.String(),
        "whole": pl.Int64(),
        "number": pl.Float64(),
        "flag": pl.Boolean(),
        "day": pl.Date(),
        "moment": pl.Datetime("us", "UTC"),
    }
    moment = datetime(2026, 11, 24, 10, 0, 0, 678, tzinfo=UTC)
    texts = ["plain", "", None, 'a "quote", a comma;\r\na line', "\\N", "\\.", "ünïcödé 😀", "0044", '{"a": "\\u0000"}']
    rows = [
        {"id": i, "text": text, "whole": 2**62 + i, "number": 0.1 + i, "flag": i % 2 == 0, "day": date(2026, 1, 31)}
        | {"moment": moment}
        for i, text in enumerate(texts)
    ]
    rows.append(dict.fromkeys(schema) | {"id": len(rows)})
    write(server, rows, schema, "replace")
    found = server.rows("contacts")
    if server.name == "sqlite":
        expected_times: tuple[Any, ...] = ("2026-01-31", "2026-11-24 10:00:00.000678Z")
    else:
        expected_times = (date(2026, 1, 31), moment)
    assert found[:-1] == [
        (row["id"], row["text"], row["whole"], row["number"], row["flag"], *expected_times) for row in rows[:-1]
    ]
    assert found[-1] == (len(rows) - 1, *[None] * 6)
    assert list(server.columns("contacts")) == list(schema)
    if server.name == "postgresql":
        assert server.columns("contacts") == {
            "id": "bigint",
            "text": "text",
            "whole": "bigint",
            "number": "double precision",
            "flag": "boolean",
            "day": "date",
            "moment": "timestamp with time zone",
        }


def test_text_with_the_character_zero_is_written(server: Server) -> None:
    write(server, [ADA | {"email": "a\0b"}], mode="append")
    expected = "a\ufffdb" if server.name == "postgresql" else "a\0b"
    assert server.rows("contacts", "email", "id") == [(expected, 1)]


def test_sqlite_understands_the_times_it_is_given(sqlite: Server) -> None:
    schema = {"at": pl.Datetime("ms"), "b": pl.Datetime("us", "Europe/Berlin")}
    moment = datetime(2026, 7, 1, 12)
    write(sqlite, [{"at": moment, "b": moment.replace(tzinfo=UTC)}], schema, "replace", ())
    assert sqlite.sql("SELECT datetime(at), datetime(b), at > datetime('2026-07-01 11:59:59') FROM contacts") == [
        ("2026-07-01 12:00:00", "2026-07-01 12:00:00", 1)
    ]


def test_replace_append_and_merge(server: Server) -> None:
    assert write(server, [ADA, BOB], mode="replace") == Written(2, 0, 0)
    assert write(server, [CLEO], mode="append") == Written(1, 0, 0)
    assert server.rows("contacts") == [(1, "ada@example.com", 0.5), (2, None, None), (3, "", 2.0)]
    changed, new = BOB | {"email": "bob@example.com"}, CLEO | {"id": 4}
    gone = pl.DataFrame({"id": [3, 99]})
    assert write(server, [ADA, changed, new], deleted=gone) == Written(1, 1, 1)
    assert server.rows("contacts") == [(1, "ada@example.com", 0.5), (2, "bob@example.com", None), (4, "", 2.0)]
    assert write(server, [ADA], mode="append") == Written(1, 0, 0), "a table that a replace made takes rows twice"
    assert write(server, [CLEO], mode="replace") == Written(1, 0, 4)
    assert write(server, [], mode="replace") == Written(0, 0, 1)
    assert server.rows("contacts") == []


def test_of_rows_with_one_key_the_last_one_counts(server: Server) -> None:
    rows = [ADA | {"score": float(i)} for i in range(8)]
    assert write(server, [*rows, BOB]) == Written(2, 0, 0)
    assert server.rows("contacts", "id", "score") == [(1, 7.0), (2, None)]
    assert write(server, [ADA | {"score": 9.0}, ADA | {"score": 7.0}]) == Written(0, 0, 0)


def test_a_null_is_a_value_to_merge(server: Server) -> None:
    write(server, [ADA, BOB])
    assert write(server, [ADA | {"email": None}, BOB | {"email": "x"}, CLEO | {"email": None}]) == Written(1, 2, 0)
    assert server.rows("contacts", "id", "email") == [(1, None), (2, "x"), (3, None)]


def test_children_of_changed_parents_are_replaced_by_a_part_of_the_key(server: Server) -> None:
    schema = {"_parent_id": pl.Int64(), "_index": pl.UInt32(), "list": pl.String()}
    key = ("_parent_id", "_index")

    def lists(parent: int, *names: str) -> list[dict[str, Any]]:
        return [{"_parent_id": parent, "_index": i, "list": name} for i, name in enumerate(names)]

    table = "contacts__lists"
    write(server, lists(1, "a", "b", "c") + lists(2, "a"), schema, key=key, table=table)
    parents = pl.DataFrame({"_parent_id": [1]})
    assert write(server, lists(1, "c"), schema, key=key, table=table, deleted=parents) == Written(1, 0, 3)
    assert server.rows(table) == [(1, 0, "c"), (2, 0, "a")]


def test_columns_that_are_only_a_key(server: Server) -> None:
    schema = {"a": pl.Int64(), "b": pl.String()}
    assert write(server, [{"a": 1, "b": "x"}], schema, key=("a", "b")) == Written(1, 0, 0)
    assert write(server, [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}], schema, key=("a", "b")) == Written(1, 0, 0)


def test_a_merge_says_what_it_cannot_do(server: Server) -> None:
    write(server, [ADA])
    with pytest.raises(UsageProblem, match="needs a key"):
        write(server, [ADA], key=())
    with pytest.raises(UsageProblem, match="'nr'"):
        write(server, [ADA], key=("nr",))
    with pytest.raises(UsageProblem, match="no id"):
        write(server, [CLEO, {"id": None}])
    with pytest.raises(UsageProblem, match="no database column holds"):
        write(server, [], {"id": pl.Int64(), "lists": pl.List(pl.String)})
    with pytest.raises(UsageProblem, match="needs columns"):
        write(server, [], {}, mode="replace")
    with pytest.raises(UsageProblem, match="by merge only"):
        write(server, [], mode="replace", deleted=pl.DataFrame({"id": [1]}))
    assert server.rows("contacts", "id", "email") == [(1, "ada@example.com")]


# --- schemas that change -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_new_columns_are_added_and_old_ones_stay(server: Server, mode: str) -> None:
    write(server, [ADA], mode=mode)
    write(server, [{"id": 2, "Budget": 7}], {"id": pl.Int64(), "Budget": pl.Int64()}, mode)
    assert server.rows("contacts") == [(1, "ada@example.com", 0.5, None), (2, None, None, 7)]
    write(server, [CLEO], mode=mode)
    assert server.rows("contacts", "id", "Budget") == [(1, None), (2, 7), (3, None)]


def test_a_column_of_nulls_waits_for_its_type(server: Server) -> None:
    untyped = {"id": pl.Int64(), "score": pl.Null(), "later": pl.Null()}
    write(server, [{"id": 1}], untyped)
    assert list(server.columns("contacts")) == ["id"]
    write(server, [{"id": 2, "score": 5}], {"id": pl.Int64(), "score": pl.Int64()})
    assert write(server, [{"id": 2}, {"id": 3}], untyped) == Written(1, 1, 0)
    assert server.rows("contacts", "id", "score") == [(1, None), (2, None), (3, None)]
    assert list(server.columns("contacts").values()) == [next(iter(server.columns("contacts").values()))] * 2
    write(server, [{"nothing": None}], {"nothing": pl.Null()}, "append", table="others")
    assert server.sql("SELECT * FROM others") == [(None,)]


def test_a_merge_leaves_columns_alone_that_it_does_not_have(server: Server) -> None:
    write(server, [ADA])
    assert write(server, [{"id": 1, "score": 3.0}], {"id": pl.Int64(), "score": pl.Float64()}) == Written(0, 1, 0)
    assert server.rows("contacts") == [(1, "ada@example.com", 3.0)]


def test_columns_become_wider_and_keep_their_values(server: Server) -> None:
    narrow = {
        "id": pl.Int64(),
        "whole": pl.Int64(),
        "number": pl.Float64(),
        "flag": pl.Boolean(),
        "day": pl.Date(),
        "moment": pl.Datetime("us", "UTC"),
        "rising": pl.Int64(),
        "later": pl.Date(),
    }
    moment = datetime(2026, 11, 24, 10, tzinfo=UTC)
    first = {"id": 1, "whole": 44, "number": 1.0, "flag": True, "day": date(2026, 1, 31), "moment": moment}
    first |= {"rising": 3, "later": date(2026, 1, 31)}
    write(server, [first, first | {"id": 2, "number": 0.1 + 0.2, "flag": False}, {"id": 3}], narrow)
    wide: dict[str, Any] = dict.fromkeys(narrow, pl.String()) | {"rising": pl.Float64()}
    wide |= {"later": pl.Datetime("us", "UTC")}
    texts = dict.fromkeys(narrow, "0044") | {"id": "x", "rising": 0.5, "later": moment}
    write(server, [texts], wide)
    # What is narrow again goes into what has become wide, in the words the old values have.
    assert write(server, [first], narrow) == Written(0, 0, 0)
    found = server.rows("contacts")
    start, end = datetime(2026, 1, 31, tzinfo=UTC), moment
    later: list[Any] = ["2026-01-31 00:00:00.000000Z", "2026-11-24 10:00:00.000000Z"]
    later = later if server.name == "sqlite" else [start, end]
    day, time_text = "2026-01-31", "2026-11-24 10:00:00.000000Z"
    assert found == [
        ("1", "44", "1", "true", day, time_text, 3.0, later[0]),
        ("2", "44", "0.30000000000000004", "false", day, time_text, 3.0, later[0]),
        ("3", *[None] * 7),
        ("x", *["0044"] * 5, 0.5, later[1]),
    ]
    write(server, [first | {"id": 4}], narrow)
    assert len(server.rows("contacts")) == 5
    kinds = list(server.columns("contacts").values())
    assert set(kinds[:6]) == ({"VARCHAR"} if server.name == "duckdb" else {kinds[0]})


def test_sqlite_keeps_indexes_triggers_and_views_of_a_table_it_makes_anew(sqlite: Server) -> None:
    write(sqlite, [ADA, BOB])
    sqlite.sql(
        "CREATE INDEX by_score ON contacts(score)",
        "CREATE VIEW best AS SELECT id FROM contacts WHERE score > 0",
        "CREATE TABLE log (id)",
        "CREATE TRIGGER logs AFTER UPDATE ON contacts BEGIN INSERT INTO log VALUES (new.id); END",
    )
    schema = {"id": pl.Int64(), "score": pl.String(), "new": pl.String()}
    write(sqlite, [{"id": 2, "score": "high", "new": "x"}], schema)
    assert sqlite.rows("contacts") == [(1, "ada@example.com", "0.5", None), (2, None, "high", "x")]
    names = {row[0] for row in sqlite.sql("SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger', 'view')")}
    assert names == {"by_score", "best", "logs", "contacts~key"}
    assert sqlite.sql("SELECT id FROM log") == [(2,)]
    assert sqlite.sql("SELECT count(*) FROM best") == [(2,)]


def test_sqlite_does_not_make_anew_what_somebody_else_made(sqlite: Server) -> None:
    sqlite.sql("CREATE TABLE contacts (id INTEGER PRIMARY KEY, score INT CHECK (score > 0))")
    assert write(sqlite, [{"id": 1, "score": 5}], {"id": pl.Int64(), "score": pl.Int64()}) == Written(1, 0, 0)
    with pytest.raises(UsageProblem, match="column score cannot hold text"):
        write(sqlite, [{"id": 1, "score": "5"}], {"id": pl.Int64(), "score": pl.String()})
    with pytest.raises(UsageProblem, match="CHECK constraint failed"):
        write(sqlite, [{"id": 1, "score": -5}], {"id": pl.Int64(), "score": pl.Int64()})
    assert sqlite.rows("contacts") == [(1, 5)]


def test_types_of_the_users_own_are_respected(postgres: Server) -> None:
    postgres.sql(
        "CREATE TABLE contacts (id int PRIMARY KEY, code varchar(4), tags jsonb, plain json, size numeric(8,2),"
        " seen timestamp, nr bigserial)"
    )
    schema = {"id": pl.Int64(), "code": pl.String(), "tags": pl.String(), "plain": pl.String(), "size": pl.Float64()}
    schema |= {"seen": pl.Datetime("us", "UTC")}
    row = {"id": 1, "code": "abcd", "tags": '["a",  "b"]', "plain": '{"a":1}', "size": 1.25}
    row |= {"seen": datetime(2026, 1, 1, tzinfo=UTC)}
    assert write(postgres, [row], schema) == Written(1, 0, 0)
    assert write(postgres, [row], schema) == Written(0, 0, 0)
    assert postgres.columns("contacts")["tags"] == "jsonb"
    assert postgres.sql("SELECT tags ->> 1, seen::text, nr FROM contacts") == [("b", "2026-01-01 00:00:00", 1)]
    for column, value in (("code", "secret-word"), ("tags", "secret-word"), ("id", 2**40)):
        with pytest.raises(UsageProblem) as caught:
            write(postgres, [row | {"id": 2} | {column: value}], schema)
        assert "secret-word" not in str(caught.value)
    assert len(postgres.rows("contacts")) == 1


def test_a_row_that_breaks_a_rule_changes_nothing_and_is_not_quoted(server: Server) -> None:
    server.sql("CREATE TABLE contacts (id bigint PRIMARY KEY, email varchar UNIQUE, score float)")
    write(server, [ADA])
    with pytest.raises(UsageProblem) as caught:
        write(server, [BOB, ADA | {"id": 5}], mode="append")
    assert "ada@" not in str(caught.value) + caught.value.hint
    assert server.rows("contacts", "id", "email") == [(1, "ada@example.com")]


def test_a_view_is_not_written_to(server: Server) -> None:
    server.sql("CREATE VIEW contacts AS SELECT 1 AS id")
    with pytest.raises(UsageProblem, match="contacts is a view"):
        write(server, [ADA])


# --- names -------------------------------------------------------------------------------------------------------

LONG = "How many people work at the company, counting everybody who is on the payroll of a subsidiary or elsewhere, "
TITLES = [
    "id",
    'say "hello"; DROP TABLE contacts; --',
    "o'clock %s %(x)s ? :x $1",
    "Größe 身長 😀",
    (LONG * 2)[:200],
    (LONG * 2)[:199] + "!",
    "é" * 200,
    "Budget",
    "budget",
    "BUDGET",
    "xmin",
    "rowid",
    "ctid",
    "oid",
    "select",
    "~turn",
    "a.b",
    " ",
    "",
    "nul\0",
    "x~0123456789ab",
    "[x] `y` \\z",
    "tab\tline\n",
]


def test_every_title_becomes_a_column_of_its_own(server: Server) -> None:
    schema = {title: pl.Int64() if title == "id" else pl.String() for title in TITLES}
    row = {title: title.replace("\0", "") for title in TITLES} | {"id": 1}
    assert write(server, [row], schema) == Written(1, 0, 0)
    assert write(server, [row, row | {"id": 2}], schema) == Written(1, 0, 0), "each is found again"
    names = list(server.columns("contacts"))
    assert len(names) == len(TITLES)
    if server.name == "postgresql":
        assert max(len(name.encode()) for name in names) <= 63
        assert names[4].startswith(LONG[:50])
    found = server.rows("contacts")
    assert found[0][1:] == found[1][1:] == tuple(list(row.values())[1:])
    # A run that has fewer of them, in another order, finds its own.
    some = ["budget", "id", (LONG * 2)[:200], "BUDGET"]
    assert write(server, [{title: row[title] for title in some}], {title: schema[title] for title in some}) == Written()
    assert server.rows("contacts") == found


def test_columns_of_other_case_are_taken_where_they_are_the_same(server: Server) -> None:
    server.sql("CREATE TABLE CONTACTS (ID bigint, EMAIL varchar)")
    write(server, [ADA])
    expected = {"sqlite": ["ID", "EMAIL", "score"], "duckdb": ["ID", "EMAIL", "score"]}
    assert list(server.columns("contacts")) == expected.get(server.name, ["id", "email", "score"])


@given(st.lists(st.text(max_size=80), unique=True, max_size=12), st.integers(0, 12), st.booleans())
def test_titles_never_meet(titles: list[str], first: int, folds: bool) -> None:
    spelling = Spelling(63, folds=folds, kept=frozenset({"ctid"}))
    before = list(spelling.matched(titles[:first], ()).values())
    after = spelling.matched(titles, before)
    keys = {name.lower() if folds and name.isascii() else name for name in after.values()}
    assert len(keys) == len(titles)
    assert all(len(name.encode()) <= 63 and name and "\0" not in name for name in after.values())
    existing = [*dict.fromkeys([*before, *after.values()])]
    assert spelling.matched(titles, existing) == after, "the next run finds the same columns"
    assert spelling.matched(titles[::-1], existing) == after


def test_names_of_tables() -> None:
    assert table_parts("contacts") == ("contacts",)
    assert table_parts(' crm . "My ""own"" contacts.2" ') == ("crm", 'My "own" contacts.2')
    assert table_parts("sequences__steps") == ("sequences__steps",)
    for wrong in ("", ".", "a.", ".b", "a..b", 'a"b', '"a', "a.b.c", 'x"y".z', "a\0b", '""'):
        with pytest.raises(UsageProblem):
            table_parts(wrong)


def test_tables_in_schemas(server: Server) -> None:
    if server.name == "sqlite":
        with pytest.raises(UsageProblem, match="SQLite has no schemas"):
            write(server, [ADA], table="crm.contacts")
        write(server, [ADA], table='"crm.contacts"')
        write(server, [ADA], table="main.contacts")
        assert server.tables() == {"crm.contacts", "contacts"}
        return
    # The DuckDB file is called crm too, so that crm.contacts alone would be ambiguous.
    for table in ("crm.contacts", "contacts"):
        write(server, [ADA], table=table)
        write(server, [BOB], table=table)
        write(server, [CLEO], table='crm."' + LONG + '"')
    at = "crm.crm.contacts" if server.name == "duckdb" else "crm.contacts"
    assert len(server.rows(at)) == 2


# --- all or nothing ----------------------------------------------------------------------------------------------


def failing() -> Iterator[pl.DataFrame]:
    yield pl.DataFrame([CLEO], schema=CONTACT)
    raise RunPaused("the quota is spent")


def test_a_run_that_fails_changes_no_table(server: Server) -> None:
    write(server, [ADA])
    wide = pl.Schema({**CONTACT, "id": pl.String(), "extra": pl.String()})
    with contextlib.closing(server.open()) as database:
        with pytest.raises(RunPaused, match="the quota is spent"), database.transaction():
            rows = [{"id": "x", "email": "e", "score": 1.0, "extra": "y"}]
            assert database.write("contacts", wide, frames_of(rows, wide), mode="merge", key=("id",)).rows_inserted == 1
            database.write("lists", CONTACT, frames_of([BOB], CONTACT), mode="append", key=())
            database.write("lists", CONTACT, failing(), mode="replace", key=())
        # The same database goes on working.
        assert database.write("contacts", CONTACT, frames_of([BOB], CONTACT), mode="merge", key=("id",)) == Written(1)
    assert server.tables() == {"contacts"}
    assert server.rows("contacts") == [(1, "ada@example.com", 0.5), (2, None, None)]


def test_a_failed_write_that_is_passed_over_still_undoes_the_transaction(server: Server) -> None:
    with contextlib.closing(server.open()) as database:
        with pytest.raises(RunFatal), database.transaction():
            database.write("contacts", CONTACT, frames_of([ADA], CONTACT), mode="merge", key=("id",))
            with contextlib.suppress(RunPaused):
                database.write("contacts", CONTACT, failing(), mode="append", key=())
        with pytest.raises(RunFatal), database.transaction(), database.transaction():
            pass
    assert server.tables() == set()


ROWS = 20_000


def start_writer(server: Server, stop: bool) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tests.flow.database_writer",
        server.url,
        str(server.folder),
        str(ROWS),
        str(int(stop)),
    ]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)


def content(server: Server) -> list[tuple[Any, ...]]:
    """What both tables hold, in short."""
    return [
        server.sql(f"SELECT count(*), min(id), max(id), min(name), max(name), sum(score) FROM {table}")[0]
        for table in ("first", "second")
    ] + [(len(server.columns("first")), len(server.columns("second")))]


OLD = [(ROWS, 0, ROWS - 1, "old", "old", (ROWS - 1) * ROWS / 4)] * 2 + [(3, 3)]
NEW = [(ROWS, 0, ROWS - 1, "new", "new", (ROWS - 1) * ROWS / 4)] * 2 + [(4, 4)]


def test_a_process_killed_in_the_middle_of_a_merge_changes_nothing(server: Server) -> None:
    write_tables(server.url, server.folder, ROWS, "old")
    assert content(server) == OLD
    with start_writer(server, stop=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in range(2)] == ["opened", "waiting"]
        process.kill()
    assert process.returncode == -9
    assert content(server) == OLD
    write_tables(server.url, server.folder, ROWS, "new")
    assert content(server) == NEW


def test_processes_killed_anywhere_leave_the_old_or_the_new(server: Server) -> None:
    chance = random.Random(7)
    write_tables(server.url, server.folder, ROWS, "old")
    with start_writer(server, stop=False) as process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        assert process.stdout.readline().strip() == "committed"
        whole_s = time.monotonic() - began
    write_tables(server.url, server.folder, ROWS, "old")
    old = [*OLD[:2], (4, 4)]
    undone = 0
    for _ in range(20):
        with start_writer(server, stop=False) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, whole_s))
            process.kill()
        found = content(server)
        assert found in (old, NEW)
        if found == NEW:
            write_tables(server.url, server.folder, ROWS, "old")
            whole_s *= 0.8
        else:
            undone += 1
            if undone == 4:
                break
    assert undone, "the harness killed nothing"


def test_writers_of_one_table_wait_for_each_other(server_of: Callable[[str], Server]) -> None:
    for name in ("sqlite", "postgresql"):
        server = server_of(name)
        problems: list[BaseException] = []

        def merge(first: int, server: Server = server, problems: list[BaseException] = problems) -> None:
            try:
                for at in range(first, first + 5):
                    write(server, [ADA | {"id": i} for i in range(at, at + 4)])
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=merge, args=(first,)) for first in (0, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert [row[0] for row in server.rows("contacts")] == list(range(10))


# --- size and speed ----------------------------------------------------------------------------------------------


def many(rows: int, word: str) -> Iterator[pl.DataFrame]:
    """Contacts as an export delivers them, a thousand a page."""
    for at in range(0, rows, 1000):
        numbers = range(at, at + 1000)
        yield pl.DataFrame(
            {
                "id": list(numbers),
                "email": [f"user{i}@example{i % 97}.com" for i in numbers],
                "firstName": [f"F{i % 999}" for i in numbers],
                "company": [f"Company {i % 5000}" for i in numbers],
                "title": ["Buyer" if i % 3 else None for i in numbers],
                "notes": [f'a "{word}" note, {i}' for i in numbers],
                "optedOut": [i % 2 == 0 for i in numbers],
                "score": [i / 7 for i in numbers],
                "addedAt": [datetime(2026, 1, 1 + i % 28, 10, i % 60, tzinfo=UTC) for i in numbers],
            },
            schema_overrides={"addedAt": pl.Datetime("us", "UTC")},
        )


def test_a_hundred_thousand_rows(server: Server) -> None:
    rows = 100_000
    schema = next(many(1, "")).schema
    made = {word: list(many(rows, word)) for word in ("first", "second")}
    gone = pl.DataFrame({"id": range(0, rows, 100)})
    expected = {
        "replace": ("first", Written(rows, 0, 0)),
        "append": ("first", Written(rows, 0, 0)),
        "merge": ("second", Written(0, rows, 0)),
    }
    speeds = []
    with contextlib.closing(server.open()) as database:

        def timed(table: str, mode: Any, word: str, deleted: pl.DataFrame | None = None) -> Written:
            began = time.monotonic()
            written = database.write(table, schema, iter(made[word]), mode=mode, key=("id",), deleted=deleted)
            speeds.append(f"{mode} {rows / (time.monotonic() - began):,.0f}")
            return written

        for mode, (word, written) in expected.items():
            assert timed("contacts" if mode != "append" else "log", mode, word) == written
        assert timed("log", "merge", "second", gone) == Written(rows // 100, rows - rows // 100, rows // 100)
        assert timed("fresh", "merge", "first") == Written(rows, 0, 0)
    print(f"\n{server.name}: rows/s {', '.join(speeds)}")
    for table in ("contacts", "log"):
        assert server.sql(f"SELECT count(*), count(DISTINCT id), min(notes) FROM {table}") == [
            (rows, rows, 'a "second" note, 0')
        ]


# --- merging equals replacing ------------------------------------------------------------------------------------

VALUES = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=5),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "number": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "day": st.none() | st.dates(),
        "moment": st.none() | st.datetimes(timezones=st.just(UTC)),
    }
)
KEYS = st.tuples(st.integers(0, 6), st.sampled_from(["a", "A", "é", ""]))
EDITS = st.lists(st.dictionaries(KEYS, st.none() | VALUES, max_size=6), max_size=5)
WIDE = pl.Schema(
    {
        "id": pl.Int64(),
        "list": pl.String(),
        "text": pl.String(),
        "whole": pl.Int64(),
        "number": pl.Float64(),
        "flag": pl.Boolean(),
        "day": pl.Date(),
        "moment": pl.Datetime("us", "UTC"),
    }
)


@given(EDITS)
@settings(max_examples=40)
def test_merging_equals_replacing(rounds: list[dict[tuple[int, str], dict[str, Any] | None]]) -> None:
    key = ("id", "list")
    here: dict[tuple[int, str], dict[str, Any]] = {}
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        merged, replaced = (Server("sqlite", f"sqlite:///{name}.db", Path(folder)) for name in ("merged", "replaced"))
        merging = stack.enter_context(contextlib.closing(merged.open()))
        replacing = stack.enter_context(contextlib.closing(replaced.open()))
        for edits in rounds:
            upserts = {at: values for at, values in edits.items() if values is not None}
            gone = [at for at, values in edits.items() if values is None]
            before = dict(here)
            here = {at: values for at, values in here.items() if at not in gone} | upserts
            rows = [dict(zip(key, at, strict=True)) | values for at, values in upserts.items()]
            deleted = pl.DataFrame(gone, schema={name: WIDE[name] for name in key}, orient="row")
            written = merging.write(
                "t", WIDE, frames_of(rows, WIDE, 2), mode="merge", key=key, deleted=deleted if gone else None
            )
            everything = [dict(zip(key, at, strict=True)) | values for at, values in here.items()]
            replacing.write("t", WIDE, frames_of(everything, WIDE), mode="replace", key=key)
            assert merged.rows("t") == replaced.rows("t")
            assert written.rows_inserted == len(upserts.keys() - before.keys())
            assert written.rows_deleted == len(before.keys() & set(gone))
            assert written.rows_updated <= len(upserts.keys() & before.keys())


# --- addresses, passwords, files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{PASSWORD}@localhost/crm",
        f"sqlite://{PASSWORD}/crm.db",
        f"sqlite:///crm.db?key={PASSWORD}",
        "duckdb:///",
        "sqlite:",
        PASSWORD,
        f"postgresql://ada:{PASSWORD}@[::1/crm",
        f"postgresql://ada:{PASSWORD}@localhost:x{PASSWORD}/crm",
        f"postgresql://ada@localhost/crm?{PASSWORD}=1",
    ],
)
def test_addresses_that_are_none_are_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        open_database(url, tmp_path)
    assert PASSWORD not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_used_and_not_repeated(postgres: Server) -> None:
    postgres.sql("GRANT ALL ON SCHEMA public TO guarded")
    _, _, place = postgres.url.partition("@/")
    write(Server("postgresql", f"postgresql://guarded:{PASSWORD}@/{place}", postgres.folder), [ADA])
    assert len(postgres.rows("contacts")) == 1
    for user, password, database in (
        ("guarded", PASSWORD + "x", ""),
        ("guarded", PASSWORD, "no"),
        ("no", PASSWORD, ""),
    ):
        address = f"postgresql://{user}:{password}@/{database}{place}"
        with pytest.raises(UsageProblem) as caught:
            open_database(address, postgres.folder)
        assert PASSWORD not in f"{caught.value} {caught.value.hint}"


def test_a_user_who_may_not_write_is_told(postgres: Server) -> None:
    _, _, place = postgres.url.partition("@/")
    guarded = Server("postgresql", f"postgresql://guarded:{PASSWORD}@/{place}", postgres.folder)
    with pytest.raises(UsageProblem, match="no schema this user may use"):
        write(guarded, [ADA])
    postgres.sql("GRANT USAGE ON SCHEMA public TO guarded")
    for table in ("contacts", "crm.contacts"):
        with pytest.raises(UsageProblem, match="permission denied"):
            write(guarded, [ADA], table=table)
    assert postgres.tables() == set()


def test_a_server_that_is_not_there_can_be_tried_later(tmp_path: Path) -> None:
    with pytest.raises(RunPaused) as caught:
        open_database(f"postgresql://ada:{PASSWORD}@/crm?host={tmp_path}", tmp_path)
    assert PASSWORD not in str(caught.value)


def test_a_connection_that_is_lost_changes_nothing(postgres: Server) -> None:
    write(postgres, [ADA])

    def interrupted() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame([BOB], schema=CONTACT)
        yield from many_contacts()
        others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'bulkreply'"
        assert postgres.sql(others) == [(True,)]
        yield from many_contacts()

    def many_contacts() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame([CLEO | {"id": i} for i in range(10, 20_100)], schema=CONTACT)

    with contextlib.closing(postgres.open()) as database, pytest.raises(RunPaused, match="was lost"):
        database.write("contacts", CONTACT, interrupted(), mode="merge", key=("id",))
    assert postgres.rows("contacts", "id", "email") == [(1, "ada@example.com")]


def test_files_are_private(server_of: Callable[[str], Server]) -> None:
    for name in ("sqlite", "duckdb"):
        server = server_of(name)
        modes: dict[str, int] = {}

        def looking(server: Server = server, modes: dict[str, int] = modes) -> Iterator[pl.DataFrame]:
            yield from frames_of([ADA, BOB, CLEO, ADA], CONTACT)
            modes.update({path.name: path.stat().st_mode & 0o777 for path in server.folder.glob(f"*{server.name}*")})

        with contextlib.closing(server.open()) as database, database.transaction():
            database.write("contacts", CONTACT, looking(), mode="append", key=())
            database.write("others", CONTACT, looking(), mode="append", key=())
        assert f"crm.{name}" in modes
        assert set(modes.values()) == {0o600}
        (server.folder / "open").write_text("")
        assert (server.folder / "open").stat().st_mode & 0o777 == 0o666 & ~current_umask(), "the process is as before"


def current_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_paths(tmp_path: Path, scheme: str) -> None:
    folder = tmp_path / "jobs"
    for url, path in (
        (f"{scheme}:///out/a%20b.db", folder / "out" / "a b.db"),
        (f"{scheme}:///{tmp_path}/c.db", tmp_path / "c.db"),
        (f"{scheme.upper()}:///../d.db", tmp_path / "d.db"),
    ):
        with contextlib.closing(open_database(url, folder)) as database:
            database.write("t", CONTACT, frames_of([ADA], CONTACT), mode="append", key=())
        assert path.is_file()
    with pytest.raises(UsageProblem, match="is a folder"):
        open_database(f"{scheme}:///{tmp_path}", folder)


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_file_that_is_no_database(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "notes.txt").write_text("not a database, whatever it is called; " * 1000)
    with pytest.raises(UsageProblem, match=r"notes\.txt is (damaged, or )?no"):
        write(Server(scheme, f"{scheme}:///notes.txt", tmp_path), [ADA])


def test_a_database_that_somebody_else_holds_can_be_written_later(server_of: Callable[[str], Server]) -> None:
    sqlite = server_of("sqlite")
    with (
        contextlib.closing(sqlite.open()) as first,
        contextlib.closing(OpenDatabase(SqliteDriver(sqlite.path, wait_s=0.05))) as second,
    ):
        with first.transaction(), pytest.raises(RunPaused, match="in use"):
            second.write("contacts", CONTACT, frames_of([ADA], CONTACT), mode="append", key=())
        second.write("contacts", CONTACT, frames_of([ADA], CONTACT), mode="append", key=())
    duckdb = server_of("duckdb")
    with start_writer(duckdb, stop=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(RunPaused, match="in use"):
            duckdb.open()
        process.kill()


@pytest.mark.parametrize(
    ("scheme", "library", "extra"), [("duckdb", "duckdb", "duckdb"), ("postgres", "psycopg", "postgres")]
)
def test_a_missing_extra_is_named(tmp_path: Path, scheme: str, library: str, extra: str) -> None:
    script = f"""
import sys, pathlib
sys.modules[{library!r}] = None
from bulkreply.databases import open_database
from bulkreply.errors import UsageProblem
try:
    open_database("{scheme}:///x", pathlib.Path({str(tmp_path)!r}))
except UsageProblem as problem:
    print(problem.hint)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == f"pip install 'bulkreply[{extra}]'\n"


def test_the_libraries_are_only_loaded_when_needed() -> None:
    script = "import sys, bulkreply.databases; print({'duckdb', 'psycopg', 'sqlite3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_psycopg_says_nothing_about_names_with_percent_signs(postgres: Server) -> None:
    write(postgres, [{"id": 1, "50%": "x", "%s": "y"}], {"id": pl.Int64(), "50%": pl.String(), "%s": pl.String()})
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute('SELECT "50%", "%s" FROM contacts').fetchall() == [("x", "y")]
