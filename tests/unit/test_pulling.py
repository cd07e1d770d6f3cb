"""Pages that are asked for ahead, and pages on their way to the disk."""

from __future__ import annotations

import asyncio
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from bulkreply.errors import DiskFatal
from bulkreply.export.ahead import Ahead
from bulkreply.export.keeper import Keeper
from bulkreply.ledger.pages import KeptPage, Pages, StoredPage


class Listing:
    """A listing whose answers are given by hand.

    Attributes:
        asked: Offsets in the order they were asked for.
        most: How many were under way at once.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.under_way = self.most = 0
        self.gate = asyncio.Event()

    async def page(self, skip: int) -> int:
        self.asked.append(skip)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        return skip


async def test_only_so_many_pages_are_asked_for_ahead_and_none_twice() -> None:
    listing = Listing()
    listing.gate.set()
    async with Ahead(listing.page, most=3) as ahead:
        for skip in range(0, 100, 10):
            assert await ahead.page(skip) == skip
            ahead.expect(range(skip + 10, 100, 10))
    assert listing.asked == list(range(0, 100, 10))
    assert listing.most <= 3


async def test_another_page_than_was_expected_makes_the_rest_useless() -> None:
    listing = Listing()
    async with Ahead(listing.page, most=2) as ahead:
        ahead.expect([10, 20, 30])
        await asyncio.sleep(0)
        listing.gate.set()
        assert await ahead.page(5) == 5
        ahead.expect([15])
        assert await ahead.page(15) == 15
    assert (listing.asked, listing.under_way) == ([10, 20, 5, 15], 0)


@pytest.mark.parametrize("failing", [False, True])
async def test_whoever_leaves_has_nothing_under_way(failing: bool) -> None:
    listing = Listing()
    with pytest.raises(DiskFatal) if failing else nullcontext():
        async with Ahead(listing.page, most=2) as ahead:
            ahead.expect([10, 20])
            await asyncio.sleep(0)
            assert listing.under_way == 2
            if failing:
                raise DiskFatal("full")
    assert listing.under_way == 0


def page(number: int) -> KeptPage:
    return KeptPage(1, StoredPage(number * 10, 10, True, [], 5.0, b"[]"), 100, False)


async def test_kept_pages_are_on_disk_in_their_order(tmp_path: Path) -> None:
    with closing(Pages.create(tmp_path / "pages.sqlite", [{}])) as pages:
        async with Keeper(pages) as keeper:
            for number in range(20):
                await keeper.keep(page(number))
        assert [one.skip for one in pages.pages(1)] == [number * 10 for number in range(20)]


@pytest.mark.parametrize("bad", [0, 3, 6])
async def test_no_page_is_kept_behind_one_that_is_lost(bad: int, tmp_path: Path) -> None:
    with closing(Pages.create(tmp_path / "pages.sqlite", [{}])) as pages:
        lost = KeptPage(2, page(bad).page, 100, False)  # a listing this run does not have
        with pytest.raises(Exception, match="damaged"):
            async with Keeper(pages) as keeper:
                for number in range(9):
                    await keeper.keep(lost if number == bad else page(number))
        kept = [one.skip // 10 for one in pages.pages(1)]
        assert kept == list(range(len(kept)))
        assert len(kept) <= bad
