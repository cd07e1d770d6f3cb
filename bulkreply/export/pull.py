"""Reads listings to their end, page by page, while they change.

Offsets move when records come and go, so every page begins a few records before the end of the one before. A page that
shares a record with what was read joins on without a gap; one that shares none is asked for again further back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bulkreply.catalog import ObjectSpec, Operation
from bulkreply.catalog.inputs import filler
from bulkreply.errors import ServerFatal
from bulkreply.ledger.pages import Pages, Scope, StoredPage
from bulkreply.net.client import Client
from bulkreply.wire.answer import WrongShape
from bulkreply.wire.call import Call, fill, page_call
from bulkreply.wire.paging import Page, read_page

OVERLAP = 10
PASSES = 3
"""How often a listing is gone through when its own count says records are missing."""


@dataclass(slots=True)
class Pull:
    """One listing operation of a run, read into its pages.

    Attributes:
        query: Filters that stand in the query.
        body: Filters that stand in the body.
        seen: Ids read so far in the listing that is under way.
        stop: Whether to end after the page under way.
        told: Told the records read so far, and how many there are (-1 when not known).
    """

    client: Client
    spec: ObjectSpec
    operation: Operation
    pages: Pages
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    stop: Callable[[], bool] = lambda: False
    told: Callable[[int, int], None] = lambda read, total: None
    seen: set[str] = field(default_factory=set)

    async def run(self) -> list[str]:
        """Reads every listing that is not yet done; what could not be proven complete, in words.

        Raises:
            BulkreplyError: Reply cannot be read; what was read is kept.
        """
        doubts: list[str] = []
        for scope in self.pages.scopes():
            if not scope.done and not await self._listing(scope):
                return doubts
            doubts += await self._prove(scope)
        return doubts

    async def _listing(self, scope: Scope) -> bool:
        """Reads one listing from where it stands; False when it was asked to stop."""
        last = self._recall(scope)
        if last is not None and not last.more:
            self.pages.finish(scope.id)
            return True
        skip = 0 if last is None else max(0, last.skip + last.count - self._overlap)
        return await self._read_from(scope, skip, joins=last is not None)

    @property
    def _overlap(self) -> int:
        """Records of a page that the one before has too; listings of one answer have no pages to join."""
        return OVERLAP if self.operation.paging.style == "offset" else 0

    def _recall(self, scope: Scope) -> StoredPage | None:
        """What an earlier execution read of a listing."""
        self.seen.clear()
        last = None
        for page in self.pages.pages(scope.id):
            self.seen.update(self._ids(self._records(page.body)))
            last = page
        return last

    def _records(self, body: bytes) -> tuple[Mapping[str, Any], ...]:
        return tuple(orjson.loads(body))

    def _ids(self, records: tuple[Mapping[str, Any], ...]) -> list[str]:
        return [identity(self.spec, self.operation, record) for record in records]

    async def _read_from(self, scope: Scope, skip: int, joins: bool) -> bool:
        size, back = self.operation.paging.page_max or 1000, 0
        before: list[str] = []
        while not self.stop():
            page = await self._page(scope, max(0, skip - back), size)
            ids = self._ids(page.records)
            fresh = [i for i, one in enumerate(ids) if one not in self.seen]
            gap = joins and back < skip and self._overlap and fresh and fresh[0] == 0
            if gap:  # everything in it is new: records before it may have moved out of sight
                back = min(skip, max(2 * back, size // 2))
                continue
            if page.more and ids == before:
                raise ServerFatal(
                    f"wire: {self.operation.label}: the same page came twice",
                    hint="Reply does not page as the catalog says; nothing was written",
                )
            self._keep(scope, max(0, skip - back), page, ids, fresh)
            if not page.more:
                return True
            before = ids
            skip, back, joins = self._next_skip(max(0, skip - back), len(page.records), size), 0, True
        return False

    def _next_skip(self, skip: int, count: int, size: int) -> int:
        return skip + count - self._overlap if self._overlap and count > self._overlap else skip + count

    def _keep(self, scope: Scope, skip: int, page: Page, ids: list[str], fresh: list[int]) -> None:
        new = set(fresh)
        twice = set[str]()
        left_out = []
        for i, one in enumerate(ids if self.operation.paging.style != "none" else ()):
            if i not in new or one in twice:
                left_out.append(i)
            twice.add(one)
        self.seen.update(ids)
        now_s = self.client.clock.now_s()
        stored = StoredPage(skip, len(ids), page.more, left_out, now_s, orjson.dumps(page.records))
        self.pages.add(scope.id, stored, page.total, not page.more)
        self.told(len(self.seen), page.total)

    async def _page(self, scope: Scope, skip: int, size: int) -> Page:
        number = skip // size if self.operation.paging.style == "number" else 0
        query = {one: scope.parents[filler(self.spec, self.operation, one)] for one in self.operation.parameters}
        call = page_call(self.operation, number, size, {**self.query, **query}, self.body, skip)
        content = await self.client.read(call)
        if self.operation.paging.style == "none" and _is_one_record(content):
            return Page((content,), False)
        try:
            return read_page(self.operation, content, number, size)
        except WrongShape as error:
            raise ServerFatal(f"wire: {error}", hint="the answer has a shape the catalog does not know") from None

    async def _prove(self, scope: Scope) -> list[str]:
        """Whether a listing is complete: its head has nothing new, and its own count is reached."""
        if self.operation.paging.style == "none":
            return []
        total = -1
        for _ in range(PASSES):
            if self.stop():
                return []
            before = len(self.seen)
            total = await self._head(scope)
            if len(self.seen) >= total and len(self.seen) == before:
                return []
            if total > len(self.seen):
                await self._read_from(scope, 0, joins=False)
        if total > len(self.seen):
            return [f"{self.spec.name}: Reply counts {total:,} records, {len(self.seen):,} could be read"]
        return []

    async def _head(self, scope: Scope) -> int:
        """Reads the first page again, and on while it shows something new; the count Reply gives."""
        if not self.seen:
            self._recall(scope)
        skip, size = 0, self.operation.paging.page_max or 1000
        while True:
            page = await self._page(scope, skip, size)
            ids = self._ids(page.records)
            fresh = [i for i, one in enumerate(ids) if one not in self.seen]
            if fresh:
                self._keep(scope, skip, Page(page.records, False, page.total), ids, fresh)
            if not fresh or not page.more:
                return page.total
            skip += len(ids)


def _is_one_record(content: Any) -> bool:
    """Whether an answer is a record itself, such as a report's figures, and no listing."""
    return isinstance(content, dict) and bool(content) and not any(isinstance(one, list) for one in content.values())


