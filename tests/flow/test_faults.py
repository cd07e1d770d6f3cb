"""Thousands of wrong answers: every row ends as what really happened to it, and nothing is done twice."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import KEY_CANARY
from tests.flow import fault_cases
from tests.flow.account import Account
from tests.flow.fault_cases import Case
from tests.flow.faulty import Figures, Log, Row, play, shares
from tests.support import start_sandbox

Make = Callable[[Account, int, random.Random], Case]
SHORT, LONG = 125, 1_250
"""Answers to be altered per case."""
CASES: dict[str, tuple[Make, float, tuple[str, ...]]] = {
    "upsert": (fault_cases.upsert, 0.4, ("items_shuffled",)),
    "insert": (fault_cases.insert, 0.35, ("items_shuffled",)),
    "update": (fault_cases.update, 0.35, ("items_shuffled",)),
    "people": (fault_cases.people, 0.35, ()),
    "delete": (fault_cases.delete, 0.35, ("items_shuffled",)),
    "list": (fault_cases.onto_a_list, 0.35, ("items_shuffled",)),
    "pause": (fault_cases.pause, 0.35, ("items_shuffled",)),
    "enrol": (fault_cases.enrol, 0.35, ("items_shuffled",)),
    "move": (fault_cases.move, 0.35, ()),
}


@pytest.fixture
def furnished(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A stand-in with people made a day ago, and nobody else's faults."""
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    server = start_sandbox("--key", KEY_CANARY, "--limits", "none", "--seed", "5", "--seed-contacts", "150")
    yield Account(server)
    server.stop()


@pytest.mark.parametrize("name", CASES)
def test_random_answers(name: str, furnished: Account, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    make, most, more = CASES[name]
    wanted = LONG if request.config.getoption("--slow") else SHORT
    figures, chance = Figures(), random.Random(name)
    while figures.altered < wanted:
        furnished.server.change("reset", {})
        case = make(furnished, 150, chance)
        play(tmp_path / f"run{figures.runs}", furnished, case, shares(most, *more), figures)
    print(f"\n{name}: {figures}")


def test_who_was_there_before_is_enrolled_anew_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    state = tmp_path / "state.jsonl"
    options = ("--key", KEY_CANARY, "--limits", "none", "--seed", "5", "--state", str(state))
    server = start_sandbox(*options)
    ids = Account(server).contacts(60)
    Account(server).sequence("Spring", ids)
    server.stop()
    written = [json.loads(line) for line in state.read_text("utf-8").splitlines()]
    hour_ago = [[*one[:3], one[3] - 3600, *one[4:]] for one in written]
    state.write_text("".join(json.dumps(one) + "\n" for one in hour_ago), "utf-8")
    server = start_sandbox(*options)
    seen: Counter[int] = Counter()

    def judge(i: int, row: Row, log: Log) -> None:
        seen[log.changed("sequence_contacts.bulk_add", ids[i])] += row.outcome == "called"

    text = "to: {procedure: AddContactsToSequence, batch: 2}\n"
    rows = [f"Spring,{number},true" for number in ids]
    case = Case(text, "SequenceId,ContactIds,RemoveFromExisting", rows, judge)
    try:
        play(tmp_path / "run", Account(server), case, {"reset_before": 0.2, "lost_answer": 0.2}, Figures())
    finally:
        server.stop()
    assert seen == {1: len(ids)}, "called is who was enrolled anew, and that once"
