"""Deletes: asked for, and beyond a share of what Reply holds not done unless the job names how much may go."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

import bulkreply as product
from bulkreply.errors import UsageProblem
from tests.flow.account import Account, Ran, run_file, table
from tests.flow.inside import inside
from tests.support import Bulkreply

CONTACTS = "object: contacts, mode: delete"


def delete(folder: Path, account: Account, count: int, **settings: str) -> Ran:
    text = table("email", *(f"p{i}@example.com" for i in range(count)))
    return run_file(folder, account, "x", text, yes=True, settings={"to": f"{{{CONTACTS}}}", **settings})


def left(account: Account) -> int:
    return len(account.server.ask("contacts"))


def test_above_a_share_the_job_has_to_name_it(account: Account, tmp_path: Path) -> None:
    account.contacts(280)
    done = delete(tmp_path, account, 29)
    assert (done.code, done.said) == (
        2,
        "delete contacts: 29 records would be gone of the 280 there are; the job allows 28",
    )
    assert delete(tmp_path, account, 29, **{"policy.delete": "10%"}).code == 2
    assert delete(tmp_path, account, 29, **{"policy.delete": "28"}).code == 2
    assert (left(account), account.changes("contacts.bulk_delete")) == (280, 0)
    done = delete(tmp_path, account, 28)
    assert (done.code, left(account)) == (0, 252), "a tenth goes with --yes alone"
    assert done.calls["v3.contacts.filter"] == 2, "one call counts them, one finds their ids"
    for most in ("12%", "30"):
        account.contacts(280)
        assert delete(tmp_path, account, 30, **{"policy.delete": most}).code == 0
        assert left(account) == 250


def test_few_go_without_a_count_and_none_where_none_may(account: Account, tmp_path: Path) -> None:
    account.contacts(25)
    done = delete(tmp_path, account, 25, **{"policy.delete": "0"})
    assert (done.code, left(account)) == (2, 25)
    done = delete(tmp_path, account, 25)
    assert (done.code, left(account), done.calls["v3.contacts.filter"]) == (0, 0, 1)


@pytest.mark.parametrize("to", [CONTACTS, "procedure: contacts.bulk_delete", "object: tasks, mode: delete"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson", "rows.parquet", "rows.xlsx"])
def test_an_empty_input_is_refused(account: Account, tmp_path: Path, to: str, name: str) -> None:
    account.contacts(2)
    empty = pl.DataFrame(schema={"id": pl.Int64})
    writers = {
        "csv": empty.write_csv,
        "ndjson": empty.write_ndjson,
        "parquet": empty.write_parquet,
        "xlsx": empty.write_excel,
    }
    writers[name.rpartition(".")[2]](tmp_path / name)
    before = len(account.requests())
    done = run_file(tmp_path, account, "x", "", yes=True, settings={"to": f"{{{to}}}", "from.file": name})
    assert (done.code, done.asked[1:]) == (2, []), done.said
    assert len(done.said.splitlines()) == 1 and before
    assert left(account) == 2


def test_a_procedure_that_deletes_is_no_way_around(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(40)
    text = table("id", *ids[:30])
    done = run_file(tmp_path, account, "contacts.bulk_delete", text, yes=True)
    assert (done.code, left(account)) == (2, 40)
    assert "30 records would be gone of the 40 there are" in done.said
    done = run_file(tmp_path, account, "contacts.bulk_delete", text, yes=True, settings={"policy.delete": "75%"})
    assert (done.code, left(account)) == (0, 10)


def test_what_belongs_to_a_parent_is_held_against_that_parent(account: Account, tmp_path: Path) -> None:
    ids = account.contacts(60)
    spring, autumn = account.sequence("Spring", ids), account.sequence("Autumn", ids[:30])
    text = table("sequenceId,contactId", *(f"{autumn},{one}" for one in ids[:28]))
    to = {"to": "{object: sequence_contacts, mode: delete}"}
    done = run_file(tmp_path, account, "x", text, yes=True, settings=to)
    assert (done.code, "28 records would be gone of the 30 there are" in done.said) == (2, True), done.said
    assert (len(account.members(spring)), len(account.members(autumn))) == (60, 30)


def test_a_plan_says_that_it_will_be_refused(account: Account, bulkreply: Bulkreply) -> None:
    account.contacts(40)
    bulkreply.write("rows.csv", table("email", *(f"p{i}@example.com" for i in range(30))))
    job = bulkreply.write("job.yaml", f"job: it\nfrom: {{file: rows.csv}}\nto: {{{CONTACTS}}}\nconfirm: true\n")
    where = ("--base-url", account.server.url, "--limits", "none")
    done = bulkreply("plan", str(job), *where)
    assert (done.code, "refused: delete contacts: 30 records would be gone of the 40" in done.out) == (0, True), (
        done.err
    )
    assert "`policy: {delete: 75%}` in the job allows them" in done.out
    with pytest.raises(UsageProblem, match="the job allows 25"):
        product.run(job, runs=bulkreply.folder, base_url=account.server.url, limits="none")
    assert left(account) == 40


def test_a_mirror_follows_deletes_only_as_far_as_the_job_allows(account: Account, tmp_path: Path) -> None:
    """A listing that came out empty, or lost a lot, is not taken for the truth: the table stays as it is."""
    ids = account.contacts(40)
    runs, table_of = tmp_path / "runs", tmp_path / "crm.sqlite"

    def night(more: str = "", fresh: bool = False) -> int:
        job = "job: n\nfrom: {object: contacts, incremental: true}\n"
        job += f"to: {{database: 'sqlite:///{table_of}', table: crm, mode: merge}}\n{more}"
        (tmp_path / "n.yaml").write_text(job, "utf-8")
        done = inside("run", str(tmp_path / "n.yaml"), "--runs", str(runs), "--base-url", account.server.url,
                      "--limits", "none", *(["--fresh"] if fresh else []))  # fmt: skip
        said.append(done.err)
        return done.code

    def rows() -> int:
        with closing(sqlite3.connect(table_of)) as db:
            return int(db.execute("SELECT count(*) FROM crm").fetchone()[0])

    said: list[str] = []
    assert (night(), rows()) == (0, 40)
    account.ask("POST", "/v3/contacts/bulk-delete", {"ids": ids[:30]})
    assert (night(), rows()) == (2, 40)
    assert "30 of the 40 contacts of the last run are gone" in said[-1]
    assert (night("policy: {delete: 75%}\n", fresh=True), rows()) == (0, 10)
    account.ask("POST", "/v3/contacts/bulk-delete", {"ids": ids[30:]})
    assert (night(fresh=True), rows()) == (2, 10)
    assert "an empty listing is not followed" in said[-1]
    assert (night("policy: {delete: 100%}\n", fresh=True), rows()) == (0, 0)