async def read_details(pull: Pull, records: Iterable[Mapping[str, Any]]) -> None:
    """Reads records whole, one call each, those not read before.

    Raises:
        BulkreplyError: Reply cannot be read; what was read is kept.
    """
    spec = pull.spec
    operation = spec.operations[(spec.lookup.detail if spec.lookup else "") or "get"]
    known, left = pull.pages.detailed(), asyncio.Queue[Mapping[str, Any]]()
    for record in records:
        if identity(spec, pull.operation, record) not in known:
            left.put_nowait(record)

    async def work() -> None:
        while not left.empty() and not pull.stop():
            record = left.get_nowait()
            named = {p: str(record.get(filler(spec, operation, p), "")) for p in operation.parameters}
            content = await pull.client.read(Call(operation, fill(operation.path, named)))
            pull.pages.add_details({identity(spec, pull.operation, record): orjson.dumps(content)})

    await asyncio.gather(*(work() for _ in range(pull.client.patience.width)))


def identity(spec: ObjectSpec, operation: Operation, record: Mapping[str, Any]) -> str:
    """What tells a record from others of its listing: its id, or all of it where it has none."""
    named = {filler(spec, operation, parameter) for parameter in operation.parameters}
    found = record.get(spec.key) if spec.key not in named else None
    return str(found) if found is not None else orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()
