"""Where the stand-in keeps things that are plain records: one shelf per kind, in the order they were made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]
Key = int | str


class Shelf:
    """Records of one kind by id.

    Args:
        name: Kind, `accounts`.
        owner: Name of the account, so that UUIDs differ between accounts.
        first: First id given out; 0 gives UUIDs.
    """

    def __init__(self, name: str, owner: str, first: int) -> None:
        self.name = name
        self._owner = owner
        self._next = first or 1
        self._uuids = first == 0
        self._records: dict[Key, Record] = {}

    def new_id(self) -> Key:
        """The next id; ids are never used twice, and a replayed journal gives the same ones."""
        number = self._next
        self._next += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._owner} {self.name} {number}")) if self._uuids else number

    def add(self, record: Record) -> Record:
        """Takes a record in; it gets an id unless it brings one."""
        made = {"id": record["id"] if "id" in record else self.new_id()} | record
        if isinstance(made["id"], int):
            self._next = max(self._next, made["id"] + 1)
        self._records[made["id"]] = made
        return made

    def get(self, key: Key) -> Record | None:
        """The record with an id."""
        return self._records.get(key)

    def remove(self, key: Key) -> Record:
        """Takes a record out."""
        return self._records.pop(key)

    def where(self, **values: Any) -> list[Record]:
        """The records that hold all these values."""
        return [r for r in self._records.values() if all(r.get(name) == value for name, value in values.items())]

    def named(self, field: str, text: str) -> Record | None:
        """The first record whose field says this, without regard to case."""
        return next((r for r in self._records.values() if str(r.get(field, "")).lower() == text.lower()), None)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, key: object) -> bool:
        return key in self._records
