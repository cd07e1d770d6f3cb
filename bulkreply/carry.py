"""When input or job changed under an unfinished run: what the old run settled is not sent again as it stands."""

from __future__ import annotations

import polars as pl

from bulkreply.ledger import Ledger
from bulkreply.outcomes import Outcome
from bulkreply.runs import RunFolder
from bulkreply.spans import Spans
from bulkreply.stage import Stage


def carry_over(old_run: RunFolder, stage: Stage, ledger: Ledger) -> None:
    """Settles, in a new ledger, records that the old run settled well with the same key, group and content.

    Records the old run left in doubt are in doubt here too, so that they are read back before they are sent.
    """
    old_stage = Stage.load(old_run.stage_folder)
    if old_stage is None:
        return
    old = Ledger.open(old_run.ledger_path)
    try:
        settled = _settled(old, old_stage)
        doubts = [(entry.at_s, entry.attempt, _keys(old_stage, entry.positions)) for entry in old.open_entries()]
    finally:
        old.close()
    taken = ledger.settled()
    for part in stage.parts:
        frame = stage.frame(part).with_columns(pl.int_range(part.first, part.end, dtype=pl.UInt32).alias("position"))
        frame = frame.filter(~pl.col("position").is_in(list(taken.within(part.first, part.end))))
        done = frame.join(settled, on=["key", "group", "body"], how="inner", maintain_order="left").sort("position")
        with ledger.transaction():
            if done.height:
                ledger.settle_unsent(
                    Spans.of(done["position"].to_list()), bytes(done["outcome"].to_list()), done["id"].to_list(), {}
                )
            left = frame.join(done.select("position"), on="position", how="anti", maintain_order="left")
            for at_s, attempt, keys in doubts:
                shared = left.join(keys, on="key", how="semi", maintain_order="left")["position"].to_list()
                if shared:
                    ledger.intend(Spans.of(shared), attempt, at_s)


def _settled(old: Ledger, stage: Stage) -> pl.DataFrame:
    """`key group body outcome id` of records settled well."""
    frames = []
    for result in old.results():
        positions = list(result.positions)
        ids = list(result.ids) or [0] * len(positions)
        frames.append(
            pl.DataFrame(
                {"position": positions, "outcome": list(result.outcomes), "id": ids},
                schema={"position": pl.UInt32, "outcome": pl.UInt8, "id": pl.Int64},
            )
        )
    empty = pl.DataFrame(schema={"position": pl.UInt32, "outcome": pl.UInt8, "id": pl.Int64})
    joined = pl.concat([empty, *frames]).sort("position")
    well = [int(outcome) for outcome in Outcome if outcome.settled_well and outcome is not Outcome.SKIPPED]
    joined = joined.filter(pl.col("outcome").is_in(well))
    records = stage.records(joined["position"])
    return records.join(joined, on="position").select("key", "group", "body", "outcome", "id").unique(["key"])


def _keys(stage: Stage, positions: Spans) -> pl.DataFrame:
    return stage.records(pl.Series("position", list(positions), dtype=pl.UInt32)).select("key").unique()
