"""What a route gets to see of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bulkreply.sandbox.answers import Answer, Refused, invalid, json_answer, problem, v1_error
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, Workspace, note_surprises
from bulkreply.sandbox.switches import Switches

_UNREAD = object()
_MOST_ID = 2**63


@dataclass(slots=True)
class Asking:
    """One request to one account.

    Attributes:
        parameters: From the path.
        query: From the query part, names in lower case for V1.
        number: Number of the request, for the event log.
        user: User the caller acts as.
        wrote: Set once anything was changed, so that the journal keeps the request.
    """

    workspace: Workspace
    switches: Switches
    api: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    content_type: str
    now_s: float
    number: int
    user: int
    base: str = ""
    wrote: bool = False
    _body: Any = _UNREAD

    def refuse(self, problems: Sequence[tuple[str, str]]) -> Refused:
        """A 400 in the dialect of the API: pointers in V3, a sentence in V1."""
        if self.api == "v3":
            return Refused(invalid(problems))
        return self.v1_refused(400, " ".join(detail for _, detail in problems))

    def body(self) -> Any:
        """The parsed body.

        Raises:
            Refused: It is not JSON, or does not say that it is.
        """
        if self._body is _UNREAD:
            if not self.content_type.lower().startswith(("application/json", "application/problem+json")):
                detail = "application/json is needed."
                if self.api != "v3":
                    raise self.v1_refused(415, detail)
                raise Refused(problem(self.switches, 415, "Unsupported media type", detail))
            try:
                self._body = orjson.loads(self.content)
            except ValueError:
                raise self.refuse([("", "The body is not JSON.")]) from None
        return self._body

    def mapping(self, where: str = "", known: Sequence[str] = ()) -> dict[str, Any]:
        """The body, an object.

        Args:
            where: Operation under which keys outside `known` are noted as surprises, "" for none.

        Raises:
            Refused: It is something else.
        """
        body = self.body()
        if not isinstance(body, dict):
            raise self.refuse([("", "An object is needed.")])
        if where:
            note_surprises(self.workspace, where, body, known)
        return body

    def text(self, name: str, *, most: int = 0) -> str:
        """A text of the body that must be there.

        Raises:
            Refused: It is missing, blank, too long or no text.
        """
        found = self.mapping().get(name)
        if not isinstance(found, str) or not found.strip():
            raise self.refuse([(f"/{name}", "A value is needed.")])
        if most and len(found) > most:
            raise self.refuse([(f"/{name}", f"At most {most} characters.")])
        return found

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A boolean of the body.

        Raises:
            Refused: It is something else, or missing without a default.
        """
        found = self.mapping().get(name, default)
        if not isinstance(found, bool):
            raise self.refuse([(f"/{name}", "A value is needed." if found is None else "true or false.")])
        return found

    def whole(self, name: str) -> int:
        """A whole number of the body that must be there.

        Raises:
            Refused: It is missing or something else.
        """
        found = self.mapping().get(name)
        if type(found) is not int:
            raise self.refuse([(f"/{name}", "A value is needed." if found is None else "A whole number is needed.")])
        return found

    def ids(self, name: str, most: int = 0) -> list[int]:
        """An array of ids from the body, each once.

        Raises:
            Refused: It is missing, empty, too long, or holds something else.
        """
        found = self.mapping().get(name)
        if not isinstance(found, list) or not found:
            raise self.refuse([(f"/{name}", "At least one id is needed.")])
        wrong = [(f"/{name}/{at}", "An id is needed.") for at, one in enumerate(found) if type(one) is not int]
        if wrong:
            raise self.refuse(wrong)
        if most and len(found) > most:
            raise self.refuse([(f"/{name}", f"At most {most} ids.")])
        return list(dict.fromkeys(found))

    def id(self, name: str = "id") -> int:
        """A whole number from the path, 0 when it is none."""
        text = self.parameters.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 19 else 0

    def contact(self) -> Contact:
        """The contact the path names.

        Raises:
            Refused: 404 `contact.notFound`.
        """
        found = self.workspace.contacts.get(self.id())
        if found is None:
            raise self.not_found("contact.notFound", "contact")
        return found

    def editable(self, contact: Contact) -> bool:
        """Whether the caller may change a contact; teammates' contacts may not be changed."""
        return self.workspace.team.may_edit(self.user, contact.owner)

    def own_contact(self) -> Contact:
        """The contact the path names, for a change.

        Raises:
            Refused: 404, or 403 `contact.forbidden` for a teammate's [guess].
        """
        found = self.contact()
        if not self.editable(found):
            detail = "Another user owns this contact."
            raise Refused(problem(self.switches, 403, "Forbidden", detail, code="contact.forbidden"))
        return found

    def not_found(self, code: str, what: str) -> Refused:
        """A 404."""
        return Refused(problem(self.switches, 404, "Not found", f"No such {what}.", code=code))

    def v1_refused(self, status: int, text: str) -> Refused:
        """A refusal of V1."""
        return Refused(v1_error(self.switches, status, text))

    def note(self, operation: str, ids: Sequence[int], effects: Sequence[Effect]) -> None:
        """Enter writes into the event log."""
        self.wrote = True
        self.workspace.events.note(self.now_s, self.number, operation, ids, effects)

    def created(self, view: Any) -> Answer:
        """The answer to a create: 201 by default."""
        return json_answer(int(self.switches["v3.create_status"]), view)

    def done(self) -> Answer:
        """The answer to an action that says nothing: 204 by default."""
        return Answer(int(self.switches["v3.empty_action"]))

    def page(self, default: int, most: int) -> tuple[int, int]:
        """`top` and `skip` (conventions.md 4).

        Raises:
            Refused: Out of range.
        """
        problems, values = [], {"top": default, "skip": 0}
        for name, low, high in (("top", 1, most), ("skip", 0, _MOST_ID)):
            text = self.query.get(name)
            if text is None:
                continue
            if not text.isdecimal() or not low <= int(text) <= high:
                problems.append((f"/{name}", f"From {low} to {high}."))
            else:
                values[name] = int(text)
        if problems:
            raise self.refuse(problems)
        return values["top"], values["skip"]
