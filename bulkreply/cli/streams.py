"""The three standard streams: usable whatever the caller left of them, and plain whatever a stranger wrote."""

from __future__ import annotations

import os
import re
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

from bulkreply.errors import DiskFatal

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE = 1_000


def steady_streams() -> None:
    """Makes standard streams of those the caller closed, and lets none fail on a character it does not know.

    A closed one would give its number to the next file that is opened, a ledger perhaps, and messages would be written
    into that. What stands in for standard output takes nothing, so that nobody believes to have received anything.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, flags)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    encoding = sys.stderr.encoding if sys.stderr is not None else "utf-8"
    sys.stderr = TextIOWrapper(BufferedWriter(_Talk(2, "w", closefd=False)), encoding, line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Talk(FileIO):
    """What nobody can hear, on a full disk or a terminal that was closed, changes neither course nor exit code."""

    def write(self, piece: Any, /) -> int:
        try:
            return super().write(piece)
        except OSError:
            return len(piece)


def let_go(code: int) -> int:
    """Writes what is still to be written on standard output; the exit code, 7 if a good end could not be told."""
    try:
        sys.stdout.flush()
        os.fstat(1)
        return code
    except OSError as error:
        # Nothing more is tried on it when the process ends.
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, 1)
        if isinstance(error, BrokenPipeError) or code == DiskFatal.exit_code:
            return code
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}\n")
        return code or DiskFatal.exit_code


def one_line(text: str) -> str:
    """The same, of a length a person reads."""
    return plain(text if len(text) <= _LINE else f"{text[:_LINE]}…")


def plain(text: str) -> str:
    r"""Text of a file or a server for a terminal: what would steer the terminal is shown as `\x1b`."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def takes_any_character() -> bool:
    """Whether standard output can write every character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
