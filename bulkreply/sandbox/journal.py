"""Keeps what the stand-in holds across restarts: every write is noted, and done again at start."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson


@dataclass(frozen=True, slots=True)
class Written:
    """A write as it arrived."""

    key: str
    user: int
    number: int
    time_s: float
    method: str
    target: str
    content: bytes
    content_type: str = ""


class Journal:
    """An append-only file of writes.

    Args:
        path: The file; made if missing. None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._out: BinaryIO | None = None

    def replay(self) -> Iterator[Written]:
        """The writes of earlier lives; a last line cut short by a kill is dropped."""
        if self._path is None or not self._path.is_file():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                key, user, number, time_s, method, target, content, *more = orjson.loads(line)
            except ValueError:
                return
            yield Written(key, user, number, time_s, method, target, base64.b64decode(content), *more[:1])

    def append(self, written: Written) -> None:
        """Writes one down, past this process's own buffers."""
        if self._path is None:
            return
        if self._out is None:
            self._path.touch(mode=0o600)
            self._out = self._path.open("ab", buffering=0)
        content = base64.b64encode(written.content).decode()
        facts = [written.key, written.user, written.number, written.time_s, written.method, written.target, content]
        self._out.write(orjson.dumps([*facts, written.content_type]) + b"\n")

    def close(self) -> None:
        """Closes the file."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def forget(self) -> None:
        """Drops everything."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
