"""Ids that come to be known while a run is under way, for the records that wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.wire.answer import Settled

_THERE = {Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED}


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

    def recall(self, ledger: Ledger) -> None:
        """Ids that earlier executions of the run came to know."""
        for result in ledger.results() if self._wanted else ():
            for i, position in enumerate(result.positions):
                if position in self._wanted and len(result.ids) and result.ids[i] and result.outcomes[i] in _THERE:
                    self._made[position] = str(result.ids[i])

    def note(self, positions: Sequence[int], settled: Settled) -> None:
        """Ids in an answer."""
        for i, position in enumerate(positions) if self._wanted else ():
            if position in self._wanted and settled.outcomes[i] in _THERE:
                number, text = settled.ids[i], settled.texts.get(i)
                if number or text:
                    self._made[position] = str(number) if number else orjson.dumps(text).decode()

    def id_of(self, slot: str) -> str | None:
        """JSON text of the id a slot takes, None while there is none."""
        if not slot.startswith("#"):
            return self._names.get(slot)
        return self._made.get(self._labels.get(slot[1:], -1))
