"""Names that stand for records at Reply: read once per run, created when a job asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from bulkreply.catalog import Field, ObjectSpec
from bulkreply.errors import ServerFatal
from bulkreply.lookup import find
from bulkreply.mapping import Names
from bulkreply.net.client import Client
from bulkreply.wire.answer import Answer, identity_of
from bulkreply.wire.call import Call
from bulkreply.wire.compare import value_at
from bulkreply.wire.verdict import Judgement, Verdict

CUSTOM_TYPES = ("text", "number")


async def read_names(
    client: Client, spec: ObjectSpec, by: Sequence[str], creatable: bool = False, with_ids: bool = False
) -> Names:
    """What the names of an object's records mean in this account: one sweep.

    Args:
        by: Fields that may name a record.
        with_ids: Whether ids that a file gives are to be checked too.
    """
    assert spec.lookup is not None
    if spec.operations[spec.lookup.sweep].parameters:  # listed parent by parent: only ids can name them
        return Names(spec.name)
    ids: dict[str, list[int | str]] = defaultdict(list)
    every: set[int | str] = set()
    async for page in client.pages(spec.operations[spec.lookup.sweep]):
        for record in page.records:
            identity = identity_of(record.get(spec.key))
            if identity is None or identity in every:
                continue
            every.add(identity)
            for name in dict.fromkeys(str(value_at(spec.fields[field], record) or "").lower() for field in by):
                if name:
                    ids[name].append(identity)
    return Names(spec.name, dict(ids), creatable, all_ids=frozenset(every) if with_ids else None)


async def find_names(client: Client, spec: ObjectSpec, wanted: set[str], creatable: bool = False) -> Names:
    """What some names mean, for objects too large to be read whole without need."""
    found = await find(client, spec, wanted)
    ids = {key: [identity_of(record[spec.key]) or 0 for record in records] for key, records in found.items()}
    return Names(spec.name, ids, creatable)


async def read_custom_types(client: Client, api: str) -> dict[str, str]:
    """Title -> `text` or `number` of the account's custom fields."""
    spec = client.catalog.object(client.catalog.api(api).custom_fields, api)
    types: dict[str, str] = {}
    async for page in client.pages(spec.operations["list"]):
        for record in page.records:
            kind = str(record.get("fieldType", "text")).lower()
            types[str(record.get(spec.natural_key[0], ""))] = "number" if kind in ("number", "1") else "text"
    return types


async def create(client: Client, spec: ObjectSpec, name: str, more: Mapping[str, Any] | None = None) -> int | str:
    """Creates a record that carries a name the caller has just found missing; its id.

    It is never repeated blindly: after a lost answer the name is looked up first.

    Raises:
        BulkreplyError: Reply refuses.
    """
    operation = spec.operations["create"]
    body = orjson.dumps({spec.natural_key[0]: name} | dict(more or {}))
    for attempt in range(1, client.patience.attempts + 1):
        found = await find(client, spec, {name.lower()}) if attempt > 1 else {}
        if found:
            return identity_of(next(iter(found.values()))[0][spec.key]) or 0
        began_s = client.clock.now_s()
        answer, judgement = await client.send(Call(operation, operation.path, body), await client.permit(operation))
        if judgement.verdict is Verdict.DONE:
            made = _id_in(spec, answer)
            if made is not None:
                return made
            judgement = Judgement(Verdict.VERIFY, f"wire: {operation.label}: the answer carries no {spec.key}")
        elif judgement.verdict not in (Verdict.RETRY, Verdict.VERIFY, Verdict.WAIT):
            raise client.stop(judgement, operation)
        await client.pause_before_repeat(judgement, attempt, began_s, operation)
    raise ServerFatal(f"wire: {operation.label}: no usable answer", hint="resume later")


def _id_in(spec: ObjectSpec, answer: Answer) -> int | str | None:
    """The id of what was created, None where the answer does not tell it: then it is looked for."""
    try:
        content = answer.json()
    except ValueError:
        return None
    return identity_of(content.get(spec.key)) if isinstance(content, dict) else None


async def create_custom_fields(client: Client, api: str, kinds: Mapping[str, str]) -> None:
    """Creates custom fields, title -> `text` or `number`."""
    if not kinds:
        return
    spec = client.catalog.object(client.catalog.api(api).custom_fields, api)
    for title, kind in kinds.items():
        await create(client, spec, title, _kind(spec.fields.values(), kind))


def _kind(fields: Iterable[Field], kind: str) -> dict[str, Any]:
    """How an API says text or number: by word in V3, by number in V1."""
    for field in fields:
        if field.writable and (kind in field.values or kind in field.aliases):
            value = field.aliases.get(kind, kind)
            return {field.name: int(value) if field.type == "integer" else value}
    return {}
