"""What the file system says of an input: nothing can be done to a file without its changing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkreply.sources import JUST_NOW_S, seen


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_text("Email\nx@example.com\n", "utf-8")
    return paths


def later_s(paths: list[Path]) -> float:
    """A moment at which the files have been left alone for long enough."""
    return max(path.stat().st_ctime for path in paths if path.exists()) + JUST_NOW_S + 1


def rewrite(path: Path) -> None:
    """Other bytes of the same number, under the time of before."""
    before = path.stat()
    path.write_text("Email\ny@example.com\n", "utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_another_in_place(path: Path) -> None:
    """Another file of the same size and time."""
    before, other = path.stat(), path.with_suffix(".new")
    other.write_text("Email\ny@example.com\n", "utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, put_another_in_place, lambda path: path.unlink()])
def test_whatever_is_done_to_a_file_is_seen(files: list[Path], change: Callable[[Path], None]) -> None:
    before = seen(files, later_s(files))
    assert before
    assert seen(files, later_s(files) + 1000) == before
    change(files[1])
    assert seen(files, later_s(files)) != before


def test_a_file_that_was_written_just_now_cannot_be_relied_on(files: list[Path]) -> None:
    assert seen(files, max(path.stat().st_ctime for path in files) + JUST_NOW_S / 2) == ""


def test_other_files_in_another_order_are_others(files: list[Path]) -> None:
    now_s = later_s(files)
    assert seen(files[::-1], now_s) != seen(files, now_s) != seen(files[:1], now_s)
