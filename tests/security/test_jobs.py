"""Job files by somebody who means harm: what they may name, how large they may be, what their expressions may do."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from bulkreply.errors import JobInvalid
from bulkreply.job import read_job
from bulkreply.runs import safe_name
from tests.flow.inside import inside

JOB = "job: x\nfrom: {file: in.csv}\nto: {object: contacts}\nmap:\n  email: Email\n  firstName: First\n"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
)


def refused(folder: Path, text: str) -> str:
    path = folder / "job.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(JobInvalid) as caught:
        read_job(path)
    assert caught.value.__cause__ is None
    return caught.value.message


def test_yaml_that_grows_or_never_ends(tmp_path: Path) -> None:
    assert "aliases are not taken" in refused(tmp_path, JOB + BOMB)
    assert "aliases are not taken" in refused(tmp_path, "job: &x y\nfrom: *x\n")
    assert "aliases are not taken" in refused(tmp_path, JOB + "policy: {<<: *nowhere}\n")
    assert "nested deeper" in refused(tmp_path, "x: " + "[" * 5_000 + "]" * 5_000)
    assert "nested deeper" in refused(tmp_path, "".join(" " * i + "a:\n" for i in range(60)))
    assert "larger than a job file" in refused(tmp_path, JOB + "#" * 1_000_001)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!binary aGk=", "!x y"]
)
def test_yaml_tags_make_nothing(tmp_path: Path, tag: str) -> None:
    refused(tmp_path, JOB.replace("job: x", f"job: {tag}"))


def test_a_job_s_name_is_no_path() -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "..", ".", "", "a/../b", "a\\b", "~root", "x\0y", "con:", "-rf"):
        made = safe_name(name)
        assert (
            made
            and "/" not in made
            and "\\" not in made
            and made not in (".", "..")
            and not made.startswith((".", "-"))
        )
        assert (Path("/runs") / made).resolve().parent == Path("/runs")


@pytest.mark.parametrize(
    "expr",
    [
        "(SELECT 1)", "SELECT * FROM read_csv('SECRET')", "read_csv('SECRET')", "scan_parquet('SECRET')",
        "Email FROM read_csv('SECRET')", "Email; SELECT * FROM read_csv('SECRET')",
        "Email IN (SELECT * FROM read_csv('SECRET'))", "EXISTS (SELECT 1)", "COPY x TO 'SECRET'", "Email; DROP TABLE x",
        "SUM(Email)", "Email OVER (PARTITION BY First)", "*",
    ],
)  # fmt: skip
def test_an_expression_reads_one_row_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expr: str
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nsesame\n")
    (tmp_path / "in.csv").write_text("Email,First\na@example.com,A\n")
    text = expr.replace("SECRET", str(secret)).replace("\n", " ")
    (tmp_path / "job.yaml").write_text(JOB + f'  notes: {{expr: "{text}"}}\n')
    monkeypatch.chdir(tmp_path)
    done = inside("plan", "--offline", "job.yaml")
    assert done.code == 2, done.out
    assert "map.notes" in done.err and "sesame" not in done.err + done.out


def test_the_canary_of_that_the_other_door_of_the_library_reads_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nsesame\n")
    with pl.SQLContext() as context:
        found = context.execute(f"SELECT * FROM read_csv('{secret}')", eager=True)
    assert found.to_dicts() == [{"word": "sesame"}]


def test_that_door_is_nowhere_in_the_program() -> None:
    package = Path(__file__).parents[2] / "bulkreply"
    assert [path.name for path in package.rglob("*.py") if "SQLContext" in path.read_text("utf-8")] == []
