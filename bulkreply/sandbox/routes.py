"""Which function answers which operation. The paths come from the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bulkreply.catalog import Catalog, Operation
from bulkreply.sandbox.answers import Answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.v1 import people
from bulkreply.sandbox.v3 import contacts, importing, rest

Route = Callable[[Asking], Answer]

ROUTES: dict[str, Route] = {
    "v3.users.whoami": rest.whoami,
    "v3.users.list_team_users": rest.team_users,
    "v3.contacts.list": contacts.list_contacts,
    "v3.contacts.get": contacts.get_contact,
    "v3.contacts.create": contacts.create_contact,
    "v3.contacts.update": contacts.update_contact,
    "v3.contacts.delete": contacts.delete_contact,
    "v3.contacts.bulk_delete": contacts.bulk_delete,
    "v3.contacts.import": importing.import_contacts,
    "v3.contacts.filter": contacts.filter_contacts,
    "v3.contact_lists.list": rest.list_lists,
    "v3.contact_lists.get": rest.get_list,
    "v3.contact_lists.create": rest.create_list,
    "v3.contact_lists.update": rest.update_list,
    "v3.contact_lists.delete": rest.delete_list,
    "v3.contact_lists.share": rest.share_list,
    "v3.contact_lists.unshare": rest.unshare_list,
    "v3.contact_lists.add_contacts": rest.add_contacts,
    "v3.contact_lists.move_contacts": rest.move_contacts,
    "v3.custom_fields.list": rest.list_fields,
    "v3.custom_fields.get": rest.get_field,
    "v3.custom_fields.create": rest.create_field,
    "v3.custom_fields.update": rest.update_field,
    "v3.custom_fields.delete": rest.delete_field,
    "v3.background_jobs.list": rest.list_jobs,
    "v3.background_jobs.get": rest.get_job,
    "v3.background_jobs.cancel": rest.cancel_job,
    "v1.people.list": people.list_people,
    "v1.people.get": people.get_person,
    "v1.people.get_by_id_query": people.get_person,
    "v1.people.get_by_email": people.get_by_email,
    "v1.people.upsert": people.upsert_person,
    "v1.people.delete": people.delete_person,
    "v1.people.delete_by_id_query": people.delete_person,
    "v1.people.delete_by_email": people.delete_by_email,
    "v1.custom_fields.list": people.list_fields,
    "v1.custom_fields.get": people.get_field,
    "v1.custom_fields.create": people.create_field,
    "v1.custom_fields.update": people.update_field,
    "v1.custom_fields.delete": people.delete_field,
}


@dataclass(frozen=True, slots=True)
class Match:
    """The operation a request calls, and the parameters in its path."""

    operation: Operation
    parameters: Mapping[str, str]


class Router:
    """Finds operations by method and path, as the catalog knows them."""

    def __init__(self, catalog: Catalog) -> None:
        self._rows: list[tuple[Operation, re.Pattern[str], frozenset[str]]] = []
        for spec in catalog:
            for operation in spec.operations.values():
                if operation.label in ROUTES:
                    self._rows.append(_row(operation))
        # Most telling first: more query parameters, then fewer path parameters.
        self._rows.sort(key=lambda row: (-len(row[2]), row[0].path.count("{")))

    def match(self, method: str, path: str, query: Mapping[str, str]) -> Match | bool:
        """The operation; True when the path exists with other methods only; False when it does not."""
        path_known = False
        for operation, pattern, needed in self._rows:
            found = pattern.fullmatch(path)
            if found is None or not needed <= query.keys():
                continue
            path_known = True
            if operation.method == method:
                return Match(operation, found.groupdict())
        return path_known


def _row(operation: Operation) -> tuple[Operation, re.Pattern[str], frozenset[str]]:
    path, _, query = operation.path.partition("?")
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", re.sub(r"([.])", r"\\\1", path))
    flags = re.IGNORECASE if operation.api != "v3" else re.RegexFlag(0)  # conventions.md 1
    return (
        operation,
        re.compile(pattern + "/?" if operation.api != "v3" else pattern, flags),
        frozenset(pair.partition("=")[0] for pair in query.split("&") if pair),
    )
