"""Time and chance come through here, so that tests can hold them still."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of the program knows of time and chance."""

    def now_s(self) -> float:
        """Unix time in seconds; comparable between processes and restarts."""

    async def sleep(self, delay_s: float) -> None:
        """Wait."""

    def jitter(self) -> float:
        """A number in [0, 1)."""


class SystemClock:
    """The machine's clock and chance."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        return time.time()

    async def sleep(self, delay_s: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(max(0.0, delay_s))

    def jitter(self) -> float:
        """A number in [0, 1)."""
        return random.random()


SYSTEM_CLOCK = SystemClock()


def iso_utc(time_s: float) -> str:
    """Unix seconds as `2026-11-24T10:00:00Z`."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
