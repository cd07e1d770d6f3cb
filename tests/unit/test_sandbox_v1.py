"""The stand-in's V1: its ten-second rule, its month, its switches, its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bulkreply.sandbox import server
from bulkreply.sandbox.multipart import parts_of
from bulkreply.sandbox.server import SandboxOptions, StandIn
from bulkreply.sandbox.store import Workspace
from tests.wire import world

KEY = "known"


def stand_in(**switches: str) -> StandIn:
    """One with the world of the samples; `push_active="409"` stands for the switch `v1.push_active`."""
    options = SandboxOptions(limits="none", keys=(KEY,), switches={f"v1.{k}": v for k, v in switches.items()})
    made = StandIn(options)
    world.furnish(made.workspaces[KEY])
    return made


def state(one: StandIn) -> Workspace:
    return one.workspaces[KEY]


def ask(one: StandIn, method: str, target: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    answer = one.answer(KEY, 11, method, target, content, kind)
    as_json = "json" in answer.content_type
    return answer.status, json.loads(answer.content) if as_json else answer.content.decode()


def act(one: StandIn, name: str, **body: Any) -> tuple[int, Any]:
    return ask(one, "POST", f"/v1/actions/{name}", body)


def form(csv: str, options: Any) -> tuple[bytes, str]:
    parts = [('name="file"; filename="name=x.csv"', csv), ('name="options"', json.dumps(options))]
    text = "".join(f"--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n" for head, body in parts)
    return f"{text}--edge--\r\n".encode(), "multipart/form-data; boundary=edge"


def upload(one: StandIn, csv: str, options: Any, path: str = "/v1/people/import/schedules-embedded") -> tuple[int, Any]:
    return ask(one, "POST", path, *form(csv, options))


# -- the quota


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(server.time, "time", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("scope", "refused"),
    [
        ("group", ["GET /v1/campaigns", "GET /v1/campaigns/501", "GET /v1/stats/status_in_campaign"]),
        ("endpoint", ["GET /v1/campaigns", "GET /v1/campaigns/501"]),
        ("key", ["GET /v1/campaigns", "GET /v1/campaigns/501", "GET /v1/stats/person"]),
    ],
)
def test_the_slow_reads_wait_for_each_other(clock: list[float], scope: str, refused: list[str]) -> None:
    one = StandIn(SandboxOptions(keys=(KEY,), switches={"v1.throttle_scope": scope}))
    assert one.begin(KEY, "v1", "GET /v1/campaigns")[1] is None
    taken = [] if scope == "key" else ["GET /v1/stats/person"]
    for target in [*taken, "GET /v1/campaigns/501/people", "GET /v1/stats/CampaignStep", "POST /v1/campaigns"]:
        assert one.begin(KEY, "v1", target)[1] is None, target
    for target in refused:
        answer = one.begin(KEY, "v1", target)[1]
        assert answer is not None and (answer.status, answer.content) == (400, b"Too much requests"), target
    clock[0] += 10.0
    assert one.begin(KEY, "v1", "GET /v1/campaigns/")[1] is None


def test_the_other_throttle_answer_is_empty(clock: list[float]) -> None:
    one = StandIn(SandboxOptions(keys=(KEY,), switches={"v1.throttle_answer": "429"}))
    one.begin(KEY, "v1", "GET /v1/campaigns")
    answer = one.begin(KEY, "v1", "GET /v1/campaigns")[1]
    assert answer is not None
    assert (answer.status, answer.content, answer.headers) == (429, b"", {"Retry-After": "10"})
    assert one.arrivals[KEY].statuses.tolist() == [0, 429]


@pytest.mark.parametrize(("limits", "given", "waits"), [("none", None, 0), ("9/1s", None, 10), ("none", 0.5, 0.5)])
def test_without_limits_there_is_no_ten_second_rule(limits: str, given: float | None, waits: float) -> None:
    assert SandboxOptions(limits=limits, ten_seconds_s=given).slow_s == waits


@pytest.mark.parametrize("status", ["403", "429", "400"])
def test_a_month_ends(status: str) -> None:
    one = stand_in(month_calls="2", month_exhausted=status)
    assert [one.begin(KEY, "v1", "GET /v1/people")[1] for _ in range(2)] == [None, None]
    assert one.begin(KEY, "v3", "GET /v3/contacts")[1] is None
    answer = one.begin(KEY, "v1", "GET /v1/people")[1]
    assert answer is not None and answer.status == int(status)


# -- reading


def test_answers_that_nobody_is_sure_of() -> None:
    for switches, target, shown in (
        ({"lookup_shape": "ids"}, {"email": "alpha@example.com"}, {"ids": [1001]}),
        ({"lookup_shape": "id"}, {"linkedin": "http://linkedin.com/in/gamma-example/"}, {"id": 1003}),
    ):
        assert ask(stand_in(**switches), "POST", "/v1/people/lookup", target) == (200, shown)
    assert ask(stand_in(), "POST", "/v1/people/lookup", {})[0] == 400
    assert ask(stand_in(variables_shape="array"), "GET", "/v1/internal/variables")[1][1:] == ["Region", "Seats"]
    assert ask(stand_in(shared_page="off"), "GET", "/v1/SharedPageUrl")[0] == 403
    assert ask(stand_in(), "GET", "/v1/SharedPageUrl")[1]["url"].endswith(str(ask_token()))
    assert ask(stand_in(campaign_by_id="object"), "GET", "/v1/campaigns?id=501")[1]["name"] == "Spring"
    one = stand_in(blacklist_default_output="domains")
    ask(one, "POST", "/v1/Blacklist?email=x@y.example")
    assert "x@y.example" not in ask(one, "GET", "/v1/blacklist")[1]["domains"]
    assert "x@y.example" in ask(one, "GET", "/v1/blacklist?outputType=0")[1]["domains"]


def ask_token() -> str:
    return ask(stand_in(), "GET", "/v1/SharedPageUrl")[1]["url"].rpartition("/")[2]


def test_a_call_that_names_nothing_is_refused() -> None:
    one = stand_in()
    for method, target in (
        ("DELETE", "/v1/people"), ("DELETE", "/v1/people?email="), ("POST", "/v1/blacklist"),
        ("GET", "/v1/stats/CampaignClicks"), ("GET", "/v1/stats/person"), ("GET", "/v1/people?page=x"),
        ("GET", "/v1/people?limit=0"), ("POST", "/v1/people"), ("DELETE", "/v1/emailAccounts"),
    ):  # fmt: skip
        assert ask(one, method, target)[0] == 400, (method, target)
    assert len(state(one).contacts) == 3


def test_pages_that_shift_repeat_a_row_and_lose_another() -> None:
    one = stand_in(people_order="unstable")
    pages = [ask(one, "GET", f"/v1/people?limit=1&page={page}")[1] for page in (1, 2, 3)]
    assert [page["people"][0]["id"] for page in pages] == [1003, 1003, 1001]
    assert {page["total"] for page in pages} == {3}


def test_keys_come_in_any_case_and_forms_too() -> None:
    one = stand_in()
    content, kind = b"CAMPAIGNID=501&Email=alpha%40example.com", "application/x-www-form-urlencoded"
    assert ask(one, "POST", "/v1/Actions/PushToCampaign", content, kind) == (200, "")
    assert list(state(one).contacts[1001].sequences or {}) == [501]
    assert not state(one).surprises


# -- enrolling


def test_someone_active_is_refused_or_forced() -> None:
    one = stand_in()
    world.SETUP["v1-push-to-campaign"](state(one))
    alpha = state(one).contacts[1001]
    assert act(one, "pushtocampaign", campaignId=501, email="alpha@example.com")[0] == 200
    for choice, status in (("400", 400), ("409", 409), ("200", 200)):
        one.switches.choose({"v1.push_active": choice})
        assert act(one, "pushtocampaign", campaignId=502, email="alpha@example.com")[0] == status
        assert list(alpha.sequences or {}) == [501]
    assert act(one, "pushtocampaign", campaignId=502, email="alpha@example.com", forcePush=True)[0] == 200
    assert list(alpha.sequences or {}) == [502]
    assert act(one, "pushtocampaign", campaignId=777, email="alpha@example.com")[0] == 404
    state(one).shelf("sequences").get(501)["isArchived"] = True
    assert act(one, "pushtocampaign", campaignId=501, email="alpha@example.com", forcePush=True)[0] == 400


def test_the_blocked_are_refused_or_passed_over_in_silence() -> None:
    for switches, status in (({}, 400), ({"push_blocked": "200_silent"}, 200)):
        one = stand_in(**switches)
        ask(one, "POST", "/v1/blacklist?domain=example.com")
        for address in ("beta@example.org", "alpha@example.com"):
            assert act(one, "pushtocampaign", campaignId=501, email=address)[0] == status
        assert not any(contact.sequences for contact in state(one).contacts.values())
        state(one).shelf("email_exception_blacklist_rules").add({"pattern": "alpha@example.com", "isGlobal": False})
        assert act(one, "pushtocampaign", campaignId=501, email="alpha@example.com")[0] == 200


def test_add_and_push_again_changes_but_does_not_enrol_twice() -> None:
    one, person = stand_in(), {"email": "tau@example.com", "firstName": "Tau"}
    assert act(one, "addandpushtocampaign", campaignId=501, **person)[0] == 200
    assert act(one, "addandpushtocampaign", campaignId=501, **person, title="Clerk")[0] == 200
    tau = state(one).by_email("tau@example.com")
    assert tau is not None and tau.fields["title"] == "Clerk" and list(tau.sequences or {}) == [501]
    one.switches.choose({"v1.push_active": "409"})
    assert act(one, "addandpushtocampaign", campaignId=501, **person, title="Boss")[0] == 409
    assert tau.fields["title"] == "Clerk"


def test_a_bulk_push_counts_its_reasons() -> None:
    one = stand_in(bulk_ids_max="5")
    state(one).contacts[1001].owner = 12
    status, told = act(
        one, "pushContactsToSequence", ContactIds=[1001, 1002, 1003, 9], SequenceId=501, OverwriteExisting=True
    )
    assert (status, told) == (
        200,
        {
            "affectedIdList": [],
            "skipped": 1,
            "skippedByInvalidEmail": 1,
            "skippedByOptedOutStatus": 1,
            "skippedByOwner": 1,
        },
    )
    many = {"ContactIds": [1, 2, 3, 4, 5, 6], "SequenceId": 501, "OverwriteExisting": True}
    assert act(one, "pushContactsToSequence", **many)[0] == 400


def test_a_domain_is_everyone_of_it() -> None:
    one = stand_in()
    assert act(one, "markasfinished", domain="example.com")[0] == 400
    act(one, "pushtocampaign", campaignId=501, email="alpha@example.com")
    assert act(one, "markasfinished", domain="Example.com")[0] == 200
    assert [m["status"] for m in (state(one).contacts[1001].sequences or {}).values()] == ["finished"]
    assert act(one, "markasreplied", domain="example.com", email="alpha@example.com")[0] == 400


# -- files


MAPPING = {"prospect": {"email": "Mail", "firstName": "First", "Region": "Area", "companySize": "Size"}}
PEOPLE = 'Mail,First,Area,Size\r\nrho@example.com,"R, ""ho""",West,11-50\r\nbad,Bad,,\r\nalpha@example.com,Anna,,\r\n'


