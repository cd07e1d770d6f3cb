"""Times of Reply as columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

USUAL_MOMENT = r"^[12]\d{3}-\d\d-\d\dT\d\d:[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?$"
UTC_MOMENT = r"^[12]\d{3}-\d\d-\d\dT\d\d:[0-5]\d:[0-5]\d(Z|\+00:00)?$"
"""How Reply itself writes times: whole seconds, in UTC."""
_DAY = r"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
SURE_MOMENT = rf"^[12]\d{{3}}-{_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|\+00:00)?$"
"""Those among them that are times on any calendar: no 29 February."""
_KIND = pl.Datetime("us", "UTC")
_OFFSET = r"[+-]\d\d:\d\d$"
_CLOCK = "%Y-%m-%dT%H:%M:%S"
_PATTERN = _CLOCK + "%.f%:z"


def usual_moments(texts: pl.Expr) -> pl.Expr:
    """Times written as `USUAL_MOMENT`; null where there is no such day or hour."""
    text = texts.str.strip_suffix("Z")
    whole = pl.when(text.str.contains(_OFFSET)).then(text).otherwise(text + "+00:00")
    return whole.str.to_datetime(_PATTERN, time_unit="us", time_zone="UTC", strict=False)


def utc_moments(texts: pl.Expr) -> pl.Expr:
    """Times written as `UTC_MOMENT`; null where there is no such day or hour."""
    clock = texts.str.head(len("2026-01-15T09:30:00"))
    return clock.str.to_datetime(_CLOCK, time_unit="us", strict=False).dt.replace_time_zone("UTC")


def written(times: pl.Expr) -> pl.Expr:
    """Times in UTC as files of text have them; a quarter faster than to have every offset worked out."""
    return times.dt.replace_time_zone(None).dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")


def rewritten(texts: pl.Expr) -> pl.Expr:
    """Times written as `SURE_MOMENT`, as `written` has them."""
    return texts.str.head(len("2026-01-15T09:30:00")) + "+00:00"


def moments(name: str, values: Sequence[Any]) -> pl.Series:
    """Times as a column; one by one where one of them is written in an unusual way."""
    try:
        texts = pl.Series(name, values, dtype=pl.String, strict=True)
        if texts.drop_nulls().str.contains(USUAL_MOMENT).all():
            found = texts.to_frame().select(usual_moments(pl.col(name))).to_series()
            if found.null_count() == texts.null_count():
                return found
    except (TypeError, pl.exceptions.PolarsError):
        pass
    return pl.Series(name, [_moment(value) for value in values], dtype=_KIND)


def _moment(value: Any) -> datetime | None:
    """A time of Reply; without an offset it is taken as UTC (conventions.md 11, guess)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        made = datetime.fromisoformat(_trimmed(str(value)))
        return made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _trimmed(text: str) -> str:
    """At most six digits of a second's fraction: V1 gives seven."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return head + dot + tail[: min(digits, 6)] + tail[digits:] if dot else text
