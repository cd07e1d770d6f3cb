"""Pages that were kept, as records or as rows of the main table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from bulkreply.export.changes import Changes
from bulkreply.export.plan import ExportPlan
from bulkreply.export.pull import identifier
from bulkreply.ledger.pages import Pages, Scope, StoredPage
from bulkreply.shape import Decoded
from bulkreply.wire.compare import ABSENT, at_path

CHANGE = "_change"
_ROWS, _BYTES = 10_000, 8 << 20
"""Of pages that become rows together, whichever is reached first; standard output gets every page at once."""
Record = Mapping[str, Any]


def records_of(plan: ExportPlan, pages: Pages) -> Iterator[list[dict[str, Any]]]:
    """All records of a run, page by page, each once, read whole where that was asked for, narrowed by local filters."""
    for scope in pages.scopes():
        for page in pages.pages(scope.id):
            yield _records(plan, pages, scope, page)


def _records(plan: ExportPlan, pages: Pages, scope: Scope, page: StoredPage) -> list[dict[str, Any]]:
    left_out: set[int] = set(page.left_out)
    records: list[dict[str, Any]] = orjson.loads(page.body)
    if left_out:
        records = [record for i, record in enumerate(records) if i not in left_out]
    if as_listed(plan) and not scope.parents:
        return records
    known_by, found = identifier(plan.spec, plan.operation), []
    for record in records:
        whole = pages.detail(known_by(record)) if plan.details else None
        merged = {**record, **(whole or {})}
        merged = {**{n: _number(v) for n, v in scope.parents.items() if n not in merged}, **merged}
        if all(_fits(merged, name, wanted) for name, wanted in plan.local.items()):
            found.append(merged)
    return found


def as_listed(plan: ExportPlan) -> bool:
    """Whether the rows of a page are its records as the listing has them."""
    return not plan.details and not plan.local


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() and len(text) < 19 else text


def _fits(record: Record, name: str, wanted: Any) -> bool:
    """Whether a record passes a filter that Reply does not know: equality without case; one of several in a list."""
    found = at_path(record, name)
    known = [found] if not isinstance(found, list) else found
    words = {str(one).lower() for one in (wanted if isinstance(wanted, list) else [wanted])}
    return any(("" if one is ABSENT or one is None else str(one)).lower() in words for one in known)


class Gathered:
    """Pages of a run on their way to rows of the main table: many become rows together, each record once."""

    def __init__(self, plan: ExportPlan, pages: Pages) -> None:
        self._plan = plan
        self._pages = pages
        self._most_rows = 1 if plan.job.target.file == "-" else _ROWS
        self._waiting: list[tuple[Scope, StoredPage, Decoded]] = []

    def add(self, scope: Scope, page: StoredPage, decoded: Decoded | None = None) -> list[pl.DataFrame]:
        """Takes a page; rows that are ready now, in the order of their pages.

        Args:
            decoded: What was read of it when it came.
        """
        straight = as_listed(self._plan) and not scope.parents
        decoded = decoded or (self._plan.shape.decode(page.body) if straight else None)
        if not straight or decoded is None:
            return [*self.rest(), self._from_records(scope, page)]
        self._waiting.append((scope, page, decoded))
        waiting = [page for _, page, _ in self._waiting]
        rows, size = sum(page.count - len(page.left_out) for page in waiting), sum(len(page.body) for page in waiting)
        full = rows >= self._most_rows or size >= _BYTES
        return self.rest() if full else []

    def rest(self) -> list[pl.DataFrame]:
        """Rows of the pages that still wait."""
        taken, self._waiting = self._waiting, []
        made = self._plan.shape.rows([decoded for _, _, decoded in taken])
        return [
            self._from_records(scope, page) if rows is None else _without(rows, page.left_out)
            for (scope, page, _), rows in zip(taken, made, strict=True)
        ]

    def _from_records(self, scope: Scope, page: StoredPage) -> pl.DataFrame:
        return self._plan.shape.frame(_records(self._plan, self._pages, scope, page))


def _without(rows: pl.DataFrame, left_out: Sequence[int]) -> pl.DataFrame:
    if list(left_out) == list(range(len(left_out))):
        return rows.slice(len(left_out))
    out = set(left_out)
    return rows[[i for i in range(rows.height) if i not in out]]


def frames(plan: ExportPlan, pages: Pages, changes: Changes | None, marked: bool) -> Iterator[pl.DataFrame]:
    """Rows of the main table; of an incremental run only what changed, marked where `marked`."""
    if changes is None:
        rows = Gathered(plan, pages)
        for scope in pages.scopes():
            for page in pages.pages(scope.id):
                yield from (frame for frame in rows.add(scope, page) if frame.height)
        yield from (frame for frame in rows.rest() if frame.height)
        return
    for records in records_of(plan, pages):
        words = [changes.word(record) for record in records]
        frame = plan.shape.frame([record for record, word in zip(records, words, strict=True) if word])
        if marked:
            said = [word for word in words if word]
            frame = frame.insert_column(0, pl.Series(CHANGE, said, dtype=pl.String))
        if frame.height:
            yield frame
    if marked and changes.deleted:
        gone = plan.shape.frame([dict(zip(plan.identity, part, strict=True)) for part in deleted(plan, changes)])
        yield gone.insert_column(0, pl.Series(CHANGE, ["deleted"] * gone.height, dtype=pl.String))


def deleted(plan: ExportPlan, changes: Changes) -> list[list[str]]:
    """What identifies the records that are there no more, part by part."""
    return [one.split("/", len(plan.identity) - 1) for one in changes.deleted]