def test_a_file_of_people() -> None:
    one = stand_in()
    assert upload(one, "\ufeff" + PEOPLE, {"mapping": MAPPING, "overwriteExisting": True, "listId": 71})[0] == 200
    rho = state(one).by_email("rho@example.com")
    assert rho is not None and rho.fields["firstName"] == 'R, "ho"' and rho.fields["companySize"] == "fifty"
    assert rho.custom == {41: "West"} and rho.source == "CSV" and rho.lists == (71,)
    assert state(one).contacts[1001].fields["firstName"] == "Anna" and state(one).contacts[1001].custom == {41: "West"}
    assert len(state(one).contacts) == 4


def test_a_file_of_people_that_overwrites_nothing_and_is_cut() -> None:
    one = stand_in(csv_row_cap="1")
    assert upload(one, PEOPLE, {"mapping": MAPPING})[0] == 200
    assert state(one).contacts[1001].fields["firstName"] == "Alpha" and len(state(one).contacts) == 4
    by_id = {"mapping": {"prospect": {"id": "Id", "title": "T"}}, "matchingFields": ["id"], "overwriteExisting": True}
    assert upload(one, "Id,T\r\n1001,Boss\r\n", by_id)[0] == 200
    assert state(one).contacts[1001].fields["title"] == "Boss"


