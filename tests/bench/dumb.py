"""A server that knows nothing: it answers with bytes made beforehand, so that the client is what is timed.

`python -m tests.bench.dumb [--contacts N]` prints its address. Raw sockets, uvloop where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import re
import time
from datetime import UTC, datetime, timedelta

LISTING = re.compile(rb"(?=.*[?&]top=(\d+))(?=.*[?&]skip=(\d+))")


def _answer(content: object, status: bytes = b"200 OK") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


@functools.cache
def imported(count: int) -> bytes:
    """The answer to an import of so many contacts."""
    items = [{"id": 1000 + i, "status": "created", "error": None} for i in range(count)]
    return _answer({"items": items, "added": count, "updated": 0, "skipped": 0, "failed": 0})


def contact(number: int) -> dict[str, object]:
    """A contact as listings show it, 340 bytes and more."""
    times = (datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=37 * number + 11 * part) for part in range(3))
    adding, created, modified = (at.isoformat() for at in times)
    return {
        "id": 1000 + number,
        "email": f"person{number}@example.com",
        "firstName": f"First{number % 997}",
        "lastName": f"Last{number % 1009}",
        "title": "Buyer",
        "company": f"Company {number % 5003}",
        "companySize": "fifty",
        "phone": f"+1-415-555-{number % 10000:04}",
        "city": "Berlin",
        "country": "Germany",
        "isOptedOut": False,
        "callStatus": "none",
        "meetingStatus": "none",
        "ownerUserId": 11,
        "accountId": None,
        "addingDate": adding,
        "createdAt": created,
        "lastModifiedAt": modified,
        "customFields": [{"key": "Region", "value": "West"}],
        "lists": [],
    }


class Pages:
    """Listings: records are made once, ids and addresses are their own; a page is cut out of them."""

    def __init__(self, contacts: int) -> None:
        made = (json.dumps(contact(number), separators=(",", ":")).encode() for number in range(contacts))
        self._starts, parts = [0], []
        for record in made:
            parts.append(record)
            self._starts.append(self._starts[-1] + len(record) + 1)
        self._records = memoryview(b",".join(parts))

    def answer(self, top: int, skip: int) -> bytes:
        """The page that begins at `skip`."""
        count = len(self._starts) - 1
        start, end = (self._starts[min(at, count)] for at in (skip, skip + top))
        more = b"true" if skip + top < count else b"false"
        around = (b'{"items":[', b'],"hasMore":%s,"totalCount":%d}' % (more, count))
        return _answer(around[0] + self._records[start : max(start, end - 1)] + around[1])


class Stub(asyncio.Protocol):
    """One connection."""

    pages = Pages(0)
    slow_after = 0
    records = 0
    marked_s = first_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held = self._held + data if self._held else data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + size:
                return
            body = self._held[end + 4 : end + 4 + size]
            self._held = self._held[end + 4 + size :]
            answer = self._respond(head, body)
            if size and 0 < Stub.slow_after <= Stub.records:  # whoever asks what was seen is told at once
                asyncio.get_running_loop().call_later(1.0, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def _respond(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b" ", 2)
        if target.startswith(b"/v3/contacts/import"):
            count = body.count(b'"email"')
            Stub.records += count
            Stub.first_s = Stub.first_s or time.monotonic()
            return imported(count)
        if found := LISTING.search(target):
            if target.startswith(b"/v3/contacts"):
                return self.pages.answer(int(found[1]), int(found[2]))
            return EMPTY
        if target.startswith(b"/v1/people"):
            return PERSON
        if target == b"/_mark":
            Stub.marked_s, Stub.first_s, Stub.slow_after = time.monotonic(), 0.0, 0
            return OK
        if target == b"/_seen":
            return _answer({"records": Stub.records, "first_after_s": Stub.first_s - Stub.marked_s})
        if target == b"/v3/whoami":
            return WHO
        if target.startswith(b"/v3/custom-fields"):
            return FIELDS
        return EMPTY if method == b"GET" else OK


WHO = _answer({"userId": 11, "userEmail": "owner@example.com"})
FIELDS = _answer({"items": [{"id": 1, "title": "Region", "key": "Region", "fieldType": "text"}], "hasMore": False})
EMPTY = _answer({"items": [], "hasMore": False})
PERSON = _answer({"id": 1001})
OK = _answer({})


async def serve(contacts: int, slow_after: int) -> None:
    """Listens until the process ends; records are made beforehand.

    Args:
        slow_after: Imported records after which answers to imports take a second, 0 for never.
    """
    Stub.slow_after = slow_after
    Stub.pages = Pages(contacts)
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--contacts", type=int, default=0)
    parser.add_argument("--slow-after", type=int, default=0)
    options = parser.parse_args()
    try:
        import uvloop

        uvloop.run(serve(options.contacts, options.slow_after))
    except ImportError:
        asyncio.run(serve(options.contacts, options.slow_after))


if __name__ == "__main__":
    main()
