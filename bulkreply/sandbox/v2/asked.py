"""Values of a V2 body, one by one; a wrong one is refused in the dialect of V1 and V2 (conventions.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record


def number_in(asking: Asking, body: Mapping[str, Any], name: str, least: int) -> int:
    """A whole number the body must hold; digits as text are one too (v1-v2.md 7).

    Raises:
        Refused: It is missing, too small, or no number.
    """
    found = body.get(name)
    if isinstance(found, str) and found.isascii() and found.isdigit():
        found = int(found[:18])
    if type(found) is not int or found < least:
        raise asking.v1_refused(400, f"{name} must be a whole number, at least {least}.")
    return found


def several_in(asking: Asking, body: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    """The values of an array the body must hold.

    Raises:
        Refused: It is missing, empty, or holds something else.
    """
    found = body.get(name)
    if not isinstance(found, list) or not found or not all(type(one) is kind for one in found):
        raise asking.v1_refused(400, f"{name} are required.")
    return found


def flag_in(asking: Asking, body: Mapping[str, Any], name: str, default: bool | None = None) -> bool:
    """A boolean.

    Raises:
        Refused: It is something else, or missing without a default.
    """
    found = body.get(name)
    if found is None:
        found = default
    if not isinstance(found, bool):
        raise asking.v1_refused(400, f"{name} must be true or false.")
    return found


def record_at(asking: Asking, shelf: str, what: str, parameter: str = "id") -> Record:
    """The record the path names.

    Raises:
        Refused: There is none.
    """
    found = asking.workspace.shelf(shelf).get(asking.id(parameter))
    if found is None:
        raise asking.v1_refused(404, f"{what} not found.")
    return found
