"""One procedure, called now: from the shell or from Python, without a file and without a run.

It travels the same way as the rows of a job (mapping, layout, sink), so that both mean the same thing. A call whose
answer is lost is not repeated unless that is harmless: its outcome is `unknown`, and says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from bulkreply.batching import Batch
from bulkreply.catalog import Catalog, Operation
from bulkreply.catalog.inputs import as_procedure, filler
from bulkreply.errors import UsageProblem
from bulkreply.guard import Guard, people_of
from bulkreply.mapping import Mapped, Names, Rule, bind
from bulkreply.mapping import Mapping as RowMapping
from bulkreply.mapping.names import is_id
from bulkreply.mapping.rules import near
from bulkreply.net.client import Client
from bulkreply.net.memory import reached_path
from bulkreply.outcomes import Outcome
from bulkreply.quota import Reached
from bulkreply.records import Chunk
from bulkreply.references import find_names, read_names
from bulkreply.sinks import Delivery, ReplySink
from bulkreply.targets import Target, procedure_target
from bulkreply.wire.answer import Failure, Settled, in_doubt
from bulkreply.wire.layout import Layouts
from bulkreply.wire.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Called:
    """What became of one call on one record.

    Attributes:
        about: Key of the record, `1001`.
        outcome: Word of DESIGN section 3: `called`, `unchanged`, `skipped`, `rejected`, `unknown`.
        code: Why, when it did not go through.
        answer: What Reply said, decoded; None when it said nothing.
    """

    operation: str
    about: str
    outcome: str
    code: str = ""
    message: str = ""
    answer: Any = None


def values_for(parameters: Sequence[str], given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Values by the parameters' own names, whatever their spelling: `sequence_id`, `sequence-id`, `SequenceId`.

    Raises:
        UsageProblem: There is no such parameter.
    """
    spellings = {_plain(parameter): parameter for parameter in parameters}
    found = {}
    for word, value in given.items():
        root, dot, rest = word.partition(".")
        if _plain(root) not in spellings:
            hint = near(word, parameters) or f"parameters: {', '.join(parameters) or 'none'}"
            raise UsageProblem(f"{name} has no parameter {word!r}", hint=hint)
        found[spellings[_plain(root)] + dot + rest] = value
    return found


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def target_of(catalog: Catalog, name: str, api: str = "v3") -> Target:
    """The target of a procedure's name.

    Raises:
        UsageProblem: There is none.
    """
    return procedure_target(catalog, catalog.procedure(name, api))


async def call(
    client: Client, target: Target, given: Mapping[str, Any], *, agreed: bool = True, everybody: bool = False
) -> list[Called]:
    """Calls a procedure once with these values.

    Args:
        agreed: Whether it may make Reply write to people.
        everybody: Whether those who must not be written to are reached too.

    Raises:
        UsageProblem: Values are missing or cannot be read; or it would make Reply write to people.
        BulkreplyError: Reply cannot be reached, or refuses the key.
    """
    mapping, mapped = await _understood(client, target, given)
    layouts = Layouts(mapping, client.catalog.api(target.api).clear_form)
    if unmet := layouts.unmet():
        raise UsageProblem(f"{target.name} needs {', '.join(unmet)}", hint=_usage(target))
    records, unfit = layouts.apply(mapped)
    if unfit.height:
        raise UsageProblem(f"{target.name}: these values fit none of its calls", hint=_usage(target))
    sink = ReplySink(client, target)
    guard = None if everybody else Guard(sink)
    called: list[Called] = []
    for (group,), rows in records.partition_by("group", as_dict=True, maintain_order=True).items():
        columns = (tuple(rows[name].to_list()) for name in ("key", "body", "address"))
        keys, bodies, addresses = columns
        batch = Batch(tuple(range(rows.height)), keys, bodies, str(group), addresses)
        if not agreed and any(await people_of(sink, batch)):
            raise UsageProblem(f"{target.name} makes Reply write to real people", hint="say --yes to go ahead")
        called += await _send(sink, batch, guard)
    return called


