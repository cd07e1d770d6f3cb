"""How faults are carried out on a connection: it breaks, or an answer is cut short, endless, or a bomb."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import zlib

from aiohttp import web

from bulkreply.sandbox.answers import Answer

_CHUNK = b" " * 65_536
_MEBIBYTE = 1 << 20


class Shut(asyncio.Protocol):
    """A connection that is closed as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Closes it, without a word."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def door(port: int) -> socket.socket:
    """A port of this machine, taken but not listened at.

    Raises:
        OSError: It cannot be had.
    """
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        taken.close()
        raise
    return taken


def plain(answer: Answer, more: dict[str, str] | None = None) -> web.Response:
    """An answer as it is."""
    headers = dict(answer.headers) | (more or {})
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    return web.Response(status=answer.status, body=answer.content, headers=headers)


def break_off(request: web.Request) -> web.StreamResponse:
    """Breaks the connection."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def cut_short(request: web.Request, answer: Answer) -> None:
    """Half of an answer."""
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type or "text/plain"})
    response.content_length = len(answer.content) + 10
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(answer.content[: len(answer.content) // 2])


async def endless(request: web.Request, answer: Answer) -> None:
    """An answer that goes on until the client has enough."""
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type or "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(answer.content)
        while True:
            await response.write(_CHUNK)


def bomb(answer: Answer) -> web.Response:
    """A small answer that grows to 1 GiB when it is inflated."""
    headers = {"Content-Type": answer.content_type or "application/json", "Content-Encoding": "gzip"}
    return web.Response(status=answer.status, body=_gibibyte(), headers=headers)


@functools.cache
def _gibibyte() -> bytes:
    """A mebibyte of blanks, packed so that it can stand there a thousand times."""
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = pack.compress(b" " * _MEBIBYTE) + pack.flush(zlib.Z_FULL_FLUSH)
    return head + block * 1024 + pack.flush(zlib.Z_FINISH) + bytes(8)
