"""Every catalog file, linted: against the list of endpoints, against the code that reads it, against itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bulkreply.catalog import Catalog, ObjectSpec, Operation
from bulkreply.catalog.load import object_from
from bulkreply.codecs import CODECS
from bulkreply.errors import UsageProblem
from bulkreply.outcomes import Outcome
from bulkreply.quota import parse_limits
from bulkreply.sandbox.routes import ROUTES

CATALOG = Catalog()
SPECS = list(CATALOG)
OPERATIONS = [operation for spec in SPECS for operation in spec.operations.values()]
OTHER_CODECS = {"enum", "date", "datetime", "custom", "nested"}


def endpoints() -> dict[tuple[str, str, str], dict[str, str]]:
    text = (Path(__file__).parent / "endpoints.csv").read_text("utf-8")
    return {(row["api"], row["object"], row["operation"]): row for row in csv.DictReader(text.splitlines())}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.label)
def test_an_operation_is_what_the_list_of_endpoints_says(operation: Operation) -> None:
    row = endpoints()[operation.api, operation.object, operation.name]
    paging, batch = operation.paging, operation.batch
    assert (operation.method, operation.path) == (row["method"], row["path"])
    assert (paging.style, str(paging.page_max or "")) == (row["paging"], row["page_max"])
    assert (batch.field if batch else "") == row["batch_field"]
    assert not row["batch_max"] or batch is None or batch.max <= int(row["batch_max"])
    assert (operation.result, operation.repeat, operation.rate_class) == (
        row["result"],
        row["repeat"],
        row["rate_class"],
    )
    assert operation.mark == row["mark"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.label)
def test_the_sandbox_answers_every_operation(operation: Operation) -> None:
    assert operation.label in ROUTES


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.api}.{s.name}")
def test_a_file_hangs_together(spec: ObjectSpec) -> None:
    assert spec.about
    assert spec.key in spec.fields
    assert set(spec.natural_key) <= spec.fields.keys()
    for mode in spec.modes.values():
        assert mode.operation in spec.operations
        assert Outcome[mode.outcome.upper()]
        assert not mode.only or spec.lookup is not None
    if spec.lookup is not None:
        named = {spec.lookup.one, spec.lookup.sweep, spec.lookup.scoped} - {""}
        assert named <= spec.operations.keys()
        assert not spec.lookup.created or spec.lookup.created in spec.fields
    for field in spec.fields.values():
        assert set(field.required) <= spec.modes.keys()
        assert not field.writable or field.type in CODECS.keys() | OTHER_CODECS, field.name
        if field.type == "references":
            assert CATALOG.object(field.object, spec.api).lookup is not None
            assert field.place


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
