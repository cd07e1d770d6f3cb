"""Records as JSON text, a whole column at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from bulkreply.codecs import json_text
from bulkreply.mapping import CLEAR
from bulkreply.mapping.apply import Bound


def render(records: pl.DataFrame, sent: Sequence[Bound], clear_form: str) -> pl.Series:
    """One JSON object per record.

    Args:
        records: One canonical text column per field in `sent`; null fields are left out of the object.
        clear_form: What empties a field: `null` in V3, `""` in V1.

    Returns:
        Text, same height.
    """
    plain = [b for b in sent if not b.spec.write]
    custom = [b for b in sent if b.spec.write]
    members = [_member(records[b.rule.field], b, clear_form) for b in plain]
    if custom:
        members.append(_custom_members(records, custom, clear_form))
    frame = pl.DataFrame([member.alias(str(i)) for i, member in enumerate(members)])
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    return frame.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}")).alias("body"))["body"]


def _member(values: pl.Series, b: Bound, clear_form: str) -> pl.Series:
    """`"name":value` per record, null where the field is not sent."""
    return _wrapped(values, f"{json.dumps(b.spec.name)}:", "", b.codec.quoted, clear_form)


def _custom_members(records: pl.DataFrame, custom: Sequence[Bound], clear_form: str) -> pl.Series:
    """`"customFields":[…]` per record, null where none is sent."""
    fragments = []
    for i, b in enumerate(custom):
        title = b.rule.field.partition(".")[2]
        lead = f'{{{json.dumps(b.spec.write)}:{json.dumps(title, ensure_ascii=False)},"value":'
        fragments.append(_wrapped(records[b.rule.field], lead, "}", True, clear_form).alias(str(i)))
    frame = pl.DataFrame(fragments)
    name = json.dumps(custom[0].spec.name)
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    some = pl.any_horizontal(pl.all().is_not_null())
    array = pl.concat_str(pl.lit(f"{name}:["), joined, pl.lit("]"))
    return frame.select(pl.when(some).then(array).alias("custom"))["custom"]


def _wrapped(values: pl.Series, lead: str, tail: str, quoted: bool, clear_form: str) -> pl.Series:
    clears = values == CLEAR
    quote = '"' if quoted else ""
    text = json_text(values) if quoted else values
    wrapped = pl.lit(lead + quote) + text.alias("text") + pl.lit(quote + tail)
    made = text.alias("text").to_frame().select(wrapped.alias("text"))["text"]
    if clears.any():
        made = made.zip_with(~clears.fill_null(False), pl.repeat(lead + clear_form + tail, len(made), eager=True))
    return made
