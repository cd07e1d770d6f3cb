"""`plan --compare`: an unedited export changes nothing, and what is edited is what the plan says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.flow.account import Account
from tests.flow.inside import inside

FORMS = ("csv", "xlsx", "parquet")
PEOPLE = [
    {"email": "Ada@Example.com", "firstName": "Ada", "companySize": "Fifty", "phone": "0044 1", "company": "=Sum"},
    {"email": "bo@example.com", "firstName": "Bo", "lastName": 'Ö, "B"', "notes": "two\nlines"},
    {"email": "cy@example.com", "firstName": "Cy", "title": "empty", "linkedInUrl": "https://www.linkedin.com/in/cy"},
    {"email": "di@example.com", "firstName": "Di", "city": "Köln", "country": "DE"},
]
CUSTOM = [
    [{"name": "Budget", "value": "12.5"}, {"name": "Since", "value": "2026-01-31"}],
    [{"name": "Budget", "value": "7"}],
    [],
    [{"name": "Since", "value": "2026-03-01"}],
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A folder to stand in, and an account with people in lists, with values of every kind."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("COLUMNS", "200")):
        monkeypatch.setenv(name, value if name == "COLUMNS" else str(tmp_path / value))
    account.ask("POST", "/v3/custom-fields", {"title": "Budget", "fieldType": "number"})
    account.ask("POST", "/v3/custom-fields", {"title": "Since", "fieldType": "text"})
    lists = [account.named("/v3/contact-lists", name) for name in ("Fair", "Web, too", "Spare")]
    for one in lists:
        account.ask("POST", f"/v3/contact-lists/{one}/share")
    items = [person | {"customFields": custom} for person, custom in zip(PEOPLE, CUSTOM, strict=True)]
    for chosen, on in ((items[:1], lists[:1]), (items[1:2], lists[:2]), (items[2:], [])):
        options = {"overwriteExisting": True, "listIds": on} if on else {"overwriteExisting": True}
        account.ask("POST", "/v3/contacts/import", {"items": chosen, "options": options})
    return account


def bulkreply(account: Account, *words: str) -> Any:
    done = inside(*words, "--base-url", account.server.url, "--limits", "none", "--json")
    assert done.code == 0, done.err + done.out
    return done.json


def exported(account: Account, name: str, file: str) -> Path:
    bulkreply(account, "export", name, "-o", file)
    return Path(file)


def compared(account: Account, file: Path, name: str = "contacts", mode: str = "upsert", more: str = "") -> Any:
    Path("job.yaml").write_text(f"job: back\nfrom: {{file: {file}}}\nto: {{object: {name}, mode: {mode}}}\n{more}")
    before = account.requests()
    found = bulkreply(account, "plan", "job.yaml", "--compare")
    asked = account.requests()[len(before) :]
    assert all(one.startswith("GET ") or "/filter" in one for one in asked), asked
    return found["compare"]


def table(path: Path) -> pl.DataFrame:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path, infer_schema=False)
        case ".parquet":
            return pl.read_parquet(path)
    return pl.read_excel(path, engine="openpyxl", infer_schema_length=0)


def rewritten(path: Path, frame: pl.DataFrame) -> Path:
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".parquet":
            frame.write_parquet(path)
        case _:
            frame.write_excel(path)
    return path


def edited(path: Path, column: str, value: Any, key: str = "bo@example.com") -> Path:
    """The file with one cell changed, in the row of a key."""
    frame = table(path)
    name = "email" if "email" in frame.columns and "@" in key else "name"
    cells = [value if one == key else cell for one, cell in zip(frame[name], frame[column], strict=True)]
    return rewritten(path, frame.with_columns(pl.Series(column, cells, dtype=frame[column].dtype)))


def words(**counts: int) -> dict[str, int]:
    return dict.fromkeys(("created", "changed", "unchanged", "skipped", "rejected"), 0) | counts


def said(compare: dict[str, int]) -> dict[str, int]:
    return {word: count for word, count in compare.items() if word != "calls"}


@pytest.mark.parametrize("form", FORMS)
def test_an_export_comes_back_as_no_change(form: str, here: Account) -> None:
    file = exported(here, "contacts", f"all.{form}")
    found = compared(here, file)
    assert said(found) == words(unchanged=4)
    assert found["calls"] == 1
    assert said(compared(here, file, mode="insert")) == words(skipped=4)
    assert said(compared(here, edited(file, "city", "Bonn", "di@example.com"))) == words(unchanged=3, changed=1)
    frame = table(file)
    new = frame.head(1).with_columns(pl.lit("new@example.com").alias("email"))
    assert said(compared(here, rewritten(file, pl.concat([frame, new])))) == words(unchanged=3, changed=1, created=1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("customFields.Budget", "13"),
        ("customFields.Since", "2026-02-01"),
        ("companySize", "Ten"),
        ("lists", '["Fair", "Spare"]'),
        ("firstName", "BO"),
    ],
)
def test_one_edited_cell_is_one_change(column: str, value: str, here: Account) -> None:
    file = edited(exported(here, "contacts", "all.csv"), column, value)
    assert said(compared(here, file)) == words(unchanged=3, changed=1)


def test_a_list_that_is_left_out_takes_nobody_off_it(here: Account) -> None:
    file = edited(exported(here, "contacts", "all.csv"), "lists", '["Fair"]')
    assert said(compared(here, file)) == words(unchanged=4)
    file = edited(file, "lists", '["Brand new"]')
    assert said(compared(here, file, more="create_missing: [lists]\n")) == words(unchanged=3, changed=1)


def test_lists_that_reply_hides_count_as_changed(here: Account) -> None:
    file = exported(here, "contacts", "all.csv")
    for one in here.ask("GET", "/v3/contact-lists?top=1000")["items"]:
        here.ask("POST", f"/v3/contact-lists/{one['id']}/unshare")
    assert said(compared(here, file)) == words(unchanged=2, changed=2)


def test_records_named_by_id_are_compared_with_one_sweep(here: Account) -> None:
    file = exported(here, "contacts", "all.csv")
    other = "ignore: [lists]\n"  # what is known by its id is changed by a call that takes no lists
    found = compared(here, file, mode="update", more=other)
    assert said(found) == words(unchanged=4)
    assert found["calls"] == 1
    assert said(compared(here, file, mode="update", more="ignore: [id]\n")) == words(unchanged=4)
    gone = edited(edited(file, "id", "999999"), "title", "Boss", "cy@example.com")
    assert said(compared(here, gone, mode="update", more=other)) == words(unchanged=2, changed=1, rejected=1)


def test_rows_that_are_not_sent_are_counted_too(here: Account) -> None:
    rows = ["Ada@example.com,Ada", "ada@example.com,Ada", "no address,X", "zoe@example.com,Zoe"]
    Path("in.csv").write_text("\n".join(["email,firstName", *rows]) + "\n")
    assert said(compared(here, Path("in.csv"))) == words(unchanged=1, skipped=1, rejected=1, created=1)
    found = compared(here, Path("in.csv"), mode="update")
    assert said(found) == words(unchanged=1, skipped=1, rejected=2)


def test_an_update_of_contacts_sends_only_what_changes(here: Account) -> None:
    file = exported(here, "contacts", "all.csv")
    rewritten(file, table(file).drop("id"))
    assert said(compared(here, edited(file, "city", "Bonn", "di@example.com"), mode="update")) == words(
        unchanged=3, changed=1
    )
    report = bulkreply(here, "run", "job.yaml")
    assert report["rows"]["unchanged"] == 3
    assert report["rows"]["updated"] == 1
    assert report["requests"]["by_operation"]["v3.contacts.import"] == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["accounts", "schedules"])
def test_other_objects_come_back_unchanged(name: str, form: str, here: Account) -> None:
    if name == "accounts":
        for i in range(4):
            here.ask(
                "POST", "/v3/contact-accounts", {"name": f"A{i}", "domainName": f"a{i}.example", "companySize": "11-50"}
            )
        column = "domainName"
    else:
        hours = {"fromTime": {"hour": 9, "minute": 0}, "toTime": {"hour": 17, "minute": 30}}
        timings = [{"weekDay": "Monday", "isActive": True, "timeRanges": [hours]}]
        for i in range(4):
            here.ask("POST", "/v3/schedules", {"name": f"S{i}", "timezoneId": "Europe/Berlin", "mainTimings": timings})
        column = "timezoneId"
    file = exported(here, name, f"all.{form}")
    count = table(file).height
    for mode in ("upsert", "update"):
        found = compared(here, file, name, mode)
        assert said(found) == words(unchanged=count), mode
        assert found["calls"] <= 2
    assert said(compared(here, file, name, "insert")) == words(skipped=count)
    value = "b.example" if name == "accounts" else "Europe/Paris"
    assert said(compared(here, edited(file, column, value, f"{name[0].upper()}1"), name)) == words(
        unchanged=count - 1, changed=1
    )


def test_a_person_reads_it_and_what_cannot_be_compared_is_said(here: Account) -> None:
    exported(here, "contacts", "all.csv")
    compared(here, Path("all.csv"))
    shared = ("--base-url", here.server.url, "--limits", "none")
    shown = inside("plan", "job.yaml", "--compare", *shared)
    assert "compared with Reply: 0 created, 0 changed, 4 unchanged, 0 skipped, 0 rejected (1 calls)" in shown.out
    assert "compare" not in bulkreply(here, "plan", "job.yaml")
    assert inside("plan", "job.yaml", "--compare", "--offline", *shared).code == 2
    Path("job.yaml").write_text("job: c\nfrom: {file: all.csv}\nto: {procedure: AddNoteToContact}\n")
    Path("job.yaml").write_text(Path("job.yaml").read_text() + "map: {ContactId: id, Notes: firstName}\n")
    assert inside("plan", "job.yaml", "--compare", *shared).code == 2
