"""Whether a record at Reply already says what was sent: the proof that a lost call was executed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bulkreply.catalog.model import ObjectSpec


def key_of(spec: ObjectSpec, record: Mapping[str, Any], separator: str) -> str:
    """The natural key of a record at Reply, as the mapping writes it."""
    return separator.join(str(record.get(name) or "").lower() for name in spec.natural_key)


def holds(spec: ObjectSpec, record: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether every value sent stands in the record. Fields Reply never answers with are not looked at."""
    for name, value in sent.items():
        field = spec.fields.get(name)
        if field is None or field.access == "write":
            continue
        if field.type == "custom":
            if not _custom_holds(record.get(name), value, field.read, field.write):
                return False
        elif not _same(record.get(name), value):
            return False
    return True


def _custom_holds(known: Any, sent: Any, read: str, write: str) -> bool:
    values = {entry.get(read): entry.get("value") for entry in known or () if isinstance(entry, Mapping)}
    return all(_same(values.get(entry.get(write)), entry.get("value")) for entry in sent)


def _same(known: Any, sent: Any) -> bool:
    return _plain(known) == _plain(sent)


def _plain(value: Any) -> str:
    """Text for comparison: no value, an empty one and V1's word Empty are one; case does not count."""
    if value is None:
        return ""
    text = str(value).strip().casefold()
    return "" if text == "empty" else text


def created_after(spec: ObjectSpec, record: Mapping[str, Any], moment_s: float) -> bool | None:
    """Whether the record was made at or after a moment (Unix seconds), None when Reply does not say.

    Times without an offset are taken as UTC (conventions.md 11, guess).
    """
    name = spec.lookup.created if spec.lookup else ""
    try:
        made = datetime.fromisoformat(str(record[name]))
    except (KeyError, ValueError):
        return None
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return made.timestamp() >= moment_s
