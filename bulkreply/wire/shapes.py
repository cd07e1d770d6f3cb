"""How each shape of answer settles the records of a call (conventions.md 6, 7)."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from bulkreply.catalog.model import Operation
from bulkreply.outcomes import Outcome
from bulkreply.wire.agreement import other_count, other_records, other_totals, same_record_twice
from bulkreply.wire.answer import Answer, Failure, Settled, WrongShape, identity_of, removes

_PAGE = (b"<html", b"<!doctype", b"<!--", b"<head", b"<?xml")
_ITEM_WORDS = {
    "created": Outcome.CREATED,
    "added": Outcome.CREATED,
    "updated": Outcome.UPDATED,
    "unchanged": Outcome.UNCHANGED,
    "skipped": Outcome.SKIPPED,
    "failed": Outcome.REJECTED,
}
_ID_AND_STATUS = itemgetter("id", "status")
_TAKEN = {word: one for word, one in _ITEM_WORDS.items() if one in (Outcome.CREATED, Outcome.UPDATED)}


def settle(
    operation: Operation,
    success: Outcome,
    answer: Answer,
    elements: Sequence[str],
    key: str,
    may_create: bool = True,
    names: Sequence[str] = (),
) -> Settled:
    """Outcomes of the records of a call that was answered with 2xx.

    Args:
        success: What a record that was taken became, unless the answer says more.
        elements: JSON text of each record, or of each id.
        key: Field of an answered record that holds its id.
        may_create: Whether a 201 says that there was no such record; some updates are answered so too.
        names: Fields that say which record is meant, for results that repeat them.

    Raises:
        WrongShape: The answer does not account for every record, or contradicts itself.
    """
    if operation.result in ("none", "blind", "job"):
        if answer.body.lstrip()[:9].lower().startswith(_PAGE):  # nobody knows whether it came from behind that page
            raise WrongShape(f"{operation.label}: the answer is a page of HTML")
        return Settled.all(len(elements), success)
    try:
        content = answer.json()
    except ValueError:
        if operation.reads and not answer.body.lstrip().startswith(b"<"):  # CSV text, not somebody's sign-in page
            return Settled.all(len(elements), success)
        raise WrongShape(f"{operation.label}: the answer is not JSON") from None
    if operation.result == "positional":
        return _positional(operation, content, elements, success, names)
    if operation.result == "failed_by_id":
        if content is None and answer.body.strip():
            raise WrongShape(f"{operation.label}: the answer is null")
        return _failed_by_id(operation, content, [_plain(one) for one in elements], success)
    if operation.result == "counts":
        return _counts(operation, content, [_plain(one) for one in elements], success)
    settled = Settled.all(len(elements), success)
    if len(elements) == 1 and isinstance(content, dict):
        _identify(settled, 0, content.get(key))
        created = may_create and answer.status == 201 and success is Outcome.UPDATED
        settled.outcomes[0] = Outcome.CREATED if created else success
    if makes_one(operation) and not (settled.ids[0] or settled.texts):
        raise WrongShape(f"{operation.label}: the answer carries no {key}")
    return settled


def makes_one(operation: Operation) -> bool:
    """Whether a call makes one record, whose id its answer must tell."""
    return operation.carries == "record" and operation.batch is None and operation.method == "POST"


def _plain(element: str) -> str:
    return element.strip('"')


def _positional(
    operation: Operation, content: Any, elements: Sequence[str], success: Outcome, names: Sequence[str]
) -> Settled:
    count, said = len(elements), list[Outcome]()
    items = content.get(operation.result_at) if operation.result_at and isinstance(content, dict) else content
    if not isinstance(items, list) or len(items) != count:
        raise WrongShape(f"{operation.label}: the answer does not hold one result per record")
    if (taken := _all_taken(items)) is not None:
        wrong = other_totals(content, taken.outcomes) or other_records(items, elements, names)
        _refuse(operation, wrong or same_record_twice(taken.outcomes, taken.ids, {}))
        return taken
    settled = Settled.all(count, success)
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise WrongShape(f"{operation.label}: result {i} is not an object")
        found, status, error = item.get("id"), item.get("status"), item.get("error")
        identified = _identify(settled, i, found)
        outcome = _ITEM_WORDS.get(str(status).lower()) if status is not None else None
        said += [] if outcome is None else [outcome]
        if status is not None and outcome is None:
            raise WrongShape(f"{operation.label}: result {i} has an unknown status")
        if outcome is None:  # an id without an error is a success
            if "id" not in item and error is None:
                raise WrongShape(f"{operation.label}: result {i} says neither id nor error")
            outcome = Outcome.REJECTED if found is None or error is not None else success
        if outcome in (Outcome.CREATED, Outcome.UPDATED) and not identified:
            raise WrongShape(f"{operation.label}: result {i} succeeded without an id")
        settled.outcomes[i] = outcome
        if outcome in (Outcome.REJECTED, Outcome.SKIPPED):
            _fail(operation, settled, i, item.get("skipReason") or error, item.get("errorDetails"), outcome)
    wrong = other_totals(content, said) or other_records(items, elements, names)
    _refuse(operation, wrong or same_record_twice(settled.outcomes, settled.ids, settled.texts))
    return settled


def _all_taken(items: Sequence[Any]) -> Settled | None:
    """The usual answer, read as columns: every record taken, each with a number for an id; None for any other."""
    try:
        ids, words = zip(*map(_ID_AND_STATUS, items), strict=True)
        outcomes = bytearray(map(_TAKEN.__getitem__, words))
        settled = Settled(outcomes, array("q", ids))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return settled if set(map(type, ids)) == {int} and min(ids) > 0 else None


def _refuse(operation: Operation, wrong: str) -> None:
    """Raises what is wrong with an answer, if anything is."""
    if wrong:
        raise WrongShape(f"{operation.label}: {wrong}")


def _identify(settled: Settled, i: int, found: Any) -> bool:
    """Notes the id of a record; whether it is one."""
    identity = identity_of(found)
    if isinstance(identity, str):
        settled.texts[i] = identity
    elif identity is not None:
        settled.ids[i] = identity
    return identity is not None


def _fail(operation: Operation, settled: Settled, i: int, error: Any, details: Any, outcome: Outcome) -> None:
    """A record that was not taken; some refusals say that it is as wanted already."""
    failure = _failure(operation, error, details, outcome)
    settled.failures[i] = failure
    settled.outcomes[i] = outcome_of_refusal(operation, failure.code, outcome)


def outcome_of_refusal(operation: Operation, code: str, outcome: Outcome = Outcome.REJECTED) -> Outcome:
    """What a refused record became: some refusals say that it is as wanted already, or not there any more."""
    word = code.rpartition(".")[2].lower()
    if word in {one.lower() for one in operation.already}:
        return Outcome.UNCHANGED
    if outcome is Outcome.REJECTED and removes(operation) and word.endswith(("notfound", "notinsequence", "notlinked")):
        return Outcome.SKIPPED
    return outcome


def _failed_by_id(operation: Operation, content: Any, ids: Sequence[str], success: Outcome) -> Settled:
    content = {} if content is None or content == "" else content
    if isinstance(content, dict) and operation.result_at in content:
        failed, added = content[operation.result_at], content.get(operation.added_at)
        content = {} if failed is None else failed
        if operation.added_at and isinstance(added, list) and isinstance(content, dict):
            taken = {str(one) for one in added}
            lost = sum((one in content) == (one in taken) for one in ids)
            if lost:
                raise WrongShape(f"{operation.label}: the answer does not say what became of {lost} records")
            if len(taken) < len(added) or not taken <= set(ids):
                raise WrongShape(f"{operation.label}: the answer names records that were not sent")
    if not isinstance(content, dict) or not set(content) <= set(ids):
        raise WrongShape(f"{operation.label}: the answer names records that were not sent")
    settled = Settled.all(len(ids), success)
    for i, one in enumerate(ids):
        _identify(settled, i, one)
        if one in content:
            failed = content[one]
            if failed is None:
                raise WrongShape(f"{operation.label}: the answer names a record without a reason")
            entry = failed if isinstance(failed, dict) else {"error": failed}
            _fail(operation, settled, i, entry.get("error"), entry.get("errorDetails"), Outcome.REJECTED)
    return settled


def _counts(operation: Operation, content: Any, ids: Sequence[str], success: Outcome) -> Settled:
    """Ids that were taken, and totals of the others; a reason is known when only one total counts them."""
    if not isinstance(content, dict):
        raise WrongShape(f"{operation.label}: the answer is not an object")
    settled = Settled.all(len(ids), success)
    if not operation.result_at:
        return _totals(operation, content, settled)
    taken = content.get(operation.result_at)
    if not isinstance(taken, list) or not {str(one) for one in taken} <= set(ids):
        raise WrongShape(f"{operation.label}: the answer does not list the records it took")
    _refuse(operation, other_count(content, taken, len(ids)))
    done = {str(one) for one in taken}
    reasons = [n for n, v in content.items() if type(v) is int and v and n not in ("requested", "removed")]
    code = reasons[0] if len(reasons) == 1 else "notTaken"
    for i, one in enumerate(ids):
        _identify(settled, i, one)
        if one not in done:
            settled.failures[i] = Failure(f"reply.{code}", "" if len(reasons) == 1 else ", ".join(reasons))
            settled.outcomes[i] = Outcome.SKIPPED if removes(operation) else Outcome.REJECTED
    return settled


def _totals(operation: Operation, content: Mapping[str, Any], settled: Settled) -> Settled:
    """Only totals: when some records failed, nobody can say which."""
    numbers = {n.lower(): v for n, v in content.items() if isinstance(v, int)}
    skipped = sum(v for n, v in numbers.items() if "skip" in n)
    failed, count = skipped + sum(v for n, v in numbers.items() if "error" in n), len(settled.outcomes)
    if not failed:
        return settled
    if failed != count or 0 < skipped < count:
        words = f"{failed} of {count} records were not taken, and Reply does not say which"
        return Settled.all(count, Outcome.UNKNOWN, Failure("reply.counts", words))
    return Settled.all(count, Outcome.SKIPPED if skipped else Outcome.REJECTED, Failure("reply.counts", "not taken"))


def _failure(operation: Operation, error: Any, details: Any, outcome: Outcome) -> Failure:
    """Numbers mean different things per family: they are decoded with the operation's own table only."""
    code = operation.errors.get(str(error), str(error)) if error is not None else ""
    if not code:
        code = "exists" if outcome is Outcome.SKIPPED else "failed"
    if " " in code:  # import items answer free text
        return Failure("reply." + ("skipped" if outcome is Outcome.SKIPPED else "failed"), code)
    return Failure("reply." + code, str(details or ""))


def job_of(location: str, body: bytes) -> str:
    """The id of a background job, from the body or else the Location header (conventions.md 9)."""
    try:
        content = orjson.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict) and content.get("jobId"):
        return str(content["jobId"])
    return location.rstrip("/").rpartition("/")[2]
