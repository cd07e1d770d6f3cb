"""Fills the engine with the objects of a query, closes it off from files and network, and asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkreply.catalog import Catalog
from bulkreply.catalog.inputs import inputs_of
from bulkreply.errors import UsageProblem
from bulkreply.export.plan import ExportPlan, make_export_plan
from bulkreply.export.pull import Pull
from bulkreply.export.rows import frames
from bulkreply.job.read import job_of
from bulkreply.ledger.pages import Pages
from bulkreply.mapping.rules import near
from bulkreply.net.client import Client
from bulkreply.query.statement import Asked, Statement, duckdb_module

_READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".ndjson": "read_json",
    ".jsonl": "read_json",
}
API_VERSIONS = ("v1", "v2", "v3")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a query gave."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


async def plans_for(statement: Statement, catalog: Catalog, client: Client) -> list[ExportPlan]:
    """What has to be read for a query: filters Reply understands are handed over, everything else is the engine's.

    Raises:
        UsageProblem: The query names something that is no object.
    """
    plans = []
    for asked in statement.objects:
        spec = catalog.object(asked.name, asked.api)
        sweep = spec.operations[spec.lookup.sweep] if spec.lookup else None
        known = (
            {n for n, f in inputs_of(spec, sweep).items() if f.type in ("id", "uuid", "enum", "boolean")}
            if sweep
            else set()
        )
        where = {name: value for name, value in asked.equal.items() if name in known}
        source: dict[str, Any] = {"object": asked.name, "api": asked.api, "where": where}
        job = job_of({"job": "query", "from": source, "to": {"file": "query.parquet"}}, Path("query"))
        plans.append(await make_export_plan(job, catalog, client))
    return plans


async def load_objects(engine: Any, plans: Sequence[ExportPlan], client: Client, folder: Path) -> list[str]:
    """Reads objects into tables of the engine; what could not be proven complete, in words."""
    doubts = []
    for i, plan in enumerate(plans):
        pages = Pages.create(folder / f"{i}.sqlite", plan.parents)
        pull = Pull(client, plan.spec, plan.operation, pages, plan.query, plan.body, decode=plan.shape.decode_ids)
        doubts += await pull.run()
        paths = [str(path) for path in _parquet(plan, pages, folder / str(i))]
        pages.close()
        _create(engine, plan.spec.api, plan.spec.name, "read_parquet", paths)
    return doubts


def _parquet(plan: ExportPlan, pages: Pages, folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o700)
    for number, rows in enumerate(frames(plan, pages, None, marked=False)):
        path = folder / f"{number}.parquet"
        rows.write_parquet(path)
        yield path
    empty = folder / "empty.parquet"
    plan.shape.frame([]).write_parquet(empty)
    yield empty


def load_folder(engine: Any, statement: Statement, folder: Path) -> None:
    """Takes the tables of a query from the files of an earlier export, `contacts.parquet` or `contacts-2026-11-25.csv`.

    Raises:
        UsageProblem: The folder has no file for one of them.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in _READERS) if folder.is_dir() else []
    for asked in statement.objects:
        if asked.api not in API_VERSIONS:
            raise UsageProblem(f"there is no API {asked.api!r}", hint=f"one of {', '.join(API_VERSIONS)}")
        found = [p for p in files if p.stem == asked.name or p.stem.startswith((f"{asked.name}-", f"{asked.name}_2"))]
        if not found:
            hint = (
                near(asked.name, [path.stem for path in files])
                or f"it holds {', '.join(p.name for p in files) or 'nothing'}"
            )
            raise UsageProblem(f"{folder} has no export of {asked.name}", hint=hint)
        latest = max(found, key=lambda path: path.stat().st_mtime)
        _create(engine, asked.api, asked.name, _READERS[latest.suffix], [str(latest)])


def _create(engine: Any, api: str, name: str, reader: str, paths: Sequence[str]) -> None:
    quoted = name.replace('"', '""')
    engine.execute(f"CREATE SCHEMA IF NOT EXISTS {api}")
    engine.execute(f'CREATE TABLE {api}."{quoted}" AS SELECT * FROM {reader}(?)', [list(paths)])  # noqa: S608


def open_engine() -> Any:
    """An engine in memory."""
    return duckdb_module().connect(":memory:", config={"threads": 2})


def answer(engine: Any, statement: Statement) -> Answered:
    """Asks the engine, which from here on can reach neither files nor network nor change its settings.

    Raises:
        UsageProblem: The query does not fit the tables.
    """
    duckdb = duckdb_module()
    engine.execute(f"SET search_path = '{','.join([*_schemas(engine), 'main'])}'")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    try:
        found = engine.execute(statement.text)
        return Answered(tuple(column[0] for column in found.description), found.fetchall())
    except duckdb.Error as error:
        raise UsageProblem(f"the query fails: {str(error).splitlines()[0]}") from None


def _schemas(engine: Any) -> list[str]:
    rows = engine.execute("SELECT schema_name FROM information_schema.schemata").fetchall()
    return sorted({name for (name,) in rows if name in API_VERSIONS}, reverse=True)


def spell_plans(plans: Sequence[ExportPlan]) -> tuple[str, Mapping[str, int]]:
    """What reading costs, in words and calls."""
    calls: dict[str, int] = {}
    for plan in plans:
        calls |= {label: max(count, calls.get(label, 0)) for label, count in plan.calls.items()}
    total, exact = sum(calls.values()), all(plan.total >= 0 or plan.operation.paging.style == "none" for plan in plans)
    narrowed = {f"{plan.spec.name}.{n}" for plan in plans for n in (*plan.query, *plan.body)}
    words = f"reads {', '.join(plan.spec.name for plan in plans)}: {'' if exact else 'at least '}{total:,} calls"
    return words + (f"; Reply narrows by {', '.join(sorted(narrowed))}" if narrowed else ""), calls


__all__ = ["Answered", "Asked", "answer", "load_folder", "load_objects", "open_engine", "plans_for", "spell_plans"]
