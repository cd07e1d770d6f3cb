"""Reads catalog files, one object at a time, strictly: an unknown key in a catalog file is an error."""

from __future__ import annotations

import difflib
import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from bulkreply.catalog.inputs import as_procedure
from bulkreply.catalog.kinds import check_kinds, check_references, entries_of, table_of, words_of
from bulkreply.catalog.model import TYPES, Batch, Field, Operation, Paging, Reach, Recheck
from bulkreply.catalog.objects import Api, Case, Lookup, Mode, ObjectSpec, Procedure, Sign
from bulkreply.errors import UsageProblem

_Built = TypeVar("_Built")
_FOLDER = resources.files("bulkreply.catalog") / "data"
_TUPLES = {"required", "values", "natural_key", "by", "query", "omits", "already", "later", "merges", "among"}


@cache
def _parameters(kind: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(kind).parameters)


def _build(kind: Callable[..., _Built], table: Mapping[str, Any], where: str, **more: Any) -> _Built:
    unknown = set(table) - _parameters(kind)
    if unknown:
        raise UsageProblem(f"{where}: unknown key {sorted(unknown)[0]!r} in a catalog file")
    values = {
        name: tuple(value) if name in _TUPLES and isinstance(value, list) else value for name, value in table.items()
    }
    check_kinds(kind, values | more, where)
    try:
        return kind(**values, **more)
    except TypeError as error:
        raise UsageProblem(f"{where}: {error}") from None


def _fields(table: Mapping[str, Any], where: str) -> dict[str, Field]:
    return {name: _field(name, entry, where) for name, entry in table_of(table, f"{where} fields").items()}


def _field(name: str, table: Mapping[str, Any], where: str) -> Field:
    rest = table_of(table, f"{where} field {name}")
    needed = words_of(rest.pop("needed_when", {}), f"{where} field {name}: needed_when")
    built = _build(Field, rest, f"{where} field {name}", name=name, needed_when=needed)
    if built.type not in TYPES:
        raise UsageProblem(f"{where} field {name}: `type` must be one of {', '.join(TYPES)}")
    return built


def _case(table: Mapping[str, Any], where: str, lead: str) -> Case:
    """A case; operations of the same object may be named without API and object."""
    rest = dict(table)
    operation = str(rest.pop("operation", ""))
    current = words_of(rest.pop("current", {}), f"{where}: current")
    return _build(Case, rest, where, operation=operation if "." in operation else lead + operation, current=current)


def _mode(name: str, table: Mapping[str, Any], where: str, lead: str) -> Mode:
    rest = table_of(table, where)
    then = tuple(_case(entry, f"{where} then", lead) for entry in entries_of(rest.pop("then", ()), f"{where} then"))
    return _build(Mode, rest, where, name=name, then=then)


def _operation(name: str, table: Mapping[str, Any], object_name: str, api: str) -> Operation:
    where = f"{api}.{object_name}.{name}"
    rest = table_of(table, where)
    method, _, path = str(rest.pop("call", "")).partition(" ")
    if not path:
        raise UsageProblem(f'{where}: `call` must read like "GET /v3/contacts"')
    paging, batch, recheck = rest.pop("paging", {}), rest.pop("batch", None), rest.pop("recheck", None)
    reach = rest.pop("reach", None)
    return _build(
        Operation,
        rest,
        where,
        name=name,
        object=object_name,
        api=api,
        method=method,
        path=path,
        inputs=_fields(rest.pop("inputs", {}), where),
        paging=_build(Paging, table_of(paging, f"{where} paging"), where),
        batch=_build(Batch, table_of(batch, f"{where} batch"), where) if batch else None,
        recheck=_build(Recheck, table_of(recheck, f"{where} recheck"), where) if recheck else None,
        reach=_reach(reach, where) if reach else None,
    )


def _reach(table: Mapping[str, Any], where: str) -> Reach:
    rest = table_of(table, f"{where} reach")
    when = words_of(rest.pop("when", {}), f"{where} reach: when")
    return _build(Reach, rest, f"{where} reach", when=when)


def object_from(table: Mapping[str, Any], where: str) -> ObjectSpec:
    """An object from the table of its catalog file.

    Raises:
        UsageProblem: The table has unknown or missing keys.
    """
    rest = dict(table)
    name, api = rest.pop("object", ""), rest.pop("api", "")
    if not (name and isinstance(name, str)) or not (api and isinstance(api, str)):
        raise UsageProblem(f"{where}: `object` and `api` are needed")
    lead = f"{api}.{name}."
    lookup = rest.pop("lookup", None)

    def part(of: str) -> dict[str, Any]:
        return table_of(rest.pop(of, {}), f"{where} {of}")

    return _build(
        ObjectSpec,
        rest,
        where,
        name=name,
        api=api,
        fields=_fields(rest.pop("fields", {}), where),
        operations={n: _operation(n, t, name, api) for n, t in part("operations").items()},
        modes={n: _mode(n, t, f"{where} mode {n}", lead) for n, t in part("modes").items()},
        shapes={n: _fields(t, f"{where} shape {n}") for n, t in part("shapes").items()},
        lookup=_build(Lookup, table_of(lookup, f"{where} lookup"), where) if lookup else None,
        signs=tuple(_build(Sign, t, f"{where} sign") for t in entries_of(rest.pop("signs", ()), f"{where} signs")),
    )


def procedure_from(name: str, table: Mapping[str, Any], where: str) -> Procedure:
    """A procedure from its table.

    Raises:
        UsageProblem: The table has unknown or missing keys.
    """
    rest = table_of(table, f"{where} {name}")
    return _build(
        Procedure,
        rest,
        f"{where} {name}",
        name=name,
        parameters=_fields(rest.pop("parameters", {}), f"{where} {name}"),
        cases=tuple(
            _case(t, f"{where} {name}", "") for t in entries_of(rest.pop("cases", ()), f"{where} {name} cases")
        ),
    )


