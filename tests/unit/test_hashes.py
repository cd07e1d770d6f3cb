"""Key hashes that do not fit into memory together: what occurs twice is found all the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkreply.stage.hashes import Hashes


def kept(folder: Path) -> Hashes:
    return Hashes(folder, lambda frame, name: frame.write_ipc(folder / name), most=7)


@given(st.lists(st.lists(st.integers(0, 40) | st.integers(2**64 - 3, 2**64 - 1), max_size=9), max_size=9))
def test_what_occurs_twice_is_found_wherever_it_is_kept(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("hashes")
    some = kept(folder)
    for piece in pieces:
        some.add(pl.Series(piece, dtype=pl.UInt64))
    numbers = [number for piece in pieces for number in piece]
    found = some.repeated()
    assert found.dtype == pl.UInt32
    assert found.to_list() == [at for at, number in enumerate(numbers) if numbers.count(number) > 1]
    some.forget()
    assert not list(folder.iterdir())
