"""A kind of thing nobody has heard of, taught by one TOML file: jobs make, change and delete it, the shell lists it.

The server is written here and knows no more than its own routes, so nothing of it can have come from Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.flow.scripted import Asked, Said, Scripted, scripted
from tests.support import Bulkreply

GADGETS = """
object = "gadgets"
api = "v3"
about = "A thing that ticks."
key = "id"
natural_key = ["name"]

[fields]
id = { type = "id", access = "key" }
name = { type = "text", required = ["insert", "update", "upsert", "delete"], max_length = 20 }
colour = { type = "enum", values = ["red", "green"], aliases = { verde = "green" } }
weight = { type = "number", least = 0 }
parts = { type = "nested", many = true, shape = "part" }

[shapes.part]
label = { type = "text", required = ["always"] }
count = { type = "integer" }

[operations.list]
call = "GET /v3/gadgets"
paging = { style = "offset", page_max = 2, items = "items" }
repeat = "safe"

[operations.get]
call = "GET /v3/gadgets/{id}"
repeat = "safe"

[operations.create]
call = "POST /v3/gadgets"
carries = "record"

[operations.update]
call = "PUT /v3/gadgets/{id}"
carries = "record"
merges = ["*"]
repeat = "safe"

[operations.delete]
call = "DELETE /v3/gadgets/{id}"
result = "none"
repeat = "safe"

[operations.bulk_delete]
call = "POST /v3/gadgets/bulk-delete"
batch = { field = "gadgetIds", start = 50, max = 100, of = "key" }
result = "failed_by_id"
repeat = "safe"

[operations.wind_up]
call = "POST /v3/gadgets/{id}/wind-up"
result = "none"
note = "makes it tick"

[operations.wind_up.inputs]
turns = { type = "integer", required = ["call"] }

[modes.insert]
operation = "create"
only = "unknown"
outcome = "created"

[modes.update]
operation = "update"
only = "known"

[modes.upsert]
operation = "create"
known = "update"

[modes.delete]
operation = "bulk_delete"
only = "known"
outcome = "deleted"

