"""Unknown rows after a run: where people are told to look, reading them back later, and deciding about them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import KEY_CANARY
from tests.flow.inside import inside
from tests.flow.scripted import scripted
from tests.flow.test_ambiguity import ANN, CHANGED, FAIR, HOLIDAYS, KINDS, LOST, Kind, World, told
from tests.support import Done

NOTES = Kind("procedure: AddNoteToContact", "ContactId,Notes\n1,Hi\n1,Ho\n1,Hey\n", "/v3/contacts/1/notes", {"id": 1})


class Desk:
    """A folder with a job, and a server that loses the first answers."""

    def __init__(self, folder: Path, world: World, url: str, policy: str) -> None:
        self.folder, self.world, self._url = folder, world, url
        (folder / "rows.csv").write_text(world.kind.text)
        rules = f"policy: {{settle_s: 0.01, ambiguous: {policy}, do_not_contact: send, delete: 40}}\n"
        (folder / "job.yaml").write_text(f"job: it\nfrom: {{file: rows.csv}}\nto: {{{world.kind.to}}}\n{rules}")

    def say(self, *words: str) -> Done:
        """A command of those that reach Reply."""
        return inside(*words, "--base-url", self._url, "--limits", "none")

    @property
    def run(self) -> Path:
        """The newest run folder."""
        return max((self.folder / "bulkreply-runs" / "it").glob("*/"), key=lambda path: path.name)

    def rows(self) -> list[str]:
        """What became of each row."""
        with (self.run / "results.csv").open(encoding="utf-8", newline="") as lines:
            return [told(row) for row in csv.DictReader(lines)]

    def settle(self, *words: str) -> Done:
        """`resume --only unknown`; what it asked the server stands in the world."""
        self.world.writes.clear()
        self.world.asked.clear()
        return self.say("resume", "--only", "unknown", self.run.name, *words)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    """Runs a job of a kind whose first answers are lost."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    servers = []

    def made(kind: Kind, policy: str = "verify", lost: int = 1) -> Desk:
        """A run that has ended."""
        servers.append(scripted((world := World(kind, lost=lost)).answer))
        found = Desk(tmp_path, world, servers[-1].__enter__().url, policy)
        assert found.say("run", "job.yaml", "--yes").code == 3
        world.writes.append(0.0)  # from now on the server shows what it is told to
        return found

    yield made
    for server in servers:
        server.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("name", "record", "fate"), [("by_key", ANN, "updated"), ("never, read back", FAIR, "created")]
)
def test_what_can_be_proven_later_is_settled_and_nothing_is_sent(
    desk: Callable[..., Desk], name: str, record: object, fate: str
) -> None:
    found = desk(KINDS[name], "hold")
    assert found.rows() == [LOST]
    assert (found.run / "stage").is_dir(), "what is needed to read it back is kept"
    found.world.shown = (record,)  # type: ignore[assignment]
    done = found.say("resume", "--only", "unknown")
    assert (done.code, found.rows()) == (0, [f"{fate} answer.found"]), done.err
    assert len(found.world.writes) == 2, "the one that was lost, and the mark of this test"
    left = {path.name for path in found.run.iterdir()}
    assert not {"stage", "unknown.csv"} & left, "nothing is unknown any more"
    assert found.say("resume", "--only", "unknown").code == 2


def test_what_is_there_with_other_values_stays_for_a_person(desk: Callable[..., Desk]) -> None:
    found = desk(KINDS["never, read back"], "hold")
    found.world.shown = (HOLIDAYS,)
    assert (found.say("resume", "--only", "unknown").code, found.rows()) == (3, [CHANGED])
    found.world.shown = ()
    assert (found.say("resume", "--only", "unknown").code, found.rows()) == (3, ["unknown answer.absent"])
    found.world.shown = (FAIR,)
    assert (found.say("resume", "--only", "unknown").code, found.rows()) == (0, ["created answer.found"])
    assert len(found.world.writes) == 2


