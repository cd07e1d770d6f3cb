"""From a chunk of text columns to JSON bodies: mapping, codecs, rejects."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.catalog import Catalog
from bulkreply.codecs import codec_for
from bulkreply.mapping import Names, Rule, bind
from bulkreply.records import Chunk
from bulkreply.targets import object_target
from bulkreply.wire.layout import Layouts

CONTACTS = object_target(Catalog(), "contacts", "v3", "upsert")
LISTS = {"contact_lists": Names("contact_lists", {"fair": [71], "web": [72], "twice": [8, 9]})}


def chunk(**columns: list[str | None]) -> Chunk:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return Chunk(frame, pl.Series(range(2, 2 + frame.height), dtype=pl.UInt32))


def mapped(rows: Chunk, *rules: Rule, clear_form: str = "null", custom: dict[str, str] | None = None):
    base = [Rule(field="email", column="E"), Rule(field="firstName", value="F")]
    rules = tuple(rule for rule in base if rule.field not in {r.field for r in rules}) + rules
    columns = dict(rows.frame.schema)
    mapping, problems = bind(rules, CONTACTS, columns, custom, LISTS)
    assert problems == []
    done = mapping.apply(rows)
    records, unfit = Layouts(mapping, clear_form).apply(done)
    assert unfit.height == 0
    assert records["row"].to_list() == done.records["row"].to_list()
    return done.rejects, records["group"].to_list(), [json.loads(body) for body in records["body"]]


def only(rule: Rule, *cells: str | None, **more) -> list[object]:
    rows = chunk(E=[f"u{i}@example.com" for i in range(len(cells))], C=list(cells))
    _, _, bodies = mapped(rows, rule, **more)
    return [body.get(rule.field, "absent") for body in bodies]


def codes(rule: Rule, *cells: str | None, **more) -> list[str]:
    rows = chunk(E=[f"u{i}@example.com" for i in range(len(cells))], C=list(cells))
    return mapped(rows, rule, **more)[0]["code"].to_list()


def test_blank_absent_and_clear_are_three_things() -> None:
    assert only(Rule(field="city", column="C"), "Bonn", None, "  ") == ["Bonn", "absent", "absent"]
    assert only(Rule(field="city", column="C", blank="clear"), "Bonn", None) == ["Bonn", None]
    assert only(Rule(field="city", column="C", clear="-"), "Bonn", "-", None) == ["Bonn", None, "absent"]
    assert only(Rule(field="city", column="C", clear="-"), "-", clear_form='""') == [""]
    assert only(Rule(field="city", column="C", default="?"), None, "Bonn") == ["?", "Bonn"]


def test_values_and_expressions() -> None:
    assert only(Rule(field="city", column="C", values={"b": "Bonn", "*": "?"}), "b", "x", None) == [
        "Bonn",
        "?",
        "absent",
    ]
    assert codes(Rule(field="city", column="C", values={"b": "Bonn"}), "b", "x") == ["value.unmapped"]
    assert only(Rule(field="notes", expr="CONCAT_WS(' / ', C, UPPER(C))"), "a", None) == ["a / A", "absent"]
    assert only(Rule(field="companySize", column="C"), "11 – 50", "ten", "1,001-5,000") == [
        "Fifty",
        "Ten",
        "FiveThousand",
    ]
    assert codes(Rule(field="companySize", column="C"), "lots") == ["enum.invalid"]


def test_custom_fields_travel_by_name_as_text() -> None:
    rows = chunk(E=["a@example.com", "b@example.com"], C=["7", None])
    rule = Rule(field="customFields.Seats", column="C")
    _, _, bodies = mapped(rows, rule, custom={"Seats": "number"})
    assert [body.get("customFields") for body in bodies] == [[{"name": "Seats", "value": "7"}], None]
    assert codes(rule, "7k", custom={"Seats": "number"}) == ["number.invalid"]


def test_names_of_lists_decide_the_group() -> None:
    rows = chunk(E=[f"{i}@example.com" for i in range(5)], C=["Web; FAIR", None, "72", "nowhere", "twice"])
    rejects, groups, bodies = mapped(rows, Rule(field="lists", column="C", split=";"))
    shared = [json.loads(group)["shared"] if group else {} for group in groups]
    assert shared == [{"options": {"listIds": [71, 72]}}, {}, {"options": {"listIds": [72]}}]
    assert rejects["code"].to_list() == ["reference.unknown", "reference.ambiguous"]
    assert all("lists" not in body for body in bodies)


def test_all_problems_of_a_row_at_once_and_the_others_go_through() -> None:
    rows = chunk(E=["no", "b@example.com", None], C=["many", "11-50", "x"])
    rejects, _, bodies = mapped(rows, Rule(field="firstName", column="C"), Rule(field="companySize", column="C"))
    assert [body["email"] for body in bodies] == ["b@example.com"]
    assert rejects.group_by("row").len().sort("row").rows() == [(2, 2), (4, 2)]


@pytest.mark.parametrize(
    ("cell", "taken"),
    [
        ("a@example.com", True), ("a.b+c@sub.example.co", True), ("ü@exämple.com", True), ("a@x.test", True),
        ("a@@example.com", False), ("a at example.com", False), ("a@example", False), ("a..b@example.com", False),
        ("@example.com", False), ("a@-x.com", False), ("a b@example.com", False),
    ],
)  # fmt: skip
def test_addresses(cell: str, taken: bool) -> None:
    rejects, _, bodies = mapped(chunk(E=[cell]))
    assert [body["email"] for body in bodies] == ([cell] if taken else [])
    assert rejects["code"].to_list() == ([] if taken else ["email.invalid"])


@pytest.mark.parametrize(
    ("type_name", "cell", "canonical"),
    [
        ("integer", "0042", "42"), ("integer", "+7", "7"), ("integer", "1.5", None), ("number", "1.50", "1.50"),
        ("number", "1,5", None), ("number", "007", None), ("boolean", "Yes", "true"), ("boolean", "0", "false"),
        ("boolean", "maybe", None), ("date", "2026-02-28", "2026-02-28"), ("date", "2026-02-30", None),
        ("date", "28.02.2026", None), ("datetime", "2026-02-28T10:00:00Z", "2026-02-28T10:00:00Z"),
        ("id", "12", "12"), ("id", "0", None), ("url", "www.linkedin.com/in/x", "www.linkedin.com/in/x"),
        ("url", "not a url", None),
    ],
)  # fmt: skip
def test_codecs(type_name: str, cell: str, canonical: str | None) -> None:
    codec = codec_for(CONTACTS.fields["city"], as_type=type_name)
    assert pl.DataFrame({"c": [cell]}).select(codec.read(pl.col("c")).alias("v"))["v"].to_list() == [canonical]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_arrives_as_it_is(cells: list[str]) -> None:
    cells = [cell.encode("utf-8", "ignore").decode() for cell in cells]
    trimmed = pl.Series(cells, dtype=pl.String).str.strip_chars().to_list()
    assert only(Rule(field="notes", column="C"), *cells) == [cell or "absent" for cell in trimmed]
