"""Exports: everything that is there, once, whole or not at all; what comes back in is what went out."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
FORMATS = ("csv", "xlsx", "parquet", "ndjson")
CHURN = """
import json, random, sys, urllib.request
url, key, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance, alive, made = random.Random(seed), json.loads(sys.stdin.readline()), 0
def ask(method, path, body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body else None, headers, method=method)
    return urllib.request.urlopen(request, timeout=30).read()
print("ready", flush=True)
while True:
    turn = chance.random()
    if turn < 0.4:
        one = alive.pop(chance.randrange(len(alive)))
        print(json.dumps(one), flush=True)
        ask("DELETE", f"/v3/contacts/{one}")
    elif turn < 0.7:
        made += 1
        ask("POST", "/v3/contacts", {"email": f"new{seed}.{made}@example.com", "firstName": "New"})
    else:
        ask("PATCH", f"/v3/contacts/{chance.choice(alive)}", {"title": f"T{made}"})
"""


def export(bulkreply: Bulkreply, server: SandboxProcess, *words: str):
    return bulkreply("export", *words, "--base-url", server.url, "--limits", "none", timeout_s=300)


def read(path: Path) -> pl.DataFrame:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path, infer_schema=False)
        case ".parquet":
            return pl.read_parquet(path)
        case ".ndjson":
            return pl.read_ndjson(path, infer_schema_length=None)
    return pl.read_excel(path, engine="openpyxl", infer_schema_length=0)


@pytest.mark.parametrize("people", [700, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_comes_back_equal(form: str, people: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--key", "other")
    rows = [f"p{i}@example.com,F{i},=Co {i},00{i},{i},{'Fair;Web' if i % 3 else 'Web'}" for i in range(people)]
    bulkreply.write("in.csv", "\n".join(["Email,First,Company,Phone,Budget,Lists", *rows]) + "\n")
    job = "job: fill\nfrom: {file: in.csv}\nto: {object: contacts}\nmap:\n  email: Email\n  firstName: First\n"
    job += "  company: Company\n  phone: Phone\n  customFields.Budget: {column: Budget, as: number}\n"
    job += "  lists: {column: Lists, split: ';'}\ncreate_missing: [lists, custom_fields]\n"
    path = str(bulkreply.write("fill.yaml", job))
    here = ("--base-url", server.url, "--limits", "none")
    assert bulkreply("run", path, *here, timeout_s=600).code == 0
    done = export(bulkreply, server, "contacts", "-o", f"out/one.{form}", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"]["exported"] == done.json["rows"]["read"] == people
    assert done.json["requests"]["by_operation"]["v3.contacts.filter"] <= 3 + people / 1000 * 1.02
    mine, bulkreply.key = bulkreply.key, "other"
    field = ("custom_fields.create", "--title", "Budget", "--field-type", "number")
    assert bulkreply("call", *field, *here).code == 0
    back = f"job: back\nfrom: {{file: out/one.{form}}}\nto: {{object: contacts, mode: insert}}\n"
    back += "create_missing: [lists]\n"
    path = str(bulkreply.write("back.yaml", back))
    done = bulkreply("run", path, *here, timeout_s=600)
    assert done.code == 0, done.err
    assert bulkreply.report("back")["rows"]["created"] == people
    assert export(bulkreply, server, "contacts", "-o", f"out/two.{form}").code == 0
    done = bulkreply("plan", path, "--set", "to.mode=upsert", "--compare", *here, "--json", timeout_s=600)
    assert done.json["compare"]["unchanged"] == people, done.json["compare"]
    bulkreply.key = mine
    one, two = read(bulkreply.folder / f"out/one.{form}"), read(bulkreply.folder / f"out/two.{form}")
    apart = ["id", "ownerUserId", "createdAt", "addingDate", "lastModifiedAt"]
    assert one.columns == two.columns
    same = [name for name in one.columns if name not in apart]
    one, two = one.sort("email"), two.sort("email")
    assert {name: two[name].head(3).to_list() for name in same if not one[name].equals(two[name])} == {}
    manifest = json.loads((bulkreply.folder / f"out/one.{form}.manifest.json").read_text("utf-8"))
    assert (manifest["object"], manifest["rows"], manifest["complete"]) == ("contacts", {"contacts": people}, True)


class Churn:
    """A process that creates, edits and deletes contacts."""

    def __init__(self, server: SandboxProcess, key: str, ids: list[int], seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHURN, server.url, key, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(ids) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> set[int]:
        """Ends it; the ids it deleted."""
        self.process.kill()
        assert self.process.stdin is not None and self.process.stdout is not None
        with self.process.stdin, self.process.stdout:
            said = self.process.stdout.read()  # communicate() would miss what came with the first line
        self.process.wait()
        return {int(line) for line in said.split()}


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 20))])
def test_what_was_there_all_the_time_is_in_the_file_once(seed: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "9000", "--latency-ms", "10", "40")
    ids = [contact["id"] for contact in server.ask("contacts")]
    churn = Churn(server, bulkreply.key, ids, seed)
    done = export(bulkreply, server, "contacts", "-o", "all.parquet")
    gone = churn.stop()
    assert done.code == 0, done.err
    found = pl.read_parquet(bulkreply.folder / "all.parquet")["id"].to_list()
    assert len(gone) > 5, "nothing changed meanwhile"
    assert len(found) == len(set(found))
    assert set(ids) - gone <= set(found)


def test_an_export_that_is_killed_goes_on(sandbox: Start, bulkreply: Bulkreply) -> None:
    chance = random.Random(4)
    server = sandbox("--limits", "none", "--seed-contacts", "12000", "--latency-ms", "20", "60")
    final, kills = bulkreply.folder / "big.csv", 0
    for _ in range(6):
        process = bulkreply.start("export", "contacts", "-o", "big.csv", "--base-url", server.url, "--limits", "none")
        wanted = len(server.ask("requests")["targets"]) + chance.randint(2, 8)
        end = time.monotonic() + 20
        while process.poll() is None and len(server.ask("requests")["targets"]) < wanted and time.monotonic() < end:
            pass
        process.send_signal(signal.SIGKILL)
        kills += process.wait() < 0
        assert not final.exists() or pl.read_csv(final, infer_schema=False).height == 12_000, "a half file"
    assert kills >= 3
    assert export(bulkreply, server, "contacts", "-o", "big.csv").code == 0
    frame = pl.read_csv(final, infer_schema=False)
    assert (frame.height, frame["id"].n_unique()) == (12_000, 12_000)
    assert list(bulkreply.folder.glob(".*.part")) == []


def test_an_export_that_is_stopped_leaves_no_half_file_and_asks_for_no_page_twice(
    sandbox: Start, bulkreply: Bulkreply
) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "12000", "--latency-ms", "60", "90")
    process = bulkreply.start("export", "contacts", "-o", "big.csv", "--base-url", server.url, "--limits", "none")
    end = time.monotonic() + 60
    while not list(bulkreply.folder.glob(".*.part")) and time.monotonic() < end:
        pass
    while len(server.ask("requests")["targets"]) < 7 and time.monotonic() < end:
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    assert [path.name for path in bulkreply.folder.iterdir() if "big" in path.name] == []
    assert export(bulkreply, server, "contacts", "-o", "big.csv").code == 0
    frame = pl.read_csv(bulkreply.folder / "big.csv", infer_schema=False)
    assert (frame.height, frame["id"].n_unique()) == (12_000, 12_000)
    filters = [one for one in server.ask("requests")["targets"] if "contacts/filter" in one]
    assert len(filters) <= 13 + 2 * 2 + 3, "pages, count and head of two executions, and what was under way"


@pytest.mark.parametrize(("fault", "code"), [("empty_with_more", 7), ("shifted_rows", 0)])
def test_pages_that_make_no_sense(fault: str, code: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "2500", "--switch", f"v3.paging_fault={fault}")
    done = export(bulkreply, server, "contacts", "-o", "all.csv")
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    if code:
        assert "wire" in done.err
        assert not (bulkreply.folder / "all.csv").exists()
    else:
        assert pl.read_csv(bulkreply.folder / "all.csv")["id"].n_unique() == 2500


def test_only_what_changed(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "2500")
    job = "job: nightly\nfrom: {object: contacts, incremental: true}\nto: {file: 'out/{time}.csv'}\n"
    path = str(bulkreply.write("nightly.yaml", job))

    def nightly() -> dict[str, Any]:
        for old in (bulkreply.folder / "out").glob("*.csv"):
            old.unlink()
        done = bulkreply("run", path, "--base-url", server.url, "--limits", "none", "--json")
        assert done.code == 0, done.err
        return done.json

    assert nightly()["changes"] == {"inserted": 2500, "updated": 0, "deleted": 0}
    assert nightly()["changes"] == {"inserted": 0, "updated": 0, "deleted": 0}
    limits = ("--base-url", server.url, "--limits", "none", "--yes")
    assert bulkreply("call", "contacts.update", "--id", "1001", "--title", "CEO", *limits).code == 0
    assert bulkreply("call", "contacts.delete", "--id", "1002", *limits).code == 0
    words = ("contacts.create", "--email", "new@example.com", "--first-name", "New")
    assert bulkreply("call", *words, *limits).code == 0
    report = nightly()
    assert report["changes"] == {"inserted": 1, "updated": 1, "deleted": 1}
    (file,) = (bulkreply.folder / "out").glob("*.csv")
    found = dict(pl.read_csv(file, infer_schema=False).select("id", "_change").iter_rows())
    assert found == {"1001": "updated", "1002": "deleted", "3501": "inserted"}
    assert sum(report["requests"]["by_operation"].values()) <= 8


def test_columns_filters_and_stdout(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "300")
    job = "job: some\nfrom: {object: contacts, where: {country: Germany}}\nto: {file: '-', format: csv}\n"
    job += "map: {email: Mail, companySize: {column: Size, values: {1-10: Ten}}, city: Town, title: {value: x}}\n"
    done = bulkreply("run", str(bulkreply.write("some.yaml", job)), "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "Mail,Size,Town,title"
    assert {line.split(",")[2] for line in lines[1:]} == {"Berlin"}
    assert {line.split(",")[3] for line in lines[1:]} == {"x"}
    assert any(",1-10," in line for line in lines)
    bad = job.replace("city: Town", "ctiy: Town").replace("country", "counrty")
    done = bulkreply("run", str(bulkreply.write("bad.yaml", bad)), "--base-url", server.url)
    assert done.code == 2
    assert "counrty" in done.err and "did you mean" in done.err
    assert "ctiy" in done.err


def test_no_file_leaves_its_folder(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    for name in ("../x.csv", "a/../../x.csv", "/etc/{object}.csv"):
        job = f"job: away\nfrom: {{object: users}}\nto: {{file: '{name}'}}\n"
        done = bulkreply("run", str(bulkreply.write("away.yaml", job)), "--base-url", server.url, "--limits", "none")
        assert (done.code, "Traceback" in done.err) == (2, False), (name, done.err)
    beside = bulkreply.folder.parent / f"{bulkreply.folder.name}.csv"
    assert export(bulkreply, server, "users", "-o", str(beside)).code == 0
    assert beside.is_file(), "what a person types may lie anywhere"


@pytest.fixture
def outreach(sandbox: Start, bulkreply: Bulkreply) -> Iterator[SandboxProcess]:
    """An account with sequences that have steps."""
    server = sandbox("--limits", "none")
    (bulkreply.folder / "jobs").symlink_to(REPOSITORY / "jobs")
    (bulkreply.folder / "samples").symlink_to(REPOSITORY / "samples")
    done = bulkreply("run", "jobs/create_sequences.yaml", "--base-url", server.url, "--limits", "none")
    assert done.code == 3, done.err
    yield server


def test_nested_values_are_kept_unwound_or_json(outreach: SandboxProcess, bulkreply: Bulkreply) -> None:
    for form, unwind in (("parquet", "nested"), ("ndjson", "nested"), ("csv", "json"), ("parquet", "separate")):
        job = f"job: s-{unwind}\nfrom: {{object: sequences, details: true}}\n"
        job += f"to: {{file: {unwind}.{form}, unwind: {unwind}}}\n"
        path = str(bulkreply.write("s.yaml", job))
        done = bulkreply("run", path, "--base-url", outreach.url, "--limits", "none", "--json")
        assert done.code == 0, done.err
        assert done.json["requests"]["by_operation"]["v3.sequences.get"] == 2
    kept = pl.read_parquet(bulkreply.folder / "nested.parquet")
    assert [len(steps) for steps in kept.sort("id")["steps"].to_list()] == [4, 1]
    lines = [json.loads(line) for line in (bulkreply.folder / "nested.ndjson").read_text("utf-8").splitlines()]
    assert lines[0]["steps"][0]["variants"][0]["subject"] == "Our talk at the fair"
    cell = pl.read_csv(bulkreply.folder / "json.csv")["steps"][0]
    assert json.loads(cell)[0]["type"] == "email"
    steps = pl.read_parquet(bulkreply.folder / "separate__steps.parquet")
    variants = pl.read_parquet(bulkreply.folder / "separate__steps__variants.parquet")
    assert (steps.height, variants.height) == (5, 4)
    assert set(variants["_parent_id"].cast(pl.String)) <= set(steps["id"].cast(pl.String))


@pytest.mark.parametrize("name", sorted(path.stem for path in (REPOSITORY / "jobs" / "exports").glob("*.yaml")))
def test_every_example_export_runs_on_the_stand_in(name: str, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "50")
    job = bulkreply.write(f"{name}.yaml", (REPOSITORY / "jobs" / "exports" / f"{name}.yaml").read_text("utf-8"))
    done = bulkreply("run", str(job), "--base-url", server.url, "--limits", "none", "--json")
    assert done.code == 0, done.err
    assert done.json["complete"]
    assert list((bulkreply.folder / "out").iterdir())
    assert bulkreply("check", str(job)).code == 0
    assert bulkreply("plan", str(job), "--base-url", server.url, "--json").json["calls"]


def test_records_of_parents_and_reports(outreach: SandboxProcess, bulkreply: Bulkreply) -> None:
    assert export(bulkreply, outreach, "sequence_step_variants", "-o", "v.csv").code == 0
    frame = pl.read_csv(bulkreply.folder / "v.csv")
    assert frame.height == 4
    assert frame.select(pl.col("sequenceId", "stepId").is_not_null().all()).row(0) == (True, True)
    job = "job: r\nfrom: {object: reports, operation: sequences_stats}\nto: {file: r.ndjson}\n"
    done = bulkreply("run", str(bulkreply.write("r.yaml", job)), "--base-url", outreach.url, "--limits", "none")
    assert done.code == 0, done.err
    assert len((bulkreply.folder / "r.ndjson").read_text("utf-8").splitlines()) == 2


def test_sql_over_reply(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "1500")
    options = ("--base-url", server.url, "--limits", "none")
    sql = "SELECT country, count(*) AS n FROM contacts WHERE country <> 'France' GROUP BY 1 ORDER BY 1"
    done = bulkreply("query", sql, "--json", *options)
    assert done.code == 0, done.err
    wanted: dict[str, int] = {}
    for contact in server.ask("contacts"):
        if contact["country"] != "France":
            wanted[contact["country"]] = wanted.get(contact["country"], 0) + 1
    assert {row["country"]: row["n"] for row in done.json} == wanted
    assert "calls" in done.err
    assert bulkreply("query", "SELECT userEmail FROM users ORDER BY 1", "--csv", *options).out.splitlines() == [
        "userEmail",
        "member@example.com",
        "owner@example.com",
    ]
    secret = bulkreply.write("secret.csv", "a\n1\n")
    for bad in (
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM users, read_csv('{secret}')",
        "DROP TABLE contacts",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM users",
        "SELECT * FROM contcts",
    ):
        done = bulkreply("query", bad, *options)
        assert (done.code, "Traceback" in done.err) == (2, False), (bad, done.err)
    assert export(bulkreply, server, "contacts", "-o", "kept/contacts-2026-11-25.parquet").code == 0
    done = bulkreply("query", "SELECT count(*) AS n FROM contacts", "--from", "kept", "--json")
    assert done.json == [{"n": 1500}]
