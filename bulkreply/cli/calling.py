"""`call`: one procedure, or any operation of the catalog, from the shell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from bulkreply.accounts import load_account
from bulkreply.calling import Called, call, records, target_of
from bulkreply.cli.options import Common
from bulkreply.cli.setup import catalog_of, patience_of
from bulkreply.cli.show import data, emit, talk
from bulkreply.cli.working import run_work
from bulkreply.errors import UsageProblem
from bulkreply.net.opening import open_client
from bulkreply.targets import Target


def call_procedure(name: str, api: str, words: Sequence[str], common: Common, *, yes: bool, everybody: bool) -> int:
    """Calls it and says what became of it; exit code 3 when something was not taken."""
    target = target_of(catalog_of(common), name, api)
    given = given_values(words)
    if not yes and target.danger:
        raise UsageProblem(f"{target.name} {target.danger}", hint="say --yes to go ahead")
    if everybody and not yes:
        raise UsageProblem("--do-not-contact send reaches people who must not be written to", hint="say --yes as well")
    return run_work(_work(target, given, common, yes=yes, everybody=everybody))


async def _work(target: Target, given: dict[str, Any], common: Common, *, yes: bool, everybody: bool) -> int:
    account = load_account(common.account, Path(), base_url=common.base_url, limits=common.limits)
    async with open_client(account, catalog_of(common), patience=patience_of(common)) as client:
        if target.operation.lists and len(target.cases) == 1:
            found = [record async for record in records(client, target.operation, given)]
            _show_records(found, common)
            return 0
        called = await call(client, target, given, agreed=yes, everybody=everybody)
    _show(target, called, common)
    return 0 if all(one.outcome in ("called", "unchanged", "skipped", "deleted") for one in called) else 3


def _show_records(found: list[dict[str, Any]], common: Common) -> None:
    if common.as_json:
        emit(found)
        return
    for record in found:
        data.print(orjson.dumps(record).decode(), markup=False)
    talk.print(f"{len(found):,} records")


def _show(target: Target, called: list[Called], common: Common) -> None:
    if common.as_json:
        emit([asdict(one) for one in called])
        return
    counts = Counter(one.outcome for one in called)
    talk.print(f"{target.name}: " + " · ".join(f"{word} {count:,}" for word, count in counts.items()))
    shown = set[str]()
    for one in called:
        if one.code or one.message:
            talk.print(f"  {one.about}: {one.code} {one.message}".rstrip(), markup=False)
        text = orjson.dumps(one.answer, option=orjson.OPT_INDENT_2).decode() if one.answer else ""
        if text and text not in shown:
            shown.add(text)
            data.print(text, markup=False)


def given_values(words: Sequence[str]) -> dict[str, Any]:
    """`--sequence-id 5 --contact-ids 1 --contact-ids 2` as values; what is given twice becomes a list.

    Raises:
        UsageProblem: A word stands where an option is expected, or an option has no value.
    """
    found: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise UsageProblem(f"{word!r} is no parameter", hint="write --sequence-id 5")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not left:
                raise UsageProblem(f"--{name} has no value")
            value = left.pop(0)
        if name in found:
            before = found[name] if isinstance(found[name], list) else [found[name]]
            found[name] = [*before, value]
        else:
            found[name] = value
    return found
