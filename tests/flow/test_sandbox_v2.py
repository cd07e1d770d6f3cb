"""What V2 does to the stand-in is seen by V1 and V3 too: the same sequences, steps and schedules under other names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bulkreply.sandbox import SandboxOptions
from bulkreply.sandbox.server import StandIn

HELLO = [{"subject": "Hello", "body": "<p>Hi</p>"}]
CONNECTION = {"email": "sender@example.com", "smtpHost": "smtp.example.com", "smtpPort": 465, "smtpPassword": "x"}
CONNECTION |= {"imapHost": "imap.example.com", "imapPort": 993, "imapPassword": "x"}


class Reply:
    """A stand-in with a sender, a contact and a campaign of one step."""

    def __init__(self) -> None:
        self.stand_in = StandIn(SandboxOptions(limits="none", keys=("known",)))
        self.ask("POST", "/v3/email-accounts", {"connection": CONNECTION})
        self.contact = self.ask("POST", "/v3/contacts", {"email": "a@example.com", "firstName": "A"})["id"]
        steps = [{"number": "1", "inMinutesCount": "0", "templates": HELLO}]
        body = {"name": "Autumn", "emailAccounts": ["sender@example.com"], "steps": steps}
        self.campaign = self.ask("POST", "/v2/campaigns", body)["id"]

    def answer(self, method: str, target: str, body: Any = None) -> tuple[int, bytes]:
        content = b"" if body is None else json.dumps(body).encode()
        found = self.stand_in.answer("known", 11, method, target, content)
        return found.status, found.content

    def ask(self, method: str, target: str, body: Any = None, status: int = 0) -> Any:
        found, content = self.answer(method, target, body)
        assert found == status or (not status and found < 300), content
        return json.loads(content) if content else None

    def act(self, action: str, status: int = 200) -> Any:
        return self.ask("POST", f"/v2/campaigns/{self.campaign}/{action}", status=status)

    def seen(self) -> tuple[str, int, bool]:
        """Status in V3 and in V1, and whether it is archived."""
        sequence = self.ask("GET", f"/v3/sequences/{self.campaign}")
        return sequence["status"], self.ask("GET", f"/v1/campaigns/{self.campaign}")["status"], sequence["isArchived"]


@pytest.fixture
def reply() -> Reply:
    return Reply()


def test_starting_pausing_and_archiving_is_seen_by_all(reply: Reply) -> None:
    assert "no contacts" in reply.act("start", 400)["message"]
    assert reply.seen() == ("new", 0, False)
    links = f"/v3/sequences/{reply.campaign}/contact-links/bulk"
    assert reply.ask("POST", links, {"contactIds": [reply.contact]})["added"] == [reply.contact]
    assert reply.act("start")["status"] == "Active"
    assert reply.act("start")["status"] == "Active", "a repeat changes nothing"
    assert reply.seen() == ("active", 2, False)
    assert reply.act("pause")["status"] == "Paused"
    assert reply.seen() == ("paused", 4, False)
    assert reply.act("archive")["isArchived"]
    assert reply.seen() == ("paused", 4, True)
    reply.act("start", 400)


def test_a_start_sends_once_and_the_mail_is_told_of(reply: Reply) -> None:
    links = f"/v3/sequences/{reply.campaign}/contact-links/bulk"
    reply.ask("POST", links, {"contactIds": [reply.contact]})
    for _ in range(2):
        reply.act("start")
    mails = list(reply.stand_in.workspaces["known"].shelf("v2_emails"))
    assert [mail["contactId"] for mail in mails] == [reply.contact]
    assert reply.ask("GET", f"/api/v2/emails/{mails[0]['id']}/content")["subject"] == "Hello"
    made = reply.stand_in.answer("known", 11, "GET", "/api/v2/reports/generate-email-report?reportType=emails", b"")
    place = made.headers["Location"]
    assert (made.status, reply.answer("GET", place)[0]) == (202, 404)
    status, text = reply.answer("GET", place)
    assert (status, text[:28]) == (200, b"Email,Date\r\na@example.com,20")


def test_steps_keep_their_order_in_both(reply: Reply) -> None:
    at = f"/v2/campaigns/{reply.campaign}/steps"
    (first,) = reply.ask("GET", at)
    last = reply.ask("POST", at, {"number": 2, "inMinutesCount": 60, "templates": HELLO})
    between = reply.ask("POST", at, {"number": "2", "inMinutesCount": "30", "templates": HELLO})
    shown = [(one["id"], one["number"], one["inMinutesCount"]) for one in reply.ask("GET", at)]
    assert shown == [(first["id"], "1", "0"), (between["id"], "2", "30"), (last["id"], "3", "60")]
    parents = {one["id"]: one["parentId"] for one in reply.ask("GET", f"/v3/sequences/{reply.campaign}/steps")}
    assert parents == {first["id"]: None, between["id"]: first["id"], last["id"]: between["id"]}
    reply.ask("POST", at, {"number": 9, "inMinutesCount": 60, "templates": HELLO}, status=400)
    assert reply.ask("DELETE", f"{at}/{between['id']}") == {"wasDeleted": True}
    parents = {one["id"]: one["parentId"] for one in reply.ask("GET", f"/v3/sequences/{reply.campaign}/steps")}
    assert parents == {first["id"]: None, last["id"]: first["id"]}
    toggle = {"activate": False, "variantIds": [first["templates"][0]["id"]]}
    reply.ask("POST", f"/v2/campaigns/{first['id']}/variants/toggle", toggle)
    (variant,) = reply.ask("GET", f"/v3/sequences/{reply.campaign}/steps/{first['id']}/variants")
    assert variant["isEnabled"] is False


def test_only_mail_passes_through(reply: Reply) -> None:
    steps = f"/v3/sequences/{reply.campaign}/steps"
    parent = reply.ask("GET", f"/v2/campaigns/{reply.campaign}/steps")[0]["id"]
    reply.ask("POST", steps, {"type": "call", "delayInMinutes": 5, "parentId": parent})
    assert len(reply.ask("GET", steps)) == 2
    assert len(reply.ask("GET", f"/v2/campaigns/{reply.campaign}/steps")) == 1


def test_schedules_are_shared(reply: Reply) -> None:
    morning = {"fromTime": {"hour": 8, "minute": 0}, "toTime": {"hour": 12, "minute": 0}}
    days = [{"weekDay": "Monday", "isActive": True, "timeRanges": [morning]}]
    zone = "Pacific Standard Time"
    made = reply.ask("POST", "/v2/schedules", {"name": "Mornings", "timezoneId": zone, "mainTimings": days})["id"]
    assert reply.ask("GET", f"/v3/schedules/{made}")["mainTimings"] == days
    reply.ask("POST", f"/v2/schedules/{made}/set-default")
    assert reply.ask("GET", "/v2/schedules/default")["id"] == made
    reply.ask("DELETE", f"/v2/schedules/{made}", status=400)
    steps = [{"number": 1, "inMinutesCount": 0, "templates": HELLO}]
    body = {"name": "Winter", "emailAccounts": ["sender@example.com"], "steps": steps}
    assert reply.ask("POST", "/v2/campaigns", body)["scheduleId"] == made
