"""What a run would do to the records at Reply, told without doing it: `plan --compare`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from bulkreply.batching import Batch, batches
from bulkreply.engine.standing import Standing
from bulkreply.errors import UsageProblem
from bulkreply.net.client import Client
from bulkreply.outcomes import Outcome
from bulkreply.plan import Plan
from bulkreply.sinks import ReplySink
from bulkreply.spans import Spans

WORDS = ("created", "changed", "unchanged", "skipped", "rejected")
_RECORDS = 1000
_LEAVES = {Outcome.UNCHANGED: "unchanged", Outcome.SKIPPED: "skipped", Outcome.REJECTED: "rejected"}
Row = tuple[int, int]


async def compare(plan: Plan, client: Client) -> dict[str, int]:
    """Rows by what would become of them, and the calls it took to know: all of them only read.

    A record with values Reply never answers with counts as changed, as the run sends it; so does one to be deleted.

    Raises:
        UsageProblem: The job is a procedure, or about what cannot be looked up.
    """
    target = plan.target
    if target.mode is None or target.spec is None or target.spec.lookup is None:
        raise UsageProblem(f"{target.label} cannot be compared", hint="--compare is for objects found by their key")
    before = client.counts.sent
    made = _Comparison(plan, client)
    await made.run()
    counted = Counter(made.words.values())
    counted["rejected"] += plan.stage.invalid
    return {word: counted[word] for word in WORDS} | {"calls": client.counts.sent - before}


@dataclass(slots=True)
class _Found:
    """A main record: what would become of it, and its id at Reply."""

    word: str
    id: str = ""


class _Comparison:
    """One pass over the staged records. A row's word is that of its main record, unless a later call changes more."""

    def __init__(self, plan: Plan, client: Client) -> None:
        self.words: dict[Row, str] = {}
        self._plan = plan
        self._ids: dict[int, str] = {}
        self._labels = plan.stage.labels()
        self._sink = ReplySink(client, plan.target, self._id_of)
        self._standing = Standing(self._sink)
        self._rows = self._rows_of_stage()

    async def run(self) -> None:
        """Fills `words`."""
        settled = self._plan.duplicates.outcomes
        left = list(self._batches(Spans.of(sorted(settled))))
        main = [batch for batch in left if self._sink.route(batch).main]
        await self._standing.read(main, by_id=True)
        for batch in main:
            for i, position in enumerate(batch.positions):
                found = await self._main(batch, i)
                self._ids[position] = found.id
                self.words[self._rows[position]] = found.word
        for position, (outcome, _, _) in settled.items():
            self.words.setdefault(self._rows[position], _LEAVES[outcome])
        for batch in left:
            if not self._sink.route(batch).main:
                for i in range(len(batch)):
                    await self._later(batch.one(i))

    def _batches(self, done: Spans) -> Iterator[Batch]:
        stage = self._plan.stage
        parts = ((part.first, part.end, lambda part=part: stage.frame(part)) for part in stage.parts)
        return batches(parts, done, lambda group: _RECORDS)

    def _rows_of_stage(self) -> list[Row]:
        """Position -> row."""
        frames = (self._plan.stage.frame(part) for part in self._plan.stage.parts)
        return [row for frame in frames for row in frame.select("file", "row").iter_rows()]

    async def _main(self, batch: Batch, i: int) -> _Found:
        mode = self._plan.target.mode
        assert mode is not None
        verdict = self._standing.verdict(batch, i)
        if self._plan.target.word == "insert" and not mode.only:  # Reply itself tells known records from new ones
            return _Found("skipped" if verdict.id and mode.options.get("skipExisting") else "created", verdict.id)
        if verdict.outcome is not None:
            return _Found(_LEAVES[verdict.outcome], verdict.id)
        if not verdict.id:
            return _Found("created")
        known = self._plan.target.known is not None
        return _Found(await self._sent(replace(batch.one(i), ids=(verdict.id,), known=known)), verdict.id)

    async def _sent(self, batch: Batch) -> str:
        """What sending one record would do, once what a replacement keeps has been read."""
        _, settled = await self._sink.prepare(batch)
        return "changed" if settled is None else _LEAVES[Outcome(settled.outcomes[0])]

    async def _later(self, batch: Batch) -> None:
        """A call that comes after the main one: it changes a row that was unchanged up to there, or does not."""
        row = self._rows[batch.positions[0]]
        if self.words.setdefault(row, "unchanged") != "unchanged":
            return
        filled, unfilled = self._sink.resolve(batch)
        self.words[row] = "changed" if unfilled else await self._sent(filled)

    def _id_of(self, slot: str) -> str | None:
        """The id of the record with a label; what is yet to be created has none."""
        found = self._ids.get(self._labels.get(slot[1:], -1), "") if slot.startswith("#") else ""
        return (found if found.isdigit() else orjson.dumps(found).decode()) if found else None
