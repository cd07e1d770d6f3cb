"""Reads listings to their end, page by page, while they change.

Offsets move when records come and go, so every page begins a few records before the end of the one before. A page that
shares a record with what was read joins on without a gap; one that shares none is asked for again further back. So it
does not matter which of two pages was answered first, and some are asked for ahead, where Reply says that they exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from bulkreply.catalog import ObjectSpec, Operation
from bulkreply.catalog.inputs import filler
from bulkreply.errors import ServerFatal
from bulkreply.export.ahead import MOST, Ahead
from bulkreply.export.keeper import Keeper
from bulkreply.ledger.pages import KeptPage, Pages, Scope, StoredPage
from bulkreply.net.client import Client
from bulkreply.shape import Decoded
from bulkreply.wire.answer import Answer, WrongShape
from bulkreply.wire.call import Call, fill, page_call
from bulkreply.wire.paging import Cut, cut_page, read_page

OVERLAP = 10
PASSES = 3
"""How often a listing is gone through when its own count says records are missing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A page that was read.

    Attributes:
        more: Whether another page follows.
        total: Records in the whole listing, -1 when Reply does not say.
        ids: What tells its records apart.
        body: The array of its records, JSON.
        decoded: What its rows are made from, when that takes no records.
    """

    more: bool
    total: int
    ids: list[str]
    body: bytes
    decoded: Decoded | None = None


@dataclass(frozen=True, slots=True)
class _Straight:
    """An answer that was decoded without making its records."""

    cut: Cut
    decoded: Decoded


Kept = Callable[[Scope, StoredPage, Decoded | None], None]


@dataclass(slots=True)
class Pull:
    """One listing operation of a run, read into its pages.

    Attributes:
        query: Filters that stand in the query.
        body: Filters that stand in the body.
        seen: Ids read so far in the listing that is under way.
        stop: Whether to end after the page under way.
        told: Told the records read so far, and how many there are (-1 when not known).
        decode: Decodes a page without making its records; None where it cannot.
        kept: Given every page of the run in its order, those an earlier execution kept too.
    """

    client: Client
    spec: ObjectSpec
    operation: Operation
    pages: Pages
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    stop: Callable[[], bool] = lambda: False
    told: Callable[[int, int], None] = lambda read, total: None
    decode: Callable[[bytes], Decoded | None] = lambda text: None
    kept: Kept = lambda scope, page, decoded: None
    seen: set[str] = field(default_factory=set)
    keeper: Keeper = field(init=False)

    async def run(self) -> list[str]:
        """Reads every listing that is not yet done; what could not be proven complete, in words.

        Raises:
            BulkreplyError: Reply cannot be read; what was read is kept.
        """
        doubts: list[str] = []
        for scope in self.pages.scopes():
            last = self._recall(scope)
            async with Keeper(self.pages) as self.keeper:
                if not scope.done and not await self._listing(scope, last):
                    return doubts
                doubts += await self._prove(scope)
        return doubts

    async def _listing(self, scope: Scope, last: StoredPage | None) -> bool:
        """Reads one listing from where it stands; False when it was asked to stop."""
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
            found = self._decoded(page.body)
            self.seen.update(found.ids if found else self._ids(orjson.loads(page.body)))
            self.kept(scope, page, found)
            last = page
        return last

    def _decoded(self, text: bytes) -> Decoded | None:
        return self.decode(text) if has_key(self.spec, self.operation) else None

    def _ids(self, records: Iterable[Mapping[str, Any]]) -> list[str]:
        known_by = identifier(self.spec, self.operation)
        return [known_by(record) for record in records]

    async def _read_from(self, scope: Scope, skip: int, joins: bool) -> bool:
        size, back = self.operation.paging.page_max or 1000, 0
        before: list[str] = []
        most = MOST if self._overlap else 0
        async with Ahead(partial(self._page, scope, size=size), min(most, self.client.patience.width - 1)) as ahead:
            while not self.stop():
                page = await ahead.page(max(0, skip - back))
                left_out = self._left_out(page.ids)
                gap = joins and back < skip and self._overlap and page.ids and page.ids[0] not in self.seen
                if gap:  # its first record is new: others before it may have moved out of sight
                    back = min(skip, max(2 * back, size // 2))
                    continue
                if page.more and page.ids == before:
                    raise ServerFatal(
                        f"wire: {self.operation.label}: the same page came twice",
                        hint="Reply does not page as the catalog says; nothing was written",
                    )
                skip, back, joins = max(0, skip - back), 0, True
                following = self._next_skip(skip, len(page.ids), size)
                if page.more and len(page.ids) == size:
                    ahead.expect(range(following, page.total - self._overlap, size - self._overlap))
                await self._keep(scope, skip, page, left_out)
                if not page.more:
                    return True
                before, skip = page.ids, following
        return False

    def _next_skip(self, skip: int, count: int, size: int) -> int:
        return skip + count - self._overlap if self._overlap and count > self._overlap else skip + count

    def _left_out(self, ids: list[str]) -> list[int]:
        """Indexes of records that an earlier page holds, or this one already."""
        new = set(ids) - self.seen
        known = next((i for i, one in enumerate(ids) if one in new), len(ids))
        if known + len(new) == len(ids):
            return list(range(known))
        first: dict[str, int] = {}
        return [i for i, one in enumerate(ids) if one not in new or first.setdefault(one, i) != i]

    async def _keep(self, scope: Scope, skip: int, page: Taken, left_out: list[int]) -> None:
        self.seen.update(page.ids)
        out = left_out if self.operation.paging.style != "none" else []
        stored = StoredPage(skip, len(page.ids), page.more, out, self.client.clock.now_s(), page.body)
        await self.keeper.keep(KeptPage(scope.id, stored, page.total, not page.more))
        self.kept(scope, stored, page.decoded)
        self.told(len(self.seen), page.total)

    async def _page(self, scope: Scope, skip: int, size: int) -> Taken:
        number = skip // size if self.operation.paging.style == "number" else 0
        query = {one: scope.parents[filler(self.spec, self.operation, one)] for one in self.operation.parameters}
        call = page_call(self.operation, number, size, {**self.query, **query}, self.body, skip)
        content = await self.client.read(call, self._straight)
        try:
            if isinstance(content, _Straight):
                found = content.decoded
                more, total = content.cut.page(self.operation, len(found.ids), number, size)
                return Taken(more, total, found.ids, content.cut.records, found)
            if self.operation.paging.style == "none" and _is_one_record(content):
                return Taken(False, -1, self._ids([content]), orjson.dumps([content]))
            page = read_page(self.operation, content, number, size)
        except WrongShape as error:
            raise ServerFatal(f"wire: {error}", hint="the answer has a shape the catalog does not know") from None
        return Taken(page.more, page.total, self._ids(page.records), orjson.dumps(page.records))

    def _straight(self, answer: Answer) -> Any:
        """A page decoded, its records never made; where that cannot be, all that the answer says."""
        cut = cut_page(self.operation, answer.body)
        decoded = self._decoded(cut.records) if cut else None
        return _Straight(cut, decoded) if cut and decoded else answer.json()

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
        skip, size = 0, self.operation.paging.page_max or 1000
        while True:
            page = await self._page(scope, skip, size)
            left_out = self._left_out(page.ids)
            if len(left_out) < len(page.ids):
                await self._keep(scope, skip, replace(page, more=False), left_out)
            if len(left_out) == len(page.ids) or not page.more:
                return page.total
            skip += len(page.ids)


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
    return identifier(spec, operation)(record)


def identifier(spec: ObjectSpec, operation: Operation) -> Callable[[Mapping[str, Any]], str]:
    """What tells the records of a listing apart, as `identity`, for many of them."""
    key = spec.key if has_key(spec, operation) else ""

    def known_by(record: Mapping[str, Any]) -> str:
        found = record.get(key) if key else None
        if found is None:
            return orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()
        return str(int(found) if isinstance(found, float) and found.is_integer() else found)

    return known_by


def has_key(spec: ObjectSpec, operation: Operation) -> bool:
    """Whether the records of a listing have an id of their own; the id of what they belong to is none."""
    return spec.key not in {filler(spec, operation, parameter) for parameter in operation.parameters}
