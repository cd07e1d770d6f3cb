"""The values a catalog file loads into. Facts carry the trust marks of `reply-api/README.md`: doc, client, guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Access = Literal["both", "read", "write"]
Repeat = Literal["safe", "by_key", "never"]
Shape = Literal["whole", "positional", "failed_by_id", "counts", "job", "blind", "none"]
Style = Literal["none", "offset", "number"]
Mark = Literal["doc", "client", "guess"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object.

    Attributes:
        type: `text email url integer number boolean enum datetime date id custom references nested`.
        access: Who may touch it: Reply only (`read`), us only (`write`), both.
        required: Modes that need it: `insert`, `upsert` …
        max_length: Characters Reply takes, 0 when unknown.
        values: For enums, the spellings to send; answers are compared without regard to case.
        aliases: For enums, what files say for a value (compared without case, blanks and commas).
        object: For references, the object whose ids are wanted.
        by: For references, the field of that object a job may name instead of the id.
        place: Where the value goes when not into the record: `options.listIds` of the call.
        write: For custom fields, the key a value is addressed by when sent (`name`, `key`).
        read: For custom fields, the key in answers.
    """

    name: str
    type: str
    access: Access = "both"
    required: tuple[str, ...] = ()
    max_length: int = 0
    values: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    object: str = ""
    by: str = ""
    place: str = ""
    write: str = ""
    read: str = ""
    mark: Mark = "doc"
    about: str = ""

    @property
    def writable(self) -> bool:
        """Whether a job may map a column to it."""
        return self.access != "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a listing is read page by page (conventions.md 4).

    Attributes:
        style: `offset` = `top`/`skip` with `hasMore`; `number` = `page`/`limit` with `pagesCount`; `none` = one answer.
        page_max: Records per page that Reply takes.
        items: Key of the array in the envelope, "" when the answer is the array itself.
        total: Key of the count of all records, "" when Reply gives none.
    """

    style: Style = "none"
    page_max: int = 0
    items: str = ""
    total: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How many records travel in one call, and where.

    Attributes:
        field: Body key of the array; `[]` when the body itself is the array.
        start: Records per call to begin with.
        max: Most records per call; the size adapts below it and is remembered per account.
        of: What an element is: whole `records`, or just the `key` of each.
    """

    field: str
    start: int
    max: int
    of: Literal["records", "key"] = "records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing Reply can do to an object; a row of `endpoints.csv`.

    Attributes:
        method: HTTP method.
        path: Path with `{parameters}`; a query part selects the operation.
        result: Shape of the answer (conventions.md 7).
        result_at: Key of the array inside a positional answer, "" when the answer is the array.
        repeat: What may be done after a lost answer (conventions.md 10).
        rate_class: Name of the quota windows it counts in.
        errors: Family of per-record error codes: number -> slug (conventions.md 8).
    """

    name: str
    object: str
    api: str
    method: str
    path: str
    paging: Paging = Paging()
    batch: Batch | None = None
    result: Shape = "whole"
    result_at: str = ""
    repeat: Repeat = "never"
    rate_class: str = "default"
    errors: Mapping[str, str] = field(default_factory=dict)
    mark: Mark = "doc"
    note: str = ""

    @property
    def label(self) -> str:
        """`v3.contacts.import`, as reports count requests."""
        return f"{self.api}.{self.object}.{self.name}"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing at Reply."""
        return self.method == "GET" or (self.method == "POST" and self.path.endswith("/filter"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names in braces in the path and its query part."""
        return tuple(re.findall(r"{(\w+)}", self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What `mode:` of a job means for an object.

    Attributes:
        operation: The operation that does it.
        options: Constant body options sent with every call, at `options_at`.
        only: `known` = only rows whose natural key Reply already holds; `unknown` = only those it does not.
        outcome: Outcome word of a success whose answer does not say more.
    """

    name: str
    operation: str
    options: Mapping[str, Any] = field(default_factory=dict)
    options_at: str = ""
    only: Literal["", "known", "unknown"] = ""
    outcome: str = "updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How records are found by natural key: to verify, to resolve names.

    Attributes:
        one: Operation that finds one record by key, "" when there is none.
        query: Parameter of `one` that takes the key.
        sweep: Operation that lists all records.
        scoped: Operation that lists the members of a scope, "" when there is none.
        scope: Body key of `scoped` that takes the scope's id, `listId`.
        created: Field with the time of creation, to tell created from updated; "" when Reply gives none.
    """

    one: str = ""
    query: str = ""
    sweep: str = ""
    scoped: str = ""
    scope: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One kind of thing Reply keeps."""

    name: str
    api: str
    about: str
    key: str
    natural_key: tuple[str, ...]
    fields: Mapping[str, Field]
    operations: Mapping[str, Operation]
    modes: Mapping[str, Mode] = field(default_factory=dict)
    lookup: Lookup | None = None

    @property
    def custom(self) -> Field | None:
        """The field that holds custom fields, if the object has them."""
        return next((f for f in self.fields.values() if f.type == "custom"), None)

    @property
    def writable_fields(self) -> tuple[str, ...]:
        """Names a job may map to, without custom fields."""
        return tuple(f.name for f in self.fields.values() if f.writable and f.type != "custom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One version of Reply's API: where the key goes and what it allows (conventions.md 1, 2, 5).

    Attributes:
        auth_header: Header that carries the key.
        auth_form: Its value, with `{key}`.
        limits: Quota windows per rate class, `100/60s,3000/1h`.
        throttle_text: Regular expression of a 400 that is a throttle in disguise, "" when there is none.
        throttle_wait_s: How long to wait after a throttle that names no time.
        custom_fields: Object that lists the custom fields of this API.
        clear_form: JSON text that empties a field.
    """

    name: str
    auth_header: str
    auth_form: str
    limits: Mapping[str, str]
    throttle_text: str = ""
    throttle_wait_s: float = 10.5
    custom_fields: str = "custom_fields"
    clear_form: str = "null"
