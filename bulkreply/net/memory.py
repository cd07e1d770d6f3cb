"""What is remembered of accounts between runs: their quota, and whose key is whose."""

from __future__ import annotations

import json
from pathlib import Path

from bulkreply.secrets import keep, state_folder


def quota_path(name: str) -> Path:
    """The file that counts an account's calls."""
    return state_folder() / "quota" / f"{name}.sqlite"


def reached_path(name: str) -> Path:
    """The file that counts the people an account wrote to, day by day."""
    return state_folder() / "reached" / f"{name}.sqlite"


class Memory:
    """Which account a key belonged to last time, so that even the first call of a run counts where it should."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _all(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def get(self, key_name: str) -> str:
        """The account a key belonged to, "" when that is not known."""
        return str(self._all().get(key_name, ""))

    def put(self, key_name: str, account_name: str) -> None:
        """Remembers it, if the disk takes it: without, the next run's first call counts elsewhere."""
        keep(self._path, json.dumps(self._all() | {key_name: account_name}))
