"""When input or job changed under an unfinished run: what the old run settled is not sent again as it stands."""

from __future__ import annotations

from array import array

import polars as pl

from bulkreply.engine import Identities
from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.runs import RunFolder
from bulkreply.slots import fill
from bulkreply.spans import Spans
from bulkreply.stage import Stage
from bulkreply.wire.answer import Settled

_SAME = ["key", "group", "body", "nth"]
"""What two records that mean the same agree in; `nth` tells twins apart."""


def carry_over(old_run: RunFolder, stage: Stage, ledger: Ledger) -> None:
    """Settles, in a new ledger, records that the old run settled well with the same key, group and content.

    Records the old run left in doubt are in doubt here too, so that they are read back before they are sent.
    """
    old_stage = Stage.load(old_run.stage_folder)
    if old_stage is None:
        return
    old = Ledger.open(old_run.ledger_path)
    try:
        known = Identities(old_stage.labels(), {})
        known.recall(old)
        settled = _settled(old, old_stage, known)
        begun = [(entry.at_s, entry.attempt, entry.positions) for entry in old.open_entries()]
        begun.append((0.0, 0, old.damaged(old_stage.positions)))
        doubts = [(at_s, attempt, _keys(old_stage, where, known)) for at_s, attempt, where in begun if where.pairs]
    finally:
        old.close()
    taken, ids = ledger.settled(), Identities(stage.labels(), {})
    for part in stage.parts:  # what others wait for comes first, so its ids are known here
        frame = stage.frame(part).with_columns(pl.int_range(part.first, part.end, dtype=pl.UInt32).alias("position"))
        frame = _plain(frame.filter(~pl.col("position").is_in(list(taken.within(part.first, part.end)))), ids)
        done = frame.join(settled, on=_SAME, how="inner", maintain_order="left").sort("position")
        settled = _numbered(settled.join(done, on=_SAME, how="anti", maintain_order="left"))
        with ledger.transaction():
            if done.height:
                positions, outcomes = done["position"].to_list(), bytes(done["outcome"].to_list())
                ledger.settle_unsent(Spans.of(positions), outcomes, done["id"].to_list(), {})
                ids.note(positions, Settled(bytearray(outcomes), array("q", done["id"].to_list())))
            left = frame.join(done.select("position"), on="position", how="anti", maintain_order="left")
            for at_s, attempt, keys in doubts:
                shared = left.join(keys, on="key", how="semi", maintain_order="left")["position"].to_list()
                if shared:
                    ledger.intend(Spans.of(shared), attempt, at_s)


def _plain(records: pl.DataFrame, ids: Identities) -> pl.DataFrame:
    """Records as they were or would be sent: with the ids of those they wait for, whatever wave they go in."""
    if any(records[name].str.contains("\x1a", literal=True).any() for name in ("key", "group", "body")):
        texts = {name: [fill(text, ids.id_of) for text in records[name]] for name in ("key", "group", "body")}
        records = records.with_columns(pl.Series(name, found, dtype=pl.String) for name, found in texts.items())
    group = pl.col("group").str.replace(r'^\{"wave":[0-9]+\}$', "").str.replace(r'^\{"wave":[0-9]+,', "{")
    return _numbered(records.with_columns(group))


def _numbered(records: pl.DataFrame) -> pl.DataFrame:
    return records.with_columns(pl.int_range(pl.len()).over("key", "group", "body").alias("nth"))


def _settled(old: Ledger, stage: Stage, ids: Identities) -> pl.DataFrame:
    """`key group body nth outcome id` of records settled well."""
    frames = []
    for result in old.results():
        positions = list(result.positions)
        found = list(result.ids) or [0] * len(positions)
        frames.append(
            pl.DataFrame(
                {"position": positions, "outcome": list(result.outcomes), "id": found},
                schema={"position": pl.UInt32, "outcome": pl.UInt8, "id": pl.Int64},
            )
        )
    empty = pl.DataFrame(schema={"position": pl.UInt32, "outcome": pl.UInt8, "id": pl.Int64})
    joined = pl.concat([empty, *frames]).sort("position")
    well = [int(outcome) for outcome in Outcome if outcome.settled_well and outcome is not Outcome.SKIPPED]
    joined = joined.filter(pl.col("outcome").is_in(well))
    records = _plain(stage.records(joined["position"]), ids)
    return records.join(joined, on="position").select(*_SAME, "outcome", "id")


def _keys(stage: Stage, positions: Spans, ids: Identities) -> pl.DataFrame:
    records = stage.records(pl.Series("position", list(positions), dtype=pl.UInt32))
    return _plain(records, ids).select("key").unique()
