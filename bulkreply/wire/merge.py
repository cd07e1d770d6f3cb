"""Full replacements: what Reply holds, with the row's values put over it, so that nothing it holds is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bulkreply.catalog import Field, ObjectSpec, Operation
from bulkreply.catalog.inputs import inputs_of
from bulkreply.targets import Shapes
from bulkreply.wire.compare import ABSENT, spelled, value_at


def merged(
    spec: ObjectSpec, operation: Operation, record: Mapping[str, Any], sent: Mapping[str, Any], shapes: Shapes
) -> dict[str, Any]:
    """The body of an update of `record` that says what was `sent`, and keeps what the operation would blank.

    Args:
        record: As Reply answered it.
        sent: Values of the row.
        shapes: Shape -> fields, for nested values.
    """
    taken = inputs_of(spec, operation)
    body = {name: value for name, value in sent.items() if name in taken}
    for name, field in taken.items():
        if not field.writable or name not in spec.fields:
            continue
        if "*" not in operation.merges and not (name in operation.merges and name in body):
            continue
        kept = kept_value(field, value_at(field, record), shapes)
        if kept is None or kept == []:
            continue
        body[name] = over(field, kept, body[name], shapes) if name in body else kept
    return {name: _dense(value) for name, value in body.items()}


def _dense(value: Any) -> Any:
    """A value whose lists have no places left out."""
    if isinstance(value, list):
        return [_dense(one) for one in value if one is not None]
    return {name: _dense(one) for name, one in value.items()} if isinstance(value, dict) else value


def kept_value(field: Field, known: Any, shapes: Shapes) -> Any:
    """A value as it can be sent back: only what may be written, in the spelling that is taken; None for nothing."""
    if known is ABSENT or known is None or field.access == "write":
        return None
    if field.many:
        values = known if isinstance(known, list) else [known]
        kept = (kept_value(_one_of(field), one, shapes) for one in values)
        return [one for one in kept if one is not None]
    if field.type == "nested" and isinstance(known, Mapping):
        inside = shapes[field.shape]
        made = {name: kept_value(one, value_at(one, known), shapes) for name, one in inside.items() if one.mappable}
        return {name: value for name, value in made.items() if value is not None}
    return spelled(field, known)


def over(field: Field, kept: Any, sent: Any, shapes: Shapes) -> Any:
    """What was sent, over what is kept. Objects are completed. Parts of a list that have ids are matched by id, else by
    place, and those the file does not speak of stay; a list whose parts have none is replaced."""
    if field.many and field.type == "nested" and isinstance(sent, list) and isinstance(kept, list):
        places = {one["id"]: i for i, one in enumerate(kept) if isinstance(one, dict) and one.get("id") is not None}
        made = list(kept)
        for i, one in enumerate(sent if places else ()):
            named = one is not None and one.get("id") is not None
            at = places.get(one["id"], len(made)) if named else i
            if one is None:  # the file leaves out this place
                continue
            if at < len(kept):
                made[at] = over(_one_of(field), kept[at], one, shapes)
            else:
                made.append(one)
        return made if places else sent
    if isinstance(sent, dict) and isinstance(kept, dict) and not field.many:
        inside = shapes.get(field.shape, {})
        return kept | {
            n: over(inside[n], kept[n], v, shapes) if n in kept and n in inside else v for n, v in sent.items()
        }
    return sent


def _one_of(field: Field) -> Field:
    return replace(field, many=False)
