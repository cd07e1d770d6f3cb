"""Rejects in the source's own format: fed back with the same job they are the rows they came from."""

from __future__ import annotations

import gzip
import json
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from bulkreply.errors import DiskFatal, InputChanged
from bulkreply.files.formats import ERROR_COLUMNS, FileOptions, Table, open_table, write_rejects
from tests.unit.test_files_formats import NAMES, book

MESSY = Path(__file__).parents[2] / "samples" / "messy"
PLAIN = FileOptions()


def rows(table: Table) -> dict[int, tuple[object, ...]]:
    return {
        number: row
        for chunk in table.chunks()
        for number, row in zip(chunk.row_numbers.to_list(), chunk.frame.rows(), strict=True)
    }


def problems(*found: tuple[int, int]) -> pl.DataFrame:
    lines = [
        (file, row, "Email", "email", "email.invalid", "no address", hint)
        for file, row in found
        for hint in ("add @", "")
    ]
    names: dict[str, pl.DataType] = {"file": pl.UInt16(), "row": pl.UInt32()}
    names |= dict.fromkeys(["column", "field", "code", "message", "hint"], pl.String())
    return pl.DataFrame(lines, schema=names, orient="row")


def write_csv(path: Path) -> Path:
    path = path.with_suffix(".csv")
    path.write_text('Email;Name;Phone\r\na@example.com;Ada;+49 1\r\nb;"B;\r\nb";007\r\nc;only\r\n', newline="")
    return path


def write_xlsx(path: Path) -> Path:
    return book(
        path.with_suffix(".xlsx"), ("Fair 2026", [NAMES, ["a", "=1", "+49"], ["b", "B", 7], ["c", "C", "007", "x"]])
    )


def write_parquet(path: Path) -> Path:
    path = path.with_suffix(".parquet")
    pl.DataFrame({"Email": ["a", "b", "c"], "Tags": [["x"], [], ["y", "z"]], "Phone": [1, 2, 3]}).write_parquet(path)
    return path


def write_ndjson(path: Path) -> Path:
    path = path.with_suffix(".ndjson")
    path.write_text('{"Email": "a", "n": 1.10}\n{"Email": "b", "tags": ["x"]}\n{"Email": broken\n')
    return path


