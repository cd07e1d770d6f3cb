"""Binds rules to an object and a file: every problem is found here, before a row is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf

import polars as pl

from bulkreply.catalog.model import Field, Mode, ObjectSpec
from bulkreply.codecs import CODECS, codec_for
from bulkreply.mapping.apply import Bound, Mapping
from bulkreply.mapping.rules import Names, Problem, Rule, near

CUSTOM_TYPES = ("text", "number")


def bind(
    rules: Sequence[Rule],
    spec: ObjectSpec,
    mode: Mode,
    columns: MappingOf[str, pl.DataType] | None,
    custom_types: MappingOf[str, str] | None,
    names: MappingOf[str, Names],
) -> tuple[Mapping, list[Problem]]:
    """Checks rules against the object and the file, and binds them.

    Args:
        columns: Columns of the file with their types, or None when the file is not known yet.
        custom_types: Title -> `text` or `number` of the account's custom fields, or None when not known yet.
        names: Referenced object -> what its names mean.

    Returns:
        The mapping, usable only when the list of problems is empty.
    """
    bound, problems = [], []
    for rule in rules:
        spec_field, found = _field_of(rule, spec, custom_types)
        if columns is not None:
            found += _source_problems(rule, spec_field, columns)
        problems += found
        if spec_field is None or found:
            continue
        codec = codec_for(spec_field, as_type=rule.as_type, date_format=rule.date_format)
        bound.append(Bound(rule, spec_field, codec, mode.name in spec_field.required))
    mapped = {rule.field for rule in rules}
    for needed in spec.fields.values():
        if mode.name in needed.required and needed.name not in mapped:
            problems.append(Problem(("map",), f"{needed.name} must be mapped to {mode.name} {spec.name}"))
    return Mapping(spec, tuple(bound), names), problems


def columns_of(rules: Sequence[Rule]) -> set[str]:
    """The file columns that rules read."""
    read = {rule.column for rule in rules if rule.column}
    for rule in rules:
        if rule.expr:
            read.update(pl.sql_expr(rule.expr).meta.root_names())
    return read


def _field_of(
    rule: Rule, spec: ObjectSpec, custom_types: MappingOf[str, str] | None
) -> tuple[Field | None, list[Problem]]:
    name, _, title = rule.field.partition(".")
    where = ("map", rule.field)
    if spec.custom is not None and name == spec.custom.name:
        return _custom_field(rule, title, spec.custom, custom_types)
    found = spec.fields.get(rule.field)
    if found is None:
        known = [*spec.writable_fields, *([f"{spec.custom.name}.<title>"] if spec.custom else [])]
        hint = near(rule.field, known) or f"fields: {', '.join(known)}"
        return None, [Problem(where, f"{spec.name} has no field {rule.field!r}", hint)]
    if not found.writable:
        return None, [Problem(where, f"{rule.field} cannot be written", f"fields: {', '.join(spec.writable_fields)}")]
    if rule.as_type and rule.as_type not in CODECS and rule.as_type not in ("date", "datetime"):
        hint = near(rule.as_type, CODECS) or f"one of {', '.join(CODECS)}, date, datetime"
        return None, [Problem((*where, "as"), f"there is no codec {rule.as_type!r}", hint)]
    if rule.split and not found.place:
        return None, [Problem((*where, "split"), f"{rule.field} takes one value, `split` has no meaning here")]
    if rule.values and found.place:
        return None, [Problem((*where, "values"), f"{rule.field} takes names as they are; rename them by an `expr`")]
    if rule.date_format and (rule.as_type or found.type) not in ("date", "datetime"):
        return None, [Problem((*where, "format"), "`format` is for dates: add `as: date` or `as: datetime`")]
    return found, []


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
        if columns[rule.column].is_nested():
            return [Problem(where, f"column {rule.column!r} holds nested values, a {rule.field} is one text")]
    if rule.expr:
        return _expression_problems(rule.expr, (*where, "expr"), columns)
    return []


def _by_row(parsed: pl.Expr) -> bool:
    """Whether an expression looks at one row only. Polars judges the outermost step alone, so each step is asked."""
    try:
        alone = parsed.meta.is_literal() or parsed.meta.is_row_separable()
    except pl.exceptions.PolarsError:  # it cannot say without a schema: `x IN ('a', 'b')`
        alone = True
    return alone and all(_by_row(step) for step in parsed.meta.pop())


def _expression_problems(expr: str, where: tuple[str, ...], columns: Collection[str]) -> list[Problem]:
    try:
        parsed = pl.sql_expr(expr)
        roots = parsed.meta.root_names()
        by_row = _by_row(parsed) and not parsed.meta.has_multiple_outputs()
    except pl.exceptions.PolarsError as error:
        return [Problem(where, f"not a polars SQL expression: {str(error).splitlines()[0]}")]
    missing = [name for name in roots if name not in columns]
    if missing:
        hint = near(missing[0], columns) or f"columns: {', '.join(columns)}"
        return [Problem(where, f"the file has no column {missing[0]!r}", hint)]
    if not by_row:
        return [Problem(where, "an expression may look at one row only: no sums, counts or windows")]
    try:  # types are only known to the engine
        empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).select(parsed.alias("made"))
        if empty["made"].dtype.is_nested():
            return [Problem(where, "the expression gives several values, a field takes one")]
        empty.select(pl.col("made").cast(pl.String))
    except pl.exceptions.PolarsError as error:
        return [Problem(where, f"the expression fails: {str(error).splitlines()[0]}")]
    return []
