"""The life of every plain object of V3: made from a file, changed, mixed, and deleted again, bad rows among the good.

After every file Reply holds what was there before with exactly what the rows say put over it, no other call was made
than had to be, and the same file once more changes nothing.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import bulkreply as product
from bulkreply.errors import BulkreplyError
from bulkreply.sandbox import Sandbox, SandboxOptions
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.switches import CHOICES
from tests.conftest import KEY_CANARY
from tests.flow.account import MATE, Account
from tests.support import Bulkreply, Done

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
    """An account at the stand-in, and files to run against it.

    Attributes:
        dialect: How Reply answers while a file runs, where it is not as usual.
    """

    def __init__(self, account: Account, folder: Path) -> None:
        self.account, self.folder, self._number = account, folder, 0
        self.dialect: dict[str, str] = {}
        text = f'[accounts.main]\nkey_file = "key"\nbase_url = "{account.server.url}"\nlimits = "none"\n'
        (folder / "bulkreply.toml").write_text(text, "utf-8")
        (folder / "key").write_text(KEY_CANARY, "utf-8")

    def run(self, to: str, text: str | bytes, ending: str = "csv", more: str = "") -> Ran:
        """Runs a job over a file that holds this."""
        self._number += 1
        name = f"job{self._number}"
        (self.folder / f"{name}.{ending}").write_bytes(text if isinstance(text, bytes) else text.encode())
        path = self.folder / f"{name}.yaml"
        path.write_text(f"job: {name}\nfrom: {{file: {name}.{ending}}}\nto: {{{to}}}\n{more}", "utf-8")
        self.account.server.change("switches", self.dialect)
        before = len(self.account.requests())
        content = product.run(path, runs=self.folder / "runs", account="main", confirm=True).content
        self.account.server.change("switches", {name: CHOICES[name][0] for name in self.dialect})
        folder = self.folder / "runs" / name / content["run"]
        with (folder / "results.csv").open(encoding="utf-8", newline="") as lines:
            results = list(csv.DictReader(lines))
        rows = [f"{one['outcome']} {one['code']}".strip() for one in results]
        if ending == "csv":
            assert reasons(folder) == {one["row"]: one["code"] for one in results if one["outcome"] == "rejected"}
        assert content["requests"]["sent"] == len(self.account.requests()) - before, "every request is counted"
        calls = {label.removeprefix("v3."): n for label, n in content["requests"]["by_operation"].items()}
        calls.pop("users.whoami", None)
        assert content["state"] == "finished"
        assert sum(content["rows"].values()) == 2 * content["rows"]["read"] == 2 * len(rows)
        return Ran(rows, calls, folder)

    def http(self, method: str, path: str, body: object = None) -> Any:
        """Asks the stand-in without any help of the product."""
        return self.account.ask(method, f"/v3/{path}", body)

    def held(self, name: str) -> dict[str, dict[str, Any]]:
        """Every record of an object by what it is called, whole."""
        found = self.http("GET", f"{PATHS[name]}?top=1000")
        rows = found["items"] if isinstance(found, dict) else found
        called = CALLED.get(name, lambda one: one["name"])
        whole = [self.http("GET", f"{PATHS[name]}/{row['id']}") for row in rows]
        for day in (day for one in whole for day in one.get("holidays", ())):
            del day["id"]  # every replacement makes them anew
        return {called(one): {k: v for k, v in one.items() if k not in CLOCKED} for one in whole}


def reasons(folder: Path) -> dict[str, str]:
    """Row -> code of the rows that a run hands back to be mended."""
    path = folder / "rejects.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {one["_row"]: one["_code"] for one in csv.DictReader(lines)}


@pytest.fixture
def desk(account: Account, tmp_path: Path) -> Desk:
    return Desk(account, tmp_path)


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


RULES = {f"{one}_blacklist_rules.list" for one in ("domain", "email", "email_exception")}
"""Read before anybody is made, to know who must not be (test_sending.py)."""


def take(desk: Desk, name: str, step: Step, more: str = "") -> None:
    """Runs a step and holds Reply against what it should be."""
    before = desk.held(name)
    text = re.sub(
        r"<([^<>]+)>", lambda match: str(before[match[1]]["id"]) if match[1] in before else match[0], step.text
    )
    ran = desk.run(f"object: {name}, mode: {step.mode}", text, more=more)
    assert ran.rows == step.rows, (ran.folder / "results.csv").read_text("utf-8")
    calls = {label: n for label, n in ran.calls.items() if label.startswith(name) or label not in RULES}
    assert calls == {label if "." in label else f"{name}.{label}": n for label, n in step.calls.items()}
    after(name, before, desk.held(name), step.there)


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
        "name,industry,ownerUserId\nAcme AG,Steel,\nEcho,Glass,member@example.com\nBolt,,owner@example.com\n",
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
        "id,name\n<Key>,KEY\n99,Ghost\n,Nobody\n,OTHER\n",
        ["updated", UNKNOWN, UNKNOWN, "unchanged"],
        {"list": 1, "get": 2, "update": 1},
        {"Key": {"name": "KEY"}},
    ),
    mixed := Step("upsert", "name\nOTHER\nNew\n", ["unchanged", "created"], {"list": 1, "create": 1}, {"New": {}}),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name\n<KEY>,\n,new\n,Nobody\n-1,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"KEY": None, "New": None},
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
    Step("update", "email,tags\nB@example.com,vip\n", ["unchanged"], {"list": 1}),
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


def cell(value: object) -> str:
    """A nested value in a cell of CSV."""
    return '"' + json.dumps(value).replace('"', '""') + '"'


def hours(day: str, begin: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    """A day of a schedule."""
    times = {"fromTime": begin, "toTime": end}
    spans = {name: {"hour": hour, "minute": minute} for name, (hour, minute) in times.items()}
    return {"weekDay": day, "isActive": True, "timeRanges": [spans]}


MONDAY, SUNDAY = hours("Monday", (9, 0), (17, 30)), hours("Sunday", (0, 0), (23, 59))
EASTER = {"startDate": "2027-03-28", "endDate": "2027-03-29", "name": "Easter"}
LABOUR = {"startDate": "2027-05-01", "endDate": "2027-05-01", "name": None}
NESTED, REFUSED = "rejected nested.invalid", "rejected reply.400"

LIVES["schedules"] = [
    made := Step(
        "insert",
        "name,timezoneId,excludeHolidays,isDefault,mainTimings\n"
        f"Week,Europe/Berlin,yes,yes,{cell([MONDAY])}\nPlain,UTC,,,\n"
        f"Back,UTC,,,{cell([hours('Monday', (17, 0), (9, 0))])}\nOdd,UTC,,,{cell([hours('Funday', (9, 0), (10, 0))])}\n"
        "Where,Berlin,,,\nBroken,UTC,,,[{\n",
        ["created", "created", REFUSED, NESTED, REFUSED, NESTED],
        {"list": 1, "create": 4, "set_default": 1},
        {
            "Week": {
                "mainTimings": [MONDAY],
                "excludeHolidays": True,
                "isDefault": True,
                "timezoneId": "Europe/Berlin",
            },
            "Plain": {"isDefault": False, "excludeHolidays": False},
        },
    ),
    Step(
        "update",
        "id,name,isDefault,useProspectTimezone\n<Week>,Work week,,\n,Plain,yes,yes\n,Nothing,yes,\n",
        ["updated", "updated", UNKNOWN],
        {"list": 1, "get": 1, "update": 2, "set_default": 1},
        {"Week": {"name": "Work week", "isDefault": False}, "Plain": {"isDefault": True, "useProspectTimezone": True}},
    ),
    Step(
        "update",
        f"id,name,isDefault,mainTimings\n<Work week>,Work week,,{cell([MONDAY])}\n,Plain,yes,\n",
        ["unchanged", "unchanged"],
        {"list": 1, "get": 1},
    ),
    mixed := Step(
        "upsert",
        f"name,timezoneId,mainTimings\nPlain,UTC,{cell([MONDAY, SUNDAY])}\nNew,Asia/Tokyo,{cell([SUNDAY])}\n",
        ["updated", "created"],
        {"list": 1, "update": 1, "create": 1},
        {"Plain": {"mainTimings": [MONDAY, SUNDAY]}, "New": {"mainTimings": [SUNDAY], "timezoneId": "Asia/Tokyo"}},
    ),
    again(mixed, ["unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name\n<Work week>,\n,new\n,Plain\n,Nothing\n",
        ["deleted", "deleted", "rejected reply.schedule.isDefault", GONE],
        {"list": 1, "delete": 3},
        {"Work week": None, "New": None},
    ),
]

LIVES["holiday_calendars"] = [
    made := Step(
        "insert",
        f"name,repeatEveryYear,holidays\nNational,yes,{cell([EASTER, LABOUR])}\nEmpty,,\n"
        f"Back,,{cell([EASTER | {'endDate': '2027-01-01'}])}\nOdd,,{cell([EASTER | {'endDate': 'soon'}])}\n"
        f"Half,,{cell([{'name': 'Easter'}])}\n",
        ["created", "created", REFUSED, NESTED, NESTED],
        {"list": 1, "create": 3},
        {"National": {"repeatEveryYear": True, "holidays": [EASTER, LABOUR]}, "Empty": {"holidays": []}},
    ),
    Step(
        "update",
        f"id,name,repeatEveryYear,holidays\n<National>,Country,,\n,Empty,,{cell([LABOUR])}\n,Nothing,,\n",
        ["updated", "updated", UNKNOWN],
        {"list": 1, "get": 1, "update": 2},
        {"National": {"name": "Country"}, "Empty": {"holidays": [LABOUR]}},
    ),
    mixed := Step(
        "upsert",
        f"name,holidays\nCountry,{cell([EASTER])}\nNew,{cell([LABOUR])}\nEmpty,\n",
        ["updated", "created", "unchanged"],
        {"list": 1, "update": 1, "create": 1},
        {"Country": {"holidays": [EASTER]}, "New": {"holidays": [LABOUR]}},
    ),
    again(mixed, ["unchanged", "unchanged", "unchanged"], {"list": 1}),
    Step(
        "delete",
        "id,name\n<Country>,\n,NEW\n,Nothing\n",
        ["deleted", "deleted", GONE],
        {"list": 1, "delete": 2},
        {"Country": None, "New": None},
    ),
]

LIVES["email_templates"] = [
    made := Step(
        "insert",
        "name,subject,body,folderType,folderId,attachmentIds\n"
        'Hello,Hi,"<p>Hi, {{FirstName}}</p>",team,Letters,"[7,8]"\nBye,,<p>Bye</p>,personal,,\n'
        'No body,,,personal,,\nLost,,<p>x</p>,team,Nowhere,\nFull,,<p>x</p>,team,,"[1,2,3,4]"\n'
        "Wrong,,<p>x</p>,personal,Letters,\n",
        ["created", "created", BAD, "rejected reference.unknown", REFUSED, REFUSED],
        {"email_template_folders.list": 1, "list": 1, "create": 4},
        {
            "Hello": {"subject": "Hi", "folderType": "team", "folderId": 15, "attachments.1.id": 8},
            "Bye": {"subject": None, "folderId": None, "attachments": []},
        },
    ),
    Step(
        "update",
        "id,name,subject,folderType,folderId\n<Hello>,Hello again,,,\n,Bye,Later,team,Letters\n"
        ",Nothing,x,,\n99,Ghost,,,\n",
        ["updated", "updated", UNKNOWN, UNKNOWN],
        {"email_template_folders.list": 1, "list": 1, "get": 3, "update": 2, "move": 1},
        {"Hello": {"name": "Hello again"}, "Bye": {"subject": "Later", "folderType": "team", "folderId": 15}},
    ),
    Step(
        "update",
        "id,name,subject,folderType,folderId\n<Hello again>,Hello again,,,\n,Bye,Later,team,Letters\n",
        ["unchanged", "unchanged"],
        {"email_template_folders.list": 1, "list": 1, "get": 1},
    ),
    mixed := Step(
        "upsert",
        "name,body,folderType,folderId\nHello again,<p>Hi</p>,personal,Mine\nNew,<p>N</p>,team,Letters\n",
        ["updated", "created"],
        {"email_template_folders.list": 1, "list": 1, "get": 1, "update": 1, "move": 1, "create": 1},
        {
            "Hello again": {"body": "<p>Hi</p>", "folderType": "personal", "folderId": 16},
            "New": {"body": "<p>N</p>", "folderId": 15},
        },
    ),
    again(mixed, ["unchanged", "unchanged"], {"email_template_folders.list": 1, "list": 1}),
    Step(
        "delete",
        "id,name\n<Hello again>,\n,new\n,Nothing\nx,\n",
        ["deleted", "deleted", GONE, "rejected id.invalid"],
        {"list": 1, "delete": 2},
        {"Hello again": None, "New": None},
    ),
]

LIVES["linkedin_accounts"] = [
    gone := Step(
        "delete",
        "id,name\n<Ben>,\n,cy\n,Ann\n,Nobody\n99,\nx,\n",
        ["deleted", "deleted", "rejected reference.ambiguous", GONE, GONE, "rejected id.invalid"],
        {"list": 1, "bulk_delete": 1},
        {"Ben": None, "Cy": None},
    ),
    Step("delete", "name\nBen\nCy\n", [GONE, GONE], {"list": 1}),
    Step("delete", "id\n<ann>\n", ["deleted"], {"bulk_delete": 1}, {"ann": None}),
]

LIVES["contacts"] = [
    made := Step(
        "insert",
        "email,firstName,company,companySize,timeZoneId\na@example.com,Ann,Acme,11-50,\nb@example.com,Ben,,,\n"
        "c at example,Cy,,,\nd@example.com,,,,\ne@example.com,Eve,,,Nowhere/Never\nA@example.com,Anna,,,\n",
        ["created", "created", "rejected email.invalid", BAD, "rejected reply.failed", TWIN],
        {"import": 1},
        {"a@example.com": {"firstName": "Ann", "company": "Acme", "companySize": "fifty"}, "b@example.com": {}},
    ),
    Step("insert", "email,firstName\na@example.com,Other\n", [KNOWN], {"import": 1}),
    Step(
        "update",
        "id,email,company,title\n<a@example.com>,,New,\n,b@example.com,Web,Buyer\n,nobody@example.com,X,\n9999,,Y,\n",
        ["updated", "updated", UNKNOWN, "rejected reply.contact.notFound"],
        {"list": 2, "update": 3},
        {"a@example.com": {"company": "New"}, "b@example.com": {"company": "Web", "title": "Buyer"}},
    ),
    changed := Step(
        "update",
        "email,firstName,city\na@example.com,Ann,Rome\nnobody@example.com,No,Bonn\nb at example,Ben,\n",
        ["updated", UNKNOWN, "rejected email.invalid"],
        {"list": 2, "import": 1},
        {"a@example.com": {"city": "Rome"}},
    ),
    again(changed, ["unchanged", UNKNOWN, "rejected email.invalid"], {"list": 2}),
    mixed := Step(
        "upsert",
        "email,firstName,phone\nb@example.com,Ben,+49 1\nf@example.com,Flo,+49 2\n",
        ["updated", "created"],
        {"import": 1},
        {"b@example.com": {"phone": "+49 1"}, "f@example.com": {"firstName": "Flo", "phone": "+49 2"}},
    ),
    Step(
        "delete",
        "id,email\n<a@example.com>,\n,F@example.com\n,nobody@example.com\n9999,\nx,b@example.com\n",
        ["deleted", "deleted", GONE, GONE, "rejected id.invalid"],
        {"list": 2, "bulk_delete": 1},
        {"a@example.com": None, "f@example.com": None},
    ),
]


def _letters(desk: Desk) -> None:
    for name, kind in (("Letters", "team"), ("Mine", "personal")):
        desk.http("POST", "email-template-folders", {"name": name, "folderType": kind})


def _profiles(desk: Desk) -> None:
    for name in ("Ann", "ann", "Ben", "Cy", "Dot"):
        desk.http("POST", "linkedin-accounts/connect", {"connection": {"name": name}})


BEFORE: dict[str, Callable[[Desk], None]] = {"email_templates": _letters, "linkedin_accounts": _profiles}


BY_COMMAND = ("contacts", "contact_lists", "custom_fields", "webhooks", "email_accounts", "linkedin_accounts")
"""Objects that are listed by a process of its own; the others in this one."""


def listed(desk: Desk, name: str, bulkreply: Bulkreply) -> list[dict[str, Any]]:
    """All records of an object, as the product gives them."""
    if name in BY_COMMAND:
        done = bulkreply("call", f"{name}.list", "--base-url", desk.account.server.url, "--json")
        assert done.code == 0, done.err
        found: list[dict[str, Any]] = done.json
        return found

    async def work() -> list[dict[str, Any]]:
        async with product.connect(base_url=desk.account.server.url) as reply:
            return [one async for one in reply.records(f"{name}.list")]

    return asyncio.run(work())


@pytest.mark.parametrize("name", LIVES)
def test_the_life_of(name: str, desk: Desk, bulkreply: Bulkreply) -> None:
    BEFORE.get(name, lambda _: None)(desk)
    for step in LIVES[name]:
        take(desk, name, step)
        if step is LIVES[name][0]:
            found = desk.http("GET", f"{PATHS[name]}?top=1000")
            assert listed(desk, name, bulkreply) == (found["items"] if isinstance(found, dict) else found) != []


EARLIER = {
    "v3.item_error": "int",
    "v3.enum_out": "pascal",
    "v3.create_status": "200",
    "v3.empty_action": "200",
    "v3.total_count": "absent",
}


@pytest.mark.parametrize("name", ["domain_blacklist_rules", "accounts", "webhooks", "email_templates", "schedules"])
def test_an_earlier_generation_of_reply_makes_no_difference(name: str, desk: Desk) -> None:
    BEFORE.get(name, lambda _: None)(desk)
    desk.dialect = EARLIER
    for step in LIVES[name]:
        take(desk, name, step)


@pytest.mark.parametrize(
    "name", ["contact_lists", "webhooks", "email_accounts", "email_templates", "holiday_calendars"]
)
def test_what_reply_made_without_saying_so_is_not_made_again(name: str, desk: Desk) -> None:
    BEFORE.get(name, lambda _: None)(desk)
    step = LIVES[name][0]
    head, *rows = step.text.splitlines()
    good = [row for row, became in zip(rows, step.rows, strict=True) if became == "created"]
    desk.dialect = {"v3.lost_answer": "drop_after_commit"}
    ran = desk.run(f"object: {name}, mode: insert", "\n".join([head, *good, ""]), more="policy: {settle_s: 0.2}\n")
    assert ran.rows == ["created"] * len(good)
    assert ran.calls[f"{name}.create"] == len(good)
    after(name, {}, desk.held(name), step.there)


@pytest.mark.parametrize(("name", "create"), [("accounts", "bulk_create"), ("email_blacklist_rules", "bulk_create")])
def test_many_rows_share_calls(name: str, create: str, desk: Desk) -> None:
    field = "name" if name == "accounts" else "pattern"
    text = "\n".join([field, *(f"p{i}@many.example.com" for i in range(250))]) + "\n"
    for mode, word, calls in (
        ("insert", "created", {"list": 1, create: 3}),
        ("insert", KNOWN, {"list": 1}),
        ("upsert", "unchanged", {"list": 1}),
        ("delete", "deleted", {"list": 2, "bulk_delete": 3}),
    ):
        ran = desk.run(f"object: {name}, mode: {mode}", text, more="policy: {delete: 100%}\n")
        assert set(ran.rows) == {word}
        assert ran.calls == {f"{name}.{label}": n for label, n in calls.items()}


# -- nested values


def lines(rows: list[dict[str, Any]]) -> str:
    """Rows as NDJSON."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """Rows as Parquet, with real structs and lists."""
    made = io.BytesIO()
    pl.DataFrame(rows).write_parquet(made)
    return made.getvalue()


def sheet(rows: list[dict[str, Any]], value: Callable[[str, Any], Mapping[str, Any]]) -> str:
    """Rows as CSV.

    Args:
        value: What a nested value becomes: the cells of one column, or of several.
    """
    cells = [{n: c for name, inner in row.items() for n, c in value(name, inner).items()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in cells for name in row)), restval="")
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue()


def json_cell(name: str, value: Any) -> Mapping[str, Any]:
    return {name: json.dumps(value) if isinstance(value, list | dict) else value}


def dotted(name: str, value: Any) -> Mapping[str, Any]:
    """`mainTimings.0.weekDay` …"""
    if not isinstance(value, list | dict):
        return {name: value}
    inside = enumerate(value) if isinstance(value, list) else value.items()
    return {n: c for part, inner in inside for n, c in dotted(f"{name}.{part}", inner).items()}


FORMS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], str | bytes]]] = {
    "json_cell": ("csv", lambda rows: sheet(rows, json_cell)),
    "dotted": ("csv", lambda rows: sheet(rows, dotted)),
    "ndjson": ("ndjson", lines),
    "parquet": ("parquet", parquet),
}
WEEKS: dict[str, list[dict[str, Any]]] = {
    "schedules": [
        {"name": "Two days", "timezoneId": "UTC", "mainTimings": [MONDAY, SUNDAY]},
        {"name": "One day", "timezoneId": "Asia/Tokyo", "mainTimings": [SUNDAY]},
        {"name": "No such day", "timezoneId": "UTC", "mainTimings": [SUNDAY | {"weekDay": "Someday"}]},
        {"name": "No such hour", "timezoneId": "UTC", "mainTimings": [hours("Monday", (9, 0), (24, 0))]},
    ],
    "holiday_calendars": [
        {"name": "Two", "repeatEveryYear": True, "holidays": [EASTER, LABOUR | {"name": "Labour"}]},
        {"name": "One", "repeatEveryYear": False, "holidays": [EASTER]},
        {"name": "No such day", "repeatEveryYear": False, "holidays": [EASTER | {"endDate": "tomorrow"}]},
        {"name": "No end", "repeatEveryYear": False, "holidays": [{"startDate": "2027-05-01", "name": "Labour"}]},
    ],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WEEKS)
def test_nested_values_come_in_any_form(name: str, form: str, desk: Desk) -> None:
    ending, written = FORMS[form]
    for mode, word in (("insert", "created"), ("insert", KNOWN), ("upsert", "unchanged"), ("update", "unchanged")):
        ran = desk.run(f"object: {name}, mode: {mode}", written(WEEKS[name]), ending)
        assert [row.partition(" ")[0] for row in ran.rows[2:]] == ["rejected", "rejected"]
        assert ran.rows[:2] == [word, word]
        assert ran.calls == {f"{name}.list": 1} | ({f"{name}.create": 2} if word == "created" else {})
    held = desk.held(name)
    assert [{field: held[row["name"]][field] for field in row} for row in WEEKS[name][:2]] == WEEKS[name][:2]
    moved = [
        row | {"mainTimings": [MONDAY]} if "mainTimings" in row else row | {"holidays": [EASTER]} for row in WEEKS[name]
    ]
    ran = desk.run(f"object: {name}, mode: update", written(moved[:2]), ending)
    assert ran.rows == (["updated", "updated"] if name == "schedules" else ["updated", "unchanged"])
    held = desk.held(name)
    assert [{field: held[row["name"]][field] for field in row} for row in moved[:2]] == moved[:2]


# -- names that say too little

TWINS: dict[str, tuple[dict[str, Any], str]] = {
    "contact_lists": ({"name": "Same"}, "name,isShared\nsame,yes\n"),
    "accounts": ({"name": "Same"}, "name,city\nsame,Rome\n"),
    "account_lists": ({"name": "Same"}, "name\nsame\n"),
    "custom_fields": ({"title": "Same", "fieldType": "text"}, "title,fieldType,metadata\nSame,text,x\n"),
    "email_templates": (
        {"name": "Same", "body": "<p>Same</p>", "folderType": "team"},
        "name,body,folderType,folderId\nSame,<p>x</p>,team,\n",
    ),
    "email_template_folders": ({"name": "Same", "folderType": "team"}, "name,folderType\nsame,team\n"),
    "schedules": ({"name": "Same", "timezoneId": "UTC"}, "name,timezoneId\nSame,Asia/Tokyo\n"),
    "holiday_calendars": ({"name": "Same"}, "name,repeatEveryYear\nSame,yes\n"),
    "inbox_categories": ({"name": "Same"}, "name,color\nSame,#fff\n"),
    "webhooks": (
        {"eventType": "email_sent", "url": "https://a.example.com"},
        "eventType,url,scope\nemail_sent,https://a.example.com,team\n",
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_name_that_two_records_carry_is_refused(name: str, desk: Desk) -> None:
    record, text = TWINS[name]
    ids = [desk.http("POST", PATHS[name], record)["id"] for _ in range(2)]
    before = desk.http("GET", PATHS[name])
    for mode, row in (("update", ""), ("upsert", ""), ("delete", ""), ("insert", KNOWN)):
        ran = desk.run(f"object: {name}, mode: {mode}", text)
        assert ran.rows == [row or "rejected reference.ambiguous"], mode
        assert set(ran.calls) <= {f"{name}.list", "email_template_folders.list"}
    assert desk.http("GET", PATHS[name]) == before
    head, row = text.splitlines()
    ran = desk.run(f"object: {name}, mode: delete", f"id,{head}\n{ids[1]},{row}\n")
    assert ran.rows == ["deleted"]
    assert desk.run(f"object: {name}, mode: update", text).rows != ["rejected reference.ambiguous"], "one is left"


# -- what is not a list of plain records


def test_settings_are_changed_section_by_section(desk: Desk) -> None:
    desk.http("PATCH", "settings", {"emails": {"kept": 1, "signature": "old"}, "beta": {"kept": True}})
    text = f"emails,calls\n{cell({'signature': 'new'})},\n,{cell({'record': True})}\nnot JSON,\n"
    wanted = {"emails": {"kept": 1, "signature": "new"}, "calls": {"record": True}, "beta": {"kept": True}}
    ran = desk.run("procedure: settings.update", text)
    assert ran.rows == ["called", "called", "rejected json.invalid"]
    assert ran.calls == {"settings.get": 2, "settings.update": 2}
    assert desk.http("GET", "settings").items() >= wanted.items()
    ran = desk.run("procedure: settings.update", text)
    assert ran.rows == ["unchanged", "unchanged", "rejected json.invalid"]
    assert ran.calls == {"settings.get": 2}
    ran = desk.run(
        "procedure: settings.update", lines([{"contacts": {"a": [1, 2]}, "emails": {"signature": "n"}}]), "ndjson"
    )
    assert ran.rows == ["called"]
    ran = desk.run("object: settings, mode: update", "contacts\n" + cell({"b": 2}) + "\n")
    assert ran.rows == ["updated"]
    wanted |= {"emails": {"kept": 1, "signature": "n"}, "contacts": {"a": [1, 2], "b": 2}}
    assert desk.http("GET", "settings").items() >= wanted.items()


MISTAKES = [
    ("object: linkedin_accounts, mode: insert", "name\nx\n", "linkedin_accounts has no mode 'insert'"),
    ("object: settings, mode: delete", "id\n1\n", "settings has no mode 'delete'"),
    ("object: inbox_threads, mode: delete", "threadId\n1\n", "id must be mapped to delete inbox_threads"),
    ("object: domain_blacklist_rules, mode: update", "pattern\na.example\n", "id must be mapped"),
    ("object: contact_lists, mode: update", "isShared\nyes\n", "map id or name, to tell which record"),
    ("object: webhooks, mode: insert", "eventType\nemail_sent\n", "url must be mapped to insert webhooks"),
    ("object: schedules", "name,timezoneId,mainTimings.weekDay\nA,UTC,Monday\n", "mainTimings.0"),
    ("object: schedules", "name,timezoneId,mainTimings.0.weekday\nA,UTC,Monday\n", "did you mean 'weekDay'?"),
    ("object: email_templates, mode: update", "name,folderId\nA,1\n", "folderType must be mapped"),
    ("object: accounts, mode: upload", "name\nA\n", "accounts has no mode 'upload'"),
    ("object: account_list", "name\nA\n", "did you mean 'account_lists'?"),
    ("procedure: settings.change", "emails\n{}\n", "settings has no operation 'change'"),
]


@pytest.mark.parametrize(
    ("to", "text", "words"), MISTAKES, ids=[f"{to} {text.splitlines()[0]}" for to, text, _ in MISTAKES]
)
def test_a_job_that_cannot_work_is_refused_whole(to: str, text: str, words: str, desk: Desk) -> None:
    with pytest.raises(BulkreplyError) as refused:
        desk.run(to, text)
    assert words in f"{refused.value.message} {refused.value.hint}"
    assert all(asked.startswith("GET ") for asked in desk.account.requests())


def test_what_no_call_takes_is_said_or_refused(desk: Desk) -> None:
    number = desk.http("POST", "custom-fields", {"title": "A", "fieldType": "text"})["id"]
    to, text = "object: custom_fields, mode: update", "title,metadata,orgWide\nA,m,yes\n"
    with pytest.raises(BulkreplyError, match="does not take orgWide"):
        desk.run(to, text, more="map: {title: title, metadata: metadata, orgWide: orgWide}\n")
    assert desk.run(to, text).rows == ["updated"], "without a map it is a column like any other"
    expected = {"title": "A", "fieldType": "text", "metadata": "m", "orgWide": False}
    assert desk.http("GET", f"custom-fields/{number}") == {"id": number} | expected


def test_rows_that_say_nothing_are_named(desk: Desk) -> None:
    desk.http("POST", "contact-lists", {"name": "Fair"})
    ran = desk.run("object: contact_lists, mode: update", "id,name,isShared\n,,yes\n,Fair,\n")
    assert ran.rows == [BAD, "unchanged"]
    assert "id or name is needed" in (ran.folder / "rejects.csv").read_text("utf-8")


def test_what_is_to_be_emptied_is_emptied_and_nothing_else(desk: Desk) -> None:
    desk.http("POST", "contact-accounts", {"name": "Acme", "city": "Rome", "industry": "Steel", "phone": "1"})
    step = Step(
        "update",
        "id,name,city,industry\n,Acme,,Glass\n",
        ["updated"],
        {"list": 1, "update": 1},
        {"Acme": {"city": None, "industry": "Glass"}},
    )
    take(desk, "accounts", step, "policy: {blank: clear}\n")
    take(desk, "accounts", again(step, ["unchanged"], {"list": 1}), "policy: {blank: clear}\n")
    step = Step(
        "update", "name,phone,city\nAcme,(none),\n", ["updated"], {"list": 1, "update": 1}, {"Acme": {"phone": None}}
    )
    take(desk, "accounts", step, "policy: {clear: (none)}\n")


def test_a_record_named_twice_is_not_changed_twice(desk: Desk) -> None:
    for name in ("Fair", "Web"):
        desk.http("POST", "contact-lists", {"name": name})
    step = Step(
        "update",
        "id,name,isShared\n,Fair,no\n<Fair>,Trade Fair,yes\n,Web,yes\n",
        ["rejected row.duplicate", "updated", "updated"],
        {"list": 1, "get": 1, "update": 2},
        {"Fair": {"name": "Trade Fair", "isShared": True}, "Web": {"isShared": True}},
    )
    take(desk, "contact_lists", step)
    step = Step(
        "delete",
        "id,name\n<Trade Fair>,\n,Trade fair\n<Trade Fair>,\n",
        ["deleted", TWIN, TWIN],
        {"list": 1, "delete": 1},
        {"Trade Fair": None},
    )
    take(desk, "contact_lists", step)


# -- the inbox


def thread(number: int, contact: int) -> dict[str, Any]:
    """A conversation nobody has read, as the stand-in keeps it: no call of Reply makes one."""
    said = {
        "channel": "email",
        "date": "2026-03-02T09:00:00Z",
        "body": "<p>Yes</p>",
        "isOutbound": False,
        "status": None,
    }
    links = dict.fromkeys(("subject", "sequenceId", "categoryId", "emailAccountId", "linkedInAccountId"))
    flags = {"isRead": False, "hasMeetingIntent": False}
    return {"id": number, "channel": "email", "contactId": contact, "messages": [said]} | links | flags


async def test_conversations_are_deleted(bulkreply: Bulkreply) -> None:
    async with Sandbox(SandboxOptions(limits="none", keys=(KEY_CANARY,))) as sandbox:
        workspace = sandbox.stand_in.workspaces[KEY_CANARY]
        for number, owner in ((1001, 11), (1002, MATE)):
            workspace.add(Contact(number, {"email": f"p{number}@example.com", "firstName": "P"}, owner, 0.0))
        for number, contact in ((6001, 1001), (6002, 1001), (6003, 1002), (6004, 1001)):
            workspace.shelf("inbox_threads").add(thread(number, contact))

        async def done(*words: str) -> Done:
            return await asyncio.to_thread(bulkreply, *words, "--base-url", sandbox.url, "--limits", "none")

        bulkreply.write("in.csv", "id,subject\n6001,a\n6002,b\n6003,c\n6999,d\nx,e\n,f\n")
        job = "job: inbox\nfrom: {file: in.csv}\nto: {object: inbox_threads, mode: delete}\nmap: {id: id}\n"
        path = str(bulkreply.write("job.yaml", job))
        assert (await done("run", path, "--yes")).code == 3
        report = bulkreply.report("inbox")
        assert report["requests"]["by_operation"] == {"v3.users.whoami": 1, "v3.inbox_threads.bulk_delete": 1}
        with (bulkreply.run_folder("inbox") / "results.csv").open(newline="") as table:
            rows = [f"{line['outcome']} {line['code']}".strip() for line in csv.DictReader(table)]
        assert rows == ["deleted", "deleted", "rejected reply.forbidden", GONE, "rejected id.invalid", BAD]
        assert (await done("call", "inbox_threads.delete", "--id", "6004", "--yes")).code == 0
        listed = (await done("call", "inbox_threads.list", "--json")).json
        assert [one["id"] for one in listed] == [6003]
