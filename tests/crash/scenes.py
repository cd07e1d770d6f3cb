"""What is run and killed: a job over a file, and where the server shows what came of each row."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import KEY_CANARY
from tests.crash.comparison import Compared, compare, effects_of, read_results
from tests.crash.harness import (
    FINISHING,
    PLANNING,
    SETTLING,
    STARTING,
    VERIFYING,
    Instant,
    Kills,
    run_to_its_end,
    sending,
    until_all_are_killed,
)
from tests.flow.account import Account
from tests.support import Bulkreply, SandboxProcess, start_sandbox

SETTLE_S = 0.4
SLOW = ("--latency-ms", "10", "40", "--seed", "7")
JOB = "job: crash\nfrom: {{file: rows.csv}}\nto: {{{to}}}\npolicy: {{settle_s: {settle_s}, delete: 100%}}\n"


@dataclass(frozen=True)
class Laid:
    """A file, and what was at the server before it runs.

    Attributes:
        keys: What each row is about.
        ids: Id -> key of what is there already.
    """

    header: str
    rows: list[str]
    keys: list[str]
    ids: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """A job that is killed.

    Attributes:
        to: Of the job.
        lay: Furnishes an account; the file.
        operation: What the server's event log calls what the rows lead to.
        there: Id -> key of what is at the server afterwards.
        repeatable: Whether the operation may be done again as long as that changes nothing.
    """

    name: str
    to: str
    lay: Callable[[Account], Laid]
    operation: str
    there: Callable[[Account], dict[int, str]]
    repeatable: bool = False


@dataclass(frozen=True)
class Fate:
    """What became of one run of a scene."""

    scene: str
    number: int
    code: int
    runs: int
    left: list[str]
    compared: Compared
    said: str


def contacts_there(account: Account) -> dict[int, str]:
    """Contacts by their addresses."""
    return {one["id"]: one["email"] for one in account.server.ask("contacts", account.key)}


def _new_contacts(account: Account) -> Laid:
    keys = [f"user{i}@example.com" for i in range(400)]
    return Laid("email,firstName,company", [f"{key},First{i},Company {i}" for i, key in enumerate(keys)], keys)


def _new_people(account: Account) -> Laid:
    keys = [f"user{i}@example.com" for i in range(120)]
    return Laid("email,firstName", [f"{key},First{i}" for i, key in enumerate(keys)], keys)


def _new_accounts(account: Account) -> Laid:
    keys = [f"Company {i}" for i in range(150)]
    return Laid("name", keys, keys)


def _accounts_there(account: Account) -> dict[int, str]:
    return {one["id"]: one["name"] for one in account.ask("GET", "/v3/contact-accounts?top=1000")["items"]}


def _known_contacts(account: Account) -> Laid:
    account.contacts(200)
    ids = contacts_there(account)
    return Laid("email,firstName", [f"{key},New{number}" for number, key in ids.items()], [*ids.values()], ids)


def _trees(account: Account) -> Laid:
    """Two steps below one, in each of some sequences: rows that come before what they hang on."""
    rows, keys = [], []
    for name in (f"S{i}" for i in range(12)):
        account.ask("POST", "/v3/sequences", {"name": name})
        for delay, parent in ((3, 1), (1, ""), (2, 1)):
            rows.append(f"{name},{delay},{parent},{delay},task,toDo,Ring")
            keys.append(f"{name}/{delay}<{parent}")
    return Laid("sequenceId,id,parentId,delayInMinutes,type,actionType,description", rows, keys)


def _steps_there(account: Account) -> dict[int, str]:
    found = {}
    for one in account.ask("GET", "/v3/sequences?top=1000")["items"]:
        steps = account.ask("GET", f"/v3/sequences/{one['id']}/steps")
        delays = {step["id"]: step["delayInMinutes"] for step in steps}
        for step in steps:
            found[step["id"]] = f"{one['name']}/{step['delayInMinutes']}<{delays.get(step['parentId'], '')}"
    return found


IMPORTS = (
    upsert := Scene("upsert", "object: contacts, batch: 20", _new_contacts, "contacts.import", contacts_there),
    Scene(
        "insert",
        "object: accounts, mode: insert, batch: 10",
        _new_accounts,
        "accounts.bulk_create",
        _accounts_there,
    ),
    Scene("update", "object: contacts, mode: update, batch: 10", _known_contacts, "contacts.import", contacts_there),
    upsert,
    Scene("trees", "object: sequence_steps, mode: insert", _trees, "sequence_steps.bulk_create", _steps_there),
    Scene(
        "delete",
        "object: contacts, mode: delete, batch: 10",
        _known_contacts,
        "contacts.bulk_delete",
        contacts_there,
    ),
    upsert,
    Scene("V1", "object: people, api: v1", _new_people, "v1.people.upsert", contacts_there),
)


def _nothing_new(account: Account) -> dict[int, str]:
    return {}


def _listed(account: Account) -> Laid:
    ids = {number: str(number) for number in account.contacts(300)}
    number = account.named("/v3/contact-lists", "Fair")
    return Laid("ListId,ContactIds", [f"{number},{key}" for key in ids.values()], [*ids.values()], ids)


def _enrolled(count: int, header: str) -> Callable[[Account], Laid]:
    def lay(account: Account) -> Laid:
        ids = {number: str(number) for number in account.contacts(count)}
        number = account.sequence("Spring")
        return Laid(header, [f"{number},{key},true" for key in ids.values()], [*ids.values()], ids)

    return lay


# With removeFromExisting nobody is refused for being there already: whoever is enrolled again begins anew.
PROCEDURES = (
    Scene(
        "move",
        "procedure: contacts.move_to_sequence",
        _enrolled(60, "sequenceId,contactId,removeFromExisting"),
        "contacts.move_to_sequence",
        _nothing_new,
    ),
    Scene(
        "list",
        "procedure: AddContactsToContactList, batch: 10",
        _listed,
        "contact_lists.add_contacts",
        _nothing_new,
        repeatable=True,
    ),
    Scene(
        "enrol",
        "procedure: AddContactsToSequence, batch: 5",
        _enrolled(150, "SequenceId,ContactIds,RemoveFromExisting"),
        "sequence_contacts.bulk_add",
        _nothing_new,
    ),
)

# Where the processes of a run are killed, one after the other; what is begun is gone on with.
AIMS = (
    ("sending", SETTLING, VERIFYING, FINISHING),
    (STARTING, "sending", VERIFYING),
    ("sending", "sending", FINISHING, FINISHING),
    (PLANNING, "sending", SETTLING, SETTLING),
    ("sending", STARTING, VERIFYING, "sending"),
)


def aims_of(number: int, chance: random.Random) -> list[Instant]:
    """Where the processes of a run are killed."""
    return [aim if isinstance(aim, Instant) else sending(chance.randint(2, 16)) for aim in AIMS[number % len(AIMS)]]


def set_out(scene: Scene, account: Account, folder: Path, settle_s: float = SETTLE_S) -> tuple[Bulkreply, Laid]:
    """Furnishes an account, and writes the job and its file into a new folder."""
    folder.mkdir()
    laid, command = scene.lay(account), Bulkreply(folder, account.key)
    command.write("rows.csv", "\n".join([laid.header, *laid.rows]) + "\n")
    command.write("job.yaml", JOB.format(to=scene.to, settle_s=settle_s))
    return command, laid


def judged(scene: Scene, account: Account, laid: Laid, run: Path, events: Sequence[dict]) -> Compared:
    """A run held against what the server did meanwhile."""
    report = json.loads((run / "report.json").read_text("utf-8"))
    effects = effects_of(events, scene.operation, scene.repeatable)
    return compare(laid.keys, read_results(run), report, effects, laid.ids | scene.there(account))


@dataclass
class Weather:
    """Answers a server loses, save while somebody furnishes or looks at an account by hand."""

    server: SandboxProcess
    lost_answer: float
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def fair(self) -> Iterator[None]:
        """No answer is lost meanwhile, to nobody."""
        with self._lock:
            self.server.change("faults", {})
            yield
            self.server.change("faults", {"lost_answer": self.lost_answer})


def kill_scenes(scenes: Sequence[Scene], wanted: int, folder: Path, lost_answer: float) -> list[Fate]:
    """Kills as many processes as are wanted, in runs of all scenes in turn; prints a line of figures.

    Args:
        lost_answer: Share of the answers the stand-in loses.
    """
    kills, began_s = Kills(wanted), time.monotonic()
    keys = [f"{KEY_CANARY}-{i}" for i in range(wanted + 5)]
    server = start_sandbox(*(word for key in keys for word in ("--key", key)), "--limits", "none", *SLOW)
    weather = Weather(server, lost_answer)

    def one(number: int) -> Fate:
        scene, chance = scenes[number % len(scenes)], random.Random(1000 + number)
        account = Account(server, keys[number])
        with weather.fair():
            command, laid = set_out(scene, account, folder / f"run{number}")
        before = len(server.ask("events", account.key))
        options = ("--base-url", server.url, "--limits", "none", "--parallel", "4")
        ended = run_to_its_end(command, "crash", options, server, aims_of(number, chance), kills, chance)
        assert ended.runs and (ended.runs[-1] / "report.json").is_file(), (scene.name, number, ended)
        events = server.ask("events", account.key)[before:]
        with weather.fair():
            compared = judged(scene, account, laid, ended.runs[-1], events)
        return Fate(scene.name, number, ended.code, len(ended.runs), ended.left, compared, ended.said)

    try:
        fates = until_all_are_killed(kills, one, len(keys))
        lost = server.ask("state", keys[0])["faults"].get("lost_answer", 0)
        surprises = [server.ask("state", key)["surprises"] for key in keys]
    finally:
        server.stop()
    total = sum((fate.compared for fate in fates), Compared())
    doubts = f"{kills.doubts} batches in doubt at a kill, {lost} answers lost"
    spent = f"{time.monotonic() - began_s:.0f} s"
    print(f"\n{len(fates)} runs of {total.rows:,} rows in all, {kills}, {doubts}, {spent}: {total}")
    assert kills.made.total() == wanted, "the harness hardly kills anything"
    assert lost > 0, "the stand-in lost no answer"
    assert not any(surprises), "keys Reply is not known to take"
    return fates
