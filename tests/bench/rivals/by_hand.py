"""aiohttp + csv + semaphore, as written in an afternoon: all in memory, a task per batch, json. `URL FILE`"""

from __future__ import annotations

import asyncio
import csv
import sys
from pathlib import Path

import aiohttp

from tests.bench.files import record

PER_CALL = 100


async def send(session: aiohttp.ClientSession, url: str, slots: asyncio.Semaphore, rows: list[dict[str, str]]) -> int:
    async with slots:
        body = {"items": [record(row) for row in rows], "options": {"overwriteExisting": True}}
        async with session.post(f"{url}/v3/contacts/import", json=body) as answer:
            answer.raise_for_status()
            content = await answer.json()
    return sum(item["status"] in ("created", "updated") for item in content["items"])


async def main(url: str, file: str) -> None:
    with Path(file).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    slots = asyncio.Semaphore(8)
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer bench"}) as session:
        parts = [rows[at : at + PER_CALL] for at in range(0, len(rows), PER_CALL)]
        done = await asyncio.gather(*(send(session, url, slots, part) for part in parts))
    assert sum(done) == len(rows)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
