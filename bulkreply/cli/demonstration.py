"""`demo`: a stand-in Reply, 1,000 contacts under the real limits, a run that is killed and resumes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from bulkreply.cli.show import talk
from bulkreply.errors import ServerFatal, UsageProblem

KEY = "demo-key"
JOB = Path("jobs/import_contacts.yaml")
SAMPLE = Path("samples/contacts.csv")
KILL_AT = 300
PATIENCE_S = 30.0


def demo(keep: Path | None) -> int:
    """Plays it all and leaves the run folders behind."""
    folder = keep or Path(tempfile.mkdtemp(prefix="bulkreply-demo-"))
    _lay_out(folder)
    with _sandbox() as url:
        _say("1. The plan: what it would cost. Nothing is sent.")
        _bulkreply(folder, url, "plan", str(JOB))
        _say(f"2. The run, killed without warning (SIGKILL) once {KILL_AT} contacts are there.")
        _run_and_kill(folder, url)
        _say("3. Resume: what was answered is known, what was lost is read back, the rest is sent.")
        code = _bulkreply(folder, url, "resume")
        state = _ask(url, "state")
        _say(f"The stand-in now holds {state['contacts']:,} contacts and {len(state['lists'])} lists.")
        twice = [counts for counts in _ask(url, "writes").values() if counts["created"] > 1]
        _say(f"Contacts created twice: {len(twice)}.")
    report = max(folder.glob("bulkreply-runs/*/*/report.html"), key=lambda path: path.stat().st_mtime)
    _say(f"The report: {report}")
    return 0 if code in (0, 3) and not twice else 1


def _say(text: str) -> None:
    talk.print(f"\n[bold cyan]{text}[/bold cyan]")


def _lay_out(folder: Path) -> None:
    """The example job and its sample, from the package or, in a checkout, from the repository."""
    packed, checkout = resources.files("bulkreply.cli") / "demo", Path(__file__).parents[2]
    for name in (JOB, SAMPLE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        source = packed / str(name)
        if source.is_file():
            (folder / name).write_bytes(source.read_bytes())
        elif (checkout / name).is_file():
            shutil.copyfile(checkout / name, folder / name)
        else:
            raise UsageProblem(f"{name} is missing from this installation", hint="install bulkreply again")


def _environment(folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "REPLY_API_KEY": KEY,
        "REPLY_BASE_URL": url,
        "XDG_STATE_HOME": str(folder / "state"),
    }


@contextmanager
def _sandbox() -> Iterator[str]:
    command = [sys.executable, "-m", "bulkreply.sandbox", "--key", KEY, "--latency-ms", "300", "600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if not words:
            raise ServerFatal("the sandbox does not start")
        talk.print(f"a stand-in for Reply listens on {words[-1]} (100 requests a minute, 3,000 an hour)")
        yield words[-1]
    finally:
        process.terminate()
        process.wait(10)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bulkreply", *words]


def _bulkreply(folder: Path, url: str, *words: str) -> int:
    talk.print(f"[dim]$ bulkreply {' '.join(words)}[/dim]")
    return subprocess.run(_command(*words), cwd=folder, env=_environment(folder, url), check=False).returncode


def _run_and_kill(folder: Path, url: str) -> None:
    words = ("run", str(JOB), "--parallel", "2", "--set", "policy.settle_s=2")
    talk.print(f"[dim]$ bulkreply {' '.join(words)}[/dim]")
    process = subprocess.Popen(_command(*words), cwd=folder, env=_environment(folder, url))
    deadline_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline_s:
        if _ask(url, "state")["contacts"] >= KILL_AT:
            process.kill()
        time.sleep(0.02)
    process.wait()
    talk.print("[red]killed[/red]" if process.returncode < 0 else "it had finished before it could be killed")


def _ask(url: str, what: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_sandbox/{what}", timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found
