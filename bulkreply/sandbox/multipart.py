"""Reads bodies of `multipart/form-data`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(rb'\bname="([^"]*)"|\bname=([^\s;"]+)', re.IGNORECASE)
_FILE = re.compile(rb'\bfilename="[^"]*"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form."""

    name: str
    content: bytes


def parts_of(content: bytes, content_type: str) -> dict[str, Part]:
    """The parts of a form by name.

    Raises:
        ValueError: It is no such form.
    """
    kind, _, rest = content_type.partition(";")
    boundary = re.search(r'boundary="?([^";]+)"?', rest, re.IGNORECASE)
    if kind.strip().lower() != "multipart/form-data" or boundary is None:
        raise ValueError("not multipart/form-data")
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary[1].strip().encode())
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise ValueError("no end of the form")
    found = (_part(piece) for piece in pieces[1:-1])
    return {part.name: part for part in found}


def _part(piece: bytes) -> Part:
    head, separator, content = piece.partition(b"\r\n\r\n")
    # A file name may hold what looks like a name.
    name = _NAME.search(_FILE.sub(b"", head))
    if not separator or name is None:
        raise ValueError("a part without a name")
    return Part((name[1] or name[2] or b"").decode("utf-8", "replace"), content)
