"""Natural keys of rows, a whole column at a time, as `compare.key_of` tells them of records at Reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import polars as pl

from bulkreply.catalog import Field, ObjectSpec
from bulkreply.catalog.inputs import CALL
from bulkreply.mapping import ID_MARK, KEY_SEPARATOR
from bulkreply.targets import Target
from bulkreply.wire.compare import key_text


def key_column(
    target: Target,
    spec: ObjectSpec,
    rows: pl.DataFrame,
    given: Mapping[str, str],
    about: Sequence[str],
    quoted: Mapping[str, bool],
) -> pl.Series:
    """The natural key of each row; or, when the file names records by id, that; or what a call is about.

    Args:
        given: Field -> the column its value is in.
        about: Columns that say what a call is about.
        quoted: Column -> whether it holds texts.
    """
    columns = dict(given) | {name: name for name in target.fields if target.mode is not None and name in rows.columns}
    nothing = pl.repeat(None, rows.height, eager=True, dtype=pl.String)
    named = [name for name in spec.natural_key if name in columns or target.word == "insert"]
    cells = {name: rows[columns[name]] if name in columns else nothing for name in named}
    parts = [_part(target.fields.get(n), one, quoted.get(one.name, True)) for n, one in cells.items()]
    if target.mode is None and len(parts) < len(spec.natural_key):
        parts = [rows[column].str.strip_chars('"') for column in about[:1]]
    key = _joined(parts, target.word in ("insert", CALL)) if parts else nothing
    if target.mode is not None and target.word != "insert" and spec.key in rows.columns and spec.known_by_id:
        ids = rows[spec.key].str.strip_chars('"').alias("id")
        key = ids.to_frame().select((pl.lit(ID_MARK) + pl.col("id")).alias("key"))["key"].fill_null(key)
    return key.fill_null("")


def _part(field: Field | None, cells: pl.Series, quoted: bool) -> pl.Series:
    """A column as part of a key: without case; ids that are texts without their quotes, slots as they are."""
    if field is not None and field.type == "datetime":
        table = {cell: key_text(field, cell) for cell in cells.drop_nulls().unique().to_list()}
        return cells.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
    return cells.str.to_lowercase() if quoted else cells.str.strip_chars('"')


def _joined(parts: Sequence[pl.Series], blanks: bool) -> pl.Series:
    """The key of each row, null where it has none.

    Args:
        blanks: Whether a blank part says that the record has nothing there, like a first step that has no parent.
    """
    if not blanks or len(parts) < 2:
        return reduce(lambda a, b: a + KEY_SEPARATOR + b, parts)
    some = reduce(lambda a, b: a | b, [part.is_not_null() for part in parts])
    whole = reduce(lambda a, b: a + KEY_SEPARATOR + b, [part.fill_null("") for part in parts])
    return whole.set(~some, None)
