"""Full disks, no more open files, fsync that fails: for real, in the kernel, from outside."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import platform
import resource
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNLIMITED = resource.RLIM_INFINITY
SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83)}.get(platform.machine(), ())
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine(), 0)
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1


def fill(pid: int) -> None:
    """From now on the process can write to no file: what a full disk does to it."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, UNLIMITED))


def use_up_files(pid: int) -> None:
    """From now on it can open no further file."""
    highest = max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    for free in set(range(highest)) - {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()}:
        assert free > highest, f"number {free} is free and will be used"


class Syncs:
    """Decides on every fsync of a process, and of what it starts.

    Attributes:
        failing: Whether they fail with an input/output error.
        failed: How many did.
    """

    def __init__(self) -> None:
        self.failing = False
        self.failed = 0
        self._mine, self._theirs = socket.socketpair()

    def install(self) -> None:
        """In the child, before the program: asks the kernel to ask us."""
        libc = ctypes.CDLL(None, use_errno=True)
        load, equal, give = 0x20, 0x15, 0x06
        first, second = SYNCS
        words = [(load, 0, 0, 0), (equal, 1, 0, first), (equal, 0, 1, second), (give, 0, 0, 0x7FC00000)]
        program = b"".join(struct.pack("HBBI", *word) for word in [*words, (give, 0, 0, 0x7FFF0000)])
        held = ctypes.create_string_buffer(program, len(program))
        described = struct.pack("HxxxxxxP", 5, ctypes.addressof(held))
        if libc.prctl(38, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        listener = libc.syscall(SECCOMP, 1, 8, ctypes.create_string_buffer(described, len(described)))
        if listener < 0:
            raise OSError(ctypes.get_errno(), "seccomp")
        socket.send_fds(self._theirs, [b"x"], [listener])

    def _answer(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            ready = poll.poll(60_000)
            if not ready or ready[0][1] & (select.POLLHUP | select.POLLERR):
                return
            asked = array.array("B", bytes(80))
            try:
                fcntl.ioctl(listener, _RECEIVE, asked, True)
                number = struct.unpack_from("Q", asked)[0]
                failing = self.failing
                self.failed += failing
                said = struct.pack("QqiI", number, 0, -errno.EIO if failing else 0, 0 if failing else _CONTINUE)
                fcntl.ioctl(listener, _SEND, array.array("B", said), True)
            except OSError as error:
                if error.errno != errno.ENOENT:  # whoever asked was killed meanwhile
                    return

    def watch(self) -> None:
        """In the test: answers until the process is gone."""
        _, (listener, *_), _, _ = socket.recv_fds(self._mine, 1, 1)
        self._mine.close()
        self._theirs.close()
        threading.Thread(target=self._answer, args=(listener,), daemon=True).start()


@contextmanager
def in_the_way(path: Path) -> Iterator[None]:
    """A folder where a file is to be written: root itself gets no further."""
    path.unlink(missing_ok=True)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
