"""What Reply is asked before a row is read: the names and custom fields that the rules speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from bulkreply.catalog import Field
from bulkreply.job import Job
from bulkreply.mapping import Names, Rule
from bulkreply.mapping.names import is_id
from bulkreply.mapping.nested import leaf
from bulkreply.net.client import Client
from bulkreply.plan.target import creatable
from bulkreply.references import find_names, read_custom_types, read_names
from bulkreply.sources import FileSource
from bulkreply.targets import Target


@dataclass(slots=True)
class Known:
    """What Reply said before staging.

    Attributes:
        calls: Calls it took, by operation label.
    """

    names: dict[str, Names] = field(default_factory=dict)
    types: dict[str, str] | None = None
    new_fields: dict[str, str] = field(default_factory=dict)
    checked: bool = True
    calls: dict[str, int] = field(default_factory=dict)


async def read_references(
    job: Job, target: Target, rules: Sequence[Rule], source: FileSource, client: Client | None
) -> Known:
    """Reads the names and custom fields the rules speak of: the fewest calls, each listing once."""
    known = Known(checked=client is not None)
    before = dict(client.counts.by_operation) if client is not None else {}
    allowed = creatable(job, target)
    for name, users in _references(target, rules).items():
        may_create = name in allowed
        if client is None:
            known.names[name] = Names(name, {}, may_create, checked=False)
            continue
        spec = client.catalog.object(name, target.api)
        by = tuple(dict.fromkeys(word for one, _ in users for word in one.by)) or spec.natural_key
        checked = any(one.checked for one, _ in users)
        mentioned = _mentioned(source, users)
        if spec.lookup is not None and spec.lookup.one and mentioned is not None and not checked:
            known.names[name] = await find_names(client, spec, mentioned, may_create)
        elif checked or mentioned is None or mentioned:
            known.names[name] = await read_names(client, spec, by, may_create, checked)
        else:
            known.names[name] = Names(name, {}, may_create)
    await _read_custom(job, target, rules, client, known)
    if client is not None:
        known.calls = {n: c - before.get(n, 0) for n, c in client.counts.by_operation.items() if c > before.get(n, 0)}
    return known


def _references(target: Target, rules: Sequence[Rule]) -> dict[str, list[tuple[Field, Rule]]]:
    """Referenced object -> the fields that refer to it, with their rules; those inside nested values too."""
    found: dict[str, list[tuple[Field, Rule]]] = {}
    for rule in rules:
        root = target.fields.get(rule.root)
        if root is None:
            continue
        inside = leaf(rule.field.split(".")[1:], root, target.shapes) if "." in rule.field else root
        fields = [inside] if isinstance(inside, Field) else []
        if root.type == "nested":
            fields += _inside(root, target)
        for one in fields:
            if one.object and one.mappable:
                found.setdefault(one.object, []).append((one, rule))
    return found


def _inside(root: Field, target: Target) -> list[Field]:
    """Fields inside a nested one."""
    found, waiting, seen = list[Field](), [root], set[str]()
    while waiting:
        shape = waiting.pop().shape
        if shape in seen:
            continue
        seen.add(shape)
        fields = [one for one in target.shapes[shape].values() if one.access != "key"]
        found += fields
        waiting += [one for one in fields if one.type == "nested"]
    return found


def _mentioned(source: FileSource, users: Sequence[tuple[Field, Rule]]) -> set[str] | None:
    """The names that cells hold, ids left out; None when they cannot be told without mapping the rows."""
    if any(rule.expr or "." in rule.field or one.type == "nested" or rule.root != one.name for one, rule in users):
        return None
    cells = {rule.value or "" for _, rule in users} | {rule.default or "" for _, rule in users}
    for chunk in source.chunks():
        for _, rule in users:
            if rule.column not in chunk.frame.columns:
                continue
            if chunk.frame[rule.column].dtype != pl.String:
                return None
            cells.update(chunk.frame[rule.column].drop_nulls().unique().to_list())
    parts = {part.strip() for cell in cells for one, rule in users for part in _parts(cell, one, rule)}
    return {part.lower() for part in parts if part and not is_id(part)}


def _parts(cell: str, one: Field, rule: Rule) -> list[str]:
    if one.many and cell.startswith("["):
        return cell.strip("[]").replace('"', "").split(",")
    return cell.split(rule.split) if one.many and rule.split else [cell]


async def _read_custom(job: Job, target: Target, rules: Sequence[Rule], client: Client | None, known: Known) -> None:
    custom = target.custom
    titles = [rule for rule in rules if custom and rule.field.startswith(f"{custom.name}.")]
    if not titles or client is None:
        return
    known.types = await read_custom_types(client, target.api)
    if "custom_fields" in job.create_missing:
        for rule in titles:
            title = rule.field.partition(".")[2]
            if title not in known.types:
                known.new_fields[title] = rule.as_type or "text"
        known.types |= known.new_fields
