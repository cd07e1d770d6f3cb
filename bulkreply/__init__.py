"""Async bulk import and export for Reply: one job file, one command, every row accounted for.

From Python: `bulkreply.run("job.yaml")`, `bulkreply.call("StartSequence", SequenceId=5)`, and `bulkreply.connect()` for
asynchronous code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulkreply.api import Called, Reply, Report, call, connect, run

__version__ = "0.1.0"
__all__ = ["Called", "Reply", "Report", "__version__", "call", "connect", "run"]


def __getattr__(name: str) -> Any:
    """The API is loaded when it is first used: the command line starts without it."""
    if name in __all__:
        from bulkreply import api

        return getattr(api, name)
    raise AttributeError(f"bulkreply has no {name!r}")
