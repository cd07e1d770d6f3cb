"""`/v3/sequence-folders` and the sequences in them (v3-sequences-steps.md 1)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, item_error, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, needs_text
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.sequences import SEQUENCES, row_page


def _check(asking: Asking, body: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    return {"name": body.get("name")}, needs_text(body, "name")


def _view(asking: Asking, record: Record) -> dict[str, Any]:
    return {"id": record["id"], "name": record["name"]}


def _gone(asking: Asking, record: Record) -> None:
    """Its sequences stay, in no folder."""
    for sequence in _inside(asking, record):
        sequence["folderId"] = None


FOLDERS = Kind("sequence_folders", "sequenceFolder", frozenset({"name"}), _check, _view, bare=True, gone=_gone)


def _inside(asking: Asking, folder: Record) -> list[Record]:
    return SEQUENCES.shelf(asking).where(folderId=folder["id"])


def list_sequences(asking: Asking) -> Answer:
    """GET the sequences in a folder: rows as in the list of sequences."""
    found = _inside(asking, FOLDERS.found(asking))
    return row_page(asking, found, asking.query.get("sort_by", ""), asking.query.get("sort_direction", ""))


def bulk_assign(asking: Asking) -> Answer:
    """POST sequences into a folder; they leave the one they were in."""
    return _move(asking, "bulk_assign", into=True)


def bulk_unassign(asking: Asking) -> Answer:
    """POST sequences out of a folder; one that is not in it is not found."""
    return _move(asking, "bulk_unassign", into=False)


def _move(asking: Asking, operation: str, into: bool) -> Answer:
    folder, failed, moved, effects = FOLDERS.found(asking)["id"], {}, [], []
    for number in asking.ids("sequenceIds"):
        sequence = SEQUENCES.shelf(asking).get(number)
        if sequence is None or (not into and sequence["folderId"] != folder):
            failed[str(number)] = item_error(asking.switches, "folder_links", "notFound", number)
            continue
        effects.append(Effect.UNCHANGED if into and sequence["folderId"] == folder else Effect.UPDATED)
        sequence["folderId"] = folder if into else None
        moved.append(number)
    asking.note(f"sequences_in_folder.{operation}", moved, effects)
    return json_answer(200, failed)


ROUTES = {
    "v3.sequence_folders.list": FOLDERS.list,
    "v3.sequence_folders.get": FOLDERS.get,
    "v3.sequence_folders.create": FOLDERS.create,
    "v3.sequence_folders.update": FOLDERS.update,
    "v3.sequence_folders.delete": FOLDERS.delete,
    "v3.sequences_in_folder.list": list_sequences,
    "v3.sequences_in_folder.bulk_assign": bulk_assign,
    "v3.sequences_in_folder.bulk_unassign": bulk_unassign,
}
