"""`python -m bulkreply` and the `bulkreply` command."""

from __future__ import annotations

import gc
import sys

from bulkreply import __version__


def main() -> None:
    """Runs the command line; leaves with the exit codes of README, never with a traceback for bad input."""
    from bulkreply.cli.streams import let_go, steady_streams

    gc.set_threshold(50_000, 20, 100)  # a run makes many values and hardly a cycle: to look for them is a tenth of it
    steady_streams()
    if sys.argv[1:] == ["--version"]:  # as `app` says it, without loading that
        sys.stdout.write(f"bulkreply {__version__}\n")
        sys.exit(let_go(0))
    from bulkreply.cli.app import run_app

    sys.exit(let_go(run_app()))


if __name__ == "__main__":
    main()
