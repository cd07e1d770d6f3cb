"""A canary key and canary addresses: where they may never be written."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import KEY_CANARY
from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]


def test_the_key_is_in_no_byte_that_is_written(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--fault", "error_after=0.1", "--fault", "lost_answer=0.1", "--seed", "2")
    said = []
    for job in ("import_contacts.yaml", "import_people_v1.yaml", "import_crm.yaml"):
        path = str(REPOSITORY / "jobs" / job)
        for words in (("plan", path), ("run", path, "--set", "policy.settle_s=0.2", "--json")):
            done = bulkreply(*words, "--base-url", server.url, "--limits", "none")
            said.append(done.out + done.err)
    for words in (("doctor", "--base-url", "http://127.0.0.1:9"), ("run", "nowhere.yaml"), ("status",), ("report",)):
        done = bulkreply("-v", *words)
        said.append(done.out + done.err)
    written = [file for file in bulkreply.folder.rglob("*") if file.is_file()]
    assert len(written) > 15
    for file in written:
        assert KEY_CANARY.encode() not in file.read_bytes(), file
        assert file.stat().st_mode & 0o077 == 0, f"{file} can be read by others"
    assert KEY_CANARY not in "".join(said)
    for file in written:
        if file.name in ("log.jsonl", "report.json", "report.html"):
            assert b"@" not in file.read_bytes().replace(b"@media", b""), f"{file} holds an address"
