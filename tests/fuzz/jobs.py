"""Kinds of cases about job files: read, bound to their columns, planned without asking Reply."""

from __future__ import annotations

import asyncio
import io
import os
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from bulkreply.catalog import Catalog
from bulkreply.job import read_job
from bulkreply.job.read import job_of
from bulkreply.plan import make_plan, plan_as_words
from tests.fuzz.mutation import SCALARS, grafted, mutated, mutated_text
from tests.fuzz.seeds import sample_paths, samples

CATALOG = Catalog()
SMALL = b"""job: small
from: {file: in.csv}
to: {object: contacts, mode: upsert}
map:
  email: Email
  firstName: {column: First, default: "-"}
  companySize: {column: Size, values: {"1-10": Ten, "*": Empty}}
  notes: {expr: "CONCAT_WS(' / ', First, Size)"}
  customFields.Budget: {column: Budget, as: number}
  lists: {column: Lists, split: ";"}
ignore: [Born]
create_missing: [lists, custom_fields]
policy: {duplicate: merge, blank: keep, reject: 5%, ambiguous: verify, settle_s: 2}
"""
TREE = b"""job: tree
from: {file: in.csv, delimiter: ",", header_row: 1, encoding: utf-8}
to: {object: sequences, mode: insert}
map:
  name: {value: A}
  steps.0.type: {value: email}
  steps.0.delayInMinutes: Budget
  steps.0.variants.0.subject: First
  steps.0.variants.0.message: {expr: "UPPER(First)"}
"""
PROCEDURE = b"""job: call
from: {file: [in.csv]}
to: {procedure: SetContactStatus, batch: 5}
map: {ContactIds: Email, Status: {value: Replied}}
confirm: true
"""
EXPORT = b"""job: nightly
from: {object: contacts, where: {listId: Fair 2027}, incremental: true}
to: {file: "out/contacts-{date:%Y-%m-%d}.parquet"}
map: {email: E-mail, customFields.Budget: Budget}
"""
ROWS = (
    "Email,First,Size,Budget,Lists,Born\nada@example.com,Ada,1-10,5,a;b,2026-01-01\n"
    "x,[/red],,1e400,;,\n'=1,,?,NaN,a,0000-00-00\n"
)
WORDS = (
    *(
        "job",
        "from",
        "to",
        "map",
        "ignore",
        "policy",
        "file",
        "object",
        "procedure",
        "mode",
        "column",
        "value",
        "expr",
        "default",
    ),
    *(
        "values",
        "as",
        "split",
        "format",
        "blank",
        "clear",
        "duplicate",
        "reject",
        "settle_s",
        "where",
        "email",
        "Email",
        "customFields.x",
    ),
    *(
        "insert",
        "contacts",
        "sequences",
        "api",
        "v1",
        "batch",
        "header_row",
        "encoding",
        "sheet",
        "number",
        "date",
        "5%",
        "%d.%m.%Y",
    ),
)
EXPRESSIONS = (
    *(
        "First || '",
        "CAST(First AS INT)",
        "1/0",
        "SELECT 1",
        "read_csv('/etc/passwd')",
        "First[99999999]",
        "REPEAT(First, 999999999)",
    ),
    *(
        "SUM(Budget)",
        "COUNT(*)",
        "EXTRACT(YEAR FROM Born)",
        "REGEXP_LIKE(First, '((((')",
        "STRPTIME(Born, '%Q')",
        "CASE WHEN",
        "*",
        "",
    ),
    *(
        "ROW_NUMBER() OVER ()",
        "SUBSTR(First, -9223372036854775808)",
        "DATE(Born)",
        "UNNEST(Lists)",
        "COLUMNS('.*')",
        "NULL",
        "First; DROP",
    ),
    *(
        "ROUND(CAST(Budget AS DOUBLE), 400)",
        "LEFT(First, 1e9)",
        "ARRAY_GET(Lists, 0)",
        "First COLLATE x",
        "(SELECT 1)",
        "'\x00'",
    ),
    *(
        "STRING_TO_ARRAY(Lists, '')",
        "SPLIT_PART(Lists, '', 0)",
        "LPAD(First, 999999999, 'x')",
        "Budget::TINYINT",
        "INTERVAL '1 day'",
    ),
)
TEXTS = tuple(str(one) for one in SCALARS if str(one).isprintable() or "\x00" in str(one))
SETTINGS = (
    "to.mode=insert",
    "map.email=",
    "from.file=in.csv",
    "policy.reject=5%",
    "map.x={column: First}",
    "a=[",
    "policy={",
    "job=*a",
)


