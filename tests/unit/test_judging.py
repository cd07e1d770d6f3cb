"""Answers: the table of verdicts, and how each shape settles the records of a call."""

from __future__ import annotations

import json

import pytest

from bulkreply.catalog import Catalog
from bulkreply.outcomes import Outcome
from bulkreply.wire.answer import Answer, WrongShape
from bulkreply.wire.paging import read_page
from bulkreply.wire.refusal import refusal
from bulkreply.wire.shapes import settle
from bulkreply.wire.verdict import TABLE, Verdict, judge, retry_after_s

CATALOG = Catalog()
CONTACTS, PEOPLE = CATALOG.object("contacts"), CATALOG.object("people", "v1")
IMPORT, DELETE, LIST = CONTACTS.operations["import"], CONTACTS.operations["delete"], CONTACTS.operations["list"]
UPSERT, CREATE = PEOPLE.operations["upsert"], CONTACTS.operations["create"]
LOOKUP = PEOPLE.operations["lookup"]
PUSH, MAILBOX = CATALOG.operation("v1.campaign_people.push"), CATALOG.operation("v1.email_accounts.delete")
VALIDATION = CATALOG.operation("v3.email_validations.schedule")
MEMBERS, FOLDER = (
    CATALOG.operation("v3.contact_lists.add_contacts"),
    CATALOG.operation("v3.email_template_folders.update"),
)


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


POINTED = {
    "errors": [{"pointer": "/items/1/email", "detail": "bad"}, {"pointer": "/items/1/firstName", "detail": "no"}]
}
CASES = [
    (IMPORT, Answer(0, silence="unsent"), 9, Verdict.RETRY),
    (IMPORT, Answer(0, silence="lost"), 9, Verdict.VERIFY),
    (LIST, Answer(0, silence="lost"), 1, Verdict.RETRY),
    (DELETE, Answer(0, silence="lost"), 1, Verdict.RETRY),
    (CREATE, Answer(0, silence="lost"), 1, Verdict.VERIFY),
    (IMPORT, answer(200), 9, Verdict.DONE),
    (IMPORT, answer(202), 9, Verdict.FOLLOW),
    (IMPORT, answer(302), 9, Verdict.STOP),
    (IMPORT, answer(429), 9, Verdict.WAIT),
    (UPSERT, answer(400, b"Too much requests"), 1, Verdict.WAIT),
    (UPSERT, answer(400, {"message": "too many requests"}), 1, Verdict.WAIT),
    (IMPORT, answer(401), 9, Verdict.STOP),
    (IMPORT, answer(403, {"detail": "insufficient_scope"}), 9, Verdict.STOP),
    (UPSERT, answer(403, {"message": "not yours"}), 1, Verdict.REJECT),
    (IMPORT, answer(400, {"code": "contact.limitExceeded"}), 9, Verdict.STOP),
    (IMPORT, answer(413), 9, Verdict.SPLIT),
    (IMPORT, answer(413), 1, Verdict.REJECT),
    (IMPORT, answer(400, POINTED), 9, Verdict.REJECT),
    (IMPORT, answer(400, POINTED), 1, Verdict.REJECT),
    (IMPORT, answer(400, {"errors": [{"pointer": "/items", "detail": "At most 50 items."}]}), 100, Verdict.SPLIT),
    (IMPORT, answer(400, {"detail": "no"}), 9, Verdict.SPLIT),
    (IMPORT, answer(400, {"detail": "no"}), 1, Verdict.REJECT),
    (UPSERT, answer(409), 1, Verdict.REJECT),
    (DELETE, answer(404), 1, Verdict.DONE),
    (CONTACTS.operations["update"], answer(404), 1, Verdict.REJECT),
    (IMPORT, answer(404), 9, Verdict.STOP),
    (MEMBERS, answer(404, {"code": "contactList.notFound"}), 9, Verdict.REJECT),
    (MEMBERS, answer(403, {"code": "contactList.notYours"}), 9, Verdict.REJECT),
    (MEMBERS, answer(400, {"code": "request.invalid", "detail": "At most 50 ids."}), 100, Verdict.SPLIT),
    (MEMBERS, answer(400, {"detail": "no"}), 9, Verdict.SPLIT),
    (PUSH, answer(404, {"message": "Person not found."}), 1, Verdict.REJECT),
    (MAILBOX, answer(404, {"message": "E-mail account not found."}), 1, Verdict.DONE),
    (VALIDATION, answer(400, {"code": "emailValidation.notEnoughCredits"}), 9, Verdict.REJECT),
    (CREATE, answer(404), 1, Verdict.STOP),
    (FOLDER, answer(404), 1, Verdict.STOP),
    (FOLDER, answer(404, {"code": "templateFolder.notFound"}), 1, Verdict.REJECT),
    (LOOKUP, answer(404, {"message": "nobody"}), 1, Verdict.REJECT),
    (LOOKUP, answer(404), 1, Verdict.REJECT),
    (PEOPLE.operations["list"], answer(404, {"message": "nothing here"}), 1, Verdict.STOP),
    (CATALOG.operation("v2.schedules.get_default"), answer(404), 1, Verdict.REJECT),
    (CATALOG.operation("v3.reports.emails_overview"), answer(404, {"title": "No such route"}), 1, Verdict.STOP),
    (CATALOG.operation("v3.reports.emails_overview"), answer(404, {"code": "report.notFound"}), 1, Verdict.REJECT),
    (CATALOG.operation("v1.campaign_people.remove"), answer(404, {"message": "nobody"}), 1, Verdict.DONE),
    (IMPORT, answer(405), 9, Verdict.STOP),
    (IMPORT, answer(500), 9, Verdict.VERIFY),
    (IMPORT, answer(504, b"<html>"), 9, Verdict.VERIFY),
    (LIST, answer(503), 1, Verdict.RETRY),
    (IMPORT, answer(418), 9, Verdict.STOP),
]


