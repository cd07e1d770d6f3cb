"""Who must not be written to: read at Reply before anything that would reach them is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bulkreply.batching import Batch
from bulkreply.catalog import ObjectSpec, Operation, Reach, Sign
from bulkreply.catalog.inputs import inputs_of
from bulkreply.errors import RightMissing, ServerFatal
from bulkreply.lookup import crowd, detail_of, find, find_ids
from bulkreply.mapping import ID_MARK, KEY_SEPARATOR
from bulkreply.sinks import ReplySink
from bulkreply.slots import has_slots
from bulkreply.wire.answer import Failure
from bulkreply.wire.compare import ABSENT, at_path, key_of, key_text
from bulkreply.wire.reach import applies, may_send, object_reached, said, sends, word

Record = Mapping[str, Any]
PERSON = "person."
"""How the codes begin that say why somebody was left out."""
_OVERRIDE = "`policy: {do_not_contact: send}` goes ahead all the same, and says so in the report"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a record would reach.

    Attributes:
        name: Id, or what the object is known by.
        by_id: Which of the two.
    """

    spec: ObjectSpec = field(compare=False)
    reach: Reach = field(compare=False)
    name: str
    by_id: bool

    @property
    def signs(self) -> tuple[Sign, ...]:
        """What tells that this person must not be written to."""
        return self.spec.signs_for(self.reach)


class Guard:
    """Tells which records of a target would reach people who must not be written to.

    People are read with the fewest calls, rules once; what was read holds until the object is let go.

    Args:
        lenient: Whether records that only make people, which writes to nobody, may go without rules that this key may
            not read or this server does not have; whoever asks for it says so in a report.

    Attributes:
        unread: Rules that were done without.
    """

    def __init__(self, sink: ReplySink, *, lenient: bool = False) -> None:
        self._sink = sink
        self._client = sink.client
        self._rules: dict[str, frozenset[str]] = {}
        self._records: dict[tuple[str, bool, str], Record | None] = {}
        self._unruled: set[str] = set()
        self._reading = asyncio.Lock()
        self._lenient = lenient
        self.unread: set[str] = set()

    @property
    def reads_ahead(self) -> bool:
        """Whether all people are better read together before the first call."""
        return any(one.reach is not None and not one.reach.new for one in self._sink.target.operations)

    async def read(self, batches: Iterable[Batch]) -> None:
        """Reads all that `blocked` will need of these batches."""
        people = {one for batch in batches for one in self._people(batch) if one is not None and not one.reach.new}
        async with self._reading:
            await self._read_rules(people)
            await self._know(people)

    async def blocked(self, batch: Batch) -> dict[int, Failure]:
        """Index of every record that must not be sent -> why.

        Raises:
            ServerFatal: It cannot be known, so nothing may be sent.
        """
        if self._sink.operation(batch).label in self._unruled:
            return {}
        async with self._reading:
            return await self._blocked(batch)

    async def _blocked(self, batch: Batch) -> dict[int, Failure]:
        if not await self._anybody_new(batch):
            self._unruled.add(self._sink.operation(batch).label)
            return {}
        people = {i: one for i, one in enumerate(self._people(batch)) if one is not None}
        if not people:
            return {}
        await self._read_rules(set(people.values()))
        new = {i: one for i, one in people.items() if one.reach.new}
        suspects = {i: one for i, one in new.items() if self._why(one, {}) is not None}
        await self._know({one for i, one in people.items() if i in suspects or i not in new})
        found = {}
        for i, one in people.items():
            record = self._records.get(_place(one))
            why = self._why(one, record or {}) if i not in new or (i in suspects and record is None) else None
            if why is not None:
                found[i] = Failure(f"{PERSON}{why.code}", why.about)
        return found

    async def _anybody_new(self, batch: Batch) -> bool:
        """Whether there may be people in a batch that no rule lets in; where it makes nobody new, there may."""
        reach, mode = self._sink.operation(batch).reach, self._sink.target.mode
        if reach is None or not reach.new:
            return True
        if mode is not None and mode.only == "known":
            return False
        spec = object_reached(self._sink.target.catalog, reach, self._sink.route(batch).spec)
        anyone = Person(spec, reach, "", by_id=False)
        await self._read_rules([anyone])
        return any(self._rules[sign.rules] for sign in anyone.signs if sign.rules)

    def _people(self, batch: Batch) -> list[Person | None]:
        """Whom each record would reach."""
        operation, route = self._sink.operation(batch), self._sink.route(batch)
        reach = operation.reach
        if reach is None or reach.crowd:
            return []
        spec = object_reached(self._sink.target.catalog, reach, route.spec)
        moded = self._sink.target.mode is not None and route.main
        if moded and not reach.when and (reach.who,) == route.spec.natural_key == spec.natural_key:
            return [Person(spec, reach, key, by_id=False) if key[:1] != ID_MARK else None for key in batch.keys]
        by_id = reach.who == spec.key or _is_id(route.spec, operation, reach.who)
        return [self._person(batch, i, spec, by_id) for i in range(len(batch))]

    def _person(self, batch: Batch, i: int, spec: ObjectSpec, by_id: bool) -> Person | None:
        operation, route = self._sink.operation(batch), self._sink.route(batch)
        assert operation.reach is not None
        body = "" if has_slots(batch.bodies[i]) else batch.bodies[i]
        values = said(operation, route, body, batch.addresses[i] if batch.addresses else None)
        if not applies(operation.reach, values):
            return None
        name = values.get(operation.reach.who)
        if name is None and operation.batch is None:
            name = self._sink.path(batch.one(i), route, operation).get(operation.reach.who)
        text = word(name) if by_id else key_text(spec.fields[spec.natural_key[0]], name)
        return Person(spec, operation.reach, text, by_id) if text else None

    async def _know(self, people: set[Person]) -> None:
        """Reads the records of people not read so far, those of one object together."""
        left = {_place(one): one for one in people if _place(one) not in self._records}
        for spec, by_id in {(one.spec.name, one.by_id): (one.spec, one.by_id) for one in left.values()}.values():
            names = {one.name for one in left.values() if (one.spec.name, one.by_id) == (spec.name, by_id)}
            with _needed():
                found = await self._by_id(spec, names) if by_id else await self._by_key(spec, names)
            self._records |= {(spec.name, by_id, name): found.get(name) for name in names}

    async def _by_id(self, spec: ObjectSpec, names: set[str]) -> Mapping[str, Record | None]:
        found = await find_ids(self._client, spec, names)
        if found is not None:
            return found
        return {name: await detail_of(self._client, spec, {spec.key: name}) for name in sorted(names)}

    async def _by_key(self, spec: ObjectSpec, names: set[str]) -> Mapping[str, Record | None]:
        """Of several with one key, one that must not be written to, if there is any."""
        made = {}
        for name, records in (await find(self._client, spec, names)).items():
            whole = Person(spec, Reach(who=""), name, by_id=False)
            made[name] = next((one for one in records if self._why(whole, one) is not None), records[0])
        return made

    async def _read_rules(self, people: Collection[Person]) -> None:
        signs = {sign for one in people for sign in one.signs}
        harmless = self._lenient and all(one.reach.new for one in people)
        known = self._rules.keys() if harmless else self._rules.keys() - self.unread
        for label in sorted({label for sign in signs for label in (sign.rules, sign.unless)} - {"", *known}):
            operation = self._client.catalog.operation(label)
            spec = self._client.catalog.object(operation.object, operation.api)
            keys = set[str]()
            try:
                with _needed():
                    async for page in self._client.pages(operation):
                        keys.update(key_of(spec, record, KEY_SEPARATOR) for record in page.records)
            except (RightMissing, ServerFatal):
                if not harmless:
                    raise
                self.unread.add(label)
            self._rules[label] = frozenset(keys - {""})

    def _why(self, person: Person, record: Record) -> Sign | None:
        """The first sign that this person must not be written to."""
        return next((sign for sign in person.signs if self._holds(sign, person, record)), None)

    def _holds(self, sign: Sign, person: Person, record: Record) -> bool:
        found = at_path(record, sign.field)
        if found is ABSENT and not person.by_id and sign.field == person.spec.natural_key[0]:
            found = person.name
        words = [word(one) for one in _flat(found)]
        if not sign.rules:
            return bool({one.lower() for one in sign.values} & set(words))
        allowed = self._rules.get(sign.unless, frozenset())
        parts = [one.rpartition(sign.after)[2] if sign.after else one for one in words if one not in allowed]
        return any(part in self._rules.get(sign.rules, ()) for part in parts)


