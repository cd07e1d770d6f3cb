"""Memory stays flat on the way out: a million rows need what a hundred thousand do, and large cells little more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.support import REPOSITORY

WRITE = """
import random, resource, sys, time
from pathlib import Path
import polars as pl
from bulkreply.files.output import OutputOptions, open_writer

path, form, rows, cell = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
PAGE = 1_000
bulk = random.Random(7).randbytes(cell + 2 * PAGE).hex()

def page(first):
    n = pl.int_range(first, first + PAGE, eager=True)
    texts = {f"text{at}": pl.format("+{} text, of {} rows", n % (at + 97), n) for at in range(10)}
    times = pl.lit(1_700_000_000) + n
    return pl.select(
        id=n, **texts, score=n / 7, on=n % 2 == 0,
        at=pl.from_epoch(times).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        body=pl.Series([bulk[at : at + cell] for at in range(PAGE)]),
    )

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

writer = open_writer(path, page(0).schema, OutputOptions(form))
making = time.perf_counter()
for first in range(0, rows, PAGE):
    page(first)
before = used()
began = time.perf_counter()
for first in range(0, rows, PAGE):
    writer.write(page(first))
writer.close()
took = (time.perf_counter() - began) - (began - making)
print(f"{used() - before:.0f} {rows / max(took, 0.001):.0f}")
"""


def added_mib(path: Path, form: str, rows: int, cell: int) -> float:
    """How much more memory than the frames themselves it takes to write them."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "POLARS_MAX_THREADS": "4"}
    command = [sys.executable, "-c", WRITE, str(path), form, str(rows), str(cell)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    added, speed = map(float, said.split())
    print(f"\n{form}: {rows:,} rows, cells of {cell:,}: {added:.0f} MiB added, {speed:,.0f} rows/s")
    return added


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet", "xlsx"])
@pytest.mark.parametrize(("rows", "cell"), [(20_000, 20), pytest.param(1_000_000, 20, marks=pytest.mark.slow)])
def test_many_rows(tmp_path: Path, form: str, rows: int, cell: int) -> None:
    assert added_mib(tmp_path / "x", form, rows, cell) < 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "cell"), [("csv", 100_000), ("ndjson", 100_000), ("parquet", 100_000), ("xlsx", 30_000)]
)
def test_large_cells(tmp_path: Path, form: str, cell: int) -> None:
    rows = 20_000
    assert added_mib(tmp_path / "x", form, rows, cell) < 600
    if form == "parquet":
        assert pl.scan_parquet(tmp_path / "x").select(pl.len()).collect().item() == rows
