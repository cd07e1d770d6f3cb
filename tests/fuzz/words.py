"""Kinds of cases about what people write in words: configuration, catalog, cron, file names, SQL, options."""

from __future__ import annotations

import asyncio
import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from bulkreply.accounts import load_account
from bulkreply.catalog import Catalog
from bulkreply.cli import browsing
from bulkreply.cli.calling import given_values
from bulkreply.cli.options import Common
from bulkreply.cli.setup import patience_of
from bulkreply.databases.address import open_database
from bulkreply.errors import BulkreplyError
from bulkreply.files.placing import file_name
from bulkreply.job import read_job
from bulkreply.net.transport import checked_base_url
from bulkreply.plan import make_plan
from bulkreply.query import answer, read_statement
from bulkreply.query.tables import open_engine
from bulkreply.quota import parse_limits
from bulkreply.schedule import Cron, Store
from tests.fuzz.mutation import SCALARS, grafted, mutated, mutated_text
from tests.fuzz.seeds import samples

_CONFIG = b"""# ours
[accounts.main]
key_env = "SOME_KEY"
limits = ["100/60s", "3000/1h"]
act_as = "colleague@example.com"
reserve = 0.2
base_url = "https://api.reply.io"

[accounts.other]
key_file = "key.txt"
limits = "none"
"""
_CRONS = ("0 6 * * 1-5", "*/5 * * * *", "@daily", "0 0 29 2 *", "15,45 8-18/2 1 jan-mar sun", "0 0 31 4,6 1")
_ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Lord_Howe",
    "../etc/passwd",
    "",
    "/",
    "Europe",
    "posixrules",
    "\x00",
)
_PATTERNS = (
    *(
        "contacts-{date}.csv",
        "{object}/{date:%Y/%m}.parquet",
        "{job}-{time}.xlsx",
        "{{x}}",
        "{date!r}",
        "{0}",
        "{}",
        "{date.year}",
    ),
    *(
        "{date:%s}",
        "{date:%}",
        "{date:{object}}",
        "{object[0]}",
        "../x",
        "/etc/x",
        "a//b",
        "con.csv",
        "~/x",
        "C:\\x",
        "{date:%Q%E%O}",
    ),
)
_QUERIES = (
    *("SELECT country, count(*) FROM contacts GROUP BY 1", "SELECT * FROM v1.people WHERE email = 'a@b.c' AND x = 1"),
    *(
        "WITH a AS (SELECT 1 AS n) SELECT * FROM a JOIN tasks ON n = tasks.id",
        "SELECT * FROM 'x.csv'",
        "SELECT 1; SELECT 2",
    ),
    *(
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY contacts TO 'x'",
        "ATTACH 'x'",
        "SELECT * FROM contacts WHERE (a = TRUE)",
    ),
    *(
        "FROM contacts",
        "SELECT (SELECT (SELECT 1))",
        "PIVOT contacts ON x",
        "VALUES (1)",
        "DESCRIBE contacts",
        "SELECT 1e400, 'NaN'::DOUBLE",
    ),
)
_OPTIONS = (
    "100/60s,3000/1h",
    "none",
    "2h",
    "90s",
    "1/1ms",
    "9999999/9d",
    "to.mode=insert",
    "map.x={column: A}",
    "https://api.reply.io",
)


def cron(chance: Random, folder: Path) -> None:
    text = chance.choice(_CRONS)
    text = mutated_text(chance, text, _CRONS)[:500] if chance.random() < 0.6 else text
    when = Cron.read(text, chance.choice(_ZONES) if chance.random() < 0.4 else "Europe/Berlin")
    now_s = chance.choice((0.0, 1_800_000_000.5, 1e9 * chance.random(), 1_774_746_000.0))
    for _ in range(3):
        next_s = when.next_after(now_s)
        if next_s is None:
            return
        assert next_s > now_s
        when.local(next_s), when.portable
        now_s = next_s


def names(chance: Random, folder: Path) -> None:
    pattern = mutated_text(chance, chance.choice(_PATTERNS), _PATTERNS)
    values = {
        "object": "contacts",
        "job": chance.choice(("nightly", "a/b", "..", "", "\ud800", "x\n", "é")),
        "account": "main",
    }
    path = file_name(pattern, values, datetime(2026, 11, 24, 6, tzinfo=UTC))
    assert not path.is_absolute()
    assert not {"..", "."} & set(path.parts)
    assert (folder / path).resolve().is_relative_to(folder.resolve())


def sql(chance: Random, folder: Path) -> None:
    text = chance.choice(_QUERIES)
    text = mutated_text(chance, text, _QUERIES)[:3_000] if chance.random() < 0.9 else text
    (folder / "query.sql").write_bytes(text.encode("utf-8", "surrogateescape"))
    statement = read_statement(text)
    with open_engine() as engine:
        answer(engine, statement)