@pytest.mark.parametrize(
    ("csv", "options"),
    [
        (PEOPLE, {"mapping": {}}),
        (PEOPLE, {"mapping": {"prospect": {"email": "Nothing"}}}),
        (PEOPLE, {"mapping": {"prospect": {"shoeSize": "Mail"}}}),
        (PEOPLE, {"mapping": MAPPING, "listId": 999}),
        ('Mail\r\n"open', {"mapping": {"prospect": {"email": "Mail"}}}),
    ],
)
def test_a_file_of_people_that_cannot_be_taken(csv: str, options: Any) -> None:
    one = stand_in()
    assert upload(one, csv, options)[0] == 400
    assert len(state(one).contacts) == 3


def test_a_form_that_is_none() -> None:
    one, (content, kind) = stand_in(csv_custom_fields="refused"), form(PEOPLE, {"mapping": MAPPING})
    assert ask(one, "POST", "/v1/people/import/schedules-embedded", content)[0] == 400
    assert ask(one, "POST", "/v1/people/import/schedules-embedded", content, kind)[0] == 400
    assert parts_of(content, kind)["file"].content.decode() == PEOPLE
    for damaged in (content[:-8], b"", b"--edge\r\n\r\nx\r\n--edge--"):
        with pytest.raises(ValueError):
            parts_of(damaged, kind)


