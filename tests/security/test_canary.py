"""The scan that every test's folder and every command goes through finds what is planted, and only that."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.canary import KEY_CANARY, Leak, check_said, check_written

ADDRESS = "ada.b+c@example.co.uk"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("bulkreply-runs/x/1/results.csv", KEY_CANARY),
        ("bulkreply-runs/x/1/stage/part-0.arrow", KEY_CANARY),
        ("state/bulkreply/accounts.json", KEY_CANARY),
        ("anything", f"\0\1{KEY_CANARY}\2"),
        ("bulkreply-runs/x/1/log.jsonl", ADDRESS),
        ("bulkreply-runs/x/1/report.json", ADDRESS),
        ("bulkreply-runs/x/1/report.html", ADDRESS),
        ("state/bulkreply/quota/0123.sqlite", f"\0\1{ADDRESS}\2"),
        ("state/bulkreply/schedule/nightly.err", ADDRESS),
    ],
)
def test_what_is_planted_is_found(tmp_path_factory: pytest.TempPathFactory, place: str, text: str) -> None:
    folder = tmp_path_factory.mktemp("planted")  # not this test's own, which is looked at as well
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_text(text)
    with pytest.raises(Leak):
        check_written(folder)
    (folder / place).write_text("nothing")
    check_written(folder)


@pytest.mark.parametrize("place", ["bulkreply-runs/x/1/results.csv", "bulkreply-runs/x/1/rejects.csv", "out/all.csv"])
def test_rows_may_stand_where_rows_stand(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(ADDRESS)
    check_written(tmp_path)


def test_facts_of_a_ledger_hold_no_address_but_in_the_job_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("planted")
    ledger = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    ledger.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    ledger.execute("INSERT INTO meta VALUES ('job_content', ?)", (ADDRESS,))
    check_written(folder)
    ledger.execute("INSERT INTO meta VALUES ('message', ?)", (ADDRESS,))
    ledger.close()
    with pytest.raises(Leak):
        check_written(folder)


def test_what_a_command_says() -> None:
    check_said(("call", "x", "--contact-ids", ADDRESS), "", f"error: there is no contact {ADDRESS}\n")
    check_said(("why", "run", "2"), f"row 2: {ADDRESS}", "")
    for out, err in ((KEY_CANARY, ""), ("", f"Bearer {KEY_CANARY}"), ("", f"error: refused for {ADDRESS}")):
        with pytest.raises(Leak):
            check_said(("run", "job.yaml"), out, err)
