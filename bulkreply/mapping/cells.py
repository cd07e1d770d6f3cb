"""Cells of one rule: the text they come from, and what its codec makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import polars as pl

from bulkreply.catalog import Field
from bulkreply.codecs import Codec
from bulkreply.mapping.rules import CLEAR, Rule


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

    @property
    def quoted(self) -> bool:
        """Whether its canonical text is written as a JSON string; ids and several values are JSON already."""
        return self.codec.quoted and not self.spec.many and not self.spec.object

    @property
    def may_be_emptied(self) -> bool:
        """Whether a cell may empty the field at Reply: what a record is known by cannot be nothing."""
        return self.spec.empties or not (self.required or self.spec.access == "key")


def json_string(text: str) -> str:
    """A text as JSON."""
    return orjson.dumps(text).decode()


def parts_of(cell: str, b: Bound) -> list[str]:
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


def raw_text(b: Bound) -> pl.Expr:
    """The trimmed text of a rule before its codec."""
    rule = b.rule
    text: pl.Expr
    if b.nested_column:
        packed = pl.struct(pl.col(rule.column).alias("v")).struct.json_encode()
        text = pl.when(pl.col(rule.column).is_not_null()).then(packed.str.slice(5).str.head(-1))
    elif rule.column:
        text = pl.col(rule.column)
    elif rule.expr:
        text = pl.sql_expr(rule.expr).cast(pl.String)
    else:
        text = pl.lit(rule.value, dtype=pl.String)
    return text.str.strip_chars()


def no_blanks(rule: Rule, cells: pl.Series) -> pl.Series:
    """Blank cells as null, or as the rule's default."""
    blank = cells == ""
    cells = cells.set(blank, None) if blank.any() else cells
    default = (rule.default or "").strip()
    return cells.fill_null(default) if default else cells


def read_cells(b: Bound, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Canonical values of a column (null = not sent), and which cells are wrong."""
    rule, known = b.rule, cells
    if rule.values is not None:
        named = {old: new for old, new in rule.values.items() if old != "*"}
        other = rule.values.get("*")
        known = cells.replace_strict(list(named), list(named.values()), default=other, return_dtype=pl.String)
        known = known.set(cells.is_null(), None)
        blank = pl.repeat(None, len(cells), eager=True, dtype=pl.String)
        cells, known = (one.zip_with(known.ne_missing(""), blank) for one in (cells, known))
    values = b.codec.column(known)
    if rule.clear:
        values = values.to_frame("v").select(pl.when(cells == rule.clear).then(pl.lit(CLEAR)).otherwise("v"))["literal"]
    wrong = _unread(cells, values)
    if b.codec.second_look is not None and wrong.any():
        values = _second_look(b.codec, known, values, wrong)
        wrong = _unread(cells, values)
    if b.required and cells.null_count():
        wrong = wrong | cells.is_null()
    if not b.may_be_emptied:
        cleared = values == CLEAR
        wrong = wrong | cleared.fill_null(False) if cleared.any() else wrong
    elif rule.blank == "clear" and not b.required:
        values = values.to_frame("v").select(pl.when(cells.is_null()).then(pl.lit(CLEAR)).otherwise("v"))["literal"]
    return values, wrong


def _unread(cells: pl.Series, values: pl.Series) -> pl.Series:
    """Cells that hold something which has become nothing."""
    if cells.null_count() == values.null_count():  # a blank cell is no value
        return pl.repeat(False, len(cells), eager=True, dtype=pl.Boolean)
    return cells.is_not_null() & values.is_null()


def read_one(codec: Codec, text: str) -> tuple[str | None, str]:
    """The canonical text of one value, or None and why: the end of a sentence."""
    found = codec.column(pl.Series([text]))[0]
    if found is not None or codec.second_look is None:
        return found, f" is not {codec.expects}"
    value, why = codec.second_look(text)
    return value, f": {why}"


def _second_look(codec: Codec, cells: pl.Series, values: pl.Series, wrong: pl.Series) -> pl.Series:
    assert codec.second_look is not None
    judged = {cell: codec.second_look(cell)[0] for cell in cells.filter(wrong).unique().drop_nulls().to_list()}
    table = {cell: canonical for cell, canonical in judged.items() if canonical is not None}
    second = cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
    return values.fill_null(second)