COMPANIES = "Name,Site,Town\r\nNorthwind,northwind.example,Oslo\r\nTailspin,tailspin.example,\r\n,lost.example,\r\n"


@pytest.mark.parametrize(
    ("action", "counts", "town"),
    [
        ("OverwriteExisting", (1, 1, 0, 1), "Oslo"),
        ("UpdateMissing", (1, 1, 0, 1), "Bergen"),
        ("Skip", (1, 0, 1, 1), "Bergen"),
        ("Duplicate", (2, 0, 0, 1), "Bergen"),
    ],
)
def test_a_file_of_companies(action: str, counts: tuple[int, ...], town: str) -> None:
    one = stand_in()
    shelf = state(one).shelf("accounts")
    known = shelf.add({"name": "North", "domainName": "northwind.example", "city": "Bergen"})
    named = {"AccountName": "Name", "Domain": "Site", "City": "Town"}
    mappings = [{"CsvFieldName": column, "ReplyFieldName": name} for name, column in named.items()]
    options = {"MergeActionType": action, "MergeMatchingCriteria": "Domain", "Mappings": mappings}
    status, told = upload(one, COMPANIES, options, "/v1/accounts/import")
    assert (status, tuple(told.values())) == (200, counts)
    assert known["city"] == town
    assert upload(one, COMPANIES, options | {"MergeMatchingCriteria": "x"}, "/v1/accounts/import")[0] == 400
    assert upload(one, COMPANIES, options | {"Mappings": []}, "/v1/accounts/import")[1] == {
        "message": "MappingsNotPresent"
    }


def test_an_uploaded_file_survives_a_restart(tmp_path: Path) -> None:
    options = SandboxOptions(limits="none", keys=(KEY,), state=tmp_path / "state.ndjson")
    one = StandIn(options)
    assert (
        upload(
            one,
            "Mail,First\r\nrho@example.com,Rho\r\n",
            {"mapping": {"prospect": {"email": "Mail", "firstName": "First"}}},
        )[0]
        == 200
    )
    one.journal.close()
    assert state(StandIn(options)).by_email("rho@example.com") is not None
