"""Which columns an export has: every field of the object, or those the map names, under the names it gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bulkreply.catalog import Field, ObjectSpec
from bulkreply.mapping.rules import Problem, Rule, near
from bulkreply.targets import Shapes
from bulkreply.wire.compare import ABSENT, at_path, value_at

_TYPES: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us", "UTC"),
}
TIMES = ("date", "datetime")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export.

    Attributes:
        name: As the file has it.
        spec: Field its values come from.
        title: Of a custom field, "" for others.
        path: What follows the field's name inside a nested value.
        constant: Text that every row gets, when there is no field.
        values: What values at Reply become in the file.
        join: What separates several values in one cell; "" writes them as JSON.
    """

    name: str
    spec: Field
    title: str = ""
    path: str = ""
    constant: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    join: str = ""

    @property
    def nested(self) -> bool:
        """Whether its values are lists or objects."""
        return not self.join and (self.spec.many or self.spec.type in ("nested", "json", "custom")) and not self.path

    def dtype(self) -> pl.DataType:
        """Type of the column: what the catalog says of the field; text where values are translated."""
        if self.nested or self.constant is not None or self.values or self.join or self.path:
            return pl.String()
        if self.title:
            return pl.Float64() if self.spec.type == "number" else pl.String()
        return _TYPES.get(self.spec.type, pl.String())

    def nested_dtype(self, shapes: Shapes) -> pl.DataType:
        """Type of a nested column kept as it is: by the catalog's shapes; what they do not know stays JSON text."""
        return _nested(self.spec, shapes)

    def read(self, records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Its values in records, None where there is none."""
        name = self.spec.name
        if self.constant is None and not (self.title or self.path or self.spec.read_at or "." in name):
            return [record.get(name) for record in records]
        return [self.value(record) for record in records]

    def value(self, record: Mapping[str, Any]) -> Any:
        """Its value in a record, None when there is none."""
        if self.constant is not None:
            return self.constant
        if self.title:
            return _custom(record.get(self.spec.name), self.spec, self.title)
        found = at_path(record, f"{self.spec.name}.{self.path}") if self.path else value_at(self.spec, record)
        return _there(found)


def _there(found: Any) -> Any:
    """What was found, None for each that was not."""
    if isinstance(found, list):
        return [_there(one) for one in found] if any(one is ABSENT or isinstance(one, list) for one in found) else found
    return None if found is ABSENT else found


def columns_of(
    spec: ObjectSpec, rules: Sequence[Rule], custom_titles: Mapping[str, str]
) -> tuple[list[Column], list[Problem]]:
    """The columns of an export.

    Args:
        rules: Of the job; none = all fields, under their own names.
        custom_titles: Title -> `text` or `number` of the account's custom fields.
    """
    if not rules:
        made = []
        for one in spec.fields.values():
            if one.type == "custom":
                titles = custom_titles.items()
                made += [_custom_column(one, title, kind, f"{one.name}.{title}") for title, kind in titles]
            elif one.access != "write" and not one.secret:
                made.append(Column(one.name, one))
        return made, []
    columns, problems = [], []
    for rule in rules:
        column, problem = _column(spec, rule, custom_titles)
        columns += [column] if column else []
        problems += [problem] if problem else []
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [Problem(("map",), f"two fields would become the column {name!r}") for name in twice]
    return columns, problems


def _column(spec: ObjectSpec, rule: Rule, custom_titles: Mapping[str, str]) -> tuple[Column | None, Problem | None]:
    where = ("map", rule.field)
    if rule.value is not None:
        return Column(rule.field, Field(name=rule.field, type="text"), constant=rule.value), None
    if rule.expr:
        return None, Problem((*where, "expr"), "an export takes columns and values; `expr` is for imports")
    root, _, rest = rule.field.partition(".")
    found = spec.fields.get(root)
    if found is None:
        hint = near(rule.field, spec.fields) or f"fields: {', '.join(spec.fields)}"
        return None, Problem(where, f"{spec.name} has no field {rule.field!r}", hint)
    if found.access == "write" or found.secret:
        return None, Problem(where, f"Reply never answers with {rule.field}")
    if found.type == "custom" and rest:
        if rest not in custom_titles:
            return None, Problem(where, f"the account has no custom field {rest!r}", near(rest, custom_titles))
        return _custom_column(found, rest, custom_titles[rest], rule.column), None
    back = {new: old for old, new in (rule.values or {}).items() if old != "*"}
    return Column(rule.column, found, path=rest, values=back, join=rule.split), None


def _nested(field: Field, shapes: Shapes) -> pl.DataType:
    if field.type == "nested" and field.shape in shapes:
        inside = shapes[field.shape].values()
        kind: pl.DataType = pl.Struct({one.name: _nested(one, shapes) for one in inside if one.access != "write"})
    else:
        named = bool(field.read_at) and not field.read_at.lower().endswith("id")  # answers say names, not ids
        kind = pl.String() if named or field.type in TIMES else _TYPES.get(field.type, pl.String())
    return pl.List(kind) if field.many else kind


def _custom_column(holder: Field, title: str, kind: str, name: str) -> Column:
    return Column(name, Field(name=holder.name, type=kind, read=holder.read), title=title)


def _custom(entries: Any, holder: Field, title: str) -> Any:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get(holder.read or "key") == title:
            return entry.get("value")
    return None
