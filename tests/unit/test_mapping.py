"""Mappings: what a row becomes, every problem of a row at once, and jobs that are refused before a row is read."""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingOf
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkreply.catalog import Catalog
from bulkreply.errors import UsageProblem
from bulkreply.mapping import CLEAR, ID_MARK, Mapped, Mapping, Names, Problem, Rule, bind, columns_of
from bulkreply.records import Chunk, Reject
from bulkreply.slots import named
from bulkreply.targets import Target, object_target, procedure_target
from bulkreply.wire.layout import Layouts

CATALOG = Catalog()
EMAIL = Rule(field="email", column="E")
FIRST = Rule(field="firstName", column="F")
LISTS = Names("contact_lists", {"fair": [71], "webinar": [72], "twin": [73, 74]}, all_ids=frozenset({71, 72, 73, 74}))


def bound(
    rules: list[Rule],
    frame: pl.DataFrame,
    types: MappingOf[str, str] | None = None,
    names: MappingOf[str, Names] | None = None,
    mode: str = "upsert",
) -> tuple[Mapping, list[Problem]]:
    target = object_target(CATALOG, "contacts", "v3", mode)
    return bind(rules, target, dict(frame.schema), types, names or {})


def mapped(rules: list[Rule], columns: dict[str, list[Any]], **more: Any) -> Mapped:
    return mapping_and_mapped(rules, columns, **more)[1]


def mapping_and_mapped(rules: list[Rule], columns: dict[str, list[Any]], **more: Any) -> tuple[Mapping, Mapped]:
    """Rows as a file gives them; `E` and `F` are filled in when a case is not about them."""
    height = len(next(iter(columns.values())))
    given = {"E": [f"u{i}@example.com" for i in range(height)], "F": ["Ann"] * height} | columns
    frame = pl.DataFrame(given, schema=dict.fromkeys(given, pl.String))
    known = {rule.field for rule in rules}
    rules = [*(rule for rule in (EMAIL, FIRST) if rule.field not in known), *rules]
    mapping, problems = bound(rules, frame, **more)
    assert problems == []
    return mapping, mapping.apply(Chunk(frame, pl.Series(range(2, 2 + height), dtype=pl.UInt32)))


def laid_out(rules: list[Rule], columns: dict[str, list[Any]], **more: Any) -> pl.DataFrame:
    """The records that are staged; every row fits the one case there is."""
    mapping, made = mapping_and_mapped(rules, columns, **more)
    records, unfit = Layouts(mapping, "null").apply(made)
    assert unfit.height == 0
    return records


def values(rule: Rule, cells: list[str | None], **more: Any) -> list[str | None]:
    made = mapped([rule], {"C": cells}, **more)
    assert made.rejects.height == 0
    return made.records[rule.field].to_list()


def codes(made: Mapped) -> list[tuple[int, str, str]]:
    return list(made.rejects.select("row", "field", "code").iter_rows())


# -- where the text comes from


def test_a_column_is_trimmed_and_blank_is_not_sent() -> None:
    assert values(Rule(field="title", column="C"), ["  Buyer ", "   ", None, ""]) == ["Buyer", None, None, None]


def test_a_constant_stands_in_every_row() -> None:
    assert values(Rule(field="title", value="Prospect"), ["a", None]) == ["Prospect", "Prospect"]


def test_a_default_is_for_blank_cells() -> None:
    assert values(Rule(field="company", column="C", default="-"), ["Acme", " ", None]) == ["Acme", "-", "-"]


@pytest.mark.parametrize("default", ["", "  "])
def test_a_blank_default_is_none(default: str) -> None:
    assert values(Rule(field="company", column="C", default=default), ["Acme", None]) == ["Acme", None]
    made = mapped([Rule(field="firstName", column="C", default=default)], {"C": [None]})
    assert codes(made) == [(2, "firstName", "value.required")]


