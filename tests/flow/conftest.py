"""One stand-in for all tests that furnish an account of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bulkreply.sandbox.switches import CHOICES
from tests.conftest import KEY_CANARY
from tests.flow.account import Account
from tests.flow.database_servers import Server, emptied, postgresql
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


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for all tests that need one."""
    with postgresql() as url:
        yield url


@pytest.fixture
def server_of(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Server]:
    """Empty databases by kind."""

    def made(name: str) -> Server:
        if name == "postgresql":
            url = request.getfixturevalue("postgres_url")
            emptied(url)
            return Server(name, url, tmp_path)
        return Server(name, f"{name}:///crm.{name}", tmp_path)

    return made
