"""The words of a mapping: one rule, one problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

CLEAR = "\x00clear"
"""Canonical text of a cell that is to be emptied at Reply; no readable cell holds a NUL."""

KEY_SEPARATOR = "\x1f"
ID_MARK = "\x1e"
"""Begins the key of a record that the file addresses by its id at Reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One correspondence. Exactly one of `column`, `value`, `expr` says where the text comes from.

    Attributes:
        field: Reply field, `email`; `customFields.<title>`; or a place inside a nested one, `steps.0.subject`.
        default: Text for blank cells.
        values: What file values become; `*` stands for any other.
        as_type: Codec to use instead of the field's own.
        split: What separates several names in one cell.
        date_format: `strptime` format of dates in the file.
        blank: What a blank cell means: leave the field alone, or empty it.
        clear: Cell text that empties the field at Reply, "" for none.
    """

    field: str
    column: str = ""
    value: str | None = None
    expr: str = ""
    default: str | None = None
    values: Mapping[str, str] | None = None
    as_type: str = ""
    split: str = ""
    date_format: str = ""
    blank: Literal["keep", "clear"] = "keep"
    clear: str = ""

    @property
    def source(self) -> str:
        """The column, or how the text is made, for rejects."""
        return self.column or ("(expr)" if self.expr else "(value)")

    @property
    def root(self) -> str:
        """The field of the object the value ends up in."""
        return self.field.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a job: where in the file's structure, what, and how to fix it."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or ""; without regard to case."""
    spellings = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(spellings), n=1, cutoff=0.55)
    return f"did you mean {spellings[found[0]]!r}?" if found else ""
