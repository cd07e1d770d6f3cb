"""Real processes, real sockets, the server's own clock: no sliding window exceeds its limit, and little is wasted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import bulkreply
from bulkreply.quota import Window, parse_limits

CLIENT = Path(__file__).with_name("quota_client.py")
SHORT = "50/400ms,200/2400ms"
LONG = "100/1s,3000/60s"


class Server:
    """Answers lines and notes when each arrived, by a clock the clients do not use."""

    def __init__(self) -> None:
        self.arrived_s: list[float] = []
        self.port = 0
        self._reached = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readline():
                self.arrived_s.append(time.monotonic())
                async with self._reached:
                    self._reached.notify_all()
                writer.write(b"ok\n")
                await writer.drain()
        except ConnectionError:
            pass  # a killed client
        finally:
            writer.close()

    async def calls_reached(self, calls: int) -> None:
        async with self._reached:
            await self._reached.wait_for(lambda: len(self.arrived_s) >= calls)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


async def start(server: Server, path: Path, limits: str, calls: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "dev",
        *(str(CLIENT), str(server.port), str(path), limits, str(calls), "8"),
        env=os.environ | {"PYTHONPATH": str(Path(bulkreply.__file__).parents[1])},
    )


def most_in_any(stamps_s: Sequence[float], period_s: float) -> int:
    return max(at - bisect_right(stamps_s, one - period_s) + 1 for at, one in enumerate(stamps_s))


def optimum_s(calls: int, windows: Sequence[Window]) -> float:
    """From the first to the last call when calls and answers take no time at all."""
    starts: list[float] = []
    for call in range(calls):
        starts.append(max((starts[call - w.limit] + w.period_s for w in windows if call >= w.limit), default=0.0))
    return starts[-1]


def check(what: str, server: Server, limits: str, least: float) -> None:
    windows, arrived_s = parse_limits(limits), server.arrived_s
    took_s, best_s = arrived_s[-1] - arrived_s[0], optimum_s(len(arrived_s), windows)
    most = [most_in_any(arrived_s, window.period_s) for window in windows]
    print(
        f"{what}: {len(arrived_s)} calls in {took_s:.3f} s, optimum {best_s:.3f} s, {best_s / took_s:.2%}; most {most}"
    )
    for window, count in zip(windows, most, strict=True):
        assert count <= window.limit
    assert best_s / took_s >= least


forms = pytest.mark.parametrize(
    ("limits", "calls", "least"),
    [
        pytest.param(SHORT, 400, 0.85, id="short"),
        pytest.param(LONG, 3600, 0.97, id="long", marks=pytest.mark.slow),
    ],
)


@forms
async def test_one_process(tmp_path: Path, limits: str, calls: int, least: float) -> None:
    async with serving() as server:
        client = await start(server, tmp_path / "q.sqlite", limits, calls)
        assert await client.wait() == 0
    assert len(server.arrived_s) == calls
    check("one process", server, limits, least)


@forms
async def test_two_processes_on_one_account(tmp_path: Path, limits: str, calls: int, least: float) -> None:
    async with serving() as server:
        clients = [await start(server, tmp_path / "q.sqlite", limits, calls // 2) for _ in range(2)]
        assert [await client.wait() for client in clients] == [0, 0]
    assert len(server.arrived_s) == calls
    check("two processes", server, limits, least)


@forms
async def test_a_killed_process_and_its_successor(tmp_path: Path, limits: str, calls: int, least: float) -> None:
    async with serving() as server:
        first = await start(server, tmp_path / "q.sqlite", limits, calls)
        await server.calls_reached(calls * 3 // 8)
        first.send_signal(signal.SIGKILL)
        assert await first.wait() == -signal.SIGKILL
        rest = calls - len(server.arrived_s)
        second = await start(server, tmp_path / "q.sqlite", limits, rest)
        assert await second.wait() == 0
    assert len(server.arrived_s) >= calls
    check("SIGKILL and a successor", server, limits, least if calls > 1000 else 0.6)
