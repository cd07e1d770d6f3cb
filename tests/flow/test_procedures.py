"""Every procedure over a file: what becomes of each row, what the server holds after, and how many calls it took."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.account import Account, run_file
from tests.support import Bulkreply, SandboxProcess, start_sandbox


@pytest.fixture(scope="module")
def stand_in() -> Iterator[SandboxProcess]:
    """One stand-in for all tests here; each begins with an empty account."""
    process = start_sandbox("--key", KEY_CANARY, "--limits", "none")
    yield process
    process.stop()


@pytest.fixture
def account(stand_in: SandboxProcess) -> Iterator[Account]:
    stand_in.change("reset", {})
    yield Account(stand_in)
    assert stand_in.ask("state")["surprises"] == {}, "Reply is not known to take it"


def test_sequences_are_started_paused_and_archived_together(account: Account, bulkreply: Bulkreply) -> None:
    (person,), sender = account.contacts(1), account.mailbox("me@example.com")
    ready = [account.sequence(f"S{i}", [person], [sender]) for i in range(3)]
    account.sequence("Empty", [], [sender])
    text = "\n".join(["SequenceId", "S0", str(ready[1]), "s2", "Empty", "999", "Nowhere"])
    done = run_file(bulkreply, account, "StartSequence", text)
    print(done)
    done = run_file(bulkreply, account, "StartSequence", text, "--yes")
    print(done)
