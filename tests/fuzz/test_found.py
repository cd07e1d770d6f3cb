"""What the fuzz found, each as small as it gets."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bulkreply.accounts import load_account
from bulkreply.catalog import Catalog
from bulkreply.databases.address import open_database
from bulkreply.errors import JobInvalid, SourceUnreadable, UsageProblem
from bulkreply.files.formats import FileOptions, open_table
from bulkreply.files.placing import file_name
from bulkreply.job import read_job
from bulkreply.mapping.expressions import problems_of
from bulkreply.query import read_statement
from bulkreply.secrets import redact
from bulkreply.wire.answer import Answer
from bulkreply.wire.refusal import refusal
from tests.flow.inside import inside
from tests.fuzz.batch import cpu_bound
from tests.support import REPOSITORY, Bulkreply

FOUND = Path(__file__).parent / "found"
JOB = "job: x\nfrom: {file: in.csv}\nto: {object: contacts}\nmap: {email: Email, firstName: First}\n"


def rows(path: Path, **options: str) -> list[tuple[object, ...]]:
    table = open_table(path, FileOptions(**options))  # type: ignore[arg-type]
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


class TestFiles:
    @pytest.mark.parametrize("encoding", ["idna", "punycode", "hex", "rot13", "undefined", "unicode_escape\x00", "x"])
    @pytest.mark.parametrize("name", ["in.csv", "in.ndjson"])
    def test_an_encoding_that_is_none_of_text_files(self, encoding: str, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(b'{"a": 1}\n{"a": "\xc3\xa9"}\n')
        with pytest.raises(SourceUnreadable, match="encoding"):
            rows(tmp_path / name, encoding=encoding, format=name[3:])

    def test_an_encoding_that_has_halves_of_characters(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes(b"a,b\n+3wD-,2\n3,4\n")
        table = open_table(tmp_path / "in.csv", FileOptions(encoding="utf-7"))
        (chunk,) = table.chunks()
        assert chunk.frame.rows() == [("3", "4")]
        assert [reject.row for reject in chunk.rejects] == [2]

    @pytest.mark.parametrize(
        ("encoding", "codec"), [("utf-16", "utf-16"), ("utf-16", "utf-16-le"), ("cp1252", "cp1252")]
    )
    def test_ndjson_in_other_encodings(self, encoding: str, codec: str, tmp_path: Path) -> None:
        (tmp_path / "in.ndjson").write_bytes('{"a":"é"}\n{"a":"b"}\n'.encode(codec))
        assert rows(tmp_path / "in.ndjson", encoding=encoding) == [("é",), ("b",)]

    def test_a_key_of_ndjson_that_is_empty(self, tmp_path: Path) -> None:
        (tmp_path / "in.ndjson").write_text('{"": 1, "a": 2}\n')
        (chunk,) = open_table(tmp_path / "in.ndjson", FileOptions()).chunks()
        assert chunk.frame.columns == ["", "a"]

    def test_whole_and_broken_numbers_in_one_list_inside_an_object(self, tmp_path: Path) -> None:
        (tmp_path / "in.ndjson").write_text(
            '{"a": {"x": [1, 2.5]}}\n{"a": {"x": [3]}}\n{"a": null}\n{"a": {}, "b": 1}\n'
        )
        assert rows(tmp_path / "in.ndjson")[0] != ()
        (tmp_path / "in.ndjson").write_text('{"a": [{"x": [1, 2.5], "n": 7}]}\n{"a": [{"x": [3], "n": null}]}\n')
        assert rows(tmp_path / "in.ndjson") == [([{"x": [1.0, 2.5], "n": 7}],), ([{"x": [3.0], "n": None}],)]

    def test_a_parquet_file_that_makes_polars_panic_is_one_line(self, bulkreply: Bulkreply) -> None:
        job = JOB.replace("in.csv", str(FOUND / "panic.parquet")).replace("Email", "email").replace("First}", "email}")
        done = bulkreply("plan", "--offline", str(bulkreply.write("job.yaml", job)))
        assert done.code == 2
        assert done.err.startswith("error: panic.parquet is damaged"), done.err
        assert "panicked" not in done.err

    def test_a_file_name_with_half_a_character(self) -> None:
        with pytest.raises(UsageProblem, match="cannot be part"):
            file_name("{job}.csv", {"job": "a\ud800"}, datetime(2026, 1, 1, tzinfo=UTC))
        with pytest.raises(UsageProblem, match="no name every system can keep"):
            file_name("a\ud800.csv", {}, datetime(2026, 1, 1, tzinfo=UTC))


class TestJobs:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                JOB.replace("{object: contacts}", "{object: contacts, mode: insert}").replace(
                    "file: in.csv", "object: contacts"
                ),
                "migration",
            ),
            (JOB.replace("First}", '"\\ud800"}'), "half a character"),
            (JOB.replace("First}", '{"\\ud800": x}}'), "half a character"),
        ],
    )
    def test_a_job_file(self, text: str, says: str, tmp_path: Path) -> None:
        (tmp_path / "job.yaml").write_text(text)
        with pytest.raises(JobInvalid, match=says):
            read_job(tmp_path / "job.yaml")

    @pytest.mark.parametrize("reject", ["inf", "nan", "1e400%", "-1"])
    def test_a_share_nobody_can_count_to(self, reject: str, tmp_path: Path) -> None:
        (tmp_path / "job.yaml").write_text(f"{JOB}policy: {{reject: '{reject}'}}\n")
        with pytest.raises(JobInvalid, match="reject"):
            read_job(tmp_path / "job.yaml")

    def test_a_job_without_any_file(self, tmp_path: Path) -> None:
        (tmp_path / "job.yaml").write_text(JOB.replace("in.csv", "[]"))
        done = inside("plan", "--offline", str(tmp_path / "job.yaml"))
        assert (done.code, "names no input file" in done.err) == (2, True), done.err

    @pytest.mark.parametrize(
        ("expr", "says"),
        [
            ("LPAD(a, 999999999, 'x')", "plain number"),
            ("UPPER(RPAD('])' || a, CAST(b AS INT), 'x'))", "plain number"),
            ("REPLACE(" * 14 + "a" + ", 'a', 'aa')" * 14, "times longer"),
            ("a" + " || a" * 300, "steps deep"),
            ("1" + "+1" * 60_000, "characters"),
            ("'\ud800'", "not a polars"),
        ],
    )
    def test_an_expression_that_would_take_the_process_with_it(self, expr: str, says: str) -> None:
        (problem,) = problems_of(expr, ("map",), ["a", "b"])
        assert says in problem.message

    @pytest.mark.parametrize(
        "expr",
        ["LPAD(a, 10, '0')", "REPLACE(REPLACE(REPLACE(a, '-', ''), ' ', ''), '+', '00')", "a IN ('x', 'y')", "a || b"],
    )
    def test_expressions_people_write(self, expr: str) -> None:
        assert problems_of(expr, ("map",), ["a", "b"]) == []


class TestWords:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("accounts = 3", "accounts are tables"),
            ("[accounts]\nmain = 3", "accounts are tables"),
            ('[accounts.main]\nkey_env = "K"\nreserve = "much"', "reserve"),
            ('[accounts.main]\nkey_env = "K"\nreserve = 1', "reserve"),
            ("[accounts.main]\nkey_command = []", "key_command failed"),
            ('[accounts.main]\nkey_command = "\'"', "key_command failed"),
            ('[accounts.main]\nkey_file = "bytes"', "cannot be read as text"),
            ('[accounts.main]\nkey_file = "a\\u0000b"', "cannot be read as text"),
            ('[accounts.main]\nkey_env = "TWO_LINES"', "characters"),
            ('[accounts.main]\nkey_env = "K"\nact_as = "a\\r\\nX-Evil: 1"', "characters"),
        ],
    )
    def test_a_configuration(self, text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("K", "key")
        monkeypatch.setenv("TWO_LINES", "key\nX-Evil: 1")
        (tmp_path / "bulkreply.toml").write_text(text)
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        with pytest.raises(UsageProblem, match=says):
            load_account("main", tmp_path)

    def test_a_key_that_would_be_two_headers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REPLY_API_KEY", "canary\r\nX-Evil: 1")
        with pytest.raises(UsageProblem, match="REPLY_API_KEY holds characters") as caught:
            load_account(None, tmp_path)
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (("[fields]", "fields = 3\n[x]"), "fields"),
            (('natural_key = ["name"]', "natural_key = 5"), "natural_key"),
            (('natural_key = ["name"]', 'natural_key = ["nmae"]'), "no field 'nmae'"),
            (('call = "GET', "call = 7 #"), "call"),
            (('type = "text"', 'type = "txet"'), "must be one of"),
            (('sweep = "list"', 'sweep = "lsit"'), "no operation 'lsit'"),
        ],
    )
    def test_a_catalog_overlay(self, change: tuple[str, str], says: str, tmp_path: Path) -> None:
        text = (REPOSITORY / "bulkreply" / "catalog" / "data" / "v3" / "account_lists.toml").read_text("utf-8")
        assert change[0] in text
        (tmp_path / "own.toml").write_text(text.replace(*change))
        with pytest.raises(UsageProblem, match=says):
            Catalog(tmp_path / "own.toml")

    @pytest.mark.parametrize("url", ["sqlite:///~nobody-here/x", "sqlite:///" + "x" * 5_000, "duckdb:///a\udcff"])
    def test_an_address_no_system_can_keep(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(UsageProblem, match="address"):
            open_database(url, tmp_path)

    def test_a_query_with_half_a_character(self) -> None:
        with pytest.raises(UsageProblem, match="not a query"):
            read_statement("SELECT '\udcff'")


class TestAnswers:
    @pytest.mark.parametrize(
        "text", ["x" * 2_000_000, "<" * 2_000_000, "%40" * 500_000, "x%" * 1_000_000, "x@" * 500_000]
    )
    def test_what_a_server_writes_is_read_in_linear_time(self, text: str) -> None:
        with cpu_bound(10):
            redact(text)
            for body in (text, {"detail": text, "code": text}, {"errors": [{"pointer": text, "detail": text}]}):
                said = refusal(Answer(400, {}, orjson.dumps(body)))
                assert len(said.code) + len(said.message) < 1_000

    def test_addresses_are_taken_out_whatever_stands_around_them(self) -> None:
        for address in ("ada@example.com", "ada%40example.com", "%40a%40b", "a.b+c%@example.com", "ü@example.com"):
            for text in (address, f"<{address}>", f"x={address}&y", f"no {address}, no", f"{address}:{address}"):
                assert redact(text).count("…@…") >= 1
                assert "ada" not in redact(text)


class TestHostileUse:
    """Streams, pipes and texts that steer terminals, through the real command."""

    def run(self, bulkreply: Bulkreply, script: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
        environment = bulkreply.environment | {"B": f"{sys.executable} -m bulkreply"} | settings
        done = subprocess.run(
            ["bash", "-c", script], cwd=bulkreply.folder, env=environment, capture_output=True, timeout=60, check=False
        )
        assert b"Traceback" not in done.stdout + done.stderr
        assert b"internal error" not in done.stderr
        return done

    @pytest.fixture
    def job(self, bulkreply: Bulkreply) -> Bulkreply:
        bulkreply.write("in.csv", "Email,First,Größe\na@example.com,A,ü\n")
        bulkreply.write("job.yaml", JOB)
        return bulkreply

    @pytest.mark.parametrize(
        ("script", "code"),
        [
            ("$B plan --offline job.yaml <&-", 0),
            ("$B plan --offline job.yaml >&-", 7),
            ("$B plan --offline nix.yaml 2>&-", 2),
            ("$B plan --offline job.yaml <&- >&- 2>&-", 7),
            ("$B plan --offline job.yaml > /dev/full", 7),
            ("$B plan --offline --json job.yaml > /dev/full", 7),
            ("$B objects | head -1; exit ${PIPESTATUS[0]}", 0),
            ("mkdir d.csv; $B plan --offline job.yaml --set from.file=d.csv", 2),
            ("mkfifo p.csv; $B plan --offline job.yaml --set from.file=p.csv", 2),
            ("mkfifo p.yaml; $B plan --offline p.yaml", 2),
            ("$B plan --offline job.yaml --set from.file=/dev/zero", 2),
            ("$B plan --offline /dev/zero", 2),
            ("$B plan --offline job.yaml --set from.file=- <&-", 2),
        ],
    )
    def test_streams_and_devices(self, script: str, code: int, job: Bulkreply) -> None:
        done = self.run(job, script)
        assert done.returncode == code, done.stderr
        assert len(done.stderr.splitlines()) <= 3

    @pytest.mark.parametrize("words", ["plan --offline", "plan --offline --json"])
    def test_a_terminal_that_knows_ascii_only(self, words: str, job: Bulkreply) -> None:
        done = self.run(job, f"$B {words} job.yaml", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0", COLUMNS="40")
        assert done.returncode == 0, done.stderr
        assert (b"Gr\\u00f6\\u00dfe" if "--json" in words else b"Gr\\xf6\\xdfe") in done.stdout

    def test_texts_that_steer_a_terminal_or_look_like_markup(self, job: Bulkreply) -> None:
        job.write("[red]x.csv", "Email,First,\x1b[2J,[/red],:smile:\na@example.com,A,1,2,3\n")
        done = self.run(job, "$B plan --offline job.yaml --set 'from.file=[red]x.csv' --set 'job=\"[/x]\"'")
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
        for text in (b"[red]x.csv", b"\\x1b[2J, [/red], :smile:", b"[/x]"):
            assert text in done.stdout
