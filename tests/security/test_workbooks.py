"""Workbooks a stranger wrote: read in a process of its own, under limits, and what it does there stays there."""

from __future__ import annotations

import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bulkreply.errors import SourceUnreadable
from bulkreply.files.formats import FileOptions, open_table
from bulkreply.files.workbook import WorkbookTable
from bulkreply.files.workbook_child import CPU_S, MEMORY_BYTES
from tests.support import REPOSITORY

BOOK = REPOSITORY / "samples" / "contacts.xlsx"
SHEET = "xl/worksheets/sheet1.xml"


def changed(path: Path, name: str, content: bytes) -> Path:
    """A sound workbook with one entry of its archive replaced, or added."""
    with zipfile.ZipFile(BOOK) as sound, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in sound.infolist():
            if entry.filename != name:
                made.writestr(entry, sound.read(entry))
        made.writestr(name, content)
    return path


def refused(path: Path, **options: float) -> str:
    with pytest.raises(SourceUnreadable) as caught:
        WorkbookTable(path, FileOptions(), **options)
    assert "\n" not in caught.value.message and caught.value.__cause__ is None
    return caught.value.message


LIMITS = """
import resource, sys
from bulkreply.files.workbook_child import CPU_S, MEMORY_BYTES, limit_process
limit_process(MEMORY_BYTES, CPU_S)
print(*(resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)))
limit_process(256 << 20, 1)
try:
    bytearray(1 << 30)
except MemoryError:
    print("no memory", flush=True)
while True:
    pass
"""


def test_the_limits_hold_in_the_process_that_reads() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITS], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n") == [f"{MEMORY_BYTES} {CPU_S} 0", "no memory", ""], done.stderr
    assert done.returncode < 0, "the kernel ended it when its second was over"
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != MEMORY_BYTES, "not in this one"


def test_what_grows_beyond_reason_is_not_even_opened(tmp_path: Path) -> None:
    assert "would grow" in refused(changed(tmp_path / "bomb.xlsx", SHEET, bytes(128 << 20)))
    with zipfile.ZipFile(tmp_path / "many.xlsx", "w") as made:
        for number in range(5_001):
            made.writestr(f"xl/{number}", b"")
        made.writestr("xl/workbook.xml", b"")
    assert "would grow" in refused(tmp_path / "many.xlsx")


def test_a_process_that_fails_or_never_ends_is_one_line(tmp_path: Path) -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % ((98 + i,) + (97 + i,) * 10) for i in range(9)
    )
    body = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    laughs = entities + b"]>" + body + b'<c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData></worksheet>'
    assert "damaged" in (said := refused(changed(tmp_path / "laughs.xlsx", SHEET, laughs))) or "limits" in said, said
    outside = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + body
    outside += b'<c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>'
    assert "root:" not in refused(changed(tmp_path / "outside.xlsx", SHEET, outside))
    assert "within the limits" in refused(BOOK, wall_s=0.01)


def test_names_in_the_archive_lead_nowhere(tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    for number, name in enumerate(("../../evil.txt", "/tmp/evil.txt", "xl/../../evil.txt", "xl\\..\\evil.txt")):
        path = changed(tmp_path / f"{number}.xlsx", name, b"evil")
        assert open_table(path, FileOptions(), spool=tmp_path).columns
        path.unlink()
    assert {path.name for path in set(tmp_path.iterdir()) - before if path.is_file()} == set()
    assert not Path("/tmp/evil.txt").exists()
