"""Lets many workers share one commit: what arrives while the disk is busy goes into the next transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from bulkreply.ledger.ledger import Ledger

_Result = TypeVar("_Result")


class Scribe:
    """Writes to a ledger on a thread of its own. Used as `async with`.

    A write is on disk when its `await` returns, never before.

    Args:
        finish: The last write of every transaction.
    """

    def __init__(self, ledger: Ledger, finish: Callable[[Ledger], None] = lambda ledger: None) -> None:
        self._ledger = ledger
        self._finish = finish
        self._waiting: list[tuple[Callable[[Ledger], Any], asyncio.Future[Any] | None]] = []
        self._failed: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._busy: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._busy is not None:
            await asyncio.gather(self._busy, return_exceptions=True)
        self._thread.shutdown(wait=True)
        if error is None and self._failed is not None:
            raise self._failed

    async def write(self, action: Callable[[Ledger], _Result]) -> _Result:
        """Performs writes in one transaction, shared with others that wait; a wait that is cancelled takes none back.

        Raises:
            DiskFatal: Nothing of the transaction was recorded.
        """
        if self._failed is not None:
            raise self._failed
        written: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._queue(action, written)
        return await written

    def leave(self, action: Callable[[Ledger], Any]) -> None:
        """Leaves a write to be done: it is on disk no later than any that follows, and when it fails those raise."""
        self._queue(action, None)

    def _queue(self, action: Callable[[Ledger], Any], written: asyncio.Future[Any] | None) -> None:
        self._waiting.append((action, written))
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._commit())

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                results = await loop.run_in_executor(self._thread, self._perform, [action for action, _ in taken])
            except Exception as error:
                for _, written in taken:
                    if written is None:
                        self._failed = self._failed or error
                    elif not written.done():
                        written.set_exception(error)
                continue
            for (_, written), result in zip(taken, results, strict=True):
                if written is not None and not written.done():
                    written.set_result(result)

    def _perform(self, actions: list[Callable[[Ledger], Any]]) -> list[Any]:
        with self._ledger.transaction():
            results = [action(self._ledger) for action in actions]
            self._finish(self._ledger)
            return results
