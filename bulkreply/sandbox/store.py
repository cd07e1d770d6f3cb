"""What a stand-in Reply remembers: contacts, lists, custom fields, jobs, per account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkreply.sandbox.events import EventLog
from bulkreply.sandbox.shelf import Shelf

# First id per kind; 0 gives UUIDs. They are those of the wire samples.
FIRST_IDS = {
    "accounts": 302,
    "account_lists": 351,
    "domain_blacklist_rules": 881,
    "email_blacklist_rules": 882,
    "email_exception_blacklist_rules": 891,
    "webhooks": 61,
    "email_accounts": 9001,
    "email_account_tags": 61,
    "linkedin_accounts": 71001,
    "linkedin_pending_accounts": 81,
    "email_templates": 4001,
    "email_template_folders": 15,
    "schedules": 21,
    "holiday_calendars": 31,
    "holidays": 311,
    "sequences": 503,
    "sequence_steps": 2201,
    "sequence_step_variants": 3301,
    "tasks": 801,
    "inbox_threads": 6001,
    "inbox_categories": 9,
    "sequence_folders": 0,
    "sequence_templates": 0,
    "v2_emails": 8101,
    "v2_reports": 0,
}


class Contact:
    """One contact; only what is set is kept, so that a million of them fit in memory.

    Attributes:
        fields: V3 field name -> value, without those that are empty.
        custom: Custom field id -> text.
        lists: Ids of its lists, in the order of joining.
        sequences: Sequence id -> membership.
        writes: How often it was created, updated, really changed.
    """

    __slots__ = (
        "changed_n",
        "created_n",
        "created_s",
        "custom",
        "fields",
        "id",
        "lists",
        "modified_s",
        "owner",
        "sequences",
        "source",
        "updated_n",
    )

    def __init__(self, contact_id: int, fields: dict[str, Any], owner: int, now_s: float, source: str = "API") -> None:
        self.id = contact_id
        self.fields = fields
        self.custom: dict[int, str] | None = None
        self.lists: tuple[int, ...] = ()
        self.sequences: dict[int, dict[str, Any]] | None = None
        self.owner = owner
        self.created_s = now_s
        self.modified_s = now_s
        self.source = source
        self.created_n = 1
        self.updated_n = 0
        self.changed_n = 0

    @property
    def email(self) -> str | None:
        """Its address, if it has one."""
        address: str | None = self.fields.get("email")
        return address


@dataclass(slots=True)
class ContactList:
    """A contact list and its members."""

    id: int
    name: str
    shared: bool = False
    members: dict[int, None] = field(default_factory=dict)
    ordered: list[int] | None = None


@dataclass(slots=True)
class CustomField:
    """A field of the account's own on contacts."""

    id: int
    title: str
    kind: str
    metadata: str | None = None
    org_wide: bool = False


@dataclass(slots=True)
class Job:
    """Work answered with 202.

    Attributes:
        polls: How often it was asked for.
        due_s: When it is done even if nobody asks.
        work: What an import job still has to do.
    """

    id: str
    category: str
    created_s: float
    due_s: float
    user: int
    number: int
    status: str = "Scheduled"
    polls: int = 0
    started_s: float | None = None
    finished_s: float | None = None
    work: dict[str, Any] = field(default_factory=dict)
    told: str = "{}"
    result: str | None = None

    @property
    def final(self) -> bool:
        """Whether it will not change any more."""
        return self.finished_s is not None


