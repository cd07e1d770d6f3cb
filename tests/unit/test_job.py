"""Job files: what is taken, what is refused, and where each problem stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bulkreply.catalog import Catalog
from bulkreply.errors import JobInvalid
from bulkreply.job import Job, read_job
from bulkreply.job.read import MAX_BYTES, MAX_DEPTH, job_of, render
from bulkreply.mapping import Problem, Rule
from bulkreply.plan import resolve_target, uncreatable

HEAD = "job: x\nfrom: {file: a.csv}\nto: {object: contacts}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jobs are named as people name them: relative to where they stand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


def job(text: str, *settings: str) -> Job:
    path = Path("jobs/x.yaml")
    path.write_text(text, "utf-8")
    return read_job(path, settings)


def problems(text: str, *settings: str) -> list[str]:
    with pytest.raises(JobInvalid) as caught:
        job(text, *settings)
    return caught.value.problems


def rule(line: str) -> Rule:
    return job(f"{HEAD}map:\n  f: {line}\n").rules[0]


@pytest.mark.usefixtures("folder")
class TestWhatIsTaken:
    def test_everything_a_rule_can_say(self) -> None:
        taken = rule("{column: C, default: '-', values: {a: b, '*': c}, as: date, split: ';', format: '%d', clear: z}")
        assert taken == Rule(
            field="f",
            column="C",
            default="-",
            values={"a": "b", "*": "c"},
            as_type="date",
            split=";",
            date_format="%d",
            clear="z",
        )

    def test_a_rule_may_be_just_a_column(self) -> None:
        assert rule("Email") == rule("{column: Email}") == Rule(field="f", column="Email")

    def test_policy_is_for_every_rule_unless_the_rule_says_otherwise(self) -> None:
        text = f"{HEAD}policy: {{blank: clear, clear: <c>}}\nmap:\n  a: A\n  b: {{column: B, blank: keep, clear: ''}}\n"
        first, second = job(text).rules
        assert (first.blank, first.clear) == ("clear", "<c>")
        assert (second.blank, second.clear) == ("keep", "")

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("no", "no"),
            ("Yes", "Yes"),
            ("on", "on"),
            ("true", "true"),
            ("TRUE", "TRUE"),
            ("7", "7"),
            ("-7", "-7"),
            ("1.5", "1.5"),
            ("1.10", "1.10"),
            ("0044", "0044"),
            ("1e3", "1e3"),
            ("0x10", "0x10"),
            ("1_000", "1_000"),
            ("12:30", "12:30"),
            ("2026-03-01", "2026-03-01"),
            ("'null'", "null"),
        ],
    )
    def test_text_stays_the_text_it_is(self, written: str, text: str) -> None:
        assert rule(f"{{value: {written}}}").value == text
        assert rule(f"{{column: {written}}}").column == text
        assert rule(f"{{column: C, values: {{{written}: {written}}}}}").values == {text: text}

    def test_numbers_are_numbers_where_numbers_are_wanted(self) -> None:
        taken = job(f"{HEAD}map: {{}}\npolicy: {{settle_s: 1.50, reject: 7}}\n", "to.batch=050", "from.header_row=3")
        assert (taken.policy.settle_s, taken.policy.rejects_allowed(100)) == (1.5, 7)
        assert (taken.target.batch, taken.source.header_row) == (50, 3)

    @pytest.mark.parametrize(
        ("reject", "rows", "allowed"),
        [("5%", 200, 10), ("0%", 10, 0), ("100%", 10, -1), ("0", 10, 0), ("3", 10, 3), ("0.5%", 1000, 5)],
    )
    def test_rejects_allowed(self, reject: str, rows: int, allowed: int) -> None:
        taken = job(f"{HEAD}map: {{}}\npolicy: {{reject: {reject}}}\n")
        assert taken.policy.rejects_allowed(rows) == allowed

    def test_a_run_can_remember_its_job(self) -> None:
        text = f"{HEAD}map:\n  email: Email\n  title: {{value: 0044}}\nignore: [7]\ncreate_missing: [lists]\n"
        taken = job(text)
        again = job_of(json.loads(json.dumps(taken.content)), taken.path)
        unlike = {"text": "", "places": {}}
        assert again == taken.model_copy(update=unlike)

    def test_the_fingerprint_is_of_what_is_said_not_how(self) -> None:
        first = job(f"{HEAD}map: {{email: Email}}\n")
        assert job(f"# why\n{HEAD}map:\n    email:   'Email'\n").fingerprint == first.fingerprint
        assert job(f"{HEAD}map: {{email: E-mail}}\n").fingerprint != first.fingerprint
        assert job(f"{HEAD}map: {{email: Email}}\n", "to.mode=insert").fingerprint != first.fingerprint

    def test_a_byte_order_mark_is_nothing(self) -> None:
        assert job(f"\ufeff{HEAD}map: {{email: Email}}\n").name == "x"


@pytest.mark.usefixtures("folder")
class TestProblems:
    def test_each_with_its_place_and_all_at_once(self) -> None:
        text = "job: x\nfrom: {file: a.csv, shet: 1}\nto:\n  object: contacts\n  mode: upsrt\nmap: {email: Email}\n"
        assert problems(text) == [
            "jobs/x.yaml:2:21 from.shet: unknown key (did you mean 'sheet'?)",
            "jobs/x.yaml:5:3 to.mode: must be 'insert', 'update', 'upsert', 'delete', 'upload', 'replace', 'append' "
            "or 'merge'",
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (f"{HEAD}polcy: {{}}\nmap: {{}}\n", "4:1 polcy: unknown key (did you mean 'policy'?)"),
            (f"{HEAD}zzz: 1\nmap: {{}}\n", "4:1 zzz: unknown key (known: job, from, to, map, ignore, policy, "),
            (f"{HEAD}map: {{email: {{colum: E}}}}\n", "4:15 map.email.colum: unknown key (did you mean 'column'?)"),
            (f"{HEAD}map: {{email: {{column: a, value: b}}}}\n", "4:7 map.email: give exactly one of column, value, "),
            (f"{HEAD}map: {{email: {{default: b}}}}\n", "4:7 map.email: give exactly one of column, value, expr"),
            (f"{HEAD}map: {{email: [a]}}\n", "4:7 map.email: must be a text"),
            (f"{HEAD}map:\n  email:\n", "5:3 map.email: must be a text"),
            (f"{HEAD}map: 3\n", "4:1 map: must be a mapping"),
            (f"{HEAD}map: {{}}\npolicy: {{reject: many}}\n", "5:1 policy: reject: a number of rows or a share such as"),
            (f"{HEAD}map: {{}}\npolicy: {{reject: -1}}\n", "5:1 policy: reject: not below 0"),
            (f"{HEAD}map: {{}}\ncreate_missing: lists\n", "5:1 create_missing: must be a list"),
            ("job: x\nfrom: {file: a.csv}\nto: {}\n", "3:1 to: give exactly one of object, procedure, "),
            (HEAD.replace("object", "procedure: x, object"), "3:1 to: give exactly one of object, procedure, "),
            (HEAD.replace("object", "mode: insert, procedure"), "3:1 to: only objects and databases have a mode"),
        ],
    )
    def test_one_mistake_is_one_problem(self, text: str, problem: str) -> None:
        found = problems(text)
        assert len(found) == 1
        assert found[0].startswith(f"jobs/x.yaml:{problem}")

    def test_what_is_missing(self) -> None:
        assert problems("job: x\n") == [f"jobs/x.yaml:1:1 {key} is missing" for key in ("from", "to")]

    @pytest.mark.parametrize(
        ("target", "named", "problem"),
        [
            ("object: contacts", "tags", "'tags' cannot be created by its name (known: custom_fields, account_lists, "),
            ("object: contacts", "listz", "'listz' cannot be created by its name (known: "),
            ("object: contacts", "contact_list", "'contact_list' cannot be created by its name (did you mean 'contact"),
            ("object: contacts", "users", "'users' cannot be created by its name (known: "),
            ("object: contacts", "email_accounts", "'email_accounts' cannot be created by its name ("),
            ("{object: people, api: v1}", "lists", "'lists' cannot be created by its name ("),
        ],
    )
    def test_what_cannot_be_created_by_a_name(self, target: str, named: str, problem: str) -> None:
        taken = job(f"job: x\nfrom: {{file: a.csv}}\nto: {{{target.strip('{}')}}}\ncreate_missing: [lists, {named}]\n")
        found = [render(one, taken.path, taken.places) for one in uncreatable(taken, resolve_target(taken, Catalog()))]
        assert found[-1].startswith(f"jobs/x.yaml:4:25 create_missing.1: {problem}")
        assert len(found) == (1 if "v1" not in target else 2)

    @pytest.mark.parametrize("named", ["lists", "contact_lists", "custom_fields", "accounts", "account_lists"])
    def test_what_can_be_created_by_a_name(self, named: str) -> None:
        taken = job(f"{HEAD}create_missing: [{named}]\n")
        assert uncreatable(taken, resolve_target(taken, Catalog())) == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (f"{HEAD}map: {{a: &x Email, b: *x}}\n", "jobs/x.yaml:4:23 YAML aliases are not taken"),
            (f"{HEAD}map: &m {{a: b}}\nc: {{<<: *m}}\n", "aliases are not taken"),
            (f"{HEAD}map: {{a: b, a: c}}\n", 'duplicate key "a"'),
            (f"{HEAD}map: {{a: [}}\n", "jobs/x.yaml:4:"),
            ("- a\n", "jobs/x.yaml:1:1 a job file is a mapping"),
            ("", "jobs/x.yaml:1:1 a job file is a mapping"),
            ("a: 1\n---\nb: 2\n", "not valid YAML"),
            ("a: " + "[" * (MAX_DEPTH + 1), "nested deeper"),
            ("a: " + "[" * 100_000, "nested deeper"),
            ("a: \x00\n", "not valid YAML"),
            ("# " + "x" * MAX_BYTES, "larger than a job file can be"),
        ],
    )
    def test_tricks_of_yaml(self, text: str, words: str) -> None:
        found = problems(text)
        assert len(found) == 1
        assert words in found[0]

    def test_files_that_are_no_job(self, folder: Path) -> None:
        with pytest.raises(JobInvalid, match="No such file"):
            read_job(folder / "none.yaml")
        (folder / "latin.yaml").write_bytes(b"job: M\xfcller\n")
        with pytest.raises(JobInvalid, match="not UTF-8"):
            read_job(folder / "latin.yaml")

    def test_a_problem_deeper_than_the_file_stands_at_the_nearest_key(self) -> None:
        taken = job(f"{HEAD}map:\n  email: Email\n")
        found = Problem(("map", "email", "as"), "no such codec", "did you mean 'id'?")
        assert render(found, taken.path, taken.places) == (
            "jobs/x.yaml:5:3 map.email.as: no such codec (did you mean 'id'?)"
        )
        assert render(Problem(("ignore", 0), "odd"), taken.path, taken.places) == "jobs/x.yaml:1:1 ignore.0: odd"


class TestMapFiles:
    @pytest.mark.parametrize(
        "text", ["email: Email\ntitle: {value: 0044}\n", "map:\n  email: Email\n  title: {value: 0044}\n"]
    )
    def test_a_map_may_stand_in_a_file_of_its_own(self, folder: Path, text: str) -> None:
        (folder / "map.yaml").write_text(text)
        taken = job(f"{HEAD}map: map.yaml\n")
        assert taken.rules == (Rule(field="email", column="Email"), Rule(field="title", value="0044"))
        assert taken.content["map"]["email"] == "Email"

    @pytest.mark.parametrize(
        ("text", "place"),
        [("# c\nemail: {colum: E}\n", "2:9"), ("# c\nmap:\n    email: {colum: E}\n", "3:13")],
    )
    def test_its_problems_stand_in_it(self, folder: Path, text: str, place: str) -> None:
        (folder / "map.yaml").write_text(text)
        assert problems("polcy: {}\n" + HEAD + "map: map.yaml\n") == [
            f"jobs/map.yaml:{place} map.email.colum: unknown key (did you mean 'column'?)",
            "jobs/x.yaml:1:1 polcy: unknown key (did you mean 'policy'?)",
        ]

    def test_a_change_of_it_is_a_change_of_the_job(self, folder: Path) -> None:
        (folder / "map.yaml").write_text("email: Email\n")
        before = job(f"{HEAD}map: map.yaml\n").fingerprint
        (folder / "map.yaml").write_text("email: E-mail\n")
        assert job(f"{HEAD}map: map.yaml\n").fingerprint != before

    @pytest.mark.parametrize(("text", "words"), [("map: other.yaml\n", "holds no mapping"), ("- a\n", "is a mapping")])
    def test_a_map_file_without_a_map(self, folder: Path, text: str, words: str) -> None:
        (folder / "map.yaml").write_text(text)
        assert words in problems(f"{HEAD}map: map.yaml\n")[0]

    def test_a_map_file_that_is_not_there(self, folder: Path) -> None:
        assert problems(f"{HEAD}map: map.yaml\n") == ["jobs/map.yaml: No such file or directory"]


@pytest.mark.usefixtures("folder")
class TestSettings:
    @pytest.mark.parametrize(
        "value", [",", ";", "|", "\t", "'", '"', ">", "@", "-", "*x", "&a", "%", ":", "a: b", "0044"]
    )
    def test_a_value_is_taken_as_it_stands(self, value: str) -> None:
        assert job(f"{HEAD}map: {{}}\n", f"from.delimiter={value}").source.delimiter == value

    def test_settings_reach_into_the_job(self) -> None:
        taken = job(
            f"{HEAD}map: {{email: E}}\n",
            "to.mode=insert",
            "policy.settle_s=2.5",
            "map.title={value: no}",
            "ignore=[A, B]",
        )
        assert (taken.target.mode, taken.policy.settle_s, taken.ignore) == ("insert", 2.5, ("A", "B"))
        assert taken.rules[1] == Rule(field="title", value="no")

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("to.mode", "write it as name=value"),
            ("=x", "write it as name=value"),
            ("map.email.as=id", "email holds one value, not a mapping"),
            ("to.mode=upsrt", "to.mode: must be"),
            ("to.mod=insert", "to.mod: unknown key (did you mean 'mode'?)"),
        ],
    )
    def test_refused_settings(self, setting: str, words: str) -> None:
        found = problems(f"{HEAD}map: {{email: E}}\n", setting)
        assert len(found) == 1
        assert words in found[0]
