"""A gate on loopback between client and server: answers are passed on, held back, or cut off, as a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Gate:
    """The gate.

    Args:
        server: Its URL.
        about: What stands in the first line of requests whose answers are counted and held; the others always pass.

    Attributes:
        held: Answers that came and have not been passed on.
    """

    def __init__(self, server: str, about: bytes) -> None:
        self._about = about
        self._asked: dict[socket.socket, bool] = {}
        self._server = (urlsplit(server).hostname, urlsplit(server).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._left: int | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.held = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def let(self, answers: int | None) -> None:
        """So many answers pass from now on, held ones among them, None for all; requests always pass."""
        with self._changed:
            self._left = answers
            self._changed.notify_all()

    def cut(self) -> None:
        """Breaks all connections; what was held back is lost."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()
        self.let(None)

    def close(self) -> None:
        """Takes no further connection."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._pairs.append((client, server))
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if not answers and piece.partition(b" ")[0] in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"):
                    self._asked[target] = self._about in piece.partition(b"\r\n")[0]
                if answers and piece.startswith(b"HTTP/1.") and self._asked[source]:
                    self._admit()
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _admit(self) -> None:
        with self._changed:
            self.held += 1
            self._changed.wait_for(lambda: self._left is None or self._left > 0)
            self.held -= 1
            if self._left is not None:
                self._left -= 1


@contextmanager
def gate_to(server: str, about: bytes = b"") -> Iterator[Gate]:
    """A gate to a server, as long as the block lasts."""
    gate = Gate(server, about)
    try:
        yield gate
    finally:
        gate.close()
