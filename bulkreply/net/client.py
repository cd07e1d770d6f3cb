"""A client for one account: sends calls within its quota, waits out throttles, reads listings page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from bulkreply.accounts import ReplyAccount, require_key
from bulkreply.catalog import Api, Catalog, Operation
from bulkreply.clock import Clock
from bulkreply.errors import BulkreplyError, KeyRefused, RightMissing, RunPaused, ServerFatal
from bulkreply.net.transport import Carrier
from bulkreply.net.waits import Waits
from bulkreply.quota import Permit, Quota
from bulkreply.wire.answer import Answer, WrongShape
from bulkreply.wire.call import Call, page_call
from bulkreply.wire.paging import Page, read_page
from bulkreply.wire.verdict import Judgement, Verdict, judge

UNNAMED_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear what.

    Attributes:
        width: Calls under way at once; 0 for as many as keep the quota busy.
        timeout_s: Longest wait for one answer.
        park_s: Longest single wait the quota may ask for before the run pauses (exit 5).
        outage_s: Longest time without any connection before the run pauses.
        attempts: Tries of a read before its failure is final.
    """

    width: int = 0
    timeout_s: float = 60.0
    park_s: float = 2 * 3600.0
    outage_s: float = 180.0
    attempts: int = 5


@dataclass(slots=True)
class Counts:
    """Requests of a run, for the report."""

    by_operation: Counter[str] = field(default_factory=Counter)
    status_429: int = 0
    retried: int = 0

    @property
    def sent(self) -> int:
        """All requests."""
        return self.by_operation.total()

    def as_words(self) -> dict[str, Any]:
        """The `requests` object of `report.json`."""
        return {
            "sent": self.sent,
            "by_operation": dict(self.by_operation),
            "status_429": self.status_429,
            "retried": self.retried,
        }

    def add(self, words: Mapping[str, Any]) -> None:
        """Counts the requests of earlier executions of the same run too."""
        self.by_operation.update(words.get("by_operation", {}))
        self.status_429 += words.get("status_429", 0)
        self.retried += words.get("retried", 0)


_INTERRUPTED = Answer(0, silence="lost", detail="interrupted")