def test_what_cannot_be_read_back_is_decided_by_who_has_looked(desk: Callable[..., Desk]) -> None:
    found = desk(NOTES, lost=3)
    assert found.rows() == [LOST] * 3
    done = found.settle()
    assert (done.code, found.rows(), found.world.writes) == (3, [LOST] * 3, []), "never sent by itself"
    done = found.settle("--rows", "2", "--assume", "done")
    assert (done.code, found.rows(), found.world.writes) == (3, ["called assumed.done", LOST, LOST], []), done.err
    done = found.settle("--rows", "3", "--resend")
    assert (done.code, "--resend needs --yes" in done.err, found.world.writes) == (2, True, [])
    found.world.lost = 0
    done = found.settle("--rows", "3", "--resend", "--yes")
    assert (done.code, found.rows()) == (3, ["called assumed.done", "called", LOST]), done.err
    assert len(found.world.writes) == 1
    done = found.settle("--resend", "--yes", "--json")
    assert (done.code, found.rows(), len(found.world.writes)) == (0, ["called assumed.done", "called", "called"], 1)
    assert done.json["rows"]["called"] == 3
    assert done.json["requests"]["by_operation"]["v3.contacts.add_note"] == 5, "three that were lost, and two"


def test_retry_never_sends_what_may_have_been_done(desk: Callable[..., Desk]) -> None:
    found = desk(NOTES, lost=3)
    found.world.writes.clear()
    done = found.say("retry", found.run.name, "--yes")
    assert (done.code, found.world.writes) == (0, [])
    assert f"bulkreply resume --only unknown {found.run.name}" in done.err


def test_people_are_told_what_to_check(desk: Callable[..., Desk]) -> None:
    found, where = desk(NOTES, lost=3), "look in contacts for contactId 1, and whether add note was done"
    name = found.run.name
    next_step = f"bulkreply resume --only unknown {name}"
    said = inside("status", name)
    assert (f"row 2: sent, and whether Reply took it is not known: {where}" in said.out, next_step in said.out) == (
        True,
        True,
    )
    why = inside("why", name, "3")
    assert (where in why.out, f"{next_step} --rows 3" in why.out) == (True, True)
    again = found.say("resume", name)
    assert f"nothing is left to do, but for 3 unknown: {next_step}" in again.err
    with (found.run / "unknown.csv").open(encoding="utf-8", newline="") as lines:
        assert [row["row"] for row in csv.DictReader(lines)] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--resend",), "go with --only unknown"),
        (("--only", "rejected"), "go with --only unknown"),
        (("--only", "unknown", "--assume", "lost"), "write --assume done"),
        (("--only", "unknown", "--assume", "done", "--resend"), "contradict each other"),
        (("--only", "unknown", "--rows", "2-x"), "write row numbers as 5,7-9"),
        (("--only", "unknown", "--rows", "9-2"), "write row numbers as 5,7-9"),
        (("--only", "unknown", "--rows", "77"), "there are no such unknown rows"),
    ],
)
def test_words_that_make_no_sense(desk: Callable[..., Desk], words: tuple[str, ...], said: str) -> None:
    found = desk(NOTES, lost=3)
    done = found.say("resume", *words)
    assert (done.code, said in done.err, "Traceback" in done.err) == (2, True, False), done.err
    assert found.rows() == [LOST] * 3


def test_records_named_by_id_are_read_back_together(desk: Callable[..., Desk]) -> None:
    ids = range(1, 41)
    kind = Kind("object: contacts, mode: delete", "id\n" + "".join(f"{i}\n" for i in ids), "/v3/contacts/bulk-delete")
    found = desk(kind, "hold", lost=40)
    assert found.rows() == [LOST] * 40
    found.world.shown = tuple({"id": i, "email": f"u{i}@example.com"} for i in ids if i % 2)
    found.world.asked.clear()
    done = found.say("resume", "--only", "unknown")
    assert (done.code, found.rows()) == (3, ["unknown answer.there", "deleted answer.found"] * 20), done.err
    assert len(found.world.asked) == 1, "forty records in one read"