def config(chance: Random, folder: Path) -> None:
    if chance.random() < 0.6:
        content = mutated(chance, _CONFIG, (_CONFIG,))
    else:
        table = grafted(
            chance, tomllib.loads(_CONFIG.decode()), ("main", "key_file", "key_command", "limits", "reserve", "act_as")
        )
        content = toml_of(table, ()).encode("utf-8", "replace")
    if b"key_command" in content.replace(b"[]", b""):
        content = content.replace(b"key_command", b"key_file")  # nothing strange is run
    (folder / "bulkreply.toml").write_bytes(content)
    (folder / "key.txt").write_bytes(chance.choice((b"k", b"\xff\n", b"", b"\r\n", b"a\nb", b"k\x00", "ü".encode())))
    os.environ["SOME_KEY"] = chance.choice(("k", "", "ü", "a\nX-Evil: 1", "\udcff"))
    account = load_account(chance.choice((None, "main", "other", "x")), folder)
    checked_base_url(account.base_url)
    if account.limits:
        parse_limits(account.limits)
    account.key_name(), repr(account)


def toml_of(table: Any, path: tuple[str, ...]) -> str:
    """Any tree as TOML, as far as it goes."""
    if not isinstance(table, dict):
        return f"x = {_toml_value(table)}\n"
    plain = "".join(f"{_quoted(k)} = {_toml_value(v)}\n" for k, v in table.items() if not isinstance(v, dict))
    inner = ((k, v) for k, v in table.items() if isinstance(v, dict))
    return plain + "".join(f"[{'.'.join(map(_quoted, (*path, k)))}]\n{toml_of(v, (*path, k))}" for k, v in inner)


def _quoted(key: str) -> str:
    return '"' + key.encode("unicode_escape").decode().replace('"', "").replace("\\", "")[:80] + '"'


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float):
        return repr(value)
    return str(value % 2**63) if isinstance(value, int) else _quoted(str(value))


def catalog(chance: Random, folder: Path) -> None:
    """An overlay, looked at and planned with."""
    seeds = samples(
        "bulkreply/catalog/data/v3/c*.toml", "bulkreply/catalog/data/v3/t*.toml", "bulkreply/catalog/data/v1/p*.toml"
    )
    content = chance.choice(seeds)
    known = tomllib.loads(content.decode())
    if chance.random() < 0.4:
        content = mutated(chance, content, seeds)
    else:
        words = (
            "fields",
            "operations",
            "type",
            "call",
            "batch",
            "modes",
            "object",
            "api",
            "lookup",
            "mode",
            "values",
            "required",
            "x",
        )
        content = toml_of(grafted(chance, known, words), ()).encode("utf-8", "replace")
    path = folder / "own.toml"
    path.write_bytes(content)
    found = Catalog(path)
    name, api = str(known["object"]), str(known["api"])
    browsing._show_object(found.object(name, api), as_json=chance.random() < 0.5)
    (folder / "in.csv").write_text("Email,id,name,title,x\na@example.com,1,n,2026-01-01,\nb,2,n,t,x\n")
    mode = chance.choice(("insert", "upsert", "update", "delete"))
    job = folder / "job.yaml"
    job.write_text(f"job: x\nfrom: {{file: in.csv}}\nto: {{object: {name}, api: {api}, mode: {mode}}}\n")
    asyncio.run(make_plan(read_job(job), found, None, folder))


def options(chance: Random, folder: Path) -> None:
    """Small words of the command line and of files, each read by what reads it."""
    text = mutated_text(chance, chance.choice(_OPTIONS), _OPTIONS)
    for read in (
        parse_limits,
        lambda word: patience_of(Common(max_wait=word)),
        lambda word: given_values(word.split()),
        checked_base_url,
        lambda word: open_database(chance.choice(("sqlite:///", "duckdb:///", "")) + word, folder).close(),
        lambda word: load_account(word, folder),
    ):
        try:
            read(text)
        except BulkreplyError as error:
            assert error.message.strip()


def timetable(chance: Random, folder: Path) -> None:
    """The file of schedules."""
    import json

    entry = {
        "name": "nightly",
        "job": "/x/job.yaml",
        "cron": "0 6 * * *",
        "tz": "UTC",
        "folder": "/x",
        "runs": "/x/r",
        "account": None,
        "added_s": 1.0,
        "standing": {"seen_s": 1.0},
    }
    tree = {"version": 1, "timetable": [entry]}
    text = (
        json.dumps(grafted(chance, tree, (*entry, "standing", "seen_s"))) if chance.random() < 0.6 else json.dumps(tree)
    )
    content = text.encode() if chance.random() < 0.5 else mutated(chance, text.encode(), (text.encode(),))
    os.environ["XDG_STATE_HOME"] = str(folder)
    store = Store()
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_bytes(content)
    store.read()


__all__ = ["SCALARS", "catalog", "config", "cron", "names", "options", "sql", "timetable"]
