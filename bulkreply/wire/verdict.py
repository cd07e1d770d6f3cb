"""The one table (operation, status, body) -> what to do next. Unlisted answers to a write are never retried."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Literal

from bulkreply.catalog import Api, Operation
from bulkreply.wire.answer import Answer, Failure, removes
from bulkreply.wire.refusal import Refusal, refusal


class Verdict(Enum):
    """What to do with an answer."""

    DONE = "decode it"
    FOLLOW = "a background job does the work: follow it"
    WAIT = "not executed, the quota says no: wait, then send the same again; costs no attempt"
    RETRY = "not executed, or harmless to repeat: send again after a pause"
    SPLIT = "refused as a whole: send the halves"
    VERIFY = "perhaps executed: read back before anything is sent again"
    REJECT = "the records named are refused for good; the others go again"
    STOP = "nothing of this kind will be taken: stop the run"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reasons.

    Attributes:
        wait_s: For WAIT, how long; negative when the server named no time.
        failures: For REJECT, index of a record -> why. All records when the call carries one.
        stop: For STOP, what kind: `key` is not accepted, `right` is lacking, `plan` is full, `server` is no use.
        oversized: For SPLIT, whether the size of the call was the reason.
        shared: For REJECT, whether it is about what all records of the call have in common.
        ambiguous: For RETRY, whether it may have been executed.
    """

    verdict: Verdict
    reason: str = ""
    wait_s: float = -1.0
    failures: dict[int, Failure] = field(default_factory=dict)
    stop: Literal["", "key", "right", "plan", "server"] = ""
    oversized: bool = False
    shared: bool = False
    ambiguous: bool = False


_KEY_CODES = {"team_required", "team_not_accessible", "user_required", "user_not_found", "insufficient_scope"}
_SIZE_WORDS = re.compile(r"too (?:many|large|big|long)|exceed|at most|maximum|payload", re.IGNORECASE)
_PLAN_CODES = {"contact.limitexceeded", "contactlimitexceeded"}
_TAKEN = Judgement(Verdict.DONE)
_NOT_REFUSED = Refusal("", "")


@dataclass(slots=True)
class _Case:
    """What the rows of the table look at."""

    operation: Operation
    api: Api
    answer: Answer
    refusal: Refusal
    count: int

    @property
    def repeatable(self) -> bool:
        return self.operation.reads or (self.operation.repeat == "safe" and not self.operation.sends)

    @property
    def throttled_in_disguise(self) -> bool:
        text = self.answer.body[:300].decode("utf-8", "replace")
        return bool(self.api.throttle_text and re.search(self.api.throttle_text, text, re.IGNORECASE))

    @property
    def about_size(self) -> bool:
        return self.count > 1 and bool(_SIZE_WORDS.search(" ".join((self.refusal.message, *self.refusal.whole))))


def _retry_or_verify(case: _Case) -> Judgement:
    verdict = Verdict.RETRY if case.repeatable else Verdict.VERIFY
    return Judgement(verdict, case.answer.detail or f"status {case.answer.status}", ambiguous=True)


def _wait(case: _Case) -> Judgement:
    return Judgement(Verdict.WAIT, "quota", wait_s=retry_after_s(case.answer))


def _split(case: _Case) -> Judgement:
    if case.count == 1:
        return _alone(case)
    if case.operation.final:  # a half of it might be taken, and that cannot be undone
        return _target(case)
    return Judgement(Verdict.SPLIT, case.refusal.message)


def _oversized(case: _Case) -> Judgement:
    if case.count == 1:
        return _alone(case)
    return Judgement(Verdict.SPLIT, case.refusal.message or "too large", oversized=True)


def _alone(case: _Case) -> Judgement:
    """The call carries one record, so the refusal is about it."""
    code = f"reply.{case.refusal.code}" if case.refusal.code else f"reply.{case.answer.status}"
    words = "; ".join(filter(None, (case.refusal.message, *case.refusal.whole)))
    named = case.refusal.failures.get(0)
    return Judgement(Verdict.REJECT, words, failures={0: named or Failure(code, words)})


def _named(case: _Case) -> Judgement:
    if max(case.refusal.failures) >= case.count:
        return _split(case)
    return Judgement(Verdict.REJECT, case.refusal.message, failures=dict(case.refusal.failures))


def _target(case: _Case) -> Judgement:
    """The refusal is about what all records of the call have in common: dividing it would not help."""
    words = "; ".join(filter(None, (case.refusal.message, *case.refusal.whole)))
    code = f"reply.{case.refusal.code}" if case.refusal.code else f"reply.{case.answer.status}"
    return Judgement(
        Verdict.REJECT, words, failures=dict.fromkeys(range(case.count), Failure(code, words)), shared=True
    )


