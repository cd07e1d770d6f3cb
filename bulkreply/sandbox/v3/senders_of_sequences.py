"""Which e-mail and LinkedIn accounts a sequence writes from (v3-sequences-steps.md 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, empty, invalid, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3 import linkedin, mailboxes
from bulkreply.sandbox.v3.bodies import Body
from bulkreply.sandbox.v3.members import sequence_named


@dataclass(frozen=True, slots=True)
class Senders:
    """One kind of account that sequences write from.

    Attributes:
        name: The links' name in the catalog.
        shelf: Where the accounts are.
        code: Beginning of their error codes.
        kept: Key of the sequence that holds their ids.
        sent: Body key of one id.
        parameter: Path parameter of one id.
        view: How an account is answered.
    """

    name: str
    shelf: str
    code: str
    kept: str
    sent: str
    parameter: str
    view: Callable[[Asking, Record], dict[str, Any]]

    def list(self, asking: Asking) -> Answer:
        """GET the linked accounts: a bare array."""
        shelf = asking.workspace.shelf(self.shelf)
        found = [shelf.get(number) for number in sequence_named(asking)[self.kept]]
        return json_answer(200, [self.view(asking, account) for account in found if account is not None])

    def link(self, asking: Asking) -> Answer:
        """POST one; one that is linked already is a success."""
        sequence, body = sequence_named(asking), Body(asking, asking.mapping())
        body.known(f"{self.name}.link", (self.sent,))
        number = body.whole(self.sent, 1, 2**63 - 1, needed=True)
        body.refuse()
        if number not in asking.workspace.shelf(self.shelf):
            raise asking.not_found(f"{self.code}.notFound", "account")
        fresh = number not in sequence[self.kept]
        if fresh:
            sequence[self.kept] = [*sequence[self.kept], number]
        asking.note(f"{self.name}.link", [number], [Effect.CREATED if fresh else Effect.UNCHANGED])
        return done(asking)

    def unlink(self, asking: Asking) -> Answer:
        """DELETE one link; the account stays."""
        sequence, number = sequence_named(asking), asking.id(self.parameter)
        if number not in sequence[self.kept]:
            raise asking.not_found(f"{self.code}.notFound", "link")
        sequence[self.kept] = [one for one in sequence[self.kept] if one != number]
        asking.note(f"{self.name}.unlink", [number], [Effect.DELETED])
        return empty(204)


def _email_row(asking: Asking, account: Record) -> dict[str, Any]:
    return {name: value for name, value in mailboxes.row(asking, account).items() if name != "tags"}


EMAIL = Senders(
    name="sequence_email_accounts",
    shelf="email_accounts",
    code="emailAccount",
    kept="emailAccounts",
    sent="emailAccountId",
    parameter="email_account_id",
    view=_email_row,
)
LINKEDIN = Senders(
    name="sequence_linkedin_accounts",
    shelf="linkedin_accounts",
    code="linkedInAccount",
    kept="linkedInAccounts",
    sent="linkedInAccountId",
    parameter="linkedin_account_id",
    view=linkedin.view,
)


def replace(asking: Asking) -> Answer:
    """PUT the whole set of e-mail accounts: whatever else was linked no longer is."""
    sequence, body = sequence_named(asking), Body(asking, asking.mapping())
    body.known("sequence_email_accounts.replace", ("emailAccountIds",))
    wanted, shelf = list(dict.fromkeys(asking.ids("emailAccountIds"))), asking.workspace.shelf("email_accounts")
    unknown = [i for i, number in enumerate(wanted) if number not in shelf]
    if unknown:
        raise Refused(invalid([(f"/emailAccountIds/{i}", "No such account.") for i in unknown]))
    fresh = [number for number in wanted if number not in sequence["emailAccounts"]]
    lost = [number for number in sequence["emailAccounts"] if number not in wanted]
    sequence["emailAccounts"] = wanted
    effects = [Effect.CREATED] * len(fresh) + [Effect.DELETED] * len(lost)
    asking.note("sequence_email_accounts.replace", [*fresh, *lost], effects)
    return done(asking)


ROUTES = {
    "v3.sequence_email_accounts.list": EMAIL.list,
    "v3.sequence_email_accounts.link": EMAIL.link,
    "v3.sequence_email_accounts.replace": replace,
    "v3.sequence_email_accounts.unlink": EMAIL.unlink,
    "v3.sequence_linkedin_accounts.list": LINKEDIN.list,
    "v3.sequence_linkedin_accounts.link": LINKEDIN.link,
    "v3.sequence_linkedin_accounts.unlink": LINKEDIN.unlink,
}
