"""Imports: rows of a CSV file into a server that knows nothing, no quota; ours with ledger, validation and reports."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import files
from tests.bench.contest import Contest, Side
from tests.bench.measure import Failed, Taken, dumb_server, environment, python, timed

ONE, BOTH = (0,), (0, 1)


def _ours(folder: Path, job: Path, url: str, cores: Sequence[int], *words: str) -> Taken:
    shutil.rmtree(folder / "bulkreply-runs", ignore_errors=True)
    command = python("-m", "bulkreply", "run", str(job), "--base-url", url, "--limits", "none", "--json", *words)
    return timed(command, folder, cores)


def _rival(
    folder: Path, name: str, cores: Sequence[int], *words: str, share: float = 1.0, optional: bool = False
) -> Side:
    command = python("-m", f"tests.bench.rivals.{name.replace(' ', '_')}", *words)
    return Side(name, lambda: timed(command, folder, cores), share, optional)


@contextmanager
def batches(folder: Path, rows: int) -> Iterator[Contest]:
    """100 contacts per call."""
    file = files.contacts_csv(folder, rows)
    job, made = files.job(folder, file), files.bodies(folder, file)
    with dumb_server(core=1) as url:
        yield Contest(
            f"import of {rows:,} rows, 100 per call",
            "bulkreply",
            [
                Side("bulkreply", lambda: _ours(folder, job, url, ONE)),
                Side("bulkreply, both cores", lambda: _ours(folder, job, url, BOTH)),
                _rival(folder, "bare", ONE, url, str(made)),
                _rival(folder, "streaming", ONE, url, str(file)),
                _rival(folder, "by_hand", ONE, url, str(file)),
                _rival(folder, "ledger_alone", ONE, str(rows), str(folder)),
            ],
            {"by_hand": (2.5, 5), "streaming": (1.0, 2.0), "bare": (0.15, 0.33)},
        )


@contextmanager
def singles(folder: Path, rows: int) -> Iterator[Contest]:
    """One person per call (V1)."""
    file = files.contacts_csv(folder, rows)
    few = files.contacts_csv(folder, max(100, rows // 10))
    job, made = files.people_job(folder, file), files.people(folder, file)
    with dumb_server(core=1) as url:
        yield Contest(
            f"import of {rows:,} people, one per call",
            "bulkreply",
            [
                Side("bulkreply", lambda: _ours(folder, job, url, ONE)),
                _rival(folder, "bare", ONE, url, str(made), "/v1/people"),
                _rival(folder, "streaming", ONE, url, str(file), "1"),
                _rival(folder, "threads", ONE, url, str(few), share=0.1, optional=True),
                _rival(folder, "singer_target", ONE, url, str(few), share=0.1, optional=True),
                _rival(folder, "dlt_destination", ONE, url, str(few), share=0.1, optional=True),
            ],
            {"bare": (0.75, 0.9), "dlt_destination": (7, 10), "singer_target": (5, 7), "threads": (5, 7)},
        )


@contextmanager
def memory(folder: Path, rows: int) -> Iterator[Contest]:
    """Peak memory of many rows and of a fifth of them."""
    some, many = (files.contacts_csv(folder, count) for count in (rows // 5, rows))
    jobs = {count: files.job(folder, file) for count, file in ((rows // 5, some), (rows, many))}
    with dumb_server(core=1) as url:
        sides = [Side(f"{count:,} rows", lambda job=job: _ours(folder, job, url, BOTH)) for count, job in jobs.items()]
        yield Contest("peak memory of imports", f"{rows:,} rows", sides)


@contextmanager
def resume(folder: Path, rows: int) -> Iterator[Contest]:
    """From the start of `resume` to its first write, with all but a thousand rows done."""
    job = files.job(folder, files.contacts_csv(folder, rows))

    def first_request() -> Taken:
        shutil.rmtree(folder / "bulkreply-runs", ignore_errors=True)
        with dumb_server(core=1, slow_after=rows - 1000) as url:
            options = ("--base-url", url, "--limits", "none", "--json")
            few = ("--parallel", "8")  # what is under way is finished: 800 rows
            _interrupted(folder, python("-m", "bulkreply", "run", str(job), *options, *few), url, rows - 1000)
            urllib.request.urlopen(f"{url}/_mark").close()
            taken = timed(python("-m", "bulkreply", "resume", *options), folder, ONE)
            after_s = _seen(url)["first_after_s"]
            if after_s < 0:
                raise Failed("nothing was left to send")
            return Taken(after_s, taken.cpu_s, taken.peak_mib)

    yield Contest(f"resume of {rows:,} rows: to the first request", "bulkreply", [Side("bulkreply", first_request)])


def _seen(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/_seen") as answer:
        found: dict[str, float] = json.load(answer)
    return found


def _interrupted(folder: Path, command: list[str], url: str, records: int) -> None:
    """Runs a command until the server has so many records, then asks it to stop."""
    with (folder / "interrupted.txt").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=out, stderr=out)
        while process.poll() is None and _seen(url)["records"] < records:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        if process.wait() != 130:
            raise Failed(f"it ended with {process.returncode} before it could be interrupted")
