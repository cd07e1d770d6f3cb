"""The settings of a sequence (v3-sequences-steps.md 1)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.plain import Problems
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.v3.wording import chosen, spelled

_REPLIES = ("markAsFinished", "continueSending")
# The seven that belong together, and the values of a new sequence.
_SEVEN: Record = {
    "emailsCountPerDay": 50,
    "daysToFinishProspect": 14,
    "emailSendingDelaySeconds": 60,
    "dailyThrottling": 20,
    "useDailyThrottling": True,
    "disableOpensTracking": False,
    "repliesHandlingType": _REPLIES[0],
}
DEFAULTS: Record = _SEVEN | {
    "enableLinksTracking": False,
    "isSendingPlainTextEnabled": False,
    "isListUnsubscribeHeaderEnabled": False,
    "isSameDomainSendingLimitEnabled": False,
    "numberOfSameDomainSendingLimit": None,
    "matchProspectToEmailAccountProvider": False,
    "callIsAutomatic": False,
    "taskIsAutomatic": False,
    "generatedTaskOwner": None,
}
"""Settings of a new sequence."""


def check_settings(asking: Asking, body: Any, before: Record) -> tuple[Record, Problems]:
    """The settings after a write, and what is wrong with it."""
    if not isinstance(body, dict):
        return before, [("/settings", "An object is needed.")]
    note_surprises(asking.workspace, "sequences.settings", body, DEFAULTS)
    problems: Problems = []
    if asking.switches["v3.settings_partial"] == "refused":
        problems += [(f"/settings/{name}", "A value is needed.") for name in _SEVEN if body.get(name) is None]
    values = dict(before)
    for name in DEFAULTS.keys() & body.keys():
        value = body[name]
        if value is None:
            continue
        values[name] = chosen(asking, value, _REPLIES) if name == "repliesHandlingType" else value
        if wrong := _wrong(name, values[name]):
            problems.append((f"/settings/{name}", wrong))
    return values, problems


def _wrong(name: str, value: Any) -> str:
    if name == "repliesHandlingType":
        return "" if value else f"One of {', '.join(_REPLIES)}."
    if name == "generatedTaskOwner":
        return "" if isinstance(value, str) else "A text is needed."
    if isinstance(DEFAULTS[name], bool):
        return "" if isinstance(value, bool) else "true or false."
    least = 1 if name == "emailsCountPerDay" else 0
    return "" if type(value) is int and value >= least else f"A whole number from {least}."


def settings_view(asking: Asking, settings: Record) -> dict[str, Any]:
    """Settings as they are answered."""
    word = settings.get("repliesHandlingType")
    return settings | ({"repliesHandlingType": spelled(asking, word)} if word else {})
