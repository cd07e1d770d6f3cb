"""An account of a stand-in, furnished and looked at over its own sockets, and files run against it."""

from __future__ import annotations

import csv
import io
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bulkreply
from bulkreply.errors import BulkreplyError
from tests.conftest import KEY_CANARY
from tests.support import SandboxProcess

MATE = 12
"""Another user of the team: what belongs to them is forbidden to the key's own user, 11."""
_SERVERS = {"smtpHost": "smtp.example.com", "smtpPort": 465, "imapHost": "imap.example.com", "imapPort": 993}
_SERVERS |= {"smtpPassword": "x", "imapPassword": "x"}
_DATES = {"startAt": "2026-03-03T09:00:00Z", "dueTo": "2026-03-04T09:00:00Z"}


@dataclass(frozen=True)
class Account:
    """What a client of Reply can do by hand, without bulkreply.

    Attributes:
        key: The key of the account; one stand-in may have several.
    """

    server: SandboxProcess
    key: str = KEY_CANARY

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; what was answered, None when nothing was."""
        headers = {"Authorization": f"Bearer {self.key}", "X-Api-Key": self.key}
        content = None if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"} if content else {}
        request = urllib.request.Request(f"{self.server.url}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from None
        return json.loads(found) if found.strip() else None

    # -- what is there before

    def contacts(self, count: int, letter: str = "p") -> list[int]:
        """Contacts `p0@example.com` …; their ids."""
        items = [{"email": f"{letter}{i}@example.com", "firstName": f"F{i}"} for i in range(count)]
        made = self.ask("POST", "/v3/contacts/import", {"items": items, "options": {"overwriteExisting": True}})
        return [item["id"] for item in made["items"]]

    def of_a_mate(self) -> int:
        """A contact that belongs to another user: what is done to it is refused."""
        (number,) = self.contacts(1, "mate")
        self.ask("PUT", "/v3/contacts/owner", {"contactIds": [number], "userId": MATE})
        return number

    def mailbox(self, address: str) -> int:
        """An e-mail account."""
        made: int = self.ask("POST", "/v3/email-accounts", {"connection": _SERVERS | {"email": address}})["id"]
        return made

    def sequence(self, name: str, members: Sequence[int] = (), senders: Sequence[int] = (), steps: int = 1) -> int:
        """A sequence of e-mails, with people in it."""
        letter = {"type": "email", "delayInMinutes": 0, "variants": [{"subject": "S", "message": "M"}]}
        body = {"name": name, "emailAccounts": [*senders], "steps": [letter] * steps}
        made: int = self.ask("POST", "/v3/sequences", body)["id"]
        if members:
            self.ask("POST", f"/v3/sequences/{made}/contact-links/bulk", {"contactIds": [*members]})
        return made

    def archived(self, name: str) -> int:
        """A sequence that takes nobody any more."""
        number = self.sequence(name)
        self.ask("POST", f"/v3/sequences/{number}/archive")
        return number

    def task(self, kind: str, contact: int) -> int:
        """An open task."""
        body = {"taskType": kind, "contactId": contact, "template": {"body": "B", "subject": "S"}}
        made: int = self.ask("POST", "/v3/tasks", _DATES | body)["id"]
        return made

    def named(self, path: str, name: str) -> Any:
        """Anything that needs a name only; its id."""
        return self.ask("POST", path, {"name": name})["id"]

    # -- what is there after

    def standing(self, contact: int) -> str:
        """What a contact said, and its status and marks per sequence: `called, Spring: paused replied`."""
        found = self.ask("GET", f"/v3/contacts/{contact}/statuses")
        words = ["opted out"] if found["isOptedOut"] else []
        words += [found[name] for name in ("callStatus", "meetingStatus") if found[name] != "none"]
        return ", ".join(words + [f"{one['sequenceName']}: {_place(one)}" for one in found["sequences"]])

    def members(self, sequence: int) -> dict[int, str]:
        """Who is in a sequence, and with which status."""
        found = self.ask("GET", f"/v3/sequences/{sequence}/contacts?top=1000")["items"]
        return {one["contactId"]: one["statusInSequence"] for one in sorted(found, key=lambda one: one["contactId"])}

    def sequences(self) -> dict[str, str]:
        """Sequence -> status; or that it is archived."""
        found = self.ask("GET", "/v3/sequences?top=1000")["items"]
        return {one["name"]: "archived" if one["isArchived"] else one["status"] for one in found}

    def senders(self, sequence: int) -> set[int]:
        """The mailboxes of a sequence."""
        return {one["id"] for one in self.ask("GET", f"/v3/sequences/{sequence}/email-accounts")}

    def tasks(self) -> dict[int, str]:
        """Task -> its status."""
        return {one["id"]: one["status"] for one in self.ask("GET", "/v3/tasks?top=1000")["items"]}

    def lists(self) -> dict[int, list[str]]:
        """Contact -> the names of its lists, without those on none."""
        return {one["id"]: sorted(one["lists"]) for one in self.server.ask("contacts", self.key) if one["lists"]}

    def notes(self) -> dict[int, str]:
        """Contact -> its notes, where it has any."""
        return {one["id"]: one["notes"] for one in self.server.ask("contacts", self.key) if one.get("notes")}

    def blacklist(self) -> list[str]:
        """Domains and addresses nobody writes to."""
        return sorted(self.ask("GET", "/v1/blacklist")["domains"])

    def changes(self, operation: str) -> int:
        """How often something was really changed by an operation, since the account was empty."""
        return sum(one["operation"] == operation and one["changed"] for one in self.server.ask("events", self.key))

    def sizes(self, operation: str) -> list[int]:
        """How many things each call of an operation wrote to, the largest first."""
        written = (one["request"] for one in self.server.ask("events", self.key) if one["operation"] == operation)
        return sorted(Counter(written).values(), reverse=True)

    def requests(self) -> list[str]:
        """Method and path of every request, in order."""
        found: list[str] = self.server.ask("requests", self.key)["targets"]
        return found


def _place(one: dict[str, Any]) -> str:
    marks = one["emailDisposition"] or {}
    words = [name for name, key in (("replied", "isReplied"), ("bounced", "isBounced")) if marks.get(key)]
    return " ".join([one["statusInSequence"], *words])


def table(header: str, *rows: Sequence[Any] | str | int) -> str:
    """A CSV file; a list in a cell is written as JSON, a row that is no sequence has one cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    for row in rows:
        cells = row.split(",") if isinstance(row, str) else [row] if isinstance(row, int) else row
        writer.writerow([json.dumps(cell) if isinstance(cell, list) else cell for cell in cells])
    return text.getvalue()


