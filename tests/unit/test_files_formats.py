"""Workbooks, Parquet, NDJSON, and rejects written in kind."""

from __future__ import annotations

import datetime as dt
import json
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from bulkreply.errors import InputChanged, SourceUnreadable
from bulkreply.files.formats import FileOptions, Table, open_table, write_rejects
from bulkreply.files.workbook import WorkbookTable

NAMES = ["Email", "Name", "Phone"]


def book(path: Path, *sheets: tuple[str, Sequence[Sequence[object]]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets:
        page = made.create_sheet(title)
        for row in rows:
            page.append(row)
    made.save(path)
    return path


def rows(table: Table) -> list[tuple[object, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


def problems(*found: tuple[int, int]) -> pl.DataFrame:
    lines = [
        (file, row, "Email", "email", "email.invalid", "no address", hint)
        for file, row in found
        for hint in ("add @", "")
    ]
    names: dict[str, pl.DataType] = {"file": pl.UInt16(), "row": pl.UInt32()}
    names |= dict.fromkeys(["column", "field", "code", "message", "hint"], pl.String())
    return pl.DataFrame(lines, schema=names, orient="row")


def test_a_late_value_below_a_thousand_blanks_survives(tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx", ("S", [NAMES, *[["e@example.com"]] * 2_500, ["z@example.com", None, 491701234567]])
    )
    assert rows(open_table(path, FileOptions()))[-1] == ("z@example.com", None, "491701234567")


def test_numbers_and_times_of_a_workbook_as_text(tmp_path: Path) -> None:
    values = [1e21, 1e-7, 0.1, 12.0, -3, dt.time(9, 30), dt.timedelta(hours=30), "x", " y ", True]
    path = book(tmp_path / "x.xlsx", ("S", [[f"c{n}" for n in range(len(values))], values]))
    expected = ("1" + "0" * 21, "0.0000001", "0.1", "12", "-3", "09:30:00", "30:00:00", "x", " y ", "TRUE")
    assert rows(open_table(path, FileOptions())) == [expected]


def test_sheets_are_found_by_name_and_number_and_the_hidden_are_passed_over(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ("Old", [["a"], ["1"]]), ("Contacts", [["a"], ["2"]]), ("3", [["a"], ["3"]]))
    hidden = openpyxl.load_workbook(path)
    hidden["Old"].sheet_state = "hidden"
    hidden.active = 1
    hidden.save(path)
    read = {sheet: rows(open_table(path, FileOptions(sheet=sheet))) for sheet in (None, "Old", 1, 2, "3", "2")}
    assert read == {None: [("2",)], "Old": [("1",)], 1: [("1",)], 2: [("2",)], "3": [("3",)], "2": [("2",)]}
    with pytest.raises(SourceUnreadable) as caught:
        open_table(path, FileOptions(sheet="contact"))
    assert 'there is no sheet "contact"' in caught.value.message
    assert caught.value.hint == 'did you mean "Contacts"? the workbook has: Old, Contacts, 3'
    with pytest.raises(SourceUnreadable, match="no sheet number 4"):
        open_table(path, FileOptions(sheet=4))


def zip_of(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "")

    return write


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (100 << 20))


def cut(path: Path) -> None:
    book(path, ("S", [NAMES, ["a@example.com"]]))
    path.write_bytes(path.read_bytes()[:-100])


def broken_xml(path: Path) -> None:
    whole = book(path.with_name("whole.xlsx"), ("S", [NAMES, ["a@example.com"]]))
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            text = source.read(entry)
            target.writestr(entry.filename, text[: len(text) // 2] if "sheet1" in entry.filename else text)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (zip_of("a.txt"), "a zip archive, but no Excel workbook"),
        (zip_of("mimetype", "content.xml"), "an OpenDocument file"),
        (zip_of("xl/workbook.bin"), "a binary workbook"),
        (zip_of("xl/workbook.xml"), "damaged or not what it claims"),
        (zip_of("xl/workbook.xml", *[f"x{n}" for n in range(6_000)]), "no honest workbook"),
        (bomb, "would grow from"),
        (cut, "is damaged"),
        (broken_xml, "damaged or not what it claims"),
        (lambda path: path.write_bytes(b"Email\n"), "is no Excel workbook"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (
            lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le")),
            "protected by a password",
        ),
        (lambda path: book(path, ("S", [NAMES])), "a header and no rows"),
        (lambda path: book(path, ("S", [[], NAMES])), r"header \(row 1\) is blank"),
        (lambda path: book(path, ("S", [["a", "b", "a"], [1]])), 'columns A and C are both "a"'),
    ],
)
def test_a_workbook_that_cannot_be_read_gets_one_line(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "x.xlsx"
    make(path)
    spool = tmp_path / "spool"
    spool.mkdir()
    with pytest.raises(SourceUnreadable, match=said) as caught:
        open_table(path, FileOptions(), spool=spool)
    assert "\n" not in caught.value.message
    assert not list(spool.iterdir())


def test_a_child_that_outgrows_its_limits_is_one_line(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ("S", [NAMES, ["a"]]))
    with pytest.raises(SourceUnreadable, match="within the limits of memory and time"):
        WorkbookTable(path, FileOptions(), wall_s=0.01)


def test_the_child_runs_under_a_memory_limit(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "from bulkreply.files.workbook_child import *; limit_process(1 << 28, 60); bytearray(1 << 29)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1 and b"MemoryError" in done.stderr


def test_what_a_workbook_was_converted_to_is_private_and_goes_with_the_table(tmp_path: Path) -> None:
    table = open_table(book(tmp_path / "x.xlsx", ("S", [NAMES, ["a"]])), FileOptions(), spool=tmp_path)
    (folder,) = [entry for entry in tmp_path.iterdir() if entry.is_dir()]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert rows(table) == rows(table) == [("a", None, None)]
    del table
    assert not folder.exists()


def test_parquet_columns_become_text_and_nested_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    when = dt.datetime(2026, 3, 1, 10, 30)
    pl.DataFrame(
        {
            "email": ["a@example.com", None, ""],
            "phone": [491701234567, None, None],
            "old": [491701234567.0, None, 0.5],
            "met": [dt.date(2026, 3, 1), None, None],
            "call": [when, None, when.replace(microsecond=5000)],
            "zoned": pl.Series([when, None, None], dtype=pl.Datetime("us", "Europe/Berlin")),
            "vip": [True, None, False],
            "kind": pl.Series(["x", None, "y"], dtype=pl.Categorical),
            "tags": [["a", "b"], None, []],
            "_code": ["old", "old", "old"],
        }
    ).write_parquet(path)
    (chunk,) = open_table(path, FileOptions()).chunks()
    assert chunk.row_numbers.to_list() == [2, 4]
    first, last = chunk.frame.rows(named=True)
    assert first == {
        "email": "a@example.com",
        "phone": "491701234567",
        "old": "491701234567",
        "met": "2026-03-01",
        "call": "2026-03-01T10:30:00",
        "zoned": "2026-03-01T11:30:00+01:00",
        "vip": "true",
        "kind": "x",
        "tags": ["a", "b"],
    }
    assert (last["email"], last["old"], last["call"], last["vip"]) == (None, "0.5", "2026-03-01T10:30:00.005", "false")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b'[{"a": 1}]', "one JSON array"),
        (b'"x"\n', "no line that is a JSON object"),
    ],
)
def test_ndjson_that_is_none(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(content)
    with pytest.raises(SourceUnreadable, match=said):
        open_table(path, FileOptions())


def test_ndjson_values_keep_their_digits_and_disagreeing_ones_become_json(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        '{"id": 123456789012345678901234567890, "n": 1.5, "ok": true, "odd": {"a": 1}, "deep": [{"x": 1}]}',
        '{"id": 7.0, "n": "", "ok": null, "odd": "plain", "deep": [{"y": "z"}], "late": "here"}',
        "{}",
    ]
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n")
    (chunk,) = open_table(path, FileOptions()).chunks()
    assert chunk.row_numbers.to_list() == [1, 2]
    assert chunk.frame.rows() == [
        ("123456789012345678901234567890", "1.5", "true", '{"a":1}', [{"x": 1, "y": None}], None),
        ("7", None, None, "plain", [{"x": None, "y": "z"}], "here"),
    ]


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


def test_a_row_that_is_gone_from_the_input_is_not_passed_over(tmp_path: Path) -> None:
    source = open_table(write_csv(tmp_path / "in"), FileOptions())
    with pytest.raises(InputChanged, match="no longer holds"):
        write_rejects([source], problems((0, 2), (0, 99)), tmp_path)
    assert not list(tmp_path.glob("rejects*"))
