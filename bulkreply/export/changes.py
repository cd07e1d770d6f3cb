"""What differs from the last run: a hash of every record is remembered, so deletes are seen as well as edits.

Reply's listings cannot be asked for what changed since a time (objects.md, cursors): they are read whole and compared
here, which costs one call per thousand records; records are read in detail only where the listing shows a change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulkreply.catalog import ObjectSpec
from bulkreply.errors import DiskFatal, LedgerUnusable

Record = Mapping[str, Any]
_SCHEMA = {"id": pl.String, "hash": pl.UInt64}


@dataclass(slots=True)
class Changes:
    """Records compared with those of the last run.

    Attributes:
        before: Id -> hash at the last run.
        now: Id -> hash in this one.
        identify: The id of a record.
    """

    identify: Callable[[Record], str]
    before: Mapping[str, int] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=dict)

    def look(self, records: Iterable[Record]) -> None:
        """Notes the records there are."""
        for record in records:
            self.now[self.identify(record)] = fingerprint(record)

    def word(self, spec: ObjectSpec, record: Record) -> str:
        """`inserted` or `updated`; "" for a record that is as it was."""
        one = self.identify(record)
        if one not in self.before:
            return "inserted"
        return "" if self.before[one] == self.now.get(one) else "updated"

    @property
    def deleted(self) -> list[str]:
        """Ids that are there no more."""
        return [one for one in self.before if one not in self.now]

    def counts(self) -> dict[str, int]:
        """Records by what became of them."""
        inserted = sum(one not in self.before for one in self.now)
        updated = sum(one in self.before and self.before[one] != value for one, value in self.now.items())
        return {"inserted": inserted, "updated": updated, "deleted": len(self.deleted)}


def fingerprint(record: Record) -> int:
    """A number that changes with anything a record says."""
    text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def load_snapshot(path: Path) -> dict[str, int]:
    """Id -> hash as the last run left it, empty before the first.

    Raises:
        LedgerUnusable: The snapshot is damaged.
    """
    if not path.is_file():
        return {}
    try:
        frame = pl.read_ipc(path)
        return dict(zip(frame["id"].to_list(), frame["hash"].to_list(), strict=True))
    except (OSError, pl.exceptions.PolarsError):
        words = f"the snapshot {path.name} of the last run is damaged"
        raise LedgerUnusable(words, hint="remove it; the next run exports everything") from None


def save_snapshot(path: Path, now: Mapping[str, int]) -> None:
    """Remembers this run: only once everything it wrote is in place.

    Raises:
        DiskFatal: The disk refused; the old snapshot stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.touch(mode=0o600)
        pl.DataFrame({"id": list(now), "hash": list(now.values())}, schema=_SCHEMA).write_ipc(part, compression="lz4")
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
