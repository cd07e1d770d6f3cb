"""The life of every plain object of V3: made from a file, changed, mixed, and deleted again, bad rows among the good.

After every file Reply holds what was there before with exactly what the rows say put over it, no other call was made
than had to be, and the same file once more changes nothing.
"""

from __future__ import annotations

import csv
import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import bulkreply as product
from tests.conftest import KEY_CANARY
from tests.support import Bulkreply, SandboxProcess, start_sandbox

PATHS = {
    "contacts": "contacts",
    "contact_lists": "contact-lists",
    "accounts": "contact-accounts",
    "account_lists": "contact-account-lists",
    "custom_fields": "custom-fields",
    "domain_blacklist_rules": "contact-blacklist-rules/domains",
    "email_blacklist_rules": "contact-blacklist-rules/emails",
    "email_exception_blacklist_rules": "contact-blacklist-rules/email-exceptions",
    "webhooks": "webhooks",
    "email_accounts": "email-accounts",
    "email_templates": "email-templates",
    "email_template_folders": "email-template-folders",
    "schedules": "schedules",
    "holiday_calendars": "holiday-calendars",
    "inbox_categories": "inbox/threads/categories",
    "linkedin_accounts": "linkedin-accounts",
}
CALLED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "contacts": lambda one: one["email"],
    "custom_fields": lambda one: one["title"],
    "domain_blacklist_rules": lambda one: one["pattern"],
    "email_blacklist_rules": lambda one: one["pattern"],
    "email_exception_blacklist_rules": lambda one: one["pattern"],
    "webhooks": lambda one: f"{one['eventType']} {one['url']}",
    "email_accounts": lambda one: one["connection"]["email"],
    "email_template_folders": lambda one: f"{one['name']} {one['folderType']}",
}
CLOCKED = {"updatedAt", "lastModifiedAt"}
"""Fields that change with every write."""


