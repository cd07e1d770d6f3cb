"""Answers as plain values, and what became of the records of a call."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from bulkreply.catalog.model import Operation
from bulkreply.outcomes import Outcome

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status, 0 when there was no usable answer.
        headers: Asked for by names in lower case.
        silence: Why there is no answer: `unsent` = no byte of the request left, `lost` = it may have been executed.
        detail: What the network said, without URL, key or address.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    silence: Literal["", "unsent", "lost"] = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; the exact number means little (README of reply-api, v3.empty_action)."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body, None when empty.

        Raises:
            ValueError: The body is not JSON.
        """
        return orjson.loads(self.body.removeprefix(_MARK)) if self.body.removeprefix(_MARK).strip() else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one record was not taken: Reply's own word, and its sentence."""

    code: str
    message: str = ""
    field: str = ""


@dataclass(slots=True)
class Settled:
    """Outcomes of the records of one call, as columns.

    Attributes:
        outcomes: One Outcome per record.
        ids: Reply id per record, 0 when unknown or no number.
        texts: Index of a record -> its Reply id, where ids are no numbers.
        failures: Index of a record -> why it was skipped, rejected or unknown.
    """

    outcomes: bytearray
    ids: array[int]
    failures: dict[int, Failure] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def all(cls, count: int, outcome: Outcome, failure: Failure | None = None) -> Settled:
        """The same outcome for every record."""
        made = cls(bytearray([outcome]) * count, array("q", bytes(8 * count)))
        if failure is not None:
            made.failures = dict.fromkeys(range(count), failure)
        return made

    @classmethod
    def plainly(cls, parts: Sequence[Settled]) -> Settled:
        """Records of several calls together, none of which failed."""
        made = cls(bytearray().join(part.outcomes for part in parts), array("q"))
        for part in parts:
            made.texts |= {len(made.ids) + i: text for i, text in part.texts.items()}
            made.ids += part.ids
        return made

    def only(self, indexes: Sequence[int]) -> Settled:
        """Some of its records, by index."""
        made = Settled(bytearray(self.outcomes[i] for i in indexes), array("q", [self.ids[i] for i in indexes]))
        for place, i in enumerate(indexes):
            if i in self.failures:
                made.failures[place] = self.failures[i]
            if i in self.texts:
                made.texts[place] = self.texts[i]
        return made

    def claimed(self, success: Outcome, gone: bool) -> Settled:
        """The same when an earlier try of the call may have been executed: what is as wanted already is its work.

        Args:
            gone: Whether the call takes records away, so that those that are not there are as wanted.
        """
        wanted = (Outcome.UNCHANGED, Outcome.SKIPPED) if gone else (Outcome.UNCHANGED,)
        ours = {i for i in self.failures if self.outcomes[i] in wanted}
        outcomes = bytearray(success if i in ours else outcome for i, outcome in enumerate(self.outcomes))
        failures = {i: failure for i, failure in self.failures.items() if i not in ours}
        return Settled(outcomes, self.ids, failures, self.texts)


def in_doubt(count: int, reason: str = "") -> Settled:
    """Records that were sent and may have been taken, or not.

    Args:
        reason: What was wrong with the answer, `wire: …`; anything else says that none came.
    """
    words = "sent, and whether Reply took it is not known: look for it there"
    words = f"{reason}; {words}" if reason.startswith("wire: ") else words
    return Settled.all(count, Outcome.UNKNOWN, Failure("answer.lost", words))


class WrongShape(ValueError):
    """An answer that does not say what became of every record: the whole call is ambiguous."""


def identity_of(found: Any) -> int | str | None:
    """An id of Reply: a number above 0, which may come as digits, or a UUID (conventions.md 11); None for all else."""
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 19:
        found = int(found)
    if isinstance(found, str):
        return found or None
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**63 else None


def removes(operation: Operation) -> bool:
    """Whether it takes records or links away."""
    path = operation.path
    return operation.method == "DELETE" or path.endswith(("bulk-delete", "/remove")) or "/removeperson" in path
