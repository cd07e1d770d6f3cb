"""What faults cost: a run through them finishes by itself, with few extra requests, and leaves Reply as ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bulkreply
from tests.conftest import KEY_CANARY
from tests.support import SandboxProcess, start_sandbox

ROWS, PER_CALL = 20_000, 50
# 5 % lost answers, 5 % errors of the server and 2 % resets: half of either before, half after the work is done.
FAULTS = {"lost_answer": 0.05, "error_before": 0.025, "error_after": 0.025, "reset_before": 0.01, "truncated": 0.01}
MOST_EXTRA = 0.15
JOB = """
job: cost
from: {file: contacts.csv}
to: {object: contacts, batch: 50}
map: {email: Email, firstName: First Name, company: Company}
policy: {settle_s: 0.5}
"""


def run(folder: Path, server: SandboxProcess) -> dict[str, Any]:
    """One run of all rows, without quota; it may not pause."""
    report = bulkreply.run(folder / "job.yaml", runs=folder / "runs", account="free", base_url=server.url)
    assert report.exit_code == 0
    return dict(report.content)


def holds(server: SandboxProcess) -> set[tuple[str, str, str]]:
    """What the stand-in holds, without the order it came in."""
    return {(one["email"], one["firstName"], one["company"]) for one in server.ask("contacts")}


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 7))])
def test_what_faults_cost(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    lines = [f"user{i:05}@example.com,First{i},Company {i % 97}" for i in range(ROWS)]
    (tmp_path / "contacts.csv").write_text("\n".join(["Email,First Name,Company", *lines]) + "\n", "utf-8")
    (tmp_path / "job.yaml").write_text(JOB, "utf-8")
    (tmp_path / "bulkreply.toml").write_text('[accounts.free]\nkey_env = "REPLY_API_KEY"\nlimits = "none"\n', "utf-8")
    server = start_sandbox("--key", KEY_CANARY, "--limits", "none", "--seed", str(seed), "--latency-ms", "2", "10")
    try:
        run(tmp_path, server)
        plain, wanted = len(server.ask("requests")["targets"]), holds(server)
        server.change("reset", {})
        server.change("faults", FAULTS)
        report = run(tmp_path, server)
        server.change("faults", {})
        calls, faults = server.ask("requests")["targets"], server.ask("state")["faults"]
        found, writes = holds(server), server.ask("writes").values()
    finally:
        server.stop()
    extra = len(calls) / plain - 1
    print(f"\n{ROWS:,} rows, {plain} requests without faults, {len(calls)} with {faults}: {extra:.1%} more")
    assert plain >= ROWS / PER_CALL
    assert (report["rows"]["read"], report["rows"]["created"]) == (ROWS, ROWS)
    assert found == wanted
    assert all(counts["created"] == 1 and counts["updated"] == 0 for counts in writes), "each was written once"
    assert extra <= MOST_EXTRA
