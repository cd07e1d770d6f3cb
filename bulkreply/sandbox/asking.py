"""What a route gets to see of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bulkreply.sandbox.answers import Refused, invalid, problem, v1_error
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Workspace
from bulkreply.sandbox.switches import Switches


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to one account.

    Attributes:
        number: Number of the request, for the event log.
        user: User the caller acts as.
        parameters: From the path.
        query: From the query part, names in lower case for V1.
        content_type: As the request says it; with it a form is told from JSON.
    """

    workspace: Workspace
    switches: Switches
    method: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    now_s: float
    number: int
    user: int
    base: str = ""
    content_type: str = ""

    def json(self) -> Any:
        """The body.

        Raises:
            Refused: It is not JSON.
        """
        try:
            return orjson.loads(self.content)
        except ValueError:
            raise Refused(invalid([("", "The body is not JSON.")])) from None

    def mapping(self) -> dict[str, Any]:
        """The body, an object.

        Raises:
            Refused: It is something else.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise Refused(invalid([("", "An object is needed.")]))
        return body

    def id(self, name: str = "id") -> int:
        """A whole number from the path, 0 when it is none."""
        text = self.parameters.get(name, "")
        return int(text) if text.isdigit() and len(text) < 19 else 0

    def ids(self, name: str, most: int = 0) -> list[int]:
        """An array of ids from the body.

        Raises:
            Refused: It is missing, empty, too long, or holds something else.
        """
        found = self.mapping().get(name)
        if not isinstance(found, list) or not found or not all(type(one) is int for one in found):
            raise Refused(invalid([(f"/{name}", "At least one id is needed.")]))
        if most and len(found) > most:
            raise Refused(invalid([(f"/{name}", f"At most {most} ids.")]))
        return found

    def note(self, operation: str, ids: Sequence[Any], effects: Sequence[Effect]) -> None:
        """Tells the event log; things without a number are counted under 0."""
        numbers = [number if isinstance(number, int) else 0 for number in ids]
        self.workspace.events.note(self.now_s, self.number, operation, numbers, effects)

    def not_found(self, code: str, what: str) -> Refused:
        """A 404."""
        return Refused(problem(self.switches, 404, "Not found", f"No such {what}.", code=code))

    def v1_refused(self, status: int, text: str) -> Refused:
        """A refusal of V1."""
        return Refused(v1_error(self.switches, status, text))

    def page(self, default: int, most: int) -> tuple[int, int]:
        """`top` and `skip` (conventions.md 4).

        Raises:
            Refused: Out of range.
        """
        problems, values = [], {"top": default, "skip": 0}
        for name, low, high in (("top", 1, most), ("skip", 0, 10**9)):
            text = self.query.get(name)
            if text is None:
                continue
            if not text.isdigit() or not low <= int(text) <= high:
                problems.append((f"/{name}", f"From {low} to {high}."))
            else:
                values[name] = int(text)
        if problems:
            raise Refused(invalid(problems))
        return values["top"], values["skip"]
