"""Reads catalog files, one object at a time, strictly: an unknown key in a catalog file is an error."""

from __future__ import annotations

import difflib
import inspect
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from bulkreply.catalog.model import Api, Batch, Field, Lookup, Mode, ObjectSpec, Operation, Paging
from bulkreply.errors import UsageProblem

_Built = TypeVar("_Built")
_FOLDER = resources.files("bulkreply.catalog") / "data"
_TUPLES = {"required", "values", "natural_key"}


def _build(kind: type[_Built], table: Mapping[str, Any], where: str, **more: Any) -> _Built:
    known = set(inspect.signature(kind).parameters)
    unknown = set(table) - known
    if unknown:
        raise UsageProblem(f"{where}: unknown key {sorted(unknown)[0]!r} in a catalog file")
    values = {name: tuple(value) if name in _TUPLES else value for name, value in table.items()}
    try:
        return kind(**values, **more)
    except TypeError as error:
        raise UsageProblem(f"{where}: {error}") from None


def _operation(name: str, table: Mapping[str, Any], object_name: str, api: str) -> Operation:
    where = f"{api}.{object_name}.{name}"
    rest = dict(table)
    method, _, path = rest.pop("call", "").partition(" ")
    if not path:
        raise UsageProblem(f'{where}: `call` must read like "GET /v3/contacts"')
    paging = _build(Paging, rest.pop("paging", {}), where)
    batch = rest.pop("batch", None)
    return _build(
        Operation,
        rest,
        where,
        name=name,
        object=object_name,
        api=api,
        method=method,
        path=path,
        paging=paging,
        batch=_build(Batch, batch, where) if batch else None,
    )


def object_from(table: Mapping[str, Any], where: str) -> ObjectSpec:
    """An object from the table of its catalog file.

    Raises:
        UsageProblem: The table has unknown or missing keys.
    """
    rest = dict(table)
    name, api = rest.pop("object", ""), rest.pop("api", "")
    if not name or not api:
        raise UsageProblem(f"{where}: `object` and `api` are needed")
    fields = {n: _build(Field, t, f"{where} field {n}", name=n) for n, t in rest.pop("fields", {}).items()}
    operations = {n: _operation(n, t, name, api) for n, t in rest.pop("operations", {}).items()}
    modes = {n: _build(Mode, t, f"{where} mode {n}", name=n) for n, t in rest.pop("modes", {}).items()}
    lookup = rest.pop("lookup", None)
    return _build(
        ObjectSpec,
        rest,
        where,
        name=name,
        api=api,
        fields=fields,
        operations=operations,
        modes=modes,
        lookup=_build(Lookup, lookup, where) if lookup else None,
    )


class Catalog:
    """Objects and APIs by name, loaded when first asked for.

    Args:
        overlay: A folder of further catalog files, `<api>/<object>.toml`, that replace or add objects.
    """

    def __init__(self, overlay: Path | None = None) -> None:
        self._overlay = overlay
        self._objects: dict[tuple[str, str], ObjectSpec] = {}

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
        return sorted(name for name in found if not name.startswith("_"))

    def object(self, name: str, api: str = "v3") -> ObjectSpec:
        """An object by name.

        Raises:
            UsageProblem: There is none; the message names the nearest.
        """
        self.api(api)
        if (api, name) not in self._objects:
            self._objects[api, name] = self._read(name, api)
        return self._objects[api, name]

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
            text, where = overlaid.read_text("utf-8"), str(overlaid)
        else:
            text, where = (_FOLDER / api / f"{name}.toml").read_text("utf-8"), f"{api}/{name}.toml"
        try:
            return object_from(tomllib.loads(text), where)
        except tomllib.TOMLDecodeError as error:
            raise UsageProblem(f"{where}: {error}") from None


@cache
def _apis() -> dict[str, Api]:
    table = tomllib.loads((_FOLDER / "apis.toml").read_text("utf-8"))
    return {name: _build(Api, entry, name, name=name) for name, entry in table.items()}
