"""requests in sixteen threads, one contact a call to V1. `URL FILE`"""

from __future__ import annotations

import csv
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests.bench.files import record

LOCAL = threading.local()


def send(url: str, cells: dict[str, str]) -> int:
    if not hasattr(LOCAL, "session"):
        LOCAL.session = requests.Session()
        LOCAL.session.headers["X-Api-Key"] = "bench"
    answer = LOCAL.session.post(f"{url}/v1/people", json=record(cells))
    answer.raise_for_status()
    return int(answer.json()["id"])


def main(url: str, file: str) -> None:
    with Path(file).open(encoding="utf-8", newline="") as text, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda cells: send(url, cells), csv.DictReader(text)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
