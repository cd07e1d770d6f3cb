"""What a run belongs to: its job, its input, and the account it was begun with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from bulkreply.accounts import ReplyAccount
from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.errors import BulkreplyError, KeyRefused, LedgerUnusable
from bulkreply.job import Job
from bulkreply.job.read import job_of
from bulkreply.ledger import Ledger
from bulkreply.net.client import Client
from bulkreply.plan import open_source
from bulkreply.runs import RunFolder
from bulkreply.sources import paths_of, seen


@contextmanager
def opened(run: RunFolder) -> Iterator[Ledger]:
    """The ledger of a run, to go on with.

    Raises:
        LedgerUnusable: It is missing, damaged or newer than this program.
    """
    ledger = Ledger.open(run.ledger_path)
    try:
        yield ledger
    finally:
        ledger.close()


def require_same_account(facts: Mapping[str, str], account: ReplyAccount, client: Client) -> None:
    """Whether a run is of the account whose key we hold; any key of the account will do.

    Raises:
        KeyRefused: It is not, or Reply does not say.
    """
    if facts.get("account", client.account_name) == client.account_name:
        return
    hint = "use a key of the account the run began with, or --fresh to begin anew with this one"
    if client.account_name == account.key_name():
        raise KeyRefused("Reply does not say whose key this is, and it is not the one the run began with", hint=hint)
    raise KeyRefused("this key belongs to another account than the run began with", hint=hint)


def job_of_run(run: RunFolder) -> Job:
    """The job a run began with.

    Raises:
        LedgerUnusable: The run does not know it.
    """
    facts = run.facts()
    if "job_content" not in facts:
        raise LedgerUnusable(f"the ledger of {run.name} is damaged")
    return job_of(orjson.loads(facts["job_content"]), Path(facts["job_path"]))


def changes_of(run: RunFolder, job: Job) -> list[str]:
    """What differs from what an unfinished run began with; a missing input is no change, its rows are staged."""
    facts = run.facts()
    found = []
    if facts.get("job_fingerprint") != job.fingerprint:
        before = orjson.loads(facts.get("job_content", "{}"))
        found.append("the job changed: " + ", ".join(_differences(before, job.content, ())))
    with suppress(BulkreplyError):
        if job.source.file is not None and _input_changed(run, job, facts):
            found.append("the input changed")
    return found


def _input_changed(run: RunFolder, job: Job, facts: Mapping[str, str]) -> bool:
    """Whether the input holds other bytes; files nothing was done to need not be read, for what is sent is staged."""
    assert job.source.file is not None
    looked = seen(paths_of(job.source.file, job.folder, run.path), SYSTEM_CLOCK.now_s())
    if looked and looked == facts.get("input_seen"):
        return False
    return open_source(job, run.path).fingerprint() != facts.get("input_fingerprint")


def _differences(before: object, after: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), (*path, name))
    elif before != after:
        yield ".".join(path)
