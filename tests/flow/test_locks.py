"""One run of a job at a time for an account, wherever its run folder lies; the kernel frees the lock of the dead."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkreply.errors import DiskFatal, RunLocked
from bulkreply.locks import RunLock
from tests.flow.test_resume import until
from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOBS = {
    "import": """
job: twice
from: {file: contacts.csv}
to: {object: contacts, batch: 5}
map: {email: Email, firstName: First}
policy: {settle_s: 0.3}
""",
    "export": "job: twice\nfrom: {object: contacts, details: true}\nto: {file: 'out-{date}.csv'}\n",
}


def lay_out(bulkreply: Bulkreply, kind: str) -> str:
    lines = [f"u{i}@example.com,F{i}" for i in range(300)]
    bulkreply.write("contacts.csv", "\n".join(["Email,First", *lines]) + "\n")
    return str(bulkreply.write("job.yaml", JOBS[kind]))


@contextmanager
def under_way(bulkreply: Bulkreply, server: SandboxProcess, job: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the folder A that has begun its work and is held there; at the end it is killed."""
    process = bulkreply.start(
        "run", job, "--base-url", server.url, "--limits", "none", "--parallel", "1", "--runs", "A"
    )
    lock = bulkreply.folder / "A" / "twice" / "lock"
    try:
        until(lambda: (lock.exists() and ", run " in lock.read_text()) or process.poll() is not None)
        process.send_signal(signal.SIGSTOP)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", JOBS)
def test_another_runs_folder_is_no_way_around(sandbox: Start, bulkreply: Bulkreply, kind: str) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "10", "10", "--seed-contacts", "200", "--key", "other")
    job, url = lay_out(bulkreply, kind), ("--base-url", server.url, "--limits", "none")
    with under_way(bulkreply, server, job) as process:
        for runs, where in (("A", ""), ("B", " for this account")):
            done = bulkreply("run", job, *url, "--runs", runs)
            assert done.code == 11, done.err
            holder = rf"process {process.pid} on {re.escape(socket.gethostname())} since 20\S+Z, run (\S+) in \S+/A\b"
            found = re.search(rf"another run of twice{where} is under way: {holder}", done.err)
            assert found is not None, done.err
            assert (bulkreply.folder / "A" / "twice" / found[1]).is_dir(), "it says which run"
            assert "wait for it, or stop it" in done.err
        assert "a name of its own" in done.err
        assert not list((bulkreply.folder / "B").glob("*/*/")), "nothing was begun"
        if kind == "import":
            bulkreply.write("other.yaml", JOBS[kind].replace("twice", "another"))
            assert bulkreply("run", "other.yaml", *url, "--runs", "B", "--limit", "1").code == 0, "another job is free"
            mine, bulkreply.key = bulkreply.key, "other"
            assert bulkreply("run", job, *url, "--runs", "B", "--limit", "1").code == 0, "and so is another account"
            bulkreply.key = mine
    done = bulkreply("resume", *url, "--runs", "A")
    assert done.code == 0, f"SIGKILL frees both locks: {done.err}"


def test_two_keys_of_one_account_are_one_account(sandbox: Start, bulkreply: Bulkreply, tmp_path: Path) -> None:
    """The account is who Reply says it is; here two jobs folders meet in the lock of one fingerprint."""
    with RunLock(tmp_path / "A" / "job", "job") as first, RunLock(tmp_path / "B" / "job", "job") as second:
        first.claim("account-1", "run-1")
        with pytest.raises(
            RunLocked, match=f"for this account is under way: process {os.getpid()} .* run run-1 in .*A"
        ):
            second.claim("account-1")
        second.claim("account-2")
        first.note("run-2")
        with RunLock(tmp_path / "C" / "job", "job") as third, pytest.raises(RunLocked, match="run run-2 in"):
            third.claim("account-1")
    with RunLock(tmp_path / "A" / "job", "job") as again:
        again.claim("account-1")


HOLDER = """
import sys
from pathlib import Path
from bulkreply.locks import RunLock
with RunLock(Path(sys.argv[1]), "job") as lock:
    lock.claim("account", "run-9")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_kernel_frees_what_the_dead_held(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "A" / "job")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY)
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunLocked, match=f"process {holder.pid} on"), RunLock(tmp_path / "A" / "job", "job"):
            pass
        with RunLock(tmp_path / "B" / "job", "job") as lock, pytest.raises(RunLocked, match="run run-9 in"):
            lock.claim("account")
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    with RunLock(tmp_path / "A" / "job", "job") as lock:
        lock.claim("account")
        said = (tmp_path / "A" / "job" / "lock").read_text()
        assert said.startswith(f"process {os.getpid()} on "), "nothing is left of who held it before"


def test_locks_are_private_and_follow_no_link(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with RunLock(tmp_path / "A" / "job", "job") as lock:
            lock.claim("account")
    finally:
        os.umask(before)
    state = tmp_path / "state" / "bulkreply"
    assert [
        path.stat().st_mode & 0o777 for path in (state, state / "locks", tmp_path / "A", tmp_path / "A" / "job")
    ] == [0o700] * 4
    files = [tmp_path / "A" / "job" / "lock", *(state / "locks").iterdir()]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "B" / "job").mkdir(parents=True)
    (tmp_path / "B" / "job" / "lock").symlink_to(victim)
    with pytest.raises(DiskFatal, match="symbolic link"), RunLock(tmp_path / "B" / "job", "job"):
        pass
    assert victim.read_text() == "precious"


def test_a_state_folder_that_cannot_be_written_is_one_clear_line(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none"), lay_out(bulkreply, "import")
    bulkreply.settings["XDG_STATE_HOME"] = "/proc/self"  # where even the superuser makes no folders
    done = bulkreply("run", job, "--base-url", server.url)
    assert (done.code, "the state folder" in done.err, "XDG_STATE_HOME" in done.err) == (7, True, True), done.err
    assert len(done.err.strip().splitlines()) == 2, done.err
    del bulkreply.settings["XDG_STATE_HOME"]
    locks = bulkreply.folder / "state" / "bulkreply" / "locks"
    locks.parent.mkdir(parents=True)
    locks.write_text("in the way")
    done = bulkreply("run", job, "--base-url", server.url)
    assert (done.code, "cannot be written" in done.err, "Traceback" in done.err) == (7, True, False), done.err
    assert server.ask("state")["contacts"] == 0


def test_a_runs_folder_that_cannot_be_written_is_one_clear_line(sandbox: Start, bulkreply: Bulkreply) -> None:
    server, job = sandbox("--limits", "none"), lay_out(bulkreply, "import")
    done = bulkreply("run", job, "--base-url", server.url, "--runs", "/proc/self/runs")
    assert (done.code, "cannot be written" in done.err, "Traceback" in done.err) == (7, True, False), done.err
