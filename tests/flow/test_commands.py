"""The commands that look and explain."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from tests.support import REPOSITORY, Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
REPORT_KEYS = {
    "schema_version", "job", "run", "state", "exit_code", "rows", "requests", "quota", "started", "finished",
    "rejects", "files",
}  # fmt: skip
ROW_KEYS = {
    "read", "created", "updated", "unchanged", "deleted", "called", "exported", "skipped", "rejected", "unknown",
    "not_attempted",
}  # fmt: skip


def test_plan_says_what_it_will_cost_and_sends_nothing(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "20/60s,3000/1h")
    job = str(REPOSITORY / "jobs" / "import_contacts.yaml")
    done = bulkreply("plan", job, "--base-url", server.url, "--limits", "20/60s,3000/1h", "--json")
    assert done.code == 0, done.err
    plan = done.json
    assert plan["rows"] == {"read": 1000, "to_send": 980, "duplicates": 4, "rejected": 16}
    assert plan["create"]["names"] == {"contact_lists": ["Fair 2026", "Newsletter", "Webinar"]}
    assert plan["create"]["custom_fields"] == {"Budget": "number", "Region": "text"}
    assert plan["quota_spent"] == ["3 of 20 per minute", "3 of 3,000 per hour"]
    assert plan["batches"] == plan["calls"]["v3.contacts.import"] == 12
    assert plan["wall_clock_s"] > 50, "20 calls with 17 left this minute"
    assert "per minute" in plan["pauses"][0]
    assert all(target.startswith("GET") for target in server.ask("requests")["targets"])


def test_report_status_why_and_objects(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none")
    job = str(REPOSITORY / "jobs" / "import_crm.yaml")
    done = bulkreply("run", job, "--base-url", server.url, "--limits", "none", "--json")
    assert done.code == 3
    assert done.json.keys() >= REPORT_KEYS
    assert done.json["rows"].keys() == ROW_KEYS
    assert bulkreply("report", "--json").json == done.json
    assert bulkreply("report").code == 0
    assert bulkreply("status", "--json").json[0]["state"] == "finished"
    assert "<table>" in (bulkreply.run_folder("import-crm") / "report.html").read_text("utf-8")
    assert bulkreply("why", "import-crm", "2").out.startswith("row 2: created")
    assert bulkreply("why", "import-crm", "9999").code == 2
    assert bulkreply("retry", "import-crm", "--base-url", server.url).code == 3
    assert "customFields" in bulkreply("objects", "contacts").out
    assert bulkreply("objects", "contacts", "--json").json["natural_key"] == ["email"]
    assert {"contacts", "people"} <= {one.get("object") for one in bulkreply("objects", "--json").json}
    assert "did you mean 'contacts'" in bulkreply("objects", "contcts").err
    assert bulkreply("resume").code == 2


def test_doctor_and_help(sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox()
    assert bulkreply("doctor", "--base-url", server.url).code == 0
    bulkreply.key = "wrong"
    done = bulkreply("doctor", "--base-url", server.url)
    assert (done.code, "Traceback" in done.err) == (6, False)
    assert bulkreply("--version").out.startswith("bulkreply ")
    bulkreply.settings["COLUMNS"] = "40"
    for word in (
        "demo",
        "check",
        "plan",
        "run",
        "resume",
        "retry",
        "status",
        "report",
        "why",
        "objects",
        "call",
        "schema",
    ):
        assert bulkreply(word, "--help").code == 0
        assert word in bulkreply("--help").out
    assert bulkreply("objects").code == 0


def test_heavy_libraries_stay_out_of_help(bulkreply: Bulkreply) -> None:
    import subprocess
    import sys

    for words in (["--help"], ["--version"]):
        program = (
            f"import sys; sys.argv = ['bulkreply', *{words!r}]\nfrom bulkreply.cli.app import run_app\nrun_app()\n"
        )
        program += "heavy = {'polars', 'aiohttp', 'pydantic', 'openpyxl', 'sqlite3'} & set(sys.modules)\n"
        program += "sys.exit(f'imported {heavy}' if heavy else 0)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, env=bulkreply.environment, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_commands_of_the_readme_exist_and_run(sandbox: Start, bulkreply: Bulkreply) -> None:
    """Every `bulkreply …` line of the README's shell blocks, against a stand-in."""
    server = sandbox("--limits", "none")
    bulkreply.settings |= {"REPLY_BASE_URL": server.url}
    text = (REPOSITORY / "README.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("bulkreply ")]
    assert len(lines) >= 3
    for name in ("jobs", "samples"):
        (bulkreply.folder / name).symlink_to(REPOSITORY / name)
    assert bulkreply("call", "sequences.create", "--name", "Fair 2027").code == 0
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        done = bulkreply(*words)
        assert done.code in (0, 3), (line, done.err)


def test_the_demo_shows_a_killed_run_that_resumes(bulkreply: Bulkreply) -> None:
    done = bulkreply("demo", "--keep", str(bulkreply.folder / "demo"), timeout_s=60)
    assert done.code == 0, done.err
    assert "killed" in done.err
    assert "now holds 980 contacts and 3 lists" in done.err
    assert "Contacts created twice: 0" in done.err
    report = re.search(r"The report: (\S+)", done.err)
    assert report is not None
    assert "<table>" in (bulkreply.folder / report[1]).read_text("utf-8")
