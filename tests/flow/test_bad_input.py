"""Bad input of every kind: one clear line or a reject, never a traceback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import REPOSITORY, Bulkreply, Done, SandboxProcess

Start = Callable[..., SandboxProcess]
MESSY = sorted(p.name for p in (REPOSITORY / "samples" / "messy").iterdir() if p.suffix != ".md")
JOB = "job: bad\nfrom: {file: in.csv}\nto: {object: contacts}\nmap:\n  email: Email\n  firstName: First\n"


def assert_clear(done: Done) -> None:
    assert "Traceback" not in done.err + done.out
    assert "internal error" not in done.err


@pytest.mark.parametrize("name", MESSY)
def test_every_messy_sample_is_explained(name: str, bulkreply: Bulkreply) -> None:
    path = REPOSITORY / "samples" / "messy" / name
    header = "  header_row: 4\n" if name.startswith("title_rows") else ""
    job = f"job: messy\nfrom:\n  file: {path}\n{header}to: {{object: contacts}}\n"
    job += "map:\n  email: {expr: \"COALESCE(Email, '')\"}\n  firstName: {value: x}\n"
    done = bulkreply("plan", "--offline", "--json", str(bulkreply.write("job.yaml", job)))
    assert_clear(done)
    if done.code == 0:
        rows = done.json["rows"]
        assert rows["read"] == rows["to_send"] + rows["rejected"] + rows["duplicates"] > 0
    else:
        assert done.code == 2
        lines = done.err.strip().splitlines()
        assert lines[0].startswith("error: ")
        assert len(lines) <= 3, done.err


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (JOB.replace("in.csv", "im.csv"), "did you mean in.csv"),
        (JOB.replace("First\n", "Firts\n"), "job.yaml:6:3 map.firstName: the file has no column 'Firts' (did you mean"),
        (
            JOB.replace("firstName", "fristName"),
            "map.fristName: contacts has no field 'fristName' (did you mean 'firstName'?)",
        ),
        (JOB.replace("object: contacts", "object: contakts"), "job.yaml:3:6 to.object: there is no object 'contakts'"),
        (JOB.replace("to:", "too:"), "job.yaml:3:1 too: unknown key (did you mean 'to'?)"),
        (JOB.replace("{object: contacts}", "{object: contacts, mode: mrege}"), "to.mode: must be"),
        (JOB.replace("{object: contacts}", "{object: contacts, mode: merge}"), "replace, append, merge for databases"),
        (JOB.replace("job: bad", "job: [bad"), "job.yaml:2:"),
        (JOB.replace("job: bad", "job: &a bad\nignore: [*a]"), "aliases are not taken"),
        (JOB + "  notes: {expr: 'SUM(Email)'}\n", "map.notes.expr"),
        (JOB + "  notes: {expr: 'SELECT 1'}\n", "map.notes.expr"),
        (JOB + "  notes: {expr: \"read_csv('/etc/passwd')\"}\n", "map.notes.expr"),
        (JOB + "  notes: {column: Email, value: x}\n", "give exactly one of column, value, expr"),
        (JOB + "  title: {column: Email, as: nunber}\n", "there is no codec 'nunber'"),
        (JOB + "  isOptedOut: Email\n", "upsert contacts does not take isOptedOut"),
        (JOB.replace("  firstName: First\n", ""), "firstName must be mapped to upsert contacts"),
        (JOB + "ignore: [Nmae]\n", "ignore.0: the file has no column 'Nmae'"),
        (JOB + "policy: {reject: many}\n", "policy"),
        ("just text", "a job file is a mapping"),
        (JOB + "x: " + "[" * 60 + "]" * 60, "nested deeper"),
    ],
)
def test_a_bad_job_gets_its_line_and_column(job: str, says: str, bulkreply: Bulkreply) -> None:
    bulkreply.write("in.csv", "Email,First\na@example.com,A\n")
    done = bulkreply("plan", "--offline", str(bulkreply.write("job.yaml", job)))
    assert done.code == 2, done.err
    assert_clear(done)
    assert says in done.err


def test_all_problems_at_once(bulkreply: Bulkreply) -> None:
    bulkreply.write("in.csv", "Email,First\na@example.com,A\n")
    job = JOB.replace("First\n", "Frist\n") + "  citty: First\n"
    done = bulkreply("check", str(bulkreply.write("job.yaml", job)))
    assert "map.firstName" in done.err
    assert "map.citty" in done.err


def test_a_wrong_sheet_names_the_sheets(bulkreply: Bulkreply) -> None:
    path = REPOSITORY / "samples" / "contacts.xlsx"
    job = JOB.replace("{file: in.csv}", f"{{file: {path}, sheet: Contcats}}")
    done = bulkreply("plan", "--offline", str(bulkreply.write("job.yaml", job)))
    assert (done.code, "Contacts" in done.err) == (2, True), done.err
    assert_clear(done)


@pytest.mark.parametrize("body", ["empty", "problem"])
def test_a_wrong_key(sandbox: Start, bulkreply: Bulkreply, body: str) -> None:
    server = sandbox("--switch", f"v3.unauthorized_body={body}")
    bulkreply.write("in.csv", "Email,First\na@example.com,A\n")
    bulkreply.key = "wrong"
    done = bulkreply("run", str(bulkreply.write("job.yaml", JOB)), "--base-url", server.url)
    assert done.code == 6, done.err
    assert_clear(done)
    assert len(server.ask("requests")["targets"]) == 0


def test_no_key_no_server_no_tls(bulkreply: Bulkreply) -> None:
    bulkreply.write("in.csv", "Email,First\na@example.com,A\n")
    job = str(bulkreply.write("job.yaml", JOB))
    done = bulkreply("run", job, "--base-url", "http://reply.example.com")
    assert (done.code, "clear text" in done.err) == (2, True), done.err
    bulkreply.key = ""
    done = bulkreply("run", job)
    assert (done.code, "REPLY_API_KEY" in done.err) == (2, True), done.err
