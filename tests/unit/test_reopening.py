"""Outcomes that are taken back: just the rows named, and whatever the order, the tally stays one row each."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkreply.ledger import Ledger
from bulkreply.ledger.reopening import take_back, unknown_rows
from bulkreply.outcomes import Outcome
from bulkreply.spans import Spans

C, R, U = Outcome.CREATED, Outcome.REJECTED, Outcome.UNKNOWN


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two batches of four rows, one of one."""
    made = Ledger.create(tmp_path / "ledger.sqlite")
    with made.transaction():
        for first, outcomes, at_s in ((0, (C, U, U, R), 10.0), (4, (C, C, C, C), 20.0), (8, (U,), 30.0)):
            places = range(first, first + len(outcomes))
            failures = {at: ("why", "", "") for at, one in zip(places, outcomes, strict=True) if one in (R, U)}
            entry = made.intend(Spans.of(places), 2, at_s)
            made.settle(entry, bytes(outcomes), [100 + at for at in places], failures)
    return made


def test_unknown_rows_are_found_as_they_were_sent(ledger: Ledger) -> None:
    found = list(unknown_rows(ledger))
    assert [(str(one.positions), one.attempt, one.at_s) for one in found] == [("1-2", 2, 10.0), ("8", 2, 30.0)]
    assert dict(found[0].ids) == {1: 101, 2: 102}


@pytest.mark.parametrize("rows", [(1, 2), (0, 3), (5,), (0, 1, 2, 3), (8,), (2, 6, 8), tuple(range(9)), ()])
def test_only_the_rows_named_are_taken_back(ledger: Ledger, rows: tuple[int, ...], tmp_path: Path) -> None:
    before = fates(ledger)
    with ledger.transaction():
        take_back(ledger, Spans.of(rows))
    ledger.close()
    again = Ledger.open(tmp_path / "ledger.sqlite")
    assert fates(again) == {at: fate for at, fate in before.items() if at not in rows}
    assert set(again.settled()) == set(before) - set(rows)
    assert {at for at, *_ in again.failures()} == {1, 2, 3, 8} - set(rows)
    assert again.open_entries() == []
    assert not again.damaged(9)
    with again.transaction():
        again.settle_unsent(Spans.of(rows), bytes([C] * len(rows)), (), {})
    assert sum(again.tally().values()) == 9, "each row counts once"


def fates(ledger: Ledger) -> dict[int, tuple[int, int]]:
    """Position -> outcome and id."""
    found: dict[int, tuple[int, int]] = {}
    for result in ledger.results():
        ids = result.ids or [0] * len(result.outcomes)
        found |= {at: (result.outcomes[i], ids[i]) for i, at in enumerate(result.positions)}
    return found
