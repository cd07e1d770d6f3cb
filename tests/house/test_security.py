"""SECURITY.md names tests that are there."""

from __future__ import annotations

import re

from tests.support import REPOSITORY


def test_security_names_tests_that_are_there() -> None:
    text = (REPOSITORY / "SECURITY.md").read_text("utf-8")
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?", text))
    assert len(named) > 12
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []
    for protection in re.findall(r"\*\*[^*]+\*\*.*?(?=\n\n)", text.partition("## What is not promised")[0], re.DOTALL):
        assert "tests/" in protection, protection
