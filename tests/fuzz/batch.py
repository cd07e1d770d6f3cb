"""Runs cases by number in a process of its own: `python -m tests.fuzz.batch FOLDER CPU_S KIND:FIRST:COUNT …`.

A case is known by `KIND:NUMBER`; all it does follows from that. The name of the case at work stands in `FOLDER/now`
and its input in `FOLDER/work`, so that an abort or a hang is known by what it was about. The end is told in
`FOLDER/told.json`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from bulkreply.errors import BulkreplyError
from tests.fuzz.kinds import CANARIES, KINDS

ADDRESS_SPACE_BYTES = 6 << 30
REFUSED = "refused"


class Hang(BaseException):
    """A case that takes too much time; no handler of errors may take it for one."""


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise Hang


@contextmanager
def cpu_bound(cpu_s: float) -> Iterator[None]:
    """Ends what takes more time of the processor.

    Raises:
        Hang: It does.
    """
    before = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def trouble_of(kind: str, number: int, folder: Path, cpu_s: float) -> str:
    """What is wrong with a case; "" for an end that is allowed, REFUSED for a clear refusal."""
    try:
        with cpu_bound(cpu_s):
            (KINDS | CANARIES)[kind](Random(f"{kind}:{number}"), folder)
        return ""
    except BulkreplyError as error:
        return REFUSED if error.message.strip() and "Traceback" not in error.message else f"unclear: {error.message!r}"
    except BaseException:
        return traceback.format_exc()


def main(folder: Path, cpu_s: float, orders: list[str]) -> None:
    """Runs the cases and tells."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    warnings.simplefilter("error")
    found, cases, refused = [], dict[str, int](), dict[str, int]()
    for order in orders:
        kind, first, count = order.split(":")
        cases[kind], refused[kind] = cases.get(kind, 0) + int(count), refused.get(kind, 0)
        for number in range(int(first), int(first) + int(count)):
            os.chdir(folder)
            work = folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            (folder / "now").write_text(f"{kind}:{number}")
            trouble = trouble_of(kind, number, work, cpu_s)
            refused[kind] += trouble == REFUSED
            if trouble and trouble != REFUSED:
                kept = folder / f"{kind}-{number}"
                shutil.copytree(work, kept, symlinks=True, dirs_exist_ok=True)
                found.append({"case": f"{kind}:{number}", "input": str(kept), "trouble": trouble[-3_000:]})
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"cases": cases, "refused": refused, "found": found, "peak_mib": peak_mib}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), float(sys.argv[2]), sys.argv[3:])
