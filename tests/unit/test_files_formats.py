"""Workbooks, Parquet and NDJSON."""

from __future__ import annotations

import datetime as dt
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from bulkreply.errors import SourceUnreadable
from bulkreply.files.formats import FileOptions, Table, open_table
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


def test_what_xml_cannot_hold_is_unescaped(tmp_path: Path) -> None:
    values = ["a_x000D_\nb", "_x005F_x000D_", "_x0041_", "_xD83D_", "_x12_", "x_x", "_X000D_"]
    path = book(tmp_path / "x.xlsx", ("S", [[f"c{n}" for n in range(len(values))], values]))
    expected = ("a\r\nb", "_x000D_", "A", "_xD83D_", "_x12_", "x_x", "_X000D_")
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


def test_a_line_nested_beyond_reason_is_a_reject_and_depth_within_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    levels = [63, 64, 900, 100_000]  # below the object of the line
    path.write_text("".join('{"a": ' + "[" * depth + "]" * depth + "}\n" for depth in levels) + '{"a": [[], [[]]]}\n')
    (chunk,) = open_table(path, FileOptions()).chunks()
    assert chunk.row_numbers.to_list() == [1, 5]
    assert [(reject.row, reject.code) for reject in chunk.rejects] == [(row, "row.json") for row in (2, 3, 4)]
    assert chunk.rejects[0].message.startswith("the line is nested deeper than 64 levels: ")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pl.DataFrame({"a": []}, schema={"a": pl.String}), "has columns and no rows"),
        (pl.DataFrame({"a": [b"x"]}), "column a holds raw bytes"),
        (pl.DataFrame({" a": ["x"], "a ": ["x"]}), 'columns A and B are both "a"'),
    ],
)
def test_parquet_that_is_no_table(tmp_path: Path, frame: pl.DataFrame, said: str) -> None:
    path = tmp_path / "x.parquet"
    frame.write_parquet(path)
    with pytest.raises(SourceUnreadable, match=said):
        open_table(path, FileOptions())


@pytest.mark.parametrize("content", [b"", b"Email,Name\n", b"PAR1" + bytes(90) + b"PAR1"])
def test_what_is_no_parquet_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(SourceUnreadable, match=r"^x\.parquet is damaged, or no Parquet file$") as caught:
        open_table(path, FileOptions())
    assert caught.value.__cause__ is None


def test_half_a_character_in_a_line_with_long_numbers_is_a_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text('{"a": "\\ud800", "n": 12345678901234567890}\n{"a": "b", "n": NaN}\n{"a": "c"}\n')
    (chunk,) = open_table(path, FileOptions()).chunks()
    assert [reject.row for reject in chunk.rejects] == [1, 2]
    assert chunk.frame["a"].to_list() == ["c"]


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
