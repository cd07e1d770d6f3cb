"""Names that stand for records at Reply: read once per run, created when a job asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from bulkreply.catalog.model import Field, ObjectSpec
from bulkreply.errors import ServerFatal
from bulkreply.lookup import find
from bulkreply.mapping import Names
from bulkreply.net.client import Client
from bulkreply.wire.call import Call
from bulkreply.wire.compare import key_of
from bulkreply.wire.verdict import Verdict

CUSTOM_TYPES = ("text", "number")


async def read_names(client: Client, spec: ObjectSpec, creatable: bool = False) -> Names:
    """What the names of an object's records mean in this account: one sweep."""
    assert spec.lookup is not None
    ids: dict[str, list[int]] = defaultdict(list)
    async for page in client.pages(spec.operations[spec.lookup.sweep]):
        for record in page.records:
            if isinstance(record.get(spec.key), int):
                ids[key_of(spec, record, "")].append(record[spec.key])
    return Names(dict(ids), creatable)


async def read_custom_types(client: Client, api: str) -> dict[str, str]:
    """Title -> `text` or `number` of the account's custom fields."""
    spec = client.catalog.object(client.catalog.api(api).custom_fields, api)
    types: dict[str, str] = {}
    async for page in client.pages(spec.operations["list"]):
        for record in page.records:
            kind = str(record.get("fieldType", "text")).lower()
            types[str(record.get(spec.natural_key[0], ""))] = "number" if kind in ("number", "1") else "text"
    return types


async def create(client: Client, spec: ObjectSpec, name: str, more: Mapping[str, Any] | None = None) -> int:
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
            return int(next(iter(found.values()))[0][spec.key])
        began_s = client.clock.now_s()
        answer, judgement = await client.send(Call(operation, operation.path, body), await client.permit(operation))
        if judgement.verdict is Verdict.DONE:
            content = answer.json()
            if isinstance(content, dict) and isinstance(content.get(spec.key), int):
                return int(content[spec.key])
        elif judgement.verdict not in (Verdict.RETRY, Verdict.VERIFY, Verdict.WAIT):
            raise client.stop(judgement, operation)
        await client.pause_before_repeat(judgement, attempt, began_s, operation)
    raise ServerFatal(f"{operation.label}: no usable answer", hint="resume later")


async def create_custom_fields(client: Client, api: str, kinds: Mapping[str, str]) -> None:
    """Creates custom fields, title -> `text` or `number`."""
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
