"""What became of each row, and the tally that must balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum


class Outcome(IntEnum):
    """What became of one row. The number is the byte the ledger stores; never renumber."""

    NOT_ATTEMPTED = 0
    CREATED = 1
    UPDATED = 2
    UNCHANGED = 3
    DELETED = 4
    CALLED = 5
    EXPORTED = 6
    SKIPPED = 7
    REJECTED = 8
    UNKNOWN = 9

    @property
    def word(self) -> str:
        """The word of `report.json`: `created`, `not_attempted` …"""
        return self.name.lower()

    @property
    def settled_well(self) -> bool:
        """Whether nobody has to look at the row again."""
        return self not in (Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED)


REPORT_ORDER: tuple[Outcome, ...] = (
    Outcome.CREATED,
    Outcome.UPDATED,
    Outcome.UNCHANGED,
    Outcome.DELETED,
    Outcome.CALLED,
    Outcome.EXPORTED,
    Outcome.SKIPPED,
    Outcome.REJECTED,
    Outcome.UNKNOWN,
    Outcome.NOT_ATTEMPTED,
)


@dataclass(slots=True)
class Tally:
    """Rows by outcome. `balances` is the promise: every row read is in exactly one class."""

    read: int = 0
    by_outcome: dict[Outcome, int] = field(default_factory=dict)

    def add(self, outcome: Outcome, rows: int = 1) -> None:
        """Count rows into a class."""
        self.by_outcome[outcome] = self.by_outcome.get(outcome, 0) + rows

    def __getitem__(self, outcome: Outcome) -> int:
        return self.by_outcome.get(outcome, 0)

    def __iter__(self) -> Iterator[tuple[Outcome, int]]:
        return ((outcome, self[outcome]) for outcome in REPORT_ORDER)

    @property
    def balances(self) -> bool:
        """Whether the classes add up to the rows read."""
        return sum(rows for _, rows in self) == self.read

    def as_words(self) -> dict[str, int]:
        """The `rows` object of `report.json`."""
        return {"read": self.read} | {outcome.word: rows for outcome, rows in self}
