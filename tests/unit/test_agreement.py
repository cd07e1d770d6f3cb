"""Bulk answers that contradict themselves, or what was sent, say nothing; those that agree are taken at their word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bulkreply.catalog import Catalog, Operation
from bulkreply.outcomes import Outcome
from bulkreply.wire.agreement import other_ids
from bulkreply.wire.answer import Answer, Failure, Settled, WrongShape
from bulkreply.wire.shapes import settle

CATALOG = Catalog()
IMPORT = CATALOG.operation("v3.contacts.import")
COMPANIES = CATALOG.operation("v3.accounts.bulk_create")
ENROL = CATALOG.operation("v3.sequence_contacts.bulk_add")
TAKE_OUT = CATALOG.operation("v3.sequence_contacts.bulk_remove")
OWNER = CATALOG.operation("v3.contacts.set_owner")
DELETE = CATALOG.operation("v3.contacts.bulk_delete")
DELETE_ONE = CATALOG.operation("v3.contacts.delete")
IDS = ["5", "6", "7"]
PEOPLE = ['{"email":"a@example.com"}', '{"email":"B@example.com"}']


def said(operation: Operation, body: Any, elements: list[str], success: Outcome = Outcome.UPDATED) -> list[Outcome]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    settled = settle(operation, success, Answer(200, {}, content), elements, "id", names=("email",))
    return [Outcome(code) for code in settled.outcomes]


def item(number: int | None, status: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "status": status, "error": None} | more


def test_totals_that_agree() -> None:
    body = {"items": [item(1, "created"), item(None, "failed")], "added": 1, "updated": 0, "skipped": 0, "failed": 1}
    assert said(IMPORT, body, PEOPLE) == [Outcome.CREATED, Outcome.REJECTED]


@pytest.mark.parametrize("totals", [{"added": 2}, {"added": 1, "failed": 0}, {"updated": 1}, {"skipped": 1}])
def test_totals_that_do_not(totals: dict[str, int]) -> None:
    with pytest.raises(WrongShape, match="results say so"):
        said(IMPORT, {"items": [item(1, "created"), item(None, "failed")]} | totals, PEOPLE)


@pytest.mark.parametrize("totals", [{"added": None}, {"added": "2"}, {"added": True}, {}])
def test_what_is_no_total(totals: dict[str, Any]) -> None:
    assert said(IMPORT, {"items": [item(1, "created"), item(2, "created")]} | totals, PEOPLE) == [Outcome.CREATED] * 2


def test_two_records_cannot_be_made_as_one() -> None:
    with pytest.raises(WrongShape, match="same id"):
        said(IMPORT, {"items": [item(1, "created"), item(1, "created")]}, PEOPLE)
    with pytest.raises(WrongShape, match="same id"):
        said(COMPANIES, [{"id": 1, "error": None}, {"id": 1, "error": None}], ["{}", "{}"], Outcome.CREATED)


def test_two_rows_may_be_about_one_record() -> None:
    body = {"items": [item(1, "created"), item(1, "updated")]}
    assert said(IMPORT, body, PEOPLE) == [Outcome.CREATED, Outcome.UPDATED]


def test_results_that_name_their_record() -> None:
    right = [item(1, "created", email="A@example.com"), item(2, "created", email="b@example.com")]
    assert said(IMPORT, {"items": right}, PEOPLE) == [Outcome.CREATED] * 2
    with pytest.raises(WrongShape, match="result 0 is about another record"):
        said(IMPORT, {"items": right[::-1]}, PEOPLE)


def test_results_with_another_id_than_the_record_has() -> None:
    settled = Settled.all(3, Outcome.UPDATED)
    settled.ids[0], settled.ids[1] = 5, 7
    assert other_ids(("5", "7", "9"), settled.ids, settled.texts) == ""
    assert other_ids(("5", "6", "9"), settled.ids, settled.texts) == "result 1 is about another record"


@pytest.mark.parametrize(
    "body",
    [
        {"added": [5, 6], "notProcessed": {}},
        {"added": [5, 6, 6], "notProcessed": {}},
        {"added": [5, 6, 7, 99], "notProcessed": {}},
        {"added": [5, 6, 7], "notProcessed": {"7": {"error": "forbidden"}}},
        {"added": [5, None, 7], "notProcessed": {}},
    ],
)
def test_enrolment_that_does_not_account_for_everybody(body: dict[str, Any]) -> None:
    with pytest.raises(WrongShape):
        said(ENROL, body, IDS)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (TAKE_OUT, {"requested": 3, "removed": 3, "removedIds": [5, 6]}),
        (TAKE_OUT, {"requested": 2, "removed": 2, "removedIds": [5, 6]}),
        (TAKE_OUT, {"removedIds": [5, 6, 6]}),
        (OWNER, {"isSuccess": True, "affectedIds": [5, 5, 6]}),
        (DELETE, None),
        (DELETE, {"5": None}),
    ],
)
def test_counts_and_failures_that_cannot_be(operation: Operation, body: Any) -> None:
    with pytest.raises(WrongShape):
        said(operation, body, IDS)


def test_a_flag_is_no_reason() -> None:
    content = json.dumps({"isSuccess": True, "affectedIds": [5, 6]}).encode()
    settled = settle(OWNER, Outcome.CALLED, Answer(200, {}, content), IDS, "id")
    assert settled.failures[2].code == "reply.notTaken"


def test_a_page_of_html_proves_nothing() -> None:
    with pytest.raises(WrongShape, match="HTML"):
        said(DELETE_ONE, b"\n<html>Sign in</html>", ["5"])
    assert said(DELETE_ONE, b"", ["5"]) == [Outcome.UPDATED]


def test_what_a_repeat_finds_done_is_the_work_of_the_try_before() -> None:
    settled = Settled.all(4, Outcome.DELETED)
    for i, outcome in enumerate((Outcome.SKIPPED, Outcome.UNCHANGED, Outcome.REJECTED)):
        settled.outcomes[i], settled.failures[i] = outcome, Failure("x")
    gone, kept = settled.claimed(Outcome.DELETED, True), settled.claimed(Outcome.CALLED, False)
    assert list(gone.outcomes) == [Outcome.DELETED, Outcome.DELETED, Outcome.REJECTED, Outcome.DELETED]
    assert list(kept.outcomes) == [Outcome.SKIPPED, Outcome.CALLED, Outcome.REJECTED, Outcome.DELETED]
    assert (list(gone.failures), list(kept.failures)) == ([2], [0, 2])
