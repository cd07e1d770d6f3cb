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
from bulkreply.wire.answer import Answer
from bulkreply.wire.call import FILE, Call, fill, page_call, write_call
from bulkreply.wire.compare import holds
from bulkreply.wire.layout import Layouts
from bulkreply.wire.paging import read_page
from bulkreply.wire.shapes import settle
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
    return len(rows_of(request) if "parts" in request else elements_of(operation, request))


def elements_of(operation: Operation, request: Exchange) -> list[Any]:
    """The array of a call that carries many records."""
    assert operation.batch is not None
    found: list[Any] = request["body"] if operation.batch.field == "[]" else request["body"][operation.batch.field]
    return found


def rows_of(request: Exchange) -> list[dict[str, str]]:
    """The rows of an uploaded file."""
    (file,) = (part for part in request["parts"] if part["name"] == FILE)
    return list(csv.DictReader(file["text"].splitlines()))


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
    target = object_target(CATALOG, operation.object, operation.api, mode)
    sent = elements_of(operation, exchange["request"]) if operation.batch else [exchange["request"].get("body")]
    elements, key = [json.dumps(one) for one in sent], target.spec_of(operation).key
    settled = settle(operation, target.success, answer_of(exchange), elements, key, may_create=mode == "upsert")
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
    settled = settle(operation, Outcome.UPDATED, answer_of(exchange), [str(one) for one in sent], "id")
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
        ("v3-contacts-list-scope-missing", "right"),
        ("v3-contacts-list-team-required", "right"),
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


Asked = tuple[str, str, list[tuple[str, str]], Any]


def asked(call: Call) -> Asked:
    split = urlsplit(call.path)
    query = sorted(parse_qsl(split.query, keep_blank_values=True))
    return call.method, split.path, query, json.loads(call.body) if call.body else None


def wanted(request: Exchange) -> Asked:
    query = sorted((name, written(value)) for name, value in request["query"].items())
    return request["method"], request["path"], query, request.get("body")


def written(value: Any) -> str:
    """A value as it stands in a query."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    lists = {k: v for k, v in body.get("options", {}).items() if k == "listIds"}
    target = object_target(CATALOG, operation.object, operation.api, mode)
    assert target.operation == operation
    group = json.dumps({"shared": {"options": lists}}) if lists else ""
    assert asked(sent_by(target, records, group, parameters)) == wanted(exchange["request"])


def sent_by(target: Target, records: Sequence[Any], group: str = "", path: Mapping[str, str] | None = None) -> Call:
    """The call that carries staged records."""
    positions = tuple(range(len(records)))
    addresses = tuple(json.dumps({"path": path}) if path else None for _ in positions)
    bodies = tuple(json.dumps(one) for one in records)
    return ReplySink(None, target).call(Batch(positions, ("",) * len(records), bodies, group, addresses))


def test_options_that_no_mode_sends_are_all_a_mixed_import_has_besides() -> None:
    _, exchange = exchanges("v3-contacts-import-mixed")[0]
    body = exchange["request"]["body"]
    group = json.dumps({"shared": {"options": {"listIds": [71]}}})
    sent = json.loads(sent_by(object_target(CATALOG, "contacts", "v3", "upsert"), body["items"], group).body)
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


# -- every exchange there is

EVERY = [(name, at) for name in SAMPLES for at in range(len(exchanges(name)))]


def test_every_operation_is_called_by_a_sample() -> None:
    called = {operation.label for name in SAMPLES for operation, _ in exchanges(name)}
    assert [operation.label for operation in OPERATIONS if operation.label not in called] == []


def taken_apart(operation: Operation, request: Exchange) -> tuple[dict[str, str], dict[str, str]]:
    """What fills the parameters of the operation's path, and what stands in the query besides."""
    path, _, selecting = operation.path.partition("?")
    match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path), request["path"])
    assert match is not None
    parameters = {name: unquote(value) for name, value in match.groupdict().items()}
    query = {name: written(value) for name, value in request["query"].items()}
    for name, value in parse_qsl(selecting):
        given, parameter = query.pop(name), re.fullmatch(r"{(\w+)}", value)
        assert parameter is not None or given == value
        if parameter is not None:
            parameters[parameter[1]] = given
    return parameters, query


