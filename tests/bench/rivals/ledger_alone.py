"""What an import writes into its ledger, and nothing else: its share of the CPU time. `ROWS FOLDER`"""

from __future__ import annotations

import sys
import time
from array import array
from pathlib import Path

from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans

PER_CALL = 100
TOGETHER = 8
"""Batches that share a commit: as many as calls under way."""


def main(rows: int, folder: Path) -> None:
    path = folder / f"ledger-{time.monotonic_ns()}.sqlite"
    ledger = Ledger.create(path)
    outcomes, ids = bytes([Outcome.CREATED]) * PER_CALL, array("q", range(1000, 1000 + PER_CALL))
    open_batches: list[int] = []
    for first in range(0, rows, PER_CALL * TOGETHER):
        with ledger.transaction():
            for batch in open_batches:
                ledger.settle(batch, outcomes, ids, {})
            begins = range(first, min(rows, first + PER_CALL * TOGETHER), PER_CALL)
            open_batches = [ledger.intend(Spans(((at, at + PER_CALL),)), 0, time.time()) for at in begins]
            ledger.note(requests=f'{{"sent": {first}}}')
    with ledger.transaction():
        for batch in open_batches:
            ledger.settle(batch, outcomes, ids, {})
    ledger.close()
    path.unlink()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
