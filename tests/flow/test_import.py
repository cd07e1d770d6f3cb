"""Jobs run against a stand-in: what the file says is what Reply holds, and every row is accounted for."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
CONTACTS = "Email,First Name,Company,Budget,Lists\n" + "".join(
    f"p{i}@example.com,First{i},Company {i},{i},{'Fair;Web' if i % 2 else 'Web'}\n" for i in range(250)
)
JOB = """
job: small
from: {file: contacts.csv}
to: {object: contacts, mode: MODE}
map:
  email: Email
  firstName: First Name
  company: Company
  customFields.Budget: {column: Budget, as: number}
  lists: {column: Lists, split: ";"}
create_missing: [lists, custom_fields]
policy: {settle_s: 0.3}
"""


def run(bulkreply: Bulkreply, sandbox: SandboxProcess, *words: str, limits: str = "none"):
    return bulkreply("run", *words, "--base-url", sandbox.url, "--limits", limits)


def total(rows: dict[str, int]) -> int:
    return sum(count for word, count in rows.items() if word != "read")


def test_rows_fields_and_lists_arrive_as_they_are(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    bulkreply.write("contacts.csv", CONTACTS)
    done = run(bulkreply, server, str(bulkreply.write("job.yaml", JOB.replace("MODE", "upsert"))), "--json")
    assert done.code == 0, done.err
    held = {contact["email"]: contact for contact in server.ask("contacts")}
    assert len(held) == 250
    for i in range(250):
        contact = held[f"p{i}@example.com"]
        assert (contact["firstName"], contact["company"]) == (f"First{i}", f"Company {i}")
        assert contact["custom"] == {"Budget": str(i)}
        assert sorted(contact["lists"]) == (["Fair", "Web"] if i % 2 else ["Web"])
    report = done.json
    assert report["rows"]["created"] == report["rows"]["read"] == total(report["rows"]) == 250
    assert report["requests"]["by_operation"]["v3.contacts.import"] == 4, "125 rows of each group: two calls each"
    assert server.ask("state")["surprises"] == {}
    text = (bulkreply.run_folder("small") / "results.csv").read_text("utf-8")
    results = list(csv.DictReader(text.splitlines()))
    assert [line["row"] for line in results] == [str(i + 2) for i in range(250)]
    ids = {contact["email"]: str(contact["id"]) for contact in held.values()}
    assert all(line["reply_id"] == ids[line["key"]] and line["outcome"] == "created" for line in results)


def test_second_run_updates_and_insert_leaves_alone(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    bulkreply.write("contacts.csv", CONTACTS)
    job = str(bulkreply.write("job.yaml", JOB.replace("MODE", "upsert")))
    assert run(bulkreply, server, job).code == 0
    bulkreply.write("contacts.csv", CONTACTS.replace("Company", "Firm").replace("Firm,Budget", "Company,Budget"))
    assert run(bulkreply, server, job, "--set", "to.mode=insert").code == 0
    assert bulkreply.report("small")["rows"]["skipped"] == 250
    assert all(contact["company"].startswith("Company") for contact in server.ask("contacts"))
    assert run(bulkreply, server, job).code == 0
    assert bulkreply.report("small")["rows"]["updated"] == 250
    assert all(contact["company"].startswith("Firm") for contact in server.ask("contacts"))


def test_update_touches_only_known_and_delete_only_named(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", "40")
    known = sorted(contact["email"] for contact in server.ask("contacts"))
    rows = "\n".join(["Email,First Name", *(f"{email},Changed" for email in known[:10]), "new@example.com,New"])
    bulkreply.write("contacts.csv", rows + "\n")
    job = "job: touch\nfrom: {file: contacts.csv}\nto: {object: contacts, mode: update}\n"
    path = str(bulkreply.write("job.yaml", job + "map: {email: Email, firstName: First Name}\n"))
    done = run(bulkreply, server, path)
    assert done.code == 3, done.err
    report = bulkreply.report("touch")
    assert (report["rows"]["updated"], report["rows"]["rejected"]) == (10, 1)
    assert report["rejects"][0]["code"] == "reply.notFound"
    assert sum(contact["firstName"] == "Changed" for contact in server.ask("contacts")) == 10
    assert run(bulkreply, server, path, "--set", "to.mode=delete").code == 2, "a delete asks first"
    assert run(bulkreply, server, path, "--set", "to.mode=delete", "--yes").code == 0
    rows_now = bulkreply.report("touch")["rows"]
    assert (rows_now["deleted"], rows_now["skipped"]) == (10, 1)
    assert sorted(contact["email"] for contact in server.ask("contacts")) == known[10:]


def test_people_of_the_older_api(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--switch", "v1.unknown_email=200_null")
    rows = "\n".join(["E,F,T", *(f"q{i}@example.com,F{i},Buyer" for i in range(30)), "bad,B,x"])
    bulkreply.write("people.csv", rows + "\n")
    job = "job: people\nfrom: {file: people.csv}\nto: {object: people, api: v1}\n"
    path = str(bulkreply.write("job.yaml", job + "map: {email: E, firstName: F, title: T}\n"))
    assert run(bulkreply, server, path).code == 3
    report = bulkreply.report("people")
    assert (report["rows"]["created"], report["rows"]["rejected"]) == (30, 1)
    assert report["requests"]["by_operation"]["v1.people.upsert"] == 30
    assert {contact["title"] for contact in server.ask("contacts")} == {"Buyer"}


def test_inserting_known_and_new_names_creates_the_new_ones(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    job = "job: lists\nfrom: {file: lists.csv}\nto: {object: contact_lists, mode: insert}\nmap: {name: Name}\n"
    path = str(bulkreply.write("job.yaml", job))
    for names, created in ((("Fair", "Web"), 2), (("Fair", "News", "Web", "Talks"), 2)):
        bulkreply.write("lists.csv", "\n".join(["Name", *names]) + "\n")
        assert run(bulkreply, server, path).code == 0
        rows = bulkreply.report("lists")["rows"]
        assert (rows["created"], rows["skipped"]) == (created, len(names) - created)
    assert server.ask("state")["lists"] == {"Fair": 0, "Web": 0, "News": 0, "Talks": 0}


def test_unknown_names_and_fields_are_refused_unless_they_may_be_created(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    bulkreply.write("contacts.csv", CONTACTS)
    job = JOB.replace("MODE", "upsert").replace("create_missing: [lists, custom_fields]", "")
    done = run(bulkreply, server, str(bulkreply.write("job.yaml", job)))
    assert done.code == 2
    assert "job.yaml:9:3 map.customFields.Budget: the account has no custom field 'Budget'" in done.err
    job = job.replace("  customFields.Budget: {column: Budget, as: number}\n", "")
    done = run(bulkreply, server, str(bulkreply.write("job.yaml", job)))
    assert done.code == 3
    report = bulkreply.report("small")
    assert report["rows"]["rejected"] == 250
    assert report["rejects"][0]["code"] == "reference.unknown"
    assert server.ask("contacts") == []


def test_mended_rejects_run_with_the_same_job(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    rows = 'Mail;First;Note\na@example.com;A;"x;y"\nb at example.com;B;"said ""no"""\n;C;\n'
    bulkreply.folder.joinpath("in.csv").write_bytes(rows.encode("cp1252"))
    job = "job: mend\nfrom: {file: in.csv}\nto: {object: contacts}\nmap: {email: Mail, firstName: First, notes: Note}\n"
    path = str(bulkreply.write("job.yaml", job))
    assert run(bulkreply, server, path).code == 3
    rejects = bulkreply.run_folder("mend") / "rejects.csv"
    text = rejects.read_text("cp1252")
    assert text.splitlines()[0] == "Mail;First;Note;_row;_code;_field;_message;_hint"
    assert 'b at example.com;B;"said ""no""";3;email.invalid;email;' in text
    bulkreply.write("mended.csv", text.replace("b at ", "b@").replace("\n;C", "\nc@example.com;C"))
    assert run(bulkreply, server, path, "--set", "from.file=mended.csv").code == 0
    assert {c["email"] for c in server.ask("contacts")} == {"a@example.com", "b@example.com", "c@example.com"}
    why = bulkreply("why", rejects.parent.name, "3")
    assert why.code == 0
    assert "rejected" in why.out
    assert "email.invalid" in why.out


