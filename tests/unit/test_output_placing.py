"""Names of output files, and how they appear."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.files.placing import file_name, publish
from tests.support import REPOSITORY

NOW = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)
VALUES = {"object": "contacts", "job": "nightly-contacts", "account": "Main EU"}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("contacts.csv", "contacts.csv"),
        ("out/{object}-{date}.parquet", "out/contacts-2026-03-01.parquet"),
        ("{job}/{date:%Y/%m}/{object}_{time}.csv.gz", "nightly-contacts/2026/03/contacts_090507.csv.gz"),
        ("{date:%d.%m.%Y}.csv", "01.03.2026.csv"),
        ("{account}/Kontakte für {date:%B}.csv", "Main EU/Kontakte für March.csv"),
        ("a{{b}}.csv", "a{b}.csv"),
        (".hidden/x.csv", ".hidden/x.csv"),
    ],
)
def test_placeholders_are_filled(pattern: str, path: str) -> None:
    assert file_name(pattern, VALUES, NOW) == Path(path)


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("/etc/passwd", "leaves the output folder"),
        ("~/x.csv", "leaves the output folder"),
        ("C:/x.csv", "leaves the output folder"),
        ("\\\\server\\x.csv", "leaves the output folder"),
        ("../x.csv", 'the part ".."'),
        ("a/../../x.csv", 'the part ".."'),
        ("./x.csv", 'the part "."'),
        ("", "an empty part"),
        ("a//x.csv", "an empty part"),
        ("a/", "an empty part"),
        ("{date:%Y/../..}/x.csv", 'the part ".."'),
        ("a\\b.csv", "no name every system"),
        ("a\0b.csv", "no name every system"),
        ("a\nb.csv", "no name every system"),
        ("a:b.csv", "no name every system"),
        ("{time:%H:%M}.csv", "no name every system"),
        ("what?.csv", "no name every system"),
        (" x.csv", "no name every system"),
        ("x.csv ", "no name every system"),
        ("x./y.csv", "no name every system"),
        ("-rf", "no name every system"),
        ("a/~x", "no name every system"),
        ("con.csv", "no name every system"),
        ("LPT1", "no name every system"),
        ("x" * 252 + ".csv", "longer than 255 bytes"),
        ("é" * 126 + ".csv", "longer than 255 bytes"),
        ("{objekt}.csv", "{objekt} is not known"),
        ("{}.csv", "{} is not known"),
        ("{0}.csv", "{0} is not known"),
        ("{object.__class__}.csv", "{object.__class__} is not known"),
        ("{object[0]}.csv", "{object[0]} is not known"),
        ("{object!r}.csv", "{object} takes no format"),
        ("{object:>9}.csv", "{object} takes no format"),
        ("{date!s}.csv", "{date} is not known"),
        ("{object.csv", "its braces do not match"),
        ("object}.csv", "its braces do not match"),
    ],
)
def test_what_is_no_safe_name_is_refused(pattern: str, wrong: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        file_name(pattern, VALUES, NOW)
    assert wrong in caught.value.message and caught.value.hint
    assert caught.value.message.isprintable()


def test_the_nearest_placeholder_is_named() -> None:
    with pytest.raises(UsageProblem) as caught:
        file_name("{acount}.csv", VALUES, NOW)
    assert caught.value.hint == "did you mean {account}?"
    with pytest.raises(UsageProblem) as caught:
        file_name("{xyz}.csv", VALUES, NOW)
    assert caught.value.hint == "there are date, time, object, job, account"


@pytest.mark.parametrize("value", ["", "..", "a/b", "../x", "/x", "a\\b", "a\0", "C:", "a\nb"])
def test_a_value_is_one_part_of_a_name(value: str) -> None:
    for pattern in ("{account}", "out/{account}/x.csv"):
        with pytest.raises(UsageProblem):
            file_name(pattern, {"account": value}, NOW)


@given(
    st.text(st.sampled_from("a./\\~-{}:%Ydate0é \0"), max_size=12), st.text(st.sampled_from("a./\\ ~:é"), max_size=5)
)
def test_no_path_leaves_the_folder(pattern: str, value: str) -> None:
    folder = Path("/srv/out")
    try:
        path = file_name(pattern, {"a": value}, NOW)
    except UsageProblem:
        return
    assert (folder / path).resolve().is_relative_to(folder) and (folder / path).resolve() != folder
    assert not {"", ".", ".."} & set(str(path).split("/"))


def test_a_file_appears_whole_private_and_replaces_what_was_there(tmp_path: Path) -> None:
    part, final = tmp_path / "x.part", tmp_path / "new" / "folder" / "x.csv"
    for text in ("one", "two"):
        part.write_text(text)
        part.chmod(0o644)
        publish(part, final)
        assert final.read_text() == text and not part.exists()
        assert stat.S_IMODE(final.stat().st_mode) == 0o600
    assert [path.name for path in final.parent.iterdir()] == ["x.csv"]


def test_what_stands_in_the_way_is_said(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    part.write_text("rows")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageProblem, match="folder is a folder"):
        publish(part, tmp_path / "folder")
    (tmp_path / "file").touch()
    with pytest.raises(DiskFatal, match=r"x\.csv cannot be written: Not a directory"):
        publish(part, tmp_path / "file" / "x.csv")
    with pytest.raises(DiskFatal, match=r"x\.csv cannot be written: No such file"):
        publish(tmp_path / "gone.part", tmp_path / "x.csv")
    assert part.read_text() == "rows"


READER = """
import sys
from pathlib import Path
final, seen = Path(sys.argv[1]), set()
print("ready", flush=True)
while "z" * 100_000 not in seen:
    seen.add(final.read_text())
print(sorted({len(set(text)) * len(text) for text in seen}))
"""


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    final = tmp_path / "x.csv"
    final.write_text("a" * 100_000)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(final)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    for letter in "bcdefghijklmnopqrstuvwxyz":
        part = tmp_path / "x.part"
        part.write_text(letter * 100_000)
        publish(part, final)
    assert reader.communicate()[0] == "[100000]\n"
