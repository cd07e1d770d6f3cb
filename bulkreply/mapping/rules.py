"""The words of a mapping: one rule, one problem, and what names mean in an account."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CLEAR = "\x00clear"
"""Canonical text of a cell that is to be emptied at Reply; no readable cell holds a NUL."""

GROUP_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One correspondence. Exactly one of `column`, `value`, `expr` says where the text comes from.

    Attributes:
        field: Reply field, `email`, or `customFields.<title>`.
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


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a job: where in the file's structure, what, and how to fix it."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What names of referenced records mean in this account.

    Attributes:
        ids: Name without case -> ids that carry it.
        creatable: Whether an unknown name is created before the rows are sent.
        checked: False when Reply has not been asked (a plan without a key): every name is taken as known.
    """

    ids: Mapping[str, Sequence[int]]
    creatable: bool = False
    checked: bool = True

    def group(self, names: Iterable[str]) -> tuple[str, str, str]:
        """The names of one cell as `(group, code, message)`: group `71␟72`, or `+Name` for one to be created."""
        tokens: set[str] = set()
        for name in filter(None, (name.strip() for name in names)):
            found = self.ids.get(name.lower(), ())
            if len(found) > 1:
                return "", "reference.ambiguous", f"{len(found)} records at Reply are called {name!r}"
            if found:
                tokens.add(str(found[0]))
            elif name.isdigit() and any(int(name) in ids for ids in self.ids.values()):
                tokens.add(name)
            elif self.creatable or not self.checked:
                tokens.add("+" + name)
            else:
                near = difflib.get_close_matches(name.lower(), list(self.ids), n=1)
                tail = f"; did you mean {near[0]!r}?" if near else ""
                return "", "reference.unknown", f"there is no {name!r} at Reply{tail}"
        return GROUP_SEPARATOR.join(sorted(tokens)), "", ""


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or ""; without regard to case."""
    spellings = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(spellings), n=1, cutoff=0.55)
    return f"did you mean {spellings[found[0]]!r}?" if found else ""
