"""The client against the hand-written wire samples: what it sends, and what it makes of the answers."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl
import pytest
from ruamel.yaml import YAML

from bulkreply.batching import Batch
from bulkreply.catalog import Catalog, Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import as_procedure, element, filler, inputs_of
from bulkreply.mapping import Rule, bind
from bulkreply.outcomes import Outcome
from bulkreply.records import Chunk
from bulkreply.sandbox.multipart import parts_of
from bulkreply.sinks import ReplySink
from bulkreply.targets import Target, object_target, procedure_target
from bulkreply.wire.answer import Answer, settle
from bulkreply.wire.call import FILE, Call, fill, page_call, write_call
from bulkreply.wire.compare import holds
from bulkreply.wire.layout import Layouts
from bulkreply.wire.paging import read_page
from bulkreply.wire.verdict import Judgement, Verdict, judge
from tests.wire.world import JUDGED

CATALOG = Catalog()
FOLDER = Path(__file__).parent / "samples"
OPERATIONS = [operation for spec in CATALOG for operation in spec.operations.values()]
Exchange = dict[str, Any]

CREATED, UPDATED, SKIPPED = Outcome.CREATED, Outcome.UPDATED, Outcome.SKIPPED
REJECTED, DELETED = Outcome.REJECTED, Outcome.DELETED


def load(path: Path) -> dict[str, Any]:
    # The round-trip loader keeps times as their text would be; plain JSON is what travels.
    found: dict[str, Any] = json.loads(
        json.dumps(YAML(typ="safe", pure=True).load(path.read_text("utf-8")), default=str)
    )
    return found


SAMPLES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}


def concerns(operation: Operation, request: Exchange) -> bool:
    """Whether an exchange calls an operation of the catalog: method, path, and the query its path selects by."""
    path, _, query = operation.path.partition("?")
    pattern = re.sub(r"{\w+}", "[^/]+", path)
    if operation.method != request["method"] or not re.fullmatch(pattern, request["path"]):
        return False
    return {name for name, _ in parse_qsl(query)} <= set(request["query"])


def operation_of(request: Exchange) -> Operation | None:
    """The operation with the most telling path."""
    found = [operation for operation in OPERATIONS if concerns(operation, request)]
    return max(found, key=lambda operation: (operation.path.count("?"), -operation.path.count("{")), default=None)


def answer_of(exchange: Exchange) -> Answer:
    if exchange.get("lost"):
        return Answer(0, silence="lost")
    said = exchange["response"]
    body = json.dumps(said["body"]) if "body" in said else said.get("body_text", "")
    return Answer(said["status"], {name.lower(): str(v) for name, v in said["headers"].items()}, body.encode())


def count_of(operation: Operation, request: Exchange) -> int:
    if operation.batch is None:
        return 1
    body = request["body"]
    return len(body if operation.batch.field == "[]" else body[operation.batch.field])


def exchanges(name: str) -> list[tuple[Operation, Exchange]]:
    """The exchanges of a sample that the catalog knows."""
    known = ((operation_of(one["request"]), one) for one in SAMPLES[name]["exchanges"])
    return [(operation, one) for operation, one in known if operation is not None]


def verdicts(name: str) -> list[Verdict]:
    return [verdict(operation, one).verdict for operation, one in exchanges(name)]


def verdict(operation: Operation, exchange: Exchange) -> Judgement:
    count = count_of(operation, exchange["request"])
    return judge(operation, CATALOG.api(operation.api), answer_of(exchange), count)


def outcomes(name: str, mode: str, at: int = 0) -> tuple[list[Outcome], list[int], dict[int, tuple[str, str]]]:
    """Outcomes, ids and reasons of the records of one exchange."""
    operation, exchange = exchanges(name)[at]
    spec = CATALOG.object(operation.object, operation.api)
    count = count_of(operation, exchange["request"])
    ids = exchange["request"]["body"][operation.batch.field] if operation.batch and operation.batch.of == "key" else ()
    settled = settle(operation, spec.modes[mode], answer_of(exchange), count, ids, spec.key)
    reasons = {i: (failure.code, failure.message) for i, failure in settled.failures.items()}
    return [Outcome(code) for code in settled.outcomes], list(settled.ids), reasons


def decoded(name: str) -> list[Any]:
    return [answer_of(one).json() for _, one in exchanges(name)]


def test_every_sample_that_speaks_of_the_catalog_is_judged_here() -> None:
    assert {name for name in SAMPLES if exchanges(name)} == JUDGED.keys()


@pytest.mark.parametrize("name", JUDGED)
def test_what_the_client_makes_of_the_answers(name: str) -> None:
    assert [verdict.name for verdict in verdicts(name)] == JUDGED[name]


@pytest.mark.parametrize("name", JUDGED)
def test_a_sample_is_about_the_operation_it_names(name: str) -> None:
    sample = SAMPLES[name]
    known = CATALOG.object(sample["object"], sample["api"]).operations
    called = {(operation.object, operation.name) for operation, _ in exchanges(name)}
    assert sample["operation"] not in known or (sample["object"], sample["operation"]) in called


# -- answers, record by record


def test_a_mixed_import() -> None:
    assert outcomes("v3-contacts-import-mixed", "upsert") == (
        [CREATED, UPDATED, SKIPPED, SKIPPED, REJECTED],
        [1005, 1001, 1005, 1090, 0],
        {
            2: ("reply.exists", ""),
            3: ("reply.noEditPermission", ""),
            4: ("reply.failed", "Invalid data"),
        },
    )
    assert outcomes("v3-contacts-import-mixed-pascal", "insert") == (
        [CREATED, REJECTED],
        [1006, 0],
        {1: ("reply.failed", "Invalid data")},
    )


def test_a_bulk_delete_with_an_unknown_id() -> None:
    assert outcomes("v3-contacts-bulk-delete", "delete") == (
        [DELETED, DELETED, SKIPPED],
        [1001, 1002, 999999],
        {2: ("reply.notFound", "")},
    )


@pytest.mark.parametrize(
    ("name", "mode", "at", "outcome", "number"),
    [
        ("v1-people-upsert", "upsert", 0, CREATED, 1012),
        ("v1-people-upsert", "upsert", 1, UPDATED, 1012),
        ("v1-custom-fields", "insert", 0, CREATED, 42),
        ("v3-contact-lists-create", "insert", 0, CREATED, 72),
        ("v3-custom-fields-create", "insert", 0, CREATED, 43),
        ("v3-contacts-import-400-pointer", "upsert", 1, CREATED, 1007),
        ("v3-contacts-import-503", "insert", 2, CREATED, 1011),
    ],
)
def test_one_record_in_one_answer(name: str, mode: str, at: int, outcome: Outcome, number: int) -> None:
    assert outcomes(name, mode, at) == ([outcome], [number], {})


@pytest.mark.parametrize(
    ("name", "at", "error"), [("v3-contact-lists-add", 0, "999999"), ("v3-contact-lists-move-int", 0, "999999")]
)
def test_members_that_were_not_taken(name: str, at: int, error: str) -> None:
    operation, exchange = exchanges(name)[at]
    sent = exchange["request"]["body"]["contactIds"]
    mode = CATALOG.object("contacts").modes["update"]  # lists have no mode of their own for their members
    settled = settle(operation, mode, answer_of(exchange), len(sent), sent, "id")
    failed = [sent[i] for i in settled.failures]
    assert failed == [int(error)]
    assert {failure.code for failure in settled.failures.values()} == {"reply.contactNotProcessed"}
    assert settled.outcomes.count(UPDATED) == len(sent) - 1


def test_a_refused_record_is_named_and_only_it() -> None:
    operation, exchange = exchanges("v3-contacts-import-400-pointer")[0]
    judgement = verdict(operation, exchange)
    assert {i: (f.field, f.message) for i, f in judgement.failures.items()} == {1: ("email", "Not a valid address.")}
    again = exchanges("v3-contacts-import-400-pointer")[1][1]["request"]["body"]["items"]
    items = exchange["request"]["body"]["items"]
    assert [item for i, item in enumerate(items) if i not in judgement.failures] == again


def test_every_reason_of_a_single_refusal_is_kept() -> None:
    (judgement,) = (verdict(*one) for one in exchanges("v3-contacts-create-400-validation"))
    assert "Not a valid address." in judgement.failures[0].message
    assert "A value is needed." in judgement.failures[0].message


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("v1-people-401", "key"),
        ("v3-whoami-401-empty", "key"),
        ("v3-whoami-401-problem", "key"),
        ("v3-whoami-401-unknown-acting-user", "key"),
        ("v3-contacts-list-scope-missing", "key"),
        ("v3-contacts-list-team-required", "key"),
        ("v3-contacts-import-plan-limit", "plan"),
    ],
)
def test_why_a_run_stops(name: str, stop: str) -> None:
    assert verdict(*exchanges(name)[0]).stop == stop


def test_how_long_a_throttle_lasts() -> None:
    assert verdict(*exchanges("v3-contacts-list-429-retry")[0]).wait_s == 7


# -- pages


@pytest.mark.parametrize(
    ("name", "sizes", "more", "totals"),
    [
        ("v3-contacts-list-two-pages", [2, 1], [True, False], [-1, -1]),
        ("v3-contacts-filter-list-members", [2, 1], [True, False], [3, 3]),
        ("v1-people-list-two-pages", [2, 1], [True, False], [3, 3]),
        ("v3-contacts-find-by-email", [1], [False], [-1]),
        ("v3-custom-fields-list", [2], [False], [2]),
        ("v3-team-users-list", [2], [False], [2]),
    ],
)
def test_pages(name: str, sizes: list[int], more: list[bool], totals: list[int]) -> None:
    found = exchanges(name)
    size = int(found[0][1]["request"]["query"].get("top") or found[0][1]["request"]["query"].get("limit") or 1000)
    pages = [read_page(operation, answer_of(one).json(), at, size) for at, (operation, one) in enumerate(found)]
    assert [len(page.records) for page in pages] == sizes
    assert [page.more for page in pages] == more
    assert [page.total for page in pages] == totals


def asked(call: Call) -> tuple[str, str, dict[str, str], Any]:
    split = urlsplit(call.path)
    return call.method, split.path, dict(parse_qsl(split.query)), json.loads(call.body) if call.body else None


def wanted(request: Exchange) -> tuple[str, str, dict[str, str], Any]:
    query = {name: str(value) for name, value in request["query"].items()}
    return request["method"], request["path"], query, request.get("body")


@pytest.mark.parametrize(
    ("name", "at", "page", "size", "query", "body"),
    [
        ("v3-contacts-list-two-pages", 0, 0, 2, {}, {}),
        ("v3-contacts-list-two-pages", 1, 1, 2, {}, {}),
        ("v3-contacts-filter-list-members", 0, 0, 2, {}, {"listId": 71}),
        ("v3-contacts-filter-list-members", 1, 1, 2, {}, {"listId": 71}),
        ("v3-contacts-find-by-email", 0, 0, 25, {"email": "Alpha@Example.com"}, {}),
        ("v3-contacts-import-lost-answer", 1, 0, 25, {"email": "xi@example.com"}, {}),
        ("v3-contacts-list-429-retry", 1, 2, 1000, {}, {}),
        ("v3-custom-fields-list", 0, 0, 1000, {}, {}),
        ("v3-background-jobs-list-cancel", 0, 0, 200, {"category": "email-validation"}, {}),
        ("v1-people-list-two-pages", 0, 0, 2, {}, {}),
        ("v1-people-list-two-pages", 1, 1, 2, {}, {}),
        ("v1-people-by-email", 0, 0, 25, {"email": "alpha@example.com"}, {}),
        ("v1-people-by-email", 1, 0, 25, {"email": "ghost+1@example.com"}, {}),
    ],
)
def test_a_page_is_asked_for_as_the_sample_does(
    name: str, at: int, page: int, size: int, query: dict[str, str], body: dict[str, Any]
) -> None:
    operation, exchange = exchanges(name)[at]
    assert asked(page_call(operation, page, size, query, body)) == wanted(exchange["request"])


# -- writes

WRITES: list[tuple[str, int, str, dict[str, str]]] = [
    ("v3-contacts-import-202-job", 0, "upsert", {}),
    ("v3-contacts-import-400-pointer", 0, "upsert", {}),
    ("v3-contacts-import-400-pointer", 1, "upsert", {}),
    ("v3-contacts-import-503", 0, "insert", {}),
    ("v3-contacts-import-lost-answer", 0, "insert", {}),
    ("v3-contacts-import-mixed-pascal", 0, "insert", {}),
    ("v3-contacts-bulk-delete", 0, "delete", {}),
    ("v3-contact-lists-create", 0, "insert", {}),
    ("v3-custom-fields-create", 0, "insert", {}),
    ("v1-custom-fields", 0, "insert", {}),
    ("v1-people-upsert", 0, "upsert", {}),
    ("v1-people-upsert", 1, "update", {}),
    ("v1-people-delete-by-email", 0, "delete", {"email": "pi@example.com"}),
]


@pytest.mark.parametrize(("name", "at", "mode", "parameters"), WRITES)
def test_a_write_is_sent_as_the_sample_does(name: str, at: int, mode: str, parameters: dict[str, str]) -> None:
    operation, exchange = exchanges(name)[at]
    body = exchange["request"].get("body") or {}
    records = body[operation.batch.field] if operation.batch else [body]
    placed = {f"options.{k}": v for k, v in body.get("options", {}).items() if k == "listIds"}
    spec = CATALOG.object(operation.object, operation.api)
    assert spec.modes[mode].operation == operation.name
    call = write_call(operation, spec.modes[mode], [json.dumps(one) for one in records], parameters, placed)
    assert asked(call) == wanted(exchange["request"])


def test_options_that_no_mode_sends_are_all_a_mixed_import_has_besides() -> None:
    operation, exchange = exchanges("v3-contacts-import-mixed")[0]
    body = exchange["request"]["body"]
    placed = {"options.listIds": [71]}
    mode = CATALOG.object("contacts").modes["upsert"]
    sent = json.loads(write_call(operation, mode, [json.dumps(one) for one in body["items"]], None, placed).body)
    assert sent["items"] == body["items"]
    assert sent["options"] | {"detectTimeZone": False} == body["options"]


@pytest.mark.parametrize(
    ("name", "at", "parameters"),
    [
        ("v3-contacts-import-202-job", 1, {"job_id": "7b0f2c54-1111-4222-8333-9a0000000001"}),
        ("v3-contacts-get-404", 0, {"id": "999999"}),
        ("v3-contacts-delete-repeat", 0, {"id": "1003"}),
        ("v1-custom-fields", 2, {"id": "42"}),
        ("v3-whoami-ok", 0, {}),
    ],
)
def test_a_path_is_filled_as_the_sample_does(name: str, at: int, parameters: dict[str, str]) -> None:
    operation, exchange = exchanges(name)[at]
    assert fill(operation.path, parameters) == exchange["request"]["path"]


@pytest.mark.parametrize("parameters", [{}, {"email": ""}])
def test_a_delete_without_an_address_never_leaves(parameters: dict[str, str]) -> None:
    operation = CATALOG.object("people", "v1").operations["delete_by_email"]
    with pytest.raises(ValueError, match="email"):
        fill(operation.path, parameters)


# -- reading back


def test_the_read_after_a_lost_answer_proves_what_was_done() -> None:
    spec = CATALOG.object("contacts")
    lost, read = exchanges("v3-contacts-import-lost-answer")
    (sent,) = lost[1]["request"]["body"]["items"]
    (record,) = read_page(read[0], answer_of(read[1]).json(), 0, 25).records
    assert holds(spec, record, sent)
    assert not holds(spec, record, sent | {"firstName": "Xu"})
    _, absent, _ = exchanges("v3-contacts-import-503")
    assert read_page(absent[0], answer_of(absent[1]).json(), 0, 25).records == ()


def test_a_patch_that_changed_nothing_is_seen() -> None:
    spec = CATALOG.object("contacts")
    ((_, ignored),) = exchanges("v3-contacts-patch-key-ignored")
    assert not holds(spec, ignored["response"]["body"], {"customFields": [{"name": "Region", "value": "South"}]})
    ((_, taken),) = exchanges("v3-contacts-patch")
    assert holds(
        spec, taken["response"]["body"], {"title": None, "customFields": [{"name": "Region", "value": "North"}]}
    )


def test_a_person_may_be_nobody() -> None:
    assert decoded("v1-people-by-email-200-null") == [None]
    assert decoded("v1-people-by-email")[0]["id"] == 1001
