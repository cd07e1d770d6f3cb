"""What a plan puts at stake: people Reply may write to because of it, and records that would be gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from bulkreply.job import Job
from bulkreply.lookup import FEW, count_held, crowd
from bulkreply.net.client import Client
from bulkreply.plan.cost import sendable_by_group
from bulkreply.stage import Stage
from bulkreply.targets import Target
from bulkreply.wire.reach import applies, may_send, object_reached, said, sends
from bulkreply.wire.route import route_of

MANY_CROWDS = 20
"""Sequences and the like whose people are not counted for a plan any more: a call each."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a person agrees to.

    Attributes:
        people: How many people Reply may write to because of it, at most; -1 when that was not counted.
        deletes: Records that would be deleted, at most.
        held: Records that Reply holds of that kind, -1 when they were not counted.
        refusal: Why it is not done whoever agrees, "" when nothing stands against it.
        hint: How to go on then.
        anyway: Whether people who must not be written to are reached all the same.
        reads: Calls that find out who those are, by operation label.
    """

    people: int = 0
    deletes: int = 0
    held: int = -1
    refusal: str = ""
    hint: str = ""
    anyway: bool = False
    reads: tuple[tuple[str, int], ...] = ()

    def as_words(self) -> dict[str, Any]:
        """For `plan --json`."""
        return {"reached": self.people, "deletes": self.deletes, "held": self.held, "refusal": self.refusal}


NOTHING = Stakes()


async def stakes_of(job: Job, target: Target, stage: Stage, client: Client | None) -> Stakes:
    """Counts what is at stake; Reply is asked only where the answer matters."""
    anyway = job.policy.do_not_contact == "send" and target.reaches
    people = await _people(target, stage, client)
    reads = () if anyway else tuple(_reads(target, stage).items())
    if not target.deletes:
        return Stakes(people, anyway=anyway, reads=reads)
    held = -1
    if stage.sendable > job.policy.deletes_allowed(0) and client is not None:
        spec = target.spec_of(target.operation)
        held = await count_held(client, spec, set(_column(stage, "key")))
    allowed = job.policy.deletes_allowed(held)
    if stage.sendable <= allowed or client is None:
        return Stakes(people, stage.sendable, held, anyway=anyway, reads=reads)
    of = f" of the {held:,} there are" if held >= 0 else ", and how many there are cannot be counted"
    words = f"{target.label}: {stage.sendable:,} records would be gone{of}; the job allows {max(0, allowed):,}"
    share = f"{min(100, -(-100 * stage.sendable // held))}%" if held > 0 else str(stage.sendable)
    hint = f"`policy: {{delete: {share}}}` in the job allows them, beside --yes or `confirm: true`"
    return Stakes(people, stage.sendable, held, words, hint, anyway, reads)


async def _people(target: Target, stage: Stage, client: Client | None) -> int:
    found = 0
    for group, count in sendable_by_group(stage).items():
        route = route_of(group, target)
        operation = route.operation
        if not may_send(operation) or not sends(operation, said(operation, route)):
            continue
        reach = operation.reach
        if reach is None or not reach.crowd:
            found += count
            continue
        if client is None or count > MANY_CROWDS:
            return -1
        rows = _rows(stage, group)
        values = [said(operation, route, body, address) for body, address in rows.select("body", "address").iter_rows()]
        for who in dict.fromkeys(str(one[reach.who]) for one in values if reach.who in one):
            found += await crowd(client, reach, who)
    return found


def _reads(target: Target, stage: Stage) -> dict[str, int]:
    """What it takes to know who must not be written to, as far as groups tell whom they reach."""
    calls: dict[str, int] = {}
    for group, count in sendable_by_group(stage).items():
        route = route_of(group, target)
        reach = route.operation.reach
        if reach is None or reach.crowd or not applies(reach, said(route.operation, route)):
            continue
        if reach.new and target.mode is not None and target.mode.only == "known":
            continue
        spec = object_reached(target.catalog, reach, route.spec)
        signs = spec.signs_for(reach)
        calls |= dict.fromkeys((label for sign in signs for label in (sign.rules, sign.unless) if label), 1)
        if reach.new or spec.lookup is None:
            continue
        sweep, one = spec.operations[spec.lookup.sweep], spec.operations.get("get")
        label = one.label if one is not None and count <= FEW else sweep.label
        needed = count if one is not None and count <= FEW else 1 + count // max(1, sweep.paging.page_max or 1000)
        calls[label] = max(calls.get(label, 0), needed)
    return calls


def _rows(stage: Stage, group: str) -> pl.DataFrame:
    frames = [stage.frame(part).filter(pl.col("group") == group) for part in stage.parts]
    return pl.concat(frames)


def _column(stage: Stage, name: str) -> list[str]:
    return [value for part in stage.parts for value in stage.frame(part)[name].to_list()]
