"""Whether a record at Reply already says what was sent: the proof that a lost call was executed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bulkreply.catalog import Case, Field, ObjectSpec

ABSENT = object()


def value_at(field: Field, record: Mapping[str, Any]) -> Any:
    """A field's value in an answered record, ABSENT when the answer leaves it out; several where it lies in a list."""
    found = at_path(record, field.read_at) if field.read_at else ABSENT
    return at_path(record, field.name) if found is ABSENT else found


def at_path(record: Any, path: str) -> Any:
    """The value at a dotted path, a list of values where the path passes a list; ABSENT when there is none."""
    found: Any = record
    parts = path.split(".")
    for i, part in enumerate(parts):
        if isinstance(found, list):
            rest = ".".join(parts[i:])
            return [at_path(one, rest) for one in found]
        if not isinstance(found, Mapping) or part not in found:
            return ABSENT
        found = found[part]
    return found


def key_of(spec: ObjectSpec, record: Mapping[str, Any], separator: str) -> str:
    """The natural key of a record at Reply, as the mapping writes it."""
    return separator.join(_key_text(value_at(spec.fields[name], record)) for name in spec.natural_key)


def _key_text(value: Any) -> str:
    return "" if value is ABSENT or value is None else _plain(value, keep_empty=True).lower()


def holds(spec: ObjectSpec, record: Mapping[str, Any], sent: Mapping[str, Any], strict: bool = False) -> bool:
    """Whether every value sent stands in the record. Fields Reply never answers with are not looked at.

    Args:
        strict: Whether a value that cannot be looked at counts as different.
    """
    for name, value in sent.items():
        field = spec.fields.get(name)
        if field is None or field.access in ("write", "key"):
            if strict and (field is None or field.access == "write"):
                return False
            continue
        known = value_at(field, record)
        if known is ABSENT and strict:
            return False
        if field.type == "custom":
            if not _custom_holds(known, value, field.read, field.write):
                return False
        elif field.type == "datetime" and _moment(known) is not None and _moment(known) == _moment(value):
            continue
        elif not _same(None if known is ABSENT else known, value):
            return False
    return True


def already(spec: ObjectSpec, case: Case, record: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether a record is as a call that comes after the main one would make it.

    Args:
        given: What the call says, by its own names.
    """
    said = {case.give.get(name, name): value for name, value in given.items()}
    asked = 0
    for name, words in case.when.items():
        if words is True:
            continue
        field = spec.fields.get(name)
        if field is None or not isinstance(words, list | tuple):
            return False
        if _plain(value_at(field, record)) not in map(_plain, words):
            return False
        asked += 1
    return bool(asked or said) and holds(spec, record, said, strict=True)


def _moment(text: Any) -> datetime | None:
    """A time with its offset; without one it is taken as UTC (conventions.md 11, guess)."""
    try:
        made = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _custom_holds(known: Any, sent: Any, read: str, write: str) -> bool:
    entries = known if isinstance(known, list) else ()
    values = {entry.get(read): entry.get("value") for entry in entries if isinstance(entry, Mapping)}
    return all(_same(values.get(entry.get(write)), entry.get("value")) for entry in sent)


def _same(known: Any, sent: Any) -> bool:
    """Whether what is known says all that was sent: objects may say more, lists are of one length."""
    if isinstance(sent, Mapping):
        return isinstance(known, Mapping) and all(
            name == "id" or _same(known.get(name), value) for name, value in sent.items()
        )
    if isinstance(sent, list):
        if not isinstance(known, list) or len(known) != len(sent):
            return not sent and known is None
        if any(isinstance(one, Mapping) for one in sent):
            return all(_same(a, b) for a, b in zip(known, sent, strict=True))
        return sorted(map(_plain, known)) == sorted(map(_plain, sent))
    return _plain(known) == _plain(sent)


def _plain(value: Any, keep_empty: bool = False) -> str:
    """Text for comparison: no value, an empty one and V1's word Empty are one; case does not count."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip().casefold()
    return "" if text == "empty" and not keep_empty else text


def created_after(spec: ObjectSpec, record: Mapping[str, Any], moment_s: float) -> bool | None:
    """Whether the record was made at or after a moment (Unix seconds), None when Reply does not say."""
    name = spec.lookup.created if spec.lookup else ""
    made = _moment(record.get(name)) if name else None
    return None if made is None else made.timestamp() >= moment_s
