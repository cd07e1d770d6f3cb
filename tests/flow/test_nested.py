"""Values inside values: the steps of sequences, given four ways, and as trees whose parts wait for each other."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.flow.account import Account
from tests.flow.sequencing import Office, Tree, fork, mail, results, todo
from tests.support import Bulkreply, SandboxProcess

Rows = Sequence[dict[str, Any]]
INSERT = "object: sequences, mode: insert"
STEPS = "object: sequence_steps, mode: insert"


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    return Office(account, tmp_path)


# -- four ways to say the same


def as_ndjson(rows: Rows) -> tuple[bytes, str]:
    return "".join(json.dumps(row) + "\n" for row in rows).encode(), "ndjson"


def as_parquet(rows: Rows) -> tuple[bytes, str]:
    file = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(file)
    return file.getvalue(), "parquet"


def as_json_cells(rows: Rows) -> tuple[bytes, str]:
    cells = [{n: v if isinstance(v, str) else json.dumps(v) for n, v in row.items()} for row in rows]
    return _csv(cells), "csv"


def as_dotted_columns(rows: Rows) -> tuple[bytes, str]:
    def flat(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict | list):
            return {path: value}
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: one for key, part in inside for name, one in flat(part, f"{path}.{key}").items()}

    return _csv([{n: v for key, value in row.items() for n, v in flat(value, key).items()} for row in rows]), "csv"


def _csv(rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


WAYS = [as_ndjson, as_parquet, as_json_cells, as_dotted_columns]
SAID = [
    {
        "name": 'Said "so"',
        "settings": {"emailsCountPerDay": 9, "useDailyThrottling": False},
        "steps": [mail(0, 'Hi, "you"', "Ho"), todo(60)],
    },
    {"name": "Short", "steps": [todo(5)]},
    {"name": "Wrong", "steps": [todo(5), {"type": "email", "delayInMinutes": 1, "variants": [{"message": "m"}]}]},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_same_steps_however_they_are_given(way: Callable[[Rows], tuple[bytes, str]], office: Office) -> None:
    content, ending = way(SAID)
    ran = office.run(INSERT, content, ending=ending)
    assert ran.rows == ["created", "created", "rejected nested.invalid"]
    assert ran.messages[2] == "steps: steps[1].executionMode is required for type email"
    assert ran.calls == {"sequences.list": 1, "sequences.create": 2}
    made = office.detail('Said "so"')
    assert (made["settings"]["emailsCountPerDay"], made["settings"]["useDailyThrottling"]) == (9, False)
    first, second = made["steps"]
    words = [(one["subject"], one["message"]) for one in first["variants"]]
    assert words == [('Hi, "you"', '<p>Hi, "you"</p>'), ("Ho", "<p>Ho</p>")]
    assert (second["description"], second["delayInMinutes"], second["parentId"]) == ("Ring", 60, first["id"])
    assert office.tree("Short") == {5: (None, None)}

    mended = mend(ran.folder, {"name": "Wrong", "steps": [todo(5), mail(1, "m")]}, way)
    again = office.run(INSERT, mended, ending=ending)
    assert (again.rows, office.tree("Wrong")) == (["created"], {5: (None, None), 1: (5, None)})
    assert office.run(INSERT, content, ending=ending).rows == ["skipped reply.exists"] * 2 + ["rejected nested.invalid"]


def mend(folder: Path, row: dict[str, Any], way: Callable[[Rows], tuple[bytes, str]]) -> bytes:
    """The file of rejected rows, in the format of the source, with its one row as it should be."""
    (path,) = folder.glob("rejects.*")
    if path.suffix == ".parquet":
        rejects = pl.read_parquet(path)
        assert rejects["steps"].dtype == pl.List(pl.Struct)
        assert rejects["_message"].to_list() == ["steps[1].executionMode is required for type email"]
    elif path.suffix == ".ndjson":
        (line,) = path.read_text("utf-8").splitlines()
        assert json.loads(line)["steps"] == SAID[2]["steps"]
    else:
        (found,) = csv.DictReader(path.read_text("utf-8").splitlines())
        assert found["name"] == "Wrong"
    return way([row])[0]


# -- what is wrong, and where

CONDITION = {"property": "country", "rules": [{"operator": "equal", "value": None}]}
WRONG: list[tuple[Any, str]] = [
    ([todo(1), todo(2), mail(3, executionMode=None)], "steps[2].executionMode is required for type email"),
    ([mail(1, executionMode="by hand")], "steps[0].executionMode must be one of automatic, manual"),
    ([mail(1, variants=[])], "steps[0].variants is required for type email"),
    ([mail(1, variants=[{"message": "a"}, {"subject": "b"}])], "steps[0].variants[1].message is required"),
    ([mail(1, variants="a")], "steps[0].variants[0] must be an object"),
    ([mail(1, variants=[{"message": {"a": 1}}])], "steps[0].variants[0].message must be text"),
    ([mail(1, variants=[{"message": "a", "isEnabled": "so so"}])], "steps[0].variants[0].isEnabled must be true or"),
    ([mail(1, variants=[{"message": "a", "attachmentIds": [1, "x"]}])], "attachmentIds[1] must be a whole number"),
    ([todo(-1)], "steps[0].delayInMinutes must be a whole number from 0"),
    ([todo(1.5)], "steps[0].delayInMinutes must be a whole number from 0"),
    ([todo("soon")], "steps[0].delayInMinutes must be a whole number from 0"),
    ([{"type": "task"}], "steps[0].delayInMinutes is required"),
    ([{"delayInMinutes": 1}], "steps[0].type is required"),
    ([todo(1, actionType=None)], "steps[0].actionType is required for type task"),
    ([todo(1, kind="x")], "steps[0].kind is not known"),
    ([todo(1, descripton="x")], "steps[0].descripton is not known (did you mean 'description'?)"),
    ([fork(1, conditions=[{"property": "country"}])], "steps[0].conditions[0].rules is required"),
    ([fork(1, conditions=[CONDITION | {"rules": [{}]}])], "steps[0].conditions[0].rules[0].operator is required"),
    ([fork(1, waitInMinutes=None)], "steps[0].waitInMinutes is required for type condition"),
    ([fork(1, ifConditionPositive="perhaps")], "steps[0].ifConditionPositive must be true or false"),
    ([7], "steps[0] must be an object"),
    ("[{", "not JSON"),
]


def test_what_is_wrong_is_named_with_its_place(office: Office) -> None:
    ran = office.run(INSERT, [{"name": f"S{i}", "steps": steps} for i, (steps, _) in enumerate(WRONG)])
    assert set(ran.rows) == {"rejected nested.invalid"}
    assert ran.calls == {}, "nothing is left to ask for"
    for said, (_, words) in zip(ran.messages, WRONG, strict=True):
        assert words in said


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        (
            "steps.0.type,steps.0.delayInMinutes",
            "task,soon",
            "steps.0.delayInMinutes: 'soon' is not a whole number from 0",
        ),
        ("steps.0.type,steps.0.delayInMinutes", "fax,1", "steps.0.type: 'fax' is not one of email, linkedIn,"),
        ("steps.1.type,steps.1.delayInMinutes", "call,", "steps: steps[1].delayInMinutes is required"),
        ("settings.emailsCountPerDay", "0", "settings.emailsCountPerDay: '0' is not a whole number from 1"),
    ],
)
def test_columns_of_parts_are_named_in_what_is_wrong(header: str, cells: str, words: str, office: Office) -> None:
    ran = office.run(INSERT, f"name,{header}\nX,{cells}\n")
    assert ran.messages[0].startswith(words)
    assert ";" not in ran.messages[0], "it is said once"


def test_what_reply_refuses_inside_a_record_is_told_with_its_place(office: Office) -> None:
    rows = [{"name": f"At {i}", "steps": [*[todo(i) for i in range(i)], mail(9, "Hi {{Budget}}")]} for i in range(3)]
    ran = office.run(INSERT, rows)
    assert ran.rows == ["rejected reply.400"] * 3
    for i, said in enumerate(ran.messages):
        assert f"/steps/{i}/variants/0/subject unrecognized variables: Budget" in said


# -- trees

# Delay, which serves as the id in the file -> the step before, and the branch. Children come before their parents.
DEEP: Tree = {4: (3, None), 3: (2, True), 5: (2, False), 2: (1, None), 1: (None, None)}


def parts(tree: Tree, **odd: dict[str, Any]) -> list[dict[str, Any]]:
    """Steps with ids of their own; `_3={…}` makes step 3 odd."""
    made = []
    for number, (parent, branch) in tree.items():
        kind = fork if any(after == number and way is not None for after, way in tree.values()) else todo
        step = kind(number, id=number, parentId=parent, ifConditionPositive=branch)
        made.append(step | odd.get(f"_{number}", {}))
    return made


def as_rows(sequence: str | int, steps: Rows) -> list[dict[str, Any]]:
    """Steps as rows of their own."""
    return [{"sequenceId": sequence} | step for step in steps]


BUDGET = {"description": "{{Budget}}"}


def test_a_tree_inside_its_sequence(office: Office) -> None:
    ran = office.run(
        INSERT,
        [
            {"name": "Deep", "steps": parts(DEEP)},
            {"name": "Refused", "steps": parts({1: (None, None), 2: (1, None), 3: (2, None), 4: (1, None)}, _2=BUDGET)},
            {"name": "Lone", "steps": parts({1: (None, None), 2: (9, None)})},
            {"name": "Round", "steps": parts({1: (3, None), 2: (1, None), 3: (2, None)})},
            {"name": "Twice", "steps": [todo(1, id=1), todo(2, id=1), todo(3, parentId=1)]},
            {"name": "Flat", "steps": [todo(1, id=7), todo(2, id=8)]},
            {"name": "Unsent", "scheduleId": "No such", "steps": parts(DEEP)},
            {"name": "Denied", "settings": {"dailyThrottling": -1}, "steps": parts(DEEP)},
        ],
    )
    assert ran.rows == [
        "created",
        "rejected reply.invalidStep",
        "rejected reference.unknown",
        "rejected reference.circular",
        "rejected reference.ambiguous",
        "created",
        "rejected reference.unknown",
        "rejected reply.400",
    ]
    assert ran.messages[1:5] == [
        "steps[1]: unrecognized variables: Budget",
        "there is no part 9 in this row to come after",
        "it comes after itself, or after something that does",
        "several have the id 1, and this comes after one of them",
    ]
    assert office.tree("Deep") == DEEP
    assert office.tree("Refused") == {1: (None, None), 4: (1, None)}, "nothing comes after what was refused"
    assert office.tree("Flat") == {1: (None, None), 2: (1, None)}
    assert sorted(one["name"] for one in office.ask("GET", "sequences")["items"]) == ["Deep", "Flat", "Refused"]
    assert ran.calls == {
        "schedules.list": 1,
        "sequences.list": 1,
        "sequences.create": 4,
        "sequence_steps.bulk_create": 6,  # four levels of the one, two of the other
    }
    again = office.run(INSERT, [{"name": name, "steps": parts(DEEP)} for name in ("Deep", "Refused")])
    assert (again.rows, again.calls) == (["skipped reply.exists"] * 2, {"sequences.list": 1})
    assert office.tree("Deep") == DEEP


def test_a_tree_in_rows(office: Office) -> None:
    office.sequence("One", [todo(90)])
    office.sequence("Two")
    below = {1: (None, None), 2: (1, None), 3: (2, None), 4: (3, None), 5: (1, None)}
    rows = as_rows("One", parts(DEEP)) + as_rows("Two", parts(below, _2=BUDGET))
    rows += as_rows("One", [todo(6, id=6, parentId=office.ids["One1"]), todo(7, parentId=6)])
    rows += as_rows("One", [todo(8, id=8, parentId=777), todo(9, id=9, parentId=8)])
    rows += as_rows("One", [todo(10, id=10, description=""), todo(11, id=11, parentId=10), todo(12, parentId=11)])
    rows += as_rows("One", [todo(13, id=13, parentId=14), todo(14, id=14, parentId=13)])
    rows += as_rows("None", [todo(1, id=1)])
    ran = office.run(STEPS, rows)
    assert ran.rows == [
        *["created"] * 5,
        *["created", "rejected reply.invalidStep", *["rejected row.notReached"] * 2, "created"],
        *["created", "created"],
        *["rejected reply.invalidStep", "rejected row.notReached"],
        *["rejected value.required", "rejected row.notReached", "rejected row.notReached"],
        *["rejected reference.circular", "rejected reference.circular"],
        "rejected reference.unknown",
    ]
    assert office.tree("One") == DEEP | {90: (None, None), 6: (90, None), 7: (6, None)}
    assert office.tree("Two") == {1: (None, None), 5: (1, None)}
    assert ran.messages[15] == "10, which this comes after, is rejected"
    numbers = {step["delayInMinutes"]: str(step["id"]) for step in office.detail("One")["steps"]}
    assert [line["reply_id"] for line in results(ran.folder)][:5] == [numbers[n] for n in DEEP], "ids are Reply's"
    (rejects,) = ran.folder.glob("rejects.ndjson")
    kept = [json.loads(line)["delayInMinutes"] for line in rejects.read_text("utf-8").splitlines()]
    assert kept == [2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 1], "what comes after a rejected row is mended together with it"


def test_a_retried_row_does_not_hang_below_a_stranger(account: Account, office: Office, bulkreply: Bulkreply) -> None:
    office.sequence("One", [todo(90)])
    stranger = todo(3, parentId=office.ids["One1"] + 9)
    rows = as_rows("One", [*parts({1: (None, None), 2: (1, None)}, _2=BUDGET), stranger])
    bulkreply.write("rows.ndjson", as_ndjson(rows)[0].decode())
    bulkreply.write("job.yaml", f"job: it\nfrom: {{file: rows.ndjson}}\nto: {{{STEPS}}}\n")
    url = ("--base-url", account.server.url, "--limits", "none")
    assert bulkreply("run", "job.yaml", *url).code == 3
    office.ask("POST", "custom-fields", {"title": "Budget", "fieldType": "text"})
    assert bulkreply("retry", bulkreply.run_folder("it").name, *url).code == 3
    second, third = results(bulkreply.run_folder("it"))
    assert (
        second["message"] == "1, which this comes after, is in a row that is not taken now: name it by its id at Reply"
    )
    assert third["code"] == "reply.invalidStep"
    assert office.tree("One") == {90: (None, None), 1: (None, None)}


def test_rows_without_ids_have_parents_at_reply(office: Office) -> None:
    office.sequence("One", [todo(1), todo(2)])
    office.sequence("Two", [todo(1)])
    text = "sequenceId,type,delayInMinutes,parentId,actionType,description,conditions\n"
    text += "One,task,3,<One1>,toDo,x,\nOne,task,4,,toDo,x,\nTwo,task,5,<One1>,toDo,x,\n"
    ran = office.run(STEPS, text)
    assert ran.rows == ["created", "created", "rejected reply.invalidStep"]
    assert office.tree("One") == {1: (None, None), 2: (1, None), 3: (1, None), 4: (None, None)}
    assert office.tree("Two") == {1: (None, None)}


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_tree_is_deleted_whatever_the_order(batch: int, office: Office) -> None:
    for name in ("Gone", "Kept"):
        office.sequence(name)
        office.run(STEPS, as_rows(name, parts(DEEP)))
        office.ids |= {f"{name}{one['delayInMinutes']}": one["id"] for one in office.detail(name)["steps"]}
    rows = [f"Gone,<Gone{n}>" for n in (1, 2, 3, 4, 5)] + [f"Kept,<Kept{n}>" for n in (1, 3, 5)]
    ran = office.run(
        f"object: sequence_steps, mode: delete, batch: {batch}", "\n".join(["sequenceId,id", *rows]) + "\n"
    )
    locked = "rejected reply.stepLockedHasChildren"
    assert ran.rows == ["deleted"] * 5 + [locked, locked, "deleted"]
    assert (office.tree("Gone"), set(office.tree("Kept"))) == ({}, {1, 2, 3, 4})
    again = office.run("object: sequence_steps, mode: delete", "\n".join(["sequenceId,id", *rows[:5]]) + "\n")
    assert (again.rows, again.calls) == (
        ["skipped reply.notFound"] * 5,
        {"sequences.list": 1, "sequence_steps.bulk_delete": 1},
    )


# -- parts that stay

PLACES = "sequenceId,id,variants.0.subject,variants.1.subject\n"


@pytest.mark.parametrize(
    ("rows", "outcome", "subjects"),
    [
        (PLACES + "S,<S1>,,New\n", "updated", ["a", "New", "c"]),
        (PLACES + "S,<S1>,New,\n", "updated", ["New", "b", "c"]),
        (PLACES + "S,<S1>,,\n", "unchanged", ["a", "b", "c"]),
        (PLACES + "S,<S1>,A,b\n", "updated", ["A", "b", "c"]),
        (PLACES + "S,<S1>,a,b\n", "unchanged", ["a", "b", "c"]),
        ('sequenceId,id,variants\nS,<S1>,"[{""id"": <S1c>, ""subject"": ""New""}]"\n', "updated", ["a", "b", "New"]),
        (
            'sequenceId,id,variants\nS,<S1>,"[{""id"": 9999, ""subject"": ""New""}]"\n',
            "rejected reply.400",
            list("abc"),
        ),
        ("sequenceId,id,delayInMinutes\nS,<S1>,1\n", "unchanged", ["a", "b", "c"]),
        ("sequenceId,id,delayInMinutes\nS,<S1>,2\n", "updated", ["a", "b", "c"]),
    ],
)
def test_variants_the_file_does_not_speak_of_stay(rows: str, outcome: str, subjects: list[str], office: Office) -> None:
    office.sequence("S", [mail(1, "a", "b", "c", executionMode="manual")])
    ran = office.run("object: sequence_steps, mode: update", rows)
    assert ran.rows == [outcome], ran.messages
    (step,) = office.detail("S")["steps"]
    assert [one["subject"] for one in step["variants"]] == subjects
    assert [one["message"] for one in step["variants"]] == ["<p>a</p>", "<p>b</p>", "<p>c</p>"]
    assert step["executionMode"] == "manual"


# -- killed, lost and changed under way

MANY = [{"name": f"S{i}", "steps": parts(DEEP)} for i in range(4)]
KILLED = "job: job1\nfrom: {file: job1.ndjson}\nto: {object: sequences, mode: insert}\npolicy: {settle_s: 0.2}\n"


def lay_out(bulkreply: Bulkreply, rows: Rows) -> None:
    bulkreply.write("job1.yaml", KILLED)
    bulkreply.write("job1.ndjson", as_ndjson(rows)[0].decode())


def kill_after(bulkreply: Bulkreply, server: SandboxProcess, steps: int) -> None:
    """Runs the job until Reply has so many steps, and kills it."""
    process = bulkreply.start("run", "job1.yaml", "--base-url", server.url, "--limits", "none", "--parallel", "2")
    end = time.monotonic() + 30
    while sum(event["operation"] == "sequence_steps.bulk_create" for event in server.ask("events")) < steps:
        assert process.poll() is None and time.monotonic() < end, "it never came to that"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("steps", [1, 9, 17])  # in the first, third and last wave
def test_a_killed_run_makes_no_step_twice(
    steps: int, sandbox: Callable[..., SandboxProcess], bulkreply: Bulkreply
) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "60", "90")
    lay_out(bulkreply, MANY)
    kill_after(bulkreply, server, steps)
    office = Office(Account(server), bulkreply.folder)
    assert office.again("job1").rows == ["created"] * len(MANY)
    assert len(office.ask("GET", "sequences")["items"]) == len(MANY)
    for row in MANY:
        assert office.tree(row["name"]) == DEEP
    assert server.ask("state")["surprises"] == {}


def test_input_changed_under_a_killed_run(sandbox: Callable[..., SandboxProcess], bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--latency-ms", "60", "90")
    lay_out(bulkreply, MANY)
    kill_after(bulkreply, server, 6)
    longer = parts(DEEP | {6: (5, None)})
    fresh = {"name": "Fresh", "steps": parts(DEEP)}
    bulkreply.write("job1.ndjson", as_ndjson([fresh, *MANY[:0:-1], {"name": "S0", "steps": longer}])[0].decode())
    url = ("--base-url", server.url, "--limits", "none", "--json")
    assert bulkreply("run", "job1.yaml", *url).code == 2
    done = bulkreply("run", "job1.yaml", *url, "--accept-changed-input")
    assert (done.code, done.json["rows"]["created"]) == (0, 5), done.err
    office = Office(Account(server), bulkreply.folder)
    assert len(office.ask("GET", "sequences")["items"]) == 5
    for name in ("Fresh", "S1", "S2", "S3"):
        assert office.tree(name) == DEEP, name
    assert office.tree("S0") == DEEP | {6: (5, None)}


@pytest.mark.parametrize("fault", ["lost_answer", "error_after", "reset_before"])
def test_lost_answers_make_no_step_twice(fault: str, office: Office) -> None:
    twins = [{"name": "Twins", "steps": [todo(1, id=1), *[todo(n, parentId=1) for n in (2, 3, 4)]]}]
    letter = mail(1, "Hi", variants=[{"subject": "Hi", "message": "m", "attachmentIds": [4]}])
    flat = [{"name": "Flat", "steps": [letter, todo(2)], "settings": {"dailyThrottling": 4}}]
    office.account.server.change("faults", {fault: 0.1})  # more, and four tries of one call may be lost
    for _ in range(5):  # a server this bad may use up the patience of a read
        office.number = 0
        try:
            ran = office.run(INSERT, [*MANY, *twins, *flat])
            break
        except Exception as problem:
            assert type(problem).__name__ == "RunPaused", problem
    office.account.server.change("faults", {})
    assert set(ran.rows) == {"created"}
    assert len(office.ask("GET", "sequences")["items"]) == 6
    for row in MANY:
        assert office.tree(row["name"]) == DEEP
    assert office.tree("Twins") == {1: (None, None), 2: (1, None), 3: (1, None), 4: (1, None)}
    assert office.tree("Flat") == {1: (None, None), 2: (1, None)}
