"""The blacklist of V1: the domain and e-mail rules of V3 in one array (v1-v2.md 9)."""

from __future__ import annotations

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Workspace
from bulkreply.sandbox.v1.bodies import DONE
from bulkreply.sandbox.v3.blacklist import is_domain
from bulkreply.sandbox.vocabulary import is_address

_SHELVES = {"domain": "domain_blacklist_rules", "email": "email_blacklist_rules"}
_OUTPUTS = {
    "all": ("domain", "email"),
    "0": ("domain", "email"),
    "domains": ("domain",),
    "emails": ("email",),
}


def is_blacklisted(workspace: Workspace, address: str) -> bool:
    """Whether a rule forbids to write to an address; an exception overrides the rule of its domain."""
    if workspace.shelf(_SHELVES["email"]).named("pattern", address):
        return True
    excepted = workspace.shelf("email_exception_blacklist_rules").named("pattern", address)
    return not excepted and workspace.shelf(_SHELVES["domain"]).named("pattern", address.rpartition("@")[2]) is not None


def list_values(asking: Asking) -> Answer:
    """GET: one array for both kinds."""
    wanted = asking.query.get("outputtype", asking.switches["v1.blacklist_default_output"]).lower()
    if wanted not in _OUTPUTS:
        raise asking.v1_refused(400, "outputType is All, Domains or Emails.")
    values = [one["pattern"] for kind in _OUTPUTS[wanted] for one in asking.workspace.shelf(_SHELVES[kind])]
    return json_answer(200, {"domains": values})


def add_domain(asking: Asking) -> Answer:
    """POST a domain."""
    return _add(asking, "domain")


def add_email(asking: Asking) -> Answer:
    """POST an address."""
    return _add(asking, "email")


def _add(asking: Asking, kind: str) -> Answer:
    value = _value(asking, kind)
    shelf = asking.workspace.shelf(_SHELVES[kind])
    known = shelf.named("pattern", value)
    rule = known or shelf.add({"pattern": value, "isGlobal": False})
    asking.note(f"v1.blacklist.add_{kind}", [rule["id"]], [Effect.UNCHANGED if known else Effect.CREATED])
    return json_answer(200, value)


def _value(asking: Asking, kind: str) -> str:
    value = asking.query.get(kind, "").strip()
    fits = is_domain if kind == "domain" else is_address
    if not fits(value):
        raise asking.v1_refused(400, f"The {kind} is not valid.")
    return value


def delete_domain(asking: Asking) -> Answer:
    """DELETE a domain."""
    return _delete(asking, "domain")


def delete_email(asking: Asking) -> Answer:
    """DELETE an address."""
    return _delete(asking, "email")


def _delete(asking: Asking, kind: str) -> Answer:
    value = _value(asking, kind)
    shelf = asking.workspace.shelf(_SHELVES[kind])
    rule = shelf.named("pattern", value)
    if rule is None:
        if asking.switches["v1.delete_missing"] == "404":
            raise asking.v1_refused(404, "Not on the blacklist.")
        return DONE
    if rule["isGlobal"]:
        raise asking.v1_refused(403, "Global rules are read-only.")
    shelf.remove(rule["id"])
    asking.note(f"v1.blacklist.delete_{kind}", [rule["id"]], [Effect.DELETED])
    return DONE


ROUTES = {
    "v1.blacklist.list": list_values,
    "v1.blacklist.add_domain": add_domain,
    "v1.blacklist.add_email": add_email,
    "v1.blacklist.delete_domain": delete_domain,
    "v1.blacklist.delete_email": delete_email,
}
