"""`results.csv`: one line per row of the input with its outcome and Reply id; and the rows that failed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from bulkreply.ahead import ahead
from bulkreply.engine.recording import TEXT_ID
from bulkreply.errors import DiskFatal
from bulkreply.files.formulas import escape_formulas
from bulkreply.ledger import Ledger
from bulkreply.mapping import REJECT_SCHEMA
from bulkreply.outcomes import REPORT_ORDER, Outcome, Tally
from bulkreply.stage import Stage

RESULT_COLUMNS = ("file", "row", "key", "outcome", "reply_id", "code", "message")
UNKNOWN_COLUMNS = ("file", "row", "key", "code", "message")
WINDOW_ROWS = 50_000
_PLACED = ("file", "row", "key", "address")
"""What a line says of a staged record."""
_WORST_FIRST = (
    Outcome.UNKNOWN,
    Outcome.REJECTED,
    Outcome.NOT_ATTEMPTED,
    Outcome.SKIPPED,
    Outcome.CREATED,
    Outcome.DELETED,
    Outcome.UPDATED,
    Outcome.CALLED,
    Outcome.EXPORTED,
    Outcome.UNCHANGED,
)


@dataclass(frozen=True, slots=True)
class Results:
    """Outcomes of all rows.

    Attributes:
        tally: Rows by outcome; it balances.
        rejects: Rows to be mended, REJECT_SCHEMA, one line per problem, in file order.
        codes: Code -> rows rejected or unknown for it, with one example row number.
        unknown: Rows to be looked at, UNKNOWN_COLUMNS, in file order.
    """

    tally: Tally
    rejects: pl.DataFrame
    codes: dict[str, tuple[int, int]]
    unknown: pl.DataFrame = field(default_factory=pl.DataFrame)


def write_results(ledger: Ledger, stage: Stage, path: Path) -> Results:
    """Writes `results.csv` in file order, a window of rows at a time, and sums it up.

    Raises:
        DiskFatal: It cannot be written; what was there before stays.
    """
    outcomes, ids = _columns(ledger, stage)
    failures = _failures(ledger)
    tally = Tally(read=stage.read)
    invalid = stage.rejects()
    server: list[pl.DataFrame] = []
    unknown: list[pl.DataFrame] = []
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as out:
            out.write((",".join(RESULT_COLUMNS) + "\n").encode())
            for frame in ahead(_windows(stage, invalid, outcomes, ids, failures)):
                _count(frame, tally)
                escape_formulas(frame.select(RESULT_COLUMNS)).write_csv(out, include_header=False)
                failed = frame.filter((pl.col("outcome") == Outcome.REJECTED.word) & pl.col("staged"))
                if failed.height:
                    server.append(failed)
                unknown.append(frame.filter(pl.col("outcome") == Outcome.UNKNOWN.word))
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None
    rejects, lost = _rejects(invalid, server), [frame for frame in unknown if frame.height]
    codes = _codes(_rejects(invalid, server + lost))
    table = pl.concat(lost) if lost else pl.DataFrame(schema=dict.fromkeys(UNKNOWN_COLUMNS, pl.String))
    return Results(tally, rejects, codes, table.select(UNKNOWN_COLUMNS))


def write_unknown(unknown: pl.DataFrame, path: Path) -> None:
    """Writes the rows whose fate is not known, each with what to look at; the file goes when there are none.

    Raises:
        DiskFatal: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        if not unknown.height:
            return path.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as out:
            escape_formulas(unknown).write_csv(out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        raise DiskFatal(f"{path.name} cannot be written: {error.strerror}") from None


def _count(frame: pl.DataFrame, tally: Tally) -> None:
    words = {outcome.word: outcome for outcome in REPORT_ORDER}
    for word, rows in frame["outcome"].value_counts().iter_rows():
        tally.add(words[word], rows)


def _columns(ledger: Ledger, stage: Stage) -> tuple[bytearray, array[int]]:
    """Outcome and id of every position."""
    outcomes = bytearray(stage.positions)
    ids = array("q", bytes(8 * stage.positions))
    for result in ledger.results():
        at = 0
        for first, end in result.positions.pairs:
            count = end - first
            outcomes[first:end] = result.outcomes[at : at + count]
            if len(result.ids):
                ids[first:end] = array("q", result.ids[at : at + count])
            at += count
    return outcomes, ids


def _failures(ledger: Ledger) -> pl.DataFrame:
    schema = {"position": pl.UInt32, "code": pl.String, "field": pl.String, "message": pl.String}
    return pl.DataFrame(list(ledger.failures()), schema=schema, orient="row")


def _windows(
    stage: Stage, invalid: pl.DataFrame, outcomes: bytearray, ids: array[int], failures: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """RESULT_COLUMNS, `field` and `staged`, in file order.

    Parts of one group lie in file order and are streamed; several groups are interleaved and sorted together.
    """
    place = pl.col("file").cast(pl.UInt64) * 2**32 + pl.col("row")
    unstaged = _unstaged(invalid)
    pending: list[pl.DataFrame] = []
    streamed = len(stage.groups) <= 1 and not stage.spread
    for part in stage.parts:
        frame = _part_results(stage.frame(part, _PLACED), part.first, outcomes, ids, failures)
        if not streamed:
            pending.append(frame)
            continue
        last = frame.select(place.max())[0, 0]
        due = unstaged.filter(place < last)
        unstaged = unstaged.filter(place >= last)
        yield pl.concat([frame, due]).sort("file", "row", maintain_order=True) if due.height else frame
    rest = pl.concat([*pending, unstaged]).sort("file", "row", maintain_order=True)
    if stage.spread:
        rest = _by_row(rest)
    for first in range(0, rest.height, WINDOW_ROWS):
        yield rest.slice(first, WINDOW_ROWS)


def _by_row(records: pl.DataFrame) -> pl.DataFrame:
    """Rows that stand in several records: the outcome is the worst of theirs, key and id the first."""
    worst = [outcome.word for outcome in _WORST_FIRST]
    rank = pl.col("outcome").replace_strict(worst, list(range(len(worst))), return_dtype=pl.UInt8)
    ranked = records.with_columns(rank.alias("rank"), (pl.col("key") == "").alias("late"))
    first = pl.all().exclude("file", "row", "reply_id", "key").sort_by("rank", maintain_order=True).first()
    keys = pl.col("key", "reply_id").sort_by("late", maintain_order=True).drop_nulls().first()
    about = pl.col("key").sort_by("rank", maintain_order=True).first().alias("about")
    rows = ranked.group_by("file", "row", maintain_order=True).agg(first, keys, about)
    other = pl.col("code").is_not_null() & (pl.col("about") != "") & (pl.col("about") != pl.col("key"))
    named = pl.concat_str("about", "message", separator=": ", ignore_nulls=True).str.strip_suffix(": ")
    return rows.with_columns(pl.when(other).then(named).otherwise("message").alias("message")).select(records.columns)


def _part_results(
    rows: pl.DataFrame, first: int, outcomes: bytearray, ids: array[int], failures: pl.DataFrame
) -> pl.DataFrame:
    end = first + rows.height
    words = [outcome.word for outcome in sorted(Outcome)]
    codes = pl.Series("outcome", list(outcomes[first:end]), dtype=pl.UInt8)
    numbers = pl.Series("reply_id", ids[first:end], dtype=pl.Int64)
    texts = failures.filter(pl.col("code") == TEXT_ID)
    failures = failures.filter(pl.col("code") != TEXT_ID)
    frame = rows.select("file", "row", _shown_key(rows)).with_columns(
        codes.replace_strict(list(range(len(words))), words, return_dtype=pl.String),
        numbers.to_frame().select(pl.when(numbers != 0).then(numbers.cast(pl.String)).alias("reply_id"))["reply_id"],
        pl.int_range(first, end, dtype=pl.UInt32, eager=True).alias("position"),
    )
    if texts.height:
        own = texts.select("position", pl.col("message").alias("text"))
        joined = frame.join(own, on="position", how="left", maintain_order="left")
        frame = joined.with_columns(pl.coalesce("reply_id", "text").alias("reply_id")).drop("text")
    return frame.join(failures, on="position", how="left", maintain_order="left").select(
        *RESULT_COLUMNS, "field", pl.lit(True).alias("staged")
    )


def _shown_key(rows: pl.DataFrame) -> pl.Expr:
    """The key as people read it; a part of a row is known by its place in it, `steps[1]`."""
    key = pl.col("key")
    if rows["key"].str.contains("[\x1a\x1e\x1f]").any():
        key = key.str.strip_chars_start("\x1e").str.replace_all("\x1f", " ", literal=True)
        key = key.str.replace_all("\x1a#(?:[^\x1a]*[./])?([^\x1a]*)\x1a", "${1}")  # the id in the file
        key = key.str.replace_all("\x1a[a-z_]+:([^\x1a]*)\x1a", "${1}")  # the name of what is created
    return pl.coalesce(pl.col("address").str.extract('"part":"([^"]*)"'), key).alias("key")


def _unstaged(invalid: pl.DataFrame) -> pl.DataFrame:
    """Rows that never were staged, one line each with all their problems."""
    if not invalid.height:
        invalid = pl.DataFrame(schema=REJECT_SCHEMA)
    words = pl.when(pl.col("field") == "").then("message").otherwise(pl.format("{}: {}", "field", "message"))
    joined = invalid.group_by("file", "row", maintain_order=True).agg(
        pl.col("code").first(), words.str.join("; ").alias("message"), pl.col("field").first()
    )
    return joined.select(
        "file",
        "row",
        pl.lit("").alias("key"),
        pl.lit(Outcome.REJECTED.word).alias("outcome"),
        pl.lit(None, dtype=pl.String).alias("reply_id"),
        "code",
        "message",
        "field",
        pl.lit(False).alias("staged"),
    )


def _rejects(invalid: pl.DataFrame, server: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows to mend or look at, from staging and from Reply."""
    said = [
        frame.select(
            pl.col("file").cast(pl.UInt16),
            pl.col("row").cast(pl.UInt32),
            pl.lit("").alias("column"),
            pl.col("field").fill_null(""),
            pl.col("code").fill_null(pl.col("outcome")),
            pl.col("message").fill_null(""),
            pl.lit("").alias("hint"),
        )
        for frame in server
    ]
    frames = ([invalid] if invalid.height else []) + said
    return pl.concat(frames).sort("file", "row") if frames else pl.DataFrame(schema=REJECT_SCHEMA)


def _codes(rejects: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Code -> rows counted under it (each under its first), and the number of one of them."""
    first = rejects.unique(["file", "row"], keep="first", maintain_order=True)
    counted = first.group_by("code", maintain_order=True).agg(pl.len(), pl.col("row").first().alias("example"))
    return {code: (rows, example) for code, rows, example in counted.sort("len", descending=True).iter_rows()}
