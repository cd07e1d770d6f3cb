"""The Python API: from a script of its own, from asynchronous code, and as the README and its docstrings show it."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bulkreply
from bulkreply.api import Reply
from bulkreply.errors import KeyRefused, UsageProblem
from tests.conftest import KEY_CANARY
from tests.flow.account import Account, table
from tests.support import REPOSITORY, Bulkreply

SCRIPT = """
import asyncio, dataclasses, json
import bulkreply

called = bulkreply.call("SetContactStatus", contact_ids=[1001, 999], status="Replied")
told = [dataclasses.asdict(one) for one in called]

async def main():
    async with bulkreply.connect(limits="none") as reply:
        (noted,) = await reply.call("AddNoteToContact", ContactId="p1@example.com", Notes="Hello")
        (listed,) = await reply.call("people.get_by_email", api="v1", email="p0@example.com")
        return noted.outcome, listed.answer["id"], [one["id"] async for one in reply.records("contacts")]

noted = asyncio.run(main())
report = bulkreply.run("job.yaml", settings={"to.batch": "2"}, confirm=True)
print(json.dumps([told, noted, report.exit_code, dict(report.rows), report.content["requests"]["by_operation"]]))
"""
JOB = "job: it\nfrom: {file: rows.csv}\nto: {procedure: AddContactsToSequence}\n"


def run_script(bulkreply: Bulkreply, account: Account, text: str) -> str:
    """Runs a script where its key and its server come from the environment, as for anybody."""
    bulkreply.settings["REPLY_BASE_URL"] = account.server.url
    done = subprocess.run(
        [sys.executable, str(bulkreply.write("script.py", text))],
        cwd=bulkreply.folder,
        env=bulkreply.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_a_script_calls_reads_and_runs_a_job(account: Account, bulkreply: Bulkreply) -> None:
    ids = account.contacts(5)
    spring = account.sequence("Spring")
    bulkreply.write("rows.csv", table("ContactIds,SequenceId", *(f"{number},Spring" for number in [*ids, 999])))
    bulkreply.write("job.yaml", JOB)
    told, noted, code, rows, calls = json.loads(run_script(bulkreply, account, SCRIPT))
    operation = "v3.contacts.set_replied"
    assert told == [
        {"operation": operation, "about": "1001", "outcome": "called", "code": "", "message": "", "answer": None},
        {
            "operation": operation,
            "about": "999",
            "outcome": "rejected",
            "code": "reply.notFound",
            "message": "",
            "answer": None,
        },
    ]
    assert noted == ["called", ids[0], ids]
    assert account.notes() == {ids[1]: "Hello"}
    assert (code, rows["read"], rows["called"], rows["rejected"]) == (3, 6, 5, 1)
    assert calls["v3.sequence_contacts.bulk_add"] == 3, "two of them per call, as the settings say"
    assert list(account.members(spring)) == ids
    assert (bulkreply.run_folder("it") / "results.csv").is_file()


def test_the_example_of_the_readme_runs(account: Account, bulkreply: Bulkreply) -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    plain, connected, inside = example.partition("async with")
    assert connected, "the example connects"
    account.contacts(2)
    account.ask("PATCH", "/v3/contacts/1001", {"email": "ada@example.com"})
    account.named("/v3/contact-lists", "Fair 2027")
    main = textwrap.indent(connected + inside, "    ")
    said = run_script(bulkreply, account, f"import asyncio\n{plain}async def main():\n{main}\nasyncio.run(main())\n")
    assert said.split() == ["ada@example.com", "p1@example.com"]
    assert account.lists() == {1001: ["Fair 2027"], 1002: ["Fair 2027"]}


@pytest.fixture
async def reply(account: Account) -> AsyncIterator[Reply]:
    async with bulkreply.connect(base_url=account.server.url, limits="none") as found:
        yield found


def documented(thing: object) -> list[str]:
    """The examples in a docstring: code in backticks that calls something."""
    return re.findall(r"`((?:await |async (?:for|with) )?[\w. ]*\w\([^`]*)`", inspect.getdoc(thing) or "")


async def test_examples_of_the_docstrings_are_true(account: Account, reply: Reply) -> None:
    ids, box = account.contacts(2), account.mailbox("me@example.com")
    number = account.sequence("Spring", ids, [box])
    (example,) = documented(Reply.call)
    assert example == 'await reply.call("StartSequence", sequence_id=5)'
    (started,) = await reply.call("StartSequence", sequence_id=number)
    assert (started.about, started.outcome, account.sequences()) == (str(number), "called", {"Spring": "active"})
    (example,) = documented(Reply.records)
    assert example == 'async for contact in reply.records("contacts")'
    assert [contact["id"] async for contact in reply.records("contacts")] == ids
    assert documented(bulkreply.connect) == ["async with bulkreply.connect() as reply:"]
    (example,) = documented(bulkreply.call)
    assert example == 'bulkreply.call("StartSequence", SequenceId=5)'
    for one in documented(bulkreply):
        ast.parse(one.removesuffix(":"))


async def test_parameters_may_be_spelled_and_named_as_one_likes(account: Account, reply: Reply) -> None:
    ids = account.contacts(4)
    spring = account.sequence("Spring", ids[:2])
    for given in (
        {"contact_ids": [ids[0], "P1@example.com"], "sequence_id": "spring"},
        {"ContactIds": (ids[0], ids[1]), "SequenceId": spring},
        {"contactids": f"[{ids[0]}, {ids[1]}]", "sequenceId": str(spring)},
    ):
        told = await reply.call("setcontactstatus", status="out of office", **given)
        assert [(one.about, one.outcome) for one in told] == [(f"{spring} {number}", "called") for number in ids[:2]]
    assert account.members(spring) == dict.fromkeys(ids[:2], "outOfOffice")
    told = await reply.call(
        "AddContactsToSequence", contact_ids=ids[2], sequence_id="Spring", remove_from_existing=False
    )
    assert [one.outcome for one in told] == ["called"]
    again = await reply.call("MoveContactToSequence", contact_id=ids[2], sequence_id="Spring", start_step_id=None)
    assert [(one.outcome, one.code) for one in again] == [("unchanged", "reply.contactAlreadyInSequence")]


async def test_listings_take_what_they_can_be_narrowed_by(account: Account, reply: Reply) -> None:
    ids = account.contacts(3)
    spring = account.sequence("Spring", ids[:2])
    account.archived("Old")

    async def read(name: str, key: str, api: str = "v3", **where: object) -> list[object]:
        return [one[key] async for one in reply.records(name, api, **where)]

    assert await read("contacts", "id", email="p1@example.com") == [ids[1]]
    assert await read("contacts.filter", "id", sequence_id="Spring") == ids[:2]
    assert sorted(await read("sequence_contacts", "contactId", sequence_id=spring)) == ids[:2]
    assert await read("sequences", "name", is_archived=True) == ["Old"]
    assert await read("users", "userEmail") == ["owner@example.com", "member@example.com"]
    assert sorted(await read("people", "id", "v1")) == ids


WRONG = [
    ("StartSequenc", {}, "there is no procedure 'StartSequenc'"),
    ("StartSequence", {}, "StartSequence needs SequenceId"),
    ("StartSequence", {"sequence_id": None}, "StartSequence needs SequenceId"),
    ("StartSequence", {"sequences": 1}, "StartSequence has no parameter 'sequences'"),
    ("StartSequence", {"sequence_id": "Nowhere"}, "there is no 'Nowhere' at Reply"),
    ("AddContactsToSequence", {"contact_ids": [], "sequence_id": 1}, "ContactIds needs a value"),
    ("contacts.vanish", {}, "contacts has no operation 'vanish' in v3"),
]


async def test_what_is_wrong_is_an_exception_that_says_so(account: Account, reply: Reply) -> None:
    for name, given, words in WRONG:
        with pytest.raises(UsageProblem, match=words):
            await reply.call(name, **given)
    for name, where, words in (
        ("users.whoami", {}, "users.whoami does not list records"),
        ("contacts.create", {"email": "x@example.com"}, "contacts.create does not list records"),
        ("reports", {}, "reports has no operation 'list' in v3"),
        ("contacts", {"mail": "x"}, "contacts.list has no parameter 'mail'"),
        ("sequence_contacts", {}, "sequence_contacts.list needs sequenceId"),
        ("sequence_contacts", {"sequence_id": 999}, "Reply does not have 999"),
    ):
        with pytest.raises(UsageProblem, match=words):
            [one async for one in reply.records(name, **where)]
    assert account.server.ask("events") == []


def test_jobs_ask_and_keys_are_checked(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text(table("ContactIds,SequenceId", f"{account.contacts(1)[0]},Spring"))
    (tmp_path / "job.yaml").write_text(JOB)
    spring, where = account.sequence("Spring"), {"runs": tmp_path / "runs", "base_url": account.server.url}
    monkeypatch.delenv("REPLY_API_KEY")
    with pytest.raises(UsageProblem, match="there is no key"):
        bulkreply.run(tmp_path / "job.yaml", **where)
    monkeypatch.setenv("REPLY_API_KEY", "wrong")
    with pytest.raises(KeyRefused):
        bulkreply.call("PauseSequence", base_url=account.server.url, sequence_id=spring)
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    with pytest.raises(UsageProblem, match="call AddContactsToSequence needs confirm=True"):
        bulkreply.run(tmp_path / "job.yaml", **where)
    assert account.members(spring) == {}
    assert bulkreply.run(tmp_path / "job.yaml", confirm=True, **where).rows["called"] == 1
    assert len(account.members(spring)) == 1
