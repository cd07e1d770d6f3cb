"""How V1 reads a body: keys in any case, JSON or form-encoded (conventions.md 1 and 3), and whom it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bulkreply.sandbox.answers import Answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import Contact, note_surprises

DONE = Answer(200, b"", "text/plain")
"""The answer of an action: empty text."""


def body_of(asking: Asking, where: str, known: Iterable[str]) -> dict[str, Any]:
    """The values of a body under the spellings of `known`; others are noted as surprises and left out.

    Raises:
        Refused: It is no object.
    """
    if asking.content_type.lower().startswith("application/x-www-form-urlencoded"):
        body: Any = dict(parse_qsl(asking.content.decode("utf-8", "replace"), keep_blank_values=True))
    else:
        try:
            body = orjson.loads(asking.content)
        except ValueError:
            raise asking.v1_refused(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise asking.v1_refused(400, "An object is needed.")
    spelled = {folded(name): name for name in known}
    named = {spelled.get(folded(str(name)), str(name)): value for name, value in body.items()}
    note_surprises(asking.workspace, where, named, spelled.values())
    return {name: value for name, value in named.items() if name in spelled.values()}


def folded(name: str) -> str:
    """A key as V1 compares it."""
    return name.replace(" ", "").lower()


def number_in(value: Any) -> int:
    """A whole number in a body, also as text; 0 when it is none."""
    if isinstance(value, str) and value.isdigit() and len(value) < 19:
        return int(value)
    return value if type(value) is int else 0


def numbers_in(asking: Asking, name: str, value: Any) -> list[int]:
    """An array of ids of a body.

    Raises:
        Refused: It is missing, empty, too long, or holds something else.
    """
    if not isinstance(value, list) or not value or not all(type(one) is int for one in value):
        raise asking.v1_refused(400, f"{name} is required.")
    most = asking.switches.number("v1.bulk_ids_max")
    if most is not None and len(value) > most:
        raise asking.v1_refused(400, f"Too many {name}: at most {most}.")
    return value


def truth(value: Any) -> bool:
    """A yes or no of a body, also as text."""
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


def person_with(asking: Asking, address: Any) -> Contact:
    """The person with an address.

    Raises:
        Refused: There is no address, or nobody has it.
    """
    if not isinstance(address, str) or not address.strip():
        raise asking.v1_refused(400, "Email is required.")
    found = asking.workspace.by_email(address.strip())
    if found is None:
        raise asking.v1_refused(404, "Person not found.")
    return found


def campaign_with(asking: Asking, number: Any) -> Record:
    """The campaign with an id.

    Raises:
        Refused: There is none.
    """
    found = asking.workspace.shelf("sequences").get(number_in(number))
    if found is None:
        raise asking.v1_refused(404, "Campaign not found.")
    return found
