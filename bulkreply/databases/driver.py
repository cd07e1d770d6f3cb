"""What each database does its own way. All else is the same for all of them, and written once in `writing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl

from bulkreply.databases.kinds import Kind
from bulkreply.databases.names import Place, Spelling
from bulkreply.errors import BulkreplyError


class Driver(Protocol):
    """One connection. Raises the errors of its library, which `explained` turns into ours."""

    spelling: Spelling
    types: Mapping[Kind, str]
    temporary: str
    """The schema of temporary tables."""

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """Make what was written since `begin` last."""
        ...

    def rollback(self) -> None:
        """Undo what was written since `begin`."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...

    def run(self, statement: str) -> int:
        """Run one statement; how many rows it wrote."""
        ...

    def place(self, parts: Sequence[str]) -> Place:
        """Where a table is, by its name alone or with its schema, which is made when missing."""
        ...

    def columns(self, place: Place) -> dict[str, str] | None:
        """Columns of a table and their types, None when there is no such table."""
        ...

    def kind(self, declared: str) -> Kind | None:
        """What a column of that type holds; None for types of the user's own, which are left as they are."""
        ...

    def create(self, place: Place, columns: Mapping[str, Kind], key: Sequence[str]) -> None:
        """Make a table; of a key, if there is one, no two rows may be the same."""
        ...

    def widen(self, place: Place, changes: Mapping[str, tuple[Kind, Kind]]) -> None:
        """Change columns from one kind to a wider one, with their values."""
        ...

    def load(self, into: str, columns: Sequence[str], frame: pl.DataFrame) -> None:
        """Add the rows of a frame, its columns in the order of those named."""
        ...

    def staged(self, table: str, key: Sequence[str]) -> None:
        """A temporary table is complete and will be searched by these columns."""
        ...

    def differs(self, left: str, right: str, declared: str) -> str:
        """Condition: two values of a type are not the same; null is the same as null."""
        ...

    def explained(self, error: Exception) -> BulkreplyError | None:
        """An error of the library in our words, without values and passwords; None when it is none of its own."""
        ...
