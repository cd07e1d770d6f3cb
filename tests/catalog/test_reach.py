"""Whom operations reach, and what tells that a person must not be written to: linted, so that none is forgotten."""

from __future__ import annotations

import pytest

from bulkreply.catalog import Catalog, ObjectSpec, Operation
from bulkreply.catalog.inputs import inputs_of

CATALOG = Catalog()
OPERATIONS = [operation for spec in CATALOG for operation in spec.operations.values()]
REACHING = [operation for operation in OPERATIONS if operation.reach is not None]
NAMES_NOBODY = {
    "v3.inbox_messages.reply": "answers somebody who wrote",
    "v3.tasks.execute": "a task somebody set up for this person",
    "v3.email_templates.send_test": "goes to the user",
    "v3.email_accounts.resume_sending": "goes on with what was begun",
}


def test_whatever_sends_says_whom_it_reaches() -> None:
    assert {one.label for one in OPERATIONS if one.sends and one.reach is None} == set(NAMES_NOBODY)


def test_whatever_puts_people_into_sequences_sends() -> None:
    puts = ("/contact-links/bulk", "/move-to-sequence", "tocampaign", "ContactsToSequence")
    found = [one for one in OPERATIONS if one.path.endswith(puts) and one.object not in ("accounts",)]
    assert len(found) == 5
    assert all(one.sends for one in found)


@pytest.mark.parametrize("operation", REACHING, ids=lambda one: one.label)
def test_a_reach_speaks_of_what_there_is(operation: Operation) -> None:
    reach, spec = operation.reach, CATALOG.object(operation.object, operation.api)
    assert reach is not None
    taken = inputs_of(spec, operation)
    assert reach.who in taken
    assert reach.when.keys() <= taken.keys()
    assert all(word == word.lower() for words in reach.when.values() for word in words)
    if reach.crowd:
        assert reach.crowd_by in CATALOG.operation(reach.crowd).inputs
        return
    api, _, name = reach.of.partition(".")
    people = CATALOG.object(name, api) if name else spec
    assert people.signs
    assert set(reach.among) <= {sign.code for sign in people.signs}
    assert len(people.natural_key) == 1


@pytest.mark.parametrize("spec", [spec for spec in CATALOG if spec.signs], ids=lambda one: one.name)
def test_a_guard_can_be_read(spec: ObjectSpec) -> None:
    for sign in spec.signs:
        assert sign.field.partition(".")[0] in spec.fields
        assert bool(sign.values) != bool(sign.rules)
        for label in filter(None, (sign.rules, sign.unless)):
            rules = CATALOG.operation(label)
            assert rules.reads and not rules.parameters
            assert len(CATALOG.object(rules.object, rules.api).natural_key) == 1
