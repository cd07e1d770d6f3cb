"""Merges new rows into two tables of a database in one transaction, as a process that can be killed.

`URL FOLDER ROWS STOP`: says what it is doing, one word a line; with STOP 1 it waits in the middle of the second table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from bulkreply.databases import open_database

SCHEMA = pl.Schema({"id": pl.Int64(), "name": pl.String(), "score": pl.Float64()})


def frames(rows: int, word: str, stop: bool = False) -> Iterator[pl.DataFrame]:
    """Rows 0 to below `rows`, all saying the word."""
    for at in range(0, rows, 25_000):
        ids = pl.int_range(at, min(at + 25_000, rows), eager=True)
        yield pl.DataFrame({"id": ids}).with_columns(
            pl.lit(word).alias("name"), (pl.col("id") / 2).cast(pl.Float64).alias("score")
        )
    if stop:
        print("waiting", flush=True)
        sys.stdin.readline()


def write(url: str, folder: Path, rows: int, word: str, stop: bool = False) -> None:
    """Everything a run writes: two tables, the first rows of which go."""
    database = open_database(url, folder)
    gone = pl.DataFrame({"id": [0, 1, 2]})
    print("opened", flush=True)
    with database.transaction():
        for table in ("first", "second"):
            waits = stop and table == "second"
            schema = SCHEMA if word == "old" else pl.Schema({**SCHEMA, "extra": pl.Boolean()})
            made = (
                frame.with_columns(pl.lit(True).alias("extra")).select(list(schema)) if word != "old" else frame
                for frame in frames(rows, word, waits)
            )
            database.write(table, schema, made, mode="merge", key=("id",), deleted=gone)
    print("committed", flush=True)
    database.close()


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), "new", sys.argv[4] == "1")
