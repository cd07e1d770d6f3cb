"""Applies a mapping to chunks: expressions over whole columns; only wrong cells are looked at one by one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

import polars as pl

from bulkreply.catalog import Field
from bulkreply.errors import UsageProblem
from bulkreply.mapping.assembly import assemble
from bulkreply.mapping.cells import Bound, json_string, no_blanks, parts_of, raw_text, read_cells, read_one
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
        refused: What can be read of the rows with a problem, as in `records`.
    """

    records: pl.DataFrame
    rejects: pl.DataFrame
    refused: pl.DataFrame = field(default_factory=pl.DataFrame)


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
        return {b.rule.field: b.quoted for b in self.bound if b not in self._parts()} | parts

    def _parts(self) -> tuple[Bound, ...]:
        """Rules that fill a place inside a nested field."""
        custom = self.target.custom
        return tuple(b for b in self.bound if "." in b.rule.field and not (custom and b.rule.root == custom.name))

    @property
    def checker(self) -> Checker:
        """Looks into nested values."""
        update = self.target.word == "update"
        return Checker(self.target.shapes, self.names, not update, update and "*" in self.target.operation.merges)

    def apply(self, chunk: Chunk) -> Mapped:
        """Maps and validates every row of a chunk; all problems of a row at once."""
        height = chunk.frame.height
        raw = self._raw_columns(chunk.frame)
        columns: dict[str, pl.Series] = {}
        problems = [reject_frame(chunk.rejects)]
        bad = pl.repeat(False, height, eager=True, dtype=pl.Boolean)
        broken: dict[str, pl.Series] = {}
        for b, cells in zip(self.bound, raw, strict=True):
            values, wrong = self._several(b, cells) if self._in_words(b) else read_cells(b, cells)
            if wrong.any():
                problems.append(self._explain(b, chunk, cells, wrong))
                bad = bad | wrong
                broken[b.rule.root] = wrong | broken.get(b.rule.root, wrong)
            columns[b.rule.field] = values.alias(b.rule.field)
        for root, cells in self._assembled(columns):
            values, wrong = read_cells(root, cells)
            if root.rule.field in broken:  # what is wrong with a part has been said of the part
                wrong = wrong & ~broken[root.rule.field]
            if wrong.any():
                problems.append(self._explain(root, chunk, cells, wrong))
                bad = bad | wrong
            columns[root.rule.field] = values.alias(root.rule.field)
        for needed, missing in self._missing(columns):
            problems.append(self._needed(needed, chunk, missing))
            bad = bad | missing
        nameless = self._nameless(columns, bad)
        if nameless.any():
            problems.append(self._untold(chunk, nameless))
            bad = bad | nameless
        numbers = pl.repeat(chunk.file, height, eager=True, dtype=pl.UInt16).alias("file")
        records = pl.DataFrame([numbers, chunk.row_numbers.alias("row"), *columns.values()])
        if not bad.any():
            return Mapped(records, pl.concat(problems))
        return Mapped(records.filter(~bad), pl.concat(problems), records.filter(bad))

    def _raw_columns(self, frame: pl.DataFrame) -> list[pl.Series]:
        try:
            raw = frame.with_columns(raw_text(b).alias(_slot(i)) for i, b in enumerate(self.bound))
        except pl.exceptions.PolarsError as error:
            words = str(error).partition("\n")[0].partition(": [")[0]  # what follows quotes cells
            exprs = ", ".join(f"map.{b.rule.field}" for b in self.bound if b.rule.expr)
            hint = "take TRY_CAST for CAST, and a date through `column` with `as: date` and `format`"
            raise UsageProblem(f"an expression fails on some rows ({exprs}): {redact(words)}", hint=hint) from None
        return [no_blanks(b.rule, raw[_slot(i)]) for i, b in enumerate(self.bound)]

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
            series = {b.rule.field: (columns.pop(b.rule.field), b.quoted) for b in own}
            rule = Rule(field=root, column=own[0].rule.source)
            codec = nested_codec(self.checker, whole)
            made.append((Bound(rule, whole, codec, self.target.needs(whole)), assemble(series)))
        return made

    def _missing(self, columns: MappingOf[str, pl.Series]) -> list[tuple[Field, pl.Series]]:
        """Rows that lack a field which another field's value makes necessary."""
        found: list[tuple[Field, pl.Series]] = []
        for needed in self.target.fields.values() if self.target.word != "update" else ():
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
        none = [cell for cell, (made, *_) in readings.items() if made == "[]" and (b.spec.place or cell[:1] != "[")]
        cells = cells.replace(none, [None] * len(none)) if none else cells  # `;` is as blank as nothing
        table = {cell: made for cell, (made, code, _) in readings.items() if not code}
        values = cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
        wrong = cells.is_not_null() & values.is_null()
        if b.rule.clear and not b.spec.place:
            cleared = (cells == b.rule.clear).fill_null(False)
            values = values.zip_with(~cleared, pl.repeat(CLEAR, len(values), eager=True, dtype=pl.String))
            wrong = wrong & ~cleared
        if b.required:
            wrong = wrong | cells.is_null() | values.eq_missing("[]")
        if not b.may_be_emptied:
            wrong = wrong | values.eq_missing(CLEAR)
        elif b.rule.blank == "clear" and not b.spec.place and not b.required:
            values = values.fill_null(CLEAR).zip_with(~wrong, values)
        return values, wrong

    def _words(self, b: Bound, cell: str) -> tuple[str, str, str]:
        """`(canonical JSON text, code, message)` of a cell that names records, or holds several values."""
        if b.spec.object:
            names = self.names.get(b.spec.object, Names(b.spec.object, checked=False))
            return names.several(parts_of(cell, b)) if b.spec.many else names.one(cell)
        texts, listed = [], b.rule.values
        for part in filter(None, parts_of(cell, b)):
            if listed is not None and part not in listed and "*" not in listed:
                return "", "value.unmapped", f"{part!r} is not among the `values` of the mapping"
            part = part if listed is None else listed.get(part, listed.get("*", ""))
            value, why = read_one(b.codec, part) if part else ("", "")
            if value is None:
                return "", f"{b.codec.name}.invalid", f"{part!r}{why}"
            if value:
                texts.append(json_string(value) if b.codec.quoted else value)
        return f"[{','.join(texts)}]", "", ""

    def _nameless(self, columns: MappingOf[str, pl.Series], bad: pl.Series) -> pl.Series:
        """Rows that do not say which of the records at Reply they are about."""
        spec, mode = self.target.spec, self.target.mode
        none = pl.repeat(False, len(bad), eager=True, dtype=pl.Boolean)
        if spec is None or mode is None or mode.only != "known" or not spec.natural_key:
            return none
        named = ~none
        for name in spec.natural_key:
            known = name in columns
            named = named & (columns[name].is_not_null() & columns[name].ne_missing(CLEAR) if known else none)
        if spec.key in columns:
            named = named | columns[spec.key].is_not_null()
        return ~named & ~bad

    def _untold(self, chunk: Chunk, rows: pl.Series) -> pl.DataFrame:
        spec = self.target.spec
        assert spec is not None
        message = f"{spec.key} or {' and '.join(spec.natural_key)} is needed, to tell which record"
        numbers = chunk.row_numbers.filter(rows)
        return reject_frame(Reject(n, "", spec.key, "value.required", message, file=chunk.file) for n in numbers)

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
        if emptied or cell is None or (rule.clear and cell == rule.clear and not b.may_be_emptied):
            return "value.required", f"{rule.field} needs a value"
        if self._in_words(b):
            _, code, message = self._words(b, cell)
            return (code, message) if code else ("value.required", f"{rule.field} needs a value")
        if rule.values is not None and cell not in rule.values and "*" not in rule.values:
            return "value.unmapped", f"{cell!r} is not among the `values` of the mapping"
        if b.spec.type == "nested" and b.codec.second_look is not None:
            return "nested.invalid", b.codec.second_look(cell)[1]
        return f"{b.codec.name}.invalid", f"{cell!r}{read_one(b.codec, cell)[1]}"


def _slot(number: int) -> str:
    return f"\x00{number}"
