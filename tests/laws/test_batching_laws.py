"""Laws of what numbers rows: spans behave as sets, batches add up to what is left to do, duplicates balance."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.batching import batches
from bulkreply.mapping import REJECT_SCHEMA
from bulkreply.spans import Spans
from bulkreply.stage import Stage, StageWriter
from bulkreply.wire.layout import RECORD_SCHEMA

NUMBERS = st.sets(st.integers(0, 60))


@given(NUMBERS, NUMBERS, st.integers(0, 60), st.integers(0, 60))
def test_spans_are_sets(a: set[int], b: set[int], first: int, end: int) -> None:
    left, right = Spans.of(a), Spans.of(b)
    assert list(left) == sorted(a)
    assert len(left) == len(a)
    assert list(left | right) == sorted(a | b)
    assert list(left.minus(right)) == sorted(a - b)
    assert list(left.within(first, end)) == sorted(x for x in a if first <= x < end)
    assert Spans.parse(str(left)) == left
    assert all((x in left) == (x in a) for x in range(62))


GROUPS = {"a": "", "b": '{"shared":{"options":{"listIds":[71]}}}', "c": '{"shared":{"options":{"listIds":[72]}}}'}
ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8)), max_size=40)


@given(ROWS, NUMBERS, st.lists(st.integers(1, 7), min_size=1), st.integers(1, 9))
@settings(deadline=None)
def test_batches_add_up_to_what_is_left(
    rows: list[tuple[str, int]], done: set[int], sizes: list[int], part_rows: int
) -> None:
    groups = [group for group, _ in rows]
    frame = pl.DataFrame(
        {"key": [str(i) for i in range(len(rows))], "group": groups, "body": [f"b{i}" for i in range(len(rows))]},
        schema={"key": pl.String, "group": pl.String, "body": pl.String},
    )
    parts = [
        (at, min(at + part_rows, len(rows)), lambda at=at: frame.slice(at, part_rows))
        for at in range(0, len(rows), part_rows)
    ]
    turn = iter(sizes * 100)
    found = list(batches(parts, Spans.of(done), lambda group: next(turn)))
    assert [at for batch in found for at in batch.positions] == [i for i in range(len(rows)) if i not in done]
    for batch in found:
        assert len(batch) <= max(sizes)
        assert {groups[at] for at in batch.positions} == {batch.group}
        assert list(batch.bodies) == [f"b{at}" for at in batch.positions]


@given(ROWS, st.sampled_from(["first", "last", "merge", "error"]))
@settings(deadline=None, max_examples=60)
def test_duplicates_balance_and_the_right_row_is_sent(rows: list[tuple[str, int]], policy: str) -> None:
    records = pl.DataFrame(
        [
            (0, i + 2, f"k{key}", GROUPS[group], f'{{"email":"k{key}","n{i}":{i}}}', None, None)
            for i, (group, key) in enumerate(rows)
        ],
        schema=RECORD_SCHEMA,
        orient="row",
    )
    with TemporaryDirectory() as folder:
        writer = StageWriter(Path(folder) / "stage")
        for at in range(0, len(rows), 7):
            writer.add(records.slice(at, 7), pl.DataFrame(schema=REJECT_SCHEMA))
        stage, verdicts = writer.finish(policy)
        assert Stage.load(stage.folder) == stage
        assert stage.read == stage.positions == len(rows)
        everything = stage.records(pl.Series("position", range(stage.positions), dtype=pl.UInt32))
    sent = everything.filter(~pl.col("position").is_in(list(verdicts.outcomes)))
    keys = [key for _, key in rows]
    by_key = {key: [i + 2 for i, other in enumerate(keys) if other == key] for key in keys}
    chosen = {key: (numbers[-1] if policy == "last" else numbers[0]) for key, numbers in by_key.items()}
    if policy == "error":
        chosen = {key: number for key, number in chosen.items() if len(by_key[key]) == 1}
    assert dict(sent.select("key", "row").iter_rows()) == {f"k{key}": number for key, number in chosen.items()}
    assert sorted(everything["row"].to_list()) == sorted(number for numbers in by_key.values() for number in numbers)
    if policy == "merge":
        for key, body in sent.select("key", "body").iter_rows():
            assert all(f'"n{number - 2}"' in body for number in by_key[int(key[1:])])
