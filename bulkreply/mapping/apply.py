"""Applies a mapping to chunks: expressions over whole columns; only wrong cells are looked at one by one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

import orjson
import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import Codec
from bulkreply.errors import UsageProblem
from bulkreply.mapping.assembly import assemble
from bulkreply.mapping.names import Names
from bulkreply.mapping.nested import Checker, nested_codec
from bulkreply.mapping.rules import CLEAR, Rule
from bulkreply.records import Chunk, Reject
from bulkreply.secrets import redact
from bulkreply.targets import Target

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
        records: `file row` and one canonical text column per mapped field; null = not sent, CLEAR = emptied. Only
            rows without any problem.
        rejects: One line per problem, REJECT_SCHEMA.
    """

    records: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule with its field and codec.

    Attributes:
        nested_column: Whether the file column holds nested values.
    """

    rule: Rule
    spec: Field
    codec: Codec
    required: bool
    nested_column: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """Rules bound to a target. Made by `bind`.

    Attributes:
        names: Referenced object -> what its names mean in the account.
    """

    target: Target
    bound: tuple[Bound, ...]
    names: MappingOf[str, Names] = field(default_factory=dict)

    @property
    def quoted(self) -> dict[str, bool]:
        """Column of the records -> whether its text is written as a JSON string."""
        parts = {b.rule.root: False for b in self._parts()}
        return {b.rule.field: b.codec.quoted and not b.spec.many for b in self.bound if b not in self._parts()} | parts

    def _parts(self) -> tuple[Bound, ...]:
        """Rules that fill a place inside a nested field."""
        custom = self.target.custom
        return tuple(b for b in self.bound if "." in b.rule.field and not (custom and b.rule.root == custom.name))

    @property
    def checker(self) -> Checker:
        """Looks into nested values."""
        return Checker(self.target.shapes, self.names, creating=self.target.word != "update")

    def apply(self, chunk: Chunk) -> Mapped:
        """Maps and validates every row of a chunk; all problems of a row at once."""
        height = chunk.frame.height
        raw = self._raw_columns(chunk.frame)
        columns: dict[str, pl.Series] = {}
        problems = [reject_frame(chunk.rejects)]
        bad = pl.repeat(False, height, eager=True, dtype=pl.Boolean)
        for i, b in enumerate(self.bound):
            cells = raw[_slot(i)]
            values, wrong = self._several(b, cells) if self._in_words(b) else _read(b, cells)
            if wrong.any():
                problems.append(self._explain(b, chunk, cells, wrong))
                bad = bad | wrong
            columns[b.rule.field] = values.alias(b.rule.field)
        for root, cells in self._assembled(columns):
            values, wrong = _read(root, cells)
            if wrong.any():
                problems.append(self._explain(root, chunk, cells, wrong))
                bad = bad | wrong
            columns[root.rule.field] = values.alias(root.rule.field)
        for needed, missing in self._missing(columns):
            problems.append(self._needed(needed, chunk, missing))
            bad = bad | missing
        numbers = pl.repeat(chunk.file, height, eager=True, dtype=pl.UInt16).alias("file")
        records = pl.DataFrame([numbers, chunk.row_numbers.alias("row"), *columns.values()])
        return Mapped(records.filter(~bad) if bad.any() else records, pl.concat(problems))

    def _raw_columns(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            return frame.with_columns(_raw(b).alias(_slot(i)) for i, b in enumerate(self.bound))
        except pl.exceptions.PolarsError as error:
            words = str(error).partition("\n")[0].partition(": [")[0]  # what follows quotes cells
            exprs = ", ".join(f"map.{b.rule.field}" for b in self.bound if b.rule.expr)
            hint = "take TRY_CAST for CAST, and a date through `column` with `as: date` and `format`"
            raise UsageProblem(f"an expression fails on some rows ({exprs}): {redact(words)}", hint=hint) from None

    @staticmethod
    def _in_words(b: Bound) -> bool:
        """Whether cells hold names, or several values: they are few and repeat, each distinct one is looked at once."""
        return b.spec.type != "nested" and bool(b.spec.object or b.spec.many)

    def _assembled(self, columns: dict[str, pl.Series]) -> list[tuple[Bound, pl.Series]]:
        """Nested values that are given part by part; the parts leave the columns."""
        made: list[tuple[Bound, pl.Series]] = []
        parts = self._parts()
        for root in dict.fromkeys(b.rule.root for b in parts):
            own = [b for b in parts if b.rule.root == root]
            whole = self.target.fields[root]
            series = {b.rule.field: (columns.pop(b.rule.field), b.codec.quoted and not b.spec.many) for b in own}
            rule = Rule(field=root, column=own[0].rule.source)
            codec = nested_codec(self.checker, whole)
            made.append((Bound(rule, whole, codec, self.target.needs(whole)), assemble(series)))
        return made

    def _missing(self, columns: MappingOf[str, pl.Series]) -> list[tuple[Field, pl.Series]]:
        """Rows that lack a field which another field's value makes necessary."""
        found: list[tuple[Field, pl.Series]] = []
        if self.target.word == "update":
            return found
        for needed in self.target.fields.values():
            for other, words in needed.needed_when.items():
                if other not in columns:
                    continue
                asks = columns[other].is_in(list(words)).fill_null(False)
                if needed.name in columns:
                    asks = asks & columns[needed.name].is_null()
                if asks.any():
                    found.append((needed, asks))
        return found

    def _needed(self, needed: Field, chunk: Chunk, missing: pl.Series) -> pl.DataFrame:
        numbers = chunk.row_numbers.filter(missing)
        (other, words) = next(iter(needed.needed_when.items()))
        message = f"{needed.name} is required for {other} {' or '.join(words)}"
        rejects = (Reject(row, "", needed.name, "value.required", message, file=chunk.file) for row in numbers)
        return reject_frame(rejects)

    def _several(self, b: Bound, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        readings = {cell: self._words(b, cell) for cell in cells.drop_nulls().unique().to_list()}
        readings.pop(b.rule.clear, None)
        table = {cell: made for cell, (made, code, _) in readings.items() if not code}
        values = cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
        wrong = cells.is_not_null() & values.is_null()
        if b.rule.clear and not b.spec.place:
            cleared = (cells == b.rule.clear).fill_null(False)
            values = values.zip_with(~cleared, pl.repeat(CLEAR, len(values), eager=True, dtype=pl.String))
            wrong = wrong & ~cleared
        if b.required:
            wrong = wrong | cells.is_null()
        elif b.rule.blank == "clear" and not b.spec.place:
            values = values.fill_null(CLEAR).zip_with(~wrong, values)
        return values, wrong

    def _words(self, b: Bound, cell: str) -> tuple[str, str, str]:
        """`(canonical JSON text, code, message)` of a cell that names records, or holds several values."""
        names = self.names.get(b.spec.object, Names(b.spec.object, checked=False)) if b.spec.object else None
        if not b.spec.many:
            assert names is not None
            return names.one(cell)
        parts = _parts(cell, b)
        if names is not None:
            return names.several(parts)
        found = pl.Series("cell", [part for part in parts if part], dtype=pl.String)
        values = found.to_frame().select(b.codec.read(pl.col("cell")).alias("value"))["value"].to_list()
        for part, value in zip(found.to_list(), values, strict=True):
            if value is None:
                return "", f"{b.codec.name}.invalid", f"{part!r} is not {b.codec.expects}"
        texts = [_json_string(value) if b.codec.quoted else value for value in values]
        return f"[{','.join(texts)}]", "", ""

    def _explain(self, b: Bound, chunk: Chunk, cells: pl.Series, wrong: pl.Series) -> pl.DataFrame:
        cells = cells.filter(wrong)
        reasons = {cell: self._why(b, cell) for cell in cells.unique().to_list()}
        found = [reasons[cell] for cell in cells.to_list()]
        height = len(found)
        return pl.DataFrame(
            {
                "file": pl.repeat(chunk.file, height, eager=True, dtype=pl.UInt16),
                "row": chunk.row_numbers.filter(wrong),
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
        if self._in_words(b):
            return self._words(b, cell)[1:]
        if rule.values is not None and cell not in rule.values and "*" not in rule.values:
            return "value.unmapped", f"{cell!r} is not among the `values` of the mapping"
        if b.spec.type == "nested" and b.codec.second_look is not None:
            return "nested.invalid", b.codec.second_look(cell)[1]
        if b.codec.second_look is not None:
            return f"{b.codec.name}.invalid", f"{cell!r}: {b.codec.second_look(cell)[1]}"
        return f"{b.codec.name}.invalid", f"{cell!r} is not {b.codec.expects}"


def _slot(number: int) -> str:
    return f"\x00{number}"


def _json_string(text: str) -> str:
    return orjson.dumps(text).decode()


def _parts(cell: str, b: Bound) -> list[str]:
    """The values of a cell that may hold several: a JSON array, or split as the rule says."""
    if cell.startswith("[") and cell.endswith("]"):
        try:
            found = orjson.loads(cell)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, list) and all(isinstance(one, str | int | float) for one in found):
            return [str(one) for one in found]
    if b.rule.split:
        return [part.strip() for part in cell.split(b.rule.split)]
    return [cell]


def _raw(b: Bound) -> pl.Expr:
    """The trimmed text of a rule before its codec; null where blank."""
    rule = b.rule
    if b.nested_column:
        packed = pl.struct(pl.col(rule.column).alias("v")).struct.json_encode()
        text = pl.when(pl.col(rule.column).is_not_null()).then(packed.str.slice(5).str.head(-1))
    elif rule.column:
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
