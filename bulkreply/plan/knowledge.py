"""What Reply is asked before a row is read: the names and custom fields that the rules speak of."""

from __future__ import annotations

from dataclasses import dataclass, field

from bulkreply.job import Job
from bulkreply.mapping import Names
from bulkreply.net.client import Client
from bulkreply.plan.target import Target
from bulkreply.references import read_custom_types, read_names


@dataclass(slots=True)
class Known:
    """What Reply said before staging."""

    names: dict[str, Names] = field(default_factory=dict)
    types: dict[str, str] | None = None
    new_fields: dict[str, str] = field(default_factory=dict)
    checked: bool = True
    calls: dict[str, int] = field(default_factory=dict)


async def read_references(job: Job, target: Target, client: Client | None) -> Known:
    """Reads the names and custom fields the rules speak of: the fewest calls, each listing once."""
    known = Known(checked=client is not None)
    mapped = {rule.field for rule in job.rules}
    custom = target.spec.custom
    titles = [rule for rule in job.rules if custom and rule.field.startswith(f"{custom.name}.")]
    for name in mapped:
        place = target.spec.fields.get(name)
        if place is None or place.type != "references":
            continue
        creatable = "lists" in job.create_missing
        if client is None:
            known.names[place.object] = Names({}, creatable, checked=False)
            continue
        before = client.counts.sent
        spec = client.catalog.object(place.object, target.spec.api)
        known.names[place.object] = await read_names(client, spec, creatable)
        known.calls[f"{spec.api}.{spec.name}.list"] = client.counts.sent - before
    if titles and client is not None:
        known.types = await read_custom_types(client, target.spec.api)
        known.calls[f"{target.spec.api}.custom_fields.list"] = 1
        if "custom_fields" in job.create_missing:
            for rule in titles:
                title = rule.field.partition(".")[2]
                if title not in known.types:
                    known.new_fields[title] = rule.as_type or "text"
            known.types |= known.new_fields
    return known