@dataclass(frozen=True)
class Step:
    """One file, and all that comes of it.

    Attributes:
        mode: `insert`, `update` …
        text: The file; `<Name>` stands for the id of what is called so.
        rows: What becomes of each row: the outcome, and the code when there is one.
        calls: Every call by operation, whoami left out; those of other objects by their full name.
        there: Name -> dotted path -> value afterwards; None when it is gone. All else is as before.
    """

    mode: str
    text: str
    rows: list[str]
    calls: dict[str, int]
    there: dict[str, dict[str, Any] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """What a run says of itself."""

    rows: list[str]
    calls: dict[str, int]
    folder: Path


class Desk:
    """An account at the stand-in, and files to run against it."""

    def __init__(self, server: SandboxProcess, folder: Path) -> None:
        self.server, self.folder, self._number = server, folder, 0
        account = f'[accounts.main]\nkey_file = "key"\nbase_url = "{server.url}"\nlimits = "none"\n'
        (folder / "bulkreply.toml").write_text(account, "utf-8")
        (folder / "key").write_text(KEY_CANARY, "utf-8")

    def run(self, to: str, text: str, ending: str = "csv", more: str = "") -> Ran:
        """Runs a job over a file of these words."""
        self._number += 1
        name = f"job{self._number}"
        (self.folder / f"{name}.{ending}").write_text(text, "utf-8")
        path = self.folder / f"{name}.yaml"
        path.write_text(f"job: {name}\nfrom: {{file: {name}.{ending}}}\nto: {{{to}}}\n{more}", "utf-8")
        content = product.run(path, runs=self.folder / "runs", confirm=True).content
        folder = self.folder / "runs" / name / content["run"]
        with (folder / "results.csv").open(encoding="utf-8", newline="") as lines:
            rows = [f"{line['outcome']} {line['code']}".strip() for line in csv.DictReader(lines)]
        calls = {label.removeprefix("v3."): n for label, n in content["requests"]["by_operation"].items()}
        calls.pop("users.whoami", None)
        assert content["state"] == "finished"
        assert sum(content["rows"].values()) == 2 * content["rows"]["read"] == 2 * len(rows)
        return Ran(rows, calls, folder)

    def http(self, method: str, path: str, body: object = None) -> Any:
        """Asks the stand-in without any help of the product."""
        headers = {"Authorization": f"Bearer {KEY_CANARY}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.server.url}/v3/{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def held(self, name: str) -> dict[str, dict[str, Any]]:
        """Every record of an object by what it is called, whole."""
        found = self.http("GET", f"{PATHS[name]}?top=1000")
        rows = found["items"] if isinstance(found, dict) else found
        called = CALLED.get(name, lambda one: one["name"])
        whole = [self.http("GET", f"{PATHS[name]}/{row['id']}") for row in rows]
        return {called(one): {k: v for k, v in one.items() if k not in CLOCKED} for one in whole}


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxProcess]:
    """One stand-in for all tests here; each begins with an empty one."""
    server = start_sandbox("--key", KEY_CANARY, "--limits", "none")
    yield server
    server.stop()


@pytest.fixture
def desk(shared: SandboxProcess, tmp_path: Path) -> Desk:
    shared.change("reset", {})
    return Desk(shared, tmp_path)


def at(record: Any, path: str) -> Any:
    """The value at a dotted path."""
    for part in path.split("."):
        record = record[int(part) if part.isdigit() else part]
    return record


def put(record: Any, path: str, value: Any) -> None:
    """Sets the value at a dotted path."""
    *lead, last = path.split(".")
    for part in lead:
        record = record[int(part) if part.isdigit() else part]
    record[int(last) if last.isdigit() else last] = value


def after(name: str, before: Mapping[str, Any], now: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Whether what is held now is what was held before, with the changes and nothing else."""
    called = CALLED.get(name, lambda one: one["name"])
    expected = {}
    for known, record in before.items():
        changes = there.get(known, {})
        if changes is not None:
            made = deepcopy(record)
            for path, value in changes.items():
                put(made, path, value)
            expected[called(made)] = made
    fresh = {known: changes for known, changes in there.items() if known not in before}
    assert {k: v for k, v in now.items() if k not in fresh} == expected
    for known, changes in fresh.items():
        assert {path: at(now[known], path) for path in changes} == changes


def take(desk: Desk, name: str, step: Step, ending: str = "csv", more: str = "") -> Ran:
    """Runs a step and holds Reply against what it should be."""
    before = desk.held(name)
    text = re.sub(
        r"<([^<>]+)>", lambda match: str(before[match[1]]["id"]) if match[1] in before else match[0], step.text
    )
    ran = desk.run(f"object: {name}, mode: {step.mode}", text, ending, more)
    assert ran.rows == step.rows, (ran.folder / "results.csv").read_text("utf-8")
    assert ran.calls == {label if "." in label else f"{name}.{label}": n for label, n in step.calls.items()}
    after(name, before, desk.held(name), step.there)
    return ran


def again(step: Step, rows: list[str], calls: dict[str, int]) -> Step:
    """The same file once more, over what it made of Reply."""
    return Step(step.mode, step.text, rows, calls)


LIVES: dict[str, list[Step]] = {}
BAD, GONE, KNOWN, TWIN = (
    "rejected value.required",
    "skipped reply.notFound",
    "skipped reply.exists",
    "skipped row.duplicate",
)
UNKNOWN = "rejected reply.notFound"

LIVES["contact_lists"] = [
    made := Step(
        "insert",
        "name,isShared\nFair,yes\nWeb,\n,yes\nfair,no\nTalks,maybe\n",
        ["created", "created", BAD, TWIN, "rejected boolean.invalid"],
        {"list": 1, "create": 2},
        {"Fair": {"isShared": True}, "Web": {"isShared": False}},
    ),
    again(made, [KNOWN, KNOWN, BAD, TWIN, "rejected boolean.invalid"], {"list": 1}),
    Step(
        "update",
        "id,name,isShared\n<Fair>,Trade Fair,\n,Web,yes\n,Nowhere,yes\n99,Ghost,\nx,Web,no\n",
        ["updated", "updated", UNKNOWN, UNKNOWN, "rejected id.invalid"],
        {"list": 1, "get": 2, "update": 2},
        {"Fair": {"name": "Trade Fair"}, "Web": {"isShared": True}},
    ),
    Step(
        "update",
        "id,name,isShared\n<Trade Fair>,Trade Fair,\n,Web,yes\n",
        ["unchanged", "unchanged"],
        {"list": 1, "get": 1},
    ),
    mixed := Step(
        "upsert",
        "name,isShared\nWeb,no\nNew,yes\n,no\n",
        ["updated", "created", BAD],
        {"list": 1, "update": 1, "create": 1},
        {"Web": {"isShared": False}, "New": {"isShared": True}},
    ),
    again(mixed, ["unchanged", "unchanged", BAD], {"list": 1}),
    Step(
        "delete",
        "id,name\n<Trade Fair>,\n,web\n,Nowhere\n99,\nx,New\n",
        ["deleted", "deleted", GONE, GONE, "rejected id.invalid"],
        {"list": 1, "delete": 3},
        {"Trade Fair": None, "Web": None},
    ),
]

LIVES["accounts"] = [
    made := Step(
        "insert",
        "name,domainName,companySize,city,ownerUserId\nAcme,acme.example,11-50,Berlin,member@example.com\nBolt,,Ten,Rome,\n"
        "Cone,,huge,,\nDome,,,,nobody@example.com\n,dome.example,,,\n",
        ["created", "created", "rejected enum.invalid", "rejected reference.unknown", BAD],
        {"users.list_team_users": 1, "list": 1, "bulk_create": 1, "set_owner": 1},
        {
            "Acme": {"domainName": "acme.example", "companySize": "11-50", "city": "Berlin", "ownerUserId": 12},
            "Bolt": {"domainName": None, "companySize": "2-10", "city": "Rome", "ownerUserId": 11},
        },
    ),
    again(
        made,
        [KNOWN, KNOWN, "rejected enum.invalid", "rejected reference.unknown", BAD],
        {"users.list_team_users": 1, "list": 1},
    ),
    changed := Step(
        "update",
        "id,name,city,ownerUserId\n<Acme>,Acme AG,,\n,Bolt,Paris,Member Two\n,Nobody,Bonn,\n999,Ghost,,\n",
        ["updated", "updated", UNKNOWN, UNKNOWN],
        {"users.list_team_users": 1, "list": 1, "get": 2, "update": 2, "set_owner": 1},
        {"Acme": {"name": "Acme AG"}, "Bolt": {"city": "Paris", "ownerUserId": 12}},
    ),
    Step(
        "update",
        "id,name,city,ownerUserId\n<Acme AG>,Acme AG,,12\n,Bolt,Paris,12\n",
        ["unchanged", "unchanged"],
        {"list": 1, "get": 1},
    ),
    mixed := Step(
        "upsert",
        "name,industry,ownerUserId\nacme ag,Steel,\nEcho,Glass,member@example.com\nBolt,,owner@example.com\n",
        ["updated", "created", "updated"],
        {"users.list_team_users": 1, "list": 1, "update": 1, "bulk_create": 1, "set_owner": 2},
        {
            "Acme AG": {"industry": "Steel"},
            "Echo": {"industry": "Glass", "ownerUserId": 12, "companySize": "Empty"},
            "Bolt": {"ownerUserId": 11},
        },
    ),
    again(mixed, ["unchanged", "unchanged", "unchanged"], {"users.list_team_users": 1, "list": 1}),
    Step(
        "delete",
        "id,name\n<Acme AG>,\n,BOLT\n,Nobody\n999,\nx,Echo\n",
        ["deleted", "deleted", GONE, GONE, "rejected id.invalid"],
        {"list": 1, "bulk_delete": 1},
        {"Acme AG": None, "Bolt": None},
    ),
]

LIVES["account_lists"] = [
    made := Step(
        "insert",
        "name\nKey\nOther\nkey\n",
        ["created", "created", TWIN],
        {"list": 1, "create": 2},
        {"Key": {}, "Other": {}},
    ),
    again(made, [KNOWN, KNOWN, TWIN], {"list": 1}),
    Step(
        "update",
        "id,name\n<Key>,Key accounts\n99,Ghost\n,Nobody\n,Other\n",
        ["updated", UNKNOWN, UNKNOWN, "unchanged"],
        {"list": 1, "get": 2, "update": 1},
        {"Key": {"name": "Key accounts"}},
    ),
    mixed := Step("upsert", "name\nOther\nNew\n", ["unchanged", "created"], {"list": 1, "create": 1}, {"New": {}}),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name\n<Key accounts>,\n,new\n,Nobody\n-1,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"Key accounts": None, "New": None},
    ),
]

LIVES["custom_fields"] = [
    made := Step(
        "insert",
        f"title,fieldType,metadata,orgWide\nBudget,number,m1,yes\nRegion,Text,,\nSize,colour,,\n{'x' * 91},text,,\n",
        ["created", "created", "rejected enum.invalid", "rejected text.invalid"],
        {"list": 1, "create": 2},
        {
            "Budget": {"fieldType": "number", "metadata": "m1", "orgWide": True},
            "Region": {"fieldType": "text", "metadata": None, "orgWide": False},
        },
    ),
    again(made, [KNOWN, KNOWN, "rejected enum.invalid", "rejected text.invalid"], {"list": 1}),
    Step(
        "update",
        "id,title,metadata\n<Budget>,Funds,\n,Region,note\n,Nothing,x\n",
        ["updated", "updated", UNKNOWN],
        {"list": 1, "get": 1, "update": 2},
        {"Budget": {"title": "Funds"}, "Region": {"metadata": "note"}},
    ),
    mixed := Step(
        "upsert",
        "title,fieldType,metadata,orgWide\nFunds,number,m2,no\nColour,text,,\nTone,,,\n",
        ["updated", "created", BAD],
        {"list": 1, "update": 1, "create": 1},
        {"Funds": {"metadata": "m2"}, "Colour": {"fieldType": "text"}},
    ),
    again(mixed, ["unchanged", "unchanged", BAD], {"list": 1}),
    Step(
        "delete",
        "id,title\n<Funds>,\n,colour\n,Nothing\nx,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"Funds": None, "Colour": None},
    ),
]


def rules_life(code: str, patterns: list[str], bad: str, word: str) -> list[Step]:
    """Blacklist rules: a pattern is all they hold.

    Args:
        code: What begins the error codes.
        bad: Is no pattern of this kind, as `word` says.
    """
    first, second, third, fourth = patterns
    who_says = {"bulk_create": 1} if word.startswith("rejected reply.") else {}
    return [
        made := Step(
            "insert",
            f"pattern\n{first}\n{second}\n{bad}\n{first.upper()}\n",
            ["created", "created", word, TWIN],
            {"list": 1, "bulk_create": 1},
            {first: {"isGlobal": False}, second: {"isGlobal": False}},
        ),
        again(made, [KNOWN, KNOWN, word, TWIN], {"list": 1} | who_says),
        Step(
            "update",
            f"id,pattern\n<{first}>,{third}\n99999,{fourth}\nx,{fourth}\n",
            ["updated", f"rejected reply.{code}.notFound", "rejected id.invalid"],
            {"update": 2},
            {first: {"pattern": third}},
        ),
        mixed := Step(
            "upsert",
            f"pattern\n{second}\n{fourth}\n",
            ["unchanged", "created"],
            {"list": 1, "bulk_create": 1},
            {fourth: {}},
        ),
        again(mixed, ["unchanged", "unchanged"], {"list": 1}),
        Step(
            "delete",
            f"id,pattern\n<{second}>,\n,{third}\n,{first}\n99999,\nx,{fourth}\n",
            ["deleted", "deleted", GONE, GONE, "rejected id.invalid"],
            {"list": 1, "bulk_delete": 1},
            {second: None, third: None},
        ),
    ]


LIVES["domain_blacklist_rules"] = rules_life(
    "domainBlacklistRule",
    ["one.example", "two.example", "three.example", "four.example"],
    "no domain",
    "rejected reply.invalidPattern",
)
_ADDRESSES = ["one@rules.example.com", "two@rules.example.com", "three@rules.example.com", "four@rules.example.com"]
LIVES["email_blacklist_rules"] = rules_life(
    "emailBlacklistRule", _ADDRESSES, "one at example", "rejected email.invalid"
)
LIVES["email_exception_blacklist_rules"] = rules_life(
    "emailExceptionBlacklistRule", _ADDRESSES, "one at example", "rejected email.invalid"
)

_HOOK, _OPENED = "email_sent https://a.example.com/h", "email_opened https://a.example.com/h"
LIVES["webhooks"] = [
    made := Step(
        "insert",
        "eventType,url,scope,enabled,payloadConfig.includeEmailUrl\n"
        "email_sent,https://a.example.com/h,team,no,yes\nemail_opened,https://a.example.com/h,,,\n"
        "email_opened,ftp://x,,,\nemail_sent,https://b.example.com/h,organization,,\nnothing,https://c.example.com,,,\n",
        [
            "created",
            "created",
            "rejected url.invalid",
            "rejected reply.webHook.organizationScopeNotImplemented",
            "rejected enum.invalid",
        ],
        {"list": 1, "create": 3},
        {
            _HOOK: {"scope": "team", "enabled": False, "payloadConfig.includeEmailUrl": True},
            _OPENED: {"scope": "personal", "enabled": True, "payloadConfig.includeEmailUrl": False},
        },
    ),
    Step(
        "update",
        f"id,eventType,url,scope,enabled,payloadConfig.includeEmailText\n<{_HOOK}>,,https://new.example.com/h,,,yes\n"
        ",email_opened,https://a.example.com/h,team,no,\n,email_sent,https://nowhere.example.com,,,\n",
        ["updated", "updated", UNKNOWN],
        {"list": 1, "get": 1, "update": 2, "disable": 1},
        {
            _HOOK: {"url": "https://new.example.com/h", "payloadConfig.includeEmailText": True},
            _OPENED: {"scope": "team", "enabled": False},
        },
    ),
    Step(
        "update",
        "id,eventType,url,enabled,payloadConfig.includeEmailText\n"
        "<email_sent https://new.example.com/h>,,https://new.example.com/h,no,yes\n"
        ",email_opened,https://a.example.com/h,no,\n",
        ["unchanged", "unchanged"],
        {"list": 1, "get": 1},
    ),
    mixed := Step(
        "upsert",
        "eventType,url,enabled\nemail_opened,https://a.example.com/h,yes\nemail_bounced,https://a.example.com/h,no\n",
        ["updated", "created"],
        {"list": 1, "create": 1, "enable": 1},
        {_OPENED: {"enabled": True}, "email_bounced https://a.example.com/h": {"enabled": False, "scope": "personal"}},
    ),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,eventType,url\n<email_sent https://new.example.com/h>,,\n,email_bounced,https://a.example.com/h\n"
        ",email_bounced,https://b.example.com/h\nx,,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"email_sent https://new.example.com/h": None, "email_bounced https://a.example.com/h": None},
    ),
]

_BOX = "smtp.example.com,587,pw1,imap.example.com,993,pw2"
LIVES["email_accounts"] = [
    made := Step(
        "insert",
        "email,connection.email,connection.senderName,safety.dailyLimit,tags,connection.smtpHost,connection.smtpPort,"
        "connection.smtpPassword,connection.imapHost,connection.imapPort,connection.imapPassword\n"
        f'a@example.com,a@example.com,Ann,40,"[""eu"",""new""]",{_BOX}\nb@example.com,b@example.com,,,eu,{_BOX}\n'
        f"c@example.com,c@example.com,,,,,{_BOX.partition(',')[2]}\nd@example.com,d@example.com,,-1,,{_BOX}\n",
        ["created", "created", "rejected reply.400", "rejected integer.invalid"],
        {"list": 1, "create": 3},
        {
            "a@example.com": {"connection.senderName": "Ann", "safety.dailyLimit": 40, "tags": ["eu", "new"]},
            "b@example.com": {"connection.smtpPort": 587, "safety.dailyLimit": 100, "tags": ["eu"]},
        },
    ),
    again(made, [KNOWN, KNOWN, "rejected reply.400", "rejected integer.invalid"], {"list": 1, "create": 1}),
    Step(
        "update",
        "id,email,connection.email,connection.senderName,rampUp.enabled,tags\n<a@example.com>,,z@example.com,,,\n"
        ",b@example.com,,Ben,yes,vip\n,c@example.com,,Cy,,\n99,,,Dot,,\n",
        ["updated", "updated", UNKNOWN, "rejected reply.emailAccount.notFound"],
        {"list": 1, "update": 3},
        {
            "a@example.com": {"connection.email": "z@example.com"},
            "b@example.com": {"connection.senderName": "Ben", "rampUp.enabled": True, "tags": ["vip"]},
        },
    ),
    Step("update", "email,tags\nb@example.com,VIP\n", ["unchanged"], {"list": 1}),
    Step(
        "upsert",
        "email,connection.email,signature.signature,connection.smtpHost,connection.smtpPort,"
        "connection.smtpPassword,connection.imapHost,connection.imapPort,connection.imapPassword\n"
        f"b@example.com,b@example.com,<p>B</p>,,,,,,\ne@example.com,e@example.com,,{_BOX}\n",
        ["updated", "created"],
        {"list": 1, "update": 1, "create": 1},
        {"b@example.com": {"signature.signature": "<p>B</p>"}, "e@example.com": {"tags": []}},
    ),
    Step(
        "delete",
        "id,email\n<z@example.com>,\n,E@example.com\n,nobody@example.com\n99,\nx,\n",
        ["deleted", "deleted", GONE, GONE, "rejected id.invalid"],
        {"list": 1, "bulk_delete": 1},
        {"z@example.com": None, "e@example.com": None},
    ),
]

LIVES["email_template_folders"] = [
    made := Step(
        "insert",
        "name,folderType\nSales,personal\nSales,team\nTeam,shared\nOdd,nobody\nNone,\n",
        ["created", "created", "created", "rejected enum.invalid", BAD],
        {"list": 1, "create": 3},
        {"Sales personal": {}, "Sales team": {}, "Team team": {}},
    ),
    again(made, [KNOWN, KNOWN, KNOWN, "rejected enum.invalid", BAD], {"list": 1}),
    Step(
        "update",
        "id,name\n<Team team>,Everybody\n99,Ghost\nx,Ghost\n",
        ["updated", UNKNOWN, "rejected id.invalid"],
        {"get": 2, "update": 1},
        {"Team team": {"name": "Everybody"}},
    ),
    mixed := Step(
        "upsert",
        "name,folderType\nEverybody,team\nNew,team\n",
        ["unchanged", "created"],
        {"list": 1, "create": 1},
        {"New team": {}},
    ),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name,folderType\n<New team>,,\n,Sales,team\n,Sales,nobody\n,Nowhere,team\n",
        ["deleted", "deleted", "rejected enum.invalid", GONE],
        {"list": 1, "delete": 2},
        {"New team": None, "Sales team": None},
    ),
]

LIVES["inbox_categories"] = [
    made := Step(
        "insert",
        'name,color\nHot,#f00\nCold,\n" ",#0f0\n',
        ["created", "created", BAD],
        {"list": 1, "create": 2},
        {"Hot": {"color": "#f00"}, "Cold": {"color": None}},
    ),
    again(made, [KNOWN, KNOWN, BAD], {"list": 1}),
    Step(
        "update",
        "id,name,color\n<Hot>,Very hot,\n,Cold,#00f\n,Nothing,#111\n",
        ["updated", "updated", UNKNOWN],
        {"list": 1, "get": 1, "update": 2},
        {"Hot": {"name": "Very hot"}, "Cold": {"color": "#00f"}},
    ),
    mixed := Step(
        "upsert",
        "name,color\nCold,#00e\nNew,\n",
        ["updated", "created"],
        {"list": 1, "update": 1, "create": 1},
        {"Cold": {"color": "#00e"}, "New": {}},
    ),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name\n<Very hot>,\n,new\n,Nothing\nx,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"Very hot": None, "New": None},
    ),
]


@pytest.mark.parametrize("name", LIVES)
def test_the_life_of(name: str, desk: Desk, bulkreply: Bulkreply) -> None:
    for number, step in enumerate(LIVES[name]):
        take(desk, name, step)
        if number == 0:
            listed = bulkreply("call", f"{name}.list", "--base-url", desk.server.url, "--json")
            assert listed.code == 0, listed.err
            found = desk.http("GET", f"{PATHS[name]}?top=1000")
            assert listed.json == (found["items"] if isinstance(found, dict) else found)
    assert desk.server.ask("state")["surprises"] == {}
