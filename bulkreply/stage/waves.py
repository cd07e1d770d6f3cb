"""Puts records that wait for others after them: a record's *wave* is one more than that of what it waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from bulkreply.records import Reject
from bulkreply.slots import fill, labels_in


def in_waves(records: pl.DataFrame, lost: Mapping[str, str] | None = None) -> tuple[list[pl.DataFrame], list[Reject]]:
    """Divides linked records by wave.

    Args:
        records: All records of the run that have a label or wait for one.
        lost: Labels of records that are not sent -> why.

    Returns:
        The records of each wave, their groups saying which; or, instead, records that wait for what is not there. The
        others are to be divided anew then.
    """
    rows = list(records.iter_rows(named=True))
    by_label = {row["label"]: i for i, row in enumerate(rows) if row["label"]}
    twice = {label for label, count in Counter(row["label"] for row in rows).items() if label and count > 1}
    waits: list[list[int]] = []
    rejects: list[Reject] = []
    for row in rows:
        wanted = labels_in("".join((row["body"], row["group"], row["address"] or "")))
        why = next(filter(None, (_hopeless(row, label, by_label, twice, lost or {}) for label in wanted)), None)
        rejects += [why] if why is not None else []
        waits.append([by_label[label] for label in wanted if label in by_label])
    if rejects:  # without these, others may have nothing to wait for
        return [], list(dict.fromkeys(rejects))
    waves: list[list[int]] = []
    wave_of: dict[int, int] = {}
    left = list(range(len(rows)))
    while left:
        ready = [i for i in left if all(one in wave_of for one in waits[i])]
        if not ready:
            words = "it comes after itself, or after something that does"
            return [], list(dict.fromkeys(_reject(rows[i], "reference.circular", words) for i in left))
        wave_of |= dict.fromkeys(ready, len(waves))
        waves.append(ready)
        left = [i for i in left if i not in wave_of]
    found = []
    for number, chosen in enumerate(waves):
        frame = records[chosen].with_columns(
            pl.Series("group", [in_wave(rows[i]["group"], number) for i in chosen], dtype=pl.String),
            pl.Series("body", [_known(rows[i]["body"], by_label) for i in chosen], dtype=pl.String),
            pl.Series("key", [_known(rows[i]["key"], by_label) for i in chosen], dtype=pl.String),
        )
        found.append(frame)
    return found, []


def _hopeless(
    row: dict[str, Any], label: str, by_label: Collection[str], twice: Collection[str], lost: Mapping[str, str]
) -> Reject | None:
    """Why a record cannot come after the one with this label, None when it can."""
    part = label.rpartition("/" if "/" in label else ".")[2]
    if label in twice:
        return _reject(row, "reference.ambiguous", f"several have the id {part}, and this comes after one of them")
    if label in by_label:
        return None
    if label in lost:
        return _reject(row, "row.notReached", f"{part}, which this comes after, {lost[label]}")
    if "/" in label:
        return _reject(row, "reference.unknown", f"there is no part {part} in this row to come after")
    return None


def in_wave(group: str, number: int) -> str:
    """A group that says which wave it belongs to; the first wave goes without saying."""
    if number == 0:
        return group
    return f'{{"wave":{number}' + (f",{group[1:]}" if group else "}")


def _known(text: str, by_label: dict[str, int]) -> str:
    """A parent that is not in the file is one Reply already has: its id is in the label."""

    def plain(slot: str) -> str | None:
        label = slot.removeprefix("#")
        return label.rpartition(".")[2] if slot.startswith("#") and label not in by_label else None

    return fill(text, plain)


def _reject(row: dict[str, Any], code: str, message: str) -> Reject:
    return Reject(row["row"], "", "", code, message, file=row["file"])
