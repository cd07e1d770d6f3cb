"""dlt with a custom destination that posts each contact to V1. Needs `pip install dlt requests`. `URL FILE`"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import dlt
import requests

from tests.bench.files import record


def main(url: str, file: str) -> None:
    session = requests.Session()
    session.headers["X-Api-Key"] = "bench"

    @dlt.destination(batch_size=1, name="reply")
    def reply(items, table):  # type: ignore[no-untyped-def]
        for item in items if isinstance(items, list) else [items]:
            session.post(f"{url}/v1/people", json=item).raise_for_status()

    @dlt.resource(name="people")
    def people():  # type: ignore[no-untyped-def]
        with Path(file).open(encoding="utf-8", newline="") as text:
            yield [record(cells) for cells in csv.DictReader(text)]

    dlt.pipeline("bench", destination=reply, dev_mode=True, pipelines_dir="dlt-pipelines").run(people())


if __name__ == "__main__":
    main(*sys.argv[1:3])
