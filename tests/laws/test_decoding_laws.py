"""Pages decoded straight into columns: what comes out is what their records make, or nothing; usual pages come out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.catalog import Catalog, Field, ObjectSpec
from bulkreply.export.pull import identifier
from bulkreply.files.cells import as_text
from bulkreply.mapping.rules import Rule
from bulkreply.shape import Shape, columns_of
from bulkreply.shape.tables import Unwind
from bulkreply.targets import Shapes, shapes_of
from bulkreply.wire.paging import cut_page, read_page
from tests.bench.dumb import contact

CATALOG = Catalog()
CONTACTS = CATALOG.object("contacts")
TITLES = {"Budget": "number", "Region": "text", "5": "text"}
LISTED = [spec for spec in CATALOG if "list" in spec.operations and not spec.operations["list"].parameters]
RULES = [
    Rule(field="email", column="Mail"),
    Rule(field="companySize", column="Size", values={"11-50": "fifty", "few": "TEN"}),
    Rule(field="phone", column="Phones", split="; "),
    Rule(field="lists", column="Lists", split=";"),
    Rule(field="lists", column="In"),
    Rule(field="sequences", column="Sequences"),
    Rule(field="sequences.status", column="Standing"),
    Rule(field="customFields.Region", column="Region", values={"w": "West"}),
    Rule(field="customFields.Budget", column="Budget"),
    Rule(field="customFields.5", column="Five"),
    Rule(field="isOptedOut", column="Out", values={"yes": "true"}),
    Rule(field="isOptedOut", column="Plain"),
    Rule(field="createdAt", column="Made"),
    Rule(field="createdAt", column="Again", values={"x": "y"}),
    Rule(field="id", column="id"),
    Rule(field="accountId", column="Account"),
    Rule(field="title", column="Title", value="Prospect"),
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, 0.0, -0.0, 1e16, 1e22, 12.5, 2**63, 2**64]),
    st.text(max_size=6),
    st.sampled_from(["", "0", "1", "1.0", "-1", "+1", "007", "1e3", "nan", "true", " 1", ":", "-", "=1", "é\u00a0x"]),
    st.sampled_from(["2026-02-31T00:00:00Z", "2026-01-05", "2026-01-05T10:00:00", "2026-1-5T1:00:00Z", "1767225600"]),
    st.lists(st.one_of(st.none(), st.integers(0, 3), st.text(max_size=2)), max_size=2),
    st.dictionaries(st.sampled_from(["id", "key", "value", "x"]), st.integers(0, 3), max_size=2),
)
MOMENT = st.sampled_from(
    ["2026-01-15T09:30:00+00:00", "2026-01-15T09:30:00Z", "2026-01-15T09:30:00.25", "2026-01-15T09:30:00.123456+02:00"]
)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(1, 2**53),
    "integer": st.integers(-5, 2**40),
    "number": st.floats(-1e6, 1e6) | st.integers(0, 9),
    "boolean": st.booleans(),
    "date": MOMENT,
    "datetime": MOMENT,
}


def values(field: Field, shapes: Shapes, odd: bool, depth: int = 0) -> st.SearchStrategy[Any]:
    """What an answer may say of a field."""
    text = st.text(max_size=5) | st.sampled_from(["Berlin", "+49 30", "fifty", "12", "1.0"])
    one = PLAIN.get(field.type, text)
    if field.type == "custom":
        title = st.sampled_from([*TITLES, "Other"]) | (ODD if odd else st.nothing())
        value = st.sampled_from(["West", "12", "12.5", "", None]) | (ODD if odd else st.nothing())
        return st.lists(st.fixed_dictionaries({field.read or "key": title, "value": value}), max_size=3)
    if field.type == "nested" and field.shape in shapes and depth < 2:
        inside = {f.name: values(f, shapes, odd, depth + 1) for f in shapes[field.shape].values()}
        one = st.fixed_dictionaries({}, optional=inside)
    if field.read_at.count(".") == 1 and field.many:
        leaf = field.read_at.partition(".")[2]
        one = st.fixed_dictionaries({"id": st.integers(1, 9), leaf: text})
    usual = (st.lists(one, max_size=2) if field.many else one) | st.none()
    return usual | ODD if odd else usual


@st.composite
def pages(draw: st.DrawFn, spec: ObjectSpec) -> bytes:
    """A page of a listing, as Reply might write it: usual, but for a few fields."""
    shapes = shapes_of(CATALOG, spec, spec.fields)
    some = st.sets(st.sampled_from(list(spec.fields)), max_size=2)
    odd, lacking = draw(some | st.just(set())), draw(some) - {spec.key}
    made = {name: values(field, shapes, name in odd) for name, field in spec.fields.items() if name not in lacking}
    key = st.integers(1, 2**31) | st.integers(1, 99).map(str)
    made[spec.key] = key | ODD if spec.key in odd else key
    records = draw(st.lists(st.fixed_dictionaries(made, optional={"unheardOf": ODD}), max_size=4))
    between = draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": ")]))
    return json.dumps(records, separators=between, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def shape_of(spec: ObjectSpec, unwind: Unwind, rules: tuple[Rule, ...] = (), texts: bool = False) -> Shape:
    """Rows of an object."""
    columns, problems = columns_of(spec, rules, TITLES)
    assert not problems
    return Shape(spec, columns, unwind, shapes_of(CATALOG, spec, spec.fields), texts)


def straight(shape: Shape, spec: ObjectSpec, text: bytes) -> bool:
    """Whether a page came out straight; if so, what came out is what its records make."""
    decoded = shape.decode(text)
    rows = shape.rows([decoded])[0] if decoded is not None else None
    if decoded is None or rows is None:
        return False
    records = orjson.loads(text)
    wanted = shape.frame(records)
    assert rows.schema == wanted.schema
    assert repr(rows.rows()) == repr(wanted.rows())
    assert decoded.ids == [identifier(spec, spec.operations["list"])(record) for record in records]
    return True


@pytest.mark.parametrize("unwind", ["json", "nested", "separate"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_straight_or_record_by_record_is_the_same(unwind: Unwind, data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(LISTED) | st.just(CONTACTS))
    straight(shape_of(spec, unwind, texts=data.draw(st.booleans())), spec, data.draw(pages(spec)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_straight_or_record_by_record_is_the_same_for_a_map(data: st.DataObject) -> None:
    rules = data.draw(st.lists(st.sampled_from(RULES), min_size=1, max_size=4, unique_by=lambda rule: rule.column))
    straight(shape_of(CONTACTS, "json", tuple(rules), data.draw(st.booleans())), CONTACTS, data.draw(pages(CONTACTS)))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_pages_together_are_as_each_alone(data: st.DataObject) -> None:
    shape = shape_of(CONTACTS, data.draw(st.sampled_from(["json", "nested"])))
    usual = st.lists(st.integers(1, 9).map(contact), max_size=3).map(orjson.dumps)
    drawn = data.draw(st.lists(usual | pages(CONTACTS), max_size=4))
    decoded = [one for one in map(shape.decode, drawn) if one is not None]
    alone = [shape.rows([one])[0] for one in decoded]
    assert [_said(rows) for rows in shape.rows(decoded)] == [_said(rows) for rows in alone]


@given(
    st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31)), st.sampled_from(["", "Z", "+00:00", ".5Z", "+02:00"])
)
def test_times_as_text_are_those_that_text_files_have(time: datetime, end: str) -> None:
    said = time.replace(microsecond=0).isoformat() + end
    records = [contact(1) | {"createdAt": said}]
    typed = shape_of(CONTACTS, "json").frame(records).select("createdAt")
    wanted = typed.select(as_text(pl.col("createdAt"), typed.schema["createdAt"])).item()
    shape = shape_of(CONTACTS, "json", texts=True)
    decoded = shape.decode(orjson.dumps(records))
    rows = shape.rows([decoded])[0] if decoded is not None else None
    assert rows is not None
    assert rows["createdAt"].item() == shape.frame(records)["createdAt"].item() == wanted


def answer(records: object, **more: object) -> bytes:
    return orjson.dumps({"items": records, "hasMore": True, "totalCount": 9} | more)


USUAL = [contact(number) for number in range(3)]


@pytest.mark.parametrize("unwind", ["json", "nested"])
@pytest.mark.parametrize(
    ("change", "usual"),
    [
        ({}, True),
        ({"unheardOf": {"a": [1]}}, True),
        ({"companySize": "aWordNobodyKnows"}, True),
        ({"phone": "4930"}, True),
        ({"id": "1001"}, True),
        ({"lists": [{"listId": 1, "listName": "Fair"}]}, True),
        ({"sequences": [{"sequenceId": 1, "status": "active"}]}, True),
        ({"customFields": [{"key": "Budget", "value": "12.5"}, {"key": "Region", "value": "12"}]}, True),
        ({"createdAt": "2026-01-15T09:30:00.1234567Z"}, False),
        ({"id": "-0"}, False),
        ({"id": "007"}, False),
        ({"id": -0.0}, False),
        ({"id": 3.966545547879417e16}, False),
        ({"accountId": 3.966545547879417e16}, False),
        ({"accountId": 2**53 - 1}, True),
        ({"id": None}, False),
        ({"phone": 4930}, False),
        ({"ownerUserId": "x"}, False),
        ({"isOptedOut": "no"}, False),
        ({"title": {"a": 1}}, False),
        ({"customFields": {"Region": "West"}}, False),
    ],
)
def test_usual_pages_come_out_straight(change: dict[str, Any], usual: bool, unwind: Unwind) -> None:
    records = [*USUAL, contact(7) | change]
    cut = cut_page(CONTACTS.operations["filter"], answer(records))
    assert cut is not None
    assert straight(shape_of(CONTACTS, unwind), CONTACTS, cut.records) == usual


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (answer(USUAL), True),
        (b'{"hasMore":false,"totalCount":3,"items":[{"id":1}]}', True),
        (b' { "items" : [ {"id": 1} ] , "hasMore" : false } ', True),
        (answer([], hasMore=False), True),
        (answer(USUAL, other=[1]), False),
        (answer(USUAL, note="a]b"), False),
        (b'{"note":"\\"items\\":[","items":[{"id":1}]}', False),
        (b'{"items":null}', False),
        (b'[{"id":1}]', False),
        (b"<html>[]</html>", False),
    ],
)
def test_records_are_cut_out_only_where_nothing_else_can_be_meant(body: bytes, cut: bool) -> None:
    operation = CONTACTS.operations["filter"]
    found = cut_page(operation, body)
    records = _json(found.records) if found is not None else None
    assert (records is not None) == cut
    if found is not None and records is not None:
        page = read_page(operation, orjson.loads(body), 0, 3)
        assert records == list(page.records)
        assert found.page(operation, len(records), 0, 3) == (page.more, page.total)


def _said(rows: pl.DataFrame | None) -> str:
    return "" if rows is None else repr(rows.rows())


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
