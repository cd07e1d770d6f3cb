"""Records as JSON text: whatever the cells hold, a body is valid JSON and says exactly what was mapped."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkreply.catalog import Catalog, ObjectSpec
from bulkreply.mapping import CLEAR, REJECT_SCHEMA, Mapped, Rule, bind
from bulkreply.targets import object_target
from bulkreply.wire.layout import Layouts
from bulkreply.wire.record import Piece, render

CATALOG = Catalog()
CONTACTS, PEOPLE = CATALOG.object("contacts"), CATALOG.object("people", "v1")


def bodies(cells: dict[str, list[str | None]], spec: ObjectSpec = CONTACTS, clear_form: str = "null") -> list[Any]:
    """The bodies of canonical cells, field by field."""
    rules = [Rule(field=field, value="-") for field in cells]
    mapping, _ = bind(rules, object_target(CATALOG, spec.name, spec.api, "insert"), None, None, {})
    rows = (
        pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
        .with_row_index("row")
        .select(pl.lit(0, pl.UInt16).alias("file"), pl.col("row").cast(pl.UInt32), *cells)
    )
    records, unfit = Layouts(mapping, clear_form).apply(Mapped(rows, pl.DataFrame(schema=REJECT_SCHEMA)))
    assert (records.height, unfit.height) == (rows.height, 0)
    return [json.loads(body) for body in records["body"]]


HARD = [
    'say "hi"',
    "back\\slash \\n \\u0041",
    "line\nend\r\n\ttab",
    "\x00\x01\x1f",
    "\x7f\x80",
    "\u2028 and \u2029",
    "ünïcödé 漢字 🦆",
    "</script>{}[],:",
    "null",
]


@pytest.mark.parametrize("text", HARD)
def test_hard_text_arrives_as_it_is(text: str) -> None:
    custom = "customFields.Region"
    assert bodies({"title": [text, "x"], custom: [text, None]}) == [
        {"title": text, "customFields": [{"name": "Region", "value": text}]},
        {"title": "x"},
    ]


@given(st.lists(st.tuples(st.text(), st.one_of(st.none(), st.text())), min_size=1, max_size=8))
@example([(CLEAR + "x", "\u2028")])
@settings(deadline=None)
def test_any_text_arrives_as_it_is(rows: list[tuple[str, str | None]]) -> None:
    rows = [(title.replace(CLEAR, ""), notes) for title, notes in rows]
    made = bodies({"title": [title for title, _ in rows], "notes": [notes for _, notes in rows]})
    assert made == [{"title": title} | ({} if notes is None else {"notes": notes}) for title, notes in rows]


def test_numbers_and_booleans_stand_bare_and_text_does_not() -> None:
    spec = CATALOG.object("contact_lists")
    assert bodies({"name": ["0044", "true"], "isShared": ["true", "false"]}, spec) == [
        {"name": "0044", "isShared": True},
        {"name": "true", "isShared": False},
    ]
    assert bodies({"accountId": ["301", None], "phone": ["301", "1"]}) == [
        {"accountId": 301, "phone": "301"},
        {"phone": "1"},
    ]


@pytest.mark.parametrize(("spec", "form", "empty"), [(CONTACTS, "null", None), (PEOPLE, '""', "")])
def test_clearing_is_not_leaving_out(spec: ObjectSpec, form: str, empty: object) -> None:
    key = spec.custom.write if spec.custom else ""
    cells = {"title": ["Buyer", CLEAR, None], "customFields.Region": [CLEAR, None, "East"]}
    assert bodies(cells, spec, form) == [
        {"title": "Buyer", "customFields": [{key: "Region", "value": empty}]},
        {"title": empty},
        {"customFields": [{key: "Region", "value": "East"}]},
    ]


def test_a_number_is_cleared_without_quotes() -> None:
    assert bodies({"email": ["a@example.com"] * 2, "accountId": [CLEAR, "5"]}) == [
        {"email": "a@example.com", "accountId": None},
        {"email": "a@example.com", "accountId": 5},
    ]


def test_custom_fields_of_a_record_are_one_list_in_the_order_of_the_rules() -> None:
    titles = ["Region", 'Say "hi"', "Größe. 2", "a\\b"]
    cells: dict[str, list[str | None]] = {f"customFields.{title}": [str(i), None] for i, title in enumerate(titles)}
    cells["email"] = ["a@example.com", "b@example.com"]
    assert bodies(cells) == [
        {
            "email": "a@example.com",
            "customFields": [{"name": title, "value": str(i)} for i, title in enumerate(titles)],
        },
        {"email": "b@example.com"},
    ]


def test_nothing_mapped_is_an_empty_object() -> None:
    assert bodies({"title": [None, "x"], "customFields.A": [None, None]}) == [{}, {"title": "x"}]


def test_no_records_no_bodies() -> None:
    assert bodies({"title": [], "customFields.A": []}) == []


@pytest.mark.parametrize("text", ["plain", *HARD, CLEAR])
def test_one_column_can_stand_in_two_places(text: str) -> None:
    frame = pl.DataFrame({"x": ["a", text]})
    made = render(frame, [Piece("one", "x", True), Piece("in.two", "x", True)], "null")
    value = None if text == CLEAR else text
    assert json.loads(made[1]) == {"one": value, "in": {"two": value}}
