"""Rows of one input that share a natural key: which one is sent, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from bulkreply.outcomes import Outcome
from bulkreply.slots import dumps, loads
from bulkreply.wire.layout import RECORD_SCHEMA
from bulkreply.wire.route import shared_by_all

Policy = Literal["first", "last", "merge", "error"]


@dataclass(slots=True)
class Verdicts:
    """What becomes of records that share a key.

    Attributes:
        outcomes: Position -> (outcome, code, message) of records that are not sent by themselves.
        merged: Position of a record -> the record made of it and its twins, a RECORD_SCHEMA row, which replaces it.
    """

    outcomes: dict[int, tuple[Outcome, str, str]] = field(default_factory=dict)
    merged: dict[int, tuple[Any, ...]] = field(default_factory=dict)


def decide(candidates: pl.DataFrame, policy: Policy, within_group: bool = False) -> Verdicts:
    """Applies a policy to records whose key hashes collide; only truly equal keys count.

    Args:
        candidates: Records with their `position`.
        within_group: Whether the same key in another call, or with other values, is another matter.
    """
    verdicts = Verdicts()
    whole = ~pl.col("address").str.contains('"part":', literal=True).fill_null(False)  # parts of a row may be alike
    ordered = candidates.filter((pl.col("key") != "") & whole).sort("file", "row")
    same = ["key", "group", "body", "address"] if within_group else ["key"]
    for twins in ordered.partition_by(same, maintain_order=True):
        if twins.height < 2:
            continue
        rows = list(twins.iter_rows(named=True))
        if policy == "error":
            numbers = ", ".join(str(row["row"]) for row in rows[:5])
            for row in rows:
                words = f"rows {numbers} have the same key"
                verdicts.outcomes[row["position"]] = (Outcome.REJECTED, "row.duplicate", words)
            continue
        kept = rows[-1] if policy == "last" else rows[0]
        words = "merged into" if policy == "merge" else "same key as"
        for row in rows:
            if row is not kept:
                verdicts.outcomes[row["position"]] = (Outcome.SKIPPED, "row.duplicate", f"{words} row {kept['row']}")
        if policy == "merge":
            verdicts.merged[kept["position"]] = _merged(kept, rows)
    return verdicts


def _merged(kept: dict[str, Any], rows: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """A RECORD_SCHEMA row made of twins: their values, in a call for all their lists."""
    body = kept["body"]
    if body.startswith("{"):  # else it is just the key of a record, the same in all
        body = dumps(_merge([loads(row["body"]) for row in rows]))
    made = kept | {"group": shared_by_all([row["group"] for row in rows]), "body": body}
    return tuple(made[name] for name in RECORD_SCHEMA)


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
