"""Names of tables and columns: any title becomes a name the database takes, and no two titles the same one.

A title is the name of its column as it stands, with three exceptions, which end in `~` and twelve digits of a
fingerprint of the whole title: what is longer than the database allows (PostgreSQL: 63 bytes) is cut, so that it still
begins like the title; what the database keeps for itself, or cannot spell, gets the ending; and of titles that differ
only in case, where the database does not tell them apart (SQLite, DuckDB), the later ones get it. A title depends on
nothing but itself and the columns that are there, so it is found again by every later run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bulkreply.errors import UsageProblem
from bulkreply.secrets import fingerprint

_DIGITS = 12
_LOOKS_SHORTENED = re.compile(rf"~[0-9a-f]{{{_DIGITS}}}\Z")
_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".]+?))\s*(\.|\Z)')
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str], of: str = "") -> str:
    """Names as a list of columns, of the table of that alias."""
    return ", ".join(f"{of}.{quoted(name)}" if of else quoted(name) for name in names)


def folded(name: str) -> str:
    """A name as databases see it that take capital letters (of English) for small ones."""
    return name.translate(_LOWER)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is.

    Attributes:
        parts: Its name, and before it that of its schema; DuckDB also says the database.
    """

    parts: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The whole name as SQL takes it."""
        return ".".join(quoted(part) for part in self.parts)

    @property
    def schema(self) -> str:
        """The schema."""
        return self.parts[-2]

    @property
    def table(self) -> str:
        """The table."""
        return self.parts[-1]


def table_parts(text: str) -> tuple[str, ...]:
    """`crm.contacts` as its parts; `"a.b"` is one.

    Raises:
        UsageProblem: It is no name of a table.
    """
    parts, at = [], 0
    while True:
        found = _PART.match(text, at)
        name = "" if found is None else (found[1] or "").replace('""', '"') or found[2] or ""
        if found is None or not name or "\0" in name:
            hint = 'write table or schema.table; a part that holds dots or quotes goes into "double quotes"'
            raise UsageProblem(f"{text!r} is no name of a table", hint=hint)
        parts.append(name)
        if not found[3]:
            break
        at = found.end()
    if len(parts) > 2:
        raise UsageProblem(f"{text!r}: a table has one name, and at most a schema before it")
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Spelling:
    """What names a database takes.

    Attributes:
        longest_bytes: Longer names would be cut, 0 for no limit.
        folds: Whether names that differ only in case are the same.
        kept: Names of columns it keeps for itself.
    """

    longest_bytes: int = 0
    folds: bool = True
    kept: frozenset[str] = frozenset()

    def spelled(self, title: str) -> str:
        """The name of a title that no other one is in the way of."""
        too_long = self.longest_bytes and len(title.encode()) > self.longest_bytes
        odd = not title or "\0" in title or title in self.kept or _LOOKS_SHORTENED.search(title)
        return self.marked(title) if too_long or odd else title

    def marked(self, title: str) -> str:
        """The name of a title that cannot be used as it is."""
        ending = f"~{fingerprint(title)[:_DIGITS]}"
        start = title.replace("\0", "")
        if self.longest_bytes:
            start = start.encode()[: self.longest_bytes - len(ending)].decode(errors="ignore")
        return start + ending

    def matched(self, titles: Collection[str], existing: Collection[str]) -> dict[str, str]:
        """The column of every title: one that is there, or the name of a new one.

        Args:
            existing: Columns the table has; a title that is spelled just so has the first claim to one, then one that
                was marked earlier, then one that differs in case only.
        """
        chosen: dict[str, str] = {}
        for spell in (self.spelled, self.marked):
            chosen |= {title: spell(title) for title in titles if title not in chosen and spell(title) in existing}
        there = {self._fold(name): name for name in existing}
        claimed = {self._fold(name) for name in chosen.values()}
        for title in titles:
            if title not in chosen:
                fold = self._fold(self.spelled(title))
                name = self.marked(title) if fold in claimed else there.get(fold, self.spelled(title))
                chosen[title] = name
                claimed.add(self._fold(name))
        if len(claimed) < len(chosen):
            raise UsageProblem("two columns would have one name in the database", hint="rename one in `map`")
        return chosen

    def _fold(self, name: str) -> str:
        return folded(name) if self.folds else name
