"""What sweeps over a listing have shown, so that the next one reads little more than what has come since."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from bulkreply.wire.paging import Page

Record = Mapping[str, Any]


class Costly(Exception):
    """There are more pages to read than keys to ask for."""


@dataclass(slots=True)
class Swept:
    """Pages of a listing as they were last seen, in a few bytes per record.

    A later look is a proof only where the listing shows its records in the order of their ids: then new ones come last,
    and the record that was last before still stands at its place when nothing else came or went. Both are checked.

    Attributes:
        key: Field that holds a record's id.
        size: Records per page.
    """

    key: str
    size: int
    _marks: list[array[int]] = field(default_factory=list)
    _lasts: list[int] = field(default_factory=list)
    _ordered: bool = False

    def note(self, number: int, records: Sequence[Record], keys: Sequence[str]) -> None:
        """Remembers a page, and that those after it are not known any more.

        Args:
            keys: Natural key of each record.
        """
        del self._marks[number:], self._lasts[number:]
        self._ordered |= number == 0
        before = self._lasts[-1] if self._lasts else 0
        ids = [record.get(self.key) for record in records]
        numbers = [one for one in ids if type(one) is int]
        rising = all(a < b for a, b in zip([before, *numbers], numbers, strict=False))
        full = not self._marks or len(self._marks[-1]) == self.size
        if len(numbers) < len(ids) or not rising or not full or number != len(self._marks):
            self._ordered = False
        elif numbers:
            self._marks.append(array("q", map(hash, keys)))
            self._lasts.append(numbers[-1])

    def pages_of(self, keys: Set[str]) -> set[int] | None:
        """The pages to be read to find the records of these keys; None when they all have to be."""
        if not self._ordered or not self._marks:
            return None
        wanted = set(map(hash, keys))
        seen = {number for number, marks in enumerate(self._marks) if not wanted.isdisjoint(marks)}
        return seen | {len(self._marks) - 1}

    def knew(self, keys: Set[str]) -> set[str]:
        """Those of the keys that were there before."""
        seen = set().union(*self._marks)
        return {key for key in keys if hash(key) in seen}

    async def look(
        self, keys: Set[str], read: Callable[[int], Awaitable[Page]], key_of: Callable[[Record], str], most: int
    ) -> list[Record] | None:
        """Everything that may be a record of these keys, read anew; None when only a whole sweep can tell.

        Args:
            read: Reads a page of the listing.
            most: Pages that are worth it, 0 for any number.

        Raises:
            Costly: It would take more.
        """
        pages = self.pages_of(keys)
        if pages is None:
            return None
        known, found, last = self.knew(keys), list[Record](), len(self._marks) - 1
        for number in sorted(pages - {last}):
            found += (await read(number)).records
        at, last_id = len(self._marks[last]) - 1, self._lasts[last]
        number, more = last, True
        while more:
            page = await read(number)
            if number == last and (len(page.records) <= at or page.records[at].get(self.key) != last_id):
                return None  # something before it came or went
            self.note(number, page.records, [key_of(record) for record in page.records])
            found += page.records
            if most and ceil(page.total / self.size) - number - 1 > most:
                raise Costly
            number, more = number + 1, page.more
        return found if self._ordered and known <= {key_of(record) for record in found} else None
