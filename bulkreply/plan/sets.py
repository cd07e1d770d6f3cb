"""Calls that replace a whole set at Reply: with one row of the set rejected, the others would take something away."""

from __future__ import annotations

import polars as pl

from bulkreply.catalog.inputs import filler
from bulkreply.mapping import Mapping, reject_frame
from bulkreply.records import Chunk, Reject


def broken_sets(mapping: Mapping, chunk: Chunk, problems: pl.DataFrame) -> pl.DataFrame:
    """Rejects for rows whose set lacks a row that was rejected; none where nothing is replaced whole.

    Args:
        problems: Rejects of the chunk so far, REJECT_SCHEMA.
    """
    target = mapping.target
    operation, case = target.operation, target.cases[0]
    none = reject_frame(())
    if operation.batch is None or not operation.batch.whole or not problems.height:
        return none
    spec = target.spec_of(operation)
    named = {case.give.get(n, n) for n in (filler(spec, operation, one) for one in operation.parameters)}
    columns = [b.rule.column for b in mapping.bound if b.rule.root in named and b.rule.column]
    if not columns:
        return none
    rows = chunk.frame.select(columns).with_columns(chunk.row_numbers.alias("row"))
    bad = rows.filter(pl.col("row").is_in(problems["row"].implode()))
    touched = rows.join(bad.select(columns).unique(), on=columns, how="semi", maintain_order="left")
    left = touched.filter(~pl.col("row").is_in(problems["row"].implode()))["row"].to_list()
    words = f"another row of the same {' and '.join(sorted(named))} was rejected, and the set is replaced whole"
    return reject_frame(Reject(row, "", "", "set.incomplete", words, file=chunk.file) for row in left)