@dataclass(frozen=True)
class Ran:
    """How a file fared.

    Attributes:
        code: Exit code.
        rows: Outcome and code of each row, in the order of the file.
        calls: Requests by operation, without the one that asks whose key it is.
        asked: Method and path of each of them, as the server saw them.
        said: Why nothing was done.
    """

    code: int
    rows: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    said: str = ""


def run_file(
    folder: Path,
    account: Account,
    procedure: str,
    text: str,
    *,
    yes: bool = False,
    more: str = "",
    settings: Mapping[str, str] | None = None,
) -> Ran:
    """Runs a procedure over a file, from Python: what the report counts is what the server saw.

    Args:
        text: The file.
        yes: Whether it may reach people.
        more: Further lines of the job.
        settings: Changes to the job.
    """
    job = write_job(folder, procedure, text, more)
    (folder / "bulkreply.toml").write_text('[accounts.free]\nkey_env = "REPLY_API_KEY"\nlimits = "none"\n', "utf-8")
    runs, url, before = folder / "bulkreply-runs", account.server.url, len(account.requests())
    try:
        report = bulkreply.run(job, runs=runs, account="free", base_url=url, settings=settings, confirm=yes)
    except BulkreplyError as error:
        return Ran(error.exit_code, asked=account.requests()[before:], said=error.message)
    content, asked = dict(report.content), account.requests()[before:]
    calls = dict(content["requests"]["by_operation"])
    assert sum(calls.values()) == len(asked)
    whose = calls.pop("v3.users.whoami")  # more than once where its answer was lost
    assert whose == 1 or content["requests"]["retried"]
    rows = [" ".join(row[:2]).strip() for row in results(folder)]
    return Ran(report.exit_code, rows, calls, asked[whose:], content)


def write_job(folder: Path, procedure: str, text: str, more: str = "") -> Path:
    """A job that runs a procedure over `rows.csv`, and the file."""
    (folder / "rows.csv").write_text(text, "utf-8")
    job = f"job: it\nfrom: {{file: rows.csv}}\nto: {{procedure: {procedure}}}\npolicy: {{settle_s: 0.3}}\n{more}"
    (folder / "job.yaml").write_text(job, "utf-8")
    return folder / "job.yaml"


def results(folder: Path) -> list[tuple[str, str, str, str]]:
    """Outcome, code, key and message of every row of the newest run."""
    newest = max((folder / "bulkreply-runs" / "it").glob("*/"), key=lambda path: path.name)
    with (newest / "results.csv").open(newline="", encoding="utf-8") as lines:
        return [(row["outcome"], row["code"], row["key"], row["message"]) for row in csv.DictReader(lines)]
