"""Every exception bulkreply raises on purpose, drawn as one tree.

An exception stops a run; a `Reject` (records.py) stops a row.

    BulkreplyError                exit code
    ├── UsageProblem                  2   what the user asked for cannot be done as written
    │   ├── JobInvalid                    the job file, all problems at once
    │   ├── SourceUnreadable              the input file
    │   └── InputChanged                  the input or the job is not the one the run began with
    ├── BudgetSpent                   3   more rows rejected than the job allows
    │   └── SameRefusal                   the first rows all refused in the same words
    ├── RunPaused                     5   quota or network; resume later
    ├── KeyRefused                    6   the account's key was not accepted, or may not do this
    ├── RunFatal                      7   nothing more can be recorded or sent
    │   ├── DiskFatal
    │   └── ServerFatal
    ├── LedgerUnusable               10   missing, damaged or newer than this program
    ├── RunLocked                    11   another process holds the run
    └── Interrupted             130/143   Ctrl-C or SIGTERM; resumable
"""

from __future__ import annotations

from typing import ClassVar


class BulkreplyError(Exception):
    """The root: one clear line for a person, a hint how to fix it, and an exit code.

    Args:
        message: What is wrong and where, in one line. Never holds a key or an e-mail address.
        hint: How to fix it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageProblem(BulkreplyError):
    """What the user asked for cannot be done as written."""

    exit_code = 2


class JobInvalid(UsageProblem):
    """A job file with problems; each one line, `jobs/x.yaml:12:5 map.email …`."""

    def __init__(self, problems: list[str], *, hint: str = "") -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems), hint=hint)


class SourceUnreadable(UsageProblem):
    """An input that cannot be read as the table it claims to be."""


class InputChanged(UsageProblem):
    """The input or the job differs from what the unfinished run began with."""


class BudgetSpent(BulkreplyError):
    """More rows were rejected than `policy.reject` of the job allows."""

    exit_code = 3


class SameRefusal(BudgetSpent):
    """Reply refused the first rows of a run all in the same words: the others would not fare better."""


class RunPaused(BulkreplyError):
    """The run stopped in good order and can go on later.

    Args:
        resume_at: Unix time from which going on makes sense, or None when unknown.
    """

    exit_code = 5

    def __init__(self, message: str, *, hint: str = "", resume_at: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.resume_at = resume_at


class KeyRefused(BulkreplyError):
    """Reply does not accept the key, or the key may not do this."""

    exit_code = 6


class RightMissing(KeyRefused):
    """The key is good, and may not do this: its scopes, or the role or plan of its user."""


class RunFatal(BulkreplyError):
    """The run cannot go on here: nothing more can be recorded, or the server forbids it."""

    exit_code = 7


class DiskFatal(RunFatal):
    """The run folder cannot be written."""

    @classmethod
    def of(cls, error: OSError, *, hint: str = "") -> DiskFatal:
        """What the system refused, by the last part of the file's name."""
        name = str(error.filename or "").rstrip("/").rpartition("/")[2]
        return cls(f"{name or 'a file'} cannot be used: {error.strerror or type(error).__name__}", hint=hint)


class ServerFatal(RunFatal):
    """The server answered in a way that makes going on pointless or dangerous."""


class LedgerUnusable(BulkreplyError):
    """A ledger that is missing, damaged, or written by a newer bulkreply."""

    exit_code = 10


class RunLocked(BulkreplyError):
    """Another process holds the run."""

    exit_code = 11


class Interrupted(BulkreplyError):
    """The user or the system asked the run to stop; it can be resumed.

    Args:
        signal_number: The signal that asked (SIGINT 2, SIGTERM 15).
    """

    def __init__(self, message: str, *, signal_number: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = 128 + signal_number


def exit_code_of(error: BulkreplyError) -> int:
    """Exit code of DESIGN section 7 for an error."""
    return error.code if isinstance(error, Interrupted) else error.exit_code
