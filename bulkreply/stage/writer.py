"""Fills a staging area: chunk by chunk, records of one group together, duplicates settled at the end."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from bulkreply.errors import DiskFatal
from bulkreply.mapping import reject_frame
from bulkreply.secrets import private_folder
from bulkreply.stage.duplicates import Policy, Verdicts, decide
from bulkreply.stage.hashes import Hashes
from bulkreply.stage.stage import Part, Stage
from bulkreply.stage.waves import in_waves
from bulkreply.wire.layout import RECORD_SCHEMA

PART_ROWS = 10_000
REJECTED, LEFT_OUT = "is rejected", "is in a row that is not taken now: name it by its id at Reply"


class StageWriter:
    """Writes a staging area into an empty folder.

    Args:
        folder: Private to the run; made if missing (0700).
        keep: Records to keep, `(file, row)`; None for all.
        spread: Whether a row may become several records, or records may wait for others.
        names: Whether records may speak of others that are to be created first.
    """

    def __init__(
        self, folder: Path, keep: set[tuple[int, int]] | None = None, spread: bool = False, names: bool = False
    ) -> None:
        self._folder = folder
        self._keep = keep
        self._spread = spread
        self._names = names
        self._linked: list[pl.DataFrame] = []
        self._lost: dict[str, str] = {}
        self._parts: list[Part] = []
        self._hashes = Hashes(folder, self._write)
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._waiting_rows: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._read = self._invalid = self._reject_files = 0
        try:
            private_folder(folder)
            for left in folder.iterdir():
                left.unlink()
        except OSError as error:
            raise DiskFatal(f"the staging area cannot be written: {error.strerror}") from None

    @property
    def read(self) -> int:
        """Rows read so far."""
        return self._read

    def add(self, records: pl.DataFrame, rejects: pl.DataFrame, lost: Iterable[str] = ()) -> None:
        """Stages the records and rejects of one chunk.

        Args:
            records: RECORD_SCHEMA.
            rejects: REJECT_SCHEMA, one line per problem.
            lost: Labels that the rejected rows would have had: nothing can come after them.
        """
        self._lose(lost, REJECTED)
        if self._keep is not None:
            wanted = pl.struct("file", "row").map_elements(
                lambda at: (at["file"], at["row"]) in (self._keep or ()), return_dtype=pl.Boolean
            )
            self._lose(records.filter(~wanted)["label"].drop_nulls(), LEFT_OUT)
            records, rejects = records.filter(wanted), rejects.filter(wanted)
        if rejects.height:
            self._add_rejects(rejects)
        self._read += records.select("file", "row").n_unique() if self._spread else records.height
        if self._spread and _links(records):
            self._linked.append(records)
            return
        self._wait(records)

    def _wait(self, records: pl.DataFrame) -> None:
        for (group,), rows in records.partition_by("group", as_dict=True, maintain_order=True).items():
            name = str(group)
            self._groups[name] += rows.height
            self._waiting.setdefault(name, []).append(rows)
            self._waiting_rows[name] += rows.height
            if self._waiting_rows[name] >= PART_ROWS:
                self._flush(self._waiting.pop(name))
                del self._waiting_rows[name]

    def _add_rejects(self, rejects: pl.DataFrame, counted: bool = False) -> None:
        first = rejects.unique(["file", "row"], keep="first", maintain_order=True)
        self._codes.update(dict(first["code"].value_counts().iter_rows()))
        self._invalid += first.height
        self._read += 0 if counted else first.height
        self._write(rejects, f"reject-{self._reject_files:06}.arrow")
        self._reject_files += 1

    def _flush(self, frames: list[pl.DataFrame]) -> None:
        frame = pl.concat(frames).select(list(RECORD_SCHEMA))
        part = Part(f"part-{len(self._parts):06}.arrow", self._parts[-1].end if self._parts else 0, frame.height)
        self._write(frame, part.name)
        self._parts.append(part)
        self._hashes.add(frame["key"].hash())

    def _write(self, frame: pl.DataFrame, name: str) -> None:
        try:
            path = self._folder / name
            path.touch(mode=0o600)
            frame.write_ipc(path, compression="lz4")
        except OSError as error:
            words = error.strerror or str(error).splitlines()[0]
            raise DiskFatal(f"the staging area cannot be written: {words}") from None
        except pl.exceptions.PolarsError as error:
            raise DiskFatal(f"the staging area cannot be written: {str(error).splitlines()[0]}") from None

    def finish(self, policy: Policy | None, within_group: bool = False) -> tuple[Stage, Verdicts]:
        """Writes what is left and decides on rows that share a key.

        Args:
            policy: None where several rows may share a key.
            within_group: Whether the same key in another call, or with other values, is another matter.

        Returns:
            The stage, and the rows that are settled without a call.
        """
        if self._linked:
            self._finish_linked()
        self._flush_waiting()
        stage = self._stage(0)
        positions = self._hashes.repeated() if policy is not None else pl.Series("position", [], dtype=pl.UInt32)
        self._hashes.forget()
        verdicts = Verdicts()
        if policy is not None and len(positions):
            verdicts = decide(stage.records(positions), policy, within_group)
        if verdicts.merged:
            verdicts = self._replace(stage, verdicts)
        stage = self._stage(len(verdicts.outcomes))
        stage.save()
        return stage, verdicts

    def _finish_linked(self) -> None:
        """Records that wait for others follow them; those that wait for nothing there is are rejected."""
        records = pl.concat(self._linked)
        waves, rejects = in_waves(records, self._lost)
        refused: list[pl.DataFrame] = []
        while rejects:
            refused.append(reject_frame(rejects))
            gone = refused[-1].select("file", "row").unique()
            self._lose(records.join(gone, on=["file", "row"], how="semi")["label"].drop_nulls(), REJECTED)
            records = records.join(gone, on=["file", "row"], how="anti", maintain_order="left")
            waves, rejects = in_waves(records, self._lost)
        if refused:
            self._add_rejects(pl.concat(refused), counted=True)
        for wave in waves:
            self._wait(wave)
            self._flush_waiting()

    def _lose(self, labels: Iterable[str], why: str) -> None:
        self._lost.update(dict.fromkeys(labels, why))

    def _flush_waiting(self) -> None:
        left = [frame for group in sorted(self._waiting) for frame in self._waiting[group]]
        small: list[pl.DataFrame] = []
        for frame in left:
            small.append(frame)
            if sum(one.height for one in small) >= PART_ROWS:
                self._flush(small)
                small = []
        if small:
            self._flush(small)
        self._waiting.clear()
        self._waiting_rows.clear()

    def _replace(self, stage: Stage, verdicts: Verdicts) -> Verdicts:
        """Moves merged records to the end, since their group may be another; the positions after them move up."""
        gone = sorted(verdicts.merged)
        self._parts = []
        for part in stage.parts:
            inside = [position - part.first for position in gone if part.first <= position < part.end]
            frame = stage.frame(part)
            if inside:
                keep = ~pl.int_range(frame.height, eager=True).is_in(inside)
                self._groups.subtract(frame.filter(~keep)["group"].to_list())
                frame = frame.filter(keep)
                self._write(frame, part.name)
            self._parts.append(Part(part.name, self._parts[-1].end if self._parts else 0, frame.height))
        merged = pl.DataFrame(list(verdicts.merged.values()), schema=RECORD_SCHEMA, orient="row").sort("group", "row")
        self._groups.update(merged["group"].to_list())
        self._groups = +self._groups
        self._flush([merged])
        moved = {at - bisect_left(gone, at): words for at, words in verdicts.outcomes.items()}
        return Verdicts(moved)

    def _stage(self, duplicates: int) -> Stage:
        return Stage(
            folder=self._folder,
            parts=tuple(self._parts),
            read=self._read,
            invalid=self._invalid,
            groups=dict(self._groups),
            invalid_by_code=dict(self._codes.most_common()),
            duplicates=duplicates,
            spread=self._spread,
            linked=bool(self._linked),
            names=self._names,
        )


def _links(records: pl.DataFrame) -> bool:
    """Whether records have labels, or wait for records that do."""
    if records["label"].null_count() < records.height:
        return True
    return bool(
        records.select(pl.any_horizontal(pl.col("body", "group").str.contains("\x1a#", literal=True)).any())[0, 0]
    )
