"""Kinds of cases about what a server says: judged, settled, read as a page or a record, and received over a socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from bulkreply.catalog import Catalog, ObjectSpec, Operation
from bulkreply.net.transport import Transport
from bulkreply.outcomes import Outcome
from bulkreply.wire.answer import Answer, WrongShape
from bulkreply.wire.compare import holds, key_of
from bulkreply.wire.paging import read_one, read_page
from bulkreply.wire.refusal import refusal
from bulkreply.wire.shapes import settle
from bulkreply.wire.verdict import Verdict, judge
from tests.fuzz.mutation import SCALARS, TOKENS, grafted, mutated, tree
from tests.support import REPOSITORY

CATALOG = Catalog()
NAMES = (
    *(
        "items",
        "id",
        "status",
        "error",
        "errorDetails",
        "skipReason",
        "hasMore",
        "totalCount",
        "code",
        "detail",
        "errors",
        "pointer",
    ),
    *(
        "message",
        "title",
        "jobId",
        "added",
        "failed",
        "email",
        "contactId",
        "failedIds",
        "info",
        "data",
        "pagesCount",
        "/items/0/email",
    ),
)
_HEADERS = (
    *(
        "retry-after",
        "date",
        "content-type",
        "content-encoding",
        "location",
        "x-ratelimit-remaining",
        "transfer-encoding",
        "content-length",
    ),
)
_RETRY_AFTER = (
    "5",
    "0",
    "-1",
    "1e9",
    "9" * 400,
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Wed, 99 Foo 2026",
    "٣",
    "5 s",
    "",
    "NaN",
    "Wed, 21 Oct 2026 07:28:00 -9999",
)


@cache
def operations() -> tuple[tuple[ObjectSpec, Operation], ...]:
    return tuple((spec, operation) for spec in CATALOG for operation in spec.operations.values())


@cache
def bodies() -> tuple[Any, ...]:
    """What Reply says in the wire samples."""
    paths = sorted((REPOSITORY / "tests" / "wire" / "samples").glob("*.yaml"))[::9]
    samples = [YAML(typ="safe", pure=True).load(path.read_text("utf-8")) for path in paths]
    said = [one["response"] for sample in samples for one in sample["exchanges"] if "response" in one]
    return tuple(json.loads(json.dumps(one["body"], default=str)) for one in said if one.get("body") is not None)


def body_of(chance: Random) -> bytes:
    kind = chance.random()
    if kind < 0.1:
        return chance.choice(
            (b"", b"null", b"<html>no</html>", b"\xef\xbb\xbf", b"[" * 50_000, b'{"a":' * 2_000, b"\xff", b'"x"', b"0")
        )
    if kind < 0.25:
        found = tree(chance, NAMES, 4)
    elif kind < 0.85:
        found = grafted(chance, chance.choice(bodies()), NAMES)
    else:
        found = chance.choice(bodies())
    text = json.dumps(found).encode()
    return mutated(chance, text, (text, b'{"items":[]}')) if chance.random() < 0.25 else text


def answer_of(chance: Random) -> Answer:
    status = chance.choice(
        (200, 200, 200, 201, 202, 204, 207, 301, 400, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 0, 99, 999)
    )
    headers = {
        "content-type": "application/json",
        "date": chance.choice(("Tue, 24 Nov 2026 10:00:00 GMT", "x", "", "Tue, 24 Nov 2026 10:00:00 -0000")),
    }
    if chance.random() < 0.5:
        headers["retry-after"] = chance.choice(_RETRY_AFTER)
    return Answer(status, headers, body_of(chance), chance.choice(("",) * 8 + ("lost", "unsent")))


def answers(chance: Random, folder: Path) -> None:
    """Every reader of an answer, for any operation of the catalog."""
    spec, operation = chance.choice(operations())
    answer = answer_of(chance)
    (folder / "answer").write_bytes(
        f"{operation.label} {answer.status} {dict(answer.headers)}\n".encode() + answer.body
    )
    count = chance.choice((1, 1, 2, 5))
    judgement = judge(operation, CATALOG.api(operation.api), answer, count)
    assert judgement.wait_s <= 86_400
    assert judgement.failures.keys() <= set(range(count)), "a refusal of a record that was not sent"
    if judgement.verdict is Verdict.REJECT:
        assert judgement.failures
    refusal(answer, alone=count == 1)
    elements = [chance.choice(('{"email":"a@b.c"}', "1001", '"7b0f2c54-1111"', "1002")) for _ in range(count)]
    if answer.ok:
        try:
            settled = settle(operation, Outcome.UPDATED, answer, elements, spec.key, chance.random() < 0.5)
            assert len(settled.outcomes) == len(settled.ids) == count
            assert settled.failures.keys() <= set(range(count))
            assert Outcome.NOT_ATTEMPTED not in {Outcome(one) for one in settled.outcomes}
        except WrongShape:
            pass
    _read(spec, operation, answer, chance.choice((1, 2, 1000)))


def _read(spec: ObjectSpec, operation: Operation, answer: Answer, size: int) -> None:
    try:
        content = answer.json()
    except ValueError:
        return
    for read in (lambda: read_page(operation, content, 0, size).records, lambda: (read_one(spec, operation, content),)):
        try:
            for record in read():
                if record is not None:
                    key_of(spec, record, "\x1f")
                    holds(spec, record, dict.fromkeys(list(spec.fields)[:5], "x"), False, {}, ())
        except WrongShape:
            pass


def wire(chance: Random, folder: Path) -> None:
    """Raw bytes over a socket: whatever they are, an answer or a silence comes of them."""
    raw = _raw(chance)
    (folder / "bytes").write_bytes(raw)
    asyncio.run(_exchange(raw, chance.random() < 0.8))


def _raw(chance: Random) -> bytes:
    body = body_of(chance)[:50_000]
    kind = chance.choice(("", "", "gzip", "deflate", "br", "x-gzip", "gzip, gzip", "identity", "GZIP"))
    if kind in ("gzip", "x-gzip", "GZIP"):
        body = gzip.compress(body)
    elif kind == "deflate":
        body = zlib.compress(body)
    body = mutated(chance, body, (body,)) if chance.random() < 0.3 else body
    length = chance.choice((len(body), len(body), len(body), 0, len(body) + 5, max(0, len(body) - 5), "x", -1, 10**30))
    status = chance.choice(
        (
            "200 OK",
            "200 OK",
            "429 Slow",
            "100 Continue",
            "204 No",
            "302 Found",
            "999 X",
            "0 X",
            "abc",
            "101 Switching Protocols",
        )
    )
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {length}"]
    if kind:
        lines.append(f"Content-Encoding: {kind}")
    for _ in range(chance.choice((0, 0, 1, 3))):
        value = chance.choice((*_RETRY_AFTER, "chunked", "http://evil.example", "text/html", "é"))
        lines.append(f"{chance.choice(_HEADERS)}: {value}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return mutated(chance, head, (head, *TOKENS[:-1])) + body if chance.random() < 0.3 else head + body


async def _exchange(raw: bytes, closes: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
            if not closes:
                await reader.read()  # the other side loses patience
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Transport(f"http://127.0.0.1:{port}", timeout_s=0.1) as transport:
        answer = await transport.send("GET", "/v3/contacts?top=1", b"", {"X-Api-Key": "canary-key"})
        assert "canary-key" not in answer.detail
        assert (answer.status == 0) == bool(answer.silence)
        assert len(answer.body) <= 32 << 20


__all__ = ["SCALARS", "answers", "wire"]
