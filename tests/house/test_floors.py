"""The architecture as tests: imports only look up, one door per library, no drawer names, nothing of a machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY

PACKAGE = REPOSITORY / "bulkreply"
MODULES = sorted(PACKAGE.rglob("*.py"))
BANNED_NAMES = {
    "manager",
    "helper",
    "util",
    "utils",
    "handler",
    "processor",
    "item",
    "entity",
    "payload",
    "info",
    "base",
}
DOORS = {
    "aiohttp": ("net/transport", "sandbox/"),
    "aiolimiter": ("quota/",),
    "sqlite3": ("ledger/", "quota/", "cli/diagnosis", "databases/"),
    "duckdb": ("databases/", "query/"),
    "psycopg": ("databases/",),
    "openpyxl": ("files/workbook",),
    "xlsxwriter": ("files/workbook",),
    "ruamel": ("job/read",),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "jinja2": ("report/",),
    "email_validator": ("codecs",),
    "random": ("clock", "sandbox/"),
    "uvloop": ("cli/",),
    "zstandard": ("ledger/pages",),
    "apscheduler": ("schedule/",),
}


def floors() -> list[tuple[int, list[str]]]:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    block = re.search(r"<!-- floors -->\n```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    found = []
    for line in block[1].splitlines():
        number, _, *rooms = line.split()
        found.append((int(number), rooms))
    return found


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_room_has_a_floor() -> None:
    known = {room for _, rooms in floors() for room in rooms}
    assert {room_of(module) for module in MODULES} - {"__init__"} == known


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_only_look_up(module: Path) -> None:
    place = {room: (floor, at) for floor, rooms in floors() for at, room in enumerate(rooms)}
    mine = room_of(module)
    if mine == "__init__":
        return
    for name in imports(module):
        if not name.startswith("bulkreply.") or (other := name.split(".")[1]) == mine:
            continue
        assert place[other] < place[mine], f"{module.name} imports {name}, which stands on a lower floor"


@pytest.mark.parametrize("module", [m for m in MODULES if "sandbox" in m.parts], ids=lambda m: m.stem)
def test_the_sandbox_shares_nothing_with_the_client(module: Path) -> None:
    allowed = {room for floor, rooms in floors() if floor <= 1 for room in rooms} | {"sandbox"}
    for name in imports(module):
        if name.startswith("bulkreply."):
            assert name.split(".")[1] in allowed, name


@pytest.mark.parametrize("library", DOORS)
def test_one_door_per_library(library: str) -> None:
    for module in MODULES:
        name = str(module.relative_to(PACKAGE)).removesuffix(".py")
        if library in {imported.split(".")[0] for imported in imports(module)}:
            assert name.startswith(DOORS[library]), f"{name} imports {library}"


def test_no_drawer_names() -> None:
    for module in MODULES:
        assert not BANNED_NAMES & set(module.stem.split("_")), module
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", node.name)}
                assert not BANNED_NAMES & words, f"{module}: {node.name}"


def test_modules_and_functions_fit() -> None:
    for module in MODULES:
        text = module.read_text("utf-8")
        assert len(text.splitlines()) <= 320, module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{module}: {node.name}"


def test_no_object_of_reply_is_named_between_catalog_and_doors() -> None:
    names = {path.stem for path in (PACKAGE / "catalog" / "data").rglob("*.toml")} - {"apis", "users"}
    allowed = {"custom_fields", "background_jobs"}  # custom fields and jobs are part of how Reply's API works
    ours = {"accounts.py": {"accounts"}}  # an account of ours is a key with its quota, at Reply it is a company
    for module in MODULES:
        if room_of(module) in ("cli", "sandbox", "catalog"):
            continue
        tree = ast.parse(module.read_text("utf-8"))
        literals = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not literals & (names - allowed - ours.get(module.name, set())), module


def test_nothing_names_a_machine_or_a_registry() -> None:
    machine = re.compile(r"/work/|/farm/|(?:index|registry)[-_ ]?url|/simple/[a-z]|https?://registry\.")
    for path in REPOSITORY.rglob("*"):
        if path.suffix in (".py", ".toml", ".md", ".yaml", ".txt", ".sql") and ".venv" not in path.parts:
            if path == Path(__file__):
                continue
            assert not machine.search(path.read_text("utf-8")), path


def test_every_switch_of_the_sandbox_is_read_by_it() -> None:
    text = "".join(module.read_text("utf-8") for module in MODULES if "sandbox" in module.parts)
    switches = re.findall(r'^    "(v[123]\.\w+)": \(', text, re.MULTILINE)
    assert len(switches) > 30
    assert [name for name in switches if text.count(f'"{name}"') < 2] == []
