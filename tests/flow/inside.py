"""The command line within this process: the same words, exit codes and errors, without the time a process takes."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

from bulkreply.cli.app import run_app
from tests.canary import check_said
from tests.support import Done


def inside(*words: str) -> Done:
    """Runs a command as `bulkreply …` would, in the folder and environment of this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["bulkreply", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = run_app()
    finally:
        sys.argv = before
    check_said(words, out.getvalue(), err.getvalue())
    return Done(code, out.getvalue(), err.getvalue())