def test_retry_sends_only_failed_rows_through_the_job_as_it_is_now(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    bulkreply.write("in.csv", "Mail,First,Size\na@example.com,A,11-50\nb@example.com,B,medium\n")
    job = "job: again\nfrom: {file: in.csv}\nto: {object: contacts}\nmap:\n  email: Mail\n  firstName: First\n"
    path = bulkreply.write("job.yaml", job + "  companySize: Size\n")
    assert run(bulkreply, server, str(path)).code == 3
    bulkreply.write("job.yaml", job + "  companySize: {column: Size, values: {medium: Fifty, '*': Ten}}\n")
    name = bulkreply.run_folder("again").name
    done = bulkreply("retry", name, "--base-url", server.url, "--json")
    assert done.code == 0, done.err
    assert done.json["rows"]["read"] == done.json["rows"]["created"] == 1
    assert server.ask("writes")["a@example.com"] == {"created": 1, "updated": 0, "changed": 0}


def test_standard_input_and_several_files(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    job = "job: piped\nfrom: {file: '-'}\nto: {object: contacts}\nmap: {email: Mail, firstName: First}\n"
    path = str(bulkreply.write("job.yaml", job))
    done = bulkreply("run", path, "--base-url", server.url, stdin=b"Mail,First\na@example.com,A\n")
    assert done.code == 0, done.err
    for i in range(3):
        bulkreply.write(f"part{i}.csv", f"Mail,First\nx{i}@example.com,X\nbad,Y\n")
    assert run(bulkreply, server, path, "--set", "from.file=part*.csv").code == 3
    assert bulkreply.report("piped")["rows"] | {"created": 3, "rejected": 3} == bulkreply.report("piped")["rows"]
    assert len(list(bulkreply.run_folder("piped").glob("rejects*.csv"))) == 3


JOBS = sorted(path.name for path in (REPOSITORY / "jobs").glob("*.yaml"))


@pytest.mark.parametrize("name", JOBS)
def test_every_example_job_runs_on_the_stand_in(name: str, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    done = run(bulkreply, server, str(REPOSITORY / "jobs" / name), "--yes", "--json")
    assert done.code in (0, 3), done.err
    report = json.loads(done.out)
    assert report["state"] == "finished"
    assert report["rows"]["read"] == total(report["rows"]) > 0
    assert report["rows"]["unknown"] == report["rows"]["not_attempted"] == 0
    assert server.ask("state")["surprises"] == {}


def test_the_schema_for_editors_is_current(bulkreply: Bulkreply) -> None:
    assert json.loads((REPOSITORY / "jobs" / "job.schema.json").read_text("utf-8")) == bulkreply("schema").json


def test_samples_come_from_their_script(tmp_path: Path) -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, str(REPOSITORY / "samples" / "make_samples.py"), str(tmp_path)], check=True)
    for name in ("contacts.csv", "contacts.ndjson", "crm_export.csv", "prospecting_export.csv", "address_book.csv"):
        assert (tmp_path / name).read_bytes() == (REPOSITORY / "samples" / name).read_bytes(), name