async def people_of(sink: ReplySink, batch: Batch, counted: Container[int] = ()) -> list[int]:
    """How many people Reply writes to because of each record; 0 for positions counted before."""
    operation, route = sink.operation(batch), sink.route(batch)
    found = [0] * len(batch)
    if not may_send(operation):
        return found
    for i, at in enumerate(batch.positions):
        values = said(operation, route, batch.bodies[i], batch.addresses[i] if batch.addresses else None)
        if at in counted or not sends(operation, values):
            continue
        found[i] = 1
        if operation.reach is not None and operation.reach.crowd:
            path = sink.path(batch.one(i), route, operation) if operation.batch is None else {}
            found[i] = await crowd(sink.client, operation.reach, (values | path)[operation.reach.who])
    return found


def _place(person: Person) -> tuple[str, bool, str]:
    return person.spec.name, person.by_id, person.name


def _is_id(spec: ObjectSpec, operation: Operation, who: str) -> bool:
    one = inputs_of(spec, operation).get(who)
    return one is not None and one.type == "id"


def _flat(value: Any) -> Sequence[Any]:
    if value is ABSENT or value is None:
        return ()
    return [x for one in value for x in _flat(one)] if isinstance(value, list) else [value]


@contextmanager
def _needed() -> Iterator[None]:
    """Without this reading nothing may be sent: the error says so."""
    try:
        yield
    except ServerFatal as error:
        words = f"who must not be written to cannot be read: {error.message}"
        raise ServerFatal(words, hint=_OVERRIDE) from None
