"""What happens to a request between the socket and a route: key, quota, fault, route, log."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from bulkreply.catalog import Catalog
from bulkreply.sandbox.answers import Answer, Refused, invalid, problem, v1_error
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.faults import Faults
from bulkreply.sandbox.journal import Journal, Written
from bulkreply.sandbox.routes import ROUTES, Match, Router
from bulkreply.sandbox.seed import seed_contacts
from bulkreply.sandbox.store import Workspace
from bulkreply.sandbox.switches import Switches
from bulkreply.sandbox.tenseconds import group_of
from bulkreply.sandbox.v3.rest import USERS
from bulkreply.sandbox.windows import Gate

V1_LIMITS = "none"
FIRST_USER = 11


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How a stand-in behaves.

    Attributes:
        limits: Quota windows of each account, `none` for no limit; V1 has windows of its own of the same size.
        windows: `sliding` or `fixed`.
        keys: Accepted keys, each an account. A key that begins with `org-` needs an acting user, one that begins
            with `unscoped-` may do nothing but whoami.
        switches: Open questions about Reply, decided (reply-api/README.md).
        faults: Fault -> share of requests.
        latency_ms: Range of the time an answer takes.
        state: File that keeps what it holds, None for memory only.
        ten_seconds_s: What lies between two calls to the slow reads of V1, 0 for nothing; None is 10, or nothing when
            there are no limits.
    """

    limits: str = "100/60s,3000/1h"
    windows: str = "sliding"
    keys: tuple[str, ...] = ("sandbox",)
    switches: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, float] = field(default_factory=dict)
    latency_ms: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    seed_contacts: int = 0
    state: Path | None = None
    ten_seconds_s: float | None = None

    @property
    def slow_s(self) -> float:
        """Seconds between two calls to the slow reads of V1."""
        if self.ten_seconds_s is not None:
            return self.ten_seconds_s
        return 0.0 if self.limits.strip().lower() in ("none", "") else 10.0


@dataclass(slots=True)
class Arrivals:
    """Requests in the order they arrived."""

    times_s: array[float] = field(default_factory=lambda: array("d"))
    statuses: array[int] = field(default_factory=lambda: array("H"))
    targets: list[str] = field(default_factory=list)


