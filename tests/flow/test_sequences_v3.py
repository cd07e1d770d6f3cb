"""The life of sequences and of everything that belongs to them: made from files, listed, changed and deleted, with a
bad row in every file, and nothing twice when a file runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bulkreply.errors import BulkreplyError
from tests.flow.account import Account
from tests.flow.sequencing import Office, mail, mailbox, todo
from tests.support import Bulkreply

BAD, TWIN, KNOWN = "rejected value.required", "skipped row.duplicate", "skipped reply.exists"
GONE, UNKNOWN = "skipped reply.notFound", "rejected reply.notFound"
NO_NAME, TWO_NAMES = "rejected reference.unknown", "rejected reference.ambiguous"
BAD_ID, BAD_WORD, REFUSED = "rejected id.invalid", "rejected enum.invalid", "rejected reply.invalidInput"
RULES = {f"{one}_blacklist_rules.list": 1 for one in ("domain", "email", "email_exception")}
NO_SEQUENCE, NO_STEP = "rejected reply.sequence.notFound", "rejected reply.sequenceStep.notFound"


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """Two sequences with steps, one without, two of one name; and what they refer to."""
    made = Office(account, tmp_path)
    for name in ("Hours", "Nights", "Both", "Both"):
        made.ids[name] = made.ask("POST", "schedules", {"name": name, "timezoneId": "Europe/Berlin"})["id"]
    for name in ("ann", "bob"):
        made.ids[name] = made.ask("POST", "email-accounts", mailbox(f"{name}@example.com"))["id"]
    for name in ("Ann", "Bob", "Both", "Both"):
        made.ids[f"in {name}"] = made.ask("POST", "linkedin-accounts/connect", {"connection": {"name": name}})["id"]
    made.ids |= {f"p{i}": number for i, number in enumerate(account.contacts(4))}
    made.sequence("Spring", [mail(1, "Hi", "Ho"), mail(2, "Ha"), todo(3)], scheduleId=made.ids["Hours"])
    made.sequence("Autumn", [mail(1, "Fall")])
    made.sequence("Empty")
    for _ in range(2):
        made.sequence("Both")
    made.ids["Old"] = made.ask("POST", "sequence-folders", {"name": "Old"})["id"]
    return made


# -- what is there, as a few words

Held = Callable[[Office], Any]


def sequences(office: Office) -> Any:
    found = [office.ask("GET", f"sequences/{one['id']}") for one in office.ask("GET", "sequences?top=1000")["items"]]
    schedules = {office.ids[name]: name for name in ("Hours", "Nights")}
    return {
        one["name"]: (schedules.get(one["scheduleId"]), len(one["emailAccounts"]), len(one["steps"]))
        for one in found
        if one["name"] != "Both"
    }


def folders(office: Office) -> Any:
    found = {one["name"]: one["id"] for one in office.ask("GET", "sequence-folders")}
    office.ids |= found
    return sorted(found)


def in_folders(office: Office) -> Any:
    folders(office)
    listed = {name: office.ask("GET", f"sequence-folders/{office.ids[name]}/sequences") for name in folders(office)}
    return {name: sorted(one["name"] for one in found["items"]) for name, found in listed.items()}


def steps(office: Office) -> Any:
    found = [step for name in ("Spring", "Autumn", "Empty") for step in office.detail(name)["steps"]]
    return [(step["type"], step["delayInMinutes"], step.get("description")) for step in found]


def variants(office: Office) -> Any:
    found = [step for name in ("Spring", "Autumn") for step in office.detail(name)["steps"]]
    return [[f"{one['subject']}: {one['message']}" for one in step.get("variants", ())] for step in found]


def members(office: Office) -> Any:
    people = {office.ids[f"p{i}"]: f"p{i}" for i in range(4)}
    found = {name: office.account.members(office.ids[name]) for name in ("Spring", "Autumn")}
    return {name: [people[number] for number in numbers] for name, numbers in found.items()}


def senders(kind: str) -> Held:
    def held(office: Office) -> Any:
        found = {name: office.ask("GET", f"sequences/{office.ids[name]}/{kind}") for name in ("Spring", "Autumn")}
        return {name: [one.get("email") or one["name"] for one in accounts] for name, accounts in found.items()}

    return held


def templates(office: Office) -> Any:
    found = [one for group in office.ask("GET", "sequence-templates").values() for one in group]
    office.ids |= {f"plan {i}": one["id"] for i, one in enumerate(found)}
    return [one["name"] for one in found]


def tasks(office: Office) -> Any:
    found = [office.ask("GET", f"tasks/{one['id']}") for one in office.ask("GET", "tasks?top=1000")["items"]]
    office.ids |= {f"{one['template']['body']}": one["id"] for one in found}
    people = {office.ids[f"p{i}"]: f"p{i}" for i in range(4)}
    return [
        (one["taskType"], people.get(one["contactId"]), one["startAt"], one["dueTo"][:10], one["template"]["subject"])
        for one in found
    ]


# -- lives


@dataclass(frozen=True)
class File:
    """A file, and all that comes of it.

    Attributes:
        text: CSV; `<Spring>` stands for an id.
        rows: Outcome and code of every row.
        calls: Calls by operation; those of other objects by their full name.
        held: What is there afterwards.
    """

    mode: str
    text: str
    rows: list[str]
    calls: dict[str, int]
    held: Any
    more: str = ""


SPRING, AUTUMN, EMPTY = ("Hours", 0, 3), (None, 0, 1), (None, 0, 0)
SPLIT = "map: {name: name, id: id, scheduleId: scheduleId, emailAccounts: {column: emailAccounts, split: ';'}}\n"
MADE = {"Spring": SPRING, "Autumn": AUTUMN, "Empty": EMPTY, "New": ("Nights", 2, 0), "Bare": EMPTY}
S1, S2, A1 = ("email", 1, None), ("email", 2, None), ("email", 1, None)
HI, HO, HA, FALL = "Hi: <p>Hi</p>", "Ho: <p>Ho</p>", "Ha: <p>Ha</p>", "Fall: <p>Fall</p>"
NINE, TEN = "2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z"

LIVES: dict[str, tuple[Held, list[File]]] = {
    "sequences": (
        sequences,
        [
            made := File(
                "insert",
                "name,scheduleId,emailAccounts,settings.emailsCountPerDay\nNew,Nights,<ann>,9\nBare,,,\nnew,,,\n,Nights,,\n"
                "X,Both,,\nX,Days,,\nX,,eve@example.com,\nX,,,0\nX,,,many\nSpring,,,\n",
                [
                    "created",
                    "created",
                    TWIN,
                    BAD,
                    TWO_NAMES,
                    NO_NAME,
                    NO_NAME,
                    *["rejected integer.invalid"] * 2,
                    KNOWN,
                ],
                {"schedules.list": 1, "email_accounts.list": 1, "list": 1, "create": 2},
                MADE | {"New": ("Nights", 1, 0)},
            ),
            File(
                made.mode,
                made.text,
                [KNOWN, KNOWN, *made.rows[2:]],
                {"schedules.list": 1, "email_accounts.list": 1, "list": 1},
                made.held,
            ),
            File(
                "update",
                "id,name,scheduleId,emailAccounts\n,New,,ann@example.com;BOB@example.com\n,Spring,Nights,\n,Both,Hours,\n"
                "<Empty>,Void,,\n9999,Ghost,,\n,Ghost,,\nx,y,,\n,,Hours,\n,Autumn,,\n",
                ["updated", "updated", TWO_NAMES, "updated", NO_SEQUENCE, UNKNOWN, BAD_ID, BAD, "unchanged"],
                {"schedules.list": 1, "email_accounts.list": 1, "list": 1, "update": 4},
                MADE | {"Spring": ("Nights", 0, 3), "Void": EMPTY, "Empty": None},
                SPLIT,
            ),
            File(
                "upsert",
                "name,scheduleId\nSpring,Hours\nNewer,Hours\nBoth,Hours\n,Hours\n",
                ["updated", "created", TWO_NAMES, BAD],
                {"schedules.list": 1, "list": 1, "update": 1, "create": 1},
                MADE | {"Void": EMPTY, "Newer": ("Hours", 0, 0), "Empty": None},
            ),
            File(
                "delete",
                "id,name\n,newer\n,NEW\n<Autumn>,\n,Ghost\n9999,\n,Both\nx,\n",
                ["deleted", "deleted", "deleted", GONE, GONE, TWO_NAMES, BAD_ID],
                {"list": 1, "bulk_delete": 1},
                {"Spring": SPRING, "Void": EMPTY, "Bare": EMPTY},
            ),
        ],
    ),
    "sequence_folders": (
        folders,
        [
            made := File(
                "insert",
                "name,note\nFresh,x\nold,x\n,x\nFRESH,x\nStraße,x\n",
                ["created", KNOWN, BAD, TWIN, "created"],
                {"list": 1, "create": 2},
                ["Fresh", "Old", "Straße"],
            ),
            File(made.mode, made.text, [KNOWN, KNOWN, BAD, TWIN, KNOWN], {"list": 1}, made.held),
            File(
                "update",
                "id,name\n<Old>,Older\n<Fresh>,Fresh\n<Straße>,straße\n00000000-0000-4000-8000-000000000000,X\n7,X\n,Fresh\n",
                ["updated", "unchanged", "updated", UNKNOWN, "rejected uuid.invalid", "rejected row.duplicate"],
                {"list": 1, "get": 4, "update": 2},
                ["Fresh", "Older", "straße"],
            ),
            File(
                "upsert",
                "name\nFRESH\nNext\nSTRAßE\n",
                ["unchanged", "created", "unchanged"],
                {"list": 1, "create": 1},
                ["Fresh", "Next", "Older", "straße"],
            ),
            File(
                "delete",
                "id,name\n<Older>,\n,fresh\n,Ghost\n00000000-0000-4000-8000-000000000000,\n,STRASSE\n7,\n",
                ["deleted", "deleted", GONE, GONE, GONE, "rejected uuid.invalid"],
                {"list": 1, "delete": 3},
                ["Next", "straße"],
            ),
        ],
    ),
    "sequences_in_folder": (
        in_folders,
        [
            made := File(
                "insert",
                "folderId,sequenceId\nOld,Spring\nold,<Autumn>\nOld,Both\nNo,Spring\nOld,9999\nOld,\nOld,spring\n",
                ["created", "created", TWO_NAMES, NO_NAME, UNKNOWN, BAD, TWIN],
                {"sequence_folders.list": 1, "sequences.list": 1, "bulk_assign": 1},
                {"Old": ["Autumn", "Spring"]},
            ),
            File(made.mode, made.text, made.rows, made.calls, made.held),
            File(
                "insert",
                "folderId,sequenceId\nNew,Spring\nNewer,Empty\nNew,Autumn\n",
                ["created", "created", "created"],
                {"sequence_folders.list": 2, "sequence_folders.create": 2, "sequences.list": 1, "bulk_assign": 2},
                {"Old": [], "New": ["Autumn", "Spring"], "Newer": ["Empty"]},
                "create_missing: [sequence_folders]\n",
            ),
            File(
                "delete",
                "folderId,sequenceId\nNew,Spring\nNewer,Spring\nNewer,Empty\nNo,Empty\nNew,x\n",
                ["deleted", GONE, "deleted", NO_NAME, NO_NAME],
                {"sequence_folders.list": 1, "sequences.list": 1, "bulk_unassign": 2},
                {"Old": [], "New": ["Autumn"], "Newer": []},
            ),
        ],
    ),
    "sequence_steps": (
        steps,
        [
            File(
                "insert",
                "sequenceId,type,delayInMinutes,parentId,actionType,description\nEmpty,task,7,,toDo,Ring\n"
                "Autumn,task,8,<Autumn1>,meeting,Meet\nEmpty,task,,,toDo,x\nEmpty,task,9,,toDo,\nEmpty,fax,9,,,\n"
                "Empty,task,9,,message,x\nBoth,task,9,,toDo,x\nNo,task,9,,toDo,x\n9999,task,9,,toDo,x\n",
                ["created", "created", BAD, BAD, BAD_WORD, REFUSED, TWO_NAMES, NO_NAME, NO_SEQUENCE],
                {"sequences.list": 1, "bulk_create": 3},
                [S1, S2, ("task", 3, "Ring"), A1, ("task", 8, "Meet"), ("task", 7, "Ring")],
            ),
            changed := File(
                "update",
                "sequenceId,id,delayInMinutes,description\nSpring,<Spring1>,30,\n<Spring>,<Spring3>,,Call\n"
                "Spring,<Autumn1>,5,\nSpring,9999,5,\nSpring,,5,\nSpring,<Spring2>,soon,\n",
                ["updated", "updated", UNKNOWN, UNKNOWN, BAD, "rejected integer.invalid"],
                {"sequences.list": 1, "get": 4, "update": 2},
                [("email", 30, None), S2, ("task", 3, "Call"), A1, ("task", 8, "Meet"), ("task", 7, "Ring")],
            ),
            File(
                changed.mode,
                changed.text,
                ["unchanged", "unchanged", *changed.rows[2:]],
                {"sequences.list": 1, "get": 4},
                changed.held,
            ),
            File(
                "update",
                "sequenceId,id,type,parentId\nSpring,<Spring3>,call,\nSpring,<Spring1>,,<Spring3>\n",
                ["rejected reply.400", "rejected reply.400"],
                {"sequences.list": 1, "get": 2, "update": 2},
                changed.held,
            ),
            File(
                "update",
                "sequenceId,parentId,ifConditionPositive,type,delayInMinutes\nSpring,<Spring2>,,task,77\n",
                [BAD],
                {"sequences.list": 1},
                changed.held,
            ),
            File(
                "delete",
                "sequenceId,id\nSpring,<Spring1>\nSpring,<Spring2>\nSpring,<Spring3>\nSpring,9999\nAutumn,<Autumn1>\n"
                "Spring,\nNo,7\n",
                ["deleted"] * 3 + [GONE, "rejected reply.stepLockedHasChildren", BAD, NO_NAME],
                {"sequences.list": 1, "bulk_delete": 4},
                [A1, ("task", 8, "Meet"), ("task", 7, "Ring")],
            ),
        ],
    ),
    "sequence_step_variants": (
        variants,
        [
            File(
                "insert",
                "sequenceId,stepId,subject,message,attachmentIds\nSpring,<Spring1>,X,xx,\nSpring,<Spring2>,,yy,\n"
                'Spring,<Spring1>,Z,zz,"[1,2,3,4]"\nSpring,<Spring1>,Z,,\nSpring,9999,Z,zz,\nBoth,1,Z,zz,\n'
                "Spring,,Z,zz,\nSpring,<Spring3>,Z,zz,\n",
                ["created", "created", REFUSED, BAD, NO_STEP, TWO_NAMES, BAD, "rejected reply.invalidStep"],
                {"sequences.list": 1, "bulk_create": 4},
                [[HI, HO, "X: xx"], [HA, "None: yy"], [], [FALL]],
            ),
            changed := File(
                "update",
                "sequenceId,stepId,id,subject,message\nSpring,<Spring1>,<Spring1a>,Hey,\nSpring,<Spring1>,,x,new\n"
                "Spring,<Spring1>,9999,Q,\nSpring,<Spring1>,,Q,q\nSpring,<Spring1>,,,q\nx,<Spring1>,1,,q\n",
                ["updated", "updated", UNKNOWN, UNKNOWN, BAD, NO_NAME],
                {"sequences.list": 1, "list": 3, "update": 2},
                [["Hey: <p>Hi</p>", HO, "x: new"], [HA, "None: yy"], [], [FALL]],
            ),
            File(
                changed.mode,
                changed.text,
                ["unchanged", "unchanged", *changed.rows[2:]],
                {"sequences.list": 1, "list": 3},
                changed.held,
            ),
            File(
                "delete",
                "sequenceId,stepId,id,subject\nSpring,<Spring1>,<Spring1a>,\nSpring,<Spring1>,,HO\n"
                "Spring,<Spring1>,9999,\nSpring,<Spring1>,,Q\nSpring,<Spring1>,,\nSpring,<Spring1>,x,\n",
                ["deleted", "deleted", GONE, GONE, BAD, BAD_ID],
                {"sequences.list": 1, "list": 1, "bulk_delete": 1},
                [["x: new"], [HA, "None: yy"], [], [FALL]],
            ),
        ],
    ),
    "sequence_contacts": (
        members,
        [
            File(
                "insert",
                "sequenceId,contactId,removeFromExisting,startStepId\nSpring,p0@example.com,,\nSpring,P1@EXAMPLE.COM,,\n"
                "Spring,<p2>,,<Spring2>\nAutumn,<p1>,,\nSpring,zed@example.com,,\nSpring,9999,,\nEmpty,<p0>,,\n"
                "Both,<p0>,,\nSpring,,,\nSpring,<p3>,maybe,\nSpring,<p0>,,\n",
                ["created"] * 4
                + [NO_NAME, "rejected reply.contactNotFound"]
                # the sequence without steps takes nobody; the last is the first
                + [
                    "rejected reply.sequenceContact.noStepsInSequence",
                    TWO_NAMES,
                    BAD,
                    "rejected boolean.invalid",
                    TWIN,
                ],
                {"sequences.list": 1, "contacts.filter": 2, "bulk_add": 4, **RULES},
                {"Spring": ["p0", "p1", "p2"], "Autumn": ["p1"]},
            ),
            File(
                "insert",
                "sequenceId,contactId,removeFromExisting\nSpring,<p0>,\nAutumn,<p0>,yes\n",
                ["unchanged reply.contactAlreadyInSequence", "created"],
                {"sequences.list": 1, "contacts.get": 1, "bulk_add": 2, **RULES},
                {"Spring": ["p1", "p2"], "Autumn": ["p0", "p1"]},
            ),
            File(
                "delete",
                "sequenceId,contactId\nSpring,p1@example.com\nAutumn,p1@example.com\nSpring,<p3>\nAutumn,9999\nNo,<p2>\n"
                "Spring,\n",
                ["deleted", "deleted", "skipped reply.notInSequence", GONE, NO_NAME, BAD],
                {"sequences.list": 1, "contacts.list": 1, "bulk_remove": 2},
                {"Spring": ["p2"], "Autumn": ["p0"]},
            ),
        ],
    ),
    "sequence_email_accounts": (
        senders("email-accounts"),
        [
            made := File(
                "insert",
                "sequenceId,emailAccountId\nSpring,ann@example.com\nSpring,BOB@example.com\nAutumn,<ann>\n"
                "Spring,eve@example.com\nSpring,9999\nSpring,\n9999,<ann>\nSpring,<ann>\n",
                ["created"] * 3 + [NO_NAME, "rejected reply.emailAccount.notFound", BAD, NO_SEQUENCE, TWIN],
                {"sequences.list": 1, "email_accounts.list": 1, "link": 5},
                {"Spring": ["ann@example.com", "bob@example.com"], "Autumn": ["ann@example.com"]},
            ),
            File(made.mode, made.text, made.rows, made.calls, made.held),
            File(
                "delete",
                "sequenceId,emailAccountId\nSpring,ann@example.com\nAutumn,ann@example.com\nAutumn,<bob>\n"
                "Spring,eve@example.com\n,<ann>\n",
                ["deleted", "deleted", GONE, NO_NAME, BAD],
                {"sequences.list": 1, "email_accounts.list": 1, "unlink": 3},
                {"Spring": ["bob@example.com"], "Autumn": []},
            ),
        ],
    ),
    "sequence_linkedin_accounts": (
        senders("linkedin-accounts"),
        [
            made := File(
                "insert",
                "sequenceId,linkedInAccountId\nSpring,Ann\nSpring,bob\nAutumn,<in Ann>\nSpring,Both\nSpring,Eve\n"
                "Spring,9999\nSpring,\n",
                ["created"] * 3 + [TWO_NAMES, NO_NAME, "rejected reply.linkedInAccount.notFound", BAD],
                {"sequences.list": 1, "linkedin_accounts.list": 1, "link": 4},
                {"Spring": ["Ann", "Bob"], "Autumn": ["Ann"]},
            ),
            File(made.mode, made.text, made.rows, made.calls, made.held),
            File(
                "delete",
                "sequenceId,linkedInAccountId\nSpring,Ann\nAutumn,Ann\nAutumn,Bob\nSpring,Both\n,Ann\n",
                ["deleted", "deleted", GONE, TWO_NAMES, BAD],
                {"sequences.list": 1, "linkedin_accounts.list": 1, "unlink": 3},
                {"Spring": ["Bob"], "Autumn": []},
            ),
        ],
    ),
    "sequence_templates": (
        templates,
        [
            File(
                "delete",
                "id,name,note\n,plan,\n,Pair,\n,Ghost,\n<plan 3>,,\n00000000-0000-4000-8000-000000000000,,\n7,,\n,,x\n",
                ["deleted", TWO_NAMES, GONE, "deleted", GONE, "rejected uuid.invalid", BAD],
                {"list": 1, "delete": 3},
                ["Pair", "Pair"],
            ),
        ],
    ),
    "tasks": (
        tasks,
        [
            File(
                "insert",
                "contactId,taskType,linkedInTaskType,startAt,dueTo,template.body,template.subject\n"
                "p0@example.com,call,,2026-03-03T09:00:00Z,2026-03-04,One,\n"
                "<p1>,5,Connect,2026-03-03T11:00:00+02:00,2026-03-04,Two,\n"
                ",to do,,2026-03-03T10:00,2026-03-04,Three,S\n"
                "zed@example.com,call,,2026-03-03,2026-03-04,x,\n,fly,,2026-03-03,2026-03-04,x,\n"
                ",call,,2026-03-03,2026-03-04,,S\n,call,,,2026-03-04,x,\n,call,,soon,2026-03-04,x,\n"
                ",call,,2026-03-03,2026-03-02,x,\n9999,call,,2026-03-03,2026-03-04,x,\n",
                ["created"] * 3
                + [NO_NAME, BAD_WORD, "rejected nested.invalid", BAD, "rejected datetime.invalid"]
                + ["rejected reply.400"] * 2,
                {"contacts.list": 2, "create": 5},
                [
                    ("call", "p0", NINE, "2026-03-04", None),
                    ("linkedIn", "p1", NINE, "2026-03-04", None),
                    ("toDo", None, TEN, "2026-03-04", "S"),
                ],
            ),
            changed := File(
                "update",
                "id,contactId,taskType,startAt,dueTo,template.subject\n<One>,,,,2026-04-01,T\n"
                ",p1@example.com,linkedIn,2026-03-03T10:00:00+01:00,2026-04-02,\n<Three>,,,,2020-01-01,\n9999,,,,,T\n"
                "x,,,,,T\n,<p2>,call,2026-03-03T09:00Z,,T\n,,call,2026-03-03T09:00Z,,T\n",
                ["updated", "updated", "rejected reply.400", UNKNOWN, BAD_ID, UNKNOWN, BAD],
                {"contacts.list": 1, "list": 1, "get": 4, "update": 3},
                [
                    ("call", "p0", NINE, "2026-04-01", "T"),
                    ("linkedIn", "p1", NINE, "2026-04-02", None),
                    ("toDo", None, TEN, "2026-03-04", "S"),
                ],
            ),
            File(
                changed.mode,
                changed.text,
                ["unchanged", "unchanged", *changed.rows[2:]],
                {"contacts.list": 1, "list": 1, "get": 3, "update": 1},
                changed.held,
            ),
            File(
                "delete",
                "id,contactId,taskType,startAt\n<One>,,,\n,p1@example.com,linkedIn,2026-03-03T09:00:00Z\n9999,,,\nx,,,\n"
                ",<p1>,call,2026-03-03T09:00:00Z\n,,toDo,2026-03-03T10:00:00Z\n",
                ["deleted", "deleted", GONE, BAD_ID, GONE, BAD],
                {"contacts.list": 1, "list": 1, "bulk_delete": 1},
                [("toDo", None, TEN, "2026-03-04", "S")],
            ),
        ],
    ),
}


OTHERWISE = {
    "v3.item_error": "int",
    "v3.enum_out": "pascal",
    "v3.enum_in": "camel_only",
    "v3.create_status": "200",
    "v3.empty_action": "200",
    "v3.total_count": "absent",
    "v3.step_execution_mode": "required",
    "v3.sequence_templates_shape": "bare_array",
    "v3.task_enums": "ints",
}


@pytest.mark.parametrize("dialect", [{}, OTHERWISE], ids=["as usual", "otherwise"])
@pytest.mark.parametrize("name", LIVES)
def test_a_life(name: str, dialect: dict[str, str], office: Office) -> None:
    held, life = LIVES[name]
    if name == "sequence_templates":
        for title in ("Plan", "Pair", "Pair", "Last"):
            office.ask("POST", f"sequences/{office.ids['Spring']}/save-as-template", {"name": title})
    held(office)
    office.dialect = dialect
    for file in life:
        ran = office.run(f"object: {name}, mode: {file.mode}", file.text, file.more)
        assert ran.rows == file.rows, "\n".join(ran.messages)
        assert ran.calls == {label if "." in label else f"{name}.{label}": n for label, n in file.calls.items()}
        expected = file.held
        if isinstance(expected, dict):
            expected = {word: value for word, value in expected.items() if value is not None}
        assert held(office) == expected, file.mode


# -- listings

LISTS: dict[str, tuple[str, str, list[str]]] = {
    "sequences.list": ("--name spri", "name", ["Spring"]),
    "sequence_folders.list": ("", "name", ["Old"]),
    "sequences_in_folder.list": ("--folder-id Old", "name", ["Spring"]),
    "sequence_steps.list": ("--sequence-id <Spring>", "delayInMinutes", ["1", "2", "3"]),
    "sequence_step_variants.list": ("--sequence-id Spring --step-id <Spring1>", "subject", ["Hi", "Ho"]),
    "sequence_templates.list": ("", "name", ["Plan"]),
    "sequence_contacts.list": (
        "--sequence-id <Spring> --sort-by email --sort-direction asc",
        "contactId",
        ["<p0>", "<p1>"],
    ),
    "sequence_email_accounts.list": ("--sequence-id <Spring>", "email", ["ann@example.com"]),
    "sequence_linkedin_accounts.list": ("--sequence-id Spring", "name", ["Bob"]),
    "tasks.list": ("", "taskType", ["call", "meeting"]),
    "tasks.filter": ("--contact-id p1@example.com --from 2026-01-01 --to 2026-12-31", "taskType", ["meeting"]),
}


@pytest.fixture
def busy(office: Office) -> Office:
    """Something of everything."""
    spring = office.ids["Spring"]
    office.ask("POST", f"sequence-folders/{office.ids['Old']}/sequence-links/bulk", {"sequenceIds": [spring]})
    office.ask("POST", f"sequences/{spring}/contact-links/bulk", {"contactIds": [office.ids["p0"], office.ids["p1"]]})
    office.ask("POST", f"sequences/{spring}/email-account-links", {"emailAccountId": office.ids["ann"]})
    office.ask("POST", f"sequences/{spring}/linkedin-account-links", {"linkedInAccountId": office.ids["in Bob"]})
    office.ask("POST", f"sequences/{spring}/save-as-template", {"name": "Plan"})
    for kind, contact in (("call", "p0"), ("meeting", "p1")):
        office.account.task(kind, office.ids[contact])
    return office


@pytest.mark.parametrize("call", LISTS)
def test_a_listing(call: str, busy: Office, bulkreply: Bulkreply) -> None:
    words, field, expected = LISTS[call]
    url = ("--base-url", busy.account.server.url, "--limits", "none")
    done = bulkreply("call", call, *busy.named(words).split(), "--json", *url)
    assert done.code == 0, done.err
    assert [str(one[field]) for one in done.json] == [busy.named(one) for one in expected]


@pytest.mark.parametrize("sequence", ["Both", "9999"])
def test_a_listing_of_what_is_not_there(sequence: str, office: Office, bulkreply: Bulkreply) -> None:
    url = ("--base-url", office.account.server.url, "--limits", "none")
    done = bulkreply("call", "sequence_steps.list", "--sequence-id", sequence, *url)
    assert (done.code, done.out, sequence in done.err) == (2, "", True), done.err


# -- what a row may leave out, and what it may not


def test_settings_are_completed_from_what_reply_holds(office: Office) -> None:
    office.sequence("Known", settings={"emailsCountPerDay": 7, "dailyThrottling": 33, "enableLinksTracking": True})
    before = office.detail("Known")["settings"]
    office.dialect = {"v3.settings_partial": "refused", "v3.enum_out": "pascal"}
    text = "name,settings.emailsCountPerDay,settings.useDailyThrottling\nKnown,8,no\nSpring,,\nKnown,1,\nAutumn,0,\n"
    ran = office.run("object: sequences, mode: update", text)
    assert ran.rows == ["updated", "unchanged", TWIN, "rejected integer.invalid"]
    assert ran.calls == {"sequences.list": 1, "sequences.get": 1, "sequences.update": 1}
    assert office.detail("Known")["settings"] == before | {"emailsCountPerDay": 8, "useDailyThrottling": False}
    again = office.run("object: sequences, mode: update", text)
    assert (again.rows[0], again.calls) == ("unchanged", {"sequences.list": 1, "sequences.get": 1})
    mixed = office.run(
        "object: sequences, mode: upsert", [{"name": n, "settings": {"dailyThrottling": 5}} for n in ("Known", "Made")]
    )
    assert mixed.rows == ["updated", "rejected reply.400"], "a new sequence needs all seven, there are none to keep"
    assert "/settings/emailsCountPerDay A value is needed." in mixed.messages[1]


def test_blank_cells_keep_and_a_word_empties(office: Office) -> None:
    more = """map:
  name: name
  scheduleId: {column: schedule, clear: "-"}
  emailAccounts: {column: mail, split: ";", clear: "-"}
