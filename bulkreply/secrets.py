"""Keys: held so that they cannot be printed, and fingerprinted so that they need not be stored."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from contextlib import suppress
from pathlib import Path

from bulkreply.errors import DiskFatal

_WORD = r"[^\s@\"'<>,;:=&?/]"
# Begins where a word begins and never goes back: linear, whatever a server writes.
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}(?:(?!%40){_WORD})*+(?:@|%40)[^\s@\"'<>,;&]+")


class Secret:
    """A key. Its text is reached by `reveal()` only; `str`, `repr`, formatting and pickling never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for the one header it belongs in."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text, other._text)

    def __hash__(self) -> int:
        return hash(self._text)


def fingerprint(*parts: str, salt: bytes = b"bulkreply") -> str:
    """A short one-way name for something that must not be stored: 16 hexadecimal digits."""
    return hmac.new(salt, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()[:16]


def redact(text: str) -> str:
    """The text with everything that looks like an e-mail address replaced. For logs and exceptions."""
    return _EMAIL.sub("…@…", text)


def private_folder(folder: Path) -> Path:
    """Makes a folder, and those above it that are missing, for its owner only (0700), whatever the umask.

    Raises:
        OSError: It cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def keep(path: Path, text: str) -> None:
    """Puts a private (0600) file in place, whole, if the disk takes it: what it holds is memory that may be lost."""
    part = path.with_suffix(".part")
    with suppress(OSError):
        private_folder(path.parent)
        part.touch(mode=0o600)
        part.write_text(text, "utf-8")
        part.replace(path)


def state_folder() -> Path:
    """Where state that outlives runs lies: `$XDG_STATE_HOME/bulkreply`, made private (0700).

    Raises:
        DiskFatal: It cannot be made.
    """
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    try:
        return private_folder(Path(root) / "bulkreply")
    except OSError as error:
        hint = "the state folder ($XDG_STATE_HOME) must be writable"
        raise DiskFatal(f"{root}/bulkreply cannot be written: {error.strerror}", hint=hint) from None
