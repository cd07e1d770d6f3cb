"""What a query asks of which object, read from the engine's own parse tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkreply.errors import UsageProblem


@dataclass(frozen=True, slots=True)
class Asked:
    """One object of a query.

    Attributes:
        api: Version, `v3` unless the query says `v1.people`.
        equal: Column -> the one value the query lets through.
    """

    api: str
    name: str
    equal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query.

    Attributes:
        objects: What it reads, each once.
    """

    text: str
    objects: tuple[Asked, ...]


def duckdb_module() -> Any:
    """The engine.

    Raises:
        UsageProblem: It is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise UsageProblem("queries need DuckDB", hint="pip install 'bulkreply[duckdb]'") from None
    return duckdb


def read_statement(text: str) -> Statement:
    """A query, parsed by the engine.

    Raises:
        UsageProblem: It is no single SELECT.
    """
    duckdb = duckdb_module()
    try:
        with duckdb.connect() as engine:
            found = json.loads(engine.execute("SELECT json_serialize_sql(?)", [text]).fetchone()[0])
    except (duckdb.Error, RuntimeError, ValueError):
        raise UsageProblem("not a query the engine can read") from None
    if found.get("error"):
        words = str(found.get("error_message", "")).splitlines()[0]
        raise UsageProblem(f"not a query: {words}", hint="one SELECT statement, such as SELECT count(*) FROM contacts")
    if len(found["statements"]) != 1:
        raise UsageProblem("one query at a time")
    tree = found["statements"][0]["node"]
    named = {name for node in _nodes(tree) for name in _cte_names(node)}
    asked: dict[tuple[str, str], Asked] = {}
    for table in _nodes(tree):
        if table.get("type") != "BASE_TABLE" or (not table.get("schema_name") and table["table_name"] in named):
            continue
        key = (table.get("schema_name") or "v3", table["table_name"])
        asked[key] = Asked(*key, _equal(tree, table, once=key not in asked))
    return Statement(text, tuple(asked.values()))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _cte_names(node: Mapping[str, Any]) -> list[str]:
    entries = node.get("cte_map", {}).get("map", []) if isinstance(node.get("cte_map"), dict) else []
    return [str(entry.get("key")) for entry in entries]


def _equal(tree: Mapping[str, Any], table: Mapping[str, Any], once: bool) -> dict[str, str]:
    """Columns of a table that the outermost WHERE compares with one value: Reply may leave the other records out.

    Only where the table stands once and alone in FROM: an outer join or a second use may want the others too.
    """
    if not once or tree.get("from_table") is not table:
        return {}
    where = tree.get("where_clause")
    parts = where["children"] if where and where.get("type") == "CONJUNCTION_AND" else [where] if where else []
    found = {}
    for part in parts:
        if part.get("type") != "COMPARE_EQUAL":
            continue
        for column, constant in ((part["left"], part["right"]), (part["right"], part["left"])):
            text = _constant(constant)
            if column.get("class") == "COLUMN_REF" and text is not None:
                found[str(column["column_names"][-1])] = text
    return found


def _constant(node: Mapping[str, Any]) -> str | None:
    """The text of a constant, in the parse trees of DuckDB 1 and 2; None for anything else."""
    if node.get("class") == "CAST" and isinstance(node.get("child"), dict):  # true and false are casts of letters
        inner = _constant(node["child"])
        return {"t": "true", "f": "false"}.get(inner or "", inner)
    if node.get("class") != "CONSTANT":
        return None
    if isinstance(node.get("literal"), dict):
        return str(node["literal"].get("text"))
    value = node.get("value")
    if isinstance(value, dict) and not value.get("is_null"):
        return str(value.get("value")).lower() if isinstance(value.get("value"), bool) else str(value.get("value"))
    return None
