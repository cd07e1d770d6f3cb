"""Exports: 1,000 contacts a page from a server that knows nothing, to CSV and to Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contest import Contest, Side
from tests.bench.measure import Taken, dumb_server, python, timed

ONE = (0,)


@contextmanager
def files(folder: Path, contacts: int) -> Iterator[Contest]:
    """All contacts into a file."""
    few = max(1000, contacts // 10)
    with dumb_server(contacts, core=1) as url, dumb_server(few, core=1) as small:

        def ours(form: str) -> Taken:
            shutil.rmtree(folder / "bulkreply-runs", ignore_errors=True)
            words = ("export", "contacts", "-o", f"ours.{form}", "--base-url", url, "--limits", "none", "--fresh")
            return timed(python("-m", "bulkreply", *words), folder, ONE)

        def rival(name: str, *words: str) -> Taken:
            return timed(python("-m", f"tests.bench.rivals.{name}", *words), folder, ONE)

        def dlt(form: str) -> Taken:
            shutil.rmtree(folder / "dlt-out", ignore_errors=True)
            return rival("dlt_source", small, form, str(folder / "dlt-out"))

        sides = [
            Side("bulkreply to csv", lambda: ours("csv")),
            Side("bulkreply to parquet", lambda: ours("parquet")),
            Side("pages thrown away", lambda: rival("discard", url, str(contacts))),
            Side("by hand to csv", lambda: rival("export_by_hand", url, "by-hand.csv")),
            Side("by hand to parquet", lambda: rival("export_by_hand", url, "by-hand.parquet"), optional=True),
            Side("dlt to csv", lambda: dlt("csv"), share=few / contacts, optional=True),
            Side("dlt to parquet", lambda: dlt("parquet"), share=few / contacts, optional=True),
        ]
        wanted = {
            "by hand to csv": (2.5, 4.0),
            "by hand to parquet": (2.5, 4.0),
            "pages thrown away": (0.1, 0.14),
            "dlt to csv": (5.0, 10.0),
            "dlt to parquet": (5.0, 10.0),
        }
        yield Contest(f"export of {contacts:,} contacts, 1,000 a page", "bulkreply to csv", sides, wanted)
