"""What the wire samples presume to be there already, room by room, and what the client is to make of their answers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from bulkreply.sandbox.store import Workspace

ROOMS = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def _gathered(name: str) -> dict:
    return {sample: value for room in ROOMS for sample, value in getattr(room, name, {}).items()}


JUDGED: dict[str, list[str]] = _gathered("JUDGED")
SETUP: dict[str, Callable[[Workspace], None]] = _gathered("SETUP")
SWITCHES: dict[str, dict[str, str]] = _gathered("SWITCHES")
SKIPPED: dict[str, str] = _gathered("SKIPPED")


def furnish(workspace: Workspace) -> None:
    """What most samples presume, of all rooms; contacts and lists come first."""
    for room in sorted(ROOMS, key=lambda room: not room.__name__.endswith(".people")):
        room.furnish(workspace)
