"""The stand-in is for this machine only: where it listens, and by which names it answers (DNS rebinding)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.flow.scripted import Asked, Said, scripted
from tests.support import Bulkreply, SandboxProcess, start_sandbox


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxProcess]:
    process = start_sandbox("--limits", "none", "--key", "known")
    yield process
    process.stop()


def ask(server: SandboxProcess, host: str, target: str = "/_sandbox/state") -> int:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def test_it_answers_to_the_names_of_this_machine_only(server: SandboxProcess) -> None:
    port = urlsplit(server.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "127.0.0.1", "localhost"):
        assert ask(server, host) == 200, host
    for host in (
        "evil.example.com", f"evil.example.com:{port}", "127.0.0.1.evil.example.com", "localhost.evil.example.com",
        f"127.0.0.1:{port}@evil.example.com", "evil.example.com:127.0.0.1", "0.0.0.0", "",
    ):  # fmt: skip
        assert ask(server, host) in (400, 421), host
    assert ask(server, "evil.example.com", f"http://127.0.0.1:{port}/_sandbox/state") in (400, 421)


def test_it_listens_on_loopback_only(server: SandboxProcess) -> None:
    port = urlsplit(server.url).port
    listening = []
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{server.process.pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                listening.append(local.partition(":")[0])
    assert listening == ["0100007F"]


def test_no_answer_leads_the_client_to_another_server(bulkreply: Bulkreply) -> None:
    """Links in answers are read for ids at most; the host they name is never asked."""
    with scripted(lambda _: Said(200, {})) as other:

        def answer(asked: Asked) -> Said:
            links = {"next": f"{other.url}/v3/contacts?page=2", "links": {"next": f"{other.url}/v3/contacts"}}
            if asked.path.endswith("/import"):
                return Said(202, {}, {"Location": f"{other.url}/v3/background-jobs/77"})
            if "background-jobs" in asked.path:
                return Said(200, {"status": "done"} | links)
            found = {"items": [{"id": 1, "email": "a@example.com", "firstName": "A"}], "hasMore": False, "total": 1}
            return Said(200, found | links, {"Link": f'<{other.url}/v3/contacts>; rel="next"'})

        with scripted(answer) as server:
            bulkreply.write("in.csv", "email,firstName\na@example.com,A\n")
            job = "job: x\nfrom: {file: in.csv}\nto: {object: contacts}\npolicy: {settle_s: 0}\n"
            url = ("--base-url", server.url, "--limits", "none")
            ran = bulkreply("run", str(bulkreply.write("x.yaml", job)), *url)
            exported = bulkreply("export", "contacts", "-o", "-", *url)
            assert any("background-jobs/77" in path for path in server.paths()), ran.err
            assert exported.out.count("a@example.com") == 1, exported.err
        assert other.asked == []
