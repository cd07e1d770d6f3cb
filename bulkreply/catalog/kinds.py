"""Whether a value of a catalog file is of the kind its place wants: overlays are written by people."""

from __future__ import annotations

import types
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bulkreply.catalog.objects import Api, ObjectSpec
from bulkreply.errors import UsageProblem

_WORDS = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}


@cache
def _hints(kind: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def check_kinds(kind: Callable[..., Any], values: Mapping[str, Any], where: str) -> None:
    """Compares values with what the attributes of a class may hold.

    Raises:
        UsageProblem: One does not fit.
    """
    for name, value in values.items():
        wanted = _hints(kind)[name]
        if not _fits(value, wanted):
            raise UsageProblem(f"{where}: `{name}` must be {_spelled(wanted)}")


def table_of(value: Any, where: str) -> dict[str, Any]:
    """A table of a catalog file.

    Raises:
        UsageProblem: It is none.
    """
    if not isinstance(value, dict):
        raise UsageProblem(f"{where}: must be a table")
    return dict(value)


def entries_of(value: Any, where: str) -> Iterator[dict[str, Any]]:
    """A list of tables of a catalog file.

    Raises:
        UsageProblem: It is none.
    """
    if not isinstance(value, list | tuple):
        raise UsageProblem(f"{where}: must be a list of tables")
    return (table_of(one, where) for one in value)


def words_of(value: Any, where: str) -> dict[str, tuple[str, ...]]:
    """A table of lists of texts.

    Raises:
        UsageProblem: It is none.
    """
    found = table_of(value, where)
    if not all(isinstance(words, list) and all(isinstance(word, str) for word in words) for words in found.values()):
        raise UsageProblem(f"{where}: must hold lists of texts")
    return {name: tuple(words) for name, words in found.items()}


def check_references(spec: ObjectSpec, api: Api, where: str) -> None:
    """Whether what an object names of itself is there.

    Raises:
        UsageProblem: Something is not.
    """
    lookup, modes = spec.lookup, spec.modes.values()
    names = (spec.key, *spec.natural_key, *filter(None, (spec.parent,)))
    _known("field", names, spec.fields, where)
    if lookup is not None:
        if not lookup.sweep:
            raise UsageProblem(f"{where}: lookup needs `sweep`, the operation that lists all")
        found = (lookup.one, lookup.sweep, lookup.scoped, lookup.detail)
        _known("operation", filter(None, found), spec.operations, where)
    lead = f"{spec.api}.{spec.name}."
    told = [(mode.operation, mode.known, mode.by_id, *(case.operation for case in mode.then)) for mode in modes]
    labels = [label if "." in label else lead + label for mode in told for label in mode if label]
    own = (label.removeprefix(lead) for label in labels if label.startswith(lead))
    _known("operation", own, spec.operations, where)
    _known("rate class", (one.rate_class for one in spec.operations.values()), api.limits, where)


def _known(what: str, names: Iterable[str], known: Container[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UsageProblem(f"{where}: there is no {what} {name!r}")


def _fits(value: Any, wanted: Any) -> bool:
    origin, parts = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts if isinstance(value, str) else False
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, parts[0]) for one in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(isinstance(n, str) and _fits(v, parts[1]) for n, v in value.items())
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, wanted)


def _spelled(wanted: Any) -> str:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _spelled(parts[0])
    if origin is Literal:
        return f"one of {', '.join(word or chr(34) * 2 for word in parts)}"
    if origin is tuple:
        return "a list of texts" if parts[0] is str else "a list"
    return _WORDS.get(wanted, "a table")
