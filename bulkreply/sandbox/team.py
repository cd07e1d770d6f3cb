"""The users of an account, and who may edit whose contacts.

Every account has an owner, a member, and a mate for whom neither key can act (so the mate's contacts answer
`noEditPermission` and `forbidden`). Ids and addresses of the first account are those of the wire samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEAMS = {5: "North", 6: "South"}


@dataclass(frozen=True, slots=True)
class User:
    """One user of Reply."""

    id: int
    name: str
    email: str
    team: int = 5


class Team:
    """The users of one account.

    Args:
        position: Place of the account among the sandbox's accounts; user ids are 100 apart.
    """

    def __init__(self, position: int) -> None:
        first, mark = position * 100, str(position) if position else ""
        self.owner = User(first + 11, "Owner One", f"owner{mark}@example.com")
        self.member = User(first + 12, "Member Two", f"member{mark}@example.com")
        self.mate = User(first + 13, "Mate Three", f"mate{mark}@example.com")
        self.users: Mapping[int, User] = {one.id: one for one in (self.owner, self.member, self.mate)}

    def acting_for(self) -> tuple[User, ...]:
        """Users the owner's key can act for."""
        return (self.owner, self.member)

    def find(self, id_text: str = "", email: str = "") -> User | None:
        """A user one can act for, by id or by address."""
        for one in self.acting_for():
            if (id_text and str(one.id) == id_text) or (email and one.email.lower() == email.lower()):
                return one
        return None

    def may_edit(self, user: int, owner: int) -> bool:
        """Whether a user may change contacts of an owner: the account's owner those of the member too."""
        return user == owner or (user == self.owner.id and owner == self.member.id)
