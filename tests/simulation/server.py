"""A Reply that is nothing but what it keeps and counts: no loop, no clock; it is told what time it is."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bulkreply.quota import Window
from tests.laws.simulated import EPOCH_S

Content = Any
REFUSED = "Refuse"
"""First name, or id, of what this server refuses."""
REFUSED_IDS = range(9000, 10_000)
SHUNNED = "shunned.example"
"""A domain on the blacklist."""


@dataclass
class Request:
    """A request on its way, and its answer once it has been executed.

    Attributes:
        keys: What its records are called by: addresses, ids, texts of tasks.
        life: Which life of the client sent it.
        executes: Whether it gets as far as that.
    """

    method: str
    path: str
    body: Content
    life: int = 0
    executes: bool = True
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    answer: Content = None

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.path.split("?")[0].endswith("/filter")

    @property
    def keys(self) -> list[str]:
        if not self.writes:
            return []
        if "move-to-sequence" in self.path:
            return [self.path.split("/")[3]]
        if self.path == "/v3/tasks":
            return [self.body["template"]["body"]]
        if self.path == "/v1/people":
            return [self.body["email"]]
        if self.path == "/v3/contacts/import":
            return [item["email"] for item in self.body["items"]]
        return [str(one) for one in self.body.get("contactIds") or self.body.get("ids") or ()]


class Server:
    """Contacts by address, tasks, a list and a sequence; every effect on a row is counted.

    Attributes:
        effects: Key of a row -> how often something was done to it.
        stamps_s: When requests were counted.
        reached: When people were written to, and in which life of the client.
        over: How many requests a window had no room for.
        revoked: Whether the key is refused.
        cap: Most records of one call.
        strict: Whether a refused record spoils its call: `named` says which, `whole` does not; "" refuses it alone.
        jobs: Whether imports are answered 202, with a background job.
    """

    def __init__(self, limits: Sequence[Window] = (), cap: int = 1000, strict: str = "", jobs: bool = False) -> None:
        self.limits = limits
        self.cap, self.strict, self.jobs = cap, strict, jobs
        self.contacts: dict[str, dict[str, Content]] = {}
        self.tasks: list[dict[str, Content]] = []
        self.members: set[int] = set()
        self.enrolled: dict[int, float] = {}
        self.effects: Counter[str] = Counter()
        self.stamps_s: list[float] = []
        self.reached: list[tuple[float, int]] = []
        self.over = 0
        self.revoked = False
        self.skew_s = 0.0
        self._now_s = 0.0
        self._ids = count(5000)
        self._turn = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._jobs: dict[str, float] = {}

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Something that happens here at a time, whoever still waits for it."""
        heapq.heappush(self._due, (when_s, next(self._turn), what))

    def advance(self, now_s: float) -> None:
        """Lets everything happen that is due."""
        while self._due and self._due[0][0] <= now_s:
            self._now_s, _, what = heapq.heappop(self._due)
            what()

    def arrive(self, request: Request) -> None:
        """Counts a request, and refuses it where key or quota do."""
        if self.revoked:
            request.status, request.answer = 401, {"title": "Unauthorized", "status": 401}
            return
        for window in self.limits:
            if sum(stamp_s > self._now_s - window.period_s for stamp_s in self.stamps_s) >= window.limit:
                self.over += 1
                request.status, request.headers = 429, {"retry-after": str(int(window.period_s) + 1)}
                return
        self.stamps_s.append(self._now_s)

    def execute(self, request: Request) -> None:
        """Does what a request asks for, and answers it."""
        if request.status or not request.executes:
            return
        parts = urlsplit(request.path)
        path, query = [unquote(part) for part in parts.path.split("/")[2:]], dict(parse_qsl(parts.query))
        request.status, request.answer = self._answer(request, path, query)

    def _answer(self, request: Request, path: list[str], query: Mapping[str, str]) -> tuple[int, Content]:
        match (request.method, *path):
            case ("POST", "contacts", "import"):
                return self._import(request)
            case ("POST", "contacts", "filter"):
                return 200, _page(list(self.contacts.values()), query, total=True)
            case ("GET", "contact-blacklist-rules", kind):
                return 200, _page([{"id": 1, "pattern": SHUNNED}] if kind == "domains" else [], query)
            case ("GET", "contacts", number):
                found = [one for one in self.contacts.values() if one["id"] == int(number)]
                return (200, found[0]) if found else (404, {"status": 404, "code": "contact.notFound"})
            case ("GET", "contacts"):
                found = [one for one in self.contacts.values() if one["email"] == query["email"].lower()]
                return 200, _page(found, query)
            case ("POST", "people"):
                return self._person(request.body)
            case ("GET", "people"):
                return self._people(query)
            case ("POST", "contacts", "bulk-delete"):
                return 200, dict(filter(None, map(self._delete, request.body["ids"])))
            case ("POST", "contacts", contact, "move-to-sequence"):
                return self._move(contact, request.life)
            case ("POST", "sequences", _, "contact-links", "bulk"):
                return 200, self._enrol(request.body["contactIds"], request.life)
            case ("GET", "sequences", _, "contacts"):
                rows = [{"contactId": one, "addingDate": self._iso(at_s)} for one, at_s in self.enrolled.items()]
                return 200, _page(rows, query)
            case ("POST", "contact-lists", _, "add-contacts"):
                return 200, dict(filter(None, map(self._list, request.body["contactIds"])))
            case ("POST", "tasks"):
                return 201, self._task(request.body)
            case ("GET", "tasks"):
                hidden = ("template", "contactId")
                rows = [{n: v for n, v in task.items() if n not in hidden} for task in self.tasks]
                return 200, _page(rows, query)
            case ("GET", "tasks", number):
                return 200, next(task for task in self.tasks if task["id"] == int(number))
            case ("GET", "background-jobs", job):
                done = self._now_s >= self._jobs[job]
                return 200, {"jobId": job, "status": "Done" if done else "Processing"}
        raise AssertionError(f"nobody said anything of {request.method} {request.path}")

    def _import(self, request: Request) -> tuple[int, Content]:
        items, options = request.body["items"], request.body["options"]
        if len(items) > self.cap:
            return 413, {"title": "Too large", "status": 413}
        bad = [i for i, item in enumerate(items) if item.get("firstName") == REFUSED]
        if bad and self.strict == "named":
            words = [{"pointer": f"/items/{i}/firstName", "detail": "not a name"} for i in bad]
            return 400, {"title": "Validation", "status": 400, "errors": words}
        if bad and self.strict == "whole":
            return 400, {"title": "Bad Request", "status": 400, "detail": "something is wrong"}
        results = [self._take(item, options) for item in items]
        if self.jobs:
            job = f"00000000-0000-4000-8000-{next(self._ids):012}"
            self._jobs[job] = self._now_s + 2.0
            return 202, {"jobId": job}
        return 200, {"items": results}

    def _take(self, item: Mapping[str, Content], options: Mapping[str, Content]) -> Content:
        if item.get("firstName") == REFUSED:
            return {"id": None, "status": "failed", "error": "Invalid data"}
        known = self.contacts.get(item["email"])
        if known is not None and not options.get("overwriteExisting"):
            return {"id": known["id"], "status": "skipped", "error": None}
        self.effects[item["email"]] += 1
        status = "created" if known is None else "updated"
        if known is None:
            known = self.contacts[item["email"]] = {"id": next(self._ids), "createdAt": self._iso(self._now_s)}
        known.update(item)
        return {"id": known["id"], "status": status, "error": None}

    def _person(self, body: Mapping[str, Content]) -> tuple[int, Content]:
        """V1: one person, made or changed."""
        if body.get("firstName") == REFUSED:
            return 400, {"message": "FirstName is not valid."}
        taken = self._take(body, {"overwriteExisting": True})
        return (201 if taken["status"] == "created" else 200), {"id": taken["id"]}

    def _people(self, query: Mapping[str, str]) -> tuple[int, Content]:
        """V1: the person of an address, or a page of all."""
        shown = [
            {n: v for n, v in one.items() if n != "createdAt"} | {"addingDate": one["createdAt"]}
            for one in self.contacts.values()
        ]
        if "email" in query:
            found = [one for one in shown if one["email"] == query["email"].lower()]
            return (200, found[0]) if found else (404, {"message": "Not found"})
        page, size = int(query["page"]), int(query["limit"])
        pages = -(-len(shown) // size)
        people = json.loads(json.dumps(shown[(page - 1) * size : page * size]))
        return 200, {"people": people, "page": page, "pagesCount": pages, "total": len(shown)}

    def _delete(self, number: int) -> tuple[str, Content] | None:
        address = next((one for one, record in self.contacts.items() if record["id"] == number), None)
        if address is None:
            return str(number), {"error": 1, "errorDetails": None}
        del self.contacts[address]
        self.effects[str(number)] += 1
        return None

    def _move(self, contact: str, life: int) -> tuple[int, Content]:
        if int(contact) in REFUSED_IDS:
            return 404, {"title": "Not Found", "status": 404, "code": "contact.notFound"}
        self.effects[contact] += 1
        self.reached.append((self._now_s, life))
        return 200, None

    def _enrol(self, numbers: list[int], life: int) -> Content:
        added, failed = [], {}
        for number in numbers:
            if number in REFUSED_IDS:
                failed[str(number)] = {"error": 7, "errorDetails": None}
            elif number in self.enrolled:
                failed[str(number)] = {"error": "contactAlreadyInSequence", "errorDetails": None}
            else:
                self.enrolled[number] = self._now_s
                self.effects[str(number)] += 1
                self.reached.append((self._now_s, life))
                added.append(number)
        return {"added": added, "notProcessed": failed}

    def _list(self, number: int) -> tuple[str, Content] | None:
        if number in REFUSED_IDS:
            return str(number), {"error": 8, "errorDetails": None}
        self.members.add(number)
        self.effects[str(number)] += 1
        return None

    def _task(self, record: Mapping[str, Content]) -> Content:
        made = {**record, "id": next(self._ids), "createdAt": self._iso(self._now_s), "status": "new"}
        made["contact"] = {"id": record["contactId"]}
        self.tasks.append(made)
        self.effects[record["template"]["body"]] += 1
        return {"id": made["id"]}

    def _iso(self, at_s: float) -> str:
        return datetime.fromtimestamp(EPOCH_S + at_s + self.skew_s, UTC).replace(tzinfo=None).isoformat()


def _page(records: list[Content], query: Mapping[str, str], total: bool = False) -> Content:
    first, size = int(query.get("skip", 0)), int(query.get("top", 25))
    page = json.loads(json.dumps(records[first : first + size]))
    return {"items": page, "hasMore": first + size < len(records)} | ({"totalCount": len(records)} if total else {})
