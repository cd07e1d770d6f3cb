"""Ids as bytes: eight for each, little-endian, none at all when none is known."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence


def pack(ids: Sequence[int]) -> bytes:
    """The bytes that are stored."""
    if not any(ids):
        return b""
    packed = ids if isinstance(ids, array) else array("q", ids)
    return _little_endian(packed).tobytes()


def unpack(packed: bytes) -> Sequence[int]:
    """The ids in stored bytes."""
    ids = array("q")
    ids.frombytes(packed)
    return _little_endian(ids)


def _little_endian(ids: array[int]) -> array[int]:
    if sys.byteorder == "big":
        ids = array("q", ids)
        ids.byteswap()
    return ids
