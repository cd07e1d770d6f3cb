"""`/v3/settings`: the one set of settings of a user (v3-tasks-inbox-reports.md 4). What a section holds is unknown."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body

SECTIONS = ("account", "emails", "linkedIn", "calls", "contacts", "beta")


def _own(asking: Asking) -> Record:
    shelf = asking.workspace.shelf("settings")
    return shelf.get(asking.user) or shelf.add({"id": asking.user} | {name: {} for name in SECTIONS})


def _view(settings: Record) -> dict[str, Any]:
    return {name: settings[name] for name in SECTIONS}


def get_settings(asking: Asking) -> Answer:
    """GET all sections."""
    return json_answer(200, _view(_own(asking)))


def update_settings(asking: Asking) -> Answer:
    """PATCH sections: what a section leaves out stays (guess)."""
    settings, content = _own(asking), asking.mapping()
    body = Body(asking, content)
    body.known("settings.update", SECTIONS)
    for name in SECTIONS:
        body.part(name)
    body.refuse()
    for name in SECTIONS:
        if name in body:
            settings[name] = settings[name] | content[name]
    asking.note("settings.update", [asking.user], [Effect.UPDATED])
    return json_answer(200, _view(settings))


ROUTES = {
    "v3.settings.get": get_settings,
    "v3.settings.update": update_settings,
}