def test_values_are_replaced_before_they_are_read() -> None:
    rule = Rule(field="companySize", column="C", values={"small": "Ten", "big": "OverTenThousand"})
    made = mapped([rule], {"C": ["small", "big", "huge", None]})
    assert made.records["companySize"].to_list() == ["Ten", "OverTenThousand", None]
    assert codes(made) == [(4, "companySize", "value.unmapped")]


def test_a_star_stands_for_any_other_value_but_not_for_none() -> None:
    rule = Rule(field="companySize", column="C", values={"small": "Ten", "*": "Empty"})
    assert values(rule, ["small", "huge", None]) == ["Ten", "Empty", None]


def test_a_value_mapped_to_a_bad_one_is_refused() -> None:
    made = mapped([Rule(field="companySize", column="C", values={"small": "Tiny"})], {"C": ["small"]})
    assert codes(made) == [(2, "companySize", "enum.invalid")]


def test_a_value_mapped_to_nothing_is_blank() -> None:
    named = {"n/a": "", "*": "Acme"}
    assert values(Rule(field="company", column="C", values=named), ["n/a", "x"]) == [None, "Acme"]
    assert values(Rule(field="company", column="C", values=named, blank="clear"), ["n/a", "x"]) == [CLEAR, "Acme"]
    made = mapped([Rule(field="firstName", column="C", values=named)], {"C": ["n/a"]})
    assert codes(made) == [(2, "firstName", "value.required")]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("CONCAT_WS(' / ', A, \"B c\")", ["x / 1", "y", "2"]),
        ("UPPER(A)", ["X", "Y", None]),
        ('COALESCE(A, "B c")', ["x", "y", "2"]),
        ("CASE WHEN A IN ('x', 'z') THEN 'in' ELSE 'out' END", ["in", "out", "out"]),
        ('TRY_CAST("B c" AS INT) + 1', ["2", None, "3"]),
        ("1 / LENGTH(A)", ["1.0", "1.0", None]),
        ("'fixed'", ["fixed"] * 3),
        ("NULL", [None] * 3),
    ],
)
def test_expressions(expr: str, expected: list[str | None]) -> None:
    made = mapped([Rule(field="notes", expr=expr)], {"A": ["x", "y", None], "B c": ["1", None, "2"]})
    assert made.records["notes"].to_list() == expected


@pytest.mark.parametrize(
    "expr",
    [
        "SUM(LENGTH(A))",
        "COUNT(*)",
        "COUNT(DISTINCT A)",
        "A || MAX(A)",
        "FIRST(A)",
        "CASE WHEN COUNT(A) > 1 THEN 'many' ELSE A END",
        "ROW_NUMBER() OVER (ORDER BY A)",
        "STRING_TO_ARRAY(A, 'z')",
        "(SELECT 1)",
        "A IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "READ_CSV('contacts.csv')",
        "A; B",
        "A, B",
        "*",
        "COLUMNS('A')",
        "UPPER(A",
        "A + 1",
        "Nope",
    ],
)
def test_refused_expressions(expr: str) -> None:
    frame = pl.DataFrame(schema=dict.fromkeys("EFAB", pl.String))
    _, problems = bound([EMAIL, FIRST, Rule(field="notes", expr=expr)], frame)
    assert [problem.path for problem in problems] == [("map", "notes", "expr")]


@pytest.mark.parametrize("expr", ["CAST(C AS INT)", "UNNEST(STRING_TO_ARRAY(C, '@'))"])
def test_an_expression_that_fails_on_a_cell_stops_the_job_without_quoting_it(expr: str) -> None:
    with pytest.raises(UsageProblem, match=r"map\.notes") as caught:
        mapped([Rule(field="notes", expr=expr)], {"C": ["1", "ann@example.com"]})
    assert "ann" not in caught.value.message


def test_columns_that_rules_read() -> None:
    rules = [EMAIL, Rule(field="title", value="x"), Rule(field="notes", expr='A || "B c"')]
    assert columns_of(rules) == {"E", "A", "B c"}


