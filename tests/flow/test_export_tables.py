"""Exports into databases: night after night, the table says what Reply says, for no more calls than were announced."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flow.account import Account
from tests.flow.database_servers import Server
from tests.flow.inside import inside

KINDS = ("sqlite", "duckdb", "postgresql")
STEP = {"type": "email", "delayInMinutes": 0}


@dataclass
class Office:
    """An account, a database, and jobs from the one to the other."""

    account: Account
    server: Server
    folder: Path
    made: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def write(self, name: str, source: str, target: str, more: str = "") -> str:
        """A job file."""
        job = f"job: {name}\nfrom: {{object: {source}}}\nto: {{database: '{self.server.url}', {target}}}\n{more}"
        (self.folder / f"{name}.yaml").write_text(job, "utf-8")
        return name

    def command(self, word: str, name: str) -> dict[str, Any]:
        """`bulkreply run` or `bulkreply plan`; what it says as JSON."""
        options = ("--base-url", self.account.server.url, "--limits", "none", "--json")
        done = inside(word, f"{name}.yaml", *options)
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def run(self, name: str) -> dict[str, Any]:
        """Runs a job; its report."""
        return self.command("run", name)

    def table(self, name: str, columns: tuple[str, ...], order: int = 1) -> list[tuple[Any, ...]]:
        """Columns of a table, ordered by the first ones."""
        listed = ", ".join(f'"{column}"' for column in columns)
        ordered = ", ".join(str(i + 1) for i in range(order))
        return self.server.sql(f"SELECT {listed} FROM {name} ORDER BY {ordered}")

    def same(self, one: str, other: str, order: int = 1, skip: tuple[str, ...] = ()) -> None:
        """Two tables hold the same rows, column by column."""
        columns = tuple(name for name in self.server.columns(other) if name not in skip)
        assert set(columns) <= self.server.columns(one).keys()
        left, right = self.table(one, columns, order), self.table(other, columns, order)
        assert len(left) == len(right)
        assert [(a, b) for a, b in zip(left, right, strict=True) if a != b][:3] == []

    def alive(self) -> list[int]:
        """Ids of the contacts there are."""
        return [contact["id"] for contact in self.account.server.ask("contacts")]

    def day(self, changes: int) -> dict[str, int]:
        """People come, change and go; how many of each."""
        ids, done, edited = self.alive(), {"inserted": 0, "updated": 0, "deleted": 0}, set[int]()
        for _ in range(changes):
            turn = self.chance.random()
            one = self.chance.choice(ids)
            self.made += 1
            if turn < 0.35 and one not in edited:
                self.account.ask("DELETE", f"/v3/contacts/{one}")
                ids.remove(one)
                done["deleted"] += 1
            elif turn < 0.65:
                person = {"email": f"day{self.made}@example.com", "firstName": f"D'{self.made};\n"}
                self.account.ask("POST", "/v3/contacts", person)
                done["inserted"] += 1
            else:
                self.account.ask("PATCH", f"/v3/contacts/{one}", {"title": f"T{self.made}", "city": None})
                edited.add(one)
        return done | {"updated": len(edited)}


@pytest.fixture
def office_of(
    account: Account, server_of: Callable[[str], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Office]:
    """An office on a database of a kind."""
    monkeypatch.chdir(tmp_path)
    return lambda kind: Office(account, server_of(kind), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_replace_append_and_merge(kind: str, office_of: Callable[[str], Office]) -> None:
    office = office_of(kind)
    office.account.contacts(300)
    for mode in ("replace", "append", "merge"):
        office.write(mode, "contacts", f"table: {mode}d, mode: {mode}")
        assert office.run(mode)["rows"]["exported"] == 300
    ids = office.alive()
    gone = ids[7]
    office.account.ask("DELETE", f"/v3/contacts/{gone}")
    office.account.ask("PATCH", f"/v3/contacts/{ids[8]}", {"title": "CEO"})
    for mode in ("replace", "append", "merge"):
        office.run(mode)
    assert [row[0] for row in office.table("replaced", ("id",))] == office.alive()
    assert len(office.table("appendd", ("id",))) == 300 + 299
    merged = dict(office.table("merged", ("id", "title")))
    assert (len(merged), merged[ids[8]]) == (300, "CEO"), "what is gone is only known to an incremental job"


@pytest.mark.parametrize(
    ("kind", "days", "people", "changes"),
    [
        ("postgresql", 5, 1200, 40),
        ("sqlite", 2, 100, 40),
        ("duckdb", 2, 100, 40),
        pytest.param("postgresql", 30, 100_000, 500, marks=pytest.mark.slow),
    ],
)
def test_nights(kind: str, days: int, people: int, changes: int, office_of: Callable[[str], Office]) -> None:
    office = office_of(kind)
    office.account.contacts(people)
    nightly = office.write("nightly", "contacts, incremental: true", "table: crm, mode: merge")
    full = office.write("full", "contacts", "table: whole, mode: replace")
    expected = {"inserted": people, "updated": 0, "deleted": 0}
    for night in range(days):
        announced = office.command("plan", nightly)["calls"]
        report = office.run(nightly)
        used = report["requests"]["by_operation"]
        assert report["changes"] == expected, night
        assert {label: count for label, count in used.items() if count > announced.get(label, 0)} == {}
        office.run(full)
        office.same("crm", "whole")
        assert [row[0] for row in office.table("crm", ("id",))] == office.alive()
        print(f"night {night}: {expected}, calls {used}, announced {announced}")
        if night == 1:
            office.account.ask("POST", "/v3/custom-fields", {"title": "Score", "fieldType": "number"})
        expected = office.day(changes if days > 5 else office.chance.randrange(changes))
        if night == 1:
            one = {"email": "scored@example.com", "firstName": "S", "customFields": [{"key": "Score", "value": "7"}]}
            office.account.ask("POST", "/v3/contacts", one)
            expected["inserted"] += 1
    if days > 2:
        assert "customFields.Score" in office.server.columns("crm"), "a field that appeared widened the table"
        scores = office.server.sql('SELECT email FROM crm WHERE "customFields.Score" = 7')
        assert scores == [("scored@example.com",)]


def test_rows_of_lists_follow_their_contact(office_of: Callable[[str], Office]) -> None:
    office = office_of("postgresql")
    ids = office.account.contacts(40)
    lists = [office.account.named("/v3/contact-lists", name) for name in ("Web", "Fair")]
    for one in lists:
        office.account.ask("POST", f"/v3/contact-lists/{one}/share")  # lists of one's own are not told
        office.account.ask("POST", f"/v3/contact-lists/{one}/add-contacts", {"contactIds": ids[:20]})
    nightly = office.write("nightly", "contacts, incremental: true", "table: crm, mode: merge, unwind: separate")

    assert len(office.account.lists()) == 20, office.account.lists()

    def rows() -> dict[int, list[str]]:
        office.run(nightly)
        found: dict[int, list[str]] = {}
        for parent, name in office.table("crm__lists", ("_parent_id", "value")):
            found.setdefault(parent, []).append(name)
        return {parent: sorted(names) for parent, names in found.items()}

    assert rows() == office.account.lists()
    office.account.ask("DELETE", f"/v3/contacts/{ids[0]}")
    office.account.ask("DELETE", f"/v3/contact-lists/{lists[1]}")
    office.account.ask("POST", f"/v3/contact-lists/{lists[0]}/add-contacts", {"contactIds": ids[30:]})
    assert rows() == office.account.lists()
    office.account.ask("DELETE", f"/v3/contact-lists/{lists[0]}")
    assert rows() == {} == office.account.lists(), "who has no list any more has no row any more"


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_steps_and_variants_follow_their_sequence(mode: str, office_of: Callable[[str], Office]) -> None:
    office = office_of("postgresql")
    for name in ("Spring", "Fair"):
        office.account.sequence(name, steps=3)
    job = office.write("s", "sequences, details: true", f"table: s, mode: {mode}, unwind: separate")

    def check() -> int:
        office.run(job)
        steps, variants = set(), set()
        for one in office.account.ask("GET", "/v3/sequences?top=1000")["items"]:
            for step in office.account.ask("GET", f"/v3/sequences/{one['id']}")["steps"]:
                steps.add((one["id"], step["id"]))
                variants |= {(one["id"], step["id"], variant["subject"]) for variant in step["variants"]}
        assert set(office.table("s__steps", ("_parent_id", "id"))) == steps
        assert set(office.table("s__steps__variants", ("_record_id", "_parent_id", "subject"))) == variants
        assert len(office.table("s__steps__variants", ("_index",))) == len(variants)
        return len(steps)

    assert check() == 6
    spring, fair = [row[0] for row in office.table("s", ("id",))]

    def cut(sequence: int, steps: int) -> None:
        found = [step for of, step in office.table("s__steps", ("_parent_id", "id"), 2) if of == sequence]
        for step in found[::-1][:steps]:  # the last first: others hang below the first
            office.account.ask("DELETE", f"/v3/sequences/{sequence}/steps/{step}")

    cut(spring, 1)
    letter = STEP | {"variants": [{"subject": "New", "message": "M"}]}
    office.account.ask("POST", f"/v3/sequences/{spring}/steps", letter)
    assert check() == 6
    cut(fair, 3)
    assert check() == 3
    cut(spring, 3)
    assert check() == 0


def test_contacts_of_sequences_merge_by_both_ids(office_of: Callable[[str], Office]) -> None:
    office = office_of("postgresql")
    ids = office.account.contacts(60)
    one = office.account.sequence("Spring", ids[:40])
    two = office.account.sequence("Fair", ids[20:])
    source, target = "sequence_contacts, incremental: true", "table: m, mode: merge, unwind: separate"
    nightly = office.write("nightly", source, target)
    full = office.write("full", "sequence_contacts", "table: w, mode: replace, unwind: separate")

    def check() -> dict[str, int]:
        report = office.run(nightly)
        office.run(full)
        office.same("m", "w", 2)
        office.same("m__current_step", "w__current_step", 2)
        members = {(n, contact) for n in (one, two) for contact in office.account.members(n)}
        assert set(office.table("m", ("sequenceId", "contactId"))) == members
        changes: dict[str, int] = report["changes"]
        return changes

    assert check() == {"inserted": 80, "updated": 0, "deleted": 0}
    assert len(office.server.sql("SELECT DISTINCT _parent_id FROM m__current_step")) in (0, 80)
    office.account.ask("POST", f"/v3/sequences/{one}/contact-links/bulk-delete", {"contactIds": ids[20:30]})
    office.account.ask("POST", f"/v3/sequences/{two}/contact-links/bulk", {"contactIds": ids[:5]})
    assert check() == {"inserted": 5, "updated": 0, "deleted": 10}
    office.account.ask("DELETE", f"/v3/contacts/{ids[35]}")
    assert check() == {"inserted": 0, "updated": 0, "deleted": 2}


def test_another_table_gets_everything(office_of: Callable[[str], Office]) -> None:
    office = office_of("sqlite")
    office.account.contacts(20)
    for table, count in (("a", 20), ("b", 20), ("a", 0)):
        job = office.write("nightly", "contacts, incremental: true", f"table: {table}, mode: merge")
        assert office.run(job)["changes"]["inserted"] == count
    more = "map: {id: id, title: title}\n"
    job = office.write("nightly", "contacts, incremental: true", "table: a, mode: merge", more)
    assert office.run(job)["changes"]["inserted"] == 20, "columns that the table may not have"