@pytest.mark.parametrize("write", [write_csv, write_xlsx, write_parquet, write_ndjson])
def test_rejects_keep_the_format_and_read_back_as_their_rows(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    source = open_table(write(tmp_path / "in"), FileOptions())
    (whole,) = source.chunks()
    broken = [reject.row for reject in whole.rejects]
    chosen = [int(whole.row_numbers[1]), *broken]
    folder = tmp_path / "run"
    folder.mkdir()
    (written,) = write_rejects([source], problems(*[(0, row) for row in chosen]), folder)
    assert written == folder / f"rejects{source.suffix}"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert [entry.name for entry in folder.iterdir()] == [written.name]
    again = open_table(written, FileOptions())
    assert again.dialect == source.dialect or "sheet" in source.dialect
    (chunk,) = again.chunks()
    fixed = chunk.frame.select(source.columns) if set(source.columns) <= set(again.columns) else chunk.frame
    expected = whole.frame.slice(1, 1).select(fixed.columns)
    assert fixed.row(0) == expected.row(0)
    assert chunk.frame.height + len(chunk.rejects) == len(chosen)


def test_all_problems_of_a_row_stand_in_its_line(tmp_path: Path) -> None:
    source = open_table(write_csv(tmp_path / "in"), FileOptions())
    (written,) = write_rejects([source], problems((0, 2), (0, 4)), tmp_path)
    lines = written.read_bytes().decode().split("\r\n")
    assert lines[0] == "Email;Name;Phone;_row;_code;_field;_message;_hint"
    twice = '"email.invalid; email.invalid";"email; email";"no address; no address";add @'
    assert lines[1] == f"a@example.com;Ada;'+49 1;2;{twice}"
    assert lines[2] == f"c;only;;4;{twice}"


def test_broken_rows_stand_in_their_places_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("".join(f"{n},x\n" if n % 3 else f"{n}\n" for n in range(1, 40)))
    path.write_text("a,b\n" + path.read_text())
    source = open_table(path, FileOptions())
    (written,) = write_rejects([source], problems(*[(0, row) for row in range(2, 41)]), tmp_path)
    lines = written.read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == [str(n) for n in range(1, 40)]
    assert [line.split(",")[2] for line in lines] == [str(n) for n in range(2, 41)]


def test_a_workbook_of_rejects_holds_text_and_no_formulas(tmp_path: Path) -> None:
    source = open_table(write_xlsx(tmp_path / "in"), FileOptions())
    (written,) = write_rejects([source], problems((0, 3), (0, 4)), tmp_path)
    sheet = openpyxl.load_workbook(written)["Fair 2026"]
    assert [cell.value for cell in sheet[2]][:4] == ["b", "B", "7", "3"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}


def test_a_line_that_is_no_json_follows_the_note_about_it(tmp_path: Path) -> None:
    source = open_table(write_ndjson(tmp_path / "in"), FileOptions())
    (written,) = write_rejects([source], problems((0, 1), (0, 3)), tmp_path)
    first, note, broken = written.read_text().splitlines()
    assert first.startswith('{"Email": "a", "n": 1.10,')
    assert json.loads(note)["_row"] == 3
    assert broken == '{"Email": broken'


def test_several_files_get_a_rejects_file_each_and_clean_ones_none(tmp_path: Path) -> None:
    tables = [open_table(write_csv(tmp_path / name), FileOptions(), file=n) for n, name in enumerate("abc")]
    written = write_rejects(tables, problems((2, 3), (0, 2)), tmp_path)
    assert [path.name for path in written] == ["rejects.csv", "rejects-3.csv"]


def nested(path: Path, height: int = 50) -> Path:
    numbers = range(height)
    pl.DataFrame(
        {
            "Email": [f"e{n}@example.com" for n in numbers],
            "Tags": [[f"t{n % 3}", None] if n % 2 else None for n in numbers],
            "Address": [{"city": "x", "geo": {"lat": n / 3, "names": ["a"]}} if n % 5 else None for n in numbers],
            "Deals": [[{"id": n, "open": True}] for n in numbers],
            "Kind": pl.Series([f"k{n % 700}" for n in numbers], dtype=pl.Categorical),
            "Size": pl.Series([n % 200 for n in numbers], dtype=pl.UInt8),
        }
    ).write_parquet(path)
    return path


def test_nested_parquet_keeps_its_types_and_values(tmp_path: Path) -> None:
    path = nested(tmp_path / "in.parquet", 120_000)  # more than one slice of the reader
    chosen = [2, 7, 60_000, 120_001]
    (written,) = write_rejects([open_table(path, PLAIN)], problems(*[(0, row) for row in chosen]), tmp_path)
    back = pl.read_parquet(written)
    assert back.columns[-5:] == list(ERROR_COLUMNS)
    source = pl.read_parquet(path)
    assert back.select(source.columns).equals(source[[row - 2 for row in chosen]])
    assert back.select(source.columns).schema == source.schema
    assert back["_row"].to_list() == chosen


def text(content: str, encoding: str = "utf-8", *, compress: bool = False) -> Callable[[Path], object]:
    whole = content.encode(encoding)
    return lambda path: path.write_bytes(gzip.compress(whole) if compress else whole)


def sample(name: str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes((MESSY / name).read_bytes())


CONTACTS = 'Email;Name\r\na@example.com;"Ada; Lovelace"\r\nz@example.com;Zo\xeb\r\n'
LINES = '{"Email": "a@example.com", "n": 1.10}\n{"Email": "Zo\xeb", "n": 12345678901234567890123}\n'
ODD = ["_x000D_", "_x005F_x000D_", " lead", "a\nb", "a\tb", "=1+1", "'x", "http://x.example", "0044", "1E5", "&<>"]


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("x.csv", text(CONTACTS), PLAIN),
        ("x.csv", text("\ufeff" + CONTACTS), PLAIN),
        ("x.csv.gz", text(CONTACTS, compress=True), PLAIN),
        ("x.csv", text(CONTACTS, "cp1252"), PLAIN),
        ("x.csv", text(CONTACTS, "utf-16"), PLAIN),
        ("x.csv", text(CONTACTS, "utf-16-be"), PLAIN),
        ("x.csv", text(CONTACTS, "utf-16-le"), FileOptions(encoding="utf-16-le")),
        ("x.tsv", text(CONTACTS.replace(";", "\t")), PLAIN),
        ("x.csv", text("Contacts\n\n\n" + CONTACTS), FileOptions(header_row=4)),
        ("x.tsv", text("Contacts\n" + CONTACTS.replace(";", "\t")), FileOptions(header_row=2)),
        ("x.csv", text("sep=;\r\n" + CONTACTS), PLAIN),
        ("x.csv", text("sep=;\r\ntitle\r\n" + CONTACTS), FileOptions(header_row=2)),
        ("x.csv", text('Email,"To,\nName"\na,b\n'), FileOptions(header_row=1, delimiter=",")),
        ("x.csv", text('t\nEmail,"To,\nName"\na,b\n'), FileOptions(header_row=2)),
        ("x.csv", text("Email,Note\na,'=x,y'\n-1,'a''z'\n"), FileOptions(quote="'")),
        ("x.csv", text('Email,Note\na,6" pipe\n-1,"z\n'), FileOptions(quote="")),
        ("x.csv", text("Email\na;b\nc|d\n"), PLAIN),
        ("x.csv", text("=Email,+Name\n=1,'=2\n"), PLAIN),
        ("x.ndjson", text(LINES), PLAIN),
        ("x.ndjson", text("\ufeff" + LINES), PLAIN),
        ("x.jsonl.gz", text(LINES, compress=True), PLAIN),
        ("x.ndjson", text(LINES, "cp1252"), FileOptions(encoding="cp1252")),
        ("x.ndjson", text(LINES, "utf-16"), FileOptions(encoding="utf-16")),
        ("x.xlsx", lambda path: book(path, ("S", [["Email", "n"], *[[odd, 7] for odd in ODD]])), PLAIN),
        ("x.xlsx", lambda path: book(path, ("S", [["t"], NAMES, ["a"], ["b", 2]])), FileOptions(header_row=2)),
        ("x.xlsx", sample("dates_phones.xlsx"), FileOptions(sheet=2)),
        ("x.xlsx", sample("dates_phones.xlsx"), FileOptions(sheet="Archive")),
        ("x.parquet", nested, PLAIN),
    ],
)
def test_fed_back_with_the_same_options_the_rows_are_the_same(
    tmp_path: Path, name: str, make: Callable[[Path], object], options: FileOptions
) -> None:
    make(tmp_path / name)
    source = open_table(tmp_path / name, options)
    for generation in ("first", "second"):
        folder = tmp_path / generation
        folder.mkdir()
        before = rows(source)
        (written,) = write_rejects([source], problems(*[(0, row) for row in before]), folder)
        again = open_table(written, options)
        assert again.columns == source.columns
        assert list(rows(again).values()) == list(before.values())
        assert [entry.name for entry in folder.iterdir()] == [f"rejects{source.suffix}"]
        same = ["format", "quote", "line ends", "compression", "encoding"] + ["delimiter"] * (len(source.columns) > 1)
        assert [again.dialect.get(key) for key in same] == [source.dialect.get(key) for key in same]
        source = again