# -- blank, clear, required


def test_blank_keeps_or_clears() -> None:
    cells = ["Acme", None, " "]
    assert values(Rule(field="company", column="C", blank="keep"), cells) == ["Acme", None, None]
    assert values(Rule(field="company", column="C", blank="clear"), cells) == ["Acme", CLEAR, CLEAR]
    assert values(Rule(field="company", column="C", blank="clear", default="-"), cells) == ["Acme", "-", "-"]


@pytest.mark.parametrize("field", ["company", "companySize", "linkedInUrl", "accountId"])
def test_an_explicit_clear_empties_a_field_of_any_type(field: str) -> None:
    assert values(Rule(field=field, column="C", clear="<clear>"), ["<clear>", None]) == [CLEAR, None]


def test_an_explicit_clear_passes_a_value_map() -> None:
    rule = Rule(field="companySize", column="C", clear="-", values={"small": "Ten"})
    assert values(rule, ["-", "small"]) == [CLEAR, "Ten"]


@pytest.mark.parametrize("cell", [None, "  ", "<clear>"])
def test_required_fields_are_never_blank_nor_cleared(cell: str | None) -> None:
    rule = Rule(field="firstName", column="C", blank="clear", clear="<clear>")
    made = mapped([rule], {"C": [cell, "Ann"]})
    assert codes(made) == [(2, "firstName", "value.required")]
    assert made.records["row"].to_list() == [3]


def test_a_field_may_be_required_in_one_mode_only() -> None:
    frame = pl.DataFrame(schema=dict.fromkeys("EF", pl.String))
    assert bound([EMAIL], frame, mode="delete")[1] == []
    problems = bound([EMAIL], frame, mode="upsert")[1]
    assert [problem.message for problem in problems] == ["firstName must be mapped to upsert contacts"]


# -- rows


def test_every_problem_of_a_row_is_told_at_once() -> None:
    rules = [Rule(field="companySize", column="S"), Rule(field="accountId", column="A")]
    cells = {"E": ["bad", "ok@example.com"], "F": [None, "Bob"], "S": ["Nine", "Ten"], "A": ["x", "5"]}
    made = mapped(rules, cells, names={"accounts": Names("accounts")})
    assert made.rejects.select("row", "column", "field", "code").rows() == [
        (2, "E", "email", "email.invalid"),
        (2, "F", "firstName", "value.required"),
        (2, "S", "companySize", "enum.invalid"),
        (2, "A", "accountId", "reference.unknown"),
    ]
    assert made.records.rows() == [(0, 3, "ok@example.com", "Bob", "Ten", "5")]


def test_lines_that_could_not_be_read_come_along() -> None:
    frame = pl.DataFrame({"E": ["a@example.com"], "F": ["Ann"]})
    mapping, _ = bound([EMAIL, FIRST], frame)
    ragged = Reject(3, "", "", "row.ragged", "too many cells", file=1)
    made = mapping.apply(Chunk(frame, pl.Series([2], dtype=pl.UInt32), (ragged,), 1))
    assert made.rejects.select("file", "row", "code").rows() == [(1, 3, "row.ragged")]
    assert made.records.select("file", "row").rows() == [(1, 2)]


def test_the_key_has_no_case() -> None:
    cells = {"E": ["Ann@Example.COM", "Jörg@Bücher.com"]}
    assert laid_out([], cells)["key"].to_list() == ["ann@example.com", "jörg@bücher.com"]
    assert mapped([], cells).records["email"].to_list()[0] == "Ann@Example.COM"


def test_a_chunk_without_rows() -> None:
    rules = [Rule(field="title", value="x"), Rule(field="lists", column="C")]
    made = mapped(rules, {"C": []})
    assert made.records.height == made.rejects.height == 0
    assert laid_out(rules, {"C": []}).height == 0


CELLS = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["<clear>", "u@example.com", "7", CLEAR]))


