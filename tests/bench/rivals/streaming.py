"""A good streaming importer by hand: DictReader, bounded queue, orjson, no ledger. `URL FILE [PER_CALL]`

With PER_CALL 1 it sends single people to V1.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.bench.files import record

HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json"}


async def worker(session: aiohttp.ClientSession, url: str, queue: asyncio.Queue[Any], done: list[int]) -> None:
    while (items := await queue.get()) is not None:
        body = orjson.dumps(
            {"items": items, "options": {"overwriteExisting": True}} if url.endswith("import") else items[0]
        )
        async with session.post(url, data=body, headers=HEADERS) as answer:
            answer.raise_for_status()
            content = orjson.loads(await answer.read())
        done.append(sum(one["status"] != "failed" for one in content["items"]) if "items" in content else 1)


async def main(url: str, file: str, per_call: int) -> None:
    queue: asyncio.Queue[Any] = asyncio.Queue(16)
    done: list[int] = []
    path = "/v3/contacts/import" if per_call > 1 else "/v1/people"
    rows = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
        workers = [asyncio.create_task(worker(session, url + path, queue, done)) for _ in range(8)]
        with Path(file).open(encoding="utf-8", newline="") as text:
            held = []
            for cells in csv.DictReader(text):
                held.append(record(cells))
                rows += 1
                if len(held) == per_call:
                    await queue.put(held)
                    held = []
            if held:
                await queue.put(held)
        for _ in workers:
            await queue.put(None)
        await asyncio.gather(*workers)
    assert sum(done) == rows


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100))
