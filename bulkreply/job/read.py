"""Reads job files: YAML 1.2, no aliases, bounded; every problem with its line and column, all at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from bulkreply.errors import JobInvalid
from bulkreply.job.model import Entry, From, Job, JobFile, Policy, Sending, To, rule_of
from bulkreply.mapping import Problem
from bulkreply.mapping.rules import near

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
Place = tuple[int, int, str]
Places = dict[tuple[str | int, ...], Place]


class _Exact(RoundTripConstructor):
    """Scalars that lose nothing: `7` is a number; `0044`, `1e3`, `1.10` and `TRUE` stay the text they are."""

    def number(self, node: Any) -> Any:
        """An int or float when its text is exactly what the number prints as, else the text."""
        kind = int if node.tag.endswith(":int") else float
        try:
            return kind(node.value) if str(kind(node.value)) == node.value else node.value
        except ValueError:
            return node.value

    def text(self, node: Any) -> str:
        """A job file has no switches: true and false stand for cells, columns and constants."""
        return str(node.value)


_Exact.add_constructor("tag:yaml.org,2002:bool", _Exact.text)
for _kind in ("int", "float"):
    _Exact.add_constructor(f"tag:yaml.org,2002:{_kind}", _Exact.number)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor = _Exact
    return yaml


_KINDS = {
    "string_type": "must be a text",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}
_MODELS: dict[str, type[BaseModel]] = {"from": From, "to": To, "policy": Policy, "sending": Sending, "map": Entry}


def read_job(path: Path, settings: Sequence[str] = ()) -> Job:
    """A job from its file.

    Args:
        settings: Changes `a.b=value` from the command line.

    Raises:
        JobInvalid: With every problem found, each as `jobs/x.yaml:12:5 map.email …`.
    """
    text = _text(path)
    content, places = _parse(text, path)
    for setting in settings:
        _apply(content, setting)
    mapped = content.get("map")
    if isinstance(mapped, str):
        map_path = path.parent / mapped
        inner, inner_places = _parse(_text(map_path), map_path)
        content = content | {"map": inner.get("map", inner)}
        lead = () if "map" in inner else ("map",)
        places |= {(*lead, *where): place for where, place in inner_places.items()}
    return job_of(content, path, text, places)


def job_of(content: dict[str, Any], path: Path, text: str = "", places: Places | None = None) -> Job:
    """A job from its decoded content, for a run that remembers the job it began with.

    Raises:
        JobInvalid: With every problem found.
    """
    places = places or {}
    try:
        file = JobFile.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        problems = [_problem(one) for one in errors if _of_the_kind_meant(one["loc"], content.get("map"))]
        raise JobInvalid([render(problem, path, places) for problem in problems]) from None
    if isinstance(file.map, str):
        raise JobInvalid([render(Problem(("map",), "the map file holds no mapping"), path, places)])
    plain = file.model_dump(mode="json", by_alias=True, exclude_unset=True)
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    return Job(
        name=file.job,
        path=path,
        source=file.from_,
        target=file.to,
        rules=tuple(rule_of(field, entry, file.policy) for field, entry in file.map.items()),
        ignore=tuple(file.ignore),
        policy=file.policy,
        sending=file.sending,
        create_missing=tuple(file.create_missing),
        confirm=file.confirm,
        fingerprint=digest.hexdigest()[:32],
        content=plain,
        text=text,
        places=places,
    )


def render(problem: Problem, path: Path, places: Mapping[tuple[str | int, ...], Place]) -> str:
    """`jobs/x.yaml:12:5 map.email: what is wrong; how to fix it`."""
    where = problem.path
    while where and where not in places:
        where = where[:-1]
    line, column, file = places.get(where, (1, 1, str(path)))
    name = ".".join(str(part) for part in problem.path)
    tail = f" ({problem.hint})" if problem.hint else ""
    return f"{file}:{line}:{column} {name}{': ' if name else ''}{problem.message}{tail}"


def _text(path: Path) -> str:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise JobInvalid([f"{path}: a pipe or a device, not a file"], hint="give the path of a job file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "not a path"
        raise JobInvalid([f"{path}: {words}"], hint="give the path of a job file") from None
    if len(raw) > MAX_BYTES:
        raise JobInvalid([f"{path}: larger than a job file can be ({MAX_BYTES:,} bytes)"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise JobInvalid([f"{path}: not UTF-8 text"], hint="save the job file as UTF-8") from None


def _parse(text: str, path: Path) -> tuple[dict[str, Any], Places]:
    try:
        _refuse_tricks(text, path)
        tree = _yaml().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise JobInvalid([f"{path}{at} not valid YAML: {error.problem or error.context}"]) from None
    except (YAMLError, ValueError) as error:
        raise JobInvalid([f"{path}: not valid YAML: {str(error).splitlines()[0]}"]) from None
    if not isinstance(tree, CommentedMap):
        raise JobInvalid([f"{path}:1:1 a job file is a mapping of job, from, to and map"])
    places: Places = {}
    return _plain(tree, (), places, str(path)), places


def _refuse_tricks(text: str, path: Path) -> None:
    depth = 0
    for event in YAML(typ="rt", pure=True).parse(text):
        mark = event.start_mark
        at = f"{path}:{mark.line + 1}:{mark.column + 1}"
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise JobInvalid([f"{at} nested deeper than a job file can be"])
        if getattr(event, "tag", None) is not None:
            raise JobInvalid([f"{at} YAML tags (!) are not taken in job files"])
        if isinstance(event, AliasEvent):
            raise JobInvalid([f"{at} YAML aliases are not taken in job files; write the value out"])


def _plain(node: Any, where: tuple[str | int, ...], places: Places, file: str) -> Any:
    """Plain values, and where each key stands."""
    if isinstance(node, CommentedMap):
        made = {}
        for key, value in node.items():
            line, column = node.lc.key(key)
            name = _whole_text(str(key), f"{file}:{line + 1}:{column + 1}")
            places[(*where, name)] = (line + 1, column + 1, file)
            made[name] = _plain(value, (*where, name), places, file)
        return made
    if isinstance(node, CommentedSeq):
        for i in range(len(node)):
            line, column = node.lc.item(i)
            places[(*where, i)] = (line + 1, column + 1, file)
        return [_plain(value, (*where, i), places, file) for i, value in enumerate(node)]
    for kind in (bool, int, float):
        if isinstance(node, kind):
            return kind(node)
    line, column, _ = places.get(where, (1, 1, file))
    return node if node is None else _whole_text(str(node), f"{file}:{line}:{column}")


def _whole_text(text: str, at: str) -> str:
    """A text that can be written anywhere: "\\ud800" in YAML is half a character, and no text."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    raise JobInvalid([f"{at} holds half a character (a lone surrogate)"], hint="write the whole character")


