"""Looks up what Reply holds where that decides about rows: modes for known or unknown records only, upserts of two
operations, updates by name. Rows it leaves alone are settled here; the others learn their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bulkreply.batching import Batch
from bulkreply.engine.recording import Recorder
from bulkreply.engine.standing import Standing, Verdict
from bulkreply.mapping import ID_MARK
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.spans import Spans
from bulkreply.wire.answer import Settled


class Admission:
    """What is known of the records of a run before they are sent."""

    def __init__(self, sink: ReplySink, recorder: Recorder) -> None:
        self._sink = sink
        self._recorder = recorder
        self._target = sink.target
        self._ids: dict[str, list[str]] = {}
        self._standing = Standing(sink)

    @property
    def asks(self) -> bool:
        """Whether Reply has to be asked at all."""
        mode, spec = self._target.mode, self._target.spec
        return mode is not None and spec is not None and bool(spec.lookup) and bool(mode.only or mode.known)

    async def open(self, work: Iterable[Batch], begun: Spans) -> Spans:
        """Looks all keys up and settles the records that are left alone.

        Args:
            work: All records not yet settled.
            begun: Positions whose call was begun by an earlier process: what Reply holds of them may be our own doing.

        Returns:
            The positions settled.
        """
        spec = self._target.spec
        if not self.asks or spec is None:
            return Spans()
        batches = [batch for batch in work if self._sink.route(batch).main]
        await self._standing.read(batches)
        self._ids = {key: [str(one[spec.key]) for one in records] for key, records in self._standing.found.items()}
        settled = Spans()
        for batch in batches:
            said = {i: self._standing.verdict(batch, i) for i, at in enumerate(batch.positions) if at not in begun}
            verdicts = {i: verdict for i, verdict in said.items() if verdict.outcome is not None}
            if verdicts:
                left = batch.only(list(verdicts))
                await self._recorder.replace(0, left, _settled(list(verdicts.values())))
                settled |= left.spans
        return settled

    def prepare(self, batch: Batch) -> list[Batch]:
        """The batch with the ids of its records, divided where known and unknown ones travel differently."""
        if batch.ids or not self._sink.route(batch).main or self._target.mode is None:
            return [batch]
        if not self._ids and self._target.known is None and ID_MARK not in "".join(batch.keys):
            return [batch]
        ids = tuple(self._id(key) for key in batch.keys)
        if self._target.known is None:
            return [replace(batch, ids=ids) if any(ids) else batch]
        known = [i for i, one in enumerate(ids) if one]
        unknown = [i for i, one in enumerate(ids) if not one]
        size = self._target.known.batch.max if self._target.known.batch else 1
        whole = replace(batch, ids=ids)
        parts = [known[first : first + size] for first in range(0, len(known), size)]
        made = [replace(whole.only(part), known=True) for part in parts]
        fresh = batch.only(unknown)
        if self._target.operation.batch is None:
            return made + [fresh.one(i) for i in range(len(fresh))]
        return made + ([fresh] if len(fresh) else [])

    def _id(self, key: str) -> str:
        if key.startswith(ID_MARK):
            return key[1:]
        found = self._ids.get(key, [])
        return found[0] if found else ""


def _settled(verdicts: Sequence[Verdict]) -> Settled:
    """Outcomes of records that are not sent."""
    settled = Settled.all(len(verdicts), Outcome.SKIPPED)
    for i, verdict in enumerate(verdicts):
        settled.outcomes[i] = verdict.outcome or Outcome.SKIPPED
        if verdict.failure is not None:
            settled.failures[i] = verdict.failure
        if verdict.id.isdigit():
            settled.ids[i] = int(verdict.id)
        elif verdict.id:
            settled.texts[i] = verdict.id
    return settled
