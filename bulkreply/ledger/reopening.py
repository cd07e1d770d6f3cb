"""Takes outcomes back: of rows that ended as unknown, or that were refused for what is not their fault."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bulkreply.ledger.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans


@dataclass(frozen=True, slots=True)
class Sent:
    """Rows that were sent together and whose fate is not known.

    Attributes:
        at_s: When they were sent, Unix seconds.
        ids: Position -> id of the record at Reply, where it was known before.
    """

    positions: Spans
    attempt: int
    at_s: float
    ids: Mapping[int, int] = field(default_factory=dict)


def unknown_rows(ledger: Ledger) -> Iterator[Sent]:
    """The rows that ended as unknown, as they were sent."""
    for entry, outcomes, ids in ledger.settled_batches():
        if Outcome.UNKNOWN in outcomes:
            lost = [i for i, outcome in enumerate(outcomes) if outcome == Outcome.UNKNOWN]
            places = list(entry.positions)
            known = {places[i]: ids[i] for i in lost if len(ids) and ids[i]}
            yield Sent(Spans.of(places[i] for i in lost), entry.attempt, entry.at_s, known)


def take_back(ledger: Ledger, positions: Spans) -> None:
    """Makes rows as if they had never been sent; the others of their batches keep their outcomes.

    Called inside a transaction, which then settles what is known of the rows; the others are free to be sent.
    """
    for entry, outcomes, ids in list(ledger.settled_batches()):
        places = list(entry.positions)
        kept = [i for i, at in enumerate(places) if at not in positions]
        if len(kept) == len(places):
            continue
        ledger.replace(entry.id)
        if kept:
            numbers = array("q", [ids[i] for i in kept]) if len(ids) else array("q")
            again = ledger.intend(Spans.of(places[i] for i in kept), entry.attempt, entry.at_s)
            ledger.settle(again, bytes(outcomes[i] for i in kept), numbers, {})
    ledger.forget(positions)
