"""The models of a job file. Unknown keys are refused; what stands under a key is its words in editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bulkreply.mapping import Rule


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
"""Text; a bare number or true/false in YAML is taken as its text."""


FEW_DELETES = 25
"""Records that a delete may always take away, if it may take away anything."""


class Strict(BaseModel):
    """Refuses unknown keys, and never quotes input in an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )


class From(Strict):
    """Where rows come from: files, or an object of Reply."""

    file: str | list[str] | None = None
    """Path, glob or list of them, relative to the job file; `-` for standard input. `.gz` is read as it is."""
    format: Literal["csv", "tsv", "xlsx", "parquet", "ndjson"] | None = None
    """Only when the ending does not say."""
    encoding: str | None = None
    """Of CSV and TSV, when detection is wrong: utf-8, cp1252 …"""
    delimiter: str | None = None
    quote: str | None = None
    sheet: str | int | None = None
    """Name or 1-based number of the sheet of a workbook."""
    header_row: int = Field(default=1, ge=1)
    """Row the column names stand in; rows above are skipped."""
    object: str | None = None
    """Object of Reply to export, `contacts`."""
    api: Literal["v3", "v2", "v1"] = "v3"
    operation: str | None = None
    """Another listing or report of the object than its usual one."""
    where: dict[str, Any] = {}
    """What the export is narrowed by: filters Reply knows, or values of fields."""
    details: bool = False
    """Read every record whole, one call each, for what listings leave out (steps and settings of sequences)."""
    incremental: bool = False
    """Only what changed since the last run of this job, marked inserted, updated or deleted."""
    account: str | None = None
    """Account of bulkreply.toml; by default the environment's."""

    @model_validator(mode="after")
    def _one_kind(self) -> From:
        if (self.file is None) == (self.object is None):
            raise ValueError("give exactly one of file, object")
        return self


class To(Strict):
    """Where records go."""

    object: str | None = None
    """Object of Reply, `contacts`."""
    procedure: str | None = None
    """Something to do with every row instead: `SetContactStatus`, or any operation as `contact_lists.share`."""
    mode: Literal["insert", "update", "upsert", "delete", "upload", "replace", "append", "merge"] = "upsert"
    """insert leaves known records alone, update touches only known ones; replace, append and merge are for tables."""
    file: str | None = None
    """File an export is written to; `{date}`, `{date:%Y-%m-%d}`, `{object}`, `{job}` are filled in; `-` is stdout."""
    format: Literal["csv", "tsv", "xlsx", "parquet", "ndjson"] | None = None
    """Only when the ending does not say."""
    delimiter: str | None = None
    encoding: str = "utf-8"
    formula_safe: bool = True
    """Whether cells that a spreadsheet would run as formulas are escaped; imports undo it."""
    unwind: Literal["nested", "json", "separate"] | None = None
    """Nested values: kept, as JSON text, or as tables of their own. By default kept where the format can."""
    database: str | None = None
    """sqlite:///, duckdb:/// or postgresql:// URL an export is written to; `${NAME}` comes from the environment."""
    table: str | None = None
    """Table of the database; the object's name by default."""
    api: Literal["v3", "v2", "v1"] = "v3"
    account: str | None = None
    """Account of bulkreply.toml; by default the environment's."""
    batch: int | None = Field(default=None, ge=1, le=10_000)
    """Records per call, always; without it calls begin with the catalog's size and grow to what the server takes."""

    @model_validator(mode="after")
    def _one_kind(self) -> To:
        if sum(part is not None for part in (self.object, self.procedure, self.file, self.database)) != 1:
            raise ValueError("give exactly one of object, procedure, file, database")
        if (self.procedure or self.file) and "mode" in self.model_fields_set:
            raise ValueError("only objects and databases have a mode")
        tables = self.mode in ("replace", "append", "merge")
        if "mode" in self.model_fields_set and tables != (self.database is not None):
            raise ValueError("insert, update, upsert, delete are for objects; replace, append, merge for databases")
        return self

    @property
    def table_mode(self) -> Literal["replace", "append", "merge"]:
        """How a table of a database is written."""
        return self.mode if self.mode in ("replace", "append", "merge") else "replace"


class Entry(Strict):
    """One correspondence, when a column name alone does not say enough."""

    column: Text | None = None
    value: Text | None = None
    """The same text for every row."""
    expr: str | None = None
    """polars SQL expression over the columns of one row."""
    default: Text | None = None
    """For blank cells."""
    values: dict[Text, Text] | None = None
    """What file values become; `*` stands for any other."""
    as_: str | None = Field(default=None, alias="as")
    """Type to read the cell as; for a new custom field text or number."""
    split: str | None = None
    """What separates several names in one cell."""
    format: str | None = None
    """How dates are written in the file, `%d.%m.%Y`."""
    blank: Literal["keep", "clear"] | None = None
    clear: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Entry:
        if sum(part is not None for part in (self.column, self.value, self.expr)) != 1:
            raise ValueError("give exactly one of column, value, expr")
        return self


