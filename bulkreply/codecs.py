"""How one type is read from a text cell and written as JSON: expressions over whole columns.

A codec turns a column of text into a column of canonical text; a cell it cannot read becomes null. The canonical text
is what stands in the request: bare for numbers and booleans, as a JSON string for everything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
import polars as pl

from bulkreply.catalog.model import Field

CONTROL_PATTERNS = ["\\", '"', *map(chr, range(32)), "\u2028", "\u2029"]
CONTROL_ESCAPES = [json.dumps(c)[1:-1] for c in CONTROL_PATTERNS]
ESCAPED = '[\\x00-\\x1f"\\\\\u2028\u2029]'
"""A character that does not stand in a JSON string as it is."""

_TRUE = ("true", "yes", "y", "1", "t", "x", "on")
_FALSE = ("false", "no", "n", "0", "f", "off")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}$"


@dataclass(frozen=True, slots=True)
class Codec:
    """How one type is read and written.

    Attributes:
        name: What `as:` of a job calls it.
        quoted: Whether the canonical text is written as a JSON string.
        read: Column of trimmed text, null where blank -> column of canonical text, null where unreadable.
        expects: What a readable cell looks like, for the reject's message.
        second_look: Decides on cells `read` could not: canonical text or None, and why. For the few, not the many.
        few: Whether there are few readable cells, so that each distinct one is read once.
        max_length: Characters a cell may have, when that is all there is to read; 0 for other codecs.
    """

    name: str
    quoted: bool
    read: Callable[[pl.Expr], pl.Expr]
    expects: str
    second_look: Callable[[str], tuple[str | None, str]] | None = None
    few: bool = False
    max_length: int = 0

    def column(self, cells: pl.Series) -> pl.Series:
        """`read` of a whole column, by the shortest way."""
        longest = cells.str.len_bytes().max() if self.max_length else None
        if isinstance(longest, int) and longest <= self.max_length:  # no text has more characters than bytes
            return cells
        column = cells.drop_nulls().unique() if self.few else cells
        values = column.to_frame("cell").with_columns(self.read(pl.col("cell")).alias("value"))["value"]
        return cells.replace_strict(column, values, default=None, return_dtype=pl.String) if self.few else values


def fold(text: str) -> str:
    """Text as enum values are compared: without case, blanks, commas, dashes of any kind, underscores."""
    return re.sub(r"[\s,_]", "", text.replace("\u2013", "-").replace("\u2014", "-")).lower()


def codec_for(field: Field, *, as_type: str = "", date_format: str = "", max_length: int = 0) -> Codec:
    """The codec of a field.

    Args:
        as_type: What `as:` of the rule says, "" for the field's own type.
        date_format: `strptime` format of dates in the file, "" for ISO 8601.
        max_length: Characters allowed, 0 for any number.

    Raises:
        KeyError: There is no codec of that name.
    """
    wanted = as_type or field.type
    if wanted == "enum":
        return _enum(field)
    if wanted in ("date", "datetime"):
        return _moment(wanted, date_format, field.zoned)
    if wanted in ("integer", "number") and (field.aliases or field.least is not None or field.most is not None):
        return _bounded(CODECS[wanted], field)
    if wanted == "text" and (max_length or field.max_length):
        return _text(max_length or field.max_length)
    return CODECS[wanted]


def _text(max_length: int) -> Codec:
    return Codec(
        "text",
        True,
        lambda cell: pl.when(cell.str.len_chars() <= max_length).then(cell),
        f"at most {max_length} characters",
        max_length=max_length,
    )


def _enum(field: Field) -> Codec:
    spellings: Mapping[str, str] = {fold(alias): value for alias, value in field.aliases.items()} | {
        fold(value): value for value in field.values
    }

    def read(cell: pl.Expr) -> pl.Expr:
        return folded(cell).replace_strict(
            list(spellings), list(spellings.values()), default=None, return_dtype=pl.String
        )

    return Codec("enum", True, read, "one of " + ", ".join(field.values), few=True)


def _bounded(plain: Codec, field: Field) -> Codec:
    """A number between bounds, or a word that stands for one."""
    words = {fold(alias): value for alias, value in field.aliases.items()}

    def read(cell: pl.Expr) -> pl.Expr:
        if words:
            cell = folded(cell).replace(list(words), list(words.values()))
        canonical = plain.read(cell)
        value = canonical.cast(pl.Float64, strict=False)
        inside = pl.lit(True)
        if field.least is not None:
            inside = inside & (value >= field.least)
        if field.most is not None:
            inside = inside & (value <= field.most)
        return pl.when(inside).then(canonical)

    return Codec(plain.name, plain.quoted, read, plain.expects + bounds_words(field))


def bounds_words(field: Field) -> str:
    """`from 1 to 65535`, for messages."""
    low = "" if field.least is None else f" from {field.least:g}"
    return low + ("" if field.most is None else f" to {field.most:g}")


def folded(cell: pl.Expr) -> pl.Expr:
    """A column as `fold` compares its text."""
    return cell.str.replace_all("[\u2013\u2014]", "-").str.replace_all(r"[\s,_]", "").str.to_lowercase()


def _moment(name: str, date_format: str, zoned: bool) -> Codec:
    form = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    if name == "datetime":
        form += r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"

    def read(cell: pl.Expr) -> pl.Expr:
        return with_zone(plainly(cell)) if zoned and name == "datetime" else plainly(cell)

    def plainly(cell: pl.Expr) -> pl.Expr:
        if date_format:
            parsed = cell.str.to_datetime(date_format, strict=False)
            offset = "Z" if re.search(r"%(?:[:#]*z|\+)", date_format) else ""  # polars turns those into UTC
            return parsed.dt.strftime("%Y-%m-%d" if name == "date" else f"%Y-%m-%dT%H:%M:%S{offset}")
        day_exists = cell.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_not_null()
        return pl.when(cell.str.contains(form + "$") & day_exists).then(cell)

    expects = f"a date like {date_format}" if date_format else "a date like 2026-03-01 (or give `format:`)"
    return Codec(name, True, read, expects)


def with_zone(moment: pl.Expr) -> pl.Expr:
    """Times with an offset; those without one are taken as UTC (conventions.md 11, guess)."""
    timed = pl.when(moment.str.len_chars() == 10).then(moment + "T00:00:00").otherwise(moment)
    return pl.when(timed.str.contains(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$")).then(timed).otherwise(timed + "Z")


def _read_boolean(cell: pl.Expr) -> pl.Expr:
    words = cell.str.to_lowercase()
    return (
        pl.when(words.is_in(_TRUE)).then(pl.lit("true")).when(words.is_in(_FALSE)).then(pl.lit("false")).otherwise(None)
    )


def _read_integer(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"^[+-]?[0-9]{1,18}$")).then(
        cell.str.strip_prefix("+").cast(pl.Int64, strict=False).cast(pl.String)
    )


def _read_number(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"^[+-]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,15})?$")).then(
        cell.str.strip_prefix("+").str.replace(r"\.0+$", "")  # 5.0 is how typed files spell 5
    )


def _read_id(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"^[1-9][0-9]{0,17}$")).then(cell)


def _read_uuid(cell: pl.Expr) -> pl.Expr:
    words = cell.str.to_lowercase()
    return pl.when(words.str.contains(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")).then(words)


def _second_json(cell: str) -> tuple[str | None, str]:
    try:
        return orjson.dumps(orjson.loads(cell)).decode(), ""
    except orjson.JSONDecodeError:
        return None, "not JSON"


def _read_url(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(r"^(?:https?://)?[^\s/.]+(?:\.[^\s/.]+)+(?:/\S*)?$")).then(cell)


def _read_email(cell: pl.Expr) -> pl.Expr:
    plain = cell.str.contains(_PLAIN_EMAIL) & cell.str.contains(r"^[^@]{1,64}@.{1,189}$")
    return pl.when(plain).then(cell)


def _second_email(cell: str) -> tuple[str | None, str]:
    """Addresses the plain pattern does not cover (international ones above all) are the library's to judge."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(cell, check_deliverability=False).normalized, ""
    except EmailNotValidError as error:
        return None, str(error)


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec("text", True, lambda cell: cell, "text"),
        Codec("email", True, _read_email, "an e-mail address", _second_email),
        Codec("url", True, _read_url, "a web address"),
        Codec("boolean", False, _read_boolean, "yes or no, true or false, 1 or 0", few=True),
        Codec("integer", False, _read_integer, "a whole number"),
        Codec("number", False, _read_number, "a number with digits only, a point before decimals"),
        Codec("id", False, _read_id, "an id: a whole number above 0"),
        Codec("uuid", True, _read_uuid, "an id such as 7b0f2c54-1111-4222-8333-9a0000000001"),
        Codec("json", False, lambda cell: pl.lit(None, dtype=pl.String), "JSON", _second_json),
    )
}


def json_text(column: pl.Series) -> pl.Series:
    """A column of text with everything escaped that JSON needs escaped, without the quotes around it."""
    if not column.str.contains(ESCAPED).any():
        return column
    return column.str.replace_many(CONTROL_PATTERNS, CONTROL_ESCAPES)
