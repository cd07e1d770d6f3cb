"""Procedures that are killed without warning: what may be repeated is done for all, and nobody is written to twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.harness import share
from tests.crash.scenes import PROCEDURES, kill_scenes


def test_killed_procedures_write_to_nobody_twice(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fates = kill_scenes(PROCEDURES, share(request, 20), tmp_path, 0.08)
    for fate in fates:
        assert fate.compared.is_clean, fate
        unneeded = [name for name in fate.left if not (fate.compared.unknown and name.endswith("/stage"))]
        assert (fate.runs, unneeded) == (1, []), fate
        assert fate.code == (3 if fate.compared.unknown else 0), fate
        assert fate.scene != "list" or fate.compared.unknown == 0, fate
    assert any(fate.compared.unknown for fate in fates if fate.scene == "move"), "nothing was ever in doubt"
