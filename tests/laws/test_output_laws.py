"""Laws of files on the way out: whatever table is written, our own readers give it back, in every format."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from bulkreply.errors import UsageProblem
from bulkreply.files.formats import ERROR_COLUMNS, FileOptions, open_table
from bulkreply.files.output import OutputOptions, open_writer

LAWFUL = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BRIEFLY = settings(LAWFUL, max_examples=40)
SLOWLY = settings(LAWFUL, max_examples=8)
HARD = st.text(st.sampled_from("aé0 ,;\t|\"'\n\r=+-@_x4\\N\u2028\x85\ufeff😀<>&/r"), max_size=8)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ODD = st.sampled_from(
    ["007", "1e5", "=1+1", "'=1", "''@x", "-5", "+49", "\\N", "NULL", "TRUE", "1.0", "2026-03-01", "http://x.y", " a "]
) | st.sampled_from(
    ["<r>&</r>", "_x0041_x0042_", "_x005F_", "\x00", "\ufffe\uffff", "\ufeffa", '"', '""', "a\r\nb", "\r", "\n", " "]
)
cells = st.none() | st.just("") | HARD | ODD | ANY


@st.composite
def tables(draw: st.DrawFn, rows: int = 8, columns: int = 4) -> pl.DataFrame:
    patterns = st.sampled_from(["*", "^a$", "^.*$", "literal"])
    plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
    names = st.one_of(patterns, HARD, plain).filter(
        lambda name: name == name.strip() != "" and name not in ERROR_COLUMNS
    )
    header = draw(st.lists(names, min_size=1, max_size=columns, unique=True))
    # The first name may be taken for what stands before a header.
    assume(not header[0].startswith("\ufeff") and not header[0].lower().startswith(("sep=", '"sep=', "[", "{", "<")))
    row = st.lists(cells, min_size=len(header), max_size=len(header))
    found = draw(st.lists(row, max_size=rows))
    # A table of nothing but blank rows is none to our readers.
    return pl.DataFrame([*found, ["end"] * len(header)], schema=dict.fromkeys(header, pl.String), orient="row")


def written(path: Path, frame: pl.DataFrame, options: OutputOptions, step: int = 3) -> Path:
    writer = open_writer(path, frame.schema, options)
    for piece in frame.iter_slices(step):
        writer.write(piece)
    writer.close()
    return path


def read(path: Path, options: FileOptions) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    table = open_table(path, options)
    chunks = list(table.chunks())
    assert not [reject for chunk in chunks for reject in chunk.rejects]
    return table.columns, [row for chunk in chunks for row in chunk.frame.rows()]


def expected(frame: pl.DataFrame, null: str | None = None) -> list[tuple[object, ...]]:
    rows = [tuple(null if cell is None else cell or None for cell in row) for row in frame.rows()]
    return [row for row in rows if any(cell is not None for cell in row)]


@LAWFUL
@example(pl.DataFrame({"a": ["\\N", None, "", "x\n", "end"]}), ",", '"', "\n", "utf-8", "\\N", False)
@example(
    pl.DataFrame({"=a": ["=1", "'=1", None, "-"], "b": ["", "'", "''+", "é"]}), ";", "'", "\r\n", "utf-16", "", True
)
@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    st.sampled_from(["", "\\N", "<null>"]),
    st.booleans(),
)
def test_any_table_of_texts_is_read_back_from_csv(
    tmp_path: Path,
    frame: pl.DataFrame,
    delimiter: str,
    quote: str,
    line_end: str,
    encoding: str,
    null_text: str,
    gzip: bool,
) -> None:
    options = OutputOptions(
        "csv", delimiter, quote, encoding, line_end=line_end, null_text=null_text, gzip=gzip
    )  # fmt: skip
    path = written(tmp_path / "x.csv", frame, options)
    columns, rows = read(path, FileOptions(encoding=encoding, delimiter=delimiter, quote=quote))
    assert columns == tuple(frame.columns)
    assert rows == expected(frame, null_text or None)


@LAWFUL
@given(tables(), st.sampled_from(["", "\\N", "a"]))
def test_a_csv_file_tells_null_from_empty_and_from_its_own_text(
    tmp_path: Path, frame: pl.DataFrame, null_text: str
) -> None:
    path = written(tmp_path / "x.csv", frame, OutputOptions("csv", null_text=null_text, formula_safe=False))
    found = raw_cells(path.read_bytes().decode(), null_text)
    assert found == [*frame.columns, *(cell for row in frame.rows() for cell in row)]


def raw_cells(text: str, null_text: str) -> list[str | None]:
    """Cells of a CSV text as databases read them: what is quoted is text, what is not may be null."""
    found = re.finditer(r'(?:"((?:[^"]|"")*)"|([^,\n]*))[,\n]', text)
    return [
        (None if cell[2] == null_text else cell[2]) if cell[1] is None else cell[1].replace('""', '"') for cell in found
    ]


@LAWFUL
@given(tables(), st.booleans())
def test_any_table_of_texts_is_read_back_from_ndjson(tmp_path: Path, frame: pl.DataFrame, gzip: bool) -> None:
    path = written(tmp_path / "x.ndjson", frame, OutputOptions("ndjson", gzip=gzip))
    columns, rows = read(path, FileOptions(format="ndjson"))
    assert columns == tuple(frame.columns)
    assert rows == expected(frame)
    if not gzip:
        assert [tuple(json.loads(line).values()) for line in path.read_bytes().splitlines()] == frame.rows()


@LAWFUL
@given(tables())
def test_any_table_of_texts_is_read_back_from_parquet(tmp_path: Path, frame: pl.DataFrame) -> None:
    path = written(tmp_path / "x.parquet", frame, OutputOptions("parquet"))
    columns, rows = read(path, FileOptions())
    assert columns == tuple(frame.columns)
    assert rows == expected(frame)
    assert pl.read_parquet(path).equals(frame)


@SLOWLY
@given(tables(rows=120, columns=6))
def test_any_table_of_texts_is_read_back_from_a_workbook(tmp_path: Path, frame: pl.DataFrame) -> None:
    path = written(tmp_path / "x.xlsx", frame, OutputOptions("xlsx"), step=50)
    columns, rows = read(path, FileOptions())
    assert columns == tuple(frame.columns)
    assert rows == expected(frame)


whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**16), 10**16)
number = st.floats(allow_nan=False, allow_infinity=False)
day = st.dates(dt.date(1850, 1, 1), dt.date(9999, 12, 31))
moment = st.datetimes(dt.datetime(1850, 1, 1), dt.datetime(9999, 12, 31)).map(
    lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=dt.UTC)
)
TYPED = {
    "whole": (whole, pl.Int64()),
    "number": (number, pl.Float64()),
    "truth": (st.booleans(), pl.Boolean()),
    "day": (day, pl.Date()),
    "moment": (moment, pl.Datetime("us", "UTC")),
}


@st.composite
def typed(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(1, 12))
    columns = {
        name: pl.Series(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), dtype=kind)
        for name, (values, kind) in TYPED.items()
    }
    return pl.DataFrame(columns)


def understood(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Cells of text read as what their columns are."""
    return [
        (
            None if a is None else int(a),
            None if b is None else float(b),
            None if c is None else c.lower() == "true",
            None if d is None else dt.date.fromisoformat(d),
            None if e is None else utc(e),
        )
        for a, b, c, d, e in frame.rows()
    ]


