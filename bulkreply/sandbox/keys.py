"""Which keys are taken, what each may do, and for whom (conventions.md 2).

For every key NAME given to the sandbox these work too, on the same account:

    NAME            personal key of the owner
    member-NAME     personal key of a member: own quota, may edit only own contacts
    org-NAME        organization key: needs X-User-Id, or X-User-Email with X-Team-Id, else TEAM_REQUIRED
    read-NAME       scopes contacts:read and other:read only: writes answer insufficient_scope
    unscoped-NAME   no scopes: everything but whoami answers insufficient_scope
    plan-NAME       the plan lacks the API: 403 without a code on everything but whoami

A key that itself begins with such a prefix, and whose rest is no key, is an account of its own of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bulkreply.sandbox.answers import Answer, problem, v1_error
from bulkreply.sandbox.switches import Switches
from bulkreply.sandbox.team import TEAMS, Team

Kind = Literal["personal", "member", "org", "read", "unscoped", "plan"]
_PREFIXES: tuple[Kind, ...] = ("member", "org", "read", "unscoped", "plan")


@dataclass(frozen=True, slots=True)
class Pass:
    """What a key opens: an account, in a certain manner."""

    account: str
    kind: Kind


class KeyRing:
    """The keys of a sandbox.

    Args:
        keys: As configured.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = frozenset(keys)
        self.accounts = tuple(key for key in dict.fromkeys(keys) if self._account(key) == key)

    def _split(self, text: str) -> tuple[Kind, str]:
        for kind in _PREFIXES:
            if text.startswith(f"{kind}-"):
                return kind, text[len(kind) + 1 :]
        return "personal", text

    def _account(self, text: str) -> str:
        rest = self._split(text)[1]
        return rest if rest in self._keys else text

    def find(self, text: str) -> Pass | None:
        """What a key opens, None when it is not known."""
        account = self._account(text)
        return Pass(account, self._split(text)[0]) if account in self._keys else None

    def of_request(self, headers: Mapping[str, str], api: str) -> Pass | None:
        """What a request's key opens. V3 takes Bearer, V1 X-Api-Key."""
        if api == "v3":
            kind, _, key = headers.get("Authorization", "").partition(" ")
            return self.find(key.strip()) if kind.lower() == "bearer" else None
        return self.find(headers.get("X-Api-Key", ""))


def unauthorized(switches: Switches, api: str) -> Answer:
    """The answer to an unknown key: documented empty, seen live as problem+json."""
    if api != "v3":
        return v1_error(switches, 401, "Unknown key.")
    more = {"WWW-Authenticate": "Bearer"}
    if switches["v3.unauthorized_body"] == "empty":
        return Answer(401, headers=more)
    return problem(switches, 401, "Unauthorized", "The key was not accepted.", headers=more)


def acting_user(opened: Pass, team: Team, headers: Mapping[str, str], switches: Switches) -> int | Answer:
    """The user a request acts as, or the refusal."""
    by_id, by_email = headers.get("X-User-Id", ""), headers.get("X-User-Email", "")
    if opened.kind == "org":
        refusal = _team_refusal(headers.get("X-Team-Id", ""), by_id, by_email, switches)
        if refusal is not None:
            return refusal
    if by_id or by_email:
        found = team.find(by_id, by_email)
        if found is None:
            detail = "No such acting user."
            return problem(switches, 401, "User not found", detail, code="USER_NOT_FOUND")
        return found.id
    return team.member.id if opened.kind == "member" else team.owner.id


def _team_refusal(team: str, by_id: str, by_email: str, switches: Switches) -> Answer | None:
    if team and team not in map(str, TEAMS):
        return problem(switches, 403, "Forbidden", "Not a team of this key.", code="TEAM_NOT_ACCESSIBLE")
    if by_id or (by_email and team):
        return None
    if team:
        return problem(switches, 403, "User required", "Name a user.", code="USER_REQUIRED")
    teams = {"teams": [{"teamId": number, "teamName": name} for number, name in TEAMS.items()]}
    return problem(switches, 403, "Team required", "Name a team.", code="TEAM_REQUIRED", more=teams)


def lacking(opened: Pass, switches: Switches, method: str, path: str) -> Answer | None:
    """The 403 of a key that may not do this, None when it may."""
    if opened.kind not in ("read", "unscoped", "plan") or path.startswith("/v3/whoami"):
        return None
    if opened.kind == "plan":
        return problem(switches, 403, "Forbidden", "The plan does not include this.")
    if opened.kind == "read" and reads(method, path):
        return None
    return problem(switches, 403, "Forbidden", "insufficient_scope")


def reads(method: str, path: str) -> bool:
    """Whether a request only reads."""
    return method == "GET" or (method == "POST" and path.endswith(("/filter", "/lookup")))