@given(st.lists(CELLS, max_size=12))
@settings(deadline=None)
def test_every_row_is_either_a_record_or_rejected(cells: list[str | None]) -> None:
    rules = [EMAIL, FIRST, Rule(field="phone", column="C", clear="<clear>"), Rule(field="accountId", column="C")]
    frame = pl.DataFrame({"E": cells, "F": cells, "C": cells}, schema=dict.fromkeys("EFC", pl.String))
    mapping, _ = bound(rules, frame)
    made = mapping.apply(Chunk(frame, pl.Series(range(len(cells)), dtype=pl.UInt32)))
    kept, refused = made.records["row"].to_list(), set(made.rejects["row"])
    assert sorted([*kept, *refused]) == list(range(len(cells)))


# -- custom fields


def test_custom_fields_follow_the_type_the_account_says() -> None:
    rules = [Rule(field="customFields.Seats", column="C"), Rule(field="customFields.Région. 2", value="x")]
    made = mapped(rules, {"C": ["17", "many"]}, types={"Seats": "number", "Région. 2": "text"})
    assert made.records["customFields.Seats"].to_list() == ["17"]
    assert made.records["customFields.Région. 2"].to_list() == ["x"]
    assert codes(made) == [(3, "customFields.Seats", "number.invalid")]


def test_a_text_field_may_be_held_to_numbers() -> None:
    rule = Rule(field="customFields.Code", column="C", as_type="number")
    assert codes(mapped([rule], {"C": ["x"]}, types={"Code": "text"})) == [(2, "customFields.Code", "number.invalid")]


REGION = "customFields.Region"


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        (Rule(field="customFields.Regoin", column="E"), ("map", "customFields.Regoin"), "did you mean 'Region'?"),
        (Rule(field="customFields.Zzzz", column="E"), ("map", "customFields.Zzzz"), "create_missing"),
        (Rule(field="customFields", column="E"), ("map", "customFields"), "customFields.<title>"),
        (Rule(field=REGION, column="E", as_type="email"), ("map", REGION, "as"), "text or number"),
        (Rule(field=REGION, column="E", split=";"), ("map", REGION, "split"), "`split`"),
        (Rule(field=REGION, column="E", date_format="%Y"), ("map", REGION, "format"), "`format`"),
    ],
)
def test_refused_custom_fields(rule: Rule, path: tuple[str, ...], words: str) -> None:
    _, problems = bound([EMAIL, FIRST, rule], pl.DataFrame(schema=dict.fromkeys("EF", pl.String)), {"Region": "text"})
    assert [problem.path for problem in problems] == [path]
    assert words in f"{problems[0].message} {problems[0].hint}"


def test_custom_fields_stay_unchecked_without_an_account() -> None:
    frame = pl.DataFrame(schema=dict.fromkeys("EF", pl.String))
    assert bound([EMAIL, FIRST, Rule(field="customFields.Any", column="E")], frame, None)[1] == []


# -- references

LIST = Rule(field="lists", column="C", split=";")


def in_lists(*ids: str) -> str:
    """The group of records that go into lists."""
    return f'{{"shared":{{"options":{{"listIds":[{",".join(ids)}]}}}}}}' if ids else ""


@pytest.mark.parametrize(
    ("cell", "group"),
    [
        (None, []),
        ("Fair", ["71"]),
        (" WEBINAR ; fair;", ["71", "72"]),
        ("fair;Fair", ["71"]),
        ("72", ["72"]),
        (";", []),
    ],
)
def test_names_become_the_group_of_a_record(cell: str | None, group: list[str]) -> None:
    made = laid_out([LIST], {"C": [cell]}, names={"contact_lists": LISTS})
    assert made["group"].to_list() == [in_lists(*group)]
    assert "lists" not in json.loads(made["body"][0])


