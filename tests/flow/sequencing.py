"""An account with sequences, and files run against it from within this process."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bulkreply as product
from bulkreply.sandbox.switches import CHOICES
from tests.conftest import KEY_CANARY
from tests.flow.account import Account

Tree = dict[int, tuple[int | None, bool | None]]


@dataclass(frozen=True)
class Ran:
    """How a file fared.

    Attributes:
        rows: Outcome and code of each row.
        messages: What is said of each row.
        calls: Requests by operation, without the one that asks whose key it is.
    """

    rows: list[str]
    messages: list[str]
    calls: dict[str, int]
    folder: Path


@dataclass
class Office:
    """An account of a stand-in, and a folder to run jobs in.

    Attributes:
        ids: Short name -> id of what is in the account.
        dialect: How Reply answers while a file runs, where it is not as usual.
    """

    account: Account
    folder: Path
    ids: dict[str, Any] = field(default_factory=dict)
    dialect: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request made by hand."""
        return self.account.ask(method, f"/v3/{path}", body)

    def named(self, text: str) -> str:
        """A text with ids in place of `<short name>`."""
        return re.sub(r"<([\w ]+)>", lambda match: str(self.ids.get(match[1], match[0])), text)

    def run(self, to: str, rows: str | bytes | Sequence[Mapping[str, Any]], more: str = "", ending: str = "") -> Ran:
        """Runs a job over a file: CSV text, the bytes of a file with this ending, or records as NDJSON."""
        self.number += 1
        name = f"job{self.number}"
        if isinstance(rows, str):
            content, ending = self.named(rows).encode(), ending or "csv"
        elif isinstance(rows, bytes):
            content = rows
        else:
            content, ending = "".join(json.dumps(row) + "\n" for row in rows).encode(), "ndjson"
        (self.folder / f"{name}.{ending}").write_bytes(content)
        job = f"job: {name}\nfrom: {{file: {name}.{ending}}}\nto: {{{to}}}\npolicy: {{settle_s: 0.2}}\n{more}"
        (self.folder / f"{name}.yaml").write_text(job, "utf-8")
        return self.again(name)

    def again(self, name: str) -> Ran:
        """Runs a job file that is there."""
        (self.folder / "key").write_text(KEY_CANARY, "utf-8")
        account = f'[accounts.main]\nkey_file = "key"\nbase_url = "{self.account.server.url}"\nlimits = "none"\n'
        (self.folder / "bulkreply.toml").write_text(account, "utf-8")
        path, runs = self.folder / f"{name}.yaml", self.folder / "bulkreply-runs"
        self.account.server.change("switches", self.dialect)
        report = product.run(path, runs=runs, account="main", confirm=True).content
        self.account.server.change("switches", {switch: CHOICES[switch][0] for switch in self.dialect})
        folder = runs / name / report["run"]
        lines = results(folder)
        calls = {label.removeprefix("v3."): count for label, count in report["requests"]["by_operation"].items()}
        calls.pop("users.whoami", None)
        assert report["state"] == "finished"
        assert sum(report["rows"].values()) == 2 * report["rows"]["read"] == 2 * len(lines)
        words = [f"{line['outcome']} {line['code']}".strip() for line in lines]
        return Ran(words, [line["message"] for line in lines], calls, folder)

    def sequence(self, name: str, steps: Sequence[Mapping[str, Any]] = (), **more: Any) -> int:
        """A sequence made by hand; its steps and variants are known as `S1`, `S1a` … from now on."""
        made = self.ask("POST", "sequences", {"name": name, "steps": list(steps)} | more)
        self.ids[name] = made["id"]
        for i, step in enumerate(made["steps"], 1):
            self.ids[f"{name}{i}"] = step["id"]
            for letter, variant in zip("abc", step.get("variants", ()), strict=False):
                self.ids[f"{name}{i}{letter}"] = variant["id"]
        number: int = made["id"]
        return number

    def detail(self, name: str) -> dict[str, Any]:
        """The newest sequence of a name, whole."""
        found = [one["id"] for one in self.ask("GET", "sequences?top=1000")["items"] if one["name"] == name]
        whole: dict[str, Any] = self.ask("GET", f"sequences/{max(found)}")
        return whole

    def tree(self, name: str) -> Tree:
        """The steps of a sequence by their delay: the delay of the step before, and the branch. No delay twice."""
        steps = self.detail(name)["steps"]
        delays = {step["id"]: step["delayInMinutes"] for step in steps}
        made = {step["delayInMinutes"]: (delays.get(step["parentId"]), step["ifConditionPositive"]) for step in steps}
        assert len(made) == len(steps), f"{name} has a step twice"
        return made


def results(folder: Path) -> list[dict[str, str]]:
    """The lines of `results.csv`."""
    with (folder / "results.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def mail(delay: int, *subjects: str, **more: Any) -> dict[str, Any]:
    """A step that mails, known by its delay."""
    variants = [{"subject": subject, "message": f"<p>{subject}</p>"} for subject in subjects or ("Hello",)]
    return {"type": "email", "delayInMinutes": delay, "executionMode": "automatic", "variants": variants} | more


def todo(delay: int, **more: Any) -> dict[str, Any]:
    """A step that asks somebody to do something."""
    return {"type": "task", "delayInMinutes": delay, "actionType": "toDo", "description": "Ring"} | more


def fork(delay: int, **more: Any) -> dict[str, Any]:
    """A step with two branches below it."""
    conditions = [{"property": "country", "rules": [{"operator": "equal", "value": "DE"}]}]
    return {"type": "condition", "delayInMinutes": delay, "waitInMinutes": 60, "conditions": conditions} | more


def mailbox(address: str) -> dict[str, Any]:
    """What a mailbox is made from."""
    servers = {"smtpHost": "s.example.com", "smtpPort": 465, "imapHost": "i.example.com", "imapPort": 993}
    return {"connection": servers | {"email": address, "smtpPassword": "x", "imapPassword": "x"}}
