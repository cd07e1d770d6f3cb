"""Queries reach what was read of Reply, or the files of a folder that was named; no other file, and no network."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.flow.inside import inside


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export, and beside it something that is none of the query's business."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text("word\nsesame\n")
    export = tmp_path / "out"
    export.mkdir()
    (export / "contacts.csv").write_text("id,email\n1,ada@example.com\n")
    return export


def test_the_canary_of_that_the_engine_by_itself_reads_and_writes_anything(folder: Path) -> None:
    with duckdb.connect() as engine:
        assert engine.execute("SELECT * FROM read_csv('secret.csv')").fetchall() == [("sesame",)]
        engine.execute("COPY (SELECT 1) TO 'written.csv'")
    assert Path("written.csv").is_file()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM contacts, read_csv('secret.csv')",
        "SELECT * FROM contacts, read_text('secret.csv')",
        "SELECT * FROM contacts, glob('*')",
        "SELECT * FROM 'secret.csv'",
        "SELECT * FROM contacts, 'secret.csv'",
        "SELECT * FROM contacts; COPY contacts TO 'written.csv'",
        "COPY (SELECT 1) TO 'written.csv'",
        "ATTACH 'written.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT * FROM contacts WHERE (SELECT count(*) FROM read_csv('secret.csv')) > 0",
        "SELECT getenv('REPLY_API_KEY') FROM contacts",
        "SELECT * FROM \"v3; COPY (SELECT 1) TO 'written.csv'; --\".contacts",
        'SELECT * FROM v3."contacts""; COPY (SELECT 1) TO \'written.csv\'; --"',
    ],
)
def test_a_query_reaches_no_file(folder: Path, sql: str) -> None:
    done = inside("query", sql, "--from", str(folder), "--json")
    assert done.code == 2, done.out
    assert "sesame" not in done.out + done.err
    assert not Path("written.csv").exists()


def test_what_it_may_read_it_reads(folder: Path) -> None:
    assert inside("query", "SELECT email FROM contacts", "--from", str(folder), "--json").json == [
        {"email": "ada@example.com"}
    ]
