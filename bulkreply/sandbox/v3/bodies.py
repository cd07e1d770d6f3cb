"""Reads the values of a body one by one, and remembers everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from bulkreply.sandbox.answers import Refused, invalid
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.plain import Problems
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.vocabulary import is_address, pascal

NEEDED = "A value is needed."
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Body:
    """A body, or a part of one. A value that is null counts as absent.

    Args:
        values: What was sent; anything but an object is refused.
        at: JSON pointer of the part, "" for the whole.
        problems: Where complaints go; parts share it with the whole.
    """

    def __init__(self, asking: Asking, values: Any, at: str = "", problems: Problems | None = None) -> None:
        self.problems: Problems = [] if problems is None else problems
        self._asking = asking
        self._at = at
        if not isinstance(values, Mapping):
            self.problems.append((at, "An object is needed."))
            values = {}
        self._values: Mapping[str, Any] = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def cleared(self, name: str) -> bool:
        """Whether a value was sent as null."""
        return name in self._values and self._values[name] is None

    def known(self, where: str, keys: Sequence[str] | frozenset[str]) -> None:
        """Notes keys that Reply is not known to take."""
        note_surprises(self._asking.workspace, where, self._values, keys)

    def wrong(self, name: str, detail: str) -> None:
        """Complains about a value."""
        self.problems.append((f"{self._at}/{name}" if name else self._at, detail))

    def refuse(self) -> None:
        """Ends here when there was something to complain about.

        Raises:
            Refused: A validation 400 that names everything wrong.
        """
        if self.problems:
            raise Refused(invalid(self.problems))

    def text(self, name: str, *, needed: bool = False, most: int = 0) -> str | None:
        """A text; a needed one may not be blank."""
        found = self._values.get(name)
        if found is None or (needed and isinstance(found, str) and not found.strip()):
            if needed:
                self.wrong(name, NEEDED)
            return None
        if not isinstance(found, str):
            self.wrong(name, "A text is needed.")
            return None
        if most and len(found) > most:
            self.wrong(name, f"At most {most} characters.")
        return found

    def address(self, name: str, *, needed: bool = False) -> str | None:
        """An e-mail address."""
        found = self.text(name, needed=needed)
        if found is not None and not is_address(found):
            self.wrong(name, "Not a valid address.")
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""
        found = self._values.get(name, default)
        if found is not None and not isinstance(found, bool):
            self.wrong(name, "true or false.")
        return bool(default if found is None else found)

    def whole(self, name: str, low: int, high: int, *, needed: bool = False) -> int | None:
        """A whole number within bounds."""
        found = self._values.get(name)
        if found is None:
            if needed:
                self.wrong(name, NEEDED)
            return None
        if type(found) is not int:
            self.wrong(name, "A whole number is needed.")
            return None
        if not low <= found <= high:
            self.wrong(name, f"From {low} to {high}.")
        return found

    def word(self, name: str, words: Sequence[str], *, needed: bool = False) -> str | None:
        """One of some lowerCamel words, in any case unless told otherwise."""
        found = self.text(name, needed=needed)
        if found is None:
            return None
        strict = self._asking.switches["v3.enum_in"] == "camel_only"
        for word in words:
            if found == word or (not strict and found.lower() == word.lower()):
                return word
        self.wrong(name, f"One of {', '.join(words)}.")
        return None

    def day(self, name: str, *, needed: bool = False) -> str | None:
        """A calendar day, `YYYY-MM-DD`."""
        found = self.text(name, needed=needed)
        if found is None:
            return None
        try:
            if _DAY.fullmatch(found):
                return date.fromisoformat(found).isoformat()
        except ValueError:
            pass
        self.wrong(name, "A day is needed, YYYY-MM-DD.")
        return None

    def texts(self, name: str) -> list[str]:
        """Several texts."""
        found = self._values.get(name) or []
        if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
            self.wrong(name, "Texts are needed.")
            return []
        return list(dict.fromkeys(found))

    def ids(self, name: str, most: int = 0) -> list[int]:
        """Several ids."""
        found = self._values.get(name) or []
        if not isinstance(found, list) or not all(type(one) is int and one > 0 for one in found):
            self.wrong(name, "Ids are needed.")
            return []
        if most and len(found) > most:
            self.wrong(name, f"At most {most}.")
        return found

    def part(self, name: str) -> Body:
        """An object within; an empty one when it is absent."""
        found = self._values.get(name)
        return Body(self._asking, {} if found is None else found, f"{self._at}/{name}", self.problems)

    def parts(self, name: str) -> list[Body]:
        """Several objects within."""
        found = self._values.get(name)
        if found is not None and not isinstance(found, list):
            self.wrong(name, "An array is needed.")
            return []
        return [Body(self._asking, one, f"{self._at}/{name}/{i}", self.problems) for i, one in enumerate(found or [])]


def spelled(asking: Asking, word: str | None) -> str | None:
    """How a word is answered: lowerCamel, or PascalCase when told so."""
    return pascal(word) if word and asking.switches["v3.enum_out"] == "pascal" else word


def moment(time_s: float) -> str:
    """A time of day in UTC, `2026-03-02T14:00:00Z`."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
