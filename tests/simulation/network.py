"""What lies between client and server, with all it can do to a request, drawn by seed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Never

from bulkreply.wire.answer import Answer
from tests.laws.simulated import EPOCH_S
from tests.simulation.loop import ShuffledLoop
from tests.simulation.server import Request, Server

UNSENT = Answer(0, silence="unsent", detail="no connection to the server")
LOST = Answer(0, silence="lost", detail="the connection broke")
LATE = Answer(0, silence="lost", detail="no answer in time")

FATES = {
    "refused": 2,  # no connection
    "reset": 2,  # before the server has read it
    "lost": 4,  # executed, now or some time later, and nobody hears of it
    "slow": 2,  # executed, and answered after the time-out
    "broken": 2,  # 5xx instead of executing it
    "broken_after": 3,  # 5xx, but executed all the same, perhaps later
    "throttled": 2,  # 429 out of nothing
    "truncated": 1,  # half an answer
    "page": 1,  # somebody's HTML with status 200, executed or not
    "short": 2,  # an answer about fewer records
    "long": 2,  # or about more
}


@dataclass
class Weather:
    """What the network does to the requests of a schedule.

    Attributes:
        trouble: Share of requests that fare badly.
        left: How many may still fare badly: then it clears up.
        settle_s: No request is executed later than this after it was sent.
        timeout_s: How long a client waits for an answer.
        longest_wait_s: Of a 429.
        uplink_s: Most time a request takes to the server.
    """

    trouble: float
    left: int
    settle_s: float
    timeout_s: float
    longest_wait_s: float
    uplink_s: float = 0.02
    fates: Mapping[str, int] = field(default_factory=lambda: FATES)


@dataclass
class Life:
    """What can be said of the requests of one life of the process.

    Attributes:
        refused_s: When it first heard that its key is refused; `after_refusal` counts what it sent then.
        rules_read: Lists of who must not be written to -> how often they were read.
        hold_s: Until when it was told to wait; `in_hold` counts what it sent before, per 429.
    """

    number: int
    left: int = 0
    refused_s: float | None = None
    after_refusal: int = 0
    hold_s: float = 0.0
    in_hold: int = 0
    most_in_hold: int = 0
    rules_read: Counter[str] = field(default_factory=Counter)


class Network:
    """The carrier of a client's requests; see `bulkreply.net.transport.Carrier`.

    Attributes:
        doubtful: Keys of rows whose request may have been executed without anybody hearing of it -> how often.
        trace: Everything that happened, in order.
        kill_at: Number of the request, of all lives, with which the process dies.
    """

    def __init__(self, server: Server, weather: Weather, chance: random.Random) -> None:
        self.server = server
        self.weather = weather
        self.life = Life(0)
        self.doubtful: Counter[str] = Counter()
        self.trace: list[str] = []
        self.kill_at: set[int] = set()
        self.flying: dict[int, Request] = {}
        self._chance = chance
        self.requests = 0

    def begin(self, loop: ShuffledLoop) -> None:
        """A new life; of what the last one had under way, it will hear nothing."""
        self.doubtful.update(key for request in self.flying.values() for key in request.keys)
        self.flying.clear()
        self.life = Life(self.life.number + 1)
        self._loop = loop

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request, one answer or silence."""
        request = Request(method, path, json.loads(body) if body else None, self.life.number)
        fate = self._fate()
        self._note(request, body)
        if fate == "refused":
            await asyncio.sleep(0.01 + 3.0 * self._chance.random())
            self._say(f"{path} refused")
            return UNSENT
        self.requests += 1
        self.life.left += 1
        dies = self.requests in self.kill_at
        if dies and self._chance.random() < 0.5:
            self._die(request)
            await self._for_ever()
        number = self.requests
        self.flying[number] = request
        answered_s = self._depart(request, "lost" if dies else fate)
        if dies:
            self._die(request)
            await self._for_ever()
        answer = await self._answer(request, fate, answered_s)
        del self.flying[number]
        self._heard(request, fate, answer)
        return answer

    def _fate(self) -> str:
        weather = self.weather
        if weather.left and self._chance.random() < weather.trouble:
            weather.left -= 1
            return self._chance.choices(list(weather.fates), list(weather.fates.values()))[0]
        return "fine"

    def _depart(self, request: Request, fate: str) -> float:
        """Puts a request on its way, whatever becomes of its sender; when its answer leaves the server."""
        sent_s, weather, chance = self._loop.time(), self.weather, self._chance
        arrives_s = sent_s + weather.uplink_s * chance.random()
        latency_s = chance.choice((0.03, 0.2, 0.2, 0.5, 2.0))
        if fate == "slow":
            latency_s = weather.timeout_s * (1.0 + chance.random() / 2)
        work_s = latency_s * chance.random()
        if fate in ("lost", "slow", "broken_after", "reset"):
            work_s = chance.choice((work_s, weather.settle_s * chance.random(), weather.settle_s))
        request.executes = fate not in ("reset", "broken", "throttled") and (fate != "page" or chance.random() < 0.5)
        if fate != "reset":
            self.server.at(arrives_s, lambda: self.server.arrive(request))
        executed_s = max(arrives_s, min(sent_s + work_s, sent_s + weather.settle_s - 1.0))
        self.server.at(executed_s, lambda: self.server.execute(request))
        return arrives_s + latency_s if fate in ("broken_after", "lost") else max(arrives_s + latency_s, executed_s)

    async def _answer(self, request: Request, fate: str, answered_s: float) -> Answer:
        timeout_s = self._loop.time() + self.weather.timeout_s
        await self._until(min(answered_s, timeout_s))
        if request.status in (401, 429) or (request.status and fate in ("fine", "short", "long", "truncated")):
            return self._told(request, fate) if request.status == 200 else _plain(request)
        match fate:
            case "reset" | "lost":
                return LOST
            case "broken" | "broken_after":
                return Answer(self._chance.choice((500, 502, 503, 504)), {}, b"")
            case "throttled":
                return Answer(429, self._retry_after(), b"")
            case "page":
                return Answer(200, {"content-type": "text/html"}, b"<html><body>Sign in</body></html>")
            case "slow":
                await self._until(timeout_s)
                return LATE
        return _plain(request)

    def _told(self, request: Request, fate: str) -> Answer:
        """An answer as it was meant, or cut, or about other records."""
        content = request.answer
        if fate == "truncated":
            whole = _plain(request)
            return Answer(200, whole.headers, whole.body[: len(whole.body) // 2])
        if request.writes and fate in ("short", "long") and isinstance(content, dict):
            lists = [one for one in content.values() if isinstance(one, list) and one]
            for one in lists:
                if fate == "long":
                    one.append(one[0] if isinstance(one[0], dict) else one[0] + 77)
                else:
                    one.pop(self._chance.randrange(len(one)))
            if lists:
                self.doubtful.update(request.keys)
        return _plain(request)

    def _retry_after(self) -> dict[str, str]:
        """Every form of it, none too."""
        wait_s = self._chance.choice((1, 3, 10, int(self.weather.longest_wait_s)))
        now_s = EPOCH_S + self._loop.time()
        forms: list[dict[str, str]] = [
            {"retry-after": str(wait_s)},
            {"retry-after": formatdate(now_s + wait_s, usegmt=True), "date": formatdate(now_s, usegmt=True)},
            {"retry-after": "soon"},
            {},
        ]
        return self._chance.choice(forms)

    def _note(self, request: Request, body: bytes) -> None:
        digest = hashlib.blake2b(body, digest_size=4).hexdigest()
        self._say(f"{request.method} {request.path} {digest}")
        life, now_s = self.life, self._loop.time()
        life.after_refusal += life.refused_s is not None
        if now_s < life.hold_s:
            life.in_hold += 1
            life.most_in_hold = max(life.most_in_hold, life.in_hold)

    def _heard(self, request: Request, fate: str, answer: Answer) -> None:
        self._say(f"{request.path} {fate} {answer.status} {answer.silence}")
        now_s = self._loop.time()
        if "contact-blacklist-rules" in request.path and fate == "fine" and answer.status == 200:
            self.life.rules_read[request.path] += 1
        if answer.status == 401 and self.life.refused_s is None:
            self.life.refused_s = now_s
        named = answer.headers.get("retry-after", "")
        if answer.status == 429 and named.isdigit() and now_s + int(named) > self.life.hold_s:
            self.life.hold_s, self.life.in_hold = now_s + int(named), 0
        if answer.silence == "lost" or answer.status >= 500 or fate in ("page", "truncated"):
            self.doubtful.update(request.keys)

    def _die(self, request: Request) -> None:
        self._say(f"{request.path} dies")
        self.doubtful.update(request.keys)
        self._loop.die()

    def _say(self, words: str) -> None:
        self.trace.append(f"{self._loop.time():.4f} {words}")

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self._loop.time()))
        self.server.advance(max(at_s, self._loop.time()))

    async def _for_ever(self) -> Never:
        await self._loop.create_future()
        raise AssertionError("the dead do not return")


def _plain(request: Request) -> Answer:
    body = json.dumps(request.answer).encode() if request.answer is not None else b""
    return Answer(request.status, request.headers, body)
