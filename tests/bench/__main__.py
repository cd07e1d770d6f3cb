"""`python -m tests.bench NAME`: benches. They are no tests: nothing passes or fails, they print what they measured.

Two cores are expected: ours and the references run on core 0, the server on core 1. Only ratios within one run count.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import exports, imports, startup
from tests.bench.contest import save, show

CONTESTS = {
    "import": (imports.batches, 1_000_000),
    "singles": (imports.singles, 50_000),
    "export": (exports.files, 1_000_000),
    "memory": (imports.memory, 5_000_000),
    "resume": (imports.resume, 1_000_000),
    "startup": (startup.doors, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("name", choices=CONTESTS)
    parser.add_argument("--rows", type=int, default=0, help="rows or contacts; each bench has its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also append the result to this file")
    parser.add_argument("--folder", type=Path, help="where files are made and kept; else a temporary folder")
    options = parser.parse_args()
    bench, rows = CONTESTS[options.name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with bench(folder, options.rows or rows) as contest:
            summary = contest.hold(options.rounds)
    show(summary)
    if options.json:
        save(summary, options.json)


if __name__ == "__main__":
    main()
