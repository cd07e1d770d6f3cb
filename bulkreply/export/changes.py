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

from bulkreply.errors import DiskFatal, LedgerUnusable, UsageProblem
from bulkreply.job import Job

Record = Mapping[str, Any]
_SCHEMA = {"id": pl.String, "hash": pl.UInt64}


@dataclass(slots=True)
class Changes:
    """Records compared with those of the last run.

    Attributes:
        before: Id -> hash at the last run, of records not found again so far: a million of them are held once.
        now: Id -> hash in this one.
        whole: Whether all records there are were read: only then is one that was not read gone.
        identify: The id of a record.
        inserted: Ids that were not there.
        updated: Ids of records that say something else than they did.
    """

    identify: Callable[[Record], str]
    before: dict[str, int] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=dict)
    whole: bool = True
    inserted: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)

    def look(self, records: Iterable[Record]) -> None:
        """Notes the records there are."""
        for record in records:
            one, value = self.identify(record), fingerprint(record)
            old = self.now[one] if one in self.now else self.before.pop(one, None)
            self.now[one] = value
            if old is None:
                self.inserted.add(one)
            elif old != value and one not in self.inserted:
                self.updated.add(one)

    def word(self, record: Record) -> str:
        """`inserted` or `updated`; "" for a record that is as it was."""
        one = self.identify(record)
        return "inserted" if one in self.inserted else "updated" if one in self.updated else ""

    @property
    def deleted(self) -> list[str]:
        """Ids that are there no more."""
        return list(self.before) if self.whole else []

    def counts(self) -> dict[str, int]:
        """Records by what became of them."""
        return {
            "inserted": len(self.inserted),
            "updated": len(self.updated),
            "deleted": len(self.before) if self.whole else 0,
        }


def fingerprint(record: Record) -> int:
    """A number that changes with anything a record says."""
    text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def refuse_losses(job: Job, held: int, gone: int) -> None:
    """A mirror follows deletes only as far as the job allows, and an empty listing only where it names all of them.

    Args:
        held: Records there were at the last run.
        gone: Those that are there no more.

    Raises:
        UsageProblem: Too many of them; nothing was written.
    """
    allowed = job.policy.deletes_allowed(held)
    empty = held == gone > 0 and (job.policy.delete is None or gone > allowed)
    if empty or (job.target.database is not None and gone > allowed):
        words = f"{gone:,} of the {held:,} {job.source.object} of the last run are gone"
        share = f"{-(-100 * gone // held)}%"
        hint = f"nothing was written; if it is so, `policy: {{delete: {share}}}` and --fresh let them go here too"
        raise UsageProblem(words + ("; an empty listing is not followed" if empty else ""), hint=hint)


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
