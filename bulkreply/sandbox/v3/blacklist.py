"""Blacklist rules of V3: domains, addresses, and addresses excepted from the domains."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, invalid, item_error, json_answer, problem
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, Route
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.store import note_surprises
from bulkreply.sandbox.vocabulary import is_address

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}", re.IGNORECASE)


def is_domain(text: str) -> bool:
    """Whether the text looks like a domain to Reply."""
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None


class Rules:
    """The seven routes of one kind of rule.

    Args:
        name: Object in the catalog.
        code: Beginning of its error codes.
        fits: Whether a text is a pattern of this kind.
    """

    def __init__(self, name: str, code: str, fits: Callable[[str], bool]) -> None:
        self._kind = Kind(name, code, frozenset({"pattern"}), self._check, _view, family="blacklist_delete")
        self._name, self._code, self._fits = name, code, fits

    def routes(self) -> dict[str, Route]:
        """Label -> route."""
        kind = self._kind
        return {
            f"v3.{self._name}.list": self.list,
            f"v3.{self._name}.get": kind.get,
            f"v3.{self._name}.create": kind.create,
            f"v3.{self._name}.update": self.update,
            f"v3.{self._name}.delete": self.delete,
            f"v3.{self._name}.bulk_create": self.bulk_create,
            f"v3.{self._name}.bulk_delete": self.bulk_delete,
        }

    def list(self, asking: Asking) -> Answer:
        """GET all, or those that contain a text; the name of that filter is unknown, so it goes by two."""
        text = (asking.query.get("search") or asking.query.get("pattern") or "").lower()
        return self._kind.page(asking, [one for one in self._kind.shelf(asking) if text in one["pattern"].lower()])

    def update(self, asking: Asking) -> Answer:
        """PUT one, unless it is global."""
        self._mine(asking)
        return self._kind.update(asking)

    def delete(self, asking: Asking) -> Answer:
        """DELETE one, unless it is global."""
        self._mine(asking)
        return self._kind.delete(asking)

    def bulk_create(self, asking: Asking) -> Answer:
        """POST bulk: an array in, one result per rule out."""
        wanted = asking.json()
        if not isinstance(wanted, list) or not wanted or not all(isinstance(one, dict) for one in wanted):
            raise Refused(invalid([("", "An array of rules is needed.")]))
        known = {one["pattern"].lower() for one in self._kind.shelf(asking)}
        results: list[dict[str, Any]] = []
        for i, one in enumerate(wanted):
            note_surprises(asking.workspace, self._name, one, self._kind.keys)
            word = self._refusal(one.get("pattern"), known)
            if word:
                results.append({"id": None} | item_error(asking.switches, "blacklist_create", word, i))
                continue
            known.add(one["pattern"].lower())
            made = self._kind.shelf(asking).add({"pattern": one["pattern"], "isGlobal": False})
            results.append({"id": made["id"], "error": None, "errorDetails": None})
        effects = [Effect.FAILED if one["id"] is None else Effect.CREATED for one in results]
        self._kind.note(asking, "bulk_create", [one["id"] for one in results], effects)
        return json_answer(200, results)

    def bulk_delete(self, asking: Asking) -> Answer:
        """POST bulk-delete: failures by id, global rules among them."""
        failed, gone, shelf = {}, [], self._kind.shelf(asking)
        for number in asking.ids("ids"):
            record = shelf.get(number)
            word = "notFound" if record is None else "globalRuleReadOnly" if record["isGlobal"] else ""
            if word:
                failed[str(number)] = item_error(asking.switches, "blacklist_delete", word, number)
            else:
                shelf.remove(number)
                gone.append(number)
        self._kind.note(asking, "bulk_delete", gone, [Effect.DELETED] * len(gone))
        return json_answer(200, failed)

    def _mine(self, asking: Asking) -> None:
        if self._kind.found(asking)["isGlobal"]:
            detail, code = "Global rules are read-only.", f"{self._code}.globalRuleReadOnly"
            raise Refused(problem(asking.switches, 403, "Forbidden", detail, code=code))

    def _refusal(self, pattern: Any, known: set[str]) -> str:
        if not isinstance(pattern, str) or not self._fits(pattern):
            return "invalidPattern"
        return "duplicate" if pattern.lower() in known else ""

    def _check(self, asking: Asking, body: Record, before: Record | None) -> tuple[Record, Problems]:
        known = {one["pattern"].lower() for one in self._kind.shelf(asking) if one is not before}
        word = self._refusal(body.get("pattern"), known)
        if word == "duplicate":
            code, detail = f"{self._code}.duplicate", "The pattern is there already."
            raise Refused(problem(asking.switches, 400, "Duplicate", detail, code=code))
        values: Record = {"pattern": body.get("pattern")} | ({"isGlobal": False} if before is None else {})
        return values, [("/pattern", "Not a valid pattern.")] if word else []


def _view(asking: Asking, record: Record) -> dict[str, Any]:
    return {"id": record["id"], "pattern": record["pattern"], "isGlobal": record["isGlobal"]}


DOMAINS = Rules("domain_blacklist_rules", "domainBlacklistRule", is_domain)
EMAILS = Rules("email_blacklist_rules", "emailBlacklistRule", is_address)
EXCEPTIONS = Rules("email_exception_blacklist_rules", "emailExceptionBlacklistRule", is_address)

ROUTES = DOMAINS.routes() | EMAILS.routes() | EXCEPTIONS.routes()
