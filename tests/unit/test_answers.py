"""Answers decoded: whatever a server says, a call is settled record by record or is ambiguous as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkreply.catalog import Catalog, Operation
from bulkreply.outcomes import Outcome
from bulkreply.targets import Target, object_target, procedure_target
from bulkreply.wire.answer import Answer, Settled, WrongShape
from bulkreply.wire.paging import read_page
from bulkreply.wire.refusal import refusal
from bulkreply.wire.shapes import settle
from bulkreply.wire.verdict import Verdict, judge

CATALOG = Catalog()
CONTACTS, PEOPLE = CATALOG.object("contacts"), CATALOG.object("people", "v1")
IMPORT, DELETE = CONTACTS.operations["import"], CONTACTS.operations["bulk_delete"]
GOOD = [{"id": 1, "status": "created"}, {"id": 2, "status": "updated"}]


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def imported(body: object, count: int, success: Outcome = Outcome.UPDATED) -> Settled:
    return settle(IMPORT, success, answer(body), ["{}"] * count, "id")


def deleted(body: object, *ids: int) -> Settled:
    return settle(DELETE, Outcome.DELETED, answer(body), [str(one) for one in ids], "id")


# -- positional


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_answer_too_short_or_too_long(count: int) -> None:
    with pytest.raises(WrongShape, match="one result per record"):
        imported({"items": GOOD}, count)


@pytest.mark.parametrize(
    "body",
    [
        {"items": {"0": GOOD[0], "1": GOOD[1]}},
        {"Items": GOOD},
        {"items": [GOOD[0], 2]},
        {"items": [GOOD[0], [2]]},
        {"items": [GOOD[0], {"id": 2, "status": ["created"]}]},
        {"items": [GOOD[0], {"id": 2, "status": True}]},
        {"items": [GOOD[0], {"id": "", "status": "created"}]},
        {"items": [GOOD[0], {"id": [2], "status": "created"}]},
        {"items": [GOOD[0], {"id": 2.0, "status": "created"}]},
        {"items": [GOOD[0], {"id": True, "status": "created"}]},
        {"items": [GOOD[0], {"id": 0, "status": "created"}]},
        {"items": [GOOD[0], {"id": -2, "status": "created"}]},
        {"items": [GOOD[0], {"id": 2**63, "status": "created"}]},
        b"<html>ok</html>",
        b'{"items": [',
        b"\xff\xfe",
        True,
    ],
)
def test_another_shape_is_not_guessed_at(body: object) -> None:
    with pytest.raises(WrongShape):
        imported(body, 2)


@pytest.mark.parametrize("word", ["created", "Created", "CREATED", "added"])
def test_status_words_have_no_case(word: str) -> None:
    assert list(imported({"items": [{"id": 5, "status": word}]}, 1).outcomes) == [Outcome.CREATED]


@pytest.mark.parametrize(
    ("item", "outcome", "code", "message"),
    [
        ({"id": None, "status": "failed", "error": "Invalid data"}, Outcome.REJECTED, "reply.failed", "Invalid data"),
        ({"id": None, "status": "Failed", "error": None}, Outcome.REJECTED, "reply.failed", ""),
        ({"id": 3, "status": "skipped"}, Outcome.SKIPPED, "reply.exists", ""),
        (
            {"id": 3, "status": "skipped", "skipReason": "noEditPermission"},
            Outcome.SKIPPED,
            "reply.noEditPermission",
            "",
        ),
        (
            {"id": None, "error": "invalidInput", "errorDetails": "too long"},
            Outcome.REJECTED,
            "reply.invalidInput",
            "too long",
        ),
        ({"id": None, "error": 77}, Outcome.REJECTED, "reply.77", ""),
        ({"error": {"a": 1}}, Outcome.REJECTED, "reply.failed", "{'a': 1}"),
    ],
)
def test_why_a_record_was_not_taken(item: dict[str, Any], outcome: Outcome, code: str, message: str) -> None:
    settled = imported({"items": [{"id": 9, "status": "updated"}, item]}, 2)
    assert list(settled.outcomes) == [Outcome.UPDATED, outcome]
    assert (settled.failures[1].code, settled.failures[1].message) == (code, message)


UUID = "7b0f2c54-1111-4222-8333-9a0000000001"


@pytest.mark.parametrize(
    ("said", "number", "text"),
    [(7, 7, None), ("7", 7, None), (2**63 - 1, 2**63 - 1, None), (UUID, 0, UUID), ("²", 0, "²")],
)
def test_an_id_is_a_number_its_digits_or_a_uuid(said: object, number: int, text: str | None) -> None:
    item = imported({"items": [{"id": said, "status": "created"}]}, 1)
    one = settle(PEOPLE.operations["upsert"], Outcome.UPDATED, answer({"id": said}), ["{}"], "id")
    for settled in (item, one):
        assert (list(settled.ids), settled.texts) == ([number], {} if text is None else {0: text})


def test_an_item_without_a_status_succeeds_by_its_id() -> None:
    settled = imported({"items": [{"id": 7, "error": None}, {"id": None}]}, 2, Outcome.CREATED)
    assert list(settled.outcomes) == [Outcome.CREATED, Outcome.REJECTED]
    assert list(settled.ids) == [7, 0]


# -- failed_by_id


def test_numbers_of_errors_belong_to_their_family() -> None:
    lists = CATALOG.object("contact_lists")
    moved = settle(lists.operations["move_contacts"], Outcome.CALLED, answer({"5": {"error": 8}}), ["5"], "id")
    assert moved.failures[0].code == "reply.contactNotProcessed"
    assert deleted({"5": {"error": 8}}, 5).failures[0].code == "reply.invalidInput"
    assert deleted({"5": {"error": 99}}, 5).failures[0].code == "reply.99"


@pytest.mark.parametrize("error", [1, "notFound", "NotFound", "NOTFOUND"])
def test_what_is_gone_already_needs_no_delete(error: object) -> None:
    assert list(deleted({"6": {"error": error, "errorDetails": None}}, 5, 6).outcomes) == [
        Outcome.DELETED,
        Outcome.SKIPPED,
    ]


def test_a_failure_in_short_form_and_its_details() -> None:
    settled = deleted({"5": "forbidden", "6": {"error": "forbidden", "errorDetails": "not yours"}}, 5, 6, 7)
    assert list(settled.outcomes) == [Outcome.REJECTED, Outcome.REJECTED, Outcome.DELETED]
    assert [settled.failures[i].message for i in (0, 1)] == ["", "not yours"]
    assert list(settled.ids) == [5, 6, 7]


@pytest.mark.parametrize("body", [{}, b"", b"  \n"])
def test_no_failure_is_named(body: object) -> None:
    assert list(deleted(body, 5, 6).outcomes) == [Outcome.DELETED] * 2


@pytest.mark.parametrize(
    "body", [{"99": {"error": 1}}, {"5": None}, {"error": "x"}, None, [], [5], "ok", True, 7, b"done"]
)
def test_an_answer_about_something_else(body: object) -> None:
    with pytest.raises(WrongShape):
        deleted(body, 5, 6)


# -- whole


@pytest.mark.parametrize(
    ("mode", "status", "outcome"),
    [
        ("upsert", 201, Outcome.CREATED),
        ("upsert", 200, Outcome.UPDATED),
        ("insert", 200, Outcome.CREATED),
        ("update", 201, Outcome.UPDATED),
    ],
)
def test_one_record_in_one_answer(mode: str, status: int, outcome: Outcome) -> None:
    said = answer({"id": 1012, "email": "pi@example.com"}, status)
    success = object_target(CATALOG, "people", "v1", mode).success
    settled = settle(PEOPLE.operations["upsert"], success, said, ["{}"], "id", may_create=mode == "upsert")
    assert (list(settled.outcomes), list(settled.ids)) == ([outcome], [1012])


@pytest.mark.parametrize(
    "body", [b"", None, [], [{"id": 1}], {"ids": [1]}, {"id": None}, {"id": ""}, {"id": True}, {"id": 0}]
)
def test_an_answer_without_the_record(body: object) -> None:
    with pytest.raises(WrongShape, match="carries no id"):
        settle(PEOPLE.operations["upsert"], Outcome.UPDATED, answer(body), ["{}"], "id")


# -- laws

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["items", "id", "status", "error", "skipReason", "5", "6"]), inner),
    ),
    max_leaves=12,
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "status": st.sampled_from(["created", "Skipped", "failed", 1]),
        "error": JSON,
        "skipReason": JSON,
    },
)
TARGETS: list[Target] = [
    *(object_target(CATALOG, spec.name, spec.api, mode) for spec in CATALOG for mode in spec.modes),
    *(procedure_target(CATALOG, procedure) for procedure in CATALOG.procedures().values()),
]
SETTLING = [(operation, target.success) for target in TARGETS for operation in target.operations]


@given(st.sampled_from(SETTLING), st.one_of(JSON, st.lists(ITEM, max_size=3).map(lambda items: {"items": items})))
@example((IMPORT, Outcome.UPDATED), {"items": [{"id": 2**64 - 1, "error": None}]})
@example((DELETE, Outcome.DELETED), {"5": {"error": [1]}})
def test_any_json_settles_every_record_or_none(what: tuple[Operation, Outcome], body: object) -> None:
    operation, success = what
    ids = ("5", "6") if operation.batch is not None else ("5",)
    try:
        settled = settle(operation, success, answer(body), ids, "id")
    except WrongShape:
        return
    assert len(settled.outcomes) == len(settled.ids) == len(ids)
    assert all(Outcome(code) is not Outcome.NOT_ATTEMPTED for code in settled.outcomes)
    assert set(settled.failures) <= set(range(len(ids)))
    assert all(i in settled.failures for i, code in enumerate(settled.outcomes) if code == Outcome.REJECTED)


@given(st.sampled_from([op for spec in CATALOG for op in spec.operations.values()]), JSON, st.integers(0, 3))
def test_any_json_is_a_page_or_no_page(operation: Operation, body: object, number: int) -> None:
    try:
        page = read_page(operation, body, number, 10)
    except WrongShape:
        return
    assert all(isinstance(record, dict) for record in page.records)
    assert page.records or not page.more


BODIES = st.one_of(JSON.map(lambda body: json.dumps(body).encode()), st.binary(max_size=20))


@given(
    st.sampled_from([op for spec in CATALOG for op in spec.operations.values()]),
    st.integers(100, 599),
    BODIES,
    st.integers(1, 3),
)
def test_any_answer_is_judged(operation: Operation, status: int, body: bytes, count: int) -> None:
    judgement = judge(operation, CATALOG.api(operation.api), Answer(status, {}, body), count)
    harmless = operation.reads or operation.repeat == "safe"
    assert judgement.verdict is not Verdict.RETRY or harmless
    assert (judgement.verdict is Verdict.SPLIT) <= (count > 1)
    assert (judgement.verdict is Verdict.STOP) == bool(judgement.stop)
    assert (judgement.verdict is Verdict.REJECT) == bool(judgement.failures)
    assert all(0 <= index < count for index in judgement.failures)


# -- refusals


@pytest.mark.parametrize(
    ("pointer", "index", "field"),
    [
        ("/items/3/email", 3, "email"),
        ("/3/email", 3, "email"),
        ("#/items/3/customFields/0/value", 3, "customFields.0.value"),
        ("/ids/3", 3, ""),
    ],
)
def test_pointers_that_name_a_record(pointer: str, index: int, field: str) -> None:
    found = refusal(answer({"title": "T", "errors": [{"pointer": pointer, "detail": "bad"}]}, 400))
    assert {i: (f.field, f.message) for i, f in found.failures.items()} == {index: (field, "bad")}
    assert found.whole == ()


@pytest.mark.parametrize("pointer", ["/email", "", None, "/options/listIds/0", "items[0]", "/items/x/email"])
def test_pointers_that_name_none(pointer: str | None) -> None:
    found = refusal(answer({"title": "T", "errors": [{"pointer": pointer, "detail": "bad"}]}, 400))
    assert not found.failures
    assert found.whole == (f"{pointer or ''} bad".strip(),)


def test_errors_by_field_name_no_record_but_are_told() -> None:
    found = refusal(answer({"title": "T", "errors": {"Email": ["bad", "odd"], "name": "x", "y": None}}, 400))
    assert (dict(found.failures), found.whole) == ({}, ("Email: bad, odd", "name: x", "y: None"))


@pytest.mark.parametrize("errors", [None, {}, "bad", [1, "x", None], 7])
def test_errors_of_another_form_are_no_pointers(errors: object) -> None:
    found = refusal(answer({"title": "T", "errors": errors}, 400))
    assert (found.message, dict(found.failures), found.whole) == ("T", {}, ())


def test_addresses_never_stand_in_a_refusal() -> None:
    said = {
        "title": "T",
        "detail": "ann@example.com is known",
        "errors": [{"pointer": "/x", "detail": "bob@example.com"}],
    }
    found = refusal(answer(said, 400))
    assert "@example" not in f"{found.message} {found.whole}"


# -- totals


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"importedCount": 2, "updatedCount": 0, "skippedCount": 0, "errorsCount": 0}, Outcome.UPDATED),
        ({"importedCount": 0, "skippedCount": 2, "errorsCount": 0}, Outcome.SKIPPED),
        ({"importedCount": 0, "skippedCount": 0, "errorsCount": 2}, Outcome.REJECTED),
        ({"importedCount": 1, "skippedCount": 1, "errorsCount": 0}, Outcome.UNKNOWN),
        ({"skippedCount": 1, "errorsCount": 1}, Outcome.UNKNOWN),
        ({"skippedCount": 3}, Outcome.UNKNOWN),
        ({"skippedCount": "2", "errorsCount": None, "errorWords": []}, Outcome.UPDATED),
        ({}, Outcome.UPDATED),
    ],
)
def test_totals_tell_of_all_records_or_of_none(told: dict[str, Any], outcome: Outcome) -> None:
    operation = CATALOG.object("accounts", "v1").operations["csv_import"]
    settled = settle(operation, Outcome.UPDATED, answer(told), ["{}"] * 2, "AccountId")
    assert list(settled.outcomes) == [outcome] * 2
