"""For modes that touch only records Reply knows, or only those it does not: looks the keys up, settles the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bulkreply.batching import Batch
from bulkreply.engine.recording import Recorder
from bulkreply.lookup import find
from bulkreply.outcomes import Outcome
from bulkreply.sinks import ReplySink
from bulkreply.spans import Spans
from bulkreply.wire.answer import Failure


async def admit(work: Iterable[Batch], sink: ReplySink, recorder: Recorder) -> tuple[Spans, Mapping[str, int]]:
    """Settles the records that the mode leaves alone.

    Args:
        work: All records not yet done.

    Returns:
        The positions settled, and the Reply id of every key that is left when only known records are touched.
    """
    only = sink.mode.only
    if not only:
        return Spans(), {}
    batches = list(work)
    found = await find(sink.client, sink.spec, {key for batch in batches for key in batch.keys})
    ids = {key: int(records[0][sink.spec.key]) for key, records in found.items()}
    outcome, failure = _left_alone(sink)
    settled = Spans()
    for batch in batches:
        out = batch.only([i for i, key in enumerate(batch.keys) if (key in ids) != (only == "known")])
        if len(out):
            await recorder.settle_unsent(out, outcome, failure)
            settled |= out.spans
    return settled, ids if only == "known" else {}


def _left_alone(sink: ReplySink) -> tuple[Outcome, Failure]:
    if sink.mode.only == "unknown":
        return Outcome.SKIPPED, Failure("reply.exists", "Reply has it already")
    if sink.mode.outcome == Outcome.DELETED.word:
        return Outcome.SKIPPED, Failure("reply.notFound", "Reply does not have it")
    return Outcome.REJECTED, Failure("reply.notFound", "Reply does not have it; mode upsert would create it")
