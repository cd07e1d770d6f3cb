"""Whether a process that once wrote its number down still lives."""

from __future__ import annotations

import os
from pathlib import Path


def process_mark(pid: int) -> str | None:
    """What tells a process from a later one with the same number; "" when that is unknown, None when it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    if os.name == "nt":  # signal 0 would end the process there
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def own_mark() -> tuple[int, str]:
    """This process's number and mark."""
    return os.getpid(), process_mark(os.getpid()) or ""
