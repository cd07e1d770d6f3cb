"""What names of referenced records mean in an account, and what a cell that names some becomes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from bulkreply.slots import named

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Names:
    """What names of the records of one object mean in this account.

    Attributes:
        object: The object.
        ids: Name without case -> ids that carry it.
        creatable: Whether an unknown name is created before the rows are sent.
        checked: False when Reply has not been asked (a plan without a key): every name is taken as known.
        all_ids: Every id there is, when ids given in the file are checked too.
    """

    object: str = ""
    ids: Mapping[str, Sequence[int | str]] = field(default_factory=dict)
    creatable: bool = False
    checked: bool = True
    all_ids: frozenset[int | str] | None = None

    def one(self, name: str) -> tuple[str, str, str]:
        """What one name or id stands for: `(JSON text or slot, code, message)`; code is "" when it is known."""
        found = self.ids.get(name.lower(), ())
        if len(found) > 1:
            return "", "reference.ambiguous", f"{len(found)} records at Reply are called {name!r}: give the id"
        if found:
            return orjson.dumps(found[0]).decode(), "", ""
        if is_id(name):
            known: int | str = int(name) if _ID.fullmatch(name) else name.lower()
            if self.all_ids is None or known in self.all_ids:
                return orjson.dumps(known).decode(), "", ""
        if self.creatable or not self.checked:
            return named(self.object, name), "", ""
        close = difflib.get_close_matches(name.lower(), list(self.ids), n=1)
        tail = f"; did you mean {close[0]!r}?" if close else ""
        return "", "reference.unknown", f"there is no {name!r} at Reply{tail}"

    def several(self, names: Iterable[str]) -> tuple[str, str, str]:
        """The names of one cell as a JSON array in a fixed order, or why not."""
        tokens: set[str] = set()
        for name in filter(None, (name.strip() for name in names)):
            token, code, message = self.one(name)
            if code:
                return "", code, message
            tokens.add(token)
        return f"[{','.join(sorted(tokens))}]", "", ""


def is_id(text: str) -> bool:
    """Whether a cell holds an id of Reply rather than a name: a whole number, or a UUID."""
    return bool(_ID.fullmatch(text) or _UUID.fullmatch(text))