class Workspace:
    """Everything one account holds.

    Args:
        name: The account's key in the sandbox.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.contacts: dict[int, Contact] = {}
        self.lists: dict[int, ContactList] = {}
        self.fields: dict[int, CustomField] = {}
        self.jobs: dict[str, Job] = {}
        self.shelves: dict[str, Shelf] = {}
        self.events = EventLog()
        self.surprises: Counter[str] = Counter()
        self.tombstones: set[str] = set()
        self.next_ids = {"contact": 1001, "list": 71, "field": 41}
        self._by_email: dict[str, int] = {}
        self._twins: dict[str, list[int]] = {}
        self._order: list[int] = []
        self._order_stale = False
        self._departed: dict[int, tuple[str, int, int, int]] = {}
        self._departed_counts: dict[str, tuple[int, int, int]] = {}

    def shelf(self, name: str) -> Shelf:
        """The shelf of a kind; an empty one when nothing was put there yet."""
        if name not in self.shelves:
            self.shelves[name] = Shelf(name, self.name, FIRST_IDS.get(name, 1))
        return self.shelves[name]

    def new_id(self, kind: str) -> int:
        """The next id of a kind; ids are never used twice."""
        number = self.next_ids[kind]
        self.next_ids[kind] = number + 1
        return number

    def reserve_id(self, kind: str, number: int) -> int:
        """Take a given id, so that it is not given out again."""
        self.next_ids[kind] = max(self.next_ids[kind], number + 1)
        return number

    def by_email(self, address: str) -> Contact | None:
        """The contact with an address, without regard to case."""
        found = self._by_email.get(address.lower())
        return None if found is None else self.contacts[found]

    def all_by_email(self, address: str) -> list[Contact]:
        """All contacts with an address; more than one only when the sandbox was told to make duplicates."""
        key = address.lower()
        found = [*self._twins.get(key, ()), *([self._by_email[key]] if key in self._by_email else [])]
        return [self.contacts[number] for number in sorted(found)]

    def add(self, contact: Contact) -> None:
        """Take a contact in."""
        if self._order and contact.id < self._order[-1]:
            self._order_stale = True
        self.contacts[contact.id] = contact
        self._order.append(contact.id)
        address = contact.email
        if address:
            self._index(address.lower(), contact.id)
        before = self._departed_counts.pop((address or f"#{contact.id}").lower(), None)
        if before is not None:
            contact.created_n += before[0]
            contact.updated_n, contact.changed_n = before[1], before[2]

    def remove(self, contact: Contact) -> None:
        """Forget a contact, but not how often it was written."""
        for number in contact.lists:
            members = self.lists[number]
            members.members.pop(contact.id, None)
            members.ordered = None
        self._order_stale = True
        del self.contacts[contact.id]
        key = (contact.email or f"#{contact.id}").lower()
        if contact.email:
            self._unindex(key, contact.id)
            self.tombstones.add(key)
        counts = (contact.created_n, contact.updated_n, contact.changed_n)
        self._departed_counts[key] = counts
        self._departed[contact.id] = (key, *counts)

    def readdress(self, contact: Contact, address: str | None) -> None:
        """Keep the index true when an address changes."""
        if contact.email:
            self._unindex(contact.email.lower(), contact.id)
        if address:
            self._index(address.lower(), contact.id)

    def _index(self, key: str, number: int) -> None:
        if key in self._by_email:
            self._twins.setdefault(key, []).append(self._by_email[key])
        self._by_email[key] = number

    def _unindex(self, key: str, number: int) -> None:
        twins = self._twins.get(key, [])
        if number in twins:
            twins.remove(number)
        elif twins:
            self._by_email[key] = twins.pop()
        else:
            self._by_email.pop(key, None)
        if not twins:
            self._twins.pop(key, None)

    def ordered(self) -> list[int]:
        """Ids of all contacts, oldest first."""
        if self._order_stale:
            self._order = sorted(self.contacts)
            self._order_stale = False
        return self._order

    def join(self, contact: Contact, number: int) -> bool:
        """Put a contact on a list; whether it was not there before."""
        wanted = self.lists[number]
        if contact.id in wanted.members:
            return False
        wanted.members[contact.id] = None
        wanted.ordered = None
        contact.lists = (*contact.lists, number)
        return True

    def leave(self, contact: Contact, number: int) -> None:
        """Take a contact off a list."""
        self.lists[number].members.pop(contact.id, None)
        self.lists[number].ordered = None
        contact.lists = tuple(other for other in contact.lists if other != number)

    def members(self, number: int) -> list[int]:
        """Ids of the members of a list, oldest contact first."""
        wanted = self.lists.get(number)
        if wanted is None:
            return []
        if wanted.ordered is None:
            wanted.ordered = sorted(wanted.members)
        return wanted.ordered

    def field_named(self, title: str) -> CustomField | None:
        """The custom field with a title."""
        return next((f for f in self.fields.values() if f.title == title), None)

    def email_of(self, number: int) -> str | None:
        """Address of a contact, also of one that is gone."""
        if number in self.contacts:
            return self.contacts[number].email
        gone = self._departed.get(number)
        return gone[0] if gone and not gone[0].startswith("#") else None

    def write_counts(self, more_than: int = 0) -> dict[str, dict[str, int]]:
        """How often each address (or `#id`) was created, updated, really changed.

        Args:
            more_than: Leave out those written this often or less.
        """
        living = (
            ((c.email or f"#{c.id}").lower(), c.created_n, c.updated_n, c.changed_n) for c in self.contacts.values()
        )
        gone = ((key, *counts) for key, counts in self._departed_counts.items())
        return {
            key: {"created": created, "updated": updated, "changed": changed}
            for group in (gone, living)
            for key, created, updated, changed in group
            if created + updated > more_than
        }


def note_surprises(workspace: Workspace, where: str, body: Mapping[str, Any], known: Iterable[str]) -> None:
    """Remember body keys Reply is not known to take, for strict tests."""
    for key in body:
        if key not in known:
            workspace.surprises[f"{where} {key}"] += 1