def _apply(content: dict[str, Any], setting: str) -> None:
    name, separator, value = setting.partition("=")
    if not separator or not name:
        raise JobInvalid([f"--set {setting}: write it as name=value, such as to.mode=insert"])
    *folders, last = _whole_text(name, "--set").split(".")
    inner = content
    for folder in folders:
        step = inner.setdefault(folder, {})
        if not isinstance(step, dict):
            raise JobInvalid([f"--set {name}: {folder} holds one value, not a mapping"])
        inner = step
    inner[last] = _value(_whole_text(value, f"--set {name}"))


def _value(text: str) -> Any:
    """A value of the command line: YAML where it is a value of YAML, else the text as it stands (`,` `|` `@`)."""
    try:
        made = _plain(_yaml().load(text), (), {}, "")
    except YAMLError:
        return text
    guessed = made is None or (made == "" and text[:1] not in "'\"")  # `|`, `&a`, `-`: marks of YAML, not values
    return text if guessed or (isinstance(made, dict | list) and text[:1] not in "{[") else made


def _of_the_kind_meant(loc: tuple[str | int, ...], mapped: Any) -> bool:
    """Whether a complaint is about the form the user chose: pydantic complains of every form a value could have."""
    if len(loc) < 2 or loc[0] != "map":
        return True
    if loc[1] == "str" or len(loc) < 4 or not isinstance(mapped, dict):
        return loc[1] != "str"
    return isinstance(mapped.get(str(loc[2])), dict) == str(loc[3]).endswith("Entry]")


def _problem(error: Any) -> Problem:
    """One complaint of pydantic in a person's words. Its own texts may hold input: only its kinds are used."""
    where = [part for part in error["loc"] if part not in ("function-before[<lambda>(), str]", "Entry", "str", "int")]
    where = [part for part in where if not (isinstance(part, str) and part.startswith(("list[", "dict[", "function-")))]
    path = tuple(where)
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        model = _MODELS.get(str(path[0])) if len(path) > 1 else JobFile
        known = [f.alias or name for name, f in model.model_fields.items()] if model else []
        return Problem(path, "unknown key", near(str(path[-1]), known) or f"known: {', '.join(known)}")
    if kind == "missing":
        return Problem(path[:-1], f"{path[-1]} is missing")
    if kind == "literal_error":
        return Problem(path, f"must be {context.get('expected', 'one of the known words')}")
    if kind == "value_error":
        return Problem(path, str(context.get("error", "not a valid value")))
    return Problem(path, _KINDS.get(kind) or error["msg"])
