"""How words travel: enum values in and out, and the variables inside texts (v3-sequences-steps.md 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.vocabulary import V3_TEXTS

_VARIABLE = re.compile(r"{{\s*([^{}|]+?)\s*(?:\|[^{}]*)?}}")
# Which names need no custom field is not published: these are the fields of a contact, and what tells who writes.
_BUILT_IN = {name.lower() for name in V3_TEXTS} | {
    "fullname",
    "companysize",
    "domain",
    "linkedinprofile",
    "timezone",
    "sendername",
    "senderfirstname",
    "senderlastname",
    "senderemail",
    "signature",
    "unsubscribe",
    "optoutlink",
}


def chosen(asking: Asking, said: Any, words: Sequence[str]) -> str | None:
    """The word a client means, None when there is no such word."""
    strict = asking.switches["v3.enum_in"] == "camel_only"
    for word in words:
        if said == word or (not strict and isinstance(said, str) and said.lower() == word.lower()):
            return word
    return None


def spelled(asking: Asking, word: str) -> str:
    """A word as answers spell it."""
    return word[:1].upper() + word[1:] if asking.switches["v3.enum_out"] == "pascal" else word


def unknown_variables(asking: Asking, text: Any) -> list[str]:
    """Variables of a text that neither Reply nor a custom field fills, once each."""
    if not isinstance(text, str) or asking.switches["v3.unknown_step_variable"] == "accepted":
        return []
    known = _BUILT_IN | {one.title.lower() for one in asking.workspace.fields.values()}
    found = dict.fromkeys(_VARIABLE.findall(text))
    return [name for name in found if name.lower() not in known and name.replace(" ", "").lower() not in known]


def zulu(time_s: float) -> str:
    """A time as sequences tell it."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
