"""Cuts staged records into batches: one group each, full except the last of a group, of the size that works now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from bulkreply.ahead import ahead
from bulkreply.spans import Spans

_COLUMNS = ("position", "key", "body", "address")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records travelling in one call.

    Attributes:
        positions: Staged positions, ascending.
        keys: Natural key of each record.
        bodies: JSON text of each record.
        group: Group of all of them.
        addresses: Address of each record that travels alone, else None.
        ids: Reply id of each record where it was looked up, as text, "" where Reply does not hold it; else empty.
        known: Whether Reply holds these records already, and the operation for known ones carries them.
        attempt: How often these records were sent before.
        recalled: Whether an earlier process sent them: their ids were looked up after that.
    """

    positions: tuple[int, ...]
    keys: tuple[str, ...]
    bodies: tuple[str, ...]
    group: str = ""
    addresses: tuple[str | None, ...] = ()
    ids: tuple[str, ...] = ()
    known: bool = False
    attempt: int = 0
    recalled: bool = False

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def spans(self) -> Spans:
        """The positions as spans."""
        return Spans.of(self.positions)

    def only(self, indexes: Sequence[int], attempt: int | None = None) -> Batch:
        """Some of its records, by index, as a batch of their own."""
        return replace(
            self,
            positions=tuple(self.positions[i] for i in indexes),
            keys=tuple(self.keys[i] for i in indexes),
            bodies=tuple(self.bodies[i] for i in indexes),
            addresses=tuple(self.addresses[i] for i in indexes) if self.addresses else (),
            ids=tuple(self.ids[i] for i in indexes) if self.ids else (),
            attempt=self.attempt if attempt is None else attempt,
            recalled=self.recalled and attempt is None,
        )

    def one(self, i: int) -> Batch:
        """One of its records, by index."""
        return Batch(
            self.positions[i : i + 1],
            self.keys[i : i + 1],
            self.bodies[i : i + 1],
            self.group,
            self.addresses[i : i + 1],
            self.ids[i : i + 1],
            self.known,
            self.attempt,
            self.recalled,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """The first and the second half."""
        middle = len(self) // 2
        return self.only(range(middle)), self.only(range(middle, len(self)))


@dataclass(slots=True)
class _Pile:
    """Records of one group waiting until they fill a batch."""

    group: str
    positions: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    addresses: list[str | None] = field(default_factory=list)
    taken: int = 0

    def __len__(self) -> int:
        return len(self.positions) - self.taken

    def take(self, size: int) -> Batch:
        first, end = self.taken, min(self.taken + size, len(self.positions))
        self.taken = end
        return Batch(
            tuple(self.positions[first:end]),
            tuple(self.keys[first:end]),
            tuple(self.bodies[first:end]),
            self.group,
            tuple(self.addresses[first:end]),
        )

    def extend(self, rows: pl.DataFrame, first: int) -> None:
        if self.taken:
            for column in (self.positions, self.keys, self.bodies, self.addresses):
                del column[: self.taken]
            self.taken = 0
        self.positions.extend(range(first, first + rows.height))
        self.keys.extend(rows["key"].to_list())
        self.bodies.extend(rows["body"].to_list())
        self.addresses.extend(rows["address"].to_list() if "address" in rows.columns else [None] * rows.height)


def batches(
    parts: Iterable[tuple[int, int, Callable[[], pl.DataFrame]]], done: Spans, size: Callable[[str], int]
) -> Iterator[Batch]:
    """Batches of everything that is not done.

    Args:
        parts: `(first, end, read)` per staged part in order; `read` gives its records and is called only when
            something in the part is left to do.
        done: Positions to leave out.
        size: Records per batch of a group, asked anew for each.
    """
    pile = _Pile("")
    for first, left, frame in ahead(_left(parts, done)):
        for begin, stop in left.pairs:
            rows = frame.slice(begin - first, stop - begin)
            for group, run_first, run in _runs(rows):
                if group != pile.group:
                    if len(pile):
                        yield pile.take(len(pile))
                    pile = _Pile(group)
                pile.extend(run, begin + run_first)
                while len(pile) >= (wanted := max(1, size(pile.group))):
                    yield pile.take(wanted)
    if len(pile):
        yield pile.take(len(pile))


def _left(
    parts: Iterable[tuple[int, int, Callable[[], pl.DataFrame]]], done: Spans
) -> Iterator[tuple[int, Spans, pl.DataFrame]]:
    """Parts with something left to do: `(first, left, records)`."""
    for first, end, read in parts:
        left = Spans(((first, end),)).minus(done)
        if left.pairs:
            yield first, left, read()


def gathered(rows: pl.DataFrame, attempt: int = 0) -> Iterator[Batch]:
    """Records with their `position` as one batch per group, whatever its size."""
    for (group,), some in rows.partition_by("group", as_dict=True, maintain_order=True).items():
        places, keys, bodies, addresses = (tuple(some[name].to_list()) for name in _COLUMNS)
        yield Batch(places, keys, bodies, str(group), addresses, attempt=attempt)


def _runs(rows: pl.DataFrame) -> Iterator[tuple[str, int, pl.DataFrame]]:
    """Stretches of one group: `(group, offset, rows)`."""
    offset = 0
    for run in rows["group"].rle().struct.unnest().iter_rows():
        length, group = run
        yield group, offset, rows.slice(offset, length)
        offset += length
