"""Nested records that form a tree, such as the steps of a sequence: each becomes a record of its own, parents first.

A call cannot refer to what it creates itself (v3-sequences-steps.md 2, guess), so children wait for their parents' ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from bulkreply.catalog import Catalog, Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import filler
from bulkreply.mapping import KEY_SEPARATOR
from bulkreply.slots import labelled
from bulkreply.targets import Shapes
from bulkreply.wire.compare import key_text


@dataclass(frozen=True, slots=True)
class Tree:
    """A nested field whose parts may form a tree.

    Attributes:
        operation: Creates the parts.
        column: Canonical column of the field.
    """

    catalog: Catalog
    operation: Operation
    column: str
    shapes: Shapes

    def without_ids(self, cells: pl.Series, field: Field) -> pl.Series:
        """Nested values without the ids and parents their parts had where they come from."""

        def stripped(text: str) -> str:
            return orjson.dumps(self._bare(field, orjson.loads(text))).decode()

        table = {text: stripped(text) for text in cells.drop_nulls().unique().to_list() if text[:1] in "[{"}
        return cells.replace(list(table), list(table.values()))

    def _bare(self, field: Field, value: Any) -> Any:
        if field.type != "nested":
            return value
        if isinstance(value, list):
            return [self._bare(field, one) for one in value]
        shape = self.shapes[field.shape]
        return {name: self._bare(shape[name], inside) for name, inside in value.items() if shape[name].access != "key"}


def divide(tree: Tree, rows: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
    """Takes trees out of their records.

    Returns:
        The column without the trees (null where there was one), and a record per part, RECORD_SCHEMA; its address
        says which part of the row it is.
    """
    spec = tree.catalog.object(tree.operation.object, tree.operation.api)
    owner = filler(spec, tree.operation, tree.operation.parameters[0])
    flat: list[str | None] = []
    found: list[tuple[int, int, str, str, str, str, str | None]] = []
    for file, row, text in rows.select("file", "row", tree.column).iter_rows():
        parts = orjson.loads(text) if text and text[:1] == "[" else []
        if not any(part.get(spec.parent) for part in parts):
            flat.append(text)
            continue
        flat.append(None)
        path = f"{{{orjson.dumps(owner).decode()}:{labelled(f'{file}/{row}')}}}"
        group = f'{{"operation":{orjson.dumps(tree.operation.label).decode()},"path":{path}}}'
        for i, part in enumerate(parts):
            lead = f"{file}/{row}"
            body = _part(tree, part, spec.key, spec.parent, lead)
            label = f"{lead}/{part[spec.key]}" if part.get(spec.key) else None
            place = f'{{"part":"{tree.column}[{i}]"}}'
            found.append((file, row, _key(spec, part, owner, lead), group, body, place, label))
    schema = ["file", "row", "key", "group", "body", "address", "label"]
    kinds = [pl.UInt16, pl.UInt32, *[pl.String] * 5]
    records = pl.DataFrame(found, schema=dict(zip(schema, kinds, strict=True)), orient="row")
    return pl.Series(tree.column, flat, dtype=pl.String), records


def _key(spec: ObjectSpec, part: Mapping[str, Any], owner: str, lead: str) -> str:
    """The natural key of a part, with slots for what is created before it."""
    texts = {name: key_text(spec.fields[name], part.get(name)) for name in spec.natural_key}
    texts[owner] = labelled(lead)
    if part.get(spec.parent):
        texts[spec.parent] = labelled(f"{lead}/{part[spec.parent]}")
    return KEY_SEPARATOR.join(texts[name] for name in spec.natural_key)


def _part(tree: Tree, part: Mapping[str, Any], key: str, parent: str, lead: str) -> str:
    shape = tree.shapes[tree.operation.object]
    bare = {}
    for name, value in part.items():
        if name not in (key, parent) and shape[name].access != "key":
            bare[name] = tree._bare(shape[name], value)
    text = orjson.dumps(bare).decode()
    if not part.get(parent):
        return text
    slot = f"{orjson.dumps(parent).decode()}:{labelled(f'{lead}/{part[parent]}')}"
    return text[:-1] + ("," if bare else "") + slot + "}"
