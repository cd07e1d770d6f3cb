"""Options of the suite, and the fixtures every folder uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.canary import KEY_CANARY, check_written
from tests.support import Bulkreply, SandboxProcess, start_sandbox

__all__ = ["KEY_CANARY"]

# Reading the machine's certificates takes every process a tenth of a second, and nothing here leaves the machine.
os.environ["SSL_CERT_FILE"] = os.devnull

# Machines are noisy and shared: how long an example takes says nothing about it.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the long forms")
    parser.addoption("--seed", type=int, help="the one schedule of tests/simulation to run")
    parser.addoption("--kills", type=int, default=50, help="how many processes tests/crash kills")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="a long form: --slow"))


@pytest.fixture(autouse=True)
def private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees, or leaves anything in, the user's own folders; none leaves a canary where it must not be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REPLY_API_KEY", raising=False)
    monkeypatch.delenv("REPLY_BASE_URL", raising=False)
    yield
    check_written(tmp_path)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Callable[..., SandboxProcess]]:
    """Starts stand-ins as processes of their own; they end with the test."""
    started: list[SandboxProcess] = []

    def start(*options: str) -> SandboxProcess:
        started.append(start_sandbox("--key", KEY_CANARY, *options))
        return started[-1]

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def bulkreply(tmp_path: Path) -> Bulkreply:
    """The command line in a folder of its own, with the canary key."""
    return Bulkreply(tmp_path, KEY_CANARY)
