"""Keeps pages while the next are read: those that come while the disk is busy go into the next transaction together."""

from __future__ import annotations

import asyncio

from bulkreply.ledger.pages import KeptPage, Pages

_MOST = 4
"""Pages that may wait for the disk."""


class Keeper:
    """Writes pages in their order on a thread. Used as `async with`: at its end all are on disk.

    Raises:
        DiskFatal: From everything: the disk refused, and no later page is kept either.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._waiting: list[KeptPage] = []
        self._busy: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Keeper:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        while self._busy is not None or self._waiting:
            await self._written()
            self._begin()

    async def keep(self, page: KeptPage) -> None:
        """Takes a page; it is on disk soon."""
        self._waiting.append(page)
        if self._busy is None or self._busy.done() or len(self._waiting) >= _MOST:
            await self._written()
            self._begin()

    def _begin(self) -> None:
        taken, self._waiting = self._waiting, []
        if taken:
            self._busy = asyncio.ensure_future(asyncio.to_thread(self._pages.add_all, taken))

    async def _written(self) -> None:
        if self._busy is not None:
            try:
                await asyncio.shield(self._busy)
            except Exception:
                self._waiting.clear()  # what follows a page that is lost must not be kept: nobody would miss it
                raise
            finally:
                self._busy = self._busy if not self._busy.done() else None
