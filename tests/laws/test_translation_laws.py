"""Laws of translation: nothing is lost or doubled between a file's rows, the staged records and the calls."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkreply.batching import Batch, batches
from bulkreply.catalog import Catalog
from bulkreply.mapping import CLEAR, KEY_SEPARATOR, Names, Rule, bind
from bulkreply.records import Chunk
from bulkreply.sinks import ReplySink
from bulkreply.spans import Spans
from bulkreply.targets import object_target
from bulkreply.wire.compare import holds, key_of
from bulkreply.wire.layout import Layouts

CATALOG = Catalog()
CONTACTS = CATALOG.object("contacts")
NUMBERS = st.lists(st.integers(0, 40))
PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)))


# -- spans


@given(NUMBERS)
@example([0, 0, 2])
@example([5, 4, 3])
def test_spans_hold_the_numbers_given_in_any_order_and_however_often(numbers: list[int]) -> None:
    assert list(Spans.of(numbers)) == sorted(set(numbers))


@given(PAIRS)
def test_spans_are_the_shortest_way_to_say_it(pairs: list[tuple[int, int]]) -> None:
    made = Spans.union(pairs)
    assert list(made) == sorted({n for first, end in pairs for n in range(first, end)})
    assert all(first < end for first, end in made.pairs)
    assert all(end < first for (_, end), (first, _) in zip(made.pairs, made.pairs[1:], strict=False))
    assert Spans.parse(str(made)) == made
    assert Spans.of(list(made)) == made
    assert bool(made) == bool(list(made))


@given(PAIRS, PAIRS)
def test_what_is_taken_away_and_what_is_left_make_the_whole(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    left, right = Spans.union(a), Spans.union(b)
    both = left.minus(left.minus(right))
    assert set(both) == set(left) & set(right)
    assert both | left.minus(right) == left


@pytest.mark.parametrize("text", ["x", "-3", "1,x", "1.5", "0x1"])
def test_text_that_is_no_spans(text: str) -> None:
    with pytest.raises(ValueError):
        Spans.parse(text)


# -- batches


@given(st.lists(st.sampled_from(["", "71", "72"]), min_size=1, max_size=30), st.integers(1, 8), st.data())
@settings(deadline=None)
def test_batches_are_full_but_for_the_last_of_a_group(groups: list[str], size: int, data: st.DataObject) -> None:
    groups.sort()
    frame = pl.DataFrame({"key": [f"k{i}" for i in range(len(groups))], "group": groups, "body": ["{}"] * len(groups)})
    cuts = sorted(data.draw(st.sets(st.integers(1, len(groups)), max_size=4)) | {len(groups)})
    parts = [(a, b, lambda a=a, b=b: frame.slice(a, b - a)) for a, b in zip([0, *cuts], cuts, strict=False)]
    done = Spans.of(data.draw(st.sets(st.integers(0, len(groups) - 1))))
    made = list(batches(parts, done, lambda group: size))
    left = [n for n in range(len(groups)) if n not in done]
    assert [n for batch in made for n in batch.positions] == left
    for group in sorted(set(groups)):
        sizes = [len(batch) for batch in made if batch.group == group]
        assert all(one == size for one in sizes[:-1])
        assert all(0 < one <= size for one in sizes)


def test_a_part_that_is_done_is_not_read() -> None:
    def read() -> pl.DataFrame:
        raise AssertionError("read for nothing")

    assert list(batches([(0, 5, read), (5, 5, read), (5, 9, read)], Spans(((0, 9),)), lambda group: 3)) == []


@given(st.integers(2, 9), st.data())
def test_parts_of_a_batch_make_the_batch(count: int, data: st.DataObject) -> None:
    numbers = tuple(range(10, 10 + count))
    texts = tuple(map(str, numbers))
    bodies, addresses = tuple(f"b{n}" for n in numbers), tuple(f"a{n}" for n in numbers)
    batch = Batch(numbers, texts, bodies, "71", addresses, texts, known=True, attempt=1)
    first, second = batch.halves()
    assert first.positions + second.positions == batch.positions
    assert first.bodies + second.bodies == batch.bodies
    assert first.addresses + second.addresses == batch.addresses
    assert first.ids + second.ids == batch.ids
    assert first.known and second.known
    assert (first.group, second.group, first.attempt) == ("71", "71", 1)
    chosen = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    some = batch.only(chosen, 2)
    columns = (some.positions, some.keys, some.bodies, some.addresses, some.ids)
    assert list(zip(*columns, strict=True)) == [
        (numbers[i], texts[i], f"b{numbers[i]}", f"a{numbers[i]}", texts[i]) for i in chosen
    ]
    assert (some.attempt, len(some.spans)) == (2, len(chosen))


# -- calls


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=4)), min_size=1, max_size=5),
    st.sets(st.integers(1, 2**31 - 1)),
)
def test_a_call_carries_its_records_and_its_options(records: list[dict[str, str]], lists: set[int]) -> None:
    group = json.dumps({"shared": {"options": {"listIds": sorted(lists)}}}) if lists else ""
    for mode in ("upsert", "insert", "upsert"):
        numbers = tuple(range(len(records)))
        batch = Batch(numbers, tuple(map(str, numbers)), tuple(json.dumps(record) for record in records), group)
        sink = ReplySink(None, object_target(CATALOG, "contacts", "v3", mode))  # building a call asks nobody
        call = sink.call(batch)
        options = {"overwriteExisting": mode == "upsert", "skipExisting": mode == "insert"}
        assert json.loads(call.body) == {
            "items": records,
            "options": options | ({"listIds": sorted(lists)} if lists else {}),
        }


# -- a row, all the way

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6)
VALUES = {"title": TEXT, "notes": TEXT, "accountId": st.integers(1, 10**9).map(str), "companySize": st.just("Ten")}
ROW = st.fixed_dictionaries({}, optional={**VALUES, "customFields.Region": TEXT})


@given(st.lists(ROW, min_size=1, max_size=6))
@example([{"customFields.Region": "EMPTY", "title": "empty"}])
@settings(deadline=None)
def test_what_was_mapped_is_what_the_record_at_reply_is_held_against(rows: list[dict[str, str]]) -> None:
    """A record that took a body as Reply does is recognised; one that differs in any field sent is not."""
    columns = [*VALUES, "customFields.Region"]
    cells: dict[str, list[str | None]] = {name: [row.get(name) for row in rows] for name in columns}
    cells |= {"E": [f"U{i}@Example.com" for i in range(len(rows))], "F": ["Ann"] * len(rows)}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    rules = [Rule(field="email", column="E"), Rule(field="firstName", column="F")]
    rules += [Rule(field=name, column=name) for name in columns]
    names = {"accounts": Names("accounts")}
    mapping, problems = bind(rules, object_target(CATALOG, "contacts", "v3", "upsert"), dict(frame.schema), None, names)
    assert problems == []
    made = mapping.apply(Chunk(frame, pl.Series(range(len(rows)), dtype=pl.UInt32)))
    assert made.rejects.height == 0
    records, unfit = Layouts(mapping, "null").apply(made)
    assert (records.height, unfit.height) == (len(rows), 0)
    for key, body in records.select("key", "body").iter_rows():
        sent: dict[str, Any] = json.loads(body)
        kept = sent | {"email": sent["email"].lower(), "id": 1, "lists": []}
        kept["customFields"] = [{"key": one["name"], "value": one["value"]} for one in sent.get("customFields", ())]
        assert key_of(CONTACTS, kept, KEY_SEPARATOR) == key
        assert holds(CONTACTS, kept, sent)
        for name in sent:
            other = [] if name == "customFields" else "something else"
            assert not holds(CONTACTS, kept | {name: other}, sent)


def test_a_cleared_field_is_held_against_an_empty_one() -> None:
    for empty in (None, "", "Empty", "empty"):
        assert holds(CONTACTS, {"companySize": empty}, {"companySize": None})
        assert not holds(CONTACTS, {"companySize": empty}, {"companySize": "Empty"}) or empty in ("Empty", "empty")
    assert holds(CONTACTS, {}, {"title": None})
    assert not holds(CONTACTS, {"title": "Buyer"}, {"title": None})


@given(st.lists(st.sampled_from(["Fair", "fair", "WEB", "72", "New"]), max_size=5))
def test_a_group_does_not_depend_on_order_or_repetition(names: list[str]) -> None:
    known = Names("contact_lists", {"fair": [71], "web": [72]}, creatable=True)
    group, code, _ = known.several(names)
    assert code == ""
    assert known.several(reversed(names))[0] == known.several(names + names)[0] == group
    assert CLEAR not in group
