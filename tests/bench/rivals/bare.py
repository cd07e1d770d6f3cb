"""Bare aiohttp: sends bodies made beforehand, eight at once, and reads the answers. The ceiling. `URL BODIES [PATH]`"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json", "Accept": "application/json"}


async def worker(session: aiohttp.ClientSession, url: str, bodies: Iterator[bytes]) -> None:
    for body in bodies:
        async with session.post(url, data=body, headers=HEADERS) as answer:
            await answer.read()
            assert answer.status == 200


async def main(url: str, file: str, path: str = "/v3/contacts/import") -> None:
    with Path(file).open("rb") as bodies:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
            await asyncio.gather(*(worker(session, url + path, bodies) for _ in range(8)))


if __name__ == "__main__":
    try:
        import uvloop

        run = uvloop.run if "--asyncio" not in sys.argv else asyncio.run
    except ImportError:
        run = asyncio.run
    run(main(*(word for word in sys.argv[1:] if word != "--asyncio")))