@pytest.mark.parametrize(
    ("cell", "code", "words"),
    [
        ("fiar", "reference.unknown", "did you mean 'fair'?"),
        ("fair;zzz", "reference.unknown", "there is no 'zzz'"),
        ("twin", "reference.ambiguous", "2 records"),
        ("99", "reference.unknown", "there is no '99'"),
    ],
)
def test_names_that_cannot_be_resolved(cell: str, code: str, words: str) -> None:
    made = mapped([LIST], {"C": [cell, "fair"]}, names={"contact_lists": LISTS})
    assert codes(made) == [(2, "lists", code)]
    assert words in made.rejects["message"][0]
    assert made.records["row"].to_list() == [3]


def test_unknown_names_that_may_be_created() -> None:
    names = {"contact_lists": Names("contact_lists", LISTS.ids, creatable=True)}
    cells = {"C": ["New;fair", "twin"]}
    assert laid_out([LIST], cells, names=names)["group"].to_list() == [in_lists(named("contact_lists", "New"), "71")]
    assert codes(mapped([LIST], cells, names=names)) == [(3, "lists", "reference.ambiguous")]


def test_names_are_taken_as_known_when_reply_was_not_asked() -> None:
    made = laid_out([LIST], {"C": ["Any"]}, names={"contact_lists": Names("contact_lists", checked=False)})
    assert made["group"].to_list() == [in_lists(named("contact_lists", "Any"))]


@pytest.mark.parametrize("creatable", [False, True])
def test_a_clear_is_no_name(creatable: bool) -> None:
    rule = Rule(field="lists", column="C", clear="<clear>")
    made = mapped([rule], {"C": ["<clear>"]}, names={"contact_lists": Names("contact_lists", {}, creatable)})
    assert codes(made) == [(2, "lists", "reference.clear")]


# -- several values in a cell, ids of every kind, keys


UUIDS = [f"7b0f2c54-1111-4222-8333-9a000000000{i}" for i in range(1, 4)]


