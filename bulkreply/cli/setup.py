"""Turns command line options into what the floors below understand."""

from __future__ import annotations

import re
from pathlib import Path

from bulkreply.accounts import ReplyAccount, load_account
from bulkreply.catalog import Catalog
from bulkreply.cli.options import Common
from bulkreply.errors import UsageProblem
from bulkreply.job import Job
from bulkreply.net.client import Patience

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def catalog_of(common: Common) -> Catalog:
    """The catalog with the user's overlay."""
    return Catalog(common.catalog)


def account_of(common: Common, job: Job | None) -> ReplyAccount:
    """The account of the command line, else of the job, else the environment's."""
    name = common.account or (job.account if job else None)
    folder = job.folder if job else Path()
    return load_account(name, folder, base_url=common.base_url, limits=common.limits)


def patience_of(common: Common) -> Patience:
    """How long to wait for what.

    Raises:
        UsageProblem: `--max-wait` cannot be read.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", common.max_wait.strip())
    if match is None:
        raise UsageProblem(f"--max-wait {common.max_wait}: write it as 90s, 15m or 2h")
    return Patience(width=common.parallel, park_s=float(match[1]) * _UNITS_S[match[2] or "s"])
