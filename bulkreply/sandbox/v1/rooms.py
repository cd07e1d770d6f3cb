"""The modules that answer for V1."""

from __future__ import annotations

from bulkreply.sandbox.v1 import (
    blacklist,
    campaigns,
    enrolment,
    fields,
    lists,
    mailboxes,
    marks,
    people,
    rest,
    statistics,
    uploads,
)

ROOMS = (people, uploads, marks, fields, lists, enrolment, campaigns, statistics, mailboxes, blacklist, rest)
