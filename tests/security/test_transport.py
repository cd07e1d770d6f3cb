"""The traps of the HTTP library, against raw sockets: each fails when its protection in net/transport is taken away."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bulkreply.errors import UsageProblem
from bulkreply.net.transport import MAX_BODY_BYTES, Transport, checked_base_url
from bulkreply.wire.answer import Answer

Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


SELF_SIGNED = Path(__file__).parent / "selfsigned.pem"
"""A certificate for 127.0.0.1 that nobody vouches for, and its key, which protects nothing."""


@asynccontextmanager
async def raw_server(serve: Serve, *, tls: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Hands every request's bytes to `serve`; the URL and all requests seen."""
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    if certificate is not None:
        certificate.load_cert_chain(SELF_SIGNED)
    seen: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
                seen.append(head + await reader.readexactly(length))
                await serve(seen[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=certificate)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", seen
    finally:
        server.close()


async def send(url: str, method: str = "GET", times: int = 1, timeout_s: float = 5) -> list[Answer]:
    async with Transport(url, width=1, timeout_s=timeout_s) as transport:
        return [
            await transport.send(method, "/v3/x?a=%2B", b"", {"Authorization": "Bearer secret"}) for _ in range(times)
        ]


def plain(body: bytes, status: str = "200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), headers, body)


async def unprotected(url: str, method: str = "GET", times: int = 1, **options: object) -> list[int]:
    """The same through a session as the library makes it: statuses, 0 for no answer."""
    statuses = []
    async with aiohttp.ClientSession(headers={"X-Api-Key": "secret", "Authorization": "Bearer secret"}) as session:
        for _ in range(times):
            try:
                async with session.request(method, url + "/v3/x", **options) as response:
                    statuses.append(response.status)
            except aiohttp.ClientError:
                statuses.append(0)
    return statuses


async def test_a_redirect_is_an_answer_and_the_key_stays_here() -> None:
    async def elsewhere(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"stolen"))

    async with raw_server(elsewhere) as (other, stolen):

        async def redirect(_: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(plain(b"", "302 Found", f"Location: {other}/v3/x\r\n".encode()))

        async with raw_server(redirect) as (url, _):
            answers = await send(url)
            assert answers[0].status == 302
            assert stolen == []
            assert await unprotected(url) == [200]
            assert b"X-Api-Key: secret" in stolen[0], "the canary: the library would have taken it along"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_not_even_within_the_same_server_is_a_redirect_followed(status: str) -> None:
    async def redirect(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"", status, b"Location: /elsewhere\r\n"))

    async with raw_server(redirect) as (url, seen):
        answers = await send(url, "POST")
        assert (answers[0].status, len(seen)) == (int(status[:3]), 1)


def once() -> Serve:
    """Answers the first request; drops the reused connection after it has read the next one."""
    answered: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        answered.append(request)
        if len(answered) == 1:
            writer.write(plain(b"{}"))
        else:
            writer.close()

    return answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_nothing_is_sent_again_behind_our_back(method: str) -> None:
    async with raw_server(once()) as (url, seen):
        answers = await send(url, method, times=2)
        assert (answers[0].status, answers[1].silence) == (200, "lost")
        assert len(seen) == 2, "the library sent it again by itself"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_the_canary_of_that_the_library_does_send_again(method: str) -> None:
    async with raw_server(once()) as (url, seen):
        assert await unprotected(url, method, times=2) == [200, 0]
        assert len(seen) == 3


async def test_a_server_nobody_vouches_for_is_never_told_the_key() -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(b"{}"))

    async with raw_server(answer, tls=True) as (url, seen):
        answers = await send(url)
        assert (answers[0].silence, answers[0].detail) == ("unsent", "the server's certificate is not trusted")
        assert seen == []
        assert await unprotected(url, ssl=False) == [200]
        assert b"secret" in seen[0], "the canary: without the check it would have been told"


async def test_a_gzip_bomb_and_an_endless_body_are_capped() -> None:
    bomb = gzip.compress(bytes(MAX_BODY_BYTES * 2))

    async def explode(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(bomb, headers=b"Content-Encoding: gzip\r\n"))

    async with raw_server(explode) as (url, _):
        assert len(bomb) < 1_000_000
        answer = (await send(url))[0]
    assert (answer.silence, answer.detail) == ("lost", f"the answer is larger than {MAX_BODY_BYTES >> 20} MiB")

    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            await writer.drain()

    async with raw_server(drip) as (url, _):
        assert (await send(url))[0].silence == "lost"


async def test_honest_gzip_is_read_and_cut_gzip_is_not() -> None:
    packed = gzip.compress(b'{"ok": true}' * 100)

    async def zipped(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(packed if len(seen) == 1 else packed[:-9], headers=b"Content-Encoding: gzip\r\n"))

    async with raw_server(zipped) as (url, seen):
        whole, cut = await send(url, times=2)
    assert whole.body == b'{"ok": true}' * 100
    assert cut.silence == "lost"


async def test_silence_says_whether_anything_left() -> None:
    async with raw_server(lambda _, writer: asyncio.sleep(0)) as (url, _):
        late = (await send(url, timeout_s=0.2))[0]
    assert (late.silence, late.detail) == ("lost", "no answer in time")
    nobody = (await send("http://127.0.0.1:9"))[0]
    assert nobody.silence == "unsent"
    for answer in (late, nobody):
        assert "secret" not in repr(answer)
        assert "127.0.0.1" not in answer.detail


@pytest.mark.parametrize(
    "url", ["http://api.reply.io", "ftp://x", "reply.io", "https://u:p@reply.io", "https://x/?a=b"]
)
def test_base_urls_that_may_not_carry_a_key(url: str) -> None:
    with pytest.raises(UsageProblem):
        checked_base_url(url)


@pytest.mark.parametrize("url", ["https://api.reply.io", "http://127.0.0.1:80", "http://localhost:1", "http://[::1]:1"])
def test_base_urls_that_may(url: str) -> None:
    assert checked_base_url(url)
