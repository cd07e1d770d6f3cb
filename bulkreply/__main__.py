"""`python -m bulkreply` and the `bulkreply` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; leaves with the exit codes of README, never with a traceback for bad input."""
    from bulkreply.cli.streams import let_go, steady_streams

    steady_streams()
    from bulkreply.cli.app import run_app

    sys.exit(let_go(run_app()))


if __name__ == "__main__":
    main()