def utc(text: str) -> dt.datetime:
    when = dt.datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize("form", ["csv", "tsv", "ndjson", "parquet", "xlsx"])
def test_numbers_truth_and_times_mean_the_same_when_read_back(tmp_path: Path, form: str) -> None:
    numbers = itertools.count()

    @(SLOWLY if form == "xlsx" else BRIEFLY)
    @given(typed())
    def holds(frame: pl.DataFrame) -> None:
        path = written(tmp_path / f"{next(numbers)}.{form}", frame, OutputOptions(form))
        if not any(cell is not None for row in frame.rows() for cell in row):
            return  # nothing but blank rows is no table to our readers
        chunks = [chunk.frame for chunk in open_table(path, FileOptions()).chunks()]
        filled = frame.filter(pl.any_horizontal(pl.all().is_not_null()))
        assert understood(pl.concat(chunks).cast(pl.String)) == filled.rows()

    holds()


@SLOWLY
@given(typed())
def test_a_workbook_is_typed(tmp_path: Path, frame: pl.DataFrame) -> None:
    path = written(tmp_path / "x.xlsx", frame, OutputOptions("xlsx"))
    rows = openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True)
    for cells_read, cells_written in itertools.zip_longest(rows, frame.rows()):
        for found, meant in zip(cells_read or (None,) * 5, cells_written, strict=True):
            if isinstance(meant, dt.date) and meant.year < 1901:
                assert found is None or isinstance(found, str | dt.date)
            elif type(meant) is int and abs(meant) > 10**15:
                assert found == str(meant)
            elif isinstance(meant, dt.datetime):
                assert found == meant.replace(tzinfo=None)
            elif isinstance(meant, dt.date):
                assert found == dt.datetime(meant.year, meant.month, meant.day)
            else:
                assert found == meant and isinstance(found, bool) == isinstance(meant, bool)


@LAWFUL
@given(tables(), st.sampled_from(["cp1252", "ascii", "iso2022_jp", "utf-32"]))
def test_an_encoding_holds_a_table_or_says_where_it_does_not(
    tmp_path: Path, frame: pl.DataFrame, encoding: str
) -> None:
    lacking = [cell for row in [frame.columns, *frame.rows()] for cell in row if cell and not encodable(cell, encoding)]
    try:
        path = written(tmp_path / "x.csv", frame, OutputOptions("csv", encoding=encoding))
    except UsageProblem as problem:
        assert lacking and problem.message.startswith("row ") and "has no character U+" in problem.message
    else:
        assert not lacking
        if encoding != "iso2022_jp":
            assert read(path, FileOptions(encoding=encoding, delimiter=","))[1] == expected(frame)


def encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


nested = st.lists(
    st.fixed_dictionaries(
        {
            "name": cells,
            "wait": st.none() | st.integers(0, 99),
            "tags": st.none() | st.lists(HARD, max_size=3),
            "variants": st.lists(st.fixed_dictionaries({"subject": cells, "on": st.booleans()}), max_size=2),
        }
    ),
    max_size=3,
)
NESTED = pl.List(
    pl.Struct(
        {
            "name": pl.String,
            "wait": pl.Int64,
            "tags": pl.List(pl.String),
            "variants": pl.List(pl.Struct({"subject": pl.String, "on": pl.Boolean})),
        }
    )
)


@LAWFUL
@given(st.lists(st.none() | nested, min_size=1, max_size=6))
def test_nested_values_stay_what_they_are(tmp_path: Path, values: list[object]) -> None:
    frame = pl.DataFrame([pl.Series("id", range(len(values))), pl.Series("steps", values, NESTED)])
    parquet = written(tmp_path / "x.parquet", frame, OutputOptions("parquet"))
    assert pl.read_parquet(parquet).rows() == frame.rows()
    ndjson = written(tmp_path / "x.ndjson", frame, OutputOptions("ndjson"))
    assert [json.loads(line)["steps"] for line in ndjson.read_bytes().splitlines()] == values
