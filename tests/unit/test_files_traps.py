"""Every trap of samples/messy, and what bulkreply says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkreply.errors import SourceUnreadable
from bulkreply.files.formats import FileOptions, Table, open_table

MESSY = Path(__file__).parents[2] / "samples" / "messy"
PLAIN = FileOptions()
NAMES = ("First Name", "Last Name", "Email", "Company", "Phone")


def rows(table: Table) -> dict[int, tuple[object, ...]]:
    return {
        number: row
        for chunk in table.chunks()
        for number, row in zip(chunk.row_numbers.to_list(), chunk.frame.rows(), strict=True)
    }


def rejects(table: Table) -> list[tuple[int, str]]:
    return [(reject.row, reject.code) for chunk in table.chunks() for reject in chunk.rejects]


@pytest.mark.parametrize(
    ("name", "options", "numbers", "bad", "shown"),
    [
        ("bom.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"encoding": "utf-8 (byte order mark)"}),
        ("utf16.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"encoding": "utf-16-le (byte order mark)", "format": "tsv"}),
        ("cp1252.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"encoding": "cp1252 (detected: not UTF-8)"}),
        ("cp1252_gap.csv", PLAIN, [2, 3, 4, 6, 7], [(5, "row.encoding")], {"delimiter": "; (detected)"}),
        (
            "mixed_encoding.csv",
            PLAIN,
            [2, 3, 4, 6, 7],
            [(5, "row.encoding")],
            {"encoding": "utf-8 (detected; lines that are not: 1)"},
        ),
        ("semicolon.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"delimiter": "; (detected)"}),
        ("sep_line.csv", PLAIN, [2], [], {"delimiter": "; (from the sep= line)"}),
        ("crlf.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"line ends": "CRLF"}),
        ("cr_only.csv", PLAIN, [2, 3, 4, 5, 6, 7], [], {"line ends": "CR"}),
        ("mixed_line_ends.csv", PLAIN, [2, 3, 4], [], {}),
        ("quoted_newlines.csv", PLAIN, [2, 3, 4], [], {"quote": '"'}),
        ("ragged.csv", PLAIN, [2, 4, 6], [(3, "row.ragged"), (5, "row.ragged")], {}),
        ("bad_quote.csv", PLAIN, [2, 4, 6, 7], [(3, "row.quote"), (5, "row.quote")], {}),
        ("blank_lines.csv", PLAIN, [2, 5, 7], [], {}),
        ("title_rows.csv", FileOptions(header_row=4), [5, 6, 7, 8, 9, 10], [], {}),
        ("contacts.csv.gz", PLAIN, [2, 3, 4, 5, 6, 7], [], {"compression": "gzip"}),
        ("formulas.csv", PLAIN, [2, 3, 4], [], {}),
        ("title_rows.xlsx", FileOptions(header_row=4), [5, 6, 7], [], {"sheet": "Contacts (1 of 1)"}),
        ("blank_rows.xlsx", PLAIN, [2, 5, 9], [], {"format": "xlsx"}),
    ],
)
def test_a_messy_file_is_read_with_true_row_numbers(
    name: str, options: FileOptions, numbers: list[int], bad: list[tuple[int, str]], shown: dict[str, str]
) -> None:
    table = open_table(MESSY / name, options)
    assert table.columns == NAMES
    found = rows(table)
    assert list(found) == numbers
    assert rejects(table) == bad
    assert shown.items() <= table.dialect.items()
    assert all(row[2] is not None and str(row[2]).count("@") == 1 for row in found.values())
    assert table.size_bytes == (MESSY / name).stat().st_size


@pytest.mark.parametrize("name", ["bom.csv", "utf16.csv", "cp1252.csv", "cr_only.csv", "contacts.csv.gz"])
def test_letters_beyond_ascii_survive(name: str) -> None:
    assert rows(open_table(MESSY / name, PLAIN))[4][:4] == (
        "Zoë",
        "Müller",
        "zoe.mueller@example.net",
        "Köln Werkzeuge",
    )


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("empty.csv", "is empty", ""),
        ("header_only.csv", "has a header and no rows", ""),
        ("duplicate_headers.csv", 'columns C and F are both "Email"', "name of its own"),
        ("empty_header.csv", "has no name in column D", "header_row"),
        ("not_a_csv.csv", "looks like a zip archive or an Excel workbook", "ending"),
        ("cut_short.csv.gz", "gzip compression is damaged or cut short", "again"),
        ("title_rows.csv", "has no name in columns B, C, D and E", "header_row"),
        ("old_kind.xls", "a workbook of the old kind (.xls)", "save it as .xlsx"),
        ("broken.parquet", "is damaged, or no Parquet file", "again"),
        ("contacts.cvs.gz", "there is no file", "did you mean contacts.csv.gz"),
        ("", "is a folder", "pattern"),
    ],
)
def test_an_unreadable_file_gets_one_clear_line(name: str, said: str, hint: str) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        open_table(MESSY / name, PLAIN)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("path", sorted(MESSY.iterdir()), ids=lambda path: path.name)
def test_no_messy_file_ends_in_a_traceback_and_each_is_described(path: Path) -> None:
    if path.name == "README.md":
        return
    assert f"| `{path.name}` |" in (MESSY / "README.md").read_text()
    try:
        table = open_table(path, PLAIN)
    except SourceUnreadable as refused:
        assert refused.hint
    else:
        assert rows(table) or rejects(table)


def test_leading_zeros_long_numbers_and_exponents_stay_as_written() -> None:
    found = rows(open_table(MESSY / "leading_zeros.csv", PLAIN))
    assert found[2][3:] == ("0044123", "00442079460001")
    assert found[3][3:] == ("1E10", "12025550102")


def test_cells_escaped_by_our_writers_are_restored_and_others_left_alone() -> None:
    found = rows(open_table(MESSY / "formulas.csv", PLAIN))
    assert found[2][3:] == ("=HYPERLINK(x)", "+44 20 7946 0001")
    assert found[3][3:] == ("=1+1", "+1 202 555 0102")
    assert found[4] == ("O'Neil", "'Quoted'", "oneil@example.net", "'@home", "-5")


def test_a_workbook_gives_dates_phones_and_numbers_as_a_person_reads_them() -> None:
    found = rows(open_table(MESSY / "dates_phones.xlsx", PLAIN))
    when = ("2026-03-01", "2026-03-01T10:30:00")
    assert found[2] == ("ada.lovelace@example.com", "442079460001", *when, "0044123", "4", "TRUE", "#N/A")
    assert found[3][1:] == ("491701234567", "2026-12-31", "2026-03-02", "007", "0.1", "FALSE", "ok")


def test_the_cell_in_the_last_corner_of_a_sheet_is_a_reject_and_no_abort() -> None:
    table = open_table(MESSY / "far_cell.xlsx", PLAIN)
    assert rejects(table) == [(1_048_576, "row.ragged")]


def test_bad_json_lines_are_rejects_and_the_others_keep_their_nested_values() -> None:
    table = open_table(MESSY / "bad_lines.ndjson", PLAIN)
    assert table.columns == ("email", "firstName", "tags", "phone", "address")
    assert rejects(table) == [(2, "row.json"), (5, "row.json")]
    found = rows(table)
    assert found[1][2] == ["fair", "vip"]
    assert found[3][1:4] == ("Zoë", None, "492215550103")
    assert found[6][4] == {"city": "Paris", "zip": "01055"}
