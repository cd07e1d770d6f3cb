"""The stand-in behind a socket on loopback, with control routes under `/_sandbox/`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from bulkreply.errors import UsageProblem
from bulkreply.sandbox import sockets
from bulkreply.sandbox.answers import Answer, problem
from bulkreply.sandbox.server import SandboxOptions, StandIn
from bulkreply.sandbox.spoiling import broken, page_of_html, spoiled, throttled
from bulkreply.stopping import orderly_stop

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
MAX_BODY_BYTES = 64 * 1024 * 1024
AWAY_S = 0.3


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
        self._listener: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._absence: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            door = sockets.door(self._port)
            self._listener = await asyncio.get_running_loop().create_server(self._taken, sock=door)
        except OSError as error:
            raise UsageProblem(
                f"port {self._port} cannot be used: {error.strerror}", hint="--port 0 takes a free one"
            ) from None
        self._port = door.getsockname()[1]
        self._open.set()
        self.url = self.stand_in.base = f"http://127.0.0.1:{self._port}"
        return self

    def _taken(self) -> asyncio.Protocol:
        """What a new connection meets: the server, or nobody."""
        assert self._runner is not None and self._runner.server is not None
        met: asyncio.Protocol = self._runner.server() if self._open.is_set() else sockets.Shut()
        return met

    def leave(self, away_s: float, refuse: bool = False) -> None:
        """Goes away for a while: connections break, and new ones are closed at once.

        Args:
            refuse: Whether nobody even listens.
        """
        if self._absence is None or self._absence.done():
            self._open.clear()
            self._absence = asyncio.create_task(self._be_away(away_s, refuse))

    async def _be_away(self, away_s: float, refuse: bool) -> None:
        assert self._runner is not None and self._runner.server is not None and self._listener is not None
        await asyncio.sleep(0.01)  # whoever asked for it hears that it was heard
        door = None
        if refuse:
            self._listener.close()
            door = sockets.door(self._port)  # nobody else shall take the port meanwhile
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(away_s)
        if door is not None:
            self._listener = await asyncio.get_running_loop().create_server(self._taken, sock=door)
        self._open.set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._absence is not None:
            self._absence.cancel()
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.stand_in.journal.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not _LOOPBACK.fullmatch(request.headers.get("Host", "")):
            return web.Response(status=421, text="only for this machine")
        if request.path.startswith("/_sandbox/"):
            return await self._control(request)
        stand_in, target = self.stand_in, request.raw_path
        api = "v3" if target.startswith("/v3") else "v1"
        key = stand_in.key_of(request.headers, api)
        if key is None:
            stand_in.note_refused(request.headers, api, f"{request.method} {target.partition('?')[0]}")
            return sockets.plain(stand_in.unauthorized(api))
        user = stand_in.user_of(request.headers, key)
        if isinstance(user, Answer):
            return sockets.plain(user)
        if key.startswith("unscoped-") and not target.startswith("/v3/whoami"):
            return sockets.plain(problem(stand_in.switches, 403, "Forbidden", "insufficient_scope"))
        index, refused = stand_in.begin(key, api, f"{request.method} {target.partition('?')[0]}")
        if refused is not None:
            return sockets.plain(refused)
        response = await self._answer(request, key, user, target, api)
        stand_in.arrivals[key].statuses[index] = response.status if response is not None else 0
        return response if response is not None else sockets.break_off(request)

    async def _answer(
        self, request: web.Request, key: str, user: int, target: str, api: str
    ) -> web.StreamResponse | None:
        """The answer, with whatever fault chance draws; None breaks the connection."""
        stand_in = self.stand_in
        fault = stand_in.faults.draw()
        commits = request.method == "POST" and not request.path.endswith("/filter")  # a filter only reads
        if commits and stand_in.switches["v3.lost_answer"] == "drop_after_commit":
            fault = fault or "lost_answer"
        content = await request.read()
        refused = self._refused(fault, key, api)
        if refused is not None:
            stand_in.faults.count(fault)
            return sockets.plain(refused) if refused.status else None
        content_type = request.headers.get("Content-Type", "")
        answer = stand_in.answer(key, user, request.method, target, content, content_type)
        delay_s = stand_in.faults.latency_s(stand_in.options.latency_ms) + (fault == "slow")
        if delay_s:
            await asyncio.sleep(delay_s)
        return await self._spoiled(request, fault, target, answer, self._rate_headers(key))

    def _refused(self, fault: str, key: str, api: str) -> Answer | None:
        """The answer of a fault that comes before anything is done, status 0 for none; None when it is done first."""
        stand_in = self.stand_in
        if fault == "away":
            self.leave(AWAY_S, refuse=stand_in.faults.chance.random() < 0.5)
        if fault in ("reset_before", "away"):
            return Answer(0)
        if fault == "error_before":
            return broken(stand_in.faults.chance)
        if fault in ("html502", "html200_before"):
            return page_of_html(502 if fault == "html502" else 200)
        if fault.startswith("spurious_429"):
            return throttled(stand_in.throttled("v3", 1), fault)
        if fault == "key_revoked":
            stand_in.revoke(key)
            return stand_in.unauthorized(api)
        return None

    async def _spoiled(
        self, request: web.Request, fault: str, target: str, answer: Answer, more: dict[str, str]
    ) -> web.StreamResponse | None:
        """What becomes of an answer on its way back; None breaks the connection."""
        faults = self.stand_in.faults
        reads = request.method == "GET" or target.partition("?")[0].endswith("/filter")
        if fault == "wrong_type" or (fault.startswith("items_") and not reads):
            changed = spoiled(fault, answer, faults.chance)
            fault, answer = fault if changed is not answer else "", changed
        elif fault.startswith("items_"):
            fault = ""
        if fault:
            faults.count(fault)
        if fault == "error_after":
            answer = broken(faults.chance)
        if fault == "html200":
            answer = page_of_html(200)
        if fault == "truncated":
            await sockets.cut_short(request, answer)
        if fault == "endless":
            await sockets.endless(request, answer)
        if fault in ("lost_answer", "truncated", "endless"):
            return None
        return sockets.bomb(answer) if fault == "gzip_bomb" else sockets.plain(answer, more)

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
            elif what == "away":
                self.leave(float(wanted["seconds"]), bool(wanted.get("refuse")))
            elif what == "keys":
                self.stand_in.revoked = set(wanted.get("revoked", ()))
                self.stand_in.issued |= wanted.get("issued", {})
            else:
                return web.Response(status=404, text="one of reset, switches, faults, away, keys")
        except UsageProblem as error:
            return web.Response(status=400, text=error.message)
        return web.Response(text="{}", content_type="application/json")


def serve(options: SandboxOptions, port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Serves until a signal; a second one does not wait for answers under way.

    Args:
        ready: Called with the URL once it listens.
    """

    async def work() -> None:
        with orderly_stop() as stop:
            async with Sandbox(options, port) as sandbox:
                if ready is not None:
                    ready(sandbox.url)
                await stop.asked.wait()

    asyncio.run(work())
