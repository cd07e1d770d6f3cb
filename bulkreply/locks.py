"""Kernel locks on files that say who holds them; they are gone with the process, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from bulkreply.clock import SYSTEM_CLOCK, iso_utc
from bulkreply.errors import DiskFatal, RunLocked
from bulkreply.secrets import fingerprint, private_folder, state_folder

_SAID_BYTES = 1000
_NOT_HERE = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class RunLock:
    """The right to run a job: one at a time in a runs folder, and one at a time for an account. Used as `with RunLock`.

    Args:
        folder: The job's folder among the runs; made if missing.
        job: Its name, as people write it.

    Raises:
        RunLocked: On entering, and from `claim`: another process holds it; the message says which.
        DiskFatal: The lock cannot be written, or its disk knows no locks.
    """

    def __init__(self, folder: Path, job: str) -> None:
        self._folder = folder
        self._job = job
        self._since = iso_utc(SYSTEM_CLOCK.now_s())
        self._run = ""
        self._handles: list[int] = []

    def __enter__(self) -> Self:
        self._take(self._folder / "lock", "", "wait for it, or stop it")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            os.close(self._handles.pop())

    def claim(self, account_name: str, run: str = "") -> None:
        """Takes the job's lock for an account as well: the same job from another runs folder has to wait.

        Args:
            account_name: Its fingerprint.
            run: The run that goes on, "" when it is not yet known.
        """
        name = f"{account_name}-{fingerprint(self._folder.name)}.lock"
        hint = "wait for it, or stop it; a job of its own needs a name of its own (`job:`)"
        self._take(state_folder() / "locks" / name, " for this account", hint)
        self.note(run)

    def note(self, run: str) -> None:
        """Tells whoever meets the locks which run it is."""
        self._run = run
        for handle in self._handles:
            self._say(handle)

    def _take(self, path: Path, what: str, hint: str) -> None:
        try:
            private_folder(path.parent)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
            raise DiskFatal(f"{path} cannot be written: {why}", hint="runs and state need a folder of yours") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._say(handle)
        except BlockingIOError:
            said = os.pread(handle, _SAID_BYTES, 0).decode("utf-8", "replace").strip("\0\n ") or "another process"
            os.close(handle)
            raise RunLocked(f"another run of {self._job}{what} is under way: {said}", hint=hint) from None
        except OSError as error:
            os.close(handle)
            verb = "locked" if error.errno in _NOT_HERE else "written"
            local = "put runs (--runs) and state (XDG_STATE_HOME) on a local disk that is not full"
            raise DiskFatal(f"{path} cannot be {verb}: {error.strerror}", hint=local) from None
        self._handles.append(handle)

    def _say(self, handle: int) -> None:
        run = f", run {self._run}" if self._run else ""
        where = f"{run} in {self._folder.parent.resolve()}"
        said = f"process {os.getpid()} on {socket.gethostname()} since {self._since}{where}\n".encode()[:_SAID_BYTES]
        os.pwrite(handle, said, 0)
        os.ftruncate(handle, len(said))