@cache
def seeds() -> tuple[bytes, ...]:
    return (SMALL, SMALL, SMALL, TREE, TREE, PROCEDURE, EXPORT, *samples("jobs/*.yaml", "jobs/exports/*.yaml"))


@cache
def trees() -> tuple[Any, ...]:
    return tuple(YAML(typ="safe", pure=True).load(seed) for seed in (SMALL, TREE, PROCEDURE, EXPORT))


def rule(chance: Random) -> Any:
    """A rule that is allowed, with strange values."""
    word = chance.choice(("expr", "expr", "expr", "value", "column", "values", "format"))
    if word == "expr":
        text = chance.choice(EXPRESSIONS)
        return {"expr": mutated_text(chance, text, EXPRESSIONS) if chance.random() < 0.3 else text}
    if word == "values":
        return {"column": "First", "values": {str(chance.choice(TEXTS)): str(chance.choice(TEXTS)) for _ in range(3)}}
    if word == "format":
        return {
            "column": "Born",
            "as": chance.choice(("date", "datetime")),
            "format": chance.choice(("%Q", "%", "%d.%m.%Y", "", "%s%s", "\x00", "%" * 99)),
        }
    return {word: chance.choice((str(chance.choice(TEXTS)), "First", "Budget", "Email"))}


def content_of(chance: Random) -> bytes:
    kind = chance.random()
    if kind < 0.4:
        return mutated(chance, chance.choice(seeds()), seeds())
    out = io.StringIO()
    made = chance.choice(trees())
    if kind < 0.7:
        made = grafted(chance, made, WORDS)
    elif chance.random() < 0.5:
        made = {**made, "policy": grafted(chance, made.get("policy", {"reject": "5%", "clear": "-"}), WORDS)}
    if isinstance(made, dict) and isinstance(made.get("map"), dict):
        rules = {**made["map"], chance.choice(list(made["map"]) or ["email"]): rule(chance)}
        made = {**made, "map": rules if kind > 0.5 else made["map"]}
    YAML(typ="safe", pure=True).dump(made, out)
    return out.getvalue().encode("utf-8", "surrogatepass")


def plausible(chance: Random) -> bytes:
    """A job file that may well be right, so that its rows are looked at."""
    made = {**chance.choice(trees()[:3])}
    made["map"] = dict(made["map"])
    for field in chance.sample(list(made["map"]), chance.randint(1, min(3, len(made["map"])))):
        made["map"][field] = rule(chance)
    if made["job"] == "small" and chance.random() < 0.5:
        made["to"] = {"object": "contacts", "mode": chance.choice(("insert", "update", "upsert", "delete"))}
        made["policy"] = {
            "duplicate": chance.choice(("first", "last", "merge", "error")),
            "blank": chance.choice(("keep", "clear")),
            "clear": chance.choice(("", "-", "<clear>", "x\ny", "é")),
            "reject": chance.choice(("5%", "0", "100%", "1e3", "0.0001%")),
        }
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(made, out)
    return out.getvalue().encode("utf-8", "replace")


def yaml(chance: Random, folder: Path) -> None:
    """A job file read; a valid one is the same when a run remembers it."""
    path = folder / "job.yaml"
    path.write_bytes(content_of(chance))
    settings = [mutated_text(chance, chance.choice(SETTINGS), SETTINGS)[:300]] if chance.random() < 0.2 else []
    job = read_job(path, settings)
    assert job_of(job.content, path).fingerprint == job.fingerprint


def plan(chance: Random, folder: Path) -> None:
    """A job file and its rows planned: every row read is in exactly one class."""
    sample_paths(folder)
    path = folder / "jobs" / "job.yaml"
    path.write_bytes(content_of(chance))
    rows = ROWS.encode()
    if chance.random() < 0.6:
        path.write_bytes(plausible(chance))
    (path.parent / "in.csv").write_bytes(mutated(chance, rows, (rows,)) if chance.random() < 0.4 else rows)
    os.chdir(folder)
    job = read_job(path)
    if job.exports:
        return
    made = asyncio.run(make_plan(job, CATALOG, None, folder, limit=chance.choice((0, 0, 20, 20))))
    words = plan_as_words(made, CATALOG)["rows"]
    assert words["rejected"] + words["duplicates"] <= words["read"]
    if job.target.object == "contacts":
        assert words["read"] == words["to_send"] + words["rejected"] + words["duplicates"]
