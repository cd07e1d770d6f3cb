"""Delimited text beyond the committed samples: faults, limits, options, detection."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from bulkreply.errors import SourceUnreadable
from bulkreply.files.delimited import DelimitedTable
from bulkreply.files.formats import FileOptions, content_fingerprint, expand, open_table, spool_stdin
from bulkreply.files.lines import MAX_RECORD_LINES

type_rows = list[tuple[int, tuple[str | None, ...]]]


def read(path: Path, text: str | bytes, **options: object) -> tuple[type_rows, list[tuple[int, str]]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    table = open_table(path, FileOptions(**options))  # type: ignore[arg-type]
    chunks = list(table.chunks())
    rows = [pair for c in chunks for pair in zip(c.row_numbers.to_list(), c.frame.rows(), strict=True)]
    return rows, [(reject.row, reject.code) for c in chunks for reject in c.rejects]


@pytest.mark.parametrize(
    ("text", "rows", "bad"),
    [
        ("a,b\n1,2\n3\n", [(2, ("1", "2"))], [(3, "row.ragged")]),
        ("a,b\n1,\n3\n,4,\n", [(2, ("1", None))], [(3, "row.ragged"), (4, "row.ragged")]),
        ("a,b\n1,2,3\n4,5\n", [(3, ("4", "5"))], [(2, "row.ragged")]),
        # One row too short and one too long: the sums agree, the rows do not.
        ("a,b,c\n1,2\n1,2,3,4\n5,6,7\n", [(4, ("5", "6", "7"))], [(2, "row.ragged"), (3, "row.ragged")]),
        ("a,b\n\n\n1,2\n", [(4, ("1", "2"))], []),
        ("a,b\n   \n1,2\n", [(3, ("1", "2"))], []),
        ('a,b\n1,""\n"",""\n2,x\n', [(2, ("1", None)), (4, ("2", "x"))], []),
        ("a\tb\n \t\n\t\n  \n1\t2\n\t\t\n", [(2, (" ", None)), (5, ("1", "2"))], [(6, "row.ragged")]),
        ("a\n1\n\n2", [(2, ("1",)), (4, ("2",))], []),
        ('a,b\n1,"x\n\ny"\n2,z', [(2, ("1", "x\n\ny")), (3, ("2", "z"))], []),
        ('a,b\n1,"x\n2,y\n3,z\n', [(3, ("2", "y")), (4, ("3", "z"))], [(2, "row.quote")]),
        ('a,b\n1,x"y"z\n3,z\n', [(3, ("3", "z"))], [(2, "row.quote")]),
        ('a,b\n1,"x"\n2,x"y"z\n3,"z"\n', [(2, ("1", "x")), (4, ("3", "z"))], [(3, "row.quote")]),
        ('a,b\n1,"x"y\n3,z\n', [(3, ("3", "z"))], [(2, "row.quote")]),
        # A stray quote at both ends of a stretch: the good row between is not swallowed.
        ('a,b,c\n1,"x,y\n2,3,4\n5,6,z"\n', [(3, ("2", "3", "4"))], [(2, "row.quote"), (4, "row.quote")]),
        ("a,b\n1,x\x00y\n", [(2, ("1", "x\x00y"))], []),
        ("_row,a,b,_code,_field,_message,_hint\n7,1,2,c,f,m,h\n9,,,c,f,m,h\n", [(2, ("1", "2"))], []),
    ],
)
def test_each_fault_stays_on_its_own_row(
    tmp_path: Path, text: str, rows: type_rows, bad: list[tuple[int, str]]
) -> None:
    delimiter = "\t" if "\t" in text else ","
    assert read(tmp_path / "x.csv", text, delimiter=delimiter) == (rows, bad)


def test_a_ragged_row_tells_what_was_beyond_the_last_column(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2,extra,more\n")
    (chunk,) = open_table(path, FileOptions()).chunks()
    assert chunk.rejects[0].message == "the row has 4 cells, the header has 2; beyond the last column: extra,more"


def test_a_cell_may_span_many_lines_but_not_swallow_the_file(tmp_path: Path) -> None:
    long = "\n".join(["line"] * (MAX_RECORD_LINES - 1))
    rows, bad = read(tmp_path / "x.csv", f'a,b\n1,"{long}"\n2,x\n')
    assert [row for row, _ in rows] == [2, 3] and not bad
    open_quote = 'a,b\n1,"x\n' + "2,y\n" * (3 * MAX_RECORD_LINES)
    rows, bad = read(tmp_path / "x.csv", open_quote)
    assert len(rows) == 3 * MAX_RECORD_LINES and bad == [(2, "row.quote")]


@pytest.mark.parametrize("block_bytes", [7, 1_000, 1 << 20])
def test_the_lines_of_all_cells_of_a_record_are_counted_together(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "x.csv"
    half = "\n" * (MAX_RECORD_LINES // 2)
    fits, is_too_long = f'"{half[2:]}a","{half}b"\n', f'"{half}c","{half}d"\n'
    path.write_text(f"a,b\n{fits}1,2\n{is_too_long}3,4\n", newline="")
    chunks = list(DelimitedTable(path, FileOptions(), block_bytes=block_bytes).chunks())
    rows = [row for chunk in chunks for row in chunk.frame.rows()]
    assert rows == [(f"{half[2:]}a", f"{half}b"), ("1", "2"), ("3", "4")]
    assert {reject.code for chunk in chunks for reject in chunk.rejects} == {"row.quote"}


def test_one_endless_line_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n" + b"x" * (20 << 20))
    with pytest.raises(SourceUnreadable, match=r"row 3 is longer than 16 MiB"):
        list(DelimitedTable(path, FileOptions(), block_bytes=1 << 20).chunks())


def test_a_gzip_bomb_is_streamed_and_refused_for_its_endless_line(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" + b"0" * (40 << 20)))
    assert path.stat().st_size < 100_000
    with pytest.raises(SourceUnreadable, match="longer than"):
        list(open_table(path, FileOptions()).chunks())


@pytest.mark.parametrize(
    ("text", "options", "row"),
    [
        ("a|b\n1|x", {}, ("1", "x")),
        ("a;b\n1,5;2,5", {}, ("1,5", "2,5")),
        ("a'b\n1'x", {"delimiter": "'"}, ("1", "x")),
        ("a\tb\n1\tx", {"delimiter": "tab"}, ("1", "x")),
        ("a,b\n1,'x,y'", {"quote": "'"}, ("1", "x,y")),
        ('a,b\n1,6" pipe', {"quote": ""}, ("1", '6" pipe')),
        ("a,b\n1,\xe9".encode("latin-1"), {"encoding": "latin-1"}, ("1", "é")),
        ("a,b\n1,\u0436".encode("koi8-r"), {"encoding": "koi8-r"}, ("1", "ж")),
        ("a,b\n1,é".encode("utf-16"), {"encoding": "utf-16"}, ("1", "é")),
        ("a,b\n1,é".encode("utf-16-be"), {}, ("1", "é")),
        ("a,b\n1,é".encode("utf-32"), {}, ("1", "é")),
    ],
)
def test_options_and_detection(tmp_path: Path, text: str | bytes, options: dict[str, str], row: tuple[str]) -> None:
    assert read(tmp_path / "x.csv", text, **options)[0] == [(2, row)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "utf-9"}, 'encoding "utf-9" is not known'),
        ({"encoding": "rot13"}, 'encoding "rot13" is not known'),
        ({"delimiter": "::"}, 'delimiter "::" is not one plain character'),
        ({"format": "doc"}, 'format "doc" is not known'),
        ({"header_row": 0}, "header_row: 0 is not a row"),
        ({"header_row": 9}, "has no row 9"),
    ],
)
def test_an_impossible_option_is_named(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(SourceUnreadable, match=said):
        read(tmp_path / "x.csv", "a,b\n1,2\n", **options)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"<!DOCTYPE html><html>", "looks like a web page"),
        ("a.csv", b'[{"a": 1}]', "looks like JSON"),
        ("a.csv", bytes(range(9)) * 50, "holds binary data"),
        ("a.csv", b"\n\n\n", "is blank"),
        ("a.csv", b'a,"b\n1,2\n', "stray or unclosed quote"),
        ("a.csv", b"a,b\n\n,\n\n", "a header and no rows"),
    ],
)
def test_what_is_no_table_says_what_it_is(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(SourceUnreadable, match=said):
        read(tmp_path / name, content)


def test_chunks_have_the_height_asked_and_carry_their_rejects(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "".join(f"{n},x\n" if n % 10 else f"{n}\n" for n in range(2, 1002)))
    table = DelimitedTable(path, FileOptions(), file=3, block_bytes=777)
    chunks = list(table.chunks(256))
    assert [chunk.frame.height for chunk in chunks] == [256, 256, 256, 132]
    assert {chunk.file for chunk in chunks} == {3} == {r.file for chunk in chunks for r in chunk.rejects}
    assert [r.row for chunk in chunks for r in chunk.rejects] == list(range(10, 1002, 10))
    for chunk in chunks[:-1]:
        assert all(reject.row <= chunk.row_numbers[-1] for reject in chunk.rejects)
    assert [chunk.frame["a"].to_list() for chunk in chunks] == [
        [str(row) for row in chunk.row_numbers] for chunk in chunks
    ]
    assert sum(chunk.frame.height for chunk in table.chunks()) == 900  # a second pass


def test_patterns_expand_by_name_and_misses_name_the_nearest(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "contacts [old].csv"):
        (tmp_path / name).write_text("x\n1\n")
    assert [path.name for path in expand("?.csv", tmp_path)] == ["a.csv", "b.csv"]
    assert expand(str(tmp_path / "*.csv"), Path("/"))[0].name == "a.csv"
    assert expand("contacts [old].csv", tmp_path) == [tmp_path / "contacts [old].csv"]
    with pytest.raises(SourceUnreadable, match=r"no file matches \*\.tsv"):
        expand("*.tsv", tmp_path)
    with pytest.raises(SourceUnreadable) as caught:
        expand("contact [old].csv", tmp_path)
    assert "no file matches" in caught.value.message or "did you mean" in caught.value.hint
    with pytest.raises(SourceUnreadable) as caught:
        expand("aa.csv", tmp_path)
    assert "did you mean a.csv" in caught.value.hint


def test_standard_input_is_kept_private_and_can_be_read_again(tmp_path: Path) -> None:
    path = spool_stdin(io.BytesIO(b"Email,Phone\nada@example.com,1\n"), tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    for _ in range(2):
        (chunk,) = open_table(path, FileOptions()).chunks()
        assert chunk.frame.rows() == [("ada@example.com", "1")]


def test_the_fingerprint_follows_the_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 3_000_000)
    two.write_bytes(b"x" * 3_000_000)
    assert content_fingerprint(one) == content_fingerprint(two)
    two.write_bytes(b"x" * 2_999_999 + b"y")
    assert content_fingerprint(one) != content_fingerprint(two)
    assert len(content_fingerprint(one)) == 32
