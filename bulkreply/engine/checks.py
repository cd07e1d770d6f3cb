"""What a person has to look at when nobody can tell what became of a row: one sentence, with where to look at Reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bulkreply.batching import Batch
from bulkreply.catalog.inputs import filler
from bulkreply.mapping import ID_MARK, KEY_SEPARATOR
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.wire.answer import Failure, Settled, removes

LOST, CHANGED, ABSENT, THERE = "answer.lost", "answer.changed", "answer.absent", "answer.there"
_WORDS = {
    LOST: "sent, and whether Reply took it is not known",
    CHANGED: "sent, and Reply has it with other values: whether they came of this call is not known",
    ABSENT: "sent, and Reply does not have it now; it was not sent again",
    THERE: "sent, and Reply has it still; it was not sent again",
}


def unknown(sink: ReplySink, batch: Batch, codes: Mapping[int, str], reason: str = "") -> Settled:
    """Records of a batch that was sent and may have been taken, or not.

    Args:
        codes: Index of a record -> what reading Reply said of it, where that is more than nothing.
        reason: What was wrong with the answer, `wire: …`; anything else says that none came.
    """
    settled = Settled.all(len(batch), Outcome.UNKNOWN)
    wrong = f"{reason}; " if reason.startswith("wire: ") else ""
    for i in range(len(batch)):
        code = codes.get(i, LOST)
        if batch.ids and batch.ids[i].isdigit():
            settled.ids[i] = int(batch.ids[i])
        settled.failures[i] = Failure(code, f"{wrong}{_WORDS[code]}: {where_to_look(sink, batch, i)}")
    return settled


def where_to_look(sink: ReplySink, batch: Batch, i: int) -> str:
    """Where at Reply a person sees what became of one record: `look in contact lists for name fair`."""
    operation, route = sink.operation(batch), sink.route(batch)
    one = batch.one(i)
    facts = dict(_named(sink, one))
    told = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    thing = f"look in {route.spec.name.replace('_', ' ')} for {told or 'it'}"
    if removes(operation):
        return f"{thing}: it was to be removed"
    if operation.carries == "record":
        return f"{thing}, and whether it says what the row says"
    return f"{thing}, and whether {operation.name.replace('_', ' ')} was done"


def _named(sink: ReplySink, one: Batch) -> Iterator[tuple[str, str]]:
    """What names a record at Reply: values in the path, ids that its call shares, and its key."""
    operation, route = sink.operation(one), sink.route(one)
    key, parts = one.keys[0], one.keys[0].split(KEY_SEPARATOR)
    path = sink.path(one, route, operation) if operation.batch is None else route.path
    names = [filler(route.spec, operation, parameter) for parameter in operation.parameters]
    in_path = {name: path[name] for name in names if name in path}
    if key.startswith(ID_MARK):
        yield route.spec.key, key[len(ID_MARK) :]
    elif key and len(parts) == len(route.spec.natural_key) and (sink.target.mode is not None or len(parts) > 1):
        yield from zip(route.spec.natural_key, parts, strict=True)
    elif key and (operation.batch is not None or not in_path):
        yield (operation.batch.element if operation.batch else "") or route.spec.key or "key", key
    yield from in_path.items()
    yield from _ids(route.shared)


def _ids(shared: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Ids in the body beside the records: of a sequence, a list, an owner."""
    for name, value in shared.items():
        if isinstance(value, Mapping):
            yield from _ids(value)
        elif name.lower().endswith(("id", "ids")):
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
