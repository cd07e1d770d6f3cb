"""Whether a record at Reply already says what was sent: the proof that a lost call was executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bulkreply.catalog import Case, Field, ObjectSpec
from bulkreply.codecs import fold

Shapes = Mapping[str, Mapping[str, Field]]
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
    parts = (spec.fields[name] for name in spec.natural_key)
    return separator.join(key_text(part, value_at(part, record)) for part in parts)


def key_text(field: Field, value: Any) -> str:
    """A value as part of a key: without case, times in UTC."""
    if value is ABSENT or value is None:
        return ""
    moment = _moment(value) if field.type == "datetime" else None
    if moment is not None:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    value = spelled(field, value)
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip().lower()


def spelled(field: Field, value: Any) -> Any:
    """A value in the spelling that is sent: answers may have another, or the number of an earlier generation."""
    if field.type != "enum":
        return value
    aliases = {fold(alias): word for alias, word in field.aliases.items()}
    return (aliases | {fold(word): word for word in field.values}).get(fold(str(value)), value)


def holds(
    spec: ObjectSpec,
    record: Mapping[str, Any],
    sent: Mapping[str, Any],
    strict: bool = False,
    shapes: Shapes | None = None,
    loose: Collection[str] = (),
) -> bool:
    """Whether every value sent stands in the record. Fields Reply never answers with are not looked at.

    Args:
        strict: Whether a value that cannot be looked at counts as different.
        shapes: Shape -> fields, to know such fields inside nested values.
        loose: Fields whose case does not count even so: those the record was found by.
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
            if not _custom_holds(known, value, field.read, field.write, strict):
                return False
        elif not _agrees(field, None if known is ABSENT else known, value, shapes or {}, strict and name not in loose):
            return False
    return True


def _agrees(field: Field, known: Any, sent: Any, shapes: Shapes, strict: bool) -> bool:
    """Whether a field's value says all that was sent: objects may say more, lists are of one length."""
    if field.type == "nested" and isinstance(sent, list) and sent:
        if not isinstance(known, list) or len(known) != len(sent):
            return False
        return all(_agrees(field, a, b, shapes, strict) for a, b in zip(known, sent, strict=True))
    inside = shapes.get(field.shape, {}) if field.type == "nested" else {}
    if inside and isinstance(sent, Mapping):
        hidden = {name for name in sent if name in inside and inside[name].access == "write"}
        if not isinstance(known, Mapping) or (hidden and strict):
            return False
        seen = (name for name in sent if name in inside and name not in hidden and name != "id")
        return all(_agrees(inside[name], value_at(inside[name], known), sent[name], shapes, strict) for name in seen)
    if field.type == "datetime" and _moment(known) is not None and _moment(known) == _moment(sent):
        return True
    return _same(None if known is ABSENT else spelled(field, known), sent, strict and field.type == "text")


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


def shared_holds(spec: ObjectSpec, record: Mapping[str, Any], shared: Mapping[str, Any]) -> bool:
    """Whether a record stands already where all records of a call are to be put: it is in every list the call names.

    Args:
        shared: What the call says beside its records.
    """
    left = set(_leaves(shared))
    for field in spec.fields.values():
        if field.place in left and field.many and field.ids_at:
            wanted, held = at_path(shared, field.place), at_path(record, field.ids_at)
            if not isinstance(wanted, list) or not isinstance(held, list):
                return False
            if not set(map(_plain, wanted)) <= set(map(_plain, held)):
                return False
            left.discard(field.place)
    return not left


def _leaves(content: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name


def _moment(text: Any) -> datetime | None:
    """A time with its offset; without one it is taken as UTC (conventions.md 11, guess)."""
    try:
        made = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _custom_holds(known: Any, sent: Any, read: str, write: str, exact: bool) -> bool:
    entries = known if isinstance(known, list) else ()
    values = {entry.get(read): entry.get("value") for entry in entries if isinstance(entry, Mapping)}
    return all(_same(values.get(entry.get(write)), entry.get("value"), exact) for entry in sent)


def _same(known: Any, sent: Any, exact: bool = False) -> bool:
    """Whether what is known says all that was sent: objects may say more, lists are of one length.

    Args:
        exact: Whether case counts.
    """
    if isinstance(sent, Mapping):
        return isinstance(known, Mapping) and all(
            name == "id" or _same(known.get(name), value, exact) for name, value in sent.items()
        )
    if isinstance(sent, list):
        if not isinstance(known, list) or len(known) != len(sent):
            return not sent and known is None
        if any(isinstance(one, Mapping) for one in sent):
            return all(_same(a, b, exact) for a, b in zip(known, sent, strict=True))
        return sorted(_plain(one, exact) for one in known) == sorted(_plain(one, exact) for one in sent)
    if sent and not _plain(sent):  # the word Empty itself, or nothing but blanks: less than that is not it
        return str(known).strip().casefold() == str(sent).strip().casefold()
    return _plain(known, exact) == _plain(sent, exact)


def _plain(value: Any, exact: bool = False) -> str:
    """Text for comparison: no value, an empty one and V1's word Empty are one; case counts only when `exact`."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return "" if text.casefold() == "empty" and not exact else text if exact else text.casefold()


def created_after(spec: ObjectSpec, record: Mapping[str, Any], moment_s: float) -> bool | None:
    """Whether the record was made at or after a moment (Unix seconds), None when Reply does not say."""
    name = spec.lookup.created if spec.lookup else ""
    made = _moment(record.get(name)) if name else None
    return None if made is None else made.timestamp() >= moment_s
