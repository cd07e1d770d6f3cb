"""V1 and V2: what they keep, made, changed and deleted from files with a bad row in each; everything they can be asked,
once; and their quota: ten seconds between slow reads, one budget a month, a throttle that comes as a 400."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import bulkreply as product
from bulkreply.accounts import load_account
from bulkreply.catalog import Catalog
from bulkreply.errors import BulkreplyError
from bulkreply.net.opening import open_client
from bulkreply.wire.call import page_call
from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.support import Bulkreply, SandboxProcess, start_sandbox

Start = Callable[..., SandboxProcess]
BAD, GONE, KNOWN, TWIN = (
    "rejected value.required",
    "skipped reply.notFound",
    "skipped reply.exists",
    "skipped row.duplicate",
)
UNKNOWN, NO_NAME = "rejected reply.notFound", "rejected reference.unknown"
PLACES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "people": ("/v1/people", lambda one: one["email"]),
    "people_lists": ("/v1/people/lists", lambda one: one["name"]),
    "custom_fields": ("/v1/custom-fields/all", lambda one: one["title"]),
    "email_accounts": ("/v1/emailAccounts", lambda one: one["emailAddress"]),
    "blacklist": ("/v1/blacklist?outputType=All", lambda one: one["value"]),
    "accounts": ("/v3/contact-accounts", lambda one: one["name"]),
    "campaigns": ("/v2/campaigns", lambda one: one["name"]),
    "schedules": ("/v2/schedules", lambda one: one["name"]),
    "webhooks": ("/api/v2/webhooks", lambda one: f"{one['event']} {one['url']}"),
}
LETTER = [{"number": 1, "inMinutesCount": 0, "templates": [{"subject": "Hello", "body": "World"}]}]


@dataclass(frozen=True)
class Step:
    """One file, and all that comes of it.

    Attributes:
        to: What the job's `to` says beside the object: its mode.
        text: The file; `<Name>` stands for the id of what is called so.
        rows: What becomes of each row: the outcome, and the code when there is one.
        calls: Every call by operation, whoami left out; those of other objects by their full name.
        there: All there is afterwards, name -> dotted path -> value.
        more: The rest of the job.
    """

    to: str
    text: str
    rows: list[str]
    calls: dict[str, int]
    there: dict[str, dict[str, Any]]
    more: str = "policy: {settle_s: 0.1}\n"


@dataclass
class Desk:
    """An account at the stand-in, and files to run against it."""

    server: SandboxProcess
    folder: Path
    number: int = field(default=0)

    def http(self, method: str, path: str, body: object = None) -> Any:
        """Asks the stand-in without any help of the product."""
        headers = {"Authorization": f"Bearer {KEY_CANARY}", "X-Api-Key": KEY_CANARY, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.url}{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = answer.read()
        return json.loads(found) if found.strip() else None

    def held(self, name: str) -> dict[str, dict[str, Any]]:
        """Every record of an object by what it is called."""
        if name in ("campaign_people", "campaign_steps"):
            found = {}
            for campaign in self.http("GET", "/v2/campaigns"):
                people = self.http("GET", f"/v1/campaigns/{campaign['id']}/people")["people"]
                steps = self.http("GET", f"/v2/campaigns/{campaign['id']}/steps")
                rows = {one["email"]: one for one in people} if name == "campaign_people" else {}
                rows |= {one["number"]: one for one in steps} if name == "campaign_steps" else {}
                found |= {f"{campaign['name']} {label}": one for label, one in rows.items()}
            return found
        path, called = PLACES[name]
        rows = self.http("GET", path)
        if isinstance(rows, dict):
            rows = next(value for value in rows.values() if isinstance(value, list))
        return {called(one): one for one in (row if isinstance(row, dict) else {"value": row} for row in rows)}

    def run(self, to: str, text: str, more: str) -> tuple[list[str], dict[str, int]]:
        """Runs a job over a file of these words: outcomes, and calls by operation."""
        self.number += 1
        name, ending = f"job{self.number}", "ndjson" if text.startswith("{") else "csv"
        (self.folder / f"{name}.{ending}").write_text(text, "utf-8")
        path = self.folder / f"{name}.yaml"
        path.write_text(f"job: {name}\nfrom: {{file: {name}.{ending}}}\nto: {{{to}}}\n{more}", "utf-8")
        content = product.run(path, runs=self.folder / "runs", account="main", confirm=True).content
        with (self.folder / "runs" / name / content["run"] / "results.csv").open(encoding="utf-8", newline="") as lines:
            rows = [f"{line['outcome']} {line['code']}".strip() for line in csv.DictReader(lines)]
        assert content["state"] == "finished"
        assert sum(content["rows"].values()) == 2 * content["rows"]["read"] == 2 * len(rows)
        calls = dict(content["requests"]["by_operation"])
        return rows, {label: n for label, n in calls.items() if not label.startswith("v3.")}  # V3 says who opted out

    def people(self, letters: str) -> None:
        """People `a@example.com` …"""
        for letter in letters:
            self.http("POST", "/v1/people", {"email": f"{letter}@example.com", "firstName": letter.upper()})

    def campaign(self, name: str) -> dict[str, Any]:
        """A campaign of one letter, with a sender."""
        a_sender(self)
        body = {"name": name, "emailAccounts": ["me@example.com"], "steps": LETTER}
        made: dict[str, Any] = self.http("POST", "/v2/campaigns", body)
        return made


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxProcess]:
    """One stand-in for the tests without limits; each begins with an empty one."""
    server = start_sandbox("--key", KEY_CANARY, "--limits", "none")
    yield server
    server.stop()


@pytest.fixture
def desk(shared: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    shared.change("reset", {})
    account = f'[accounts.main]\nkey_file = "key"\nbase_url = "{shared.url}"\nlimits = "none"\n'
    (tmp_path / "bulkreply.toml").write_text(account, "utf-8")
    (tmp_path / "key").write_text(KEY_CANARY, "utf-8")
    yield Desk(shared, tmp_path)
    assert shared.ask("state")["surprises"] == {}, "Reply is not known to take it"


def at(record: Any, path: str) -> Any:
    """The value at a dotted path."""
    for part in path.split("."):
        record = record[int(part) if part.isdigit() else part]
    return record


def campaigns(desk: Desk) -> None:
    """Two campaigns, four people."""
    desk.people("abcd")
    desk.campaign("Fair")
    desk.campaign("Web")


def tier(desk: Desk) -> None:
    """A custom field."""
    desk.http("POST", "/v1/custom-fields", {"title": "Tier", "type": 0})


def two_people(desk: Desk) -> None:
    """Two people, a custom field and a list."""
    tier(desk)
    desk.people("ab")
    desk.http("POST", "/v1/people/lists", {"name": "Fair"})


def a_sender(desk: Desk) -> None:
    """A mailbox."""
    desk.http("POST", "/v1/emailAccounts", {"Email": "me@example.com"})


LIVES: dict[str, tuple[str, Callable[[Desk], None] | None, list[Step]]] = {}

PEOPLE = "id,email,firstName,title,customFields.Tier\n"
LIVES["people"] = (
    "api: v1, object: people",
    tier,
    [
        made := Step(
            "mode: upsert",
            PEOPLE + "1,a@example.com,A,Buyer,1\n,b@example.com,B,,\n,,C,,\n,d@example.com,,x,\n,bad,D,,\n"
            ",A@example.com,Z,,\n",
            ["created", "created", BAD, BAD, "rejected email.invalid", TWIN],
            {"upsert": 2, "v1.custom_fields.list": 1},
            {
                "a@example.com": {"firstName": "A", "title": "Buyer", "customFields.0.value": "1"},
                "b@example.com": {"firstName": "B", "title": "", "customFields": []},
            },
        ),
        Step("mode: upsert", made.text, ["updated", "updated", *made.rows[2:]], made.calls, made.there),
        Step(
            "mode: insert",
            "email,firstName\na@example.com,X\nn@example.com,N\n",
            [KNOWN, "created"],
            {"get_by_email": 2, "upsert": 1},
            made.there | {"n@example.com": {"firstName": "N"}},
        ),
        Step(
            "mode: update",
            PEOPLE + "9,a@example.com,A2,,\n,b@example.com,B,CEO,2\n,no@example.com,N,,\n,n@example.com,N,,\n",
            ["updated", "updated", UNKNOWN, "unchanged"],
            {"list": 1, "upsert": 2, "v1.custom_fields.list": 1},
            {
                "a@example.com": {"firstName": "A2", "title": "Buyer", "customFields.0.value": "1"},
                "b@example.com": {"firstName": "B", "title": "CEO", "customFields.0.value": "2"},
                "n@example.com": {"firstName": "N"},
            },
        ),
        Step(
            "mode: delete",
            "email\nn@example.com\nno@example.com\nbad\n",
            ["deleted", GONE, "rejected email.invalid"],
            {"delete_by_email": 2},
            {"a@example.com": {"firstName": "A2"}, "b@example.com": {"title": "CEO"}},
        ),
        Step(
            "mode: delete",
            "id,email\n<a@example.com>,\n99,\n,no@example.com\n,\n,b@example.com\n",
            ["deleted", GONE, GONE, "deleted"],
            {"get_by_email": 2, "delete_by_id_query": 3},
            {},
        ),
    ],
)
UPLOAD = "email,firstName,companySize,customFields.Tier\n"
OVER = "map: {email: email, firstName: firstName, listId: {value: Fair}, overwriteExisting: {value: yes}}\n"
LIVES["people by a file"] = (
    "api: v1, object: people",
    two_people,
    [
        Step(
            "mode: upload",
            UPLOAD + "u@example.com,U,11-50,1\nv@example.com,V,,\n,W,,\nx@example.com,,,\n"
            "a@example.com,A,,\nb@example.com,Z,,\n",
            # Nobody says what became of a file: people are read back. Whether b is still to change is not known.
            ["created", "created", BAD, BAD, "created", "unknown answer.changed"],
            {"csv_import": 1, "list": 1, "v1.custom_fields.list": 1},
            {
                "u@example.com": {"companySize": "11-50", "customFields.0.value": "1", "creationSource": "CSV"},
                "v@example.com": {"firstName": "V", "companySize": "Empty"},
                "a@example.com": {"firstName": "A", "creationSource": "API"},
                "b@example.com": {"firstName": "B"},
            },
        ),
        Step(
            "mode: upload",
            "email,firstName\nb@example.com,Z\n,Q\n",
            ["created", BAD],
            {"csv_import": 1, "get_by_email": 1, "v1.people_lists.list": 1},
            {"u@example.com": {}, "v@example.com": {}, "a@example.com": {}, "b@example.com": {"firstName": "Z"}},
            OVER + "policy: {settle_s: 0.1}\n",
        ),
    ],
)
LIVES["people_lists"] = (
    "api: v1, object: people_lists",
    None,
    [
        made := Step(
            "mode: insert",
            "id,name\n1,Fair\n2,\n,Web\n,fair\n",
            ["created", BAD, "created", TWIN],
            {"list": 1, "create": 2},
            {"Fair": {}, "Web": {}},
        ),
        Step("mode: insert", made.text, [KNOWN, BAD, KNOWN, TWIN], {"list": 1}, made.there),
        Step("mode: delete", "name\nFair\nNowhere\n", ["deleted", GONE], {"list": 1, "delete": 1}, {"Web": {}}),
        Step(
            "mode: delete",
            "id,name\n<Web>,\n99,\nx,\n",
            ["deleted", GONE, "rejected id.invalid"],
            {"delete": 2},
            {},
        ),
    ],
)
LIVES["custom_fields"] = (
    "api: v1, object: custom_fields",
    None,
    [
        made := Step(
            "mode: insert",
            "title,type\nTier,text\nBudget,number\nOdd,colour\n,text\nTier,number\n",
            ["created", "created", "rejected integer.invalid", BAD, TWIN],
            {"list": 1, "create": 2},
            {"Tier": {"fieldType": 0}, "Budget": {"fieldType": 1}},
        ),
        Step("mode: insert", made.text, [KNOWN, KNOWN, *made.rows[2:]], {"list": 1}, made.there),
        Step(
            "mode: update",
            "title,type\nTier,1\nNowhere,text\nBudget,number\n",
            ["updated", UNKNOWN, "unchanged"],
            {"list": 1, "update": 1},
            {"Tier": {"fieldType": 1}, "Budget": {"fieldType": 1}},
        ),
        Step(
            "mode: update",
            "id,title\n<Tier>,Level\n99,Ghost\n<Budget>,Budget\n",
            ["updated", UNKNOWN, "unchanged"],
            {"get": 3, "update": 1},  # a replacement: the type is read and sent along
            {"Level": {"fieldType": 1}, "Budget": {"fieldType": 1}},
        ),
        Step(
            "mode: upsert",
            "title,type\nLevel,text\nFresh,0\n,0\n",
            ["updated", "created", BAD],
            {"list": 1, "update": 1, "create": 1},
            {"Level": {"fieldType": 0}, "Budget": {"fieldType": 1}, "Fresh": {"fieldType": 0}},
        ),
        Step(
            "mode: delete",
            "title\nLevel\nNowhere\nFresh\n",
            ["deleted", GONE, "deleted"],
            {"list": 1, "delete": 2},
            {"Budget": {"fieldType": 1}},
        ),
    ],
)
LIVES["email_accounts"] = (
    "api: v1, object: email_accounts",
    None,
    [
        made := Step(
            "mode: insert",
            "Email,SenderName,Daily Limit,SmtpPort,SmtpPassword,SmtpSsl\n"
            "me@example.com,Me,50,465,s3cret,yes\nbad,,,,,\nyou@example.com,You,x,,,\nwe@example.com,We,,99999,,\n",
            ["created", "rejected email.invalid", "rejected integer.invalid", "rejected integer.invalid"],
            {"list": 1, "upsert": 1},
            {"me@example.com": {"senderName": "Me"}},
        ),
        Step("mode: insert", made.text, [KNOWN, *made.rows[1:]], {"list": 1}, made.there),
        Step(
            "mode: upsert",
            "Email,SenderName\nme@example.com,Myself\nus@example.com,Us\n",
            ["updated", "updated"],  # it answers an id, and does not say whether it was new
            {"upsert": 2},
            {"me@example.com": {"senderName": "Myself"}, "us@example.com": {"senderName": "Us"}},
        ),
        Step(
            "mode: update",
            "id,Email,SenderName\n7,me@example.com,Me\n,no@example.com,N\n,us@example.com,Us\n",
            ["updated", UNKNOWN, "unchanged"],
            {"list": 1, "upsert": 1},
            {"me@example.com": {"senderName": "Me"}, "us@example.com": {"senderName": "Us"}},
        ),
        Step(
            "mode: delete",
            "id,Email\n<us@example.com>,us@example.com\n,no@example.com\n1,\n",
            ["deleted", GONE, BAD],
            {"list": 1, "delete": 1},
            {"me@example.com": {"senderName": "Me"}},
        ),
    ],
)
ENROLLED = {"Fair a@example.com": {}, "Fair b@example.com": {}}
LIVES["campaign_people"] = (
    "api: v1, object: campaign_people",
    campaigns,
    [
        Step(
            "mode: insert",
            "campaignId,email\nFair,a@example.com\n<Fair>,b@example.com\nNowhere,c@example.com\nFair,no@example.com\n"
            "Fair,\nWeb,a@example.com\nWeb,A@example.com\n",
            ["created", "created", NO_NAME, "rejected reply.404", BAD, "rejected reply.400", TWIN],
            {"push": 4, "v1.campaigns.list": 1},
            ENROLLED,
        ),
        Step(
            "mode: insert",
            "campaignId,email,forcePush\nWeb,a@example.com,yes\nFair,b@example.com,maybe\n",
            ["created", "rejected boolean.invalid"],
            {"push": 1, "v1.campaigns.list": 1},
            {"Web a@example.com": {}, "Fair b@example.com": {}},
        ),
        Step(
            "mode: upsert",
            "campaignId,email,firstName,title\nFair,n@example.com,N,CEO\nFair,b@example.com,B,CFO\nFair,c@example.com,,\n",
            ["updated", "updated", BAD],
            {"add_and_push": 2, "v1.campaigns.list": 1},
            {"Web a@example.com": {}, "Fair b@example.com": {"title": "CFO"}, "Fair n@example.com": {"title": "CEO"}},
        ),
        Step(
            "mode: delete",
            "campaignId,email\nFair,b@example.com\nWeb,a@example.com\nWeb,no@example.com\nNowhere,a@example.com\n",
            ["deleted", "deleted", GONE, NO_NAME],
            {"remove": 3, "v1.campaigns.list": 1},
            {"Fair n@example.com": {"title": "CEO"}},
        ),
    ],
)
LISTED = "Domain,Email\nspam.example,\n,evil@example.com\nno domain,\nx.example,y@example.com\n,nonsense\n"
OUT = {"spam.example": {}, "evil@example.com": {}, "x.example": {}, "y@example.com": {}}
LIVES["blacklist"] = (
    "",
    None,
    [
        made := Step(
            "procedure: AddToBlacklist",
            LISTED,
            ["called", "called", "rejected reply.400", "called", "rejected email.invalid"],
            {"add_domain": 3, "add_email": 2},
            OUT,
        ),
        Step(made.to, made.text, made.rows, made.calls, OUT),
        Step(
            "procedure: RemoveFromBlacklist",
            "Domain,Email\nspam.example,\n,no@example.com\n,evil@example.com\nx.example,y@example.com\n",
            ["called", GONE, "called", "called"],
            {"delete_domain": 2, "delete_email": 3},
            {},
        ),
    ],
)
FLAT = "name,emailAccounts,steps.0.number,steps.0.inMinutesCount,steps.0.templates.0.subject,steps.0.templates.0.body\n"
LINES = [
    {"name": "Fair", "emailAccounts": ["me@example.com"], "steps": LETTER, "settings": {"emailsCountPerDay": 10}},
    {"name": "Bare", "emailAccounts": ["me@example.com"]},
    {"name": "Wrong", "emailAccounts": ["me@example.com"], "steps": [{"number": 1, "templates": []}]},
    {"name": "Nobody", "emailAccounts": ["no@example.com"], "steps": LETTER},
    {"name": "fair", "emailAccounts": ["me@example.com"], "steps": LETTER},
]
LIVES["campaigns"] = (
    "api: v2, object: campaigns",
    a_sender,
    [
        made := Step(
            "mode: insert",
            "".join(json.dumps(line) + "\n" for line in LINES),
            ["created", BAD, "rejected nested.invalid", "rejected reply.400", TWIN],
            {"list": 1, "create": 2},
            {"Fair": {"settings.emailsCountPerDay": 10, "settings.daysToFinishProspect": 14}},
        ),
        Step(
            "mode: insert",
            FLAT + "Fair,me@example.com,1,0,Hi,You\nWeb,me@example.com,1,0,Hi,You\nOdd,me@example.com,1,soon,Hi,You\n",
            [KNOWN, "created", "rejected integer.invalid"],
            {"list": 1, "create": 1},
            {"Fair": {"settings.emailsCountPerDay": 10}, "Web": {"settings.emailsCountPerDay": 50}},
        ),
        Step(
            "mode: update",
            "name,settings.emailsCountPerDay\nFair,20\nWeb,50\nNowhere,1\nWeb,x\n",
            ["updated", "unchanged", UNKNOWN, "rejected integer.invalid"],
            {"list": 1, "update": 1},
            {"Fair": {"settings.emailsCountPerDay": 20, "settings.daysToFinishProspect": 14}, "Web": {}},
        ),
        Step(
            "mode: update",
            "id,name,settings.emailsCountPerDay\n<Fair>,,30\n<Web>,Website,\n99,Ghost,\n",
            ["updated", "updated", UNKNOWN],
            {"list": 3, "update": 2},  # there is no call that reads one campaign
            {"Fair": {"settings.emailsCountPerDay": 30, "emailAccounts": ["me@example.com"]}, "Website": {}},
        ),
    ],
)
STEPS = "campaignId,number,inMinutesCount,templates.0.subject,templates.0.body\n"
LIVES["campaign_steps"] = (
    "api: v2, object: campaign_steps",
    campaigns,
    [
        made := Step(
            "mode: insert",
            STEPS + "Fair,2,60,Again,B2\nFair,2,90,X,Y\nWeb,9,60,Gap,B\nNowhere,2,60,A,B\nFair,1,0,S,B\nWeb,2,,A,B\n",
            ["created", TWIN, "rejected reply.400", NO_NAME, KNOWN, BAD],
            {"list": 2, "create": 2, "v2.campaigns.list": 1},
            {"Fair 1": {}, "Web 1": {}, "Fair 2": {"inMinutesCount": "60", "templates.0.subject": "Again"}},
        ),
        Step(
            "mode: update",
            STEPS + "Fair,2,120,,B3\nFair,1,0,Hello,\nWeb,2,60,None,\n",
            ["updated", "unchanged", UNKNOWN],
            {"list": 2, "update": 1, "v2.campaigns.list": 1},
            {"Fair 1": {}, "Web 1": {}, "Fair 2": {"inMinutesCount": "120", "templates.0.subject": "Again"}},
        ),
        Step(
            "mode: upsert",
            STEPS + "Fair,2,120,Again,B3\nFair,3,10,Third,B\nFair,1,soon,Hello,World\n",
            ["unchanged", "created", "rejected integer.invalid"],
            {"list": 1, "create": 1, "v2.campaigns.list": 1},
            {"Fair 1": {}, "Web 1": {}, "Fair 2": {}, "Fair 3": {"templates.0.subject": "Third"}},
        ),
        Step(
            "mode: delete",
            "campaignId,number,id\nFair,3,\nFair,9,\nWeb,1,\nFair,,<Fair 2>\n",
            ["deleted", GONE, "rejected reply.400", "deleted"],
            {"list": 2, "delete": 3, "v2.campaigns.list": 1},
            {"Fair 1": {}, "Web 1": {}},
        ),
    ],
)
HOURS = "mainTimings.0.timeRanges.0"
DAYS = f"{HOURS}.fromTime.hour,{HOURS}.fromTime.minute,{HOURS}.toTime.hour,{HOURS}.toTime.minute"
LIVES["schedules"] = (
    "api: v2, object: schedules",
    None,
    [
        made := Step(
            "mode: insert",
            f"name,timezoneId,isDefault,mainTimings.0.weekDay,mainTimings.0.isActive,{DAYS}\n"
            "Office,Europe/Berlin,,monday,yes,9,0,17,0\nShop,Europe/Berlin,yes,Tuesday,yes,9,0,17,0\n"
            "Bad,Europe/Berlin,,Someday,yes,9,0,17,0\nLate,Europe/Berlin,,Monday,yes,25,0,17,0\n"
            ",Europe/Berlin,,Monday,yes,9,0,17,0\nIdle,Europe/Berlin,,Monday,no,9,0,17,0\n",
            ["created", "created", "rejected enum.invalid", "rejected integer.invalid", BAD, "rejected reply.400"],
            {"list": 1, "create": 3, "set_default": 1},
            {
                "Office": {"isDefault": False, "mainTimings.0.weekDay": "Monday"},
                "Shop": {"isDefault": True, "mainTimings.0.timeRanges.0.toTime.hour": 17},
            },
        ),
        Step(
            "mode: insert",
            made.text,
            [KNOWN, KNOWN, *made.rows[2:]],
            {"list": 1, "create": 1},
            made.there,
        ),
        Step(
            "mode: delete",
            "name\nOffice\nShop\nNowhere\n",
            ["deleted", "rejected reply.400", GONE],
            {"list": 1, "delete": 2},
            {"Shop": {"isDefault": True}},
        ),
    ],
)
HOOK, OTHER = "https://a.example/x", "https://b.example/y"
LIVES["webhooks"] = (
    "api: v2, object: webhooks",
    None,
    [
        made := Step(
            "mode: insert",
            f"event,url,payload.includeEmailUrl,isDisabled\nemail_sent,{HOOK},yes,\nemail_opened,{HOOK},,yes\n"
            f"email_sent,nourl,,\n,{HOOK},,\nemail_sent,{HOOK},no,\n",
            ["created", "created", "rejected url.invalid", BAD, TWIN],
            {"list": 1, "create": 2, "get": 1, "update": 1},  # that one is off takes a call of its own
            {
                f"email_sent {HOOK}": {"payload.includeEmailUrl": True, "isDisabled": False},
                f"email_opened {HOOK}": {"payload.includeEmailUrl": False, "isDisabled": True},
            },
        ),
        Step("mode: insert", made.text, [KNOWN, KNOWN, *made.rows[2:]], {"list": 1}, made.there),
        Step(
            "mode: update",
            f"event,url,isDisabled\nemail_sent,{HOOK},yes\nemail_opened,{HOOK},yes\nemail_bounced,{HOOK},yes\n",
            ["updated", "unchanged", UNKNOWN],
            {"list": 1, "update": 1},
            {
                f"email_sent {HOOK}": {"payload.includeEmailUrl": True, "isDisabled": True},
                f"email_opened {HOOK}": {"isDisabled": True},
            },
        ),
        Step(
            "mode: update",
            f"id,url\n<email_sent {HOOK}>,{OTHER}\n99,{OTHER}\n",
            ["updated", UNKNOWN],
            {"get": 2, "update": 1},
            {f"email_sent {OTHER}": {"payload.includeEmailUrl": True, "isDisabled": True}, f"email_opened {HOOK}": {}},
        ),
        Step(
            "mode: upsert",
            f"event,url,isDisabled\nemail_sent,{OTHER},no\nemail_replied,{HOOK},yes\nemail_opened,{HOOK},yes\n,{HOOK},\n",
            ["updated", "created", "unchanged", BAD],
            {"list": 1, "update": 2, "create": 1, "get": 1},
            {
                f"email_sent {OTHER}": {"payload.includeEmailUrl": True, "isDisabled": False},
                f"email_opened {HOOK}": {"isDisabled": True},
                f"email_replied {HOOK}": {"isDisabled": True},
            },
        ),
        Step(
            "mode: delete",
            f"event,url,id\nemail_sent,{OTHER},\nemail_sent,{HOOK},\n,,<email_opened {HOOK}>\n,,99\n",
            ["deleted", GONE, "deleted", GONE],
            {"list": 1, "delete": 3},
            {f"email_replied {HOOK}": {}},
        ),
    ],
)
MERGE = "map: {AccountName: AccountName, Domain: Domain,"
MERGE += " MergeActionType: {value: %s}, MergeMatchingCriteria: {value: %s}}\n"
FIRMS = "AccountName,Domain\nAcme,acme.example\nBolt,bolt.example\n,x.example\n"
LIVES["accounts"] = (
    "api: v1, object: accounts",
    None,
    [
        Step(
            "mode: upload",
            FIRMS,
            ["updated", "updated", BAD],
            {"csv_import": 1},
            {"Acme": {"domainName": "acme.example"}, "Bolt": {}},
            MERGE % ("OverwriteExisting", "AccountName"),
        ),
        Step(
            "mode: upload",
            FIRMS,
            ["skipped reply.counts", "skipped reply.counts", BAD],
            {"csv_import": 1},
            {"Acme": {"domainName": "acme.example"}, "Bolt": {}},
            MERGE % ("Skip", "Domain"),
        ),
        Step(
            "mode: upload",
            FIRMS.replace("Bolt", "Bolt & Co").replace("bolt.", "bolts."),
            [
                "unknown reply.counts",
                "unknown reply.counts",
                BAD,
            ],  # one of them was there: Reply counts, and names none
            {"csv_import": 1},
            {"Acme": {}, "Bolt": {}, "Bolt & Co": {}},
            MERGE % ("Skip", "Domain"),
        ),
    ],
)


@pytest.mark.parametrize("name", LIVES)
def test_the_life_of(name: str, desk: Desk) -> None:
    lead, furnish, steps = LIVES[name]
    known = name.partition(" ")[0]
    if furnish is not None:
        furnish(desk)
    for step in steps:
        before = desk.held(known) | (desk.held("campaigns") if known.startswith("campaign_") else {})
        text = re.sub(r"<([^<>]+)>", lambda match, held=before: str(held[match[1]]["id"]), step.text)
        rows, calls = desk.run(", ".join(filter(None, (lead, step.to))), text, step.more)
        assert rows == step.rows, step
        api = "v2" if "api: v2" in lead else "v1"
        expected = {word if "." in word else f"{api}.{known}.{word}": n for word, n in step.calls.items()}
        assert calls == expected, step
        found = desk.held(known)
        assert found.keys() == step.there.keys(), step
        for label, values in step.there.items():
            assert {path: at(found[label], path) for path in values} == values, step


def test_people_are_pushed_by_id_many_in_one_call(desk: Desk) -> None:
    campaigns(desk)
    text = "ContactIds,SequenceId\na@example.com,Fair\nb@example.com,fair\nno@example.com,Fair\n1003,Web\n999,Web\n"
    rows, calls = desk.run("procedure: PushContactsToCampaign", text, "")
    assert rows == ["called", "called", NO_NAME, "called", "rejected reply.skipped"]
    assert calls["v1.campaign_people.bulk_push"] == 2, "one per campaign"
    assert desk.held("campaign_people").keys() == {*ENROLLED, "Web c@example.com"}
    rows, _ = desk.run("procedure: PushContactsToCampaign", text, "")
    assert rows.count("rejected reply.skipped") == 4, "nobody is enrolled twice"


@pytest.mark.parametrize(
    ("to", "names", "words"),
    [
        ("object: people, api: v1, mode: update", "id,title", "id cannot be written"),
        ("object: people, api: v1, mode: update", "title", "email must be mapped to update people"),
        ("object: people, api: v1, mode: upload", "email,firstName,notes", "upload people does not take notes"),
        ("object: people, api: v1, mode: upsert", "email,firstName,industry", "does not take industry"),
        ("object: people_lists, api: v1, mode: update", "name", "people_lists has no mode 'update'"),
        ("object: blacklist, api: v1, mode: insert", "value", "it can only be read"),
        ("object: campaigns, api: v2, mode: update", "name,scheduleId", "update campaigns does not take scheduleId"),
        ("object: campaigns, api: v1, mode: insert", "name", "campaigns has no mode 'insert'"),
        ("object: accounts, api: v1, mode: upload", "AccountName", "MergeActionType must be mapped"),
        ("object: campaign_people, api: v1, mode: insert", "email", "campaignId must be mapped"),
        ("object: peoples, api: v1, mode: upsert", "email", "did you mean 'people'?"),
        ("object: people, mode: upsert", "email", "add `api: v1`"),
        ("procedure: AddToBlacklist", "domains", "Domain"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(desk: Desk, to: str, names: str, words: str) -> None:
    mapping = "".join(f"  {name}: {{value: x}}\n" for name in names.split(","))
    with pytest.raises(BulkreplyError) as refusal:
        desk.run(to, "a\nb\n", f"map:\n{mapping}")
    assert words in f"{refusal.value.message} {refusal.value.hint}"
    assert desk.server.ask("events") == [], "nothing was written"


# Everything that can be asked, and done, once -------------------------------------------------------------------------


@dataclass
class Shell:
    """The command line within this process, a word a call."""

    desk: Desk
    called: set[str] = field(default_factory=set)

    def __call__(self, *words: str) -> tuple[int, Any]:
        """Exit code, and the JSON on stdout; without one, what the error says."""
        self.called.add(words[0])
        api, rest = words[0].split(".", 1)
        done = inside("call", rest, "--api", api, *words[1:], "--json", "--yes")
        return done.code, done.json if done.out else done.err

    def one(self, *words: str) -> Any:
        """The answer to a call that is one answer."""
        code, (told,) = self(*words)
        assert (code, told["outcome"], told["operation"]) == (0, "called", words[0]), told
        return told["answer"]

    def all(self, *words: str) -> Any:
        """The records of a listing."""
        code, found = self(*words)
        assert code == 0, found
        return found


@dataclass(frozen=True)
class Furnished:
    """What there is to ask about."""

    campaign: str
    step: str
    template: str


@pytest.fixture
def shell(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(desk.folder)
    return Shell(desk)


def furnished(desk: Desk) -> Furnished:
    """Something of everything: a campaign that runs with someone in it, a list, a field, a schedule, a template …"""
    desk.people("ab")
    made = desk.campaign("Fair")
    desk.http("POST", "/v1/people/lists", {"name": "Friends"})
    tier(desk)
    desk.http("POST", "/v1/blacklist?domain=spam.example")
    desk.http("POST", "/v1/actions/pushtocampaign", {"campaignId": made["id"], "email": "a@example.com"})
    desk.http("POST", f"/v2/campaigns/{made['id']}/start")
    body = {"name": "T", "subject": "S", "body": "B", "folderType": "personal"}
    template = desk.http("POST", "/v3/email-templates", body)["id"]
    hours = [{"fromTime": {"hour": 9, "minute": 0}, "toTime": {"hour": 17, "minute": 0}}]
    timings = [{"weekDay": "Monday", "isActive": True, "timeRanges": hours}]
    schedule = desk.http("POST", "/v2/schedules", {"name": "Office", "timezoneId": "UTC", "mainTimings": timings})
    desk.http("POST", f"/v2/schedules/{schedule['id']}/set-default")
    desk.http("POST", "/api/v2/webhooks", {"event": "email_sent", "url": HOOK})
    return Furnished(str(made["id"]), str(made["steps"][0]["id"]), str(template))


def test_everything_can_be_read(desk: Desk, shell: Shell) -> None:
    there = furnished(desk)
    ids = {one["email"]: str(one["id"]) for one in desk.held("people").values()}
    a, fair = ids["a@example.com"], {"id": int(there.campaign), "name": "Fair"}
    now = datetime.now(UTC)
    period = ("--from-date", f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}", "--to-date", f"{now:%Y-%m-%d} 23:59:59")
    listings: list[tuple[list[str], list[dict[str, Any]]]] = [
        (["v1.people.list"], [{"email": "b@example.com"}, {"email": "a@example.com"}]),
        (["v1.people.list_sequences", "--id", "a@example.com"], [{"sequenceName": "Fair", "status": "Active"}]),
        (["v1.people_lists.list"], [{"name": "Friends"}]),
        (["v1.people_lists.list_members", "--list-id", "friends"], []),
        (["v1.people_lists.list_members_by_name", "--name", "Friends"], []),
        (["v1.campaigns.list"], [fair | {"status": 2, "peopleCount": 1}]),
        (["v1.campaign_people.list", "--campaign-id", "Fair"], [{"email": "a@example.com"}]),
        (["v1.custom_fields.list"], [{"title": "Tier", "fieldType": 0}]),
        (["v1.email_accounts.list"], [{"emailAddress": "me@example.com"}]),
        (["v1.blacklist.list"], [{"value": "spam.example"}]),
        (["v1.blacklist.list", "--output-type", "emails"], []),
        (["v1.templates.list"], [{"id": int(there.template), "subject": "S"}]),
        (["v2.campaigns.list"], [fair | {"status": "Active"}]),
        (["v2.campaign_steps.list", "--campaign-id", "Fair"], [{"id": int(there.step), "number": "1"}]),
        (["v2.schedules.list"], [{"name": "Office", "isDefault": True}]),
        (["v2.webhooks.list"], [{"event": "email_sent"}]),
        (["v2.webhooks.list_logs", "--id", "1"], []),
        (["v2.stage_changes.list", *period], [{"email": "a@example.com", "stageName": "Engaging"}]),
    ]
    for words, wanted in listings:
        found = shell.all(*words)
        assert [{name: one[name] for name in want} for one, want in zip(found, wanted, strict=True)] == wanted, words
    campaign, step = ("--campaign-id", there.campaign), ("--step-id", there.step)
    answers: list[tuple[list[str], dict[str, Any]]] = [
        (["v1.people.get", "--id", a], {"email": "a@example.com"}),
        (["v1.people.get_by_id_query", "--id", a], {"email": "a@example.com"}),
        (["v1.people.get_by_email", "--email", "a@example.com"], {"id": int(a)}),
        (["v1.people.lookup", "--email", "a@example.com"], {"ids": [int(a)]}),
        (["v1.people_lists.get", "--id", "71"], {"name": "Friends"}),
        (["v1.campaigns.get", "--id", there.campaign], fair),
        (["v1.campaigns.get_by_id_query", "--id", there.campaign], {"0.name": "Fair"}),
        (["v1.campaigns.get_by_name", "--name", "Fair"], fair),
        (["v1.custom_fields.get", "--id", "41"], {"title": "Tier"}),
        (["v1.templates.get", "--id", there.template], {"subject": "S"}),
        (["v1.variables.get"], {"1.name": "Tier"}),
        (["v1.statistics.person", "--email", "a@example.com"], {"campaigns.0.name": "Fair"}),
        (["v1.statistics.status_in_campaign", "--email", "a@example.com"], {"status": "Active"}),
        (["v1.statistics.people_sent_per_campaign", *campaign], {"deliveredProspectsCount": 1}),
        (["v1.statistics.campaign_step", *campaign, *step, "--from", "1"], {"sentEmails": 1}),
        (["v1.statistics.campaign_clicks", "--campaign-id", "Fair"], {"stepClicks": []}),
        (["v2.campaign_steps.get", *campaign, "--id", there.step], {"templates.0.subject": "Hello"}),
        (["v2.schedules.get", "--id", str(desk.held("schedules")["Office"]["id"])], {"name": "Office"}),
        (["v2.schedules.get_default"], {"name": "Office"}),
        (["v2.webhooks.get", "--id", "1"], {"id": "1", "url": HOOK}),
        (["v2.emails.get_content", "--id", "8101"], {"subject": "Hello"}),  # the first that was ever sent there
    ]
    for words, want in answers:
        found = shell.one(*words)
        assert {path: at(found, path) for path in want} == want, words
    assert shell.one("v1.shared_page.get")["url"].startswith(desk.server.url)
    place = shell.one("v2.reports.generate_email_report", "--report-type", "emails")["location"]
    token = re.findall(r"token=([^&]+)", place)[0]
    wanted = ("v2.reports.download", "--token", token, "--type", "emails")
    assert shell(*wanted)[0] == 3, "not ready yet"
    assert shell.one(*wanted).startswith("Email,Date\r\na@example.com,")
    known = {one.label for spec in Catalog() if spec.api != "v3" for one in spec.operations.values() if one.reads}
    assert known == shell.called


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["v1.people.lookup", "--email", "no@example.com"], "reply.404"),
        (["v1.people.get_by_email", "--email", "no@example.com"], "reply.404"),
        (["v1.statistics.person", "--email", "no@example.com"], "reply.404"),
        (["v1.campaigns.get", "--id", "99"], "reply.404"),
        (["v2.schedules.get_default"], "reply.404"),
        (["v2.emails.get_content", "--id", "99"], "reply.404"),
        (["v1.people.lookup"], "reply.400"),
    ],
)
def test_what_is_not_there_is_a_refusal_of_that_one_call(shell: Shell, words: list[str], code: str) -> None:
    exit_code, (told,) = shell(*words)
    assert (exit_code, told["outcome"], told["code"]) == (3, "rejected", code)


def test_everything_can_be_done(desk: Desk, shell: Shell) -> None:
    there = furnished(desk)
    desk.people("cde")
    ids = {one["email"][0]: str(one["id"]) for one in desk.held("people").values()}
    shell.one("v1.people.mark_replied", "--email", "a@example.com")
    shell.one("v1.people.mark_finished", "--domain", "example.com")
    assert shell.one("v1.people.unmark_out_of_office", "--email", "a@example.com") == {"contactCount": 0}
    shell.one("v1.people_lists.move_contacts", "--contact-id", "c@example.com", "--list-ids", "Friends")
    assert [one["email"] for one in shell.all("v1.people_lists.list_members", "--list-id", "71")] == ["c@example.com"]
    shell.one("v1.campaign_people.remove_from_all", "--email", "a@example.com")
    assert desk.held("campaign_people") == {}
    shell.one("v1.people.delete", "--id", ids["c"])
    shell.one("v1.people.delete_by_id_query", "--id", ids["d"])
    assert desk.held("people").keys() == {"a@example.com", "b@example.com", "e@example.com"}
    shell.one("v1.campaign_people.push", "--campaign-id", "Fair", "--email", "e@example.com")
    assert shell.one("v2.campaigns.start", "--id", there.campaign)["status"] == "Active"
    variants = desk.held("campaign_steps")["Fair 1"]["templates"]
    toggle = ("--variant-id", str(variants[0]["id"]), "--activate", "false")
    told = shell.one("v2.campaign_steps.toggle_variants", "--step-id", there.step, *toggle)
    assert told[0]["emailVariants"][0]["isDisabled"]
    assert shell.one("v2.campaigns.pause", "--id", there.campaign)["status"] == "Paused"
    assert shell.one("v2.campaigns.archive", "--id", there.campaign)["isArchived"]
    shell.one("v2.webhooks.test", "--id", "1")
    shell.one("v2.webhooks.test_all")
    assert len(shell.all("v2.webhooks.list_logs", "--id", "1")) == 2
    assert shell("v1.people.mark_replied", "--email", "b@example.com")[0] == 3, "nothing was ever sent there"


# Quota ----------------------------------------------------------------------------------------------------------------


def test_slow_reads_have_a_bucket_each_and_the_month_is_one_budget() -> None:
    catalog = Catalog()
    lanes = {one.label: catalog.api(one.api).lane(one) for spec in catalog for one in spec.operations.values()}
    slow = {label: lane for label, lane in lanes.items() if "ten_seconds" in lane}
    stats = ("person", "status_in_campaign", "people_sent_per_campaign")
    assert slow == {
        **{
            f"v1.campaigns.{name}": "v1.ten_seconds.campaigns"
            for name in ("list", "get", "get_by_id_query", "get_by_name")
        },
        **{f"v1.statistics.{name}": "v1.ten_seconds.stats" for name in stats},
    }
    assert {lane for label, lane in lanes.items() if label[:2] in ("v1", "v2") and label not in slow} == {"v1.default"}
    assert catalog.api("v1").wider == {lane: "v1.default" for lane in catalog.api("v1").lanes if lane != "v1.default"}


async def test_a_slow_read_that_waits_holds_up_nothing_else(
    sandbox: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = sandbox("--ten-seconds", "10")
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    desk = Desk(server, tmp_path)
    desk.people("ab")
    desk.campaign("Fair")
    catalog = Catalog()
    status = catalog.operation("v1.statistics.status_in_campaign")
    async with open_client(load_account(None, tmp_path, base_url=server.url), catalog) as client:

        async def read(label: str, **query: str) -> Any:
            operation = catalog.operation(label)
            query |= {"email": "a@example.com"} if "{email}" in operation.path else {}
            return await client.read(page_call(operation, 0, 100, query, {}))

        permit = await client.permit(status)
        client.quota.release(permit)
        waiting = [asyncio.create_task(client.permit(status)) for _ in range(8)]
        async with asyncio.timeout(8):
            await read("v1.campaigns.list")
            for label in (
                "v1.people.list",
                "v1.people.get_by_email",
                "v2.campaigns.list",
                "v1.email_accounts.list",
            ) * 5:
                assert await read(label)
        assert not any(task.done() for task in waiting)
        month = {str(window): used for window, used in client.quota.spent("v1.default")}
        assert month == {"100 per minute": 22, "15,000 per 30 days": 22}, "V1, V2 and the slow reads together"
        assert client.counts.status_429 == 0
        for task in waiting:
            task.cancel()


PLAIN = "job: people\nfrom: {file: people.csv}\nto: {object: people, api: v1, mode: upsert}\n"


@pytest.fixture
def six(bulkreply: Bulkreply, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of six people."""
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    monkeypatch.chdir(bulkreply.folder)
    bulkreply.write("people.csv", "email,firstName\n" + "".join(f"p{i}@example.com,P\n" for i in range(6)))
    return str(bulkreply.write("job.yaml", PLAIN))


def test_a_throttle_that_comes_as_a_400_is_waited_out(sandbox: Start, six: str) -> None:
    server = sandbox("--limits", "4/2s")
    done = inside("run", six, "--base-url", server.url, "--limits", "none", "--json")
    assert done.code == 0, done.err
    report = done.json
    assert (report["rows"]["created"], report["rows"]["rejected"], report["rows"]["unknown"]) == (6, 0, 0)
    assert report["requests"]["status_429"] == 2
    assert report["requests"]["by_operation"]["v1.people.upsert"] == 8, "asked once, and not again before it is time"


def test_a_month_that_is_used_up_pauses_the_run_and_it_goes_on_later(
    sandbox: Start, six: str, bulkreply: Bulkreply
) -> None:
    server = sandbox("--limits", "none")
    done = inside("run", six, "--base-url", server.url, "--limits", "4/30d")
    assert done.code == 5, done.err
    assert len(server.ask("contacts")) == 4
    done = inside("resume", "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    assert len(server.ask("contacts")) == 6
    assert bulkreply.report("people")["rows"]["created"] == 6
