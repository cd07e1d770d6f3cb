"""Where a finished file goes: its name from a pattern, and its appearance, whole or not at all."""

from __future__ import annotations

import difflib
import errno
import os
import re
import string
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from bulkreply.errors import DiskFatal, UsageProblem

_TIMES = {"date": "%Y-%m-%d", "time": "%H%M%S"}
_NAME_BYTES = 255
_ODD = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"|?*\\]')
_ODD_EDGES = re.compile(r"^[ ~-]|[ .]$")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def file_name(pattern: str, values: Mapping[str, str], now: datetime) -> Path:
    """The path of an output file inside the output folder.

    Args:
        pattern: `contacts-{date}.csv`, `{object}/{date:%Y/%m}.parquet`: `{date}` and `{time}` take a strftime format,
            the other names stand for `values`.
        values: What the names stand for, such as object, job and account.
        now: The time the run began.

    Raises:
        UsageProblem: A placeholder is unknown, or the path would leave the folder or be one that not every system
            can keep.
    """
    path = "".join(_filled(pattern, values, now))
    if path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:[/\\]", path):
        raise _refused(pattern, "the path leaves the output folder", "give a path inside it")
    for part in path.split("/"):
        _check_part(pattern, part)
    return Path(path)


def new_file(path: Path) -> int:
    """A handle of a new, private (0600) file, in place of what stood there: where a link led is left alone.

    Raises:
        OSError: It cannot be made.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchmod(handle, 0o600)
    return handle


def publish(part: Path, final: Path) -> None:
    """Make a finished file appear under its name, on disk for good, private (0600); what stood there is replaced.

    Args:
        part: The finished file, in the same file system.
        final: Its folder is made when there is none.

    Raises:
        UsageProblem: There is a folder of that name.
        DiskFatal: The disk does not do it; what stood there before still stands.
    """
    if final.is_dir():
        raise UsageProblem(f"{final.name} is a folder", hint="name a file in it")
    try:
        made = _make_folder(final.parent)
        handle = os.open(part, os.O_RDONLY)
        try:
            os.fchmod(handle, 0o600)
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(final)
        for folder in made:
            _sync_folder(folder)
    except OSError as error:
        raise DiskFatal(f"{final.name} cannot be written: {error.strerror or 'input/output error'}") from None


def _filled(pattern: str, values: Mapping[str, str], now: datetime) -> list[str]:
    """The pieces of the pattern, placeholders filled."""
    try:
        pieces = list(string.Formatter().parse(pattern))
    except ValueError:
        raise _refused(pattern, "its braces do not match", "a brace itself is written twice: {{") from None
    filled: list[str] = []
    for text, name, form, conversion in pieces:
        filled.append(text)
        if name is None:
            continue
        if name in _TIMES and not conversion:
            filled.append(_moment(pattern, form or _TIMES[name], now))
        elif name in values and not form and not conversion:
            filled.append(_checked_value(pattern, name, values[name]))
        else:
            known = [*_TIMES, *values]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {{{near[0]}}}?" if near and near[0] != name else f"there are {', '.join(known)}"
            wrong = f"{{{name}}} takes no format" if name in values else f"{{{name}}} is not known"
            raise _refused(pattern, wrong, hint)
    return filled


def _moment(pattern: str, form: str, now: datetime) -> str:
    try:
        return now.strftime(form)
    except ValueError:
        raise _refused(pattern, f'"{_shown(form)}" is no form of a date', "for example {date:%Y-%m-%d}") from None


def _checked_value(pattern: str, name: str, value: str) -> str:
    if not value or "/" in value or _ODD.search(value):
        raise _refused(pattern, f'{{{name}}} is "{_shown(value)}", which cannot be part of a file name', "leave it out")
    return value


def _check_part(pattern: str, part: str) -> None:
    """Refuse what is no name, or not one everywhere."""
    if part in ("", ".", ".."):
        what = "an empty part" if not part else f'the part "{part}"'
        raise _refused(pattern, f"the path has {what}", "give a plain path inside the output folder")
    if _ODD.search(part) or _ODD_EDGES.search(part) or _DEVICES.fullmatch(part):
        hint = "plain letters, digits, dots, dashes and underscores are safe everywhere"
        raise _refused(pattern, f'"{_shown(part)}" is no name every system can keep', hint)
    if len(part.encode("utf-8", "replace")) > _NAME_BYTES:
        raise _refused(pattern, f"a name in it is longer than {_NAME_BYTES} bytes", "shorten it")


def _refused(pattern: str, wrong: str, hint: str) -> UsageProblem:
    return UsageProblem(f"file name {_shown(pattern)}: {wrong}", hint=hint)


def _shown(text: str) -> str:
    return text.encode("unicode_escape").decode() if not text.isprintable() else text


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; the folders whose contents change, lowest first."""
    changed = [folder]
    above = folder
    while not above.exists():
        above = above.parent
        changed.append(above)
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
