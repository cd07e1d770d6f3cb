"""Which function answers which operation. The paths come from the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bulkreply.catalog import Catalog, Operation
from bulkreply.sandbox.answers import Answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.v1.rooms import ROOMS as V1_ROOMS
from bulkreply.sandbox.v2 import campaigns as v2_campaigns
from bulkreply.sandbox.v2 import mail as v2_mail
from bulkreply.sandbox.v2 import schedules as v2_schedules
from bulkreply.sandbox.v2 import steps as v2_steps
from bulkreply.sandbox.v2 import webhooks as v2_webhooks
from bulkreply.sandbox.v3 import (
    accounts,
    blacklist,
    contacts,
    email_templates,
    enrolment,
    folders,
    importing,
    inbox,
    inbox_categories,
    inbox_messages,
    linkedin,
    lists,
    mailboxes,
    members,
    reports,
    rest,
    senders_of_sequences,
    sending_times,
    sequence_templates,
    sequences,
    standing,
    steps,
    task_actions,
    tasks,
    user_settings,
    validations,
    variants,
    webhooks,
)

Route = Callable[[Asking], Answer]

ROOMS = (
    contacts,
    importing,
    lists,
    rest,
    accounts,
    blacklist,
    webhooks,
    validations,
    mailboxes,
    linkedin,
    email_templates,
    sending_times,
    sequences,
    folders,
    sequence_templates,
    steps,
    variants,
    members,
    enrolment,
    senders_of_sequences,
    tasks,
    task_actions,
    standing,
    inbox,
    inbox_categories,
    inbox_messages,
    reports,
    user_settings,
    *V1_ROOMS,
    v2_campaigns,
    v2_steps,
    v2_schedules,
    v2_webhooks,
    v2_mail,
)

ROUTES: dict[str, Route] = {label: route for room in ROOMS for label, route in room.ROUTES.items()}


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
        """The operation; True when the path exists with other methods only; False when it does not.

        A call that leaves out what its operation is selected by reaches that operation, which refuses it.
        """
        path_known, lacking = False, None
        for operation, pattern, needed in self._rows:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if not needed <= query.keys():
                if operation.method == method:
                    lacking = lacking or Match(operation, found.groupdict())
                continue
            path_known = True
            if operation.method == method:
                return Match(operation, found.groupdict())
        return lacking or path_known


def _row(operation: Operation) -> tuple[Operation, re.Pattern[str], frozenset[str]]:
    path, _, query = operation.path.partition("?")
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", re.sub(r"([.])", r"\\\1", path))
    flags = re.IGNORECASE if operation.api != "v3" else re.RegexFlag(0)  # conventions.md 1
    return (
        operation,
        re.compile(pattern + "/?" if operation.api != "v3" else pattern, flags),
        frozenset(_name(operation, pair.partition("=")[0]) for pair in query.split("&") if pair),
    )


def _name(operation: Operation, name: str) -> str:
    return name if operation.api == "v3" else name.lower()