def _about_target(case: _Case) -> bool:
    """Whether a call on many records was refused for its target: one is named in the path, and the code is a word."""
    named = bool(case.operation.parameters) and case.operation.batch is not None
    if not named or case.answer.status not in (400, 403, 404, 409, 422):
        return False
    return case.answer.status == 404 or ("." in case.refusal.code and not case.about_size)


def _perhaps_unsupported(case: _Case) -> bool:
    """A call nobody has seen (mark guess) that Reply knows no path for: not a missing record, a missing feature."""
    return case.operation.mark == "guess" and case.answer.status == 404 and not case.refusal.code


def _stop(kind: Literal["key", "right", "plan", "server"]) -> Callable[[_Case], Judgement]:
    def judge(case: _Case) -> Judgement:
        words = " ".join(filter(None, (case.refusal.code, case.refusal.message))) or "no reason given"
        return Judgement(Verdict.STOP, f"status {case.answer.status}: {words}", stop=kind)

    return judge


def _gone(case: _Case) -> Judgement:
    """A record that is not there: for a delete that is what was wanted."""
    if removes(case.operation):
        return Judgement(Verdict.DONE, "already gone")
    return _alone(case)


_Row = tuple[str, Callable[[_Case], bool], Callable[[_Case], Judgement]]

TABLE: tuple[_Row, ...] = (
    (
        "nothing left the machine",
        lambda c: c.answer.silence == "unsent",
        lambda c: Judgement(Verdict.RETRY, c.answer.detail),
    ),
    ("no answer came", lambda c: c.answer.silence == "lost", _retry_or_verify),
    ("accepted for later", lambda c: c.answer.status == 202, lambda c: Judgement(Verdict.FOLLOW)),
    ("done", lambda c: c.answer.ok, lambda c: _TAKEN),
    ("redirect", lambda c: 300 <= c.answer.status < 400, _stop("server")),
    ("throttled", lambda c: c.answer.status == 429, _wait),
    ("throttled in disguise", lambda c: c.answer.status == 400 and c.throttled_in_disguise, _wait),
    ("key refused", lambda c: c.answer.status == 401, _stop("key")),
    ("not supported", _perhaps_unsupported, lambda c: _stop("server")(c)),
    ("target refused", _about_target, _target),
    ("key may not", lambda c: c.answer.status == 403 and _lacks_right(c), _stop("right")),
    ("record forbidden", lambda c: c.answer.status == 403, _split),
    ("plan is full", lambda c: c.refusal.code.lower() in _PLAN_CODES, _stop("plan")),
    ("too large", lambda c: c.answer.status == 413, _oversized),
    ("records named", lambda c: c.answer.status in (400, 422) and bool(c.refusal.failures), _named),
    ("too many records", lambda c: c.answer.status in (400, 422) and c.about_size, _oversized),
    ("refused as a whole", lambda c: c.answer.status in (400, 409, 422), _split),
    ("record not found", lambda c: c.answer.status == 404 and _on_one_record(c), _gone),
    ("no such thing here", lambda c: c.answer.status in (404, 405, 406, 410, 415, 421, 426, 501), _stop("server")),
    ("server busy or broken", lambda c: c.answer.status in (408, 425) or c.answer.status >= 500, _retry_or_verify),
)


def _lacks_right(case: _Case) -> bool:
    words = f"{case.refusal.code} {case.refusal.message}".lower()
    return case.operation.batch is not None or case.operation.reads or any(code in words for code in _KEY_CODES)


def _on_one_record(case: _Case) -> bool:
    """Whether a 404 is about a record: one named in the path, or one that is asked for; lists are always there."""
    operation, refusal = case.operation, case.refusal
    if operation.batch is not None:
        return False
    if operation.parameters:
        return True
    if operation.reads:
        return not operation.lists and (bool(refusal.code) or operation.api != "v3")
    return bool(operation.inputs) and (bool(refusal.code or refusal.message) or operation.api != "v3")


def judge(operation: Operation, api: Api, answer: Answer, count: int) -> Judgement:
    """What to do with an answer to a call that carried `count` records."""
    said = _NOT_REFUSED if answer.ok else refusal(answer, alone=operation.batch is None)
    case = _Case(operation, api, answer, said, count)
    for _, applies, decide in TABLE:
        if applies(case):
            return decide(case)
    return _stop("server")(case)


def retry_after_s(answer: Answer) -> float:
    """Seconds of a `Retry-After` in either form (a date is measured against the answer's own `Date`), -1 if none."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return min(float(text), 86_400.0)
    try:
        later = parsedate_to_datetime(text)
        sent = parsedate_to_datetime(answer.headers.get("date", ""))
        return min(max(0.0, (later - sent).total_seconds()), 86_400.0)
    except (TypeError, ValueError):
        return -1.0
