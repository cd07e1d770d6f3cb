"""People lists of V1, which are the contact lists of V3 (v1-v2.md 3)."""

from __future__ import annotations

from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import ContactList
from bulkreply.sandbox.v1.bodies import DONE, body_of, numbers_in
from bulkreply.sandbox.v1.pages import people_page


def _view(one: ContactList) -> dict[str, Any]:
    return {"id": one.id, "name": one.name}


def _named(asking: Asking, name: str) -> ContactList | None:
    return next((one for one in asking.workspace.lists.values() if one.name.lower() == name.lower()), None)


def _found(asking: Asking, one: ContactList | None) -> ContactList:
    if one is None:
        raise asking.v1_refused(404, "List not found.")
    return one


def list_lists(asking: Asking) -> Answer:
    """GET all: a bare array."""
    return json_answer(200, [_view(one) for one in asking.workspace.lists.values()])


def get_list(asking: Asking) -> Answer:
    """GET one."""
    return json_answer(200, _view(_found(asking, asking.workspace.lists.get(asking.id()))))


def create_list(asking: Asking) -> Answer:
    """POST one; its name is unique."""
    name = body_of(asking, "v1.people_lists", ("name",)).get("name")
    if not isinstance(name, str) or not name.strip():
        raise asking.v1_refused(400, "Name is required.")
    if _named(asking, name) is not None:
        raise asking.v1_refused(400, "A list of this name exists.")
    made = ContactList(asking.workspace.new_id("list"), name)
    asking.workspace.lists[made.id] = made
    asking.note("v1.people_lists.create", [made.id], [Effect.CREATED])
    return json_answer(200, _view(made))


def delete_list(asking: Asking) -> Answer:
    """DELETE one; its people stay."""
    found = asking.workspace.lists.get(asking.id())
    if found is None and asking.switches["v1.delete_missing"] == "200":
        return DONE
    gone = _found(asking, found)
    for number in list(gone.members):
        asking.workspace.leave(asking.workspace.contacts[number], gone.id)
    del asking.workspace.lists[gone.id]
    asking.note("v1.people_lists.delete", [gone.id], [Effect.DELETED])
    return DONE


def list_members(asking: Asking) -> Answer:
    """GET the people of a list."""
    found = _found(asking, asking.workspace.lists.get(asking.id("list_id")))
    return people_page(asking, asking.workspace.members(found.id), f"/v1/people/list/{found.id}")


def list_members_by_name(asking: Asking) -> Answer:
    """GET the people of a list by its name."""
    found = _found(asking, _named(asking, asking.query.get("name", "")))
    return people_page(asking, asking.workspace.members(found.id), "/v1/people/list")


def move_contacts(asking: Asking) -> Answer:
    """POST moveContactsToLists: nothing is told about whom it took."""
    body, workspace = body_of(asking, "v1.people_lists.move_contacts", ("ContactIds", "ListIds")), asking.workspace
    wanted = [number for number in numbers_in(asking, "ListIds", body.get("ListIds")) if number in workspace.lists]
    if not wanted:
        raise asking.v1_refused(404, "List not found.")
    ids, effects = numbers_in(asking, "ContactIds", body.get("ContactIds")), []
    leaves = asking.switches["v3.move_list"] == "leaves_other_lists"
    for number in ids:
        contact = workspace.contacts.get(number)
        if contact is None:
            effects.append(Effect.SKIPPED)
            continue
        left = [other for other in contact.lists if leaves and other not in wanted]
        for other in left:
            workspace.leave(contact, other)
        joined = [workspace.join(contact, one) for one in wanted]
        effects.append(Effect.UPDATED if left or any(joined) else Effect.UNCHANGED)
    asking.note("v1.people_lists.move_contacts", ids, effects)
    return DONE


ROUTES = {
    "v1.people_lists.list": list_lists,
    "v1.people_lists.get": get_list,
    "v1.people_lists.create": create_list,
    "v1.people_lists.delete": delete_list,
    "v1.people_lists.list_members": list_members,
    "v1.people_lists.list_members_by_name": list_members_by_name,
    "v1.people_lists.move_contacts": move_contacts,
}