class Client:
    """Everything that reaches Reply passes here. Made by `open_client`.

    Attributes:
        account_name: Fingerprint of the account, the same for all its keys when Reply says who they are.
    """

    def __init__(
        self,
        account: ReplyAccount,
        catalog: Catalog,
        transport: Carrier,
        quota: Quota,
        clock: Clock,
        patience: Patience,
        counts: Counts,
        account_name: str,
    ) -> None:
        self.catalog = catalog
        self.quota = quota
        self.clock = clock
        self.patience = patience
        self.counts = counts
        self.account_name = account_name
        self._account = account
        self._transport = transport
        self._apis = {name: catalog.api(name) for name in catalog.apis()}
        self._waits = Waits(clock)
        self._lanes: dict[tuple[str, str, str], str] = {}
        self._said: dict[tuple[str, str, str], CIMultiDict[str]] = {}

    def leave(self) -> None:
        """From now on nobody waits here, for the quota or before a repeat; answers under way are still received."""
        self._waits.leave()

    async def rest(self, delay_s: float) -> None:
        """Waits.

        Raises:
            Interrupted: The run is to stop.
        """
        with self._waits.wait():
            await self.clock.sleep(delay_s)

    def lane(self, operation: Operation) -> str:
        """The rate class a call counts in."""
        key = operation.api, operation.rate_class, operation.object
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._apis[operation.api].lane(operation)
        return lane

    def unbounded(self, operation: Operation) -> bool:
        """Whether no quota holds back a call."""
        return not self.quota.counts(self.lane(operation))

    async def permit(self, operation: Operation) -> Permit:
        """Waits until the quota allows a call; the permit belongs to the next `send`, or goes back by `give_back`.

        Raises:
            Interrupted: The run is to stop.
            RunPaused: Reply asked for a wait longer than the patience.
        """
        lane = self.lane(operation)
        wait = self._waits.wait(lane)
        permit = self.quota.at_once(lane)
        if permit is None:
            with wait:
                permit = await self.quota.acquire(lane)
        return permit

    def give_back(self, permit: Permit) -> None:
        """Returns a permit nothing was sent with."""
        self.quota.release(permit, never_sent=True)

    async def send(self, call: Call, permit: Permit, count: int = 1) -> tuple[Answer, Judgement]:
        """Sends a call once and judges the answer. After WAIT the quota holds back all calls of the class.

        Args:
            count: Records the call carries.
        """
        api = self._apis[call.operation.api]
        answer = _INTERRUPTED
        try:
            answer = await self._transport.send(call.method, call.path, call.body, self._headers(api, call))
        finally:
            self.quota.release(permit, never_sent=answer.silence == "unsent")
        if answer.silence != "unsent":
            self.counts.by_operation[call.operation.label] += 1
        judgement = judge(call.operation, api, answer, count)
        if judgement.verdict is Verdict.WAIT:
            self._park(self.lane(call.operation), api, judgement)
        return answer, judgement

    def _park(self, lane: str, api: Api, judgement: Judgement) -> None:
        self.counts.status_429 += 1
        wait_s = judgement.wait_s
        if wait_s < 0:
            wait_s = api.throttle_wait_s if api.throttle_text else UNNAMED_WAIT_S
        until_s = self.clock.now_s() + wait_s
        self.quota.park(lane, until_s)
        self.quota.contradicted(lane)
        if wait_s > self.patience.park_s:
            self._waits.close(lane, until_s)

    def _headers(self, api: Api, call: Call) -> CIMultiDict[str]:
        """What a call says of itself, as aiohttp keeps it: made once, not once a call."""
        wanted = api.auth_header, api.auth_form, call.content_type if call.body else ""
        headers = self._said.get(wanted)
        if headers is None:
            key = api.auth_form.format(key=require_key(self._account).reveal())
            headers = self._said[wanted] = CIMultiDict({"Accept": "application/json", api.auth_header: key})
            if self._account.act_as:
                headers["X-User-Email" if "@" in self._account.act_as else "X-User-Id"] = self._account.act_as
            if call.body:
                headers["Content-Type"] = call.content_type
        return headers

    async def read(self, call: Call, decode: Callable[[Answer], Any] = Answer.json) -> Any:
        """The decoded answer of a read, repeated while it fails in passing; None when there is no such record.

        Args:
            decode: Raises ValueError for what is no JSON.

        Raises:
            BulkreplyError: Reply refuses for good, or stays out of reach.
        """
        began_s, attempt = self.clock.now_s(), 0
        while True:
            answer, judgement = await self.send(call, await self.permit(call.operation))
            if judgement.verdict is Verdict.WAIT:
                continue
            if judgement.verdict is Verdict.DONE:
                try:
                    return decode(answer)
                except ValueError:
                    judgement = Judgement(Verdict.RETRY, f"wire: {call.operation.label}: the answer is not JSON")
            if answer.status == 404 and call.operation.parameters:
                return None
            if judgement.verdict not in (Verdict.RETRY, Verdict.VERIFY):
                raise self.stop(judgement, call.operation)
            attempt += answer.silence != "unsent"
            await self.pause_before_repeat(judgement, attempt, began_s, call.operation)

    async def pause_before_repeat(
        self, judgement: Judgement, attempt: int, began_s: float, operation: Operation
    ) -> None:
        """Waits before the same call goes again.

        Raises:
            RunPaused: Neither patience nor attempts are left.
        """
        waited_s = self.clock.now_s() - began_s
        if attempt >= self.patience.attempts or (attempt == 0 and waited_s > self.patience.outage_s):
            words = judgement.reason if judgement.reason[:5] == "wire:" else f"{operation.label}: {judgement.reason}"
            raise RunPaused(words, hint="resume when the server can be reached again")
        self.counts.retried += 1
        await self.rest(min(30.0, 0.25 * 2 ** min(attempt, 7)) * (0.5 + self.clock.jitter()))

    def stop(self, judgement: Judgement, operation: Operation) -> BulkreplyError:
        """The exception that a STOP ends the run with."""
        words = f"{operation.label}: {judgement.reason or 'refused'}"
        if judgement.stop == "key":
            return KeyRefused(words, hint="check the key and act_as, or use another key of this account; then resume")
        if judgement.stop == "right":
            hint = "the key is good; its scopes, act_as, or the role or plan of its user do not allow this: then resume"
            return RightMissing(words, hint=hint)
        if judgement.stop == "plan":
            return ServerFatal(words, hint="the plan's cap is reached: raise it at Reply, then resume")
        if operation.mark == "guess":
            return ServerFatal(f"{operation.label} is not supported by Reply: {judgement.reason}")
        return ServerFatal(words, hint="check the base URL and the API version; then resume")

    async def pages(
        self, operation: Operation, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Page]:
        """The pages of a listing, largest pages first asked for.

        Raises:
            ServerFatal: The answers do not make sense: no list, an empty page that claims more, or the same one again.
        """
        number, size, before = 0, operation.paging.page_max or 1000, Page((), False)
        while True:
            content = await self.read(page_call(operation, number, size, query or {}, body or {}))
            with sensible():
                page = read_page(operation, content, number, size)
                if page.records and page.records == before.records:
                    raise WrongShape(f"{operation.label}: the same page came twice")
            yield page
            if not page.more:
                return
            number, before = number + 1, page


@contextmanager
def sensible() -> Iterator[None]:
    """Turns an answer that makes no sense into what ends the run: nothing is guessed from it."""
    try:
        yield
    except WrongShape as error:
        raise ServerFatal(f"wire: {error}", hint="the answer has a shape the catalog does not know") from None
