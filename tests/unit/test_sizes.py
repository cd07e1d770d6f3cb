"""How many records a call carries, answer by answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bulkreply.batching import Batch
from bulkreply.catalog import Catalog, Operation
from bulkreply.sizes import REFUSED_S, BatchSizes
from bulkreply.wire.verdict import Judgement, Verdict

CATALOG = Catalog()
IMPORT = CATALOG.operation("v3.contacts.import")
MANY = 1_000_000
DONE = Judgement(Verdict.DONE)
TOO_LARGE = Judgement(Verdict.SPLIT, oversized=True)


@dataclass
class Still:
    """A clock that stands where it is put."""

    at_s: float = 1_800_000_000.0

    def now_s(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        self.at_s += delay_s

    def jitter(self) -> float:
        return 0.0


class Run:
    """Calls of one run, one after the other."""

    def __init__(self, wanted: int = 0, clock: Still | None = None, operation: Operation = IMPORT) -> None:
        self.sizes = BatchSizes("account", wanted, clock or Still())
        self.operation = operation
        self._at = 0

    def cut(self, left: int = MANY, size: int = 0, row: str = "{}") -> Batch:
        size = size or self.sizes.now(self.operation, left)
        positions = tuple(range(self._at, self._at + size))
        self._at += size
        batch = Batch(positions, ("",) * size, (row,) * size)
        self.sizes.cut(self.operation, batch)
        return batch

    def hear(self, batch: Batch, judgement: Judgement = DONE, took_s: float = 0.1) -> None:
        self.sizes.heard(self.operation, batch, judgement, took_s)

    def calls(self, number: int, most: int = MANY, took_s: float = 0.1, row: str = "{}") -> list[int]:
        """The sizes of so many calls to a server that takes at most so many records."""
        made = []
        for _ in range(number):
            batch = self.cut(row=row)
            made.append(len(batch))
            self.hear(batch, DONE if len(batch) <= most else TOO_LARGE, took_s)
        return made


def test_one_larger_call_is_under_way_at_a_time() -> None:
    run = Run()
    assert run.calls(3) == [100] * 3
    tried, others = run.cut(), [run.cut() for _ in range(5)]
    assert (len(tried), {len(one) for one in others}) == (200, {100})
    for one in others:
        run.hear(one)
    assert len(run.cut()) == 100, "it has not been answered yet"
    run.hear(tried)
    assert len(run.cut()) == 200


def test_what_goes_again_after_a_throttle_is_still_under_way() -> None:
    run = Run()
    run.calls(3)
    tried = run.cut()
    run.hear(tried, Judgement(Verdict.WAIT))
    assert len(run.cut()) == 100
    run.hear(tried.only(range(1, 200)), DONE)
    assert run.sizes.now(IMPORT) == 199, "one of its rows was left out"


def test_a_limit_is_closed_in_on() -> None:
    run, clock = Run(), Still()
    assert run.calls(40, most=500)[-20:] == [500] * 20
    assert set(run.calls(40, most=500)) == {500}
    assert set(Run(clock=clock).calls(40, most=500)) == {500}, "in the next run from its first call on"
    clock.at_s += REFUSED_S + 1
    assert max(Run(clock=clock).calls(20)) == 1000


def test_never_above_what_the_catalog_says() -> None:
    for label in ("v3.contacts.set_replied", "v3.tasks.bulk_complete"):
        assert set(Run(operation=CATALOG.operation(label)).calls(40)) == {100}
    assert max(Run().calls(60)) == 1000


@pytest.mark.parametrize("label", ["v3.sequences.bulk_start", "v1.people.csv_import"])
def test_what_reaches_people_or_says_nothing_is_not_tried_with(label: str) -> None:
    operation = CATALOG.operation(label)
    assert operation.batch is not None
    assert operation.batch.start < operation.batch.max
    assert set(Run(operation=operation).calls(20)) == {operation.batch.start}


def test_few_rows_slow_answers_and_large_bodies_are_no_reason_to_try() -> None:
    few = Run()
    few.calls(3)
    assert len(few.cut(left=1999)) == 100
    assert len(few.cut(left=2000)) == 200
    assert set(Run().calls(20, took_s=6.0)) == {100}
    assert set(Run().calls(20, row="x" * 6000)) == {100}, "200 of them would be more than a megabyte"
    assert set(Run(wanted=40).calls(20)) == {40}


@pytest.mark.parametrize(
    "judgement",
    [Judgement(Verdict.VERIFY, ambiguous=True), Judgement(Verdict.RETRY, ambiguous=True), Judgement(Verdict.FOLLOW)],
)
def test_a_larger_call_without_a_plain_answer_ends_growth(judgement: Judgement) -> None:
    run, clock = Run(), Still()
    run.calls(7)
    tried = run.cut()
    assert len(tried) == 400
    run.hear(tried, judgement)
    assert set(run.calls(20)) == {200}
    assert max(Run(clock=clock).calls(20)) < 400, "nor does the next run try it"
    clock.at_s += 86_401
    assert max(Run(clock=clock).calls(20)) > 400


def test_lost_answers_to_calls_of_the_usual_size_change_nothing() -> None:
    run = Run()
    for _ in range(5):
        run.hear(run.cut(), Judgement(Verdict.VERIFY, ambiguous=True))
    assert run.calls(4) == [100, 100, 100, 200]


def test_rows_that_are_refused_in_a_size_that_was_taken_are_no_limit() -> None:
    run = Run()
    run.calls(2)
    bad = run.cut()
    run.hear(bad, TOO_LARGE)
    for half in bad.halves():
        run.hear(half, TOO_LARGE)
    assert run.calls(1) == [100]
    for _ in range(3):
        run.hear(run.cut(left=0), TOO_LARGE)
    assert run.calls(1) == [50], "unless that goes on"


def test_a_size_the_job_names_still_falls_back() -> None:
    run = Run(wanted=20)
    assert run.calls(8, most=7) == [20, 10] + [5] * 6
    assert Run(wanted=20).calls(3, most=7) == [5] * 3


@pytest.mark.parametrize("text", ["", "[]", '{"v3.contacts.import": 50}', '{"v3.contacts.import": {"taken": "x"}}'])
def test_a_memory_that_makes_no_sense_is_none(text: str) -> None:
    run = Run()
    run.calls(40, most=500)
    run.sizes._path.write_text(text, "utf-8")
    assert Run().calls(4) == [100, 100, 100, 200]
