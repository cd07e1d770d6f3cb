"""Reads ahead: the next item is made on a thread of its own while the last one is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

_Item = TypeVar("_Item")
_END = object()


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, at most one of them made before it is asked for.

    Raises:
        Exception: Whatever making an item raises, when that item is asked for.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, items, _END)
            yield cast(_Item, item)