class Catalog:
    """Objects and APIs by name, loaded when first asked for.

    Args:
        overlay: A folder of further catalog files, `<api>/<object>.toml` and `procedures.toml`, that replace or add;
            or one file of an object.
    """

    def __init__(self, overlay: Path | None = None) -> None:
        self._overlay = overlay
        self._objects: dict[tuple[str, str], ObjectSpec] = {}
        if overlay is not None and not overlay.is_dir():
            one = object_from(_table(_text(overlay), str(overlay)), str(overlay))
            check_references(one, self.api(one.api), str(overlay))
            self._overlay, self._objects[one.api, one.name] = None, one
        elif overlay is not None and not any((overlay / name).exists() for name in (*self.apis(), "procedures.toml")):
            raise UsageProblem(f"{overlay}: no catalog files", hint="they lie in it as v3/gadgets.toml")
        self._procedures: dict[str, Procedure] | None = None

    def api(self, name: str) -> Api:
        """An API version.

        Raises:
            UsageProblem: There is no such version.
        """
        apis = _apis()
        if name not in apis:
            raise UsageProblem(f"there is no API {name!r}", hint=f"one of {', '.join(apis)}")
        return apis[name]

    def apis(self) -> tuple[str, ...]:
        """Names of the API versions, newest first."""
        return tuple(_apis())

    def names(self, api: str) -> list[str]:
        """Names of the objects of an API."""
        found = {entry.name.removesuffix(".toml") for entry in (_FOLDER / api).iterdir()}
        if self._overlay and (self._overlay / api).is_dir():
            found |= {path.stem for path in (self._overlay / api).glob("*.toml")}
        found |= {name for of, name in self._objects if of == api}
        return sorted(found)

    def object(self, name: str, api: str = "v3") -> ObjectSpec:
        """An object by name.

        Raises:
            UsageProblem: There is none; the message names the nearest.
        """
        self.api(api)
        if (api, name) not in self._objects:
            self._objects[api, name] = self._read(name, api)
        return self._objects[api, name]

    def operation(self, label: str) -> Operation:
        """An operation by its label, `v3.contacts.import`.

        Raises:
            UsageProblem: There is none.
        """
        api, _, rest = label.partition(".")
        object_name, _, name = rest.partition(".")
        spec = self.object(object_name, api)
        if name not in spec.operations:
            near = difflib.get_close_matches(name, spec.operations, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(spec.operations)}"
            raise UsageProblem(f"{object_name} has no operation {name!r} in {api}", hint=hint)
        return spec.operations[name]

    def procedures(self) -> dict[str, Procedure]:
        """The procedures that have a name of their own."""
        if self._procedures is None:
            self._procedures = _procedures((_FOLDER / "procedures.toml").read_text("utf-8"), "procedures.toml")
            own = self._overlay / "procedures.toml" if self._overlay else None
            if own is not None and own.is_file():
                self._procedures |= _procedures(_text(own), str(own))
        return self._procedures

    def procedure(self, name: str, api: str = "v3") -> Procedure:
        """A procedure by its own name (`StartSequence`), or an operation as one (`contact_lists.share`).

        Raises:
            UsageProblem: There is none; the message names the nearest.
        """
        known = self.procedures()
        by_fold = {other.lower(): other for other in known}
        if name.lower() in by_fold:
            return known[by_fold[name.lower()]]
        if "." not in name:
            near = difflib.get_close_matches(name.lower(), by_fold, n=1)
            hint = f"did you mean {by_fold[near[0]]!r}?" if near else f"one of {', '.join(known)}, or object.operation"
            raise UsageProblem(f"there is no procedure {name!r}", hint=hint)
        api, rest = (name.split(".", 1)) if name.split(".")[0] in self.apis() else (api, name)
        operation = self.operation(f"{api}.{rest}")
        return as_procedure(self.object(operation.object, operation.api), operation)

    def __iter__(self) -> Iterator[ObjectSpec]:
        return (self.object(name, api) for api in self.apis() for name in self.names(api))

    def _read(self, name: str, api: str) -> ObjectSpec:
        if name not in self.names(api):
            near = difflib.get_close_matches(name, self.names(api), n=1)
            elsewhere = [other for other in self.apis() if other != api and name in self.names(other)]
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(self.names(api))}"
            if elsewhere:
                hint = f"{elsewhere[0]} has it: add `api: {elsewhere[0]}`"
            raise UsageProblem(f"there is no object {name!r} in {api}", hint=hint)
        overlaid = self._overlay / api / f"{name}.toml" if self._overlay else None
        if overlaid is not None and overlaid.is_file():
            one = object_from(_table(_text(overlaid), str(overlaid)), str(overlaid))
            if (one.name, one.api) != (name, api):
                raise UsageProblem(f"{overlaid}: it holds {one.api} {one.name}", hint="name the file like its object")
            check_references(one, self.api(api), str(overlaid))
            return one
        where = f"{api}/{name}.toml"
        return object_from(_table((_FOLDER / where).read_text("utf-8"), where), where)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageProblem(f"{path}: {words}", hint="--catalog takes a catalog file or a folder of them") from None


def _table(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UsageProblem(f"{where}: {str(error) or 'nested too deep'}") from None


def _procedures(text: str, where: str) -> dict[str, Procedure]:
    return {name: procedure_from(name, entry, where) for name, entry in _table(text, where).items()}


@cache
def _apis() -> dict[str, Api]:
    table = tomllib.loads((_FOLDER / "apis.toml").read_text("utf-8"))
    return {name: _build(Api, entry, name, name=name) for name, entry in table.items()}
