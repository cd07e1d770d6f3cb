"""Puts records that wait for others after them: a record's *wave* is one more than that of what it waits for."""

from __future__ import annotations

import polars as pl

from bulkreply.records import Reject
from bulkreply.slots import fill, labels_in


def in_waves(records: pl.DataFrame) -> tuple[list[pl.DataFrame], list[Reject]]:
    """Divides linked records by wave.

    Args:
        records: All records of the run that have a label or wait for one.

    Returns:
        The records of each wave, their groups saying which; and records that wait for something that is not there.
    """
    rows = list(records.iter_rows(named=True))
    by_label = {row["label"]: i for i, row in enumerate(rows) if row["label"]}
    waits, rejects = [], []
    for row in rows:
        wanted = labels_in("".join((row["body"], row["group"], row["address"] or "")))
        missing = [label for label in wanted if label not in by_label and "/" in label]
        if missing:
            rejects.append(_reject(row, f"there is no part {missing[0].rpartition('/')[2]} in this row to come after"))
        waits.append([by_label[label] for label in wanted if label in by_label] if not missing else None)
    waves: list[list[int]] = [[]]
    wave_of: dict[int, int] = {}
    left = [i for i, wanted in enumerate(waits) if wanted is not None]
    number = 0
    while left:
        ready = [i for i in left if all(one in wave_of for one in waits[i] or ())]
        if not ready:
            rejects += [_reject(rows[i], "it comes after itself, or after something that was rejected") for i in left]
            break
        waves.append(ready)
        wave_of |= dict.fromkeys(ready, number)
        left = [i for i in left if i not in wave_of]
        number += 1
    found = []
    for number, chosen in enumerate(waves[1:]):
        frame = records[chosen].with_columns(
            pl.Series("group", [in_wave(rows[i]["group"], number) for i in chosen], dtype=pl.String),
            pl.Series("body", [_known(rows[i]["body"], by_label) for i in chosen], dtype=pl.String),
        )
        found.append(frame)
    return found, rejects


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


def _reject(row: dict[str, object], message: str) -> Reject:
    return Reject(int(str(row["row"])), "", "", "reference.unknown", message, file=int(str(row["file"])))
