"""Applies a mapping to chunks: expressions over whole columns; only wrong cells are looked at one by one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import reduce

import polars as pl

from bulkreply.catalog.model import Field, ObjectSpec
from bulkreply.codecs import Codec
from bulkreply.errors import UsageProblem
from bulkreply.mapping.rules import CLEAR, GROUP_SEPARATOR, Names, Rule
from bulkreply.records import Chunk, Reject
from bulkreply.secrets import redact

REJECT_SCHEMA: dict[str, type[pl.DataType]] = {
    "file": pl.UInt16,
    "row": pl.UInt32,
    "column": pl.String,
    "field": pl.String,
    "code": pl.String,
    "message": pl.String,
    "hint": pl.String,
}


def reject_frame(rejects: Iterable[Reject]) -> pl.DataFrame:
    """Rejects as a frame of REJECT_SCHEMA."""
    rows = [(r.file, r.row, r.column, r.field, r.code, r.message, r.hint) for r in rejects]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A chunk in Reply's terms.

    Attributes:
        records: `file row key group` and one canonical text column per mapped field; null = not sent,
            CLEAR = emptied. Only rows without any problem.
        rejects: One line per problem, REJECT_SCHEMA.
    """

    records: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule with its field and codec."""

    rule: Rule
    spec: Field
    codec: Codec
    required: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """Rules bound to an object and a mode. Made by `bind`.

    Attributes:
        names: Referenced object -> what its names mean in the account.
    """

    spec: ObjectSpec
    bound: tuple[Bound, ...]
    names: MappingOf[str, Names] = field(default_factory=dict)

    @property
    def sent(self) -> tuple[Bound, ...]:
        """The rules whose values travel inside the record, in order."""
        return tuple(b for b in self.bound if not b.spec.place)

    @property
    def reference(self) -> Field | None:
        """The mapped field that decides which call a record travels in, if any."""
        return next((b.spec for b in self.bound if b.spec.place), None)

    def apply(self, chunk: Chunk) -> Mapped:
        """Maps and validates every row of a chunk; all problems of a row at once."""
        height = chunk.frame.height
        raw = self._raw_columns(chunk.frame)
        columns: dict[str, pl.Series] = {}
        problems = [reject_frame(chunk.rejects)]
        bad = pl.repeat(False, height, eager=True, dtype=pl.Boolean)
        for i, b in enumerate(self.bound):
            cells = raw[_slot(i)]
            values, wrong = self._group(b, cells) if b.spec.place else _read(b, cells)
            if wrong.any():
                problems.append(self._explain(b, chunk, cells.filter(wrong), chunk.row_numbers.filter(wrong)))
                bad = bad | wrong
            columns[b.rule.field] = values.alias(b.rule.field)
        return Mapped(self._assemble(chunk, columns, bad), pl.concat(problems))

    def _raw_columns(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            return frame.with_columns(_raw(b.rule).alias(_slot(i)) for i, b in enumerate(self.bound))
        except pl.exceptions.PolarsError as error:
            words = str(error).partition("\n")[0].partition(": [")[0]  # what follows quotes cells
            exprs = ", ".join(f"map.{b.rule.field}" for b in self.bound if b.rule.expr)
            hint = "take TRY_CAST for CAST, and a date through `column` with `as: date` and `format`"
            raise UsageProblem(f"an expression fails on some rows ({exprs}): {redact(words)}", hint=hint) from None

    def _assemble(self, chunk: Chunk, columns: MappingOf[str, pl.Series], bad: pl.Series) -> pl.DataFrame:
        blank = pl.repeat("", len(bad), eager=True, dtype=pl.String)
        keys = [columns[name].str.to_lowercase() for name in self.spec.natural_key if name in columns]
        key = reduce(lambda a, b: a + GROUP_SEPARATOR + b, keys) if keys else blank
        group = blank if self.reference is None else columns[self.reference.name].fill_null("")
        records = pl.DataFrame(
            [
                pl.repeat(chunk.file, len(bad), eager=True, dtype=pl.UInt16).alias("file"),
                chunk.row_numbers.alias("row"),
                key.alias("key"),
                group.alias("group"),
                *(columns[b.rule.field] for b in self.sent),
            ]
        )
        return records.filter(~bad) if bad.any() else records

    def _group(self, b: Bound, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """References are few and repeat: each distinct cell is resolved once."""
        names = self.names.get(b.spec.object, Names({}))
        groups = {cell: names.group(_parts(cell, b.rule)) for cell in cells.drop_nulls().unique().to_list()}
        groups.pop(b.rule.clear, None)
        table = {cell: group for cell, (group, code, _) in groups.items() if not code}
        values = cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
        return values, cells.is_not_null() & values.is_null()

    def _explain(self, b: Bound, chunk: Chunk, cells: pl.Series, row_numbers: pl.Series) -> pl.DataFrame:
        reasons = {cell: self._why(b, cell) for cell in cells.unique().to_list()}
        found = [reasons[cell] for cell in cells.to_list()]
        height = len(found)
        return pl.DataFrame(
            {
                "file": pl.repeat(chunk.file, height, eager=True, dtype=pl.UInt16),
                "row": row_numbers,
                "column": pl.repeat(b.rule.source, height, eager=True),
                "field": pl.repeat(b.rule.field, height, eager=True),
                "code": [code for code, _ in found],
                "message": [message for _, message in found],
                "hint": pl.repeat("", height, eager=True, dtype=pl.String),
            },
            schema=REJECT_SCHEMA,
        )

    def _why(self, b: Bound, cell: str | None) -> tuple[str, str]:
        """`(code, message)` of one unreadable cell."""
        rule = b.rule
        emptied = cell is None or bool(rule.values and rule.values.get(cell) == "")
        if b.spec.place and rule.clear and cell == rule.clear:
            return "reference.clear", f"{rule.field} are only added to, a file cannot clear them"
        if emptied or cell is None or (rule.clear and cell == rule.clear):
            return "value.required", f"{rule.field} needs a value"
        if b.spec.place:
            return self.names.get(b.spec.object, Names({})).group(_parts(cell, rule))[1:]
        if rule.values is not None and cell not in rule.values and "*" not in rule.values:
            return "value.unmapped", f"{cell!r} is not among the `values` of the mapping"
        if b.codec.second_look is not None:
            return f"{b.codec.name}.invalid", f"{cell!r}: {b.codec.second_look(cell)[1]}"
        return f"{b.codec.name}.invalid", f"{cell!r} is not {b.codec.expects}"


def _slot(number: int) -> str:
    return f"\x00{number}"


def _parts(cell: str, rule: Rule) -> list[str]:
    return cell.split(rule.split) if rule.split else [cell]


def _raw(rule: Rule) -> pl.Expr:
    """The trimmed text of a rule before its codec; null where blank."""
    if rule.column:
        text = pl.col(rule.column)
    elif rule.expr:
        text = pl.sql_expr(rule.expr).cast(pl.String)
    else:
        text = pl.lit(rule.value, dtype=pl.String)
    text = text.str.strip_chars()
    text = pl.when(text != "").then(text)
    return text.fill_null(pl.lit(rule.default.strip())) if rule.default and rule.default.strip() else text


def _read(b: Bound, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Canonical values of a column (null = not sent), and which cells are wrong."""
    rule, known = b.rule, cells
    if rule.values is not None:
        named = {old: new for old, new in rule.values.items() if old != "*"}
        other = rule.values.get("*")
        known = cells.replace_strict(list(named), list(named.values()), default=other, return_dtype=pl.String)
        known = known.set(cells.is_null(), None)
        blank = pl.repeat(None, len(cells), eager=True, dtype=pl.String)
        cells, known = (one.zip_with(known.ne_missing(""), blank) for one in (cells, known))
    values = known.to_frame("cell").select(b.codec.read(pl.col("cell")).alias("value"))["value"]
    if rule.clear:
        values = values.to_frame("v").select(pl.when(cells == rule.clear).then(pl.lit(CLEAR)).otherwise("v"))["literal"]
    wrong = cells.is_not_null() & values.is_null()
    if b.codec.second_look is not None and wrong.any():
        values = _second_look(b.codec, known, values, wrong)
        wrong = cells.is_not_null() & values.is_null()
    if b.required:
        wrong = wrong | cells.is_null() | values.eq_missing(CLEAR)
    elif rule.blank == "clear":
        values = values.to_frame("v").select(pl.when(cells.is_null()).then(pl.lit(CLEAR)).otherwise("v"))["literal"]
    return values, wrong


def _second_look(codec: Codec, cells: pl.Series, values: pl.Series, wrong: pl.Series) -> pl.Series:
    assert codec.second_look is not None
    judged = {cell: codec.second_look(cell)[0] for cell in cells.filter(wrong).unique().drop_nulls().to_list()}
    table = {cell: canonical for cell, canonical in judged.items() if canonical is not None}
    second = cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
    return values.fill_null(second)
