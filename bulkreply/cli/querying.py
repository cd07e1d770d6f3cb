"""`query`: SQL over live objects, or over an earlier export."""

from __future__ import annotations

import csv
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from rich.table import Table

from bulkreply.accounts import load_account
from bulkreply.cli.options import Common
from bulkreply.cli.screen import quoted
from bulkreply.cli.setup import catalog_of, patience_of
from bulkreply.cli.show import data, emit, talk
from bulkreply.cli.working import run_work
from bulkreply.errors import UsageProblem
from bulkreply.net.opening import open_client
from bulkreply.query import Answered, Statement, answer, load_folder, load_objects, read_statement
from bulkreply.query.tables import open_engine, plans_for, spell_plans


def query(sql: str, common: Common, *, folder: Path | None, as_csv: bool, only_plan: bool) -> int:
    """Answers a query; exit code 3 when the listing it read could not be proven complete."""
    statement = read_statement(sql)
    engine = open_engine()
    if folder is not None:
        load_folder(engine, statement, folder)
        _show(answer(engine, statement), common, as_csv)
        return 0
    return run_work(_live(statement, engine, common, as_csv, only_plan))


async def _live(statement: Statement, engine: Any, common: Common, as_csv: bool, only_plan: bool) -> int:
    account = load_account(common.account, Path(), base_url=common.base_url, limits=common.limits)
    catalog = catalog_of(common)
    if not statement.objects:
        raise UsageProblem("the query reads no object of Reply", hint="bulkreply objects lists them")
    async with open_client(account, catalog, patience=patience_of(common)) as client:
        plans = await plans_for(statement, catalog, client)
        words, calls = spell_plans(plans)
        talk.print(words, markup=False)
        if only_plan:
            emit({"calls": dict(calls)}) if common.as_json else None
            return 0
        with tempfile.TemporaryDirectory(prefix="bulkreply-query-") as work:
            doubts = await load_objects(engine, plans, client, Path(work))
    for doubt in doubts:
        talk.print(f"[yellow]incomplete: {quoted(doubt)}[/yellow]")
    _show(answer(engine, statement), common, as_csv)
    return 3 if doubts else 0


def _show(answered: Answered, common: Common, as_csv: bool) -> None:
    if common.as_json:
        emit([dict(zip(answered.columns, row, strict=True)) for row in answered.rows])
    elif as_csv:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as every file that is written
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(answered.columns)
        out.writerows(answered.rows)
    else:
        table = Table(*map(quoted, answered.columns), box=None)
        for row in answered.rows:
            table.add_row(*("" if value is None else quoted(value) for value in row))
        data.print(table)
        talk.print(f"{len(answered.rows):,} rows")
