"""The bytes of a text file as a stream of UTF-8, whatever its compression and encoding."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from bulkreply.errors import SourceUnreadable

GZIP_MAGIC = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UNREADABLE_BYTE = b"\xff"
"""Stands in the UTF-8 stream for bytes the file's encoding does not define; valid nowhere in UTF-8."""


class ByteStream(Protocol):
    """What the readers ask of a stream."""

    def read(self, size: int, /) -> bytes:
        """Up to about `size` bytes; b"" at the end."""
        ...


def _mark_unreadable(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    if isinstance(error, UnicodeEncodeError):  # halves of characters, ours or some encoding's own
        return UNREADABLE_BYTE * (error.end - error.start), error.end
    raise error


codecs.register_error("bulkreply.mark", _mark_unreadable)


class _Transcoded:
    """A stream in some encoding, read as UTF-8."""

    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("bulkreply.mark")

    def read(self, size: int, /) -> bytes:
        while True:
            fresh = self._raw.read(size)
            text = self._decoder.decode(fresh, final=not fresh)
            if text or not fresh:
                return text.encode("utf-8", "bulkreply.mark")


def mark_of(head: bytes) -> tuple[bytes, str]:
    """The byte order mark a file begins with, and the encoding it says; empty when there is none."""
    return next(((mark, name) for mark, name in _BOMS if head.startswith(mark)), (b"", ""))


def codec_of(path: Path, wanted: str, head: bytes) -> tuple[bytes, str]:
    """The byte order mark a file begins with and the codec that reads what follows, for an encoding a person named.

    Raises:
        SourceUnreadable: There is no such encoding, or it is not one of text files.
    """
    mark, marked = mark_of(head)
    try:
        name = codecs.lookup(wanted).name
        if name in ("utf-8-sig", "utf-16", "utf-32"):
            name = marked or {"utf-8-sig": "utf-8"}.get(name, f"{name}-le")
        "a".encode(name).decode(name)
        codecs.getincrementaldecoder(name)("bulkreply.mark").decode(b"a,\xe4\xfc\n", final=True)
        codecs.getincrementalencoder(name)("replace").encode("a")
    except (LookupError, TypeError, AttributeError, ValueError, AssertionError):
        raise SourceUnreadable(
            f'{path.name}: encoding "{wanted}" is not known', hint="for example utf-8, cp1252, utf-16"
        ) from None
    return (mark if marked == name else b""), name


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The decompressed bytes of a file.

    Raises:
        SourceUnreadable: The file cannot be opened, or its gzip stream is damaged (also later, while reading).
    """
    try:
        with path.open("rb") as raw:
            if raw.read(2) == GZIP_MAGIC:
                raw.seek(0)
                with gzip.GzipFile(fileobj=raw) as inflated:
                    yield cast(BinaryIO, inflated)
            else:
                raw.seek(0)
                yield raw
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceUnreadable(
            f"{path.name}: the gzip compression is damaged or cut short", hint="fetch or compress the file again"
        ) from None
    except IsADirectoryError:
        raise SourceUnreadable(f"{path.name} is a folder", hint="name a file, or a pattern: folder/*.csv") from None
    except OSError as error:
        raise SourceUnreadable(f"{path.name} cannot be read: {error.strerror or 'input/output error'}") from None


@contextmanager
def as_utf8(path: Path, encoding: str, skip: int) -> Iterator[ByteStream]:
    """The text of a file as UTF-8 from byte `skip` of the decompressed file, which is past a byte order mark.

    Bytes that do not belong to the encoding make the UTF-8 invalid at that place (and nowhere else).
    """
    with opened(path) as raw:
        raw.read(skip)
        if encoding in ("utf-8", "ascii"):
            yield cast(ByteStream, raw)
        else:
            yield _Transcoded(raw, encoding)


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip-compressed, by its first bytes."""
    with path.open("rb") as raw:
        return raw.read(2) == GZIP_MAGIC


def discard(stream: ByteStream, size: int, block_size: int) -> bytes:
    """Read past `size` bytes of a stream that may return more than asked; what was read too far is returned."""
    while size > 0:
        block = stream.read(min(size, block_size))
        if not block:
            return b""
        if len(block) > size:
            return block[size:]
        size -= len(block)
    return b""
