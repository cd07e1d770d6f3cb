"""Reads a staging area. A *position* numbers its records from 0; batches and the ledger speak of positions only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.slots import names_in
from bulkreply.wire.layout import RECORD_SCHEMA


@dataclass(frozen=True, slots=True)
class Part:
    """One file of staged records, RECORD_SCHEMA, of one group or of several small ones in order."""

    name: str
    first: int
    rows: int

    @property
    def end(self) -> int:
        """The position after its last."""
        return self.first + self.rows


@dataclass(frozen=True, slots=True)
class Stage:
    """A complete staging area.

    Attributes:
        folder: Holds the parts; private to the run.
        read: Rows read from the inputs, those that cannot be staged included.
        invalid: Rows that cannot be staged, each with at least one reject.
        groups: Group -> records staged in it. A call carries records of one group only.
        invalid_by_code: Reject code -> rows, each row counted under its first.
        duplicates: Rows that share their key with another and are not sent by themselves.
        spread: Whether a row may stand in several records; its outcome is then the worst of theirs.
        linked: Whether records wait for others.
        names: Whether records speak of others that are to be created first.
    """

    folder: Path
    parts: tuple[Part, ...]
    read: int
    invalid: int
    groups: dict[str, int] = field(default_factory=dict)
    invalid_by_code: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    spread: bool = False
    linked: bool = False
    names: bool = False

    @property
    def positions(self) -> int:
        """Staged records, duplicates included."""
        return sum(part.rows for part in self.parts)

    @property
    def sendable(self) -> int:
        """Records that take part in calls."""
        return self.positions - self.duplicates

    def frame(self, part: Part, columns: Sequence[str] = ()) -> pl.DataFrame:
        """The records of a part, RECORD_SCHEMA.

        Args:
            columns: Those that are wanted, none for all.

        Raises:
            LedgerUnusable: The staged file is missing or damaged.
        """
        try:
            frame = pl.read_ipc(self.folder / part.name, columns=list(columns) or None)
        except (OSError, pl.exceptions.PolarsError):
            raise LedgerUnusable(
                f"a staged file is missing or damaged: {part.name}", hint="--fresh begins anew"
            ) from None
        if frame.height != part.rows:
            raise LedgerUnusable(f"a staged file is damaged: {part.name}", hint="--fresh begins anew")
        return frame

    def records(self, positions: pl.Series) -> pl.DataFrame:
        """The records at some positions (ascending), with their `position`."""
        found = []
        for part in self.parts:
            inside = positions.filter((positions >= part.first) & (positions < part.end))
            if len(inside):
                rows = self.frame(part)[(inside - part.first).to_list()]
                found.append(rows.with_columns(inside.alias("position")))
        empty = pl.DataFrame(schema=RECORD_SCHEMA | {"position": positions.dtype})
        return pl.concat(found) if found else empty

    def slots(self) -> set[tuple[str, str]]:
        """`(object, name)` of everything the records speak of that is to be created first."""
        found: set[tuple[str, str]] = set()
        for group in self.groups:
            found.update(names_in(group))
        for part in self.parts if self.names else ():
            for body, address in self.frame(part).select("body", "address").iter_rows():
                found.update(names_in(body + (address or "")))
        return found

    def labels(self) -> dict[str, int]:
        """Label -> position of every record that others wait for."""
        found: dict[str, int] = {}
        for part in self.parts if self.linked else ():
            for i, label in enumerate(self.frame(part)["label"].to_list()):
                if label:
                    found[label] = part.first + i
        return found

    def rejects(self) -> pl.DataFrame:
        """All problems found while staging, one line each, REJECT_SCHEMA, in file order."""
        frames = [pl.read_ipc(path) for path in sorted(self.folder.glob("reject-*.arrow"))]
        return pl.concat(frames).sort("file", "row", maintain_order=True) if frames else pl.DataFrame()

    def invalid_rows(self) -> Iterator[tuple[int, int]]:
        """`(file, row)` of every row that was not staged."""
        rejects = self.rejects()
        if rejects.height:
            yield from rejects.select("file", "row").unique(maintain_order=True).iter_rows()

    def save(self) -> None:
        """Writes the summary; its presence says the staging area is complete.

        Raises:
            DiskFatal: The disk refused.
        """
        content = asdict(self)
        del content["folder"]
        part = self.folder / "stage.part"
        try:
            part.touch(mode=0o600)
            part.write_text(json.dumps(content), "utf-8")
            part.replace(self.folder / "stage.json")
        except OSError as error:
            raise DiskFatal(f"the staging area cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, folder: Path) -> Stage | None:
        """The staging area in a folder, None when it was never completed."""
        try:
            content: dict[str, Any] = json.loads((folder / "stage.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        content["parts"] = tuple(Part(**part) for part in content["parts"])
        return cls(folder=folder, **content)
