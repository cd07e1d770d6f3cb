"""The public API: jobs, procedures and listings from Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from bulkreply.accounts import load_account
from bulkreply.calling import Called, records, target_of
from bulkreply.calling import call as _call
from bulkreply.catalog import Catalog
from bulkreply.errors import UsageProblem
from bulkreply.execution import Order, execute
from bulkreply.export.running import export
from bulkreply.job import read_job
from bulkreply.net.client import Client
from bulkreply.net.opening import open_client
from bulkreply.plan import Plan
from bulkreply.report import Report

__all__ = ["Called", "Reply", "Report", "call", "connect", "run"]


class Reply:
    """An account of Reply, connected. Made by `connect`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(
        self, procedure: str, api: str = "v3", do_not_contact: Literal["skip", "send"] = "skip", **parameters: Any
    ) -> list[Called]:
        """Calls a procedure: `await reply.call("StartSequence", sequence_id=5)`.

        Args:
            procedure: Its name, or an operation such as `contact_lists.share`.
            api: Version an operation is looked for in; `v1.people.lookup` names it too.
            do_not_contact: Whether people who opted out, bounced or are blacklisted are left out of what reaches them.
            parameters: In any spelling; lists where several are taken.

        Returns:
            One value per record the call was about.

        Raises:
            UsageProblem: No such procedure, or values that are missing or cannot be read.
            BulkreplyError: Reply cannot be reached, or refuses the key.
        """
        target = target_of(self._client.catalog, procedure, api)
        return await _call(self._client, target, parameters, everybody=do_not_contact == "send")

    def records(self, name: str, api: str = "v3", **where: Any) -> AsyncIterator[dict[str, Any]]:
        """Every record of an object: `async for contact in reply.records("contacts")`.

        Args:
            name: Object (`contacts`), or another listing of it (`contacts.filter`).
            where: What the listing can be narrowed by; parents where records have one.

        Raises:
            UsageProblem: No such listing, or a filter it does not have.
        """
        object_name, _, chosen = name.partition(".")
        spec = self._client.catalog.object(object_name, api)
        if not chosen:
            chosen = spec.lookup.sweep if spec.lookup and "list" not in spec.operations else "list"
        operation = self._client.catalog.operation(f"{api}.{object_name}.{chosen}")
        if not operation.lists:
            raise UsageProblem(f"{object_name}.{chosen} does not list records", hint="call it")
        return records(self._client, operation, where)


@asynccontextmanager
async def connect(
    account: str | None = None,
    *,
    base_url: str | None = None,
    limits: str | None = None,
    catalog: Path | None = None,
) -> AsyncIterator[Reply]:
    """Connects to an account: `async with bulkreply.connect() as reply:`.

    Args:
        account: Account of `bulkreply.toml`; None for the environment's (`REPLY_API_KEY`).
        limits: Quota windows, `100/60s,3000/1h`.
        catalog: Folder of further catalog files, or one file.

    Raises:
        UsageProblem: There is no such account, or no key.
        KeyRefused: Reply does not accept the key.
    """
    found = load_account(account, Path(), base_url=base_url, limits=limits)
    async with open_client(found, Catalog(catalog)) as client:
        yield Reply(client)


def call(
    procedure: str,
    *,
    account: str | None = None,
    base_url: str | None = None,
    limits: str | None = None,
    **parameters: Any,
) -> list[Called]:
    """Calls a procedure from code that is not asynchronous: `bulkreply.call("StartSequence", SequenceId=5)`."""

    async def work() -> list[Called]:
        async with connect(account, base_url=base_url, limits=limits) as reply:
            return await reply.call(procedure, **parameters)

    return asyncio.run(work())


def run(
    job: Path | str,
    *,
    runs: Path | str = "bulkreply-runs",
    account: str | None = None,
    base_url: str | None = None,
    limits: str | None = None,
    settings: Mapping[str, str] | None = None,
    confirm: bool = False,
    catalog: Path | None = None,
) -> Report:
    """Runs a job file, or continues its unfinished run.

    Args:
        settings: Changes to the job, `{"to.mode": "insert"}`.
        confirm: Whether deletes, and calls that make Reply write to people, may go ahead.
        catalog: Folder of further catalog files, or one file.

    Raises:
        BulkreplyError: Nothing was begun; or the run stopped, with its report written.
    """
    found = read_job(Path(job), [f"{name}={value}" for name, value in (settings or {}).items()])

    def agreed(plan: Plan) -> bool:
        if plan.gate and not (confirm or found.confirm):
            raise UsageProblem(f"{plan.target.label} needs confirm=True, or `confirm: true` in the job")
        return True

    order = Order(
        job=found,
        account=load_account(account or found.account, found.folder, base_url=base_url, limits=limits),
        runs=Path(runs),
        catalog=Catalog(catalog),
        confirm=agreed,
        announce=lambda words: None,
    )
    return asyncio.run(export(order) if found.exports else _imported(order))


async def _imported(order: Order) -> Report:
    return (await execute(order))[1]
