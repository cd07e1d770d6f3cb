"""What an operation takes, and where in the request each input goes."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from bulkreply.catalog.model import Field, Operation
from bulkreply.catalog.objects import Case, ObjectSpec, Procedure

CALL = "call"
"""Word in `required` of an input without which an operation cannot be called."""


class Place(Enum):
    """Where in a request a value goes."""

    PATH = "fills a parameter of the path"
    QUERY = "stands in the query"
    ELEMENT = "is the record's element of the call's array"
    RECORD = "stands in the record"
    SHARED = "stands in the body beside the records: rows that differ in it need calls of their own"


def filler(spec: ObjectSpec, operation: Operation, parameter: str) -> str:
    """The input that fills a path parameter: `{id}` is the object's own key, `{step_id}` is `stepId`."""
    if parameter in operation.bind:
        return operation.bind[parameter]
    return spec.key if parameter == "id" else _camel(parameter)


def _camel(parameter: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), parameter)


def element(spec: ObjectSpec, operation: Operation) -> str:
    """The input whose values are the array of a call that carries keys, "" for other calls."""
    batch = operation.batch
    return "" if batch is None or batch.of != "key" else batch.element or spec.key


def inputs_of(spec: ObjectSpec, operation: Operation) -> dict[str, Field]:
    """Everything an operation takes, by name; without what it needs, it cannot be called."""
    found: dict[str, Field] = {}
    for name in (*(filler(spec, operation, one) for one in operation.parameters), element(spec, operation)):
        if name:
            known = operation.inputs.get(name) or spec.fields.get(name) or Field(name=name, type="id")
            found[name] = replace(known, access="key", required=(CALL,))
    if operation.carries == "record":
        for field in spec.fields.values():
            placed = bool(field.place) and operation.batch is None  # only calls on many have a body beside the records
            if field.writable and not placed and field.name not in found and field.name not in operation.omits:
                found[field.name] = field
    return found | {name: field for name, field in operation.inputs.items() if name not in found}


def has_body(operation: Operation) -> bool:
    """Whether anything it takes stands in the body: without that, there is none, not even an empty one."""
    elsewhere = {*operation.query, *(operation.bind.get(one, _camel(one)) for one in operation.parameters)}
    return operation.carries == "record" or not operation.inputs.keys() <= elsewhere


def place_of(spec: ObjectSpec, operation: Operation, name: str) -> Place:
    """Where an input goes."""
    if name in {filler(spec, operation, one) for one in operation.parameters}:
        return Place.PATH
    if name in operation.query:
        return Place.QUERY
    if name == element(spec, operation):
        return Place.ELEMENT
    own = operation.inputs.get(name)
    if own is None:
        field = spec.fields.get(name.partition(".")[0])
        return Place.SHARED if field is not None and field.place else Place.RECORD
    return Place.SHARED if operation.batch is not None or own.place else Place.RECORD


def as_procedure(spec: ObjectSpec, operation: Operation) -> Procedure:
    """An operation as a procedure of one case: whatever has no name of its own can be called all the same."""
    return Procedure(
        name=f"{spec.name}.{operation.name}",
        api=spec.api,
        about=operation.note or f"{operation.method} {operation.path}",
        parameters=inputs_of(spec, operation),
        cases=(Case(operation=operation.label),),
        mark=operation.mark,
    )
