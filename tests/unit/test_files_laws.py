"""Laws of files: what was written is what is read, and what is rejected can be read again."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkreply.files.delimited import BLOCK_BYTES, DelimitedTable
from bulkreply.files.formats import FileOptions, Table, open_table, write_rejects
from bulkreply.files.formulas import escape_text, restore_text
from bulkreply.records import Chunk

LAWFUL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Characters every tried encoding has, and those that make delimited text hard.
cells = st.text(st.sampled_from("aZ09 é,;\t|\"'\n\r=+-@."), max_size=6)
names = ["First Name", "Email", "Notes"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    width = draw(st.integers(1, 3))
    row = st.lists(cells, min_size=width, max_size=width)
    return names[:width], draw(st.lists(row, min_size=1, max_size=12))


dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "lineterminator": st.sampled_from(["\n", "\r\n", "\r"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    }
)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])


def write_csv(path: Path, header: list[str], rows: list[list[str]], dialect: dict[str, object], encoding: str) -> None:
    text = io.StringIO()
    # csv.writer leaves a bare CR or LF unquoted unless it is part of the line end, so those need QUOTE_ALL.
    if any("\r" in cell or "\n" in cell for row in rows for cell in row):
        dialect = dialect | {"quoting": csv.QUOTE_ALL}
    writer = csv.writer(text, **dialect)  # type: ignore[arg-type]
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def numbered(table: Table, chunk_rows: int = 10_000) -> dict[int, tuple[str | None, ...]]:
    found: dict[int, tuple[str | None, ...]] = {}
    for chunk in table.chunks(chunk_rows):
        assert not chunk.rejects
        assert chunk.frame.height == len(chunk.row_numbers) <= chunk_rows
        found.update(zip(chunk.row_numbers.to_list(), chunk.frame.rows(), strict=True))
    return found


def expected(rows: list[list[str]]) -> dict[int, tuple[str | None, ...]]:
    texts = ((number, tuple(restore_text(cell) or None for cell in row)) for number, row in enumerate(rows, 2))
    return {number: row for number, row in texts if any(cell is not None for cell in row)}


@LAWFUL
@given(tables(), dialects, encodings, st.integers(1, 200), st.integers(1, 5))
def test_a_written_table_is_read_back_exactly_at_any_block_size(
    tmp_path: Path,
    table: tuple[list[str], list[list[str]]],
    dialect: dict[str, object],
    encoding: str,
    block_bytes: int,
    chunk_rows: int,
) -> None:
    header, rows = table
    rows = [*rows, ["end"] * len(header)]
    path = tmp_path / "contacts.csv"
    write_csv(path, header, rows, dialect, encoding)
    options = FileOptions(delimiter=str(dialect["delimiter"]), encoding=encoding)
    opened = DelimitedTable(path, options, block_bytes=block_bytes)
    assert opened.columns == tuple(header)
    assert numbered(opened, chunk_rows) == expected(rows)


@LAWFUL
@example(lines=["\r", '"', '"\r"', '"\ra"'], delimiter=",", line_end="\n", block_bytes=1)
@example(lines=[" \t ", "a"], delimiter="\t", line_end="\n", block_bytes=1)
@example(lines=['a,"\r', '\n"', "\r"], delimiter=",", line_end="\r", block_bytes=1)
@given(
    st.lists(st.text(st.sampled_from('a,\t"\n\r é'), max_size=9), max_size=12),
    st.sampled_from(",\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 64),
)
def test_broken_text_is_read_alike_at_any_block_size(
    tmp_path: Path, lines: list[str], delimiter: str, line_end: str, block_bytes: int
) -> None:
    path = tmp_path / "contacts.csv"
    header, last = delimiter.join(["First Name", "Email"]), delimiter.join("xy")
    path.write_text(line_end.join([header, *lines, last, ""]), encoding="utf-8", newline="")
    whole, cut = (
        DelimitedTable(path, FileOptions(delimiter=delimiter, encoding="utf-8"), block_bytes=size)
        for size in (BLOCK_BYTES, block_bytes)
    )
    assert everything_of(whole.chunks()) == everything_of(cut.chunks())
    assert everything_of(whole.originals()) == everything_of(cut.originals())
    # The last line is good, whatever stands above it.
    rows = [row for chunk in whole.chunks() for row in chunk.frame.rows()]
    assert ("x", "y") in rows or '"' in "".join(lines)


def everything_of(chunks: Iterable[Chunk]) -> list[tuple[object, ...]]:
    return [(chunk.frame.rows(), chunk.row_numbers.to_list(), chunk.rejects) for chunk in chunks]


@LAWFUL
@given(tables(), dialects, encodings, st.booleans(), st.data())
def test_rejects_of_a_text_file_read_back_as_the_rows_they_came_from(
    tmp_path: Path,
    table: tuple[list[str], list[list[str]]],
    dialect: dict[str, object],
    encoding: str,
    compressed: bool,
    data: st.DataObject,
) -> None:
    header, rows = table
    rows = [*rows, ["end"] * len(header)]
    path = tmp_path / ("contacts.csv.gz" if compressed else "contacts.csv")
    write_csv(path, header, rows, dialect, encoding)
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    source = open_table(path, FileOptions(delimiter=str(dialect["delimiter"]), encoding=encoding))
    everything = numbered(source)
    chosen = data.draw(st.lists(st.sampled_from(sorted(everything)), min_size=1, unique=True))
    written = write_rejects([source], problems(chosen), tmp_path)
    assert written == [tmp_path / f"rejects{source.suffix}"]
    again = open_table(written[0], FileOptions(delimiter=str(dialect["delimiter"]), encoding=encoding))
    assert again.columns == tuple(header)
    assert list(numbered(again).values()) == [everything[row] for row in sorted(chosen)]
    same = {"format", "delimiter", "quote", "line ends", "compression"}
    assert {k: v for k, v in again.dialect.items() if k in same} == {
        k: v for k, v in source.dialect.items() if k in same
    }


@given(cells)
def test_escaping_is_undone_by_reading_and_leaves_nothing_dangerous(cell: str) -> None:
    assert restore_text(escape_text(cell)) == cell
    assert not escape_text(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


def problems(rows: list[int], file: int = 0) -> pl.DataFrame:
    """Two problems for every row."""
    lines = [
        {"file": file, "row": row, "column": "Email", "field": field, "code": code, "message": "no", "hint": "fix"}
        for row in rows
        for field, code in (("email", "email.invalid"), ("", "text.long"))
    ]
    return pl.DataFrame(lines, schema_overrides={"file": pl.UInt16, "row": pl.UInt32})
