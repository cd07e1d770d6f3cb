"""Real processes for tests: stand-ins on loopback and the command line."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any

from bulkreply.sandbox.__main__ import main
from tests.canary import check_said

REPOSITORY = Path(__file__).parent.parent


@dataclass
class SandboxProcess:
    """A stand-in Reply in a process of its own."""

    process: BaseProcess
    url: str

    def ask(self, what: str, account: str = "") -> Any:
        """A control route."""
        query = f"?account={account}" if account else ""
        return json.loads(self._answer(urllib.request.Request(f"{self.url}/_sandbox/{what}{query}")))

    def change(self, what: str, content: object) -> None:
        """Changes switches or faults while it runs."""
        request = urllib.request.Request(f"{self.url}/_sandbox/{what}", json.dumps(content).encode(), method="POST")
        self._answer(request)

    def _answer(self, request: urllib.request.Request) -> bytes:
        """What a control route says; a fault may have sent the stand-in away for a moment."""
        end = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError:
                raise
            except OSError:
                if not self.process.is_alive() or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """Ends it."""
        if self.process.is_alive():
            self.process.terminate()
        self.process.join(60)
        assert self.process.exitcode is not None, "the sandbox does not end"


def start_sandbox(*options: str) -> SandboxProcess:
    """Starts a stand-in and waits until it listens."""
    context = _nursery()
    said, saying = context.Pipe(duplex=False)
    umask = os.umask(0o077)
    os.umask(umask)
    process = context.Process(target=_serve, args=(options, saying, umask), daemon=True)
    process.start()
    saying.close()
    with said:
        words = os.read(said.fileno(), 4096).decode().split()
    assert words, "the sandbox did not start"
    return SandboxProcess(process, words[-1])


@cache
def _nursery() -> ForkServerContext:
    """Makes stand-ins from a process that has loaded them: hundreds are started, half a second each otherwise."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bulkreply.sandbox.__main__", __name__])
    with chdir(REPOSITORY):
        forkserver.ensure_running()
    return context


def _serve(options: Sequence[str], saying: Connection, umask: int) -> None:
    """`python -m bulkreply.sandbox`, in a process that was made for it."""
    os.umask(umask)
    os.dup2(saying.fileno(), 1)
    sys.argv[1:] = options
    main()


@dataclass
class Bulkreply:
    """The command line, run as people run it."""

    folder: Path
    key: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the process sees."""
        own = {
            "REPLY_API_KEY": self.key,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "COLUMNS": "200",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONWARNINGS": "error",
            "SSL_CERT_FILE": os.devnull,
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | own | self.settings

    def __call__(self, *words: str, stdin: bytes | None = None, timeout_s: float = 120) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "bulkreply", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            input=stdin,
            timeout=timeout_s,
            check=False,
        )
        check_said(words, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self, *words: str, stdin: IO[bytes] | None = None, stderr: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Starts it without waiting."""
        return subprocess.Popen(
            [sys.executable, "-m", "bulkreply", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )

    def measured(self, *words: str) -> tuple[int, float, float]:
        """Exit code, peak memory in MiB and CPU seconds of a command.

        A process begins with the peak of the one it was made from, so a small one stands between it and the tests.
        """
        launcher = (
            "import resource, subprocess, sys\n"
            "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
            "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
            "print(code, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)\n"
        )
        command = [sys.executable, "-c", launcher, sys.executable, "-m", "bulkreply", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True
        )
        code, peak_mib, seconds = done.stdout.split()
        return int(code), float(peak_mib), float(seconds)

    def write(self, name: str, text: str) -> Path:
        """A file in its folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def run_folder(self, job: str) -> Path:
        """The newest run folder of a job."""
        return max((self.folder / "bulkreply-runs" / job).glob("*/"), key=lambda path: path.name)

    def report(self, job: str) -> dict[str, Any]:
        """`report.json` of the newest run of a job."""
        found: dict[str, Any] = json.loads((self.run_folder(job) / "report.json").read_text("utf-8"))
        return found


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it said on stdout."""
        return json.loads(self.out)
