"""Jobs that are run through faults, each with what must be true of its rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from tests.flow.account import Account
from tests.flow.faulty import Case, Log, Row

UNPROVABLE = ("answer.lost", "answer.changed")
"""What a row that is unknown says when nobody can know; `answer.absent` says that it was not taken. So end, but seldom,
rows too that were sent as often as a run tries, and never got an answer that made sense."""
REFUSED = '"""odd, local""@example.com"'
"""An address that nobody takes for one."""


def upsert(account: Account, rows: int, chance: random.Random) -> Case:
    """Contacts by address: new ones, known ones, ones of a mate, and ones that are refused."""
    account.server.change("switches", {"v3.import_bad_email": "item", "v3.import_results": "named"})
    known = [one["email"] for one in account.server.ask("contacts")]
    chance.shuffle(known)
    account.ask("PUT", "/v3/contacts/owner", {"contactIds": [_id(account, known[0])], "userId": 12})
    mine = known[1 : rows // 3]
    addresses = [known[0], *mine, *(f"new{i}@example.com" for i in range(rows - len(mine) - 4)), *[REFUSED] * 0]
    lines = [f"{address},F{i},C{i}" for i, address in enumerate(addresses)]
    lines += [f"{REFUSED.replace('odd', f'odd{i}')},F,C" for i in range(3)]
    chance.shuffle(lines)
    keys = [line.rpartition(",F")[0] for line in lines]

    def judge(i: int, row: Row, log: Log) -> None:
        key, (first, company) = keys[i], lines[i].rsplit(",", 2)[1:]
        was, now = log.before.get(key), log.after.get(key)
        written = log.changed("contacts.import", now["id"]) if now else 0
        assert written <= 1, f"{key}: {row}: written {written} times"
        if row.outcome in ("created", "updated"):
            assert now is not None, f"{key}: {row}"
            assert (now["firstName"], now["company"], now["id"]) == (first, company, row.reply_id), f"{key}: {row}"
            assert (row.outcome == "created") == (was is None), f"{key}: {row}"
            assert written == 1, f"{key}: {row}"
        else:
            assert written == 0, f"{key}: {row}"
            expected = "skipped" if key == known[0] else "rejected" if "odd" in key else "unknown"
            assert row.outcome in (expected, "unknown"), f"{key}: {row}"

    text = "to: {object: contacts, mode: upsert, batch: 2}\nmap: {email: E, firstName: F, company: C}\n"
    return Case(text, "E,F,C", lines, judge)


def insert(account: Account, rows: int, chance: random.Random) -> Case:
    """Companies by name, of which some are there; nothing keeps Reply from making one twice."""
    there = [f"Old {i}" for i in range(5)]
    for name in there:
        account.named("/v3/contact-accounts", name)
    lines = [f"{name},I" for name in [*there, *(f"New {i}" for i in range(rows - 5))]]
    chance.shuffle(lines)

    def judge(i: int, row: Row, log: Log) -> None:
        name = lines[i].partition(",")[0]
        made = companies.get(name.lower(), [])
        assert len(made) <= 1, f"{name}: made {len(made)} times"
        if row.outcome == "created":
            assert name not in there and made, f"{name}: {row}"
        elif row.outcome == "skipped":
            assert name in there, f"{name}: {row}"
        else:
            assert row.outcome == "unknown" and (row.code in UNPROVABLE or not made), f"{name}: {row}"

    companies: dict[str, list[int]] = {}

    def look(i: int, row: Row, log: Log) -> None:
        if not companies:
            for page in range(0, 10_000, 1000):
                found = account.ask("GET", f"/v3/contact-accounts?top=1000&skip={page}")
                for one in found["items"]:
                    companies.setdefault(one["name"].lower(), []).append(one["id"])
                if not found["hasMore"]:
                    break
        judge(i, row, log)

    text = "to: {object: accounts, mode: insert, batch: 2}\nmap: {name: N, industry: I}\n"
    return Case(text, "N,I", lines, look)


def people(account: Account, rows: int, chance: random.Random) -> Case:
    """People by address, one per call (V1): new ones and known ones."""
    known = [one["email"] for one in account.server.ask("contacts")][: rows // 3]
    keys = [*known, *(f"new{i}@example.com" for i in range(rows - len(known)))]
    chance.shuffle(keys)
    lines = [f"{key},F{i}" for i, key in enumerate(keys)]

    def judge(i: int, row: Row, log: Log) -> None:
        key, first = keys[i], lines[i].rsplit(",", 1)[1]
        was, now = log.before.get(key), log.after.get(key)
        written = log.changed("v1.people.upsert", now["id"]) if now else 0
        assert written <= 1, f"{key}: {row}: written {written} times"
        if row.outcome in ("created", "updated"):
            assert now is not None, f"{key}: {row}"
            assert (now["firstName"], now["id"]) == (first, row.reply_id), f"{key}: {row}"
            assert (row.outcome == "created") == (was is None), f"{key}: {row}"
            assert written == 1, f"{key}: {row}"
        else:
            assert (row.outcome, written) == ("unknown", 0), f"{key}: {row}"

    return Case("to: {object: people, api: v1}\nmap: {email: E, firstName: F}\n", "E,F", lines, judge)


def update(account: Account, rows: int, chance: random.Random) -> Case:
    """Contacts by address, half of them through their own ids: changed, as they are, and not there."""
    people = account.server.ask("contacts")[: rows - 6]
    lines, wanted = [], []
    for i, one in enumerate(people):
        same = i % 5 == 0
        wanted.append(one["company"] if same else f"C{i}")
        lines.append(f"{'' if i % 2 else one['id']},{one['email']},{wanted[-1]}")
    lines += [f"{'' if i % 2 else 900_000 + i},nobody{i}@example.com,C" for i in range(6)]

    def judge(i: int, row: Row, log: Log) -> None:
        address = lines[i].split(",")[1]
        was, now = log.before.get(address), log.after.get(address)
        written = sum(log.changed(f"contacts.{name}", now["id"]) for name in ("import", "update")) if now else 0
        assert written <= 1, f"{address}: {row}: written {written} times"
        if row.outcome == "updated":
            assert was and now, f"{address}: {row}"
            assert (now["company"], now["id"]) == (wanted[i], row.reply_id), f"{address}: {row}"
            assert written == 1 or was["company"] == wanted[i], f"{address}: {row}"
        elif row.outcome == "unchanged":
            assert was and was["company"] == wanted[i], f"{address}: {row}"
            assert written == 0, f"{address}: {row}"
        elif row.outcome == "rejected":
            assert was is None, f"{address}: {row}"
        else:
            assert (row.outcome, written) == ("unknown", 0), f"{address}: {row}"

    text = "to: {object: contacts, mode: update, batch: 2}\nmap: {id: I, email: E, company: C}\n"
    return Case(text, "I,E,C", lines, judge)


def delete(account: Account, rows: int, chance: random.Random) -> Case:
    """Contacts by address, some of whom are not there."""
    people = [one["email"] for one in account.server.ask("contacts")][: rows - 5]
    lines = [*people, *(f"nobody{i}@example.com" for i in range(5))]
    chance.shuffle(lines)

    def judge(i: int, row: Row, log: Log) -> None:
        was, now = log.before.get(lines[i]), log.after.get(lines[i])
        gone = log.changed("contacts.bulk_delete", was["id"]) if was else 0
        if row.outcome == "deleted":
            assert (was is not None, now, gone) == (True, None, 1), f"{lines[i]}: {row}"
        elif row.outcome == "skipped":
            assert was is None, f"{lines[i]}: {row}"
        else:
            assert row.outcome == "unknown" and (row.code in UNPROVABLE or gone == 0), f"{lines[i]}: {row}"

    text = "to: {object: contacts, mode: delete, batch: 2}\nmap: {email: E}\n"
    return Case("policy: {settle_s: 0.1, delete: 100%}\n" + text, "E", lines, judge)


def onto_a_list(account: Account, rows: int, chance: random.Random) -> Case:
    """Contacts onto a list; some ids are nobody's."""
    account.named("/v3/contact-lists", "Fair")
    ids = [one["id"] for one in account.server.ask("contacts")][: rows - 5]
    numbers = [*ids, *(900_000 + i for i in range(5))]
    chance.shuffle(numbers)

    def judge(i: int, row: Row, log: Log) -> None:
        joined = log.changed("contact_lists.add_contacts", numbers[i])
        expected = ("called", 1) if numbers[i] < 900_000 else ("rejected", 0)
        assert (row.outcome, joined) == expected or row.code == "answer.lost", f"{numbers[i]}: {row}"
        assert joined <= 1, f"{numbers[i]}: {row}"

    text = "to: {procedure: AddContactsToContactList, batch: 2}\n"
    return Case(text, "ListId,ContactIds", [f"Fair,{number}" for number in numbers], judge)


def pause(account: Account, rows: int, chance: random.Random) -> Case:
    """Contacts paused in a sequence: active ones, one that is paused, ones that are not in it."""
    ids = [one["id"] for one in account.server.ask("contacts")][:rows]
    sequence = account.sequence("Spring", ids[:-6], [account.mailbox("me@example.com")])
    path = f"/v3/sequences/{sequence}/contacts/set-status-in-sequence"
    account.ask("POST", path, {"contactIds": ids[:4], "statusInSequence": "paused"})
    chance.shuffle(numbers := list(ids))

    def judge(i: int, row: Row, log: Log) -> None:
        number = numbers[i]
        done = log.changed("sequence_contacts.set_status", number)
        assert done <= 1, f"{number}: {row}"
        if row.outcome == "unknown":
            assert row.code == "answer.lost", f"{number}: {row}"
        elif number in ids[-6:]:
            assert (row.outcome, done) == ("rejected", 0), f"{number}: {row}"
        elif number in ids[:4]:
            assert (row.outcome in ("called", "unchanged"), done) == (True, 0), f"{number}: {row}"
        else:
            assert (row.outcome, done) == ("called", 1), f"{number}: {row}"

    text = "to: {procedure: SetContactStatus, batch: 2}\n"
    return Case(text, "SequenceId,ContactIds,Status", [f"Spring,{n},Paused" for n in numbers], judge)


def _enrolment(operation: str, procedure: str, names: str) -> Callable[[Account, int, random.Random], Case]:
    """People into a sequence, which would begin it anew if it were done twice."""

    def made(account: Account, rows: int, chance: random.Random) -> Case:
        ids = [one["id"] for one in account.server.ask("contacts")][: rows - 4]
        account.sequence("Spring", [], [account.mailbox("me@example.com")])
        numbers = [*ids, *(900_000 + i for i in range(4))]
        chance.shuffle(numbers)

        def judge(i: int, row: Row, log: Log) -> None:
            enrolled = log.changed(operation, numbers[i])
            assert enrolled <= 1, f"{numbers[i]}: {row}: enrolled {enrolled} times"
            if row.outcome == "unknown":
                assert row.code in UNPROVABLE or not enrolled, f"{numbers[i]}: {row}"
            elif numbers[i] >= 900_000:
                assert (row.outcome, enrolled) == ("rejected", 0), f"{numbers[i]}: {row}"
            else:
                assert row.outcome in ("called", "unchanged"), f"{numbers[i]}: {row}"
                assert enrolled == (row.outcome == "called"), f"{numbers[i]}: {row}"

        return Case(f"to: {{procedure: {procedure}, batch: 2}}\n", names, [f"Spring,{n},true" for n in numbers], judge)

    return made


enrol = _enrolment("sequence_contacts.bulk_add", "AddContactsToSequence", "SequenceId,ContactIds,RemoveFromExisting")
move = _enrolment("contacts.move_to_sequence", "contacts.move_to_sequence", "sequenceId,contactId,removeFromExisting")


def _id(account: Account, address: str) -> int:
    found = account.ask("GET", f"/v3/contacts?email={address}")["items"]
    assert len(found) == 1, json.dumps(found)
    number: int = found[0]["id"]
    return number