"""
    for mode, cells, outcome, left in (
        ("insert", "Nights,<ann>;BOB@example.com", "created", ("Nights", 2, 0)),
        ("update", ",;", "unchanged", ("Nights", 2, 0)),
        ("update", ",ann@example.com", "updated", ("Nights", 1, 0)),
        ("update", "-,-", "updated", (None, 0, 0)),
        ("update", "-,-", "updated", (None, 0, 0)),
    ):
        ran = office.run(f"object: sequences, mode: {mode}", f"name,schedule,mail\nFull,{cells}\n", more)
        assert (ran.rows, sequences(office)["Full"]) == ([outcome], left), cells


@pytest.mark.parametrize(
    ("to", "text", "words"),
    [
        ("sequences, mode: move", "name\nX\n", "must be 'insert', 'update'"),
        ("sequences, mode: insert", "nam\nX\n", "name must be mapped"),
        ("sequence_steps, mode: update", "id,delayInMinutes\n7,1\n", "sequenceId must be mapped"),
        ("sequence_steps, mode: delete", "sequenceId,type\nSpring,email\n", "map id or parentId"),
        ("sequence_contacts, mode: update", "sequenceId,contactId\n1,2\n", "no mode 'update'"),
        ("sequence_contacts, mode: insert", "sequenceId,contact\nSpring,2\n", "contactId must be mapped"),
        ("sequence_email_accounts, mode: delete", "emailAccountId\n2\n", "sequenceId must be mapped"),
        ("sequence_templates, mode: insert", "name\nX\n", "no mode 'insert'"),
        ("tasks, mode: delete", "contactId,taskType\n<p0>,call\n", "map id or startAt"),
        ("task, mode: delete", "id\n1\n", "did you mean 'tasks'"),
    ],
)
def test_a_job_that_makes_no_sense_sends_nothing(to: str, text: str, words: str, office: Office) -> None:
    before = office.account.server.ask("events")
    with pytest.raises(BulkreplyError) as problem:
        office.run(f"object: {to}", text)
    assert words in f"{problem.value.message} {problem.value.hint}"
    assert office.account.server.ask("events") == before


def test_steps_of_a_known_sequence_are_not_changed_with_it(office: Office) -> None:
    with pytest.raises(BulkreplyError, match="does not take steps"):
        office.run(
            "object: sequences, mode: update", [{"name": "Spring", "steps": []}], "map: {name: name, steps: steps}\n"
        )
    ran = office.run("object: sequences, mode: update", [{"name": "Spring", "steps": [todo(9)]}])
    assert (ran.rows, len(office.tree("Spring"))) == (["unchanged"], 3)
