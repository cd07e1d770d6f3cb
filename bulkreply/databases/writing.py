"""Frames into tables, the same way for every database: in place, or through a temporary table where keys decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import polars as pl

from bulkreply.databases.database import Mode, Written
from bulkreply.databases.driver import Driver
from bulkreply.databases.kinds import Kind, as_kind, kind_of, wider
from bulkreply.databases.names import Place, listed, quoted, table_parts
from bulkreply.errors import RunFatal, UsageProblem

LOAD_ROWS = 20_000
"""Rows that go to the database together, however the frames are cut."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the frames and the one of the table it goes to.

    Attributes:
        title: In the frames.
        name: In the table.
        declared: Type the table gives it.
        kind: What is loaded: what the type holds, or what the frames have if the type is the user's own.
        dtype: In the frames.
    """

    title: str
    name: str
    declared: str
    kind: Kind
    dtype: pl.DataType

    @property
    def values(self) -> pl.Expr:
        """The values as the table takes them."""
        return as_kind(self.title, self.dtype, self.kind).alias(self.name)


class OpenDatabase:
    """A `Database` on whatever driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._open = False
        self._spoiled = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        if self._open:
            raise RunFatal("a transaction within a transaction")
        with self._explaining():
            self._driver.begin()
            self._open, self._spoiled = True, False
            try:
                yield
                if self._spoiled:
                    raise RunFatal("a table could not be written, so none was")
                self._driver.commit()
            except BaseException:
                with suppress(Exception):  # what went wrong first is what is told
                    self._driver.rollback()
                raise
            finally:
                self._open = False

    def write(
        self,
        table: str,
        schema: pl.Schema,
        frames: Iterator[pl.DataFrame],
        *,
        mode: Mode,
        key: tuple[str, ...],
        deleted: pl.DataFrame | None = None,
    ) -> Written:
        """See `Database.write`."""
        _check(table, schema, mode, key, deleted)
        if not self._open:
            with self.transaction():
                return self.write(table, schema, frames, mode=mode, key=key, deleted=deleted)
        try:
            with self._explaining():
                place = self._driver.place(table_parts(table))
                columns = fitted(self._driver, place, schema, key if mode == "merge" else ())
                if mode == "merge":
                    return _merge(self._driver, place, columns, frames, key, deleted)
                gone = self._driver.run(f"DELETE FROM {place.sql}") if mode == "replace" else 0  # noqa: S608
                return Written(_load(self._driver, place.sql, columns, frames), rows_deleted=gone)
        except BaseException:
            self._spoiled = True
            raise

    def close(self) -> None:
        """See `Database.close`."""
        with self._explaining():
            self._driver.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            ours = self._driver.explained(error)
            if ours is None:
                raise
            raise ours from None


def _check(table: str, schema: pl.Schema, mode: Mode, key: tuple[str, ...], deleted: pl.DataFrame | None) -> None:
    """Refuse what no database can do, before anything is touched."""
    if not schema:
        raise UsageProblem(f"{table}: a table needs columns")
    if mode == "merge" and not key:
        raise UsageProblem(f"{table}: merge needs a key", hint="or replace, or append")
    if deleted is not None and mode != "merge":
        raise UsageProblem(f"{table}: rows are deleted by merge only")
    named = (*key, *(deleted.columns if deleted is not None else ()))
    missing = [name for name in named if name not in schema]
    if missing and mode == "merge":
        raise UsageProblem(f"{table}: merge needs the column {missing[0]!r}, which the export does not have")


def fitted(driver: Driver, place: Place, schema: pl.Schema, key: Sequence[str]) -> list[Column]:
    """The columns of a table for a schema, after making the table, adding columns and widening them as needed.

    A column of nulls without a type waits until a later run knows its type.
    """
    kinds = {title: kind_of(title, dtype) for title, dtype in schema.items()}
    existing = driver.columns(place)
    names = driver.spelling.matched(list(schema), existing or ())
    untyped = {title for title, dtype in schema.items() if dtype == pl.Null and title not in key}
    new = [title for title in names if names[title] not in (existing or ()) and title not in untyped]
    if existing is None:
        new = new or list(schema)
        driver.create(place, {names[title]: kinds[title] for title in new}, [names[title] for title in key])
    else:
        for title in new:
            driver.run(f"ALTER TABLE {place.sql} ADD COLUMN {quoted(names[title])} {driver.types[kinds[title]]}")
        changes: dict[str, tuple[Kind, Kind]] = {}
        for title, name in names.items():
            old = driver.kind(existing[name]) if name in existing and schema[title] != pl.Null else None
            if old and wider(old, kinds[title]) is not old:
                changes[name] = (old, wider(old, kinds[title]))
        if changes:
            driver.widen(place, changes)
    declared = driver.columns(place) or {}
    return [
        Column(title, name, declared[name], driver.kind(declared[name]) or kinds[title], schema[title])
        for title, name in names.items()
        if name in declared
    ]


