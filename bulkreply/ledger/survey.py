"""What the batches of a ledger say together, from one look at each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans


class State(IntEnum):
    """What is known of a batch. The number is stored; never renumber."""

    INTENT = 1
    FOLLOWING = 2
    SETTLED = 3
    REPLACED = 4


class Entry(NamedTuple):
    """One batch as the ledger knows it.

    Attributes:
        positions: The staged positions it carries.
        at_s: When its intent was recorded, Unix seconds.
        job: Background job that does its work, "" when none.
    """

    id: int
    positions: Spans
    state: State
    attempt: int
    at_s: float
    job: str = ""


class Record(NamedTuple):
    """A batch as it is stored.

    Attributes:
        entry: None when not even what was sent can be believed.
        sound: Whether what became of it can be believed as well.
    """

    entry: Entry | None
    sound: bool
    outcomes: bytes
    ids: bytes


@dataclass(frozen=True, slots=True)
class Survey:
    """All batches together.

    Attributes:
        open: Those with an intent and no outcome.
        tally: Rows by outcome; of a row that was settled twice, the later outcome.
        spoiled: Positions of records that are damaged in what became of them.
        lost: Whether there are records that are gone, or do not say what they were about: any row may have been sent.
    """

    settled: Spans
    open: tuple[Entry, ...]
    tally: dict[Outcome, int]
    spoiled: Spans
    lost: bool


def survey(records: Callable[[], Iterable[Record]], expected: int) -> Survey:
    """Looks at every batch once; keeps nothing of those that are settled but their rows, joined to spans.

    Args:
        records: All batches, from the first on each time it is called.
        expected: How many there are, numbered from 1.
    """
    pairs: list[tuple[int, int]] = [(0, 0)]
    spoiled: list[tuple[int, int]] = []
    begun: list[Entry] = []
    counts = [0] * len(Outcome)
    seen, lost = 0, False
    for record in records():
        seen += 1
        entry = record.entry
        if entry is None:
            lost = True
            continue
        lost = lost or entry.id != seen
        if not record.sound:
            spoiled += entry.positions.pairs
        elif entry.state is State.SETTLED:
            for first, end in entry.positions.pairs:
                if first == pairs[-1][1]:
                    pairs[-1] = pairs[-1][0], end
                else:
                    pairs.append((first, end))
            for code in set(record.outcomes):
                counts[code] += record.outcomes.count(code)
        elif entry.state is not State.REPLACED:
            begun.append(entry)
    done = Spans.union(pairs)
    if sum(counts) != len(done):
        counts = _last_words(records(), done)
    tally = {outcome: counts[outcome] for outcome in Outcome if counts[outcome]}
    return Survey(done, tuple(begun), tally, Spans.union(spoiled), lost or seen != expected)


def _last_words(records: Iterable[Record], done: Spans) -> list[int]:
    """Rows by outcome where some were settled more than once."""
    outcomes = bytearray(done.pairs[-1][1])
    for entry, sound, codes, _ in records:
        at = 0
        if entry is None or not sound or entry.state is not State.SETTLED:
            continue
        for first, end in entry.positions.pairs:
            outcomes[first:end] = codes[at : at + end - first]
            at += end - first
    return [sum(outcomes[first:end].count(code) for first, end in done.pairs) for code in range(len(Outcome))]
