"""Rows of one input that share a natural key: which one is sent, and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import polars as pl

from bulkreply.mapping import GROUP_SEPARATOR
from bulkreply.outcomes import Outcome

Policy = Literal["first", "last", "merge", "error"]


@dataclass(slots=True)
class Verdicts:
    """What becomes of records that share a key.

    Attributes:
        outcomes: Position -> (outcome, code, message) of records that are not sent by themselves.
        merged: Position of a record -> the record made of it and its twins, a RECORD_SCHEMA row, which replaces it.
    """

    outcomes: dict[int, tuple[Outcome, str, str]] = field(default_factory=dict)
    merged: dict[int, tuple[int, int, str, str, str]] = field(default_factory=dict)


def repeated(hashes: Sequence[pl.Series]) -> pl.Series:
    """Positions whose key hash occurs more than once.

    Args:
        hashes: UInt64 key hashes in position order, piece by piece.
    """
    if not hashes:
        return pl.Series("position", [], dtype=pl.UInt32)
    joined = pl.concat(list(hashes), rechunk=True)
    return joined.is_duplicated().arg_true().alias("position")


def decide(candidates: pl.DataFrame, policy: Policy) -> Verdicts:
    """Applies a policy to records whose key hashes collide; only truly equal keys count.

    Args:
        candidates: Records with their `position`.
    """
    verdicts = Verdicts()
    ordered = candidates.filter(pl.col("key") != "").sort("file", "row")
    for twins in ordered.partition_by("key", maintain_order=True):
        if twins.height < 2:
            continue
        rows = list(twins.select("position", "row", "file", "key", "group", "body").iter_rows())
        if policy == "error":
            numbers = ", ".join(str(row[1]) for row in rows[:5])
            for position, *_ in rows:
                verdicts.outcomes[position] = (Outcome.REJECTED, "row.duplicate", f"rows {numbers} have the same key")
            continue
        kept = rows[-1] if policy == "last" else rows[0]
        words = "merged into" if policy == "merge" else "same key as"
        for row in rows:
            if row is not kept:
                verdicts.outcomes[row[0]] = (Outcome.SKIPPED, "row.duplicate", f"{words} row {kept[1]}")
        if policy == "merge":
            body = orjson.dumps(_merge([orjson.loads(row[5]) for row in rows])).decode()
            verdicts.merged[kept[0]] = (kept[2], kept[1], kept[3], _union(row[4] for row in rows), body)
    return verdicts


def _merge(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first record, with what it lacks taken from the later ones."""
    merged = dict(records[0])
    for record in records[1:]:
        for name, value in record.items():
            if name not in merged:
                merged[name] = value
            elif isinstance(value, list):
                known = {_address(one) for one in merged[name]}
                merged[name] = [*merged[name], *(one for one in value if _address(one) not in known)]
    return merged


def _address(entry: Any) -> str:
    """What a custom field value is addressed by: everything but the value."""
    if not isinstance(entry, dict):
        return repr(entry)
    return repr(sorted((name, value) for name, value in entry.items() if name != "value"))


def _union(groups: Iterator[str]) -> str:
    tokens = {token for group in groups for token in group.split(GROUP_SEPARATOR) if token}
    return GROUP_SEPARATOR.join(sorted(tokens))