def _load(driver: Driver, into: str, columns: Sequence[Column], frames: Iterable[pl.DataFrame]) -> int:
    rows, names, values = 0, [column.name for column in columns], [column.values for column in columns]
    for frame in gathered(frames):
        driver.load(into, names, frame.select(values))
        rows += frame.height
    return rows


def gathered(frames: Iterable[pl.DataFrame], rows: int = LOAD_ROWS) -> Iterator[pl.DataFrame]:
    """The same rows in frames neither tiny nor huge."""
    waiting: list[pl.DataFrame] = []
    height = 0
    for frame in frames:
        waiting.append(frame)
        height += frame.height
        if height >= rows:
            yield from pl.concat(waiting).iter_slices(rows * 2)
            waiting, height = [], 0
    if height:
        yield pl.concat(waiting)


def _merge(
    driver: Driver,
    place: Place,
    columns: Sequence[Column],
    frames: Iterator[pl.DataFrame],
    key: tuple[str, ...],
    deleted: pl.DataFrame | None,
) -> Written:
    """Upserts by key through a temporary table, so that the frames need not be held and nothing unique is needed."""
    by_title = {column.title: column for column in columns}
    keys = [by_title[title].name for title in key]
    others = [column for column in columns if column.name not in keys]
    gone = _delete(driver, place, [by_title[title] for title in deleted.columns], deleted) if deleted is not None else 0
    with _stage(driver, place, columns, _whole_keys(frames, key), keys) as (stage, turn):
        same_key = _equal(keys, "t", "s")
        driver.run(
            f"DELETE FROM {stage} AS s WHERE EXISTS (SELECT 1 FROM {stage} AS t"  # noqa: S608
            f" WHERE {same_key} AND t.{turn} > s.{turn})"
        )
        updated = 0
        if others:
            changes = ", ".join(f"{quoted(other.name)} = s.{quoted(other.name)}" for other in others)
            differs = " OR ".join(
                driver.differs(f"t.{quoted(other.name)}", f"s.{quoted(other.name)}", other.declared) for other in others
            )
            updated = driver.run(
                f"UPDATE {place.sql} AS t SET {changes} FROM {stage} AS s WHERE {same_key} AND ({differs})"  # noqa: S608
            )
        names = [column.name for column in columns]
        inserted = driver.run(
            f"INSERT INTO {place.sql} ({listed(names)}) SELECT {listed(names, 's')} FROM {stage} AS s"  # noqa: S608
            f" LEFT JOIN {place.sql} AS t ON {same_key} WHERE t.{quoted(keys[0])} IS NULL"
        )
    return Written(inserted, updated, gone)


def _delete(driver: Driver, place: Place, columns: Sequence[Column], deleted: pl.DataFrame) -> int:
    if not deleted.height:
        return 0
    names = [column.name for column in columns]
    columns = [Column(one.title, one.name, one.declared, one.kind, deleted.schema[one.title]) for one in columns]
    with _stage(driver, place, columns, [deleted], names) as (stage, _):
        return driver.run(
            f"DELETE FROM {place.sql} AS t WHERE EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {stage} AS s WHERE {_equal(names, 't', 's')})"
        )


@contextmanager
def _stage(
    driver: Driver, place: Place, columns: Sequence[Column], frames: Iterable[pl.DataFrame], keys: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """A temporary table with columns of the types of the real one; its name, and that of the column with the turns."""
    names = [column.name for column in columns]
    turn = "~turn"
    while turn in names:
        turn += "~"
    stage = f"{driver.temporary}.{quoted('~stage')}"
    driver.run(
        f"CREATE TEMPORARY TABLE {quoted('~stage')} AS"  # noqa: S608
        f" SELECT {listed(names)}, CAST(0 AS BIGINT) AS {quoted(turn)} FROM {place.sql} WHERE 1 = 0"
    )
    turns = Column(turn, turn, "", Kind.INTEGER, pl.Int64())
    _load(driver, stage, [*columns, turns], _in_turn(frames, turn))
    driver.staged(stage, [*keys, turn])
    yield stage, quoted(turn)
    driver.run(f"DROP TABLE {stage}")


def _in_turn(frames: Iterable[pl.DataFrame], turn: str) -> Iterator[pl.DataFrame]:
    at = 0
    for frame in frames:
        yield frame.with_columns(pl.int_range(at, at + frame.height, dtype=pl.Int64).alias(turn))
        at += frame.height


def _whole_keys(frames: Iterable[pl.DataFrame], key: Sequence[str]) -> Iterator[pl.DataFrame]:
    for frame in frames:
        empty = [title for title in key if frame[title].null_count()]
        if empty:
            raise UsageProblem(f"a row has no {empty[0]}, which is the key of the merge", hint="replace, or append")
        yield frame


def _equal(names: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quoted(name)} = {right}.{quoted(name)}" for name in names)
