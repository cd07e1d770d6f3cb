"""Every catalog file, linted: against the list of endpoints, against the code that reads it, against itself."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bulkreply.catalog import Catalog, Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import CALL, element, filler, inputs_of
from bulkreply.catalog.load import object_from
from bulkreply.codecs import CODECS, codec_for
from bulkreply.errors import UsageProblem
from bulkreply.mapping import Rule, bind
from bulkreply.outcomes import Outcome
from bulkreply.quota import parse_limits
from bulkreply.sandbox.routes import ROUTES
from bulkreply.targets import Target, object_target, procedure_target
from bulkreply.wire.layout import Layouts
from tests.support import REPOSITORY

CATALOG = Catalog()
SPECS = list(CATALOG)
OPERATIONS = [operation for spec in SPECS for operation in spec.operations.values()]
OTHER_CODECS = {"enum", "date", "datetime", "custom", "nested"}


def by_label(operation: Operation) -> str:
    return operation.label


def endpoints() -> dict[str, dict[str, str]]:
    text = ENDPOINTS.read_text("utf-8")
    return {f"{row['api']}.{row['object']}.{row['operation']}": row for row in csv.DictReader(text.splitlines())}


ENDPOINTS = Path(__file__).parent / "endpoints.csv"
LEFT_OUT = {
    "v3.email_accounts.connect_gmail": "answers 302 to a page where a person agrees",
    "v3.email_accounts.connect_office_365": "answers 302 to a page where a person agrees",
    "v2.emails.send_to_prospect": "out of scope by the reference",
    "v2.emails.send_test": "out of scope by the reference",
    "v2.billing.get_info": "out of scope by the reference",
    "v2.campaign_steps.update_without_step_id": "the row with a step id is preferred",
}
BATCHED_HERE = {"v3.sequence_email_accounts.replace": "emailAccountIds"}  # a whole set in one call


def test_the_list_of_endpoints_is_the_one_of_the_reference() -> None:
    reference = REPOSITORY.parent / "shared" / "reply-api" / "endpoints.csv"
    if not reference.exists():
        pytest.skip("the reference does not lie next to this checkout")
    assert ENDPOINTS.read_bytes() == reference.read_bytes()


@pytest.mark.parametrize("label", endpoints())
def test_everything_reply_can_do_is_an_operation(label: str) -> None:
    assert (label in {operation.label for operation in OPERATIONS}) != (label in LEFT_OUT)


def test_what_is_left_out_is_in_the_list_of_endpoints() -> None:
    assert LEFT_OUT.keys() <= endpoints().keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_label)
def test_an_operation_is_what_the_list_of_endpoints_says(operation: Operation) -> None:
    row = endpoints()[operation.label]
    paging, batch = operation.paging, operation.batch
    assert (operation.method, operation.path) == (row["method"], row["path"])
    assert (paging.style, str(paging.page_max or "")) == (row["paging"], row["page_max"])
    assert (batch.field if batch else "") == (row["batch_field"] or BATCHED_HERE.get(operation.label, ""))
    assert not row["batch_max"] or batch is None or batch.max <= int(row["batch_max"])
    assert (operation.result, operation.repeat, operation.rate_class) == (
        row["result"],
        row["repeat"],
        row["rate_class"],
    )
    assert operation.mark == row["mark"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_label)
def test_the_sandbox_answers_every_operation(operation: Operation) -> None:
    assert operation.label in ROUTES


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_label)
def test_an_operation_hangs_together(operation: Operation) -> None:
    spec = CATALOG.object(operation.object, operation.api)
    known = operation.inputs.keys() | spec.fields.keys()
    assert operation.bind.keys() <= set(operation.parameters)
    assert {filler(spec, operation, parameter) for parameter in operation.parameters} <= known
    assert set(operation.query) <= inputs_of(spec, operation).keys()
    assert set(operation.omits) <= {field.name for field in spec.fields.values() if field.writable}
    assert {name for name in operation.merges if name != "*"} <= inputs_of(spec, operation).keys()
    assert not operation.merges or spec.lookup is not None or "get" in spec.operations
    batch = operation.batch
    if batch is not None:
        assert 0 < batch.start <= batch.max
        assert batch.of == "records" or element(spec, operation) in known
        assert batch.of == "key" or not batch.element
        assert (batch.of == "records") <= (operation.carries == "record")
        assert (batch.field == "file") == bool(batch.mapping)
    assert (operation.result in ("positional", "failed_by_id")) <= (batch is not None)
    assert not operation.added_at or operation.result == "failed_by_id"
    for word in (*operation.already, *operation.later):
        assert re.fullmatch(r"[a-z][A-Za-z]+|409", word), "a word, as answers say it"
    if operation.errors and batch is not None:
        assert {*operation.already, *operation.later} <= {*operation.errors.values(), "contactAlreadyInSequence"}
    if operation.recheck is not None:
        assert operation.recheck.operation in spec.operations
        assert not operation.recheck.value or operation.recheck.value in operation.inputs
        assert at_known_place(spec, operation.recheck.read_at)
    for field in operation.inputs.values():
        assert field.type in CODECS.keys() | OTHER_CODECS
        assert set(field.required) <= {CALL, *(mode.name for mode in spec.modes.values())}


def at_known_place(spec: ObjectSpec, place: str) -> bool:
    """Whether a dotted place leads through fields and shapes that exist."""
    name, _, rest = place.partition(".")
    field = spec.fields.get(name)
    while rest and field is not None and field.type == "nested":
        name, _, rest = rest.partition(".")
        field = spec.shapes.get(field.shape, {}).get(name)
    return field is not None and not rest


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.api}.{s.name}")
def test_a_file_hangs_together(spec: ObjectSpec) -> None:
    assert spec.about
    assert spec.key in spec.fields
    assert set(spec.natural_key) <= spec.fields.keys()
    assert not spec.parent or spec.parent in spec.fields
    for mode in spec.modes.values():
        assert {mode.operation, mode.known or mode.operation, mode.by_id or mode.operation} <= spec.operations.keys()
        assert Outcome[mode.outcome.upper()]
        assert not mode.only or spec.lookup is not None
    for field in spec.fields.values():
        assert set(field.required) <= spec.modes.keys()
        assert not field.writable or field.type in CODECS.keys() | OTHER_CODECS, field.name


@pytest.mark.parametrize("spec", [s for s in SPECS if s.lookup], ids=lambda s: f"{s.api}.{s.name}")
def test_a_lookup_hangs_together(spec: ObjectSpec) -> None:
    lookup = spec.lookup
    assert lookup is not None
    assert {lookup.one, lookup.sweep, lookup.scoped, lookup.detail} - {""} <= spec.operations.keys()
    assert all(spec.operations[name].reads for name in (lookup.one, lookup.sweep, lookup.scoped, lookup.detail) if name)
    assert not lookup.created or lookup.created in spec.fields
    assert not lookup.one or lookup.query in {
        *spec.operations[lookup.one].parameters,
        *spec.operations[lookup.one].query,
    }
    assert not lookup.scoped or lookup.scope in spec.operations[lookup.scoped].inputs
    sweep = spec.operations[lookup.sweep]
    parents = tuple(filler(spec, sweep, parameter) for parameter in sweep.parameters)
    assert spec.natural_key[: len(parents)] == parents
    if lookup.detail:
        detail = spec.operations[lookup.detail]
        fillers = {filler(spec, detail, parameter) for parameter in detail.parameters}
        assert fillers <= {spec.key, *spec.natural_key}
        assert detail.paging.style == "none"


# -- fields, wherever they stand


def all_fields() -> Iterator[tuple[str, ObjectSpec, Field, Mapping[str, Field]]]:
    """Every field there is with where it stands, its object, and the fields it stands among."""
    for spec in SPECS:
        lead = f"{spec.api}.{spec.name}"
        groups = {lead: spec.fields}
        groups |= {f"{lead} {operation.name}": operation.inputs for operation in spec.operations.values()}
        groups |= {f"{lead} {name}": shape for name, shape in spec.shapes.items()}
        for where, fields in groups.items():
            for field in fields.values():
                yield f"{where} {field.name}", spec, field, fields
    for procedure in CATALOG.procedures().values():
        operation = CATALOG.operation(procedure.cases[0].operation)
        for field in procedure.parameters.values():
            spec = CATALOG.object(operation.object, operation.api)
            yield f"{procedure.name} {field.name}", spec, field, procedure.parameters


FIELDS = list(all_fields())


@pytest.mark.parametrize(("where", "spec", "field", "among"), FIELDS, ids=[where for where, *_ in FIELDS])
def test_a_field_hangs_together(where: str, spec: ObjectSpec, field: Field, among: Mapping[str, Field]) -> None:
    assert field.type in CODECS.keys() | OTHER_CODECS
    assert (field.type == "nested") == bool(field.shape)
    assert (field.type == "enum") == bool(field.values)
    if field.type == "enum":
        assert set(field.aliases.values()) <= set(field.values)
    if field.type == "custom":
        assert field.write and field.read
    if field.object:
        other = CATALOG.object(field.object, spec.api)
        assert field.type in ("id", "uuid")
        assert other.lookup is not None
        assert set(field.by or other.natural_key[:1]) <= other.fields.keys()
        assert other.fields[other.key].type in (field.type, "integer", "text")
    for name, words in field.needed_when.items():
        assert name in among
        assert words
        if among[name].type == "enum":
            assert set(words) <= set(among[name].values)
    if field.default:
        cells = pl.Series("cell", json.loads(field.default) if field.many else [field.default])
        assert cells.to_frame().select(codec_for(field).read(pl.col("cell")).is_not_null().all()).item()


# -- what a job can aim at


def targets() -> Iterator[tuple[str, Target]]:
    """Every object in every mode, every procedure, and every operation as one."""
    for spec in SPECS:
        for mode in spec.modes:
            yield f"{mode} {spec.api}.{spec.name}", object_target(CATALOG, spec.name, spec.api, mode)
        for operation in spec.operations.values():
            yield operation.label, procedure_target(CATALOG, CATALOG.procedure(operation.label))
    for procedure in CATALOG.procedures().values():
        yield procedure.name, procedure_target(CATALOG, procedure)


TARGETS = list(targets())


@pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=[name for name, _ in TARGETS])
def test_a_target_resolves(target: Target) -> None:
    assert target.operations
    for fields in (target.fields, *target.shapes.values()):
        for field in fields.values():
            if field.type == "nested":
                assert target.shapes[field.shape]
    assert [field.name for field in target.fields.values() if not field.mappable] == []


@pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=[name for name, _ in TARGETS])
def test_the_cases_of_a_target_give_what_operations_take(target: Target) -> None:
    for case in target.cases:
        operation = CATALOG.operation(case.operation)
        spec = CATALOG.object(operation.object, operation.api)
        inputs = inputs_of(spec, operation)
        assert {name.partition(".")[0] for name in case.give} <= inputs.keys()
        assert {name.partition(".")[0] for name in case.fixed} <= inputs.keys()
        assert set(case.give.values()) <= target.fields.keys()
        for name in case.give:
            root, _, inside = name.partition(".")
            assert not inside or inside in spec.shapes[inputs[root].shape]
        for name, wanted in case.when.items():
            assert wanted_of(target.fields[name], wanted) is True
        for name, words in case.current.items():
            assert set(words) <= set(spec.fields[name].values)


def wanted_of(field: Field, wanted: Any) -> bool:
    """Whether a condition can hold for a field at all: its words are words of the field."""
    if isinstance(wanted, bool):
        return True
    words = [*wanted.get("has", ()), *wanted.get("lacks", ())] if isinstance(wanted, dict) else wanted
    known = ("true", "false") if field.type == "boolean" else field.values
    return isinstance(wanted, dict) == field.many and set(words) <= set(known)


@pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=[name for name, _ in TARGETS])
def test_a_job_that_maps_everything_lacks_nothing(target: Target) -> None:
    names = [field.name for field in target.fields.values() if field.type != "custom"]
    mapping, problems = bind([Rule(field=name, value="1") for name in names], target, None, None, {})
    assert problems == []
    assert Layouts(mapping, "null").unmet() == []


CONNECTOR = {  # procedures.md 1: names and parameters people know them by, * = required
    "StartSequence": "SequenceId*",
    "PauseSequence": "SequenceId*",
    "ArchiveSequence": "SequenceId*",
    "SetContactStatus": "ContactIds* Status* SequenceId",
    "ClearContactStatus": "ContactIds* Statuses SequenceId",
    "AddNoteToContact": "ContactId* Notes*",
    "MoveContactToSequence": "ContactId* SequenceId* RemoveFromExisting StartStepId IgnoreStepDelay StartFrom",
    "SetSequenceEmailAccounts": "SequenceId* EmailAccountIds*",
    "BulkAssignSequencesToFolder": "FolderId* SequenceIds*",
    "BulkUnassignSequencesToFolder": "FolderId* SequenceIds*",
    "DeleteSequenceTemplate": "TemplateId*",
    "MoveContactsToContactList": "ListId* ContactIds*",
    "AddContactsToContactList": "ListId* ContactIds*",
    "ReassignTask": "TaskId* UserId*",
    "CompleteTask": "TaskId* CallResolution FinishProspectInSequence",
    "ExecuteAndCompleteTask": "TaskId* ContentBody ContentSubject EmailAccountId",
}


@pytest.mark.parametrize("name", CONNECTOR)
def test_a_procedure_has_the_parameters_it_is_known_by(name: str) -> None:
    parameters = CATALOG.procedure(name).parameters.values()
    assert {f"{one.name}{'*' if CALL in one.required else ''}" for one in parameters} == set(CONNECTOR[name].split())


def test_limits_can_be_read_and_every_rate_class_has_windows() -> None:
    for operation in OPERATIONS:
        assert operation.rate_class in CATALOG.api(operation.api).limits
    for name in CATALOG.apis():
        assert all(parse_limits(text) for text in CATALOG.api(name).limits.values())


def test_an_overlay_adds_an_object_without_python(tmp_path: Path) -> None:
    (tmp_path / "v3").mkdir()
    (tmp_path / "v3" / "ducks.toml").write_text(
        'object = "ducks"\napi = "v3"\nabout = "A duck."\nkey = "id"\nnatural_key = ["name"]\n'
        '[fields]\nid = { type = "id", access = "read" }\nname = { type = "text", required = ["insert"] }\n'
        '[operations.create]\ncall = "POST /v3/ducks"\n[modes.insert]\noperation = "create"\noutcome = "created"\n'
    )
    catalog = Catalog(tmp_path)
    assert "ducks" in catalog.names("v3")
    assert catalog.object("ducks").operations["create"].path == "/v3/ducks"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": 1}, "unknown key 'colour'"),
        ({"operations": {"list": {"paths": "x"}}}, "`call` must read like"),
        ({"fields": {"a": {"type": "text", "kind": 1}}}, "unknown key 'kind'"),
        ({"object": ""}, "are needed"),
    ],
)
def test_a_wrong_catalog_file_is_refused(change: dict[str, object], says: str) -> None:
    good = {"object": "x", "api": "v3", "about": "x", "key": "id", "natural_key": []}
    assert object_from(good, "x").name == "x"
    with pytest.raises(UsageProblem, match=says):
        object_from(good | change, "x")
