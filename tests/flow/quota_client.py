"""A client process of test_quota_processes: PORT FILE LIMITS CALLS WORKERS. Sends one line per call, waits for `ok`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bulkreply.clock import SYSTEM_CLOCK
from bulkreply.quota import Quota, parse_limits


async def main(port: str, path: str, limits: str, calls: str, workers: str) -> None:
    left = iter(range(int(calls)))

    async def worker(quota: Quota) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        for _ in left:
            permit = await quota.acquire("default")
            writer.write(b"call\n")
            answer = await reader.readline()
            quota.release(permit)
            assert answer == b"ok\n"
        writer.close()
        await writer.wait_closed()

    async with Quota(Path(path), {"default": parse_limits(limits)}, SYSTEM_CLOCK) as quota:
        await asyncio.gather(*(worker(quota) for _ in range(int(workers))))
        print(f"waited {quota.waited_s:.2f} s, granted {quota.granted}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
