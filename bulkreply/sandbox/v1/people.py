"""People of V1, one by one (v1-v2.md 2)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.editing import make, put
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact
from bulkreply.sandbox.v1.bodies import DONE, body_of
from bulkreply.sandbox.v1.pages import people_page
from bulkreply.sandbox.views import v1_person
from bulkreply.sandbox.vocabulary import V1_WRITABLE, WINDOWS_ZONES, is_address, pascal

PERSON_KEYS = (*V1_WRITABLE, "customFields")
_ZONES = {windows: iana for iana, windows in WINDOWS_ZONES.items()}


def zone_of(name: str) -> str:
    """A time zone as it is kept, from its Windows name; others pass as they are."""
    return _ZONES.get(name, name)


def _missing(asking: Asking) -> Refused:
    return asking.v1_refused(404, "Person not found.")


def _by_id(asking: Asking) -> Contact:
    text = asking.parameters.get("id") or asking.query.get("id", "")
    found = asking.workspace.contacts.get(int(text) if text.isdigit() else 0)
    if found is None:
        raise _missing(asking)
    return found


def list_people(asking: Asking) -> Answer:
    """GET people, page by page."""
    return people_page(asking, asking.workspace.ordered(), "/v1/people")


def get_person(asking: Asking) -> Answer:
    """GET by id, either spelling."""
    return json_answer(200, v1_person(asking.workspace, _by_id(asking)))


def get_by_email(asking: Asking) -> Answer:
    """GET by e-mail: a bare object; what an unknown one answers is a switch."""
    found = asking.workspace.by_email(asking.query.get("email", ""))
    if found is not None:
        return json_answer(200, v1_person(asking.workspace, found))
    choice = asking.switches["v1.unknown_email"]
    if choice == "404":
        raise _missing(asking)
    return json_answer(200, None) if choice == "200_null" else Answer(200)


def upsert_person(asking: Asking) -> Answer:
    """POST: new by e-mail, or changed."""
    body = body_of(asking, "v1.people", PERSON_KEYS)
    contact, effect = upsert(asking, body)
    asking.note("v1.people.upsert", [contact.id], [effect])
    status = 201 if effect is Effect.CREATED else int(asking.switches["v1.update_status"])
    return json_answer(status, v1_person(asking.workspace, contact))


def upsert(asking: Asking, body: dict[str, Any]) -> tuple[Contact, Effect]:
    """The person a body makes or changes.

    Raises:
        Refused: It has no address, no first name, or a custom field that does not exist.
    """
    address = body.get("email")
    if not isinstance(address, str) or not is_address(address):
        raise asking.v1_refused(400, "Email is not valid.")
    if not body.get("firstName"):
        raise asking.v1_refused(400, "FirstName is required.")
    values, custom = _values(asking, body), _custom(asking, body)
    known = asking.workspace.by_email(address)
    if known is None:
        return make(asking, values, custom), Effect.CREATED
    if asking.switches["v1.omitted_fields"] == "blanked":
        values = dict.fromkeys(V1_WRITABLE.values(), None) | values
    return known, put(asking, known, values, custom)


def _values(asking: Asking, body: dict[str, Any]) -> dict[str, Any]:
    ignored = asking.switches["v1.empty_string"] == "ignored"
    values = {
        own: body[name] for name, own in V1_WRITABLE.items() if name in body and not (ignored and body[name] == "")
    }
    if "timeZoneId" in values:
        values["timeZoneId"] = zone_of(values["timeZoneId"])
    return values


def _custom(asking: Asking, body: dict[str, Any]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    entries = body.get("customFields") or []
    if not isinstance(entries, list):
        raise asking.v1_refused(400, "customFields must be an array.")
    for entry in entries:
        known = asking.workspace.field_named(str(entry.get("key")))
        if known is not None:
            found[known.id] = str(entry.get("value") or "") or None
        elif asking.switches["v1.unknown_custom_field"] == "refuse_400":
            raise asking.v1_refused(400, "Unknown custom field.")
    return found


def _delete(asking: Asking, contact: Contact | None) -> Answer:
    if contact is None:
        if asking.switches["v1.delete_missing"] == "404":
            raise _missing(asking)
        return DONE
    asking.workspace.remove(contact)
    asking.note("v1.people.delete", [contact.id], [Effect.DELETED])
    return DONE


def delete_person(asking: Asking) -> Answer:
    """DELETE by id, either spelling."""
    text = asking.parameters.get("id") or asking.query.get("id", "")
    if not text:
        raise asking.v1_refused(400, "An id or an address is needed.")
    return _delete(asking, asking.workspace.contacts.get(int(text) if text.isdigit() else 0))


def delete_by_email(asking: Asking) -> Answer:
    """DELETE by e-mail."""
    if not asking.query.get("email"):
        raise asking.v1_refused(400, "An id or an address is needed.")
    return _delete(asking, asking.workspace.by_email(asking.query["email"]))


def lookup(asking: Asking) -> Answer:
    """POST lookup: by exactly one of address and profile."""
    body = body_of(asking, "v1.people.lookup", ("email", "linkedin"))
    given = {name: text for name, text in body.items() if isinstance(text, str) and text.strip()}
    if len(given) != 1:
        raise asking.v1_refused(400, "Exactly one of email and linkedin is needed.")
    if "email" in given:
        ids = [one.id for one in asking.workspace.all_by_email(given["email"].strip())]
    else:
        profile = _profile(given["linkedin"])
        people = asking.workspace.contacts.values()
        ids = sorted(one.id for one in people if _profile(one.fields.get("linkedInUrl") or "") == profile)
    if not ids:
        raise _missing(asking)
    return json_answer(200, {"ids": ids} if asking.switches["v1.lookup_shape"] == "ids" else {"id": ids[0]})


def _profile(url: str) -> str:
    return url.strip().rstrip("/").lower().removeprefix("https://").removeprefix("http://").removeprefix("www.")


def list_sequences(asking: Asking) -> Answer:
    """GET the sequences of a person: a bare array."""
    shelf, found = asking.workspace.shelf("sequences"), []
    for number, membership in (_by_id(asking).sequences or {}).items():
        sequence = shelf.get(number)
        found.append(
            {
                "sequenceId": number,
                "sequenceName": sequence["name"] if sequence else membership["sequenceName"],
                "status": pascal(membership["status"]),
                "isSequenceOwner": sequence is not None and sequence["ownerUserId"] == asking.user,
            }
        )
    return json_answer(200, found)


ROUTES = {
    "v1.people.list": list_people,
    "v1.people.get": get_person,
    "v1.people.get_by_id_query": get_person,
    "v1.people.get_by_email": get_by_email,
    "v1.people.upsert": upsert_person,
    "v1.people.delete": delete_person,
    "v1.people.delete_by_id_query": delete_person,
    "v1.people.delete_by_email": delete_by_email,
    "v1.people.lookup": lookup,
    "v1.people.list_sequences": list_sequences,
}
