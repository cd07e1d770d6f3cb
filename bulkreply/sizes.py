"""How many records one call may carry: learned from refusals, remembered per account and operation."""

from __future__ import annotations

import json
from pathlib import Path

from bulkreply.catalog.model import Operation
from bulkreply.secrets import keep, state_folder


class BatchSizes:
    """The sizes that work now, by operation.

    Args:
        account_name: Fingerprint of the account.
        wanted: Records per call the user asked for, 0 for the catalog's.
    """

    def __init__(self, account_name: str, wanted: int = 0) -> None:
        self._path = state_folder() / "sizes" / f"{account_name}.json"
        self._wanted = wanted
        self._known = self._learned()

    def now(self, operation: Operation) -> int:
        """Records one call may carry."""
        batch = operation.batch
        if batch is None:
            return 1
        if batch.whole:
            return batch.max
        return min(self._wanted or batch.start, batch.max, self._known.get(operation.label, batch.max))

    def too_large(self, operation: Operation, size: int) -> None:
        """A call of `size` records was refused for its size: half of it from now on, here and in later runs.

        Where the disk does not take it, later runs learn it again.
        """
        self._known[operation.label] = max(1, min(self.now(operation), size // 2))
        keep(self._path, json.dumps(self._learned() | self._known))

    def _learned(self) -> dict[str, int]:
        try:
            found = json.loads(Path(self._path).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(name): int(size) for name, size in found.items()} if isinstance(found, dict) else {}