def built(operation: Operation, request: Exchange) -> Call:
    """The call of an exchange, made of what the exchange says by the code that makes all calls."""
    parameters, query = taken_apart(operation, request)
    body, paging = request.get("body"), operation.paging.style
    if paging == "offset" and {"top", "skip"} <= query.keys():
        size = int(query.pop("top"))
        return page_call(operation, int(query.pop("skip")) // size, size, parameters | query, body or {})
    if paging == "number" and {"page", "limit"} <= query.keys():
        number, size = int(query.pop("page")), int(query.pop("limit"))
        return page_call(operation, number - 1, size, parameters | query, body or {})
    if operation.batch is None or body is None:
        return write_call(operation, ["{}" if body is None else json.dumps(body)], parameters, None, query)
    beside = {} if operation.batch.field == "[]" else {n: v for n, v in body.items() if n != operation.batch.field}
    elements = [json.dumps(one) for one in elements_of(operation, request)]
    return write_call(operation, elements, parameters, beside, query)


@pytest.mark.parametrize(("name", "at"), EVERY)
def test_a_call_is_the_one_the_sample_shows(name: str, at: int) -> None:
    operation, exchange = exchanges(name)[at]
    request = exchange["request"]
    if "parts" in request:
        assert uploaded(built_upload(operation, request)) == (request["path"], *taken_from(operation, request))
    else:
        assert asked(built(operation, request)) == wanted(request)


# A file may call its columns as it likes, as long as the options say which is which: what counts is what Reply reads.


def taken_from(operation: Operation, request: Exchange) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """What Reply takes from an upload: fields of records, and the options besides."""
    (options,) = (json.loads(part["text"]) for part in request["parts"] if part["name"] == "options")
    return in_fields(operation, rows_of(request), options)


def in_fields(
    operation: Operation, rows: list[dict[str, str]], options: dict[str, Any]
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    if operation.label == "v1.people.csv_import":
        columns = {column: field for field, column in options.pop("mapping")["prospect"].items()}
    else:
        columns = {one["CsvFieldName"]: one["ReplyFieldName"] for one in options.pop("Mappings")}
    return [{columns.get(column, column): cell for column, cell in row.items()} for row in rows], options


def built_upload(operation: Operation, request: Exchange) -> Call:
    rows, options = taken_from(operation, request)
    return write_call(operation, [json.dumps(row) for row in rows], None, options)


def uploaded(call: Call) -> tuple[str, list[dict[str, str]], dict[str, Any]]:
    parts = parts_of(call.body, call.content_type)
    rows = list(csv.DictReader(parts["file"].content.decode().splitlines()))
    return call.path, *in_fields(call.operation, rows, json.loads(parts["options"].content))


def test_an_upload_names_its_columns_the_way_the_operation_takes_them() -> None:
    people = write_call(
        CATALOG.operation("v1.people.csv_import"), ['{"email":"rho@example.com"}'], None, {"listId": 71}
    )
    options = json.loads(parts_of(people.body, people.content_type)["options"].content)
    assert options == {"mapping": {"prospect": {"email": "email"}}, "listId": 71}
    accounts = write_call(CATALOG.operation("v1.accounts.csv_import"), ['{"AccountName":"Northwind Test"}'])
    options = json.loads(parts_of(accounts.body, accounts.content_type)["options"].content)
    assert options == {"Mappings": [{"CsvFieldName": "AccountName", "ReplyFieldName": "AccountName"}]}


# -- every body that Reply took: its words are known

TAKEN = [
    (name, at)
    for name, at in EVERY
    if 200 <= exchanges(name)[at][1]["response"]["status"] < 300 and "body" in exchanges(name)[at][1]["request"]
]
NOT_OFFERED = {  # words of a body that the catalog leaves out on purpose
    "v3.contacts.import": {"options.sequenceId": "works at some accounts only: enrolment is a call of its own"},
    "v1.email_accounts.delete": {"id": "always by address, as for an upsert"},
    "v3.contacts.create": {"customFields": "addressed by `key` here and by `name` everywhere else"},
}


def known_words(spec: ObjectSpec, operation: Operation) -> set[str]:
    """Everything the catalog knows to stand in the body of an operation; dotted where it stands inside."""
    words = {field.place or name for name, field in inputs_of(spec, operation).items()}
    if operation.batch is not None:
        words.add(operation.batch.field)
    for mode in spec.modes.values():
        if mode.operation == operation.name:
            words |= {f"{mode.options_at}.{name}" if mode.options_at else name for name in mode.options}
    return words | NOT_OFFERED.get(operation.label, {}).keys()


def words_in(spec: ObjectSpec, operation: Operation, body: Mapping[str, Any]) -> Iterator[str]:
    """The words of a body, or of one record of it; inside a group of options, dotted."""
    grouped = {word.partition(".")[0] for word in known_words(spec, operation) if "." in word}
    for name, value in body.items():
        if name in grouped and isinstance(value, dict):
            yield from (f"{name}.{inside}" for inside in value)
        else:
            yield name


@pytest.mark.parametrize(("name", "at"), TAKEN)
def test_every_word_of_a_body_is_known(name: str, at: int) -> None:
    operation, exchange = exchanges(name)[at]
    spec, body = CATALOG.object(operation.object, operation.api), exchange["request"]["body"]
    known, target = known_words(spec, operation), procedure_target(CATALOG, as_procedure(spec, operation))
    if isinstance(body, dict):
        assert set(words_in(spec, operation, body)) <= known
    records = [body]
    if operation.batch is not None:
        records = elements_of(operation, exchange["request"]) if operation.batch.of == "records" else []
    for record in records:
        assert set(words_in(spec, operation, record)) <= known
        for word, value in record.items():
            field = inputs_of(spec, operation).get(word)
            if field is not None and field.type == "nested":
                assert list(unknown_inside(target, field, value)) == []


def unknown_inside(target: Target, field: Field, value: Any) -> Iterator[str]:
    """Words inside a nested value that its shape does not have."""
    for one in value if isinstance(value, list) else [value]:
        for word, inside in (one or {}).items():
            part = target.shapes[field.shape].get(word)
            if part is None or not part.mappable:
                yield f"{field.name}.{word}"
            elif part.type == "nested":
                yield from unknown_inside(target, part, inside)


# -- every write that Reply took: a row of a file says it too

WRITTEN = [(name, at) for name, at in TAKEN if not exchanges(name)[at][0].reads]
CLEARED = "<clear>"
REFUSED_HERE = {  # what Reply takes, to refuse a record of it or to do nothing; here the row is refused before
    "v3-accounts-bulk-create-int": "an account without a name",
    "v3-accounts-bulk-create": "an account without a name",
    "v3-accounts-links-int": "0 is no id",
    "v3-blacklist-emails-bulk": "a domain is no address",
    "v3-blacklist-exceptions-bulk": "not an address",
    "v3-sequence-steps-execution-mode": "executionMode is needed",
    "v3-contacts-patch-key-ignored": "custom fields are addressed by name",
    "v3-contacts-patch": "custom fields are addressed by name, one of these by id",
    "v1-email-accounts-delete": "always by address, as for an upsert",
    "v3-contacts-import-mixed": "a contact without a first name",
    "v3-contacts-import-mixed-pascal": "a contact without a first name",
    "v3-contacts-create-201": "custom fields are addressed by name",
    "v3-contacts-import-enrols": "options.sequenceId is not offered",
    "v3-contacts-import-enrols-not": "options.sequenceId is not offered",
}


def test_what_is_left_out_is_there_to_be_left_out() -> None:
    assert REFUSED_HERE.keys() <= {name for name, _ in WRITTEN}
    for label, words in NOT_OFFERED.items():
        operation = CATALOG.operation(label)
        spec = CATALOG.object(operation.object, operation.api)
        assert not {field.place or name for name, field in inputs_of(spec, operation).items()} & words.keys()


@pytest.mark.parametrize(("name", "at"), [one for one in WRITTEN if one[0] not in REFUSED_HERE])
def test_rows_of_a_file_become_the_call_the_sample_shows(name: str, at: int) -> None:
    operation, exchange = exchanges(name)[at]
    spec, request = CATALOG.object(operation.object, operation.api), exchange["request"]
    targets = [procedure_target(CATALOG, as_procedure(spec, operation))]
    targets += [
        object_target(CATALOG, spec.name, spec.api, mode.name)
        for mode in spec.modes.values()
        if mode.operation == operation.name and mode.options
    ]
    calls = [asked(sent_for_rows(target, operation, request)) for target in targets]
    assert in_plain(wanted(request), operation) in [in_plain(call, operation) for call in calls]


def sent_for_rows(target: Target, operation: Operation, request: Exchange) -> Call:
    """The call that rows lead to which say what the request says."""
    rows = list(rows_like(target.spec_of(operation), operation, request))
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["-"]
    frame = pl.DataFrame(
        [[row.get(c) for c in columns] for row in rows], dict.fromkeys(columns, pl.String), orient="row"
    )
    rules = [Rule(field=column, column=column, clear=CLEARED) for column in columns if column != "-"]
    mapping, problems = bind(rules, target, dict(frame.schema), None, {})
    assert problems == []
    mapped = mapping.apply(Chunk(frame, pl.Series(range(frame.height), dtype=pl.UInt32)))
    assert mapped.rejects.rows() == []
    layouts = Layouts(mapping, CATALOG.api(target.api).clear_form)
    assert layouts.unmet() == []
    records, unfit = layouts.apply(mapped)
    (group,), positions = records["group"].unique(), tuple(range(len(rows)))
    assert (records.height, unfit.height) == (len(rows), 0)
    keys, bodies, addresses = (tuple(records[column]) for column in ("key", "body", "address"))
    return ReplySink(None, target).call(Batch(positions, keys, bodies, group, addresses))


def rows_like(spec: ObjectSpec, operation: Operation, request: Exchange) -> Iterator[dict[str, str]]:
    """Rows whose columns are called like inputs, and say what the request says."""
    parameters, query = taken_apart(operation, request)
    beside: dict[str, Any] = {filler(spec, operation, name): value for name, value in parameters.items()} | query
    body, inputs = request["body"], inputs_of(spec, operation)
    if operation.batch is None:
        yield cells(spec, beside | body)
        return
    placed = {field.place: name for name, field in inputs.items() if field.place}
    for word, value in body.items() if isinstance(body, dict) else ():
        if word in inputs:
            beside[word] = value
        elif isinstance(value, dict):
            beside |= {placed[f"{word}.{n}"]: v for n, v in value.items() if f"{word}.{n}" in placed}
    for one in elements_of(operation, request):
        yield cells(spec, beside | (one if operation.batch.of == "records" else {element(spec, operation): one}))


def cells(spec: ObjectSpec, values: Mapping[str, Any]) -> dict[str, str]:
    """A row of text; custom fields have columns of their own."""
    row = {}
    for name, value in values.items():
        if spec.custom is not None and name == spec.custom.name:
            row |= {f"{name}.{entry[spec.custom.write]}": cell(entry["value"]) for entry in value}
        else:
            row[name] = cell(value)
    return row


def cell(value: Any) -> str:
    if value is None:
        return CLEARED
    return json.dumps(value) if isinstance(value, dict | list) else written(value)


def in_plain(call: Asked, operation: Operation) -> Asked:
    """What a call means: no value inside a nested one is none at all, and V2 takes numbers as text or not."""
    older = operation.api == "v2"

    def plain(value: Any, levels: int) -> Any:
        if isinstance(value, dict):
            return {name: plain(one, levels - 1) for name, one in value.items() if one is not None or levels > 0}
        if isinstance(value, list):
            return [plain(one, levels) for one in value]
        return int(value) if older and isinstance(value, str) and value.isdigit() else value

    return *call[:3], plain(call[3], 1 if operation.batch is None else 2)


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