def test_a_sheet_name_no_spreadsheet_program_allows_is_tamed(tmp_path: Path) -> None:
    from bulkreply.files.workbook_writer import write_workbook

    for wanted, made in [("a/b[c]", "a b c "), ("x" * 40, "x" * 31), ("'", "Rejects")]:
        write_workbook(iter([pl.DataFrame({"a": ["1"]})]), tmp_path / "x.xlsx", wanted)
        assert openpyxl.load_workbook(tmp_path / "x.xlsx").sheetnames == [made]


def every_format(folder: Path, height: int) -> list[Path]:
    frame = pl.DataFrame({"Email": [f"e{n * 7919}@example.com" for n in range(height)]})
    frame.write_csv(folder / "x.csv")
    frame.write_ndjson(folder / "x.ndjson")
    frame.write_parquet(folder / "x.parquet")
    (folder / "x.csv.gz").write_bytes(gzip.compress((folder / "x.csv").read_bytes()))
    book(folder / "x.xlsx", ("S", [["Email"], *[list(row) for row in frame.iter_rows()]]))
    return sorted(folder.iterdir())


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tables = [open_table(path, PLAIN) for path in every_format(tmp_path, 3_000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for table in tables:
        folder = tmp_path / f"run{table.suffix}"
        folder.mkdir()
        found = problems(*[(0, row) for row in range(2, 3_000)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, limits[1]))
        try:
            with pytest.raises(DiskFatal, match=f"rejects{table.suffix} cannot be written: File too large"):
                write_rejects([table], found, folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not list(folder.iterdir())


def test_a_row_that_is_gone_from_the_input_is_not_passed_over(tmp_path: Path) -> None:
    tables = [open_table(path, PLAIN) for path in every_format(tmp_path, 3)]
    for position in range(len(tables)):
        for gone in ((position, 99),), ((position, 2), (position, 99)):
            with pytest.raises(InputChanged, match="no longer holds"):
                write_rejects(tables, problems(*gone), tmp_path)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("x.")]
