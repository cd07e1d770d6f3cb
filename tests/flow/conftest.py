"""One stand-in for all tests that furnish an account of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bulkreply.sandbox.switches import CHOICES
from tests.conftest import KEY_CANARY
from tests.flow.account import Account
from tests.support import SandboxProcess, start_sandbox


@pytest.fixture(scope="session")
def stand_in() -> Iterator[SandboxProcess]:
    """A stand-in without quota; whoever uses it takes `account`."""
    process = start_sandbox("--key", KEY_CANARY, "--limits", "none")
    yield process
    process.stop()


@pytest.fixture
def account(stand_in: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account of a well-behaved Reply, and its key in the environment."""
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    stand_in.change("reset", {})
    yield Account(stand_in)
    surprises = stand_in.ask("state")["surprises"]
    stand_in.change("switches", {name: choices[0] for name, choices in CHOICES.items()})
    stand_in.change("faults", {})
    assert surprises == {}, "keys Reply is not known to take"
