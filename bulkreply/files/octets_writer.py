"""The bytes of a text file on their way out: UTF-8 becomes whatever encoding and compression is asked for."""

from __future__ import annotations

import codecs
import zlib
from typing import BinaryIO

_GZIP_LEVEL = 6
_AS_GZIP = 31
"""What tells zlib to write gzip; no file name, no time, so equal text makes equal files."""


class EncodedStream:
    """Takes UTF-8, writes it in an encoding, compressed if wanted.

    Args:
        out: Where to; stays open.
        encoding: A Python codec name.
        mark: A byte order mark to begin with, or b"".
        compress: Whether to write gzip.
        errors: What becomes of characters the encoding does not have: `strict` raises UnicodeEncodeError, `replace`
            writes `?`.
    """

    def __init__(
        self,
        out: BinaryIO,
        *,
        encoding: str = "utf-8",
        mark: bytes = b"",
        compress: bool = False,
        errors: str = "strict",
    ) -> None:
        self._out = out
        self._encoder = None if encoding == "utf-8" else codecs.getincrementalencoder(encoding)(errors)
        self._squeeze = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _AS_GZIP) if compress else None
        self._put(mark)

    def write(self, text: bytes) -> None:
        """Write UTF-8.

        Raises:
            UnicodeEncodeError: A character is not in the encoding; nothing of this text is written then.
        """
        self._put(text if self._encoder is None else self._encoder.encode(text.decode()))

    def close(self) -> None:
        """Complete the encoding and the compression."""
        if self._encoder is not None:
            self._put(self._encoder.encode("", final=True))
        if self._squeeze is not None:
            self._out.write(self._squeeze.flush())

    def _put(self, text: bytes) -> None:
        self._out.write(text if self._squeeze is None else self._squeeze.compress(text))
