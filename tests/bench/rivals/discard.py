"""aiohttp, four pages at once, read and thrown away: the ceiling of an export. `URL CONTACTS`"""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def main(url: str, contacts: int) -> None:
    skips = iter(range(0, contacts, 1000))

    async def worker(session: aiohttp.ClientSession) -> None:
        for skip in skips:
            async with session.get(f"{url}/v3/contacts?top=1000&skip={skip}") as answer:
                await answer.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(worker(session) for _ in range(4)))


if __name__ == "__main__":
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    run(main(sys.argv[1], int(sys.argv[2])))
