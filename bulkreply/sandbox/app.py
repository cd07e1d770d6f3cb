"""The stand-in behind a socket on loopback, with control routes under `/_sandbox/`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from bulkreply.errors import UsageProblem
from bulkreply.sandbox.answers import Answer, problem
from bulkreply.sandbox.server import SandboxOptions, StandIn

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
MAX_BODY_BYTES = 64 * 1024 * 1024


class Sandbox:
    """A stand-in Reply on a port of this machine. Used as `async with`.

    Attributes:
        url: Where it listens, `http://127.0.0.1:PORT`.
    """

    def __init__(self, options: SandboxOptions | None = None, port: int = 0) -> None:
        self.stand_in = StandIn(options or SandboxOptions())
        self.url = ""
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            raise UsageProblem(
                f"port {self._port} cannot be used: {error.strerror}", hint="--port 0 takes a free one"
            ) from None
        host, port = self._runner.addresses[0][:2]
        self.url = self.stand_in.base = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self.stand_in.journal.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        host = request.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in _LOOPBACK:
            return web.Response(status=421, text="only for this machine")
        if request.path.startswith("/_sandbox/"):
            return await self._control(request)
        stand_in, target = self.stand_in, request.raw_path
        api = "v3" if target.startswith("/v3") else "v1"
        key = stand_in.key_of(request.headers, api)
        if key is None:
            return _response(stand_in.unauthorized(api))
        user = stand_in.user_of(request.headers, key)
        if isinstance(user, Answer):
            return _response(user)
        if key.startswith("unscoped-") and not target.startswith("/v3/whoami"):
            return _response(problem(stand_in.switches, 403, "Forbidden", "insufficient_scope"))
        index, refused = stand_in.begin(key, api, f"{request.method} {target.partition('?')[0]}")
        if refused is not None:
            return _response(refused)
        response = await self._answer(request, key, user, target, api)
        stand_in.arrivals[key].statuses[index] = response.status if response is not None else 0
        if response is None:
            return _break(request)
        return response

    async def _answer(
        self, request: web.Request, key: str, user: int, target: str, api: str
    ) -> web.StreamResponse | None:
        """The answer, with whatever fault chance draws; None breaks the connection."""
        stand_in = self.stand_in
        fault = stand_in.faults.draw()
        if stand_in.switches["v3.lost_answer"] == "drop_after_commit" and request.method == "POST":
            fault = fault or "lost_answer"
        content = await request.read()
        if fault == "reset_before":
            return None
        if fault == "error_before":
            return web.Response(status=503, text="<html>unavailable</html>", content_type="text/html")
        if fault == "spurious_429":
            return _response(stand_in.throttled("v3", 1))
        content_type = request.headers.get("Content-Type", "")
        answer = stand_in.answer(key, user, request.method, target, content, content_type)
        delay_s = stand_in.faults.latency_s(stand_in.options.latency_ms) + (fault == "slow")
        if delay_s:
            await asyncio.sleep(delay_s)
        if fault == "lost_answer":
            return None
        if fault == "error_after":
            return web.Response(status=500, text="internal error")
        if fault == "html200":
            return web.Response(text="<html><body>Sign in</body></html>", content_type="text/html")
        if fault == "truncated":
            return await _cut_short(request, answer)
        return _response(answer, self._rate_headers(key))

    def _rate_headers(self, key: str) -> dict[str, str]:
        if self.stand_in.switches["v3.rate_headers"] == "absent":
            return {}
        return {"x-rate-limit-limit": "1h", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "2026-03-02T10:00:07Z"}

    async def _control(self, request: web.Request) -> web.Response:
        stand_in, what = self.stand_in, request.path.removeprefix("/_sandbox/")
        key = request.query.get("account", stand_in.options.keys[0])
        if key not in stand_in.workspaces:
            return web.Response(status=404, text="no such account")
        if request.method == "POST":
            return await self._change(request, what)
        workspace, arrivals = stand_in.workspaces[key], stand_in.arrivals[key]
        found: dict[str, Callable[[], Any]] = {
            "health": lambda: {"ok": True},
            "state": lambda: {
                "contacts": len(workspace.contacts),
                "lists": {one.name: len(one.members) for one in workspace.lists.values()},
                "fields": [one.title for one in workspace.fields.values()],
                "faults": stand_in.faults.drawn,
                "surprises": dict(workspace.surprises),
            },
            "events": lambda: list(workspace.events),
            "writes": workspace.write_counts,
            "requests": lambda: {
                "times": arrivals.times_s.tolist(),
                "statuses": arrivals.statuses.tolist(),
                "targets": arrivals.targets,
            },
            "contacts": lambda: [
                c.fields
                | {"id": c.id}
                | {
                    "custom": {
                        workspace.fields[n].title: v for n, v in (c.custom or {}).items() if n in workspace.fields
                    }
                }
                | {"lists": [workspace.lists[n].name for n in c.lists]}
                for c in workspace.contacts.values()
            ],
        }
        if what not in found:
            return web.Response(status=404, text=f"one of {', '.join(found)}")
        return web.Response(body=orjson.dumps(found[what]()), content_type="application/json")

    async def _change(self, request: web.Request, what: str) -> web.Response:
        content = await request.read()
        wanted = orjson.loads(content) if content else {}
        try:
            if what == "reset":
                self.stand_in.reset()
            elif what == "switches":
                self.stand_in.switches.choose(wanted)
            elif what == "faults":
                self.stand_in.faults.choose(wanted)
            else:
                return web.Response(status=404, text="one of reset, switches, faults")
        except UsageProblem as error:
            return web.Response(status=400, text=error.message)
        return web.Response(text="{}", content_type="application/json")


def _response(answer: Answer, more: dict[str, str] | None = None) -> web.Response:
    headers = dict(answer.headers) | (more or {})
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    return web.Response(status=answer.status, body=answer.content, headers=headers)


def _break(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut_short(request: web.Request, answer: Answer) -> web.StreamResponse | None:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type or "text/plain"})
    response.content_length = len(answer.content) + 10
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(answer.content[: len(answer.content) // 2])
    return None


def serve(options: SandboxOptions, port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        ready: Called with the URL once it listens.
    """

    async def work() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with Sandbox(options, port) as sandbox:
            if ready is not None:
                ready(sandbox.url)
            await stop.wait()

    asyncio.run(work())