def staged(
    target: Target, columns: dict[str, list[str | None]], names: MappingOf[str, Names] | None = None, **rule: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Staged records and rejects of columns called like what they fill; a semicolon divides several values."""
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    splits = {column: ";" if target.fields[column].many else "" for column in columns}
    rules = [Rule(field=column, column=column, split=splits[column], **rule) for column in columns]
    mapping, problems = bind(rules, target, dict(frame.schema), None, names or {})
    assert problems == []
    made = mapping.apply(Chunk(frame, pl.Series(range(2, 2 + frame.height), dtype=pl.UInt32)))
    records, unfit = Layouts(mapping, "null").apply(made)
    assert unfit.height == 0
    return records, made.rejects


def procedure(name: str) -> Target:
    return procedure_target(CATALOG, CATALOG.procedure(name))


def test_ids_that_are_texts_are_quoted_once_wherever_they_stand() -> None:
    names = {
        "sequence_templates": Names("sequence_templates", {"nice": [UUIDS[0]]}),
        "sequence_folders": Names("sequence_folders", creatable=True),
    }
    cells = {"templateId": ["Nice", UUIDS[1].upper()], "sequenceFolderId": ["New, folder", UUIDS[2]]}
    records, _ = staged(procedure("sequences.create_from_template"), cells, names)
    slot = named("sequence_folders", "New, folder")
    assert records["body"].to_list() == [
        f'{{"templateId":"{UUIDS[0]}","sequenceFolderId":{slot}}}',
        f'{{"templateId":"{UUIDS[1]}","sequenceFolderId":"{UUIDS[2]}"}}',
    ]
    folders, _ = staged(procedure("BulkAssignSequencesToFolder"), {"FolderId": [UUIDS[1]], "SequenceIds": ["[5, 7]"]})
    assert {json.loads(group)["path"]["folderId"] for group in folders["group"]} == {UUIDS[1]}
    assert folders["body"].to_list() == ["5", "7"]
    in_folders = object_target(CATALOG, "sequences_in_folder", "v3", "insert")
    linked, _ = staged(in_folders, {"folderId": [UUIDS[1].upper()], "sequenceId": ["7"]})
    assert linked["key"].to_list() == [f"{UUIDS[1]}\x1f7"]


def test_names_to_be_created_keep_their_case_in_keys() -> None:
    names = {"sequences": Names("sequences", creatable=True)}
    steps = object_target(CATALOG, "sequence_steps", "v3", "insert")
    cells = {"sequenceId": ["My Seq"], "type": ["call"], "delayInMinutes": ["0"]}
    records, _ = staged(steps, cells, names)
    assert records["key"][0].startswith(named("sequences", "My Seq"))


def test_each_element_of_a_cell_is_a_record_of_its_own() -> None:
    names = {"contacts": Names("contacts", {"ann@example.com": [1001]}, checked=False)}
    target = procedure("AddContactsToContactList")
    cells = {
        "ListId": ["71", "71"],
        "ContactIds": ["ann@example.com; 1002;x, y@example.com", '[1003,"ann@example.com"]'],
    }
    records, _ = staged(target, cells, names)
    slot = named("contacts", "x, y@example.com")
    assert records.sort("row", "body")["body"].to_list() == [*sorted(["1001", "1002", slot]), "1001", "1003"]


@pytest.mark.parametrize("cell", [None, " ; ;", "[]", "<clear>"])
def test_a_call_about_nobody_is_a_reject(cell: str | None) -> None:
    records, rejects = staged(
        procedure("AddContactsToContactList"), {"ListId": ["71"], "ContactIds": [cell]}, clear="<clear>"
    )
    assert rejects["code"].to_list() == ["value.required"]
    assert records.height == 0


def test_values_of_a_cell_are_replaced_one_by_one() -> None:
    target = procedure("ClearContactStatus")
    named_values = {"Unsubscribed": "OptedOut", "Said no": "Replied", "-": ""}
    rules = [
        Rule(field="ContactIds", column="C"),
        Rule(field="Statuses", column="S", split=",", values=named_values),
    ]
    frame = pl.DataFrame({"C": ["1", "2", "3"], "S": ["Unsubscribed, -,Said no", "Said no,Gone", '["Said no"]']})
    mapping, problems = bind(rules, target, dict(frame.schema), None, {})
    assert problems == []
    made = mapping.apply(Chunk(frame, pl.Series([2, 3, 4], dtype=pl.UInt32)))
    assert made.records["Statuses"].to_list() == ['["OptedOut","Replied"]', '["Replied"]']
    assert made.rejects.select("row", "code").rows() == [(3, "value.unmapped")]


def test_a_blank_or_emptied_key_is_no_key() -> None:
    target = object_target(CATALOG, "contact_lists", "v3", "update")
    columns = {"id": [None, "<clear>", "71"], "name": ["Fair", "Web", "Fair"]}
    frame = pl.DataFrame(columns)
    rules = [Rule(field=name, column=name, clear="<clear>", blank="clear") for name in columns]
    mapping, problems = bind(rules, target.addressed(set(columns)), dict(frame.schema), None, {})
    assert problems == []
    made = mapping.apply(Chunk(frame, pl.Series([2, 3, 4], dtype=pl.UInt32)))
    assert made.rejects.select("row", "field", "code").rows() == [(3, "id", "id.invalid")]
    assert Layouts(mapping, "null").apply(made)[0]["key"].to_list() == ["fair", f"{ID_MARK}71"]


@pytest.mark.parametrize(
    ("target", "field", "emptied"),
    [("inbox_threads.set_category", "categoryId", True), ("contacts.move_to_sequence", "sequenceId", False)],
)
def test_only_some_ids_may_be_emptied(target: str, field: str, emptied: bool) -> None:
    about = next(name for name in procedure(target).fields if name != field)
    records, rejects = staged(procedure(target), {about: ["6001"], field: ["<clear>"]}, clear="<clear>")
    if emptied:
        assert [json.loads(body) for body in records["body"]] == [{field: None}]
    else:
        assert rejects.select("field", "code").rows() == [(field, "value.required")]


# -- values inside values


@pytest.mark.parametrize(
    ("timing", "problem"),
    [
        ({"weekDay": "monday", "isActive": True}, "mainTimings[0].timeRanges is required for isActive true"),
        ({"weekDay": "monday", "isActive": "yes"}, "mainTimings[0].timeRanges is required for isActive true"),
        ({"weekDay": "Moonday"}, "mainTimings[0].weekDay must be one of Monday, "),
        ({"isActive": False}, "mainTimings[0].weekDay is required"),
        ({"weekDay": "monday", "isActiv": False}, "mainTimings[0].isActiv is not known (did you mean 'isActive'?)"),
        ({"weekDay": "monday", "isActive": False}, ""),
        (
            {"weekDay": "monday", "isActive": True, "timeRanges": [{"fromTime": {"hour": 25, "minute": 0}}]},
            "from 0 to 23",
        ),
    ],
)
def test_what_is_wrong_inside_is_told_by_its_path(timing: dict[str, Any], problem: str) -> None:
    schedules = object_target(CATALOG, "schedules", "v3", "insert")
    cells = {"name": ["A"], "timezoneId": ["UTC"], "mainTimings": [json.dumps([timing])]}
    _, rejects = staged(schedules, cells)
    assert rejects["code"].to_list() == (["nested.invalid"] if problem else [])
    assert all(problem in message for message in rejects["message"])


# -- problems of a job


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        (Rule(field="fristName", column="E"), ("map", "fristName"), "did you mean 'firstName'?"),
        (Rule(field="qqqq", column="E"), ("map", "qqqq"), "fields: id, email"),
        (Rule(field="createdAt", column="E"), ("map", "createdAt"), "cannot be written"),
        (Rule(field="title", column="Titel"), ("map", "title"), "did you mean 'Title'?"),
        (Rule(field="title", column="zzzzz"), ("map", "title"), "columns: E, F, Title, Tags"),
        (Rule(field="title", column="Tags"), ("map", "title"), "nested"),
        (Rule(field="title", column="E", split=";"), ("map", "title", "split"), "one value"),
        (Rule(field="title", column="E", as_type="integr"), ("map", "title", "as"), "did you mean 'integer'?"),
        (Rule(field="title", column="E", date_format="%Y"), ("map", "title", "format"), "as: date"),
        (Rule(field="lists", column="E", values={"a": "b"}), ("map", "lists", "values"), "by an `expr`"),
        (Rule(field="title", expr="UPPER(Titel)"), ("map", "title", "expr"), "did you mean 'Title'?"),
    ],
)
def test_problems_name_the_nearest_word(rule: Rule, path: tuple[str, ...], words: str) -> None:
    frame = pl.DataFrame(schema={"E": pl.String, "F": pl.String, "Title": pl.String, "Tags": pl.List(pl.String)})
    _, problems = bound([EMAIL, FIRST, rule], frame)
    assert [problem.path for problem in problems] == [path]
    assert words in f"{problems[0].message} {problems[0].hint}"


def test_all_problems_are_told_at_once() -> None:
    frame = pl.DataFrame(schema={"E": pl.String})
    _, problems = bound([EMAIL, Rule(field="titel", column="T"), Rule(field="notes", expr="X")], frame)
    assert [p.path for p in problems] == [("map", "titel"), ("map", "titel"), ("map", "notes", "expr"), ("map",)]


def test_a_date_in_the_files_own_form() -> None:
    rule = Rule(field="notes", column="C", as_type="date", date_format="%d.%m.%Y")
    made = mapped([rule], {"C": ["28.02.2026", "30.02.2026"]})
    assert made.records["notes"].to_list() == ["2026-02-28"]
    assert made.rejects["message"].to_list() == ["'30.02.2026' is not a date like %d.%m.%Y"]
