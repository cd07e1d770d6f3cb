"""Objects of Reply, procedures and versions of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bulkreply.catalog.model import Field, Mark, Operation, Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call that a row leads to, and for which rows.

    Attributes:
        operation: `v3.contacts.set_replied`.
        when: Parameter -> what its value must be: a list of words, `true` (given), `false` (blank), or for several
            values `{ has = […], lacks = […] }`.
        give: Input of the operation -> parameter that fills it. Those of one name need no line.
        fixed: Inputs with the same value for every row.
        current: Field of the record -> values; rows whose record at Reply says something else are left alone.
    """

    operation: str
    when: Mapping[str, Any] = field(default_factory=dict)
    give: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    current: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What `mode:` of a job means for an object.

    Attributes:
        operation: The operation that does it.
        known: Operation for records Reply already holds, when another one does them.
        by_id: Operation for records the file addresses by their id, when another one does them.
        options: Constant body options sent with every call, at `options_at`.
        only: `known` = only rows whose natural key Reply already holds; `unknown` = only those it does not.
        outcome: Outcome word of a success whose answer does not say more.
        then: Further calls for values that `operation` does not take; made after it, on the same record.
    """

    name: str
    operation: str
    known: str = ""
    by_id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    options_at: str = ""
    only: Literal["", "known", "unknown"] = ""
    outcome: str = "updated"
    then: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How records are found by natural key: to verify, to resolve names.

    Attributes:
        one: Operation that finds one record by key, "" when there is none.
        query: Parameter of `one` that takes the key.
        sweep: Operation that lists all records (of one parent, when its path names a parent).
        scoped: Operation that lists the members of a scope, "" when there is none.
        scope: Body key of `scoped` that takes the scope's id, `listId`.
        detail: Operation that reads one record whole by its id, when `sweep` leaves fields out.
        created: Field with the time of creation, to tell created from updated; "" when Reply gives none.
    """

    one: str = ""
    query: str = ""
    sweep: str = ""
    scoped: str = ""
    scope: str = ""
    detail: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What tells that a person must not be written to: a value of the record, or a rule that names it.

    Attributes:
        code: Why, as a word: `optedOut`.
        about: The same for people: `opted out`.
        field: Where the value stands in a record; through lists, `sequences.status`.
        values: Words that mean it; without them, rules do.
        rules: Listing of the rules, `v3.email_blacklist_rules.list`; a rule names the value by its natural key.
        after: For rules about a part of the value: what follows the last of these, `@`.
        unless: Listing of exceptions, which name the whole value.
    """

    code: str
    about: str
    field: str
    values: tuple[str, ...] = ()
    rules: str = ""
    after: str = ""
    unless: str = ""
    mark: Mark = "doc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One kind of thing Reply keeps.

    Attributes:
        key: Field that holds a record's id.
        natural_key: Fields that identify a record in a file.
        repeats: Whether several records may share a natural key.
        parent: Field that names another record of the same kind, which must exist first; "" when there is none.
        shapes: Shape -> its fields, for nested values.
        signs: For people, what tells that one must not be written to; the first that holds is the reason.
    """

    name: str
    api: str
    about: str
    key: str
    natural_key: tuple[str, ...]
    fields: Mapping[str, Field]
    operations: Mapping[str, Operation]
    modes: Mapping[str, Mode] = field(default_factory=dict)
    lookup: Lookup | None = None
    repeats: bool = False
    parent: str = ""
    shapes: Mapping[str, Mapping[str, Field]] = field(default_factory=dict)
    signs: tuple[Sign, ...] = ()

    @property
    def custom(self) -> Field | None:
        """The field that holds custom fields, if the object has them."""
        return next((f for f in self.fields.values() if f.type == "custom"), None)

    @property
    def known_by_id(self) -> bool:
        """Whether an id alone tells which record: a link is told by both its ends."""
        return self.key not in self.natural_key or len(self.natural_key) == 1

    @property
    def mappable_fields(self) -> tuple[str, ...]:
        """Names a job may map to, without custom fields."""
        return tuple(f.name for f in self.fields.values() if f.mappable and f.type != "custom")

    def signs_for(self, reach: Reach) -> tuple[Sign, ...]:
        """The signs that matter to a call which reaches such people."""
        return tuple(sign for sign in self.signs if not reach.among or sign.code in reach.among)


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something Reply can do, by the name people call it: one call or another, depending on the row.

    Attributes:
        parameters: What a row gives.
        cases: Every case that fits a row leads to a call.
    """

    name: str
    api: str
    about: str
    parameters: Mapping[str, Field]
    cases: tuple[Case, ...]
    mark: Mark = "doc"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One version of Reply's API: where the key goes and what it allows (conventions.md 1, 2, 5).

    Attributes:
        auth_header: Header that carries the key.
        auth_form: Its value, with `{key}`.
        limits: Quota windows per rate class, `100/60s,3000/1h`; calls of every class count in `default` too.
        counts_in: API whose windows its calls count in; "" for its own.
        throttle_text: Regular expression of a 400 that is a throttle in disguise, "" when there is none.
        throttle_wait_s: How long to wait after a throttle that names no time.
        buckets: Rate classes that count in several windows of their own -> object -> its window's name.
        custom_fields: Object that lists the custom fields of this API.
        clear_form: JSON text that empties a field.
    """

    name: str
    auth_header: str
    auth_form: str
    limits: Mapping[str, str]
    counts_in: str = ""
    throttle_text: str = ""
    throttle_wait_s: float = 10.5
    buckets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    custom_fields: str = "custom_fields"
    clear_form: str = "null"

    def lane(self, operation: Operation) -> str:
        """The windows a call counts in: its rate class, or one of several buckets of it (conventions.md 5)."""
        bucket = self.buckets.get(operation.rate_class, {}).get(operation.object)
        return f"{self._lead}.{operation.rate_class}" + (f".{bucket}" if bucket else "")

    @property
    def lanes(self) -> dict[str, str]:
        """Every lane -> its limits."""
        found = {f"{self._lead}.{rate_class}": text for rate_class, text in self.limits.items()}
        for rate_class, objects in self.buckets.items():
            found |= {f"{self._lead}.{rate_class}.{name}": self.limits[rate_class] for name in objects.values()}
        return found

    @property
    def wider(self) -> dict[str, str]:
        """Lane -> the lane that each of its calls counts in as well."""
        default = f"{self._lead}.default"
        return {lane: default for lane in self.lanes if lane != default}

    @property
    def _lead(self) -> str:
        return self.counts_in or self.name
