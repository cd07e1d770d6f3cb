"""Ids that come to be known while a run is under way, for the records that wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.slots import labels_in
from bulkreply.wire.answer import Settled

_THERE = {Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED}

_LOST = {Outcome.REJECTED, Outcome.UNKNOWN}


class Identities:
    """What fills the slots of staged records.

    Args:
        labels: Label -> position of records that others wait for.
        names: `contact_lists:Fair` -> JSON text of the id of what was created under that name.
    """

    def __init__(self, labels: Mapping[str, int], names: Mapping[str, str]) -> None:
        self._labels = labels
        self._names = names
        self._wanted = set(labels.values())
        self._made: dict[int, str] = {}
        self._refused: set[int] = set()

    def recall(self, ledger: Ledger) -> None:
        """Ids that earlier executions of the run came to know."""
        for result in ledger.results() if self._wanted else ():
            for i, position in enumerate(result.positions):
                if position in self._wanted:
                    number = result.ids[i] if len(result.ids) else 0
                    self._know(position, result.outcomes[i], str(number) if number else "")

    def note(self, positions: Sequence[int], settled: Settled) -> None:
        """Ids in an answer."""
        for i, position in enumerate(positions) if self._wanted else ():
            if position in self._wanted:
                text = orjson.dumps(settled.texts[i]).decode() if i in settled.texts else ""
                self._know(position, settled.outcomes[i], str(settled.ids[i]) if settled.ids[i] else text)

    def _know(self, position: int, outcome: int, identity: str) -> None:
        if outcome in _THERE and identity:
            self._made[position] = identity
        elif outcome in _LOST:
            self._refused.add(position)

    def id_of(self, slot: str) -> str | None:
        """JSON text of the id a slot takes, None while there is none."""
        if not slot.startswith("#"):
            return self._names.get(slot)
        return self._made.get(self._labels.get(slot[1:], -1))

    def outcome_without(self, text: str) -> Outcome:
        """What becomes of a record with slots that stay empty: rejected with what it waits for, or left alone."""
        waits_for = {self._labels.get(label, -1) for label in labels_in(text)}
        return Outcome.REJECTED if waits_for & self._refused else Outcome.SKIPPED
