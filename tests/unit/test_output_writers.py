"""Files on the way out: what their bytes are, what is refused, and what is left behind when it fails."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import pty
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.files.formats import FileOptions, open_table
from bulkreply.files.output import OutputOptions, is_compressed, open_writer, open_writer_to, output_format
from bulkreply.files.workbook_writer import CELL_CHARACTERS, WorkbookWriter
from tests.support import REPOSITORY

FORMATS = ["csv", "tsv", "xlsx", "parquet", "ndjson"]
SOME = pl.DataFrame(
    {
        "id": [7, None, -3],
        "name": ["=1+1", None, ""],
        "score": [1.0, 0.1, None],
        "out": [True, False, None],
        "day": [dt.date(2026, 3, 1), None, dt.date(1850, 1, 1)],
        "at": [dt.datetime(2026, 3, 1, 10, 0, 0, 120_000), None, dt.datetime(2026, 3, 1)],
    }
).with_columns(pl.col("at").dt.replace_time_zone("UTC"))


def write(path: Path, frame: pl.DataFrame, options: OutputOptions) -> bytes:
    writer = open_writer(path, frame.schema, options)
    writer.write(frame)
    writer.close()
    return path.read_bytes()


def text_of(path: Path, frame: pl.DataFrame, **options: Any) -> str:
    return write(path, frame, OutputOptions("csv", **options)).decode()


def test_csv_is_plain_and_tells_null_from_empty(tmp_path: Path) -> None:
    assert text_of(tmp_path / "x.csv", SOME) == (
        "id,name,score,out,day,at\n"
        "7,'=1+1,1,true,2026-03-01,2026-03-01T10:00:00.120+00:00\n"
        ",,0.1,false,,\n"
        '-3,"",,,1850-01-01,2026-03-01T00:00:00+00:00\n'
    )


def test_ndjson_has_every_column_in_every_line(tmp_path: Path) -> None:
    assert write(tmp_path / "x.ndjson", SOME, OutputOptions("ndjson")).decode().splitlines()[::2] == [
        '{"id":7,"name":"=1+1","score":1.0,"out":true,"day":"2026-03-01","at":"2026-03-01T10:00:00.120+00:00"}',
        '{"id":-3,"name":"","score":null,"out":null,"day":"1850-01-01","at":"2026-03-01T00:00:00+00:00"}',
    ]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", SOME, OutputOptions("parquet"))
    assert pl.read_parquet(tmp_path / "x.parquet").equals(SOME)


def test_a_workbook_has_types_and_no_formulas(tmp_path: Path) -> None:
    write(tmp_path / "x.xlsx", SOME, OutputOptions("xlsx", sheet="Contacts"))
    page = openpyxl.load_workbook(tmp_path / "x.xlsx")["Contacts"]
    assert [[cell.value for cell in row] for row in page.iter_rows()] == [
        SOME.columns,
        [7, "=1+1", 1, True, dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 1, 10, 0, 0, 120_000)],
        [None, None, 0.1, False, None, None],
        [-3, "", None, None, "1850-01-01", dt.datetime(2026, 3, 1)],
    ]
    assert not [cell for row in page.iter_rows() for cell in row if cell.data_type == "f"]
    assert page["E2"].number_format == "yyyy-mm-dd" and page["F2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert page.freeze_panes == "A2" and page.column_dimensions["F"].width > 18


def test_text_that_looks_like_markup_formula_or_number_stays_text(tmp_path: Path) -> None:
    texts = [
        "<r><t>x</t></r>",
        "=cmd|' /C calc'!A0",
        "007",
        "1e5",
        "https://x.example",
        "_x000D_",
        "a\x00\r\nb",
        "TRUE",
    ]
    write(tmp_path / "x.xlsx", pl.DataFrame({"t": texts}), OutputOptions("xlsx"))
    table = open_table(tmp_path / "x.xlsx", FileOptions())
    assert [text for chunk in table.chunks() for text in chunk.frame["t"]] == texts


@pytest.mark.parametrize("form", ["csv", "tsv", "xlsx", "ndjson", "parquet"])
def test_letters_of_many_lines_are_read_back(tmp_path: Path, form: str) -> None:
    letter = "<table>\r\n" + '  <td style="x">=1, 2</td>\n' * (1_000 if form == "xlsx" else 4_000)
    frame = pl.DataFrame({"id": ["007", "008", "009"], "body": [letter, "'=", letter[::-1]]})
    write(tmp_path / "x", frame, OutputOptions(form))
    rows = [
        row for chunk in open_table(tmp_path / "x", FileOptions(format=form)).chunks() for row in chunk.frame.rows()
    ]
    assert rows == frame.rows()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"delimiter": ";", "line_end": "\r\n", "bom": True}, '\ufeffa;b\r\n"x;""y";é\r\n;\r\n'),
        ({"header": False}, '"x;""y",é\n,\n'),
        ({"quote": "'"}, "a,b\nx;\"y,é\n,\n"),
        ({"null_text": "NULL"}, 'a,b\n"x;""y",é\nNULL,NULL\n'),
        ({"null_text": "é"}, 'a,b\n"x;""y","é"\né,é\n'),
        ({"quote": ""}, 'a,b\nx;"y,é\n,\n'),
    ],
)  # fmt: skip
def test_dialects(tmp_path: Path, options: dict[str, Any], wanted: str) -> None:
    frame = pl.DataFrame({"a": ['x;"y', None], "b": ["é", None]})
    assert text_of(tmp_path / "x.csv", frame, **options) == wanted


def test_tsv_has_tabs(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x\ty", "1"], "b": ["\t2", "-1"]})
    text = write(tmp_path / "x.tsv", frame, OutputOptions("tsv")).decode()
    assert text == 'a\tb\n"x\ty"\t"\'\t2"\n1\t\'-1\n'


def test_other_encodings(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["é"]})
    assert write(tmp_path / "x.csv", frame, OutputOptions("csv", encoding="cp1252")) == b"a\n\xe9\n"
    assert write(tmp_path / "x.csv", frame, OutputOptions("csv", encoding="utf-16")) == "\ufeffa\né\n".encode(
        "utf-16-le"
    )
    assert write(tmp_path / "x.csv", frame, OutputOptions("csv", encoding="utf-16-be")) == "a\né\n".encode("utf-16-be")
    assert write(tmp_path / "x.csv", frame, OutputOptions("csv", encoding="utf-8-sig")) == "\ufeffa\né\n".encode()


def test_formulas_are_left_alone_on_request_and_numbers_always(tmp_path: Path) -> None:
    frame = pl.DataFrame({"=a": ["=1", "'=1"], "n": [-1, -2]})
    assert text_of(tmp_path / "x.csv", frame) == "'=a,n\n'=1,-1\n''=1,-2\n"
    assert text_of(tmp_path / "x.csv", frame, formula_safe=False) == "=a,n\n=1,-1\n'=1,-2\n"


@pytest.mark.parametrize("form", ["csv", "tsv", "ndjson"])
def test_gzip_is_the_same_text_and_always_the_same_bytes(tmp_path: Path, form: str) -> None:
    plain = write(tmp_path / "x", SOME, OutputOptions(form))
    packed = write(tmp_path / "x.gz", SOME, OutputOptions(form, gzip=True))
    assert gzip.decompress(packed) == plain
    assert write(tmp_path / "other.gz", SOME, OutputOptions(form, gzip=True)) == packed


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_are_a_file_too(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x.{form}"
    octets = write(path, SOME.clear(), OutputOptions(form))
    match form:
        case "parquet":
            assert pl.read_parquet(path).equals(SOME.clear())
        case "xlsx":
            assert [cell.value for cell in openpyxl.load_workbook(path).active[1]] == SOME.columns
        case "ndjson":
            assert octets == b""
        case _:
            assert octets.decode() == ("\t" if form == "tsv" else ",").join(SOME.columns) + "\n"


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_private_and_nothing_lies_beside_them(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x.part"
    path.write_bytes(b"older, longer, and open to all" * 10_000)
    path.chmod(0o644)
    left = tmp_path / "x.part.rows"
    left.mkdir()
    (left / "of a killed run").touch()
    writer = open_writer(path, SOME.schema, OutputOptions(form))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for _ in range(3):
        writer.write(SOME)
    if form in ("xlsx", "parquet"):
        assert stat.S_IMODE(left.stat().st_mode) == 0o700
        assert not (left / "of a killed run").exists()
    else:
        (left / "of a killed run").unlink()
        left.rmdir()
    writer.close()
    writer.close()
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = [row for chunk in open_table(path, FileOptions(format=form)).chunks() for row in chunk.frame.rows()]
    assert len(rows) == 9


def test_sheets_follow_each_other(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": range(10), "t": [f"t{n}" for n in range(10)]})
    with (tmp_path / "x.xlsx").open("wb") as out:
        writer = WorkbookWriter(out, frame.schema, tmp_path, sheet="con/tacts" + "s" * 30, sheet_rows=4)
        for piece in (frame.head(5), frame.slice(5, 1), frame.slice(6)):
            writer.write(piece)
        writer.close()
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == ["con tacts" + "s" * 22, *(f"con tacts{'s' * 20} {number}" for number in (2, 3, 4))]
    rows = [[cell.value for cell in row] for page in book for row in page.iter_rows(min_row=2)]
    assert rows == [list(row) for row in frame.rows()]
    assert all([cell.value for cell in page[1]] == ["n", "t"] for page in book)


def test_a_text_too_long_for_a_cell_is_refused_and_named(tmp_path: Path) -> None:
    fits, emoji = "x" * CELL_CHARACTERS, "😀" * (CELL_CHARACTERS // 2)
    write(tmp_path / "x.xlsx", pl.DataFrame({"a": [fits], "b": [emoji]}), OutputOptions("xlsx"))
    table = open_table(tmp_path / "x.xlsx", FileOptions())
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == [(fits, emoji)]
    for long in (fits + "x", emoji + "xx"):
        frame = pl.DataFrame({"a": ["1", "2"], "notes": [None, long]})
        with pytest.raises(UsageProblem, match=r"^row 3, column notes: the text is longer than the 32,767") as caught:
            write(tmp_path / "y.xlsx", frame, OutputOptions("xlsx"))
        assert "CSV" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.xlsx", "y.xlsx"]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        ({"a": ["x", "y,z"]}, {"quote": ""}, "row 3, column a: it holds a delimiter or a line end"),
        ({"a": ["x"], "b,c": ["y"]}, {"quote": ""}, "row 1, column b,c: it holds a delimiter"),
        ({"a": ["x", "NULL"]}, {"quote": "", "null_text": "NULL"}, "row 3, column a: its text is the one that stands"),
        ({"a": ["é", "€", "中"]}, {"encoding": "cp1252"}, "row 4, column a: cp1252 has no character U+4E2D"),
        ({"a": ["x"], "中": ["y"]}, {"encoding": "ascii"}, "row 1, column 中: ascii has no character U+4E2D"),
        ({"a": [None]}, {"encoding": "ascii", "null_text": "中"}, "null_text: ascii has no character U+4E2D"),
    ],
)
def test_what_a_dialect_cannot_hold_is_refused_and_named(
    tmp_path: Path, frame: dict[str, list[str]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        text_of(tmp_path / "x.csv", pl.DataFrame(frame, schema=dict.fromkeys(frame, pl.String)), **options)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, 'format "xml" is not known'),
        ({"format": "xlsx", "gzip": True}, "xlsx files are compressed inside"),
        ({"format": "parquet", "gzip": True}, "parquet files are compressed inside"),
        ({"format": "csv", "delimiter": ""}, "delimiter '' cannot be used"),
        ({"format": "csv", "delimiter": "::"}, "delimiter '::' cannot be used"),
        ({"format": "csv", "delimiter": "e"}, "delimiter 'e' cannot be used"),
        ({"format": "csv", "delimiter": "-"}, "delimiter '-' cannot be used"),
        ({"format": "csv", "delimiter": "§"}, "delimiter '§' cannot be used"),
        ({"format": "csv", "quote": ","}, "quote ',' cannot be used: it is the delimiter too"),
        ({"format": "csv", "line_end": "|"}, "line_end '|' cannot be used"),
        ({"format": "csv", "null_text": "a,b"}, "null_text 'a,b' cannot be used"),
        ({"format": "csv", "encoding": "klingon"}, 'encoding "klingon" is not known'),
        ({"format": "csv", "encoding": "base64"}, 'encoding "base64" is not known'),
        ({"format": "csv", "encoding": "cp1252", "bom": True}, "bom 'cp1252' cannot be used"),
    ],
)
def test_options_that_cannot_be_met(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        open_writer(tmp_path / "x", SOME.schema, OutputOptions(**options))
    assert caught.value.message.startswith(message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["csv", "tsv", "xlsx"])
def test_nested_values_have_no_place_in_tables(tmp_path: Path, form: str) -> None:
    schema = pl.Schema({"id": pl.Int64(), "steps": pl.List(pl.String())})
    with pytest.raises(UsageProblem, match=f"{form} has no place for the nested values of column steps"):
        open_writer(tmp_path / "x", schema, OutputOptions(form))


def test_too_many_columns_for_a_sheet(tmp_path: Path) -> None:
    schema = pl.Schema({str(number): pl.String() for number in range(16_385)})
    with pytest.raises(UsageProblem, match="16,384 columns, not 16,385"):
        open_writer(tmp_path / "x", schema, OutputOptions("xlsx"))
    with pytest.raises(UsageProblem, match="no column"):
        open_writer(tmp_path / "x", pl.Schema(), OutputOptions("csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_frame_of_other_columns_and_one_too_late(tmp_path: Path, form: str) -> None:
    writer = open_writer(tmp_path / "x", SOME.schema, OutputOptions(form))
    with pytest.raises(ValueError, match="other columns"):
        writer.write(SOME.select("name", "id"))
    writer.write(SOME)
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(SOME)


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("out/contacts.csv", None, "csv"),
        ("A.CSV.GZ", None, "csv"),
        ("a.tsv", None, "tsv"),
        ("a.jsonl.gz", None, "ndjson"),
        ("a.ndjson", None, "ndjson"),
        ("a.xlsx", None, "xlsx"),
        ("a.parquet", None, "parquet"),
        ("a.csv", "parquet", "parquet"),
        ("contacts", "ndjson", "ndjson"),
        ("-", None, "csv"),
        ("-", "xlsx", "xlsx"),
    ],
)
def test_the_ending_says_the_format(name: str, wanted: str | None, found: str) -> None:
    assert output_format(name, wanted) == found
    assert is_compressed(name) == name.lower().endswith(".gz")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("contacts", None), ("a.xls", None), ("a.ods", None), ("a.gz", None), ("a.xlsx.gz", None), ("a.csv", "xml"),
     ("a.parquet.gz", "parquet"), ("a.docx", None)],
)  # fmt: skip
def test_formats_that_cannot_be_written(name: str, wanted: str | None) -> None:
    with pytest.raises(UsageProblem) as caught:
        output_format(name, wanted)
    assert caught.value.hint


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Files of this process may not grow beyond so many bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("size_bytes", [0, 2_000, 9_000])
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_said_once_and_nothing_is_completed_after(
    tmp_path: Path, form: str, size_bytes: int, gz: bool
) -> None:
    options = OutputOptions(form, gzip=gz and form in ("csv", "tsv", "ndjson"))
    numbers = pl.DataFrame({"n": [str(n * 7_919 % 1_000_003) for n in range(60_000)]})
    with room_for(size_bytes):
        with pytest.raises(DiskFatal, match=r"^x\.part cannot be written: File too large$"):
            write(tmp_path / "x.part", numbers, options)
        assert [path.name for path in tmp_path.iterdir()] == ["x.part"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_abandoned_is_never_completed(tmp_path: Path, form: str) -> None:
    writer = open_writer(tmp_path / "x.part", SOME.schema, OutputOptions(form))
    writer.write(SOME)
    writer.abandon()
    before = (tmp_path / "x.part").read_bytes()
    writer.close()
    assert (tmp_path / "x.part").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.part"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for form in FORMATS:
        with pytest.raises(DiskFatal, match=r"^x cannot be written: No such file or directory$"):
            open_writer(tmp_path / "none" / "x", SOME.schema, OutputOptions(form))


TO_STDOUT = """
import sys
import polars as pl
from bulkreply.files.output import OutputOptions, open_writer_to
frame = pl.DataFrame({"id": [1, 2], "name": ["é", "=1"]})
writer = open_writer_to(sys.stdout.buffer, frame.schema, OutputOptions(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    writer.write(frame)
writer.close()
sys.stdout.buffer.write(b"")
"""


def to_stdout(form: str, times: int, folder: Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)}
    command = [sys.executable, "-c", TO_STDOUT, form, str(times)]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_gets_the_same_table(tmp_path: Path, form: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    octets, said = to_stdout(form, 3, scratch).communicate()
    assert said == b"" and not list(scratch.iterdir())
    (tmp_path / "x").write_bytes(octets)
    table = open_table(tmp_path / "x", FileOptions(format=form))
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == [("1", "é"), ("2", "=1")] * 3


def test_a_reader_that_went_away_ends_it_in_good_order(tmp_path: Path) -> None:
    for form in FORMATS:
        process = to_stdout(form, 30_000 if form in ("csv", "tsv", "ndjson") else 300, tmp_path)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait() == 1
        assert "BrokenPipeError: [Errno 32] Broken pipe" in said.splitlines()[-1]
        assert not list(tmp_path.iterdir())


def test_a_terminal_gets_text_only() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "wb", buffering=0) as terminal:
        for options in (OutputOptions("xlsx"), OutputOptions("parquet"), OutputOptions("csv", gzip=True)):
            with pytest.raises(UsageProblem, match="nothing for a terminal"):
                open_writer_to(terminal, SOME.schema, options)
        writer = open_writer_to(terminal, SOME.schema, OutputOptions("csv"))
        writer.close()
        assert os.read(leader, 100).strip() == ",".join(SOME.columns).encode()
    os.close(leader)


def test_a_stream_stays_open() -> None:
    for form in FORMATS:
        stream = io.BytesIO()
        writer = open_writer_to(stream, SOME.schema, OutputOptions(form))
        writer.write(SOME)
        writer.close()
        assert not stream.closed and stream.getvalue()
