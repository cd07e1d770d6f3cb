"""What V1 notes of people in all their campaigns: replied, finished, back in the office (v1-v2.md 4)."""

from __future__ import annotations

from collections.abc import Callable

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.enrolling import Membership, put_mark
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v1.bodies import DONE, body_of, person_with
from bulkreply.sandbox.v1.figures import mailed


def mark_replied(asking: Asking) -> Answer:
    """POST: someone, or everyone of a domain, replied; that ends their campaigns."""

    def reply(membership: Membership) -> None:
        put_mark(membership, "replied", True)
        membership["status"] = "finished"

    return _mark(asking, "mark_replied", reply)


def mark_finished(asking: Asking) -> Answer:
    """POST: someone, or everyone of a domain, is done with."""

    def finish(membership: Membership) -> None:
        membership["status"] = "finished"

    return _mark(asking, "mark_finished", finish)


def _mark(asking: Asking, operation: str, change: Callable[[Membership], None]) -> Answer:
    people, effects = [one for one in _named(asking, operation) if mailed(asking.workspace, one)], []
    if not people:
        raise asking.v1_refused(400, "There are no emails sent to this person.")
    for contact in people:
        before = [dict(one) for one in (contact.sequences or {}).values()]
        for membership in (contact.sequences or {}).values():
            change(membership)
        effects.append(Effect.UNCHANGED if before == list((contact.sequences or {}).values()) else Effect.UPDATED)
    asking.note(f"v1.people.{operation}", [one.id for one in people], effects)
    return DONE


def _named(asking: Asking, operation: str) -> list[Contact]:
    """Whom a body means: exactly one of an address and a domain."""
    body = body_of(asking, f"v1.people.{operation}", ("email", "domain"))
    given = {name: text.strip() for name, text in body.items() if isinstance(text, str) and text.strip()}
    if len(given) != 1:
        raise asking.v1_refused(400, "Exactly one of email and domain is needed.")
    if "email" in given:
        return [person_with(asking, given["email"])]
    end = "@" + given["domain"].lower()
    return [one for one in asking.workspace.contacts.values() if (one.email or "").lower().endswith(end)]


def unmark_out_of_office(asking: Asking) -> Answer:
    """POST: goes on with someone who was away; answers how many that was."""
    body = body_of(asking, "v1.people.unmark_out_of_office", ("email",))
    contact = person_with(asking, body.get("email"))
    away = [one for one in (contact.sequences or {}).values() if one["status"] == "outOfOffice"]
    for membership in away:
        membership["status"] = "active"
    asking.note("v1.people.unmark_out_of_office", [contact.id], [Effect.UPDATED if away else Effect.UNCHANGED])
    return json_answer(200, {"contactCount": int(bool(away))})


ROUTES = {
    "v1.people.mark_replied": mark_replied,
    "v1.people.mark_finished": mark_finished,
    "v1.people.unmark_out_of_office": unmark_out_of_office,
}
