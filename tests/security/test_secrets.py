"""The canaries on a bad day; every command and folder of the suite is scanned like this (tests/canary.py)."""

from __future__ import annotations

from collections.abc import Callable

from tests.canary import check_written
from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]


def test_the_key_is_in_no_byte_that_is_written(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--fault", "error_after=0.1", "--fault", "lost_answer=0.1", "--seed", "2")
    for job in ("import_contacts.yaml", "import_people_v1.yaml"):
        words = ("run", str(REPOSITORY / "jobs" / job), "--set", "policy.settle_s=0.2", "--json")
        bulkreply("-v", *words, "--base-url", server.url, "--limits", "none")
    bulkreply("-v", "doctor", "--base-url", "http://127.0.0.1:9")
    written = [file for file in bulkreply.folder.rglob("*") if file.is_file()]
    assert {"log.jsonl", "report.json", "report.html", "ledger.sqlite"} <= {file.name for file in written}
    for file in written:
        assert file.stat().st_mode & 0o077 == 0, f"{file} can be read by others"
    check_written(bulkreply.folder)
