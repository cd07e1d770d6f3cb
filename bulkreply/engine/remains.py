"""What of a run is still to be done: records never sent, and batches an earlier process left open."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import polars as pl

from bulkreply.batching import Batch, batches, gathered
from bulkreply.ledger import Entry, Ledger, State
from bulkreply.sinks import ReplySink
from bulkreply.sizes import BatchSizes
from bulkreply.spans import Spans
from bulkreply.stage import Stage

BEFORE_KNOWN = 100
"""Records taken together where known and unknown ones are told apart before they travel one by one."""


class Remains:
    """The staged records of a run, held against its ledger.

    Args:
        alone: How many records of a batch's kind that travel one by one are taken together, by how many are left.
    """

    def __init__(
        self,
        ledger: Ledger,
        stage: Stage,
        sink: ReplySink,
        sizes: BatchSizes,
        alone: Callable[[Batch, int], int] = lambda batch, left: 1,
    ) -> None:
        self._ledger = ledger
        self._stage = stage
        self._sink = sink
        self._sizes = sizes
        self._alone = alone
        self._left = 0
        self._group: str | None = None

    def batches(self, done: Spans, size: int = 0) -> Generator[Batch]:
        """Batches of everything that is not done, of the size that works now unless one is given."""
        parts = ((part.first, part.end, lambda part=part: self._stage.frame(part)) for part in self._stage.parts)
        if size:
            yield from batches(parts, done, lambda group: size)
            return
        self._left = self._stage.positions - len(done)
        for batch in batches(parts, done, self._size_of):
            self._left -= len(batch)
            self._sizes.cut(self._sink.operation(batch), batch)
            yield batch

    def begun(self) -> Spans:
        """Positions whose call was begun by an earlier process, and those nobody knows about any more."""
        found = [entry.positions for entry in self._ledger.open_entries()]
        found.append(self._ledger.damaged(self._stage.positions))
        return Spans.union(pair for spans in found for pair in spans.pairs)

    def recalled(
        self, done: Spans, prepare: Callable[[Batch], list[Batch]] = lambda batch: [batch]
    ) -> Iterator[tuple[Entry, Batch]]:
        """Batches an earlier process left open, or whose record is damaged, with their ledger entry.

        Args:
            prepare: Gives records their ids, and divides what travels differently.
        """
        damaged = Entry(0, self._ledger.damaged(self._stage.positions), State.INTENT, 0, 0.0)
        for entry in [*self._ledger.open_entries(), damaged]:
            for batch in self.batches_at(entry.positions.minus(done), entry.attempt):
                for one in prepare(batch):
                    yield entry, replace(one, recalled=True)

    def batches_at(self, positions: Spans, attempt: int) -> list[Batch]:
        """The records at some positions, one batch per group."""
        if not positions.pairs:
            return []
        rows = self._stage.records(pl.Series("position", list(positions), dtype=pl.UInt32))
        return [self._sink.resolve(batch)[0] for batch in gathered(rows, attempt)]

    def _size_of(self, group: str) -> int:
        """How many records of a group go together now; asked before each batch, mostly of the same group."""
        if group != self._group:
            self._group, self._any = group, Batch((), (), (), group)
            self._operation = self._sink.operation(self._any)
            self._apart = self._sink.route(self._any).main and self._sink.target.known is not None
        if self._operation.batch is not None:
            return self._sizes.now(self._operation, self._left)
        return BEFORE_KNOWN if self._apart else self._alone(self._any, self._left)