[lookup]
sweep = "list"
detail = "get"
"""
WIND_ALL = """
[WindUp]
api = "v3"
about = "Winds a gadget up."
[WindUp.parameters]
Gadget = { type = "id", object = "gadgets", by = ["name"], required = ["call"] }
Turns = { type = "integer", default = "3" }
[[WindUp.cases]]
operation = "v3.gadgets.wind_up"
give = { id = "Gadget", turns = "Turns" }
"""
FILE = "name,colour,weight,parts.0.label\nClock,red,1.5,Wheel\nBird,verde,,\nFrog,blue,,\n,red,,\nMouse,,x,\nclock,,,\n"


@dataclass
class Shop:
    """Gadgets by id, behind a socket."""

    gadgets: dict[int, dict[str, Any]] = field(default_factory=dict)
    wound: dict[int, int] = field(default_factory=dict)

    def answer(self, one: Asked) -> Said:
        """What the shop says."""
        rest = one.path.removeprefix("/v3/gadgets").strip("/").split("/")
        if one.path == "/v3/gadgets" and one.method == "GET":
            skip, top = int(one.query["skip"]), int(one.query["top"])
            rows = [{"id": n, "name": gadget["name"]} for n, gadget in self.gadgets.items()]
            return Said(200, {"items": rows[skip : skip + top], "hasMore": skip + top < len(rows)})
        if one.path == "/v3/gadgets" and one.method == "POST":
            number = max(self.gadgets, default=500) + 1
            self.gadgets[number] = one.body
            return Said(201, {"id": number} | one.body)
        if rest == ["bulk-delete"]:
            lost = [n for n in one.body["gadgetIds"] if self.gadgets.pop(n, None) is None]
            return Said(200, {str(n): {"error": "notFound"} for n in lost})
        number = int(rest[0])
        if number not in self.gadgets:
            return Said(404, {"title": "Not found", "status": 404, "code": "gadget.notFound"})
        if rest[1:] == ["wind-up"]:
            self.wound[number] = one.body["turns"]
            return Said(204)
        if one.method == "PUT":
            self.gadgets[number] = one.body
        elif one.method == "DELETE":
            del self.gadgets[number]
            return Said(204)
        return Said(200, {"id": number} | self.gadgets[number])


@pytest.fixture
def shop() -> Iterator[tuple[Shop, Scripted]]:
    made = Shop()
    with scripted(made.answer) as server:
        yield made, server


@pytest.fixture(params=["one file", "a folder"])
def overlay(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The object in a file, or in a folder with a procedure too."""
    path = tmp_path / ("gadgets.toml" if request.param == "one file" else "catalog/v3/gadgets.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GADGETS, "utf-8")
    if request.param == "one file":
        return str(path)
    (tmp_path / "catalog" / "procedures.toml").write_text(WIND_ALL, "utf-8")
    return str(tmp_path / "catalog")


@dataclass
class Desk:
    """Files run against the shop."""

    bulkreply: Bulkreply
    server: Scripted
    overlay: str

    def __call__(self, *words: str) -> tuple[int, Any]:
        """A command that asks the shop: its exit code, and what it says."""
        asks = ("--base-url", self.server.url, "--limits", "none") if words[0] in ("plan", "run", "call") else ()
        done = inside(*words, *asks, "--catalog", self.overlay, *(() if words[0] == "schema" else ("--json",)))
        return done.code, done.json if done.out else done.err

    def job(self, to: str, text: str, more: str = "") -> str:
        """A job over a file of these words."""
        self.bulkreply.write("gadgets.csv", text)
        words = f"job: gadgets\nfrom: {{file: gadgets.csv}}\nto: {{{to}}}\n{more}"
        return str(self.bulkreply.write("job.yaml", words))

    def run(self, to: str, text: str, more: str = "") -> dict[str, int]:
        """What became of the rows of a file, and nothing else."""
        code, report = self("run", self.job(to, text, more), "--yes")
        assert code in (0, 3), report
        assert sum(report["rows"].values()) == 2 * report["rows"]["read"], report
        return {word: n for word, n in report["rows"].items() if n and word != "read"}


@pytest.fixture
def desk(
    bulkreply: Bulkreply, shop: tuple[Shop, Scripted], overlay: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Desk:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    monkeypatch.chdir(tmp_path)
    return Desk(bulkreply, shop[1], overlay)


def test_gadgets_are_made_changed_and_deleted_from_files(desk: Desk, shop: tuple[Shop, Scripted]) -> None:
    held = shop[0].gadgets
    assert desk.run("object: gadgets, mode: insert", FILE) == {"created": 2, "rejected": 3, "skipped": 1}
    clock = {"name": "Clock", "colour": "red", "weight": 1.5, "parts": [{"label": "Wheel"}]}
    bird = {"name": "Bird", "colour": "green"}
    assert held.keys() == {501, 502}
    assert [clock, bird] == sorted(held.values(), key=lambda one: one["name"], reverse=True), "in any order"
    held[501], held[502] = clock, bird
    assert desk.run("object: gadgets, mode: insert", FILE) == {"rejected": 3, "skipped": 3}, "nothing twice"
    assert desk.run("object: gadgets, mode: update", "name,weight\nClock,2\nNobody,1\n") == {
        "updated": 1,
        "rejected": 1,
    }
    assert held[501] == clock | {"weight": 2}, "a replacement keeps what the file does not say"
    text = "id,name,colour\n502,Raven,red\n,Clock,\n,Fox,red\n"
    by_id = "map: {id: id, name: name, colour: colour}\n"
    assert desk.run("object: gadgets, mode: upsert", text, by_id) == {"created": 1, "updated": 1, "unchanged": 1}
    assert held[502] == {"name": "Raven", "colour": "red"}
    assert [gadget["name"] for gadget in held.values()] == ["Clock", "Raven", "Fox"]
    assert desk.run("object: gadgets, mode: delete", "name\nClock\nNobody\nFox\n") == {"deleted": 2, "skipped": 1}
    assert held.keys() == {502}
    assert desk.server.paths("POST").count("/v3/gadgets/bulk-delete") == 1
    assert desk.server.paths("DELETE") == []


def test_every_command_knows_gadgets(desk: Desk, shop: tuple[Shop, Scripted]) -> None:
    held = shop[0].gadgets
    held.update({n: {"name": f"G{n}", "colour": "red"} for n in range(1, 6)})
    code, known = desk("objects")
    assert {"gadgets", "contacts"} <= {one.get("object") for one in known}
    code, told = desk("objects", "gadgets")
    assert ("wind_up" in json.dumps(told), "verde" in json.dumps(told)) == (True, True)
    assert "gadgets" in json.dumps(desk("schema")[1])
    path = desk.job("object: gadgets, mode: insert", FILE)
    assert desk("check", path) == (0, {"job": "gadgets", "ok": True, "columns": FILE.partition("\n")[0].split(",")})
    without = inside("check", path)
    assert (without.code, "there is no object 'gadgets'" in without.err) == (2, True), without.err
    code, plan = desk("plan", path)
    assert (code, plan["rows"]["to_send"], plan["rows"]["rejected"]) == (0, 2, 3)
    assert held.keys() == {1, 2, 3, 4, 5}, "a plan writes nothing"
    code, listed = desk("call", "gadgets.list")
    assert (code, [one["name"] for one in listed]) == (0, ["G1", "G2", "G3", "G4", "G5"]), "page by page"
    code, (one,) = desk("call", "gadgets.get", "--id", "3")
    assert (code, one["answer"]) == (0, {"id": 3, "name": "G3", "colour": "red"})
    code, (one,) = desk("call", "gadgets.wind_up", "--id", "2", "--turns", "4")
    assert (code, one["outcome"], shop[0].wound) == (0, "called", {2: 4})
    code, words = desk("call", "gadgets.wind_up", "--id", "G9", "--turns", "4")
    assert (code, "G9" in words) == (2, True)
    code, words = desk("call", "gadgets.wind", "--id", "1")
    assert (code, "did you mean 'wind_up'?" in words) == (2, True)


@pytest.mark.parametrize("overlay", ["a folder"], indirect=True)
def test_a_procedure_of_the_folder_works_over_a_file(desk: Desk, shop: tuple[Shop, Scripted]) -> None:
    shop[0].gadgets.update({1: {"name": "G1"}, 2: {"name": "G2"}})
    rows = desk.run("procedure: WindUp", "Gadget,Turns\nG1,\n2,7\nG9,1\n9,1\nG1,x\n")
    assert (rows, shop[0].wound) == ({"called": 2, "rejected": 3}, {1: 3, 2: 7})
    assert any(one.get("procedure") == "WindUp" for one in desk("objects")[1])
    code, (one,) = desk("call", "WindUp", "--gadget", "g2")
    assert (code, one["outcome"], shop[0].wound[2]) == (0, "called", 3)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("gadgets.toml", GADGETS.replace("natural_key", "natural_keys"), "unknown key 'natural_keys'"),
        ("gadgets.toml", GADGETS.replace('type = "number"', 'kind = "number"'), "unknown key 'kind'"),
        ("gadgets.toml", GADGETS.replace("GET /v3/gadgets/{id}", "/v3/gadgets/{id}"), "`call` must read like"),
        ("gadgets.toml", GADGETS + "[oops", "gadgets.toml: "),
        ("gadgets.toml", GADGETS.replace('api = "v3"', 'api = "v4"'), "there is no API 'v4'"),
        ("gadgets.toml", "", "`object` and `api` are needed"),
        ("gone/gadgets.toml", None, "No such file"),
        ("v3/gadgets.toml", GADGETS, "no catalog files"),
        ("more/v3/gizmos.toml", GADGETS, "it holds v3 gadgets"),
    ],
)
def test_a_catalog_file_that_is_wrong_is_told_what(
    bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, words: str
) -> None:
    monkeypatch.chdir(bulkreply.folder)
    if text is not None:
        bulkreply.write(name, text)
    done = inside(
        "objects", Path(name).stem, "--catalog", name if name.count("/") < 1 or text is None else name.split("/")[0]
    )
    assert (done.code, words in done.err) == (2, True), done.err