async def records(client: Client, operation: Operation, given: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Every record of a listing, page by page.

    Raises:
        UsageProblem: A filter it does not have; or Reply does not have what the records belong to.
        BulkreplyError: Reply cannot be reached, or its answers make no sense.
    """
    spec = client.catalog.object(operation.object, operation.api)
    target = procedure_target(client.catalog, as_procedure(spec, operation))
    mapping, mapped = await _understood(client, target, given)
    row = mapped.records.row(0, named=True)
    values = {
        name: row[name] if quoted else orjson.loads(row[name])
        for name, quoted in mapping.quoted.items()
        if row[name] is not None
    }
    path = {one: str(values.pop(filler(spec, operation, one))) for one in operation.parameters}
    in_query = operation.method == "GET"
    query = {name: _in_query(value) for name, value in values.items()} if in_query else {}
    async for page in client.pages(operation, path | query, {} if in_query else values):
        if not page.known and path:
            raise UsageProblem(f"{target.name}: Reply does not have {', '.join(path.values())}")
        for record in page.records:
            yield dict(record)


async def _understood(client: Client, target: Target, given: Mapping[str, Any]) -> tuple[RowMapping, Mapped]:
    """The values of one call as the row of a file whose columns are called like the parameters.

    Raises:
        UsageProblem: Values are missing or cannot be read.
    """
    values = {n: v for n, v in values_for(list(target.fields), given, target.name).items() if v is not None}
    values |= {f.name: f.default for f in target.fields.values() if f.default and f.name not in values}
    there = {name.partition(".")[0] for name in values}
    if missing := [f.name for f in target.fields.values() if target.needs(f) and f.name not in there]:
        raise UsageProblem(f"{target.name} needs {', '.join(missing)}", hint=_usage(target))
    columns = {name: [_cell(value)] for name, value in values.items()} or {"": [None]}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    rules = [Rule(field=name, column=name) for name in values]
    mapping, problems = bind(rules, target, frame.schema, None, await _names(client, target, values))
    if problems:
        words = "; ".join(dict.fromkeys(problem.message for problem in problems))
        raise UsageProblem(f"{target.name}: {words}", hint=_usage(target))
    mapped = mapping.apply(Chunk(frame, pl.Series([1], dtype=pl.UInt32)))
    if mapped.rejects.height:
        told = mapped.rejects.select("field", "message").iter_rows()
        words = "; ".join(why if why.startswith(name) else f"{name}: {why}" for name, why in told)
        raise UsageProblem(f"{target.name}: {words}")
    return mapping, mapped


async def _names(client: Client, target: Target, values: Mapping[str, Any]) -> dict[str, Names]:
    """What the names among the values mean, each object asked for once."""
    wanted: dict[str, set[str]] = {}
    by: dict[str, list[str]] = {}
    for name, value in values.items():
        field = target.fields.get(name)
        if field is not None and field.object:
            words = {word for word in _words(value) if not is_id(word)}
            wanted.setdefault(field.object, set()).update(word.lower() for word in words)
            by.setdefault(field.object, []).extend(field.by)
    found: dict[str, Names] = {}
    for name, words in wanted.items():
        spec = client.catalog.object(name, target.api)
        if words and spec.lookup is not None and spec.lookup.one:
            found[name] = await find_names(client, spec, words)
        elif words:
            found[name] = await read_names(client, spec, list(dict.fromkeys(by[name])) or spec.natural_key)
    return found


def _words(value: Any) -> list[str]:
    """The names or ids in a value: a list, the JSON text of one, or one."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = orjson.loads(value)
        except ValueError:
            return [value]
    return [str(one).strip() for one in (value if isinstance(value, list | tuple) else [value])]


async def _send(sink: ReplySink, batch: Batch, guard: Guard | None) -> list[Called]:
    waiting, called = deque([batch]), list[Called]()
    if guard is not None and (blocked := await guard.blocked(batch)):
        left_out = Settled.all(len(blocked), Outcome.SKIPPED)
        left_out.failures = {i: blocked[at] for i, at in enumerate(sorted(blocked))}
        called = _told(sink.operation(batch), batch.only(sorted(blocked)), left_out, b"")
        waiting = deque([batch.only([i for i in range(len(batch)) if i not in blocked])])
    reached = sum([people for one in waiting for people in await people_of(sink, one)])
    Reached(reached_path(sink.client.account_name), sink.client.clock).take([reached] if reached else [], None)
    while waiting:
        one = waiting.popleft()
        if not len(one):
            continue
        operation = sink.operation(one)
        most = operation.batch.max if operation.batch is not None else 1
        if len(one) > most:
            waiting.extendleft([one.only(range(most, len(one))), one.only(range(most))])
            continue
        prepared, settled = await sink.prepare(one)
        if settled is not None:
            called += _told(operation, one, settled, b"")
            continue
        called += await _until_told(sink, one, prepared, waiting)
    return called


async def _until_told(sink: ReplySink, batch: Batch, prepared: Batch, waiting: deque[Batch]) -> list[Called]:
    client, operation, attempt = sink.client, sink.operation(batch), 0
    began_s = client.clock.now_s()
    while True:
        delivery: Delivery = await sink.deliver(prepared, await client.permit(operation))
        judgement = delivery.judgement
        match judgement.verdict:
            case Verdict.DONE if delivery.settled is not None:
                return _told(operation, batch, delivery.settled, delivery.said)
            case Verdict.WAIT:
                continue
            case Verdict.RETRY:
                attempt += 1
                await client.pause_before_repeat(judgement, attempt, began_s, operation)
            case Verdict.SPLIT:
                waiting.extendleft(reversed(batch.halves()))
                return []
            case Verdict.REJECT:
                refused = sorted(judgement.failures)
                settled = Settled.all(len(refused), Outcome.REJECTED)
                settled.failures = {i: judgement.failures[index] for i, index in enumerate(refused)}
                rest = [i for i in range(len(batch)) if i not in judgement.failures]
                if rest:
                    waiting.appendleft(batch.only(rest))
                return _told(operation, batch.only(refused), settled, b"")
            case Verdict.STOP:
                raise client.stop(judgement, operation)
            case Verdict.FOLLOW if await sink.follow(delivery.job):
                return _told(operation, batch, Settled.all(len(batch), sink.success(batch)), b"")
            case _:
                return _told(operation, batch, in_doubt(len(batch), judgement.reason), b"")


def _told(operation: Operation, batch: Batch, settled: Settled, said: bytes) -> list[Called]:
    totals = operation.result == "counts" and not operation.result_at
    if not (operation.reads or totals or operation.result in ("whole", "job")):
        said = b""  # it is told record by record
    try:
        answer = orjson.loads(said) if said.strip() else None
    except ValueError:
        answer = said.decode("utf-8", "replace")
    made = []
    for i, key in enumerate(batch.keys):
        failure = settled.failures.get(i, Failure("", ""))
        about = key.strip("\x1e").replace("\x1f", " ")
        outcome = Outcome(settled.outcomes[i]).word
        made.append(Called(operation.label, about, outcome, failure.code, failure.message, answer))
    return made


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, list | tuple | dict) else str(value)


def _in_query(value: Any) -> str:
    return ",".join(map(_in_query, value)) if isinstance(value, list) else _cell(value) or ""


def _usage(target: Target) -> str:
    needed = [f"{f.name} (needed)" if target.needs(f) else f.name for f in target.fields.values()]
    return f"parameters: {', '.join(needed) or 'none'}"
