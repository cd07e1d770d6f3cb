"""Commands that reach Reply without a job file: one export, one query, one call."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bulkreply.cli.options import (
    RUNS,
    AccountName,
    AsJson,
    BaseUrl,
    CatalogFolder,
    Common,
    Limits,
    MaxWait,
    Parallel,
    Runs,
    Yes,
)

direct_app = typer.Typer()


class Contact(StrEnum):
    """What becomes of people who must not be written to."""

    SKIP = "skip"
    SEND = "send"


@direct_app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="Object, such as contacts.")],
    output: Annotated[str, typer.Option("--output", "-o", help="File, - for stdout, or a database URL.")] = "-",
    where: Annotated[list[str] | None, typer.Option("--where", help="Narrow it: listId=7. May be repeated.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="csv, tsv, xlsx, parquet or ndjson.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Read every record whole, one call each.")] = False,
    incremental: Annotated[bool, typer.Option("--incremental", help="Only what changed since the last time.")] = False,
    api: Annotated[str, typer.Option("--api", help="v3, v2 or v1.")] = "v3",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, leave an unfinished export.")] = False,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    runs: Runs = RUNS,
    parallel: Parallel = 0,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Export an object without a job file: bulkreply export contacts -o contacts.csv."""
    from bulkreply.cli import exporting, running

    common = Common(account, base_url, limits, runs, parallel, max_wait, catalog, as_json)
    job = exporting.job_from_options(
        name, output, where or [], api=api, details=details, form=form, incremental=incremental
    )
    raise typer.Exit(running.run_export(job, common, fresh=fresh))


@direct_app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="SELECT over objects: contacts, v1.people.")],
    folder: Annotated[Path | None, typer.Option("--from", help="Folder of an earlier export instead of Reply.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
    only_plan: Annotated[bool, typer.Option("--plan", help="Only say what it would cost.")] = False,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Ask Reply in SQL: bulkreply query "SELECT country, count(*) FROM contacts GROUP BY 1"."""
    from bulkreply.cli import querying

    common = Common(account, base_url, limits, max_wait=max_wait, catalog=catalog, as_json=as_json)
    raise typer.Exit(querying.query(sql, common, folder=folder, as_csv=as_csv, only_plan=only_plan))


@direct_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def call(
    context: typer.Context,
    procedure: Annotated[str, typer.Argument(metavar="PROCEDURE", help="StartSequence, or contact_lists.share.")],
    api: Annotated[str, typer.Option("--api", help="v3, v2 or v1, for an operation.")] = "v3",
    do_not_contact: Annotated[
        Contact, typer.Option("--do-not-contact", help="send: reach people too who opted out or are blacklisted.")
    ] = Contact.SKIP,
    yes: Yes = False,
    account: AccountName = None,
    base_url: BaseUrl = None,
    limits: Limits = None,
    max_wait: MaxWait = "2h",
    catalog: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Call a procedure or any operation once: bulkreply call StartSequence --sequence-id 5."""
    from bulkreply.cli import calling

    everybody = do_not_contact is Contact.SEND
    common = Common(account, base_url, limits, max_wait=max_wait, catalog=catalog, as_json=as_json)
    raise typer.Exit(calling.call_procedure(procedure, api, context.args, common, yes=yes, everybody=everybody))
