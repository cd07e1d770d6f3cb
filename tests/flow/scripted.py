"""A server on loopback that answers just what a test says: the words of a Reply nobody has seen yet."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Its JSON; None without one."""
        return json.loads(self.content) if self.content else None


@dataclass
class Said:
    """One answer: bytes go as they are, anything else as JSON; status 0 is none, the connection breaks."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


OWNER = Said(200, {"userId": 11})


@dataclass
class Scripted:
    """The server: where it listens, and what it was asked beside who the key belongs to."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def paths(self, method: str = "") -> list[str]:
        """The paths of what was asked, in order."""
        return [one.path for one in self.asked if method in ("", one.method)]


@contextmanager
def scripted(answer: Callable[[Asked], Said], whoami: Said = OWNER) -> Iterator[Scripted]:
    """Serves `answer`; `/v3/whoami` is answered here."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *words: Any) -> None:
            """Silence."""

        def handle_any(self) -> None:
            """Any request."""
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            one = Asked(self.command, path, dict(parse_qsl(query)), content)
            if path == "/v3/whoami":
                said = whoami
            else:
                server.asked.append(one)
                said = answer(one)
            if said.status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.status != 204:
                self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # who asked may be dead
                self.end_headers()
                if said.status != 204:
                    self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Scripted(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
