"""Imports that are killed without warning, against a stand-in that loses answers: nothing lost, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.harness import share
from tests.crash.scenes import IMPORTS, kill_scenes


def test_killed_imports_lose_nothing_and_write_nothing_twice(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for fate in kill_scenes(IMPORTS, share(request, 60), tmp_path, 0.03):
        assert fate.compared.is_clean, fate
        assert fate.compared.unknown == 0, fate
        assert (fate.code, fate.runs, fate.left) == (0, 1, []), fate
