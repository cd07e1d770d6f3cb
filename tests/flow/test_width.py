"""How many calls go at once: what the user says, else what the quota can keep busy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bulkreply.accounts import load_account
from bulkreply.catalog import Catalog
from bulkreply.net.client import Patience
from bulkreply.net.opening import open_client
from tests.canary import KEY_CANARY
from tests.support import SandboxProcess


@pytest.mark.parametrize(
    ("limits", "asked", "width"),
    [
        (None, 0, 8),
        ("none", 0, 32),
        ("none", 5, 5),
        ("2400/60s", 0, 20),
        ("2400/60s,3000/1h", 0, 8),
        ("100/1s", 0, 32),
        ("100/1s", 64, 64),
    ],
)
async def test_as_many_as_keep_the_quota_busy(
    limits: str | None,
    asked: int,
    width: int,
    sandbox: Callable[..., SandboxProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    account = load_account(None, tmp_path, base_url=sandbox("--limits", "none").url, limits=limits)
    async with open_client(account, Catalog(), patience=Patience(width=asked)) as client:
        assert client.patience.width == width
