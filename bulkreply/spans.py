"""Sets of positions as sorted, disjoint, half-open spans: a million settled rows are one span."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spans:
    """A set of whole numbers >= 0.

    Attributes:
        pairs: `(first, end)` with `first < end`, ascending, neither touching nor overlapping.
    """

    pairs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def union(cls, pairs: Iterable[tuple[int, int]]) -> Spans:
        """The numbers in any of the given half-open pairs, in any order."""
        merged: list[tuple[int, int]] = []
        for first, end in sorted(pairs):
            if merged and first <= merged[-1][1]:
                if end > merged[-1][1]:
                    merged[-1] = (merged[-1][0], end)
            elif first < end:
                merged.append((first, end))
        return cls(tuple(merged))

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Spans:
        """The given numbers."""
        numbers = list(numbers)
        if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return cls(((numbers[0], numbers[-1] + 1),))
        return cls.union((number, number + 1) for number in numbers)

    @classmethod
    def parse(cls, text: str) -> Spans:
        """Reads what `str` wrote: `0-99,104,106-200`, ends included."""
        pairs = []
        for part in text.split(",") if text else ():
            first, _, last = part.partition("-")
            pairs.append((int(first), int(last or first) + 1))
        if len(pairs) == 1 and pairs[0][0] < pairs[0][1]:  # nearly every batch
            return cls(tuple(pairs))
        return cls.union(pairs)

    def __str__(self) -> str:
        return ",".join(str(a) if b - a == 1 else f"{a}-{b - 1}" for a, b in self.pairs)

    def __len__(self) -> int:
        return sum([end - first for first, end in self.pairs])

    def __iter__(self) -> Iterator[int]:
        return (number for first, end in self.pairs for number in range(first, end))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.pairs, (number, float("inf"))) - 1
        return at >= 0 and number < self.pairs[at][1]

    def __or__(self, other: Spans) -> Spans:
        return Spans.union(self.pairs + other.pairs)

    def minus(self, other: Spans) -> Spans:
        """The numbers that are here and not there."""
        left: list[tuple[int, int]] = []
        for first, end in self.pairs:
            for a, b in other.within(first, end).pairs:
                if first < a:
                    left.append((first, a))
                first = b
            if first < end:
                left.append((first, end))
        return Spans(tuple(left))

    def within(self, first: int, end: int) -> Spans:
        """The numbers from `first` up to, not including, `end`."""
        at = max(0, bisect_right(self.pairs, (first, float("inf"))) - 1)
        found = []
        while at < len(self.pairs) and self.pairs[at][0] < end:
            a, b = max(first, self.pairs[at][0]), min(end, self.pairs[at][1])
            if a < b:
                found.append((a, b))
            at += 1
        return Spans(tuple(found))