class Policy(Strict):
    """What to do when rows are not simple."""

    duplicate: Literal["first", "last", "merge", "error"] = "first"
    """Rows of the input with the same e-mail address (or other natural key)."""
    blank: Literal["keep", "clear"] = "keep"
    """A blank cell leaves the field at Reply alone, or empties it."""
    clear: str = ""
    """Cell text that empties a field at Reply, such as `<clear>`."""
    reject: Annotated[str | int, Field(union_mode="left_to_right")] = "100%"
    """Most rejected rows before the run stops: a number or a share."""
    burst: int = Field(default=20, ge=0)
    """First rows all refused by Reply for the same reason that stop a run of more than 100; 0 for never."""
    ambiguous: Literal["verify", "resend", "hold"] = "verify"
    """A request whose answer was lost: read back, send again if that cannot do harm, or leave as unknown."""
    settle_s: float = Field(default=30.0, ge=0)
    """Seconds a lost request may still be at work at Reply before it is read back."""
    do_not_contact: Literal["skip", "send"] = "skip"
    """People who opted out, bounced or are blacklisted: left out of what reaches them, or not; the report says so."""
    delete: Annotated[str | int | None, Field(union_mode="left_to_right")] = None
    """Most records a delete may take away: a number or a share of what Reply holds. Left out: 25, or 10% if more."""

    @model_validator(mode="after")
    def _share(self) -> Policy:
        self.rejects_allowed(1)
        self.deletes_allowed(1)
        return self

    def deletes_allowed(self, held: int) -> int:
        """Most records that may be deleted of so many, -1 for what cannot be told from them: they were not counted."""
        if self.delete is None:
            return max(FEW_DELETES, held // 10)
        text = str(self.delete).strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = -1.0
        if not 0 <= number <= (100 if text.endswith("%") else 1e12):
            raise ValueError("delete: a number of records or a share such as 25%")
        if not text.endswith("%"):
            return int(number)
        return int(held * number / 100) if held >= 0 else -1

    def rejects_allowed(self, rows: int) -> int:
        """Most rejected rows among `rows`, -1 for any number."""
        text = str(self.reject).strip()
        share = text.removesuffix("%")
        try:
            number = float(share)
        except ValueError:
            raise ValueError("reject: a number of rows or a share such as 5%") from None
        if not 0 <= number < 1e18:  # nor infinite, nor no number at all
            raise ValueError("reject: not below 0, and a number that can be counted to")
        if text.endswith("%"):
            return -1 if number >= 100 else int(rows * number / 100)
        return int(number)


class Sending(Strict):
    """How many people a job may make Reply write to: by enrolling them, by starting sequences, by replying."""

    per_run: int | None = Field(default=None, ge=1)
    """In one execution; resuming it reaches as many again."""
    per_day: int | None = Field(default=None, ge=1)
    """In a UTC day, those that other runs of the account reached included."""


class JobFile(Strict):
    """A job file of bulkreply."""

    job: str
    """Name of the job; its runs are kept under it."""
    from_: From = Field(alias="from")
    to: To
    map: dict[str, Text | Entry] | str = {}
    """Reply field: file column, or more; or the path of a file with the map. Left out: columns called like fields."""
    ignore: list[Text] = []
    """Columns left out on purpose."""
    policy: Policy = Policy()
    sending: Sending = Sending()
    """Caps on how many people Reply writes to because of the job; what is left over is sent when it is resumed."""
    create_missing: list[str] = []
    """What may be created at Reply when the file names it and Reply lacks it: objects, `lists`, `custom_fields`."""
    confirm: bool = False
    """Do not ask before deleting, or before anything that makes Reply write to people."""

    @model_validator(mode="after")
    def _directions(self) -> JobFile:
        reads, writes = self.from_.object is not None, self.to.object is not None or self.to.procedure is not None
        if reads and writes:
            raise ValueError("from an object to an object is a migration, which does not exist yet")
        if not reads and not writes:
            raise ValueError("a file goes to an object or a procedure; an export begins with from: {object: …}")
        return self


class Job(Strict):
    """A job file, read and checked as far as it can be without its input and its account.

    Attributes:
        path: The file, for messages and relative paths.
        fingerprint: Changes with anything the file says.
        content: The file as plain values, its map included; a run keeps it.
        places: Path of keys -> (line, column, file), from 1; a map may stand in a file of its own.
    """

    name: str
    path: Path
    source: From
    target: To
    rules: tuple[Rule, ...]
    ignore: tuple[str, ...]
    policy: Policy
    sending: Sending
    create_missing: tuple[str, ...]
    confirm: bool
    fingerprint: str
    content: dict[str, Any]
    text: str
    places: dict[tuple[str | int, ...], tuple[int, int, str]]

    @property
    def account(self) -> str | None:
        """Account of bulkreply.toml the job names, on whichever side it speaks of Reply."""
        return self.source.account or self.target.account

    @property
    def exports(self) -> bool:
        """Whether it reads Reply and writes files or tables."""
        return self.source.object is not None

    @property
    def folder(self) -> Path:
        """Relative paths of the job start here."""
        return self.path.parent


def rule_of(field: str, entry: str | Entry, policy: Policy) -> Rule:
    """A line of `map:` as a rule."""
    if isinstance(entry, str):
        entry = Entry(column=entry)
    return Rule(
        field=field,
        column=entry.column or "",
        value=entry.value,
        expr=entry.expr or "",
        default=entry.default,
        values=entry.values,
        as_type=entry.as_ or "",
        split=entry.split or "",
        date_format=entry.format or "",
        blank=entry.blank or policy.blank,
        clear=policy.clear if entry.clear is None else entry.clear,
    )
