"""Opens the client of an account: its key is checked, its quota is counted in a file of its own, and as many calls
go at once as keep that quota busy."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from bulkreply.accounts import ReplyAccount, require_key
from bulkreply.catalog import Catalog
from bulkreply.clock import SYSTEM_CLOCK, Clock
from bulkreply.errors import ServerFatal
from bulkreply.net.client import Client, Counts, Patience
from bulkreply.net.memory import Memory, quota_path
from bulkreply.net.transport import Transport
from bulkreply.quota import Quota, Window, parse_limits
from bulkreply.secrets import fingerprint, state_folder
from bulkreply.wire.call import Call

FIRST_OUTAGE_S = 15.0
WIDTHS = (8, 32)
"""Calls under way at once: at least, and at most."""
ANSWER_S = 0.5
"""In about this time an answer comes; of all calls that the quota lets go meanwhile none need wait for another."""


@asynccontextmanager
async def open_client(
    account: ReplyAccount,
    catalog: Catalog,
    *,
    patience: Patience | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Client]:
    """A client whose key has been checked, one call, and whose quota is that of its account.

    Raises:
        KeyRefused: Reply does not know the key.
    """
    windows, wider = _windows(account, catalog)
    patience = patience or Patience()
    patience = replace(patience, width=patience.width or _width(windows.values()))
    require_key(account)
    memory = Memory(state_folder() / "accounts.json")
    counts = Counts()
    async with Transport(account.base_url, width=patience.width, timeout_s=patience.timeout_s) as transport:

        def client(quota: Quota, name: str, patience: Patience = patience) -> Client:
            return Client(account, catalog, transport, quota, clock, patience, counts, name)

        first = replace(patience, outage_s=min(FIRST_OUTAGE_S, patience.outage_s))  # nothing is begun yet

        remembered = memory.get(account.key_name()) or account.key_name()
        async with Quota(quota_path(remembered), windows, clock, account.reserve, wider) as quota:
            name = await _who(client(quota, remembered, first), account)
            if name == remembered:
                yield client(quota, name)
                return
        memory.put(account.key_name(), name)
        async with Quota(quota_path(name), windows, clock, account.reserve, wider) as quota:
            quota.release(await quota.acquire("v3.default"))  # the whoami counts in the account's windows too
            yield client(quota, name)


async def _who(client: Client, account: ReplyAccount) -> str:
    """The account's fingerprint by the user Reply says the key belongs to; by the key when Reply does not say."""
    operation = client.catalog.object("users").operations["whoami"]
    try:
        content = await client.read(Call(operation, operation.path))
    except ServerFatal:  # a server that speaks V1 only
        return account.key_name()
    user = content.get("userId") if isinstance(content, dict) else None
    return fingerprint(account.base_url, str(user)) if user is not None else account.key_name()


def _windows(account: ReplyAccount, catalog: Catalog) -> tuple[dict[str, tuple[Window, ...]], dict[str, str]]:
    """The windows of each rate class, and which wider ones they count in; limits of the account's own replace the
    default windows, `none` all of them."""
    own = parse_limits(account.limits) if account.limits else None
    windows: dict[str, tuple[Window, ...]] = {}
    wider: dict[str, str] = {}
    for api in map(catalog.api, catalog.apis()):
        wider |= api.wider
        for lane, text in api.lanes.items():
            windows[lane] = parse_limits(text) if own is None or (own and lane in api.wider) else own
    return windows, wider


def _width(lanes: Iterable[tuple[Window, ...]]) -> int:
    """As many calls at once as the fastest class may send while one is answered."""
    least, most = WIDTHS
    rates = [min((window.limit / window.period_s for window in windows), default=math.inf) for windows in lanes]
    return round(max(least, min(most, ANSWER_S * max(rates))))
