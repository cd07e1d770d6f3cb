"""Checksums of records: 64 bits over all that a record says, its number, and the file it stands in.

A keyed BLAKE2b: a record that was moved to another number, or a page that was put into the wrong file, does not fit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Hashable

SALT_BYTES = 16


def new_salt() -> bytes:
    """What tells the checksums of one file from those of all others."""
    return secrets.token_bytes(SALT_BYTES)


class Sums:
    """The checksums of one file."""

    def __init__(self, salt: bytes) -> None:
        self._begun = hashlib.blake2b(key=salt, digest_size=8)

    def of(self, words: tuple[Hashable, ...], *blobs: bytes) -> int:
        """The checksum of a record: plain values, then long bytes."""
        digest = self._begun.copy()
        digest.update(repr((words, list(map(len, blobs)))).encode("utf-8", "surrogatepass"))
        for blob in blobs:
            digest.update(blob)
        return int.from_bytes(digest.digest(), "little", signed=True)

    def holds(self, stored: object, words: tuple[Hashable, ...], *blobs: bytes) -> bool:
        """Whether a record is what was written; damaged values may be of any type."""
        try:
            return stored == self.of(words, *blobs)
        except TypeError:
            return False
