"""The one door to the network. It hands back answers and silences as values, never an exception of the HTTP library.

Settings here each close a measured trap (DESIGN section 9): no redirects (a cross-origin one keeps the key), no hidden
re-send of PUT and DELETE, no answer above a size, plain http to loopback only, TLS always verified.
"""

from __future__ import annotations

import errno
import ipaddress
import zlib
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

from bulkreply import __version__
from bulkreply.errors import DiskFatal, UsageProblem
from bulkreply.wire.answer import Answer

CONNECT_S = 15.0
"""A connection that takes longer is given up: nothing was sent."""
MAX_BODY_BYTES = 32 * 1024 * 1024


def checked_base_url(text: str) -> URL:
    """A base URL that may carry a key: https, or http to this machine only.

    Raises:
        UsageProblem: Anything else.
    """
    try:
        url = URL(text)
    except ValueError:
        raise UsageProblem("the base URL is not a URL", hint="like https://api.reply.io") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageProblem("the base URL must begin with https://", hint="like https://api.reply.io")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise UsageProblem(
            "plain http would send the key in clear text", hint="use https://; http is for 127.0.0.1 only"
        )
    if url.user or url.password or url.query_string:
        raise UsageProblem("the base URL may hold no user, password or query")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Carrier(Protocol):
    """What a client needs of the network; simulations bring their own."""

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request, one answer or silence."""


class Transport:
    """A pool of connections to one base URL. Used as `async with`.

    Args:
        width: Most requests under way at once.
        timeout_s: Longest time for one answer, from connecting to the last byte received.
    """

    def __init__(self, base_url: str, *, width: int = 8, timeout_s: float = 60.0) -> None:
        self._base = str(checked_base_url(base_url)).rstrip("/")
        self._width = width
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, 0.9 * timeout_s))
        self._session: aiohttp.ClientSession | None = None
        self._url = lru_cache(maxsize=256)(lambda path: URL(self._base + path, encoded=True))

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._width, keepalive_timeout=20, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": f"bulkreply/{__version__}", "Accept-Encoding": "gzip"},
        )
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request, one answer or silence.

        Args:
            path: Encoded path and query, beginning with "/".

        Raises:
            DiskFatal: This process may open no more files, and a socket is one.
        """
        assert self._session is not None
        try:
            async with self._session.request(
                method,
                self._url(path),
                data=body or None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await _read(response)
                return Answer(response.status, response.headers, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
                raise DiskFatal("too many open files", hint="raise the limit (ulimit -n), then resume") from None
            return Answer(0, silence="unsent", detail=_words(error))
        except (aiohttp.ClientError, TimeoutError, OSError, _TooLarge, zlib.error, EOFError) as error:
            return Answer(0, silence="lost", detail=_words(error))


class _TooLarge(Exception):
    """An answer above MAX_BODY_BYTES."""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body in pieces, inflated here so that a small answer cannot grow without bound."""
    packed = response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip", "deflate")
    if not packed and (response.content_length or MAX_BODY_BYTES + 1) <= MAX_BODY_BYTES:
        return await response.read()
    inflate = zlib.decompressobj(wbits=47) if packed else None
    parts: list[bytes] = []
    size_bytes = 0
    async for piece in response.content.iter_chunked(256 * 1024):
        part = inflate.decompress(piece, MAX_BODY_BYTES + 1 - size_bytes) if inflate else piece
        size_bytes += len(part)
        if size_bytes > MAX_BODY_BYTES:
            raise _TooLarge
        parts.append(part)
    if inflate is not None and parts and not inflate.eof:
        raise EOFError
    return b"".join(parts)


def _words(error: BaseException) -> str:
    """What happened, without URL, host or key: the library's own texts may hold them."""
    if isinstance(error, _TooLarge):
        return f"the answer is larger than {MAX_BODY_BYTES >> 20} MiB"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "the server's certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the server's name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection to the server"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError):
        return "the connection broke"
    return "the answer could not be read"