@pytest.mark.parametrize(("operation", "said", "count", "verdict"), CASES)
def test_the_table(operation, said: Answer, count: int, verdict: Verdict) -> None:
    assert judge(operation, CATALOG.api(operation.api), said, count).verdict is verdict


def test_every_row_of_the_table_is_reached() -> None:
    from bulkreply.wire import verdict as module

    reached = set()
    for operation, said, count, _ in CASES:
        case = module._Case(operation, CATALOG.api(operation.api), said, refusal(said), count)
        reached.add(next((name for name, applies, _ in TABLE if applies(case)), ""))
    assert reached == {name for name, _, _ in TABLE} | {""}


@pytest.mark.parametrize("status", [s for s in range(100, 600) if s != 429])
def test_no_answer_to_an_unkeyed_write_is_ever_sent_again(status: int) -> None:
    assert judge(CREATE, CATALOG.api("v3"), answer(status, b"?"), 1).verdict not in (Verdict.RETRY, Verdict.WAIT)


def test_pointers_name_records() -> None:
    found = judge(IMPORT, CATALOG.api("v3"), answer(400, POINTED), 9).failures
    assert found.keys() == {1}
    assert (found[1].field, found[1].message) == ("email", "bad; no")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after": "7"}, 7), ({"retry_after": "0.5"}, 0.5), ({}, -1), ({"retry_after": "soon"}, -1),
        ({"retry_after": "Tue, 24 Nov 2026 10:00:09 GMT", "date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 9),
        ({"retry_after": "Tue, 24 Nov 2026 10:00:09 GMT"}, -1), ({"retry_after": "99999999"}, 86_400),
    ],
)  # fmt: skip
def test_retry_after(headers: dict[str, str], wait_s: float) -> None:
    assert retry_after_s(answer(429, **headers)) == wait_s


def settled(items: object, count: int):
    return settle(IMPORT, Outcome.UPDATED, answer(200, items), ["{}"] * count, "id")


def test_positional_answers() -> None:
    items = [
        {"id": 1, "status": "created", "error": None}, {"id": 2, "status": "Updated"},
        {"id": 3, "status": "skipped", "skipReason": "noEditPermission"},
        {"id": None, "status": "FAILED", "error": "Invalid data"},
    ]  # fmt: skip
    done = settled({"items": items}, 4)
    assert list(done.outcomes) == [Outcome.CREATED, Outcome.UPDATED, Outcome.SKIPPED, Outcome.REJECTED]
    assert list(done.ids) == [1, 2, 3, 0]
    assert [done.failures[i].code for i in (2, 3)] == ["reply.noEditPermission", "reply.failed"]
    assert done.failures[3].message == "Invalid data"


@pytest.mark.parametrize(
    "body",
    [
        {"items": [{"id": 1, "status": "created"}]}, {"items": [{"id": 1, "status": "created"}] * 3}, {"items": None},
        {}, [], None, "x", {"items": [None, None]},
        {"items": [{"id": 1, "status": "created"}, {"id": None, "status": "created"}]},
        {"items": [{"id": 1, "status": "created"}, {"id": 2, "status": "vanished"}]},
    ],
)  # fmt: skip
def test_a_positional_answer_of_another_shape_is_not_guessed_at(body: object) -> None:
    with pytest.raises(WrongShape):
        settled(body, 2)


def test_failures_by_id() -> None:
    operation = CONTACTS.operations["bulk_delete"]

    def done(body: object):
        return settle(operation, Outcome.DELETED, answer(200, body), ["5", "6", "7"], "id")

    said = done({"6": {"error": 3}, "7": {"error": "notFound"}})
    assert list(said.outcomes) == [Outcome.DELETED, Outcome.REJECTED, Outcome.SKIPPED]
    assert said.failures[1].code == "reply.forbidden"
    assert list(done(b"").outcomes) == [Outcome.DELETED] * 3
    with pytest.raises(WrongShape):
        done({"99": {"error": 1}})


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"title": "T", "detail": "D", "code": "contact.notFound"}, "contact.notFound", "D"),
        ({"title": "T", "errorCode": 5}, "5", "T"), ({"message": "M"}, "", "M"), ({"error": "E"}, "", "E"),
        ("text", "", "text"), (b"<html><b>Bad</b> gateway</html>", "", "Bad gateway"), (b"", "", ""),
        ({"detail": "a@example.com is taken"}, "", "…@… is taken"),
    ],
)  # fmt: skip
def test_every_dialect_of_refusal(body: object, code: str, message: str) -> None:
    found = refusal(answer(400, body))
    assert (found.code, found.message) == (code, message)


def test_pages() -> None:
    assert read_page(LIST, {"items": [{"id": 1}], "hasMore": True}, 0, 1).more
    assert not read_page(LIST, {"items": [], "hasMore": False}, 1, 1).more
    with pytest.raises(WrongShape):
        read_page(LIST, {"items": [], "hasMore": True}, 1, 1)
    people = PEOPLE.operations["list"]
    page = read_page(people, {"people": [{"id": 1}], "total": 3, "pagesCount": 3}, 0, 1)
    assert (page.more, page.total) == (True, 3)
    assert not read_page(people, {"people": [{"id": 1}], "total": 3, "pagesCount": 3}, 2, 1).more
    assert len(read_page(CATALOG.object("custom_fields").operations["list"], [{"id": 1}], 0, 1).records) == 1