class StandIn:
    """A stand-in Reply without its socket."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.switches = Switches(options.switches)
        self.faults = Faults(options.faults, options.seed)
        self.router = Router(Catalog())
        self.journal = Journal(options.state)
        self.base = ""
        self.revoked: set[str] = set()
        self.issued: dict[str, str] = {}
        self._number = 0
        self._start()
        for written in self.journal.replay():
            self._number = max(self._number, written.number)
            self._route(written)

    def _start(self) -> None:
        self.workspaces = {key: Workspace(key) for key in self.options.keys}
        self.arrivals = {key: Arrivals() for key in self.options.keys}
        self._gates: dict[tuple[str, str], Gate] = {}
        self._month: Counter[str] = Counter()
        self._number = 0
        for workspace in self.workspaces.values():
            seed_contacts(workspace, self.options.seed_contacts, FIRST_USER, time.time())

    def reset(self) -> None:
        """Empties every account."""
        self.revoked, self.issued = set(), {}
        self.journal.forget()
        self._start()

    def begin(self, key: str, api: str, target: str) -> tuple[int, Answer | None]:
        """Notes an arrival; its index, and the answer when a quota refuses it (None when it is taken).

        Args:
            target: Method and path, without the query.
        """
        now_s = time.time()
        shared = self.switches["v1.v3_quota_shared"] == "yes"
        gate = self._gates.setdefault((key, "v3" if shared else api), Gate(self.options.limits, self.options.windows))
        wait_s = gate.admit(now_s) or self._slow_wait_s(key, target, now_s)
        refused = self.throttled(api, wait_s) if wait_s else self._month_over(key) if api == "v1" else None
        arrivals = self.arrivals[key]
        arrivals.times_s.append(now_s)
        arrivals.statuses.append(429 if wait_s else refused.status if refused else 0)
        arrivals.targets.append(target)
        return len(arrivals.times_s) - 1, refused

    def _slow_wait_s(self, key: str, target: str, now_s: float) -> int:
        """The ten-second rule of V1 (conventions.md 5)."""
        group = group_of(target, self.switches["v1.throttle_scope"]) if self.options.slow_s > 0 else ""
        if not group:
            return 0
        limits = f"1/{self.options.slow_s:.3f}s"
        return self._gates.setdefault((key, f"slow {group}"), Gate(limits, "sliding")).admit(now_s)

    def _month_over(self, key: str) -> Answer | None:
        """Counts a call of V1 or V2 against the month; the refusal when the month has none left. It never ends."""
        most = self.switches.number("v1.month_calls")
        if most is None:
            return None
        self._month[key] += 1
        if self._month[key] <= most:
            return None
        return v1_error(self.switches, int(self.switches["v1.month_exhausted"]), "The calls of this month are used up.")

    def throttled(self, api: str, wait_s: int) -> Answer:
        """The answer to a call over the limit (conventions.md 5)."""
        if api == "v1" and self.switches["v1.throttle_answer"] == "400_text":
            return Answer(400, b"Too much requests", "text/plain")
        more = {"Retry-After": str(wait_s)}
        if api == "v1":
            return Answer(429, headers=more)
        return problem(self.switches, 429, "Too many requests", "Wait and try again.", headers=more)

    def answer(self, key: str, user: int, method: str, target: str, content: bytes, content_type: str = "") -> Answer:
        """Answers a request that passed the door."""
        limit = self.switches.number("v3.max_body")
        if limit is not None and len(content) > limit:
            status = 400 if self.switches["v3.max_body"].endswith(":400") else 413
            return problem(self.switches, status, "Payload too large", f"At most {limit} bytes.")
        self._number += 1
        written = Written(key, user, self._number, time.time(), method, target, content, content_type)
        answer = self._route(written)
        if method != "GET" and not target.partition("?")[0].endswith("/filter") and answer.status < 400:
            self.journal.append(written)
        return answer

    def _route(self, written: Written) -> Answer:
        path, _, query_text = written.target.partition("?")
        v1 = not path.startswith("/v3")
        pairs = parse_qsl(query_text, keep_blank_values=True)
        query = {name.lower() if v1 else name: value for name, value in pairs}
        match = self.router.match(written.method, path, query)
        if not isinstance(match, Match):
            return self._nowhere(bool(match), v1)
        asking = Asking(
            self.workspaces[written.key],
            self.switches,
            written.method,
            match.parameters,
            query,
            written.content,
            written.time_s,
            written.number,
            written.user,
            self.base,
            written.content_type,
        )
        try:
            return ROUTES[match.operation.label](asking)
        except Refused as refused:
            return refused.answer
        except (TypeError, AttributeError, KeyError):
            return invalid([("", "The body has another shape than needed.")])

    def _nowhere(self, path_known: bool, v1: bool) -> Answer:
        status, title = (405, "Method not allowed") if path_known else (404, "Not found")
        return v1_error(self.switches, status, title) if v1 else problem(self.switches, status, title, "No such route.")

    def key_of(self, headers: Mapping[str, str], api: str) -> str | None:
        """The account of a request, by its first key; None when its key is missing, unknown or revoked."""
        key = _key_in(headers, api)
        account = self.issued.get(key, key)
        return account if account in self.workspaces and key not in self.revoked else None

    def revoke(self, key: str) -> None:
        """Refuses a key from now on."""
        self.revoked.add(key)

    def note_refused(self, headers: Mapping[str, str], api: str, target: str) -> None:
        """Notes the arrival of a request whose key is refused, where it is known whose it was."""
        arrivals = self.arrivals.get(_key_in(headers, api))
        if arrivals is not None:
            arrivals.times_s.append(time.time())
            arrivals.statuses.append(401)
            arrivals.targets.append(target)

    def user_of(self, headers: Mapping[str, str], key: str) -> int | Answer:
        """The user a request acts as, or the refusal (conventions.md 2)."""
        by_email = {name: number for number, name in USERS.items()}
        wanted = headers.get("X-User-Id") or headers.get("X-User-Email")
        if wanted:
            user = int(wanted) if wanted.isdigit() else by_email.get(wanted.lower(), 0)
            if user not in USERS:
                detail = "No such acting user."
                return problem(self.switches, 401, "User not found", detail, code="USER_NOT_FOUND")
            return user
        if key.startswith("org-"):
            teams = {"teams": [{"teamId": 5, "teamName": "North"}, {"teamId": 6, "teamName": "South"}]}
            return problem(self.switches, 403, "Team required", "Name a team.", code="TEAM_REQUIRED", more=teams)
        position = list(self.workspaces).index(key)
        return FIRST_USER + (0 if position == 0 else position * 100)

    def unauthorized(self, api: str) -> Answer:
        """The answer to an unknown key."""
        if api != "v3":
            return v1_error(self.switches, 401, "Unknown key.")
        more = {"WWW-Authenticate": "Bearer"}
        if self.switches["v3.unauthorized_body"] == "empty":
            return Answer(401, headers=more)
        return problem(self.switches, 401, "Unauthorized", "The key was not accepted.", headers=more)


def _key_in(headers: Mapping[str, str], api: str) -> str:
    """The key a request carries. V3 takes Bearer, V1 X-Api-Key."""
    if api != "v3":
        return headers.get("X-Api-Key", "")
    kind, _, key = headers.get("Authorization", "").partition(" ")
    return key if kind.lower() == "bearer" else ""
