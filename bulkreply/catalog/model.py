"""Fields and operations. Facts carry the trust marks of `reply-api/README.md`: doc, client, guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

Access = Literal["both", "read", "write", "key"]
Repeat = Literal["safe", "by_key", "never"]
Shape = Literal["whole", "positional", "failed_by_id", "counts", "job", "blind", "none"]
Style = Literal["none", "offset", "number"]
Mark = Literal["doc", "client", "guess"]
Carries = Literal["record", "inputs"]
TYPES = (
    *("text", "email", "url", "integer", "number", "boolean", "enum", "datetime", "date", "id", "uuid", "json"),
    *("nested", "custom"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object, or one input of an operation.

    Attributes:
        type: `text email url integer number boolean enum datetime date id uuid json nested custom`.
        access: Who may touch it: Reply only (`read`), us only (`write`), both; `key` = it names a record that exists
            and may be mapped, but is no value of the record.
        required: Modes that need it: `insert`, `upsert` …; inputs of an operation say `["call"]`.
        many: Whether it holds several values; a cell is split, or is a JSON array.
        max_length: Characters Reply takes, 0 when unknown.
        least: Smallest number taken, None when there is none.
        most: Largest number taken.
        values: For enums, the spellings to send; answers are compared without regard to case.
        aliases: For enums, what files say for a value (compared without case, blanks and commas).
        default: What a blank cell means, as text.
        object: Object whose id this is; a job may then give a name instead.
        by: Fields of that object a job may name it by.
        checked: Whether ids are looked up too, not only names: a wrong one would fail a whole call.
        shape: For nested values, the shape of one: a table of `[shapes]`, or another object of the same API.
        needed_when: Inside shapes, the values of other fields for which this one is needed: `{ type = ["email"] }`.
        place: Where the value goes when not into the record: `options.listIds` of the call.
        read_at: Where the value stands in answers when not under its own name: `emailAccounts.id`.
        ids_at: Where answers have the ids, when `read_at` has the names: `lists.listId`.
        zoned: For times, whether Reply wants an offset; `Z` is added where a file has none.
        write: For custom fields, the key a value is addressed by when sent (`name`, `key`).
        read: For custom fields, the key in answers.
        empties: Whether it may be emptied although it is needed: no value is a value of its own.
        secret: Whether it must not be shown or kept (a mailbox password, a shared link).
    """

    name: str
    type: str
    access: Access = "both"
    required: tuple[str, ...] = ()
    many: bool = False
    max_length: int = 0
    least: float | None = None
    most: float | None = None
    values: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    object: str = ""
    by: tuple[str, ...] = ()
    checked: bool = False
    shape: str = ""
    needed_when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: str = ""
    read_at: str = ""
    ids_at: str = ""
    zoned: bool = False
    write: str = ""
    read: str = ""
    empties: bool = False
    secret: bool = False
    mark: Mark = "doc"
    about: str = ""

    @property
    def writable(self) -> bool:
        """Whether it is a value of the record that a job may set."""
        return self.access in ("both", "write")

    @property
    def mappable(self) -> bool:
        """Whether a job may map a column to it: a value, or the key of a record that exists."""
        return self.access != "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a listing is read page by page (conventions.md 4).

    Attributes:
        style: `offset` = `top`/`skip` with `hasMore`; `number` = `page`/`limit` with `pagesCount`; `none` = one answer.
        page_max: Records per page that Reply takes.
        items: Key of the array in the envelope, "" when the answer is the array itself; `*` = all arrays in it.
        total: Key of the count of all records, "" when Reply gives none.
        wrap: For arrays of plain values, the field each value becomes.
    """

    style: Style = "none"
    page_max: int = 0
    items: str = ""
    total: str = ""
    wrap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How many records travel in one call, and where.

    Attributes:
        field: Body key of the array; `[]` when the body itself is the array; `file` when they travel as CSV.
        start: Records per call to begin with.
        max: Most records per call: what Reply documents, or where it does not, as far as larger calls are tried.
        of: What an element is: whole `records`, or just the `key` of each.
        element: For `key`, the input whose value an element is, `contactId`; "" is the object's own key.
        whole: Whether the array replaces what Reply holds, so that it must never be divided over calls.
        mapping: For files, where the options say which column holds which field: `mapping.prospect` for an object
            `{field: column}`, `Mappings[]` for a list of `{CsvFieldName, ReplyFieldName}`.
    """

    field: str
    start: int
    max: int
    of: Literal["records", "key"] = "records"
    element: str = ""
    whole: bool = False
    mapping: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """A refusal that may mean it is already so: read, and compare.

    Attributes:
        error: Word of the refusal, `invalidStatusTransition`.
        operation: Operation of the same object that reads one record.
        read_at: Where the value stands in its answer, `sequences.statusInSequence`; all of several must agree.
        value: Input that says what was wanted.
        among: Only for these wanted values.
    """

    error: str
    operation: str
    read_at: str
    value: str
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whom a call makes Reply write to, or lets it write to again.

    Attributes:
        who: Input or field that names the person: by its id, or by what its object is known by.
        of: Object of those people, `v3.contacts`; "" is the operation's own.
        when: Input -> words for which the call does that, "" for an empty value; left out of a call, it does not.
        among: Signs that matter, by their codes; () for all of the object.
        new: Whether only people Reply does not hold yet matter: the call would make them.
        sends: Whether Reply writes to them because of it, and not just may; without `when`, the operation says so.
        crowd: For `who` that is no person but stands for many: the listing that counts them, `v3.contacts.filter`.
        crowd_by: Input of that listing that takes `who`.
    """

    who: str
    of: str = ""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    among: tuple[str, ...] = ()
    new: bool = False
    sends: bool = False
    crowd: str = ""
    crowd_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing Reply can do to an object; a row of `endpoints.csv`.

    Attributes:
        method: HTTP method.
        path: Path with `{parameters}`; a query part selects the operation.
        carries: Whether the body holds a `record` of the object, or just the operation's own `inputs`.
        inputs: What it takes besides: path parameters, shared body keys, query parameters.
        bind: Path parameter -> input or field that fills it, where the names differ; `{id}` is the object's key.
        query: Inputs that travel in the query.
        omits: Writable fields of the object that this operation does not take.
        result: Shape of the answer (conventions.md 7).
        result_at: Key of the array (positional), of the ids that succeeded (counts), of the failures (failed_by_id)
            inside the answer, "" when it is the answer itself.
        added_at: For enrolment, key of the ids that succeeded: an id in neither part is in doubt.
        already: Error words that mean the record is as wanted.
        later: Error words that mean: try again once other records are done.
        recheck: A refusal that may mean the same, when a read confirms it.
        repeat: What may be done after a lost answer (conventions.md 10).
        rate_class: Name of the quota windows it counts in.
        errors: Family of per-record error codes: number -> slug (conventions.md 8).
        merges: Fields that replace all of what Reply holds: read first, changed, sent whole. `*` = the whole record.
        sends: Whether real people may get mail because of it: it is asked for, and never repeated in doubt.
        reach: Whom it reaches: who must not be written to is left out.
        lifts: Whether Reply may write, because of it, to people it must not write to now: it is asked for.
        final: Whether it cannot be undone.
        reads_by_post: Whether a POST that only reads.
    """

    name: str
    object: str
    api: str
    method: str
    path: str
    carries: Carries = "inputs"
    inputs: Mapping[str, Field] = field(default_factory=dict)
    bind: Mapping[str, str] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    omits: tuple[str, ...] = ()
    paging: Paging = Paging()
    batch: Batch | None = None
    result: Shape = "whole"
    result_at: str = ""
    added_at: str = ""
    already: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    recheck: Recheck | None = None
    repeat: Repeat = "never"
    rate_class: str = "default"
    errors: Mapping[str, str] = field(default_factory=dict)
    merges: tuple[str, ...] = ()
    sends: bool = False
    reach: Reach | None = None
    lifts: bool = False
    final: bool = False
    reads_by_post: bool = False
    mark: Mark = "doc"
    note: str = ""

    @property
    def label(self) -> str:
        """`v3.contacts.import`, as reports count requests."""
        return f"{self.api}.{self.object}.{self.name}"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing at Reply."""
        return self.method == "GET" or self.reads_by_post

    @property
    def lists(self) -> bool:
        """Whether it answers with records, page by page or all at once."""
        return self.reads and (self.paging.style != "none" or self.name.startswith("list"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names in braces in the path and its query part."""
        return _parameters(self.path)


@cache
def _parameters(path: str) -> tuple[str, ...]:
    return tuple(re.findall(r"{(\w+)}", path))
