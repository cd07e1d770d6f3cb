"""Binds rules to a target and a file: every problem is found here, before a row is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import replace

import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import CODECS, codec_for
from bulkreply.mapping.apply import Mapping
from bulkreply.mapping.cells import Bound
from bulkreply.mapping.expressions import problems_of
from bulkreply.mapping.names import Names
from bulkreply.mapping.nested import leaf, nested_codec
from bulkreply.mapping.rules import Problem, Rule, near
from bulkreply.targets import Target

CUSTOM_TYPES = ("text", "number")


def bind(
    rules: Sequence[Rule],
    target: Target,
    columns: MappingOf[str, pl.DataType] | None,
    custom_types: MappingOf[str, str] | None,
    names: MappingOf[str, Names],
) -> tuple[Mapping, list[Problem]]:
    """Checks rules against the target and the file, and binds them.

    Args:
        columns: Columns of the file with their types, or None when the file is not known yet.
        custom_types: Title -> `text` or `number` of the account's custom fields, or None when not known yet.
        names: Referenced object -> what its names mean.

    Returns:
        The mapping, usable only when the list of problems is empty.
    """
    bound, problems = [], []
    empty = Mapping(target, (), names)
    for rule in rules:
        field, found = _field_of(rule, target, custom_types)
        if columns is not None:
            found += _source_problems(rule, field, columns)
        problems += found
        if field is None or found:
            continue
        if field.access == "key":  # what says which record it is about cannot be emptied
            rule = replace(rule, blank="keep", clear="")
        if field.type == "nested":
            codec = nested_codec(empty.checker, field)
        else:
            codec = codec_for(field, as_type=rule.as_type, date_format=rule.date_format)
        nested = columns is not None and bool(rule.column) and columns[rule.column].is_nested()
        bound.append(Bound(rule, field, codec, target.needs(field) and "." not in rule.field, nested))
    problems += _unmapped(rules, target)
    return Mapping(target, tuple(bound), names), problems


def _unmapped(rules: Sequence[Rule], target: Target) -> list[Problem]:
    """Fields without which no row is any use; and values no call of the target takes."""
    problems = []
    mapped = {rule.root for rule in rules}
    spec = target.spec
    by_id = spec is not None and spec.key in mapped and target.word != "insert"
    for needed in target.fields.values():
        if not target.needs(needed) or needed.name in mapped or needed.default:
            continue
        if by_id and spec is not None and needed.name in spec.natural_key:
            continue
        named = spec is not None and needed.name in spec.natural_key and target.word != "insert"
        other = spec is not None and spec.key in target.fields and spec.key != needed.name
        hint = f"or map {spec.key}" if spec is not None and named and other else ""
        problems.append(Problem(("map",), f"{needed.name} must be mapped to {target.label}", hint))
    if spec is not None and target.mode is not None and target.mode.only == "known" and not by_id:
        lacking = [name for name in spec.natural_key if name not in mapped and not target.needs(target.fields[name])]
        problems += [Problem(("map",), f"map {spec.key} or {name}, to tell which record") for name in lacking[:1]]
    return problems


def columns_of(rules: Sequence[Rule]) -> set[str]:
    """The file columns that rules read."""
    read = {rule.column for rule in rules if rule.column}
    for rule in rules:
        if rule.expr:
            read.update(pl.sql_expr(rule.expr).meta.root_names())
    return read


def auto_rules(target: Target, columns: Collection[str], rule: type[Rule] = Rule) -> list[Rule]:
    """The rules of a job without a map: every column that is called like a field, without regard to case and blanks."""
    custom = target.custom
    fields = {_plain(name): name for name in target.fields if custom is None or name != custom.name}
    made = []
    for column in columns:
        root, _, rest = column.partition(".")
        if (custom is not None and root == custom.name and rest) or (rest and target.fields.get(root) is not None):
            made.append(rule(field=column, column=column))
        elif _plain(column) in fields:
            made.append(rule(field=fields[_plain(column)], column=column))
    return made


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _field_of(
    rule: Rule, target: Target, custom_types: MappingOf[str, str] | None
) -> tuple[Field | None, list[Problem]]:
    root, _, rest = rule.field.partition(".")
    where = ("map", rule.field)
    custom = target.custom
    if custom is not None and root == custom.name:
        return _custom_field(rule, rest, custom, custom_types)
    found = target.fields.get(root)
    if found is None:
        return None, [Problem(where, *_unknown_field(rule.field, target))]
    if rest:
        inside = leaf(rest.split("."), found, target.shapes)
        if isinstance(inside, str):
            return None, [Problem(where, inside)]
        found = inside
    if rule.as_type and rule.as_type not in CODECS and rule.as_type not in ("date", "datetime"):
        hint = near(rule.as_type, CODECS) or f"one of {', '.join(CODECS)}, date, datetime"
        return None, [Problem((*where, "as"), f"there is no codec {rule.as_type!r}", hint)]
    if rule.split and not found.many:
        return None, [Problem((*where, "split"), f"{rule.field} takes one value, `split` has no meaning here")]
    if rule.values and found.object:
        return None, [Problem((*where, "values"), f"{rule.field} takes names as they are; rename them by an `expr`")]
    if rule.date_format and (rule.as_type or found.type) not in ("date", "datetime"):
        return None, [Problem((*where, "format"), "`format` is for dates: add `as: date` or `as: datetime`")]
    return found, []


def _unknown_field(name: str, target: Target) -> tuple[str, str]:
    spec, custom = target.spec, target.custom
    known = [*(n for n in target.fields if custom is None or n != custom.name)]
    known += [f"{custom.name}.<title>"] if custom else []
    if spec is not None and name in spec.fields:
        return f"{name} cannot be written", f"fields: {', '.join(known)}"
    what = "field" if spec is not None else "parameter"
    return f"{target.name} has no {what} {name!r}", near(name, known) or f"{what}s: {', '.join(known)}"


def _custom_field(
    rule: Rule, title: str, custom: Field, custom_types: MappingOf[str, str] | None
) -> tuple[Field | None, list[Problem]]:
    where = ("map", rule.field)
    if not title:
        return None, [Problem(where, f"say which custom field: {custom.name}.<title>")]
    if rule.as_type and rule.as_type not in CUSTOM_TYPES:
        return None, [Problem((*where, "as"), f"a custom field is text or number, not {rule.as_type!r}")]
    for word, given in (("split", rule.split), ("format", rule.date_format)):
        if given:
            return None, [Problem((*where, word), f"`{word}` has no meaning for a custom field")]
    kind = rule.as_type or "text"
    if custom_types is not None:
        if title not in custom_types:
            hint = near(title, custom_types) or "create it at Reply, or add `create_missing: [custom_fields]`"
            return None, [Problem(where, f"the account has no custom field {title!r}", hint)]
        kind = "number" if custom_types[title] == "number" else kind
    return Field(name=custom.name, type=kind, write=custom.write), []


def _source_problems(rule: Rule, spec_field: Field | None, columns: MappingOf[str, pl.DataType]) -> list[Problem]:
    where = ("map", rule.field)
    if rule.column:
        if rule.column not in columns:
            hint = near(rule.column, columns) or f"columns: {', '.join(columns)}"
            return [Problem(where, f"the file has no column {rule.column!r}", hint)]
        takes_nested = spec_field is not None and (spec_field.type in ("nested", "json") or spec_field.many)
        if columns[rule.column].is_nested() and not takes_nested:
            return [Problem(where, f"column {rule.column!r} holds nested values, a {rule.field} is one text")]
    if rule.expr:
        return problems_of(rule.expr, (*where, "expr"), columns)
    return []
