"""The example jobs and the files they read: what is valid, what is not, and that the four formats agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from bulkreply.catalog import Catalog
from bulkreply.job import Job, read_job
from bulkreply.mapping import Mapping, Names, bind, columns_of
from bulkreply.plan import open_source, resolve_rules, uncreatable
from bulkreply.slots import fill
from bulkreply.sources import FileSource
from bulkreply.targets import Target
from bulkreply.wire.layout import Layouts
from tests.support import REPOSITORY

JOBS = REPOSITORY / "jobs"
SAMPLES = REPOSITORY / "samples"


class Figures(NamedTuple):
    """Rows that can be sent (those that repeat an earlier key among them), and rows that cannot, by first code."""

    valid: int
    repeated: int
    rejected: dict[str, int]


CONTACTS = Figures(984, 4, {"email.invalid": 4, "enum.invalid": 3, "number.invalid": 3, "value.required": 6})
EXPECTED = {
    "blacklist_domains.yaml": Figures(2, 0, {}),
    "create_custom_fields.yaml": Figures(2, 0, {"enum.invalid": 1}),
    "create_lists.yaml": Figures(2, 0, {"value.required": 1}),
    "create_schedules.yaml": Figures(2, 0, {"nested.invalid": 1}),
    "create_sequences.yaml": Figures(2, 0, {"nested.invalid": 1}),
    "delete_contacts.yaml": Figures(11, 0, {"email.invalid": 1}),
    "import_accounts.yaml": Figures(3, 0, {"value.required": 1}),
    "import_address_book.yaml": Figures(72, 1, {"email.invalid": 3, "value.required": 5}),
    "import_contacts.yaml": CONTACTS,
    "import_contacts_ndjson.yaml": CONTACTS,
    "import_contacts_parquet.yaml": CONTACTS,
    "import_contacts_xlsx.yaml": CONTACTS,
    "import_crm.yaml": Figures(111, 1, {"email.invalid": 2, "row.ragged": 2, "value.required": 7}),
    "import_people_v1.yaml": Figures(57, 1, {"email.invalid": 1, "number.invalid": 1, "value.required": 1}),
    "import_prospecting.yaml": Figures(109, 1, {"enum.invalid": 3, "url.invalid": 1, "value.required": 7}),
    "insert_contacts.yaml": Figures(38, 0, {"email.invalid": 1, "value.required": 1}),
    "set_contact_status.yaml": Figures(6, 0, {}),
    "update_contacts.yaml": Figures(29, 0, {"email.invalid": 1}),
}


def bound(name: str, spool: Path) -> tuple[Job, FileSource, Mapping]:
    """A job, its input, and its map bound to both; the account is not known."""
    job = read_job(JOBS / name)
    source = open_source(job, spool)
    target, rules = resolve_rules(job, Catalog(), source)
    mapping, problems = bind(rules, target, source.columns, None, unchecked(target))
    assert problems + Layouts(mapping, "null").problems() + uncreatable(job, target) == []
    return job, source, mapping


def unchecked(target: Target) -> dict[str, Names]:
    """What names mean as long as nobody asked Reply."""
    return {field.object: Names(field.object, checked=False) for field in target.fields.values() if field.object}


def mapped(name: str, spool: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records, with the key and the call each is staged with, and rejects of a whole job."""
    _, source, mapping = bound(name, spool)
    parts = [mapping.apply(chunk) for chunk in source.chunks()]
    layouts, staged = Layouts(mapping, "null"), []
    for part in parts:
        records, unfit = layouts.apply(part)
        assert unfit.height == 0
        first = records.unique(["file", "row"], keep="first", maintain_order=True).select("file", "row", "key", "group")
        assert set(first["row"]) == set(part.records["row"])
        staged.append(part.records.join(first, on=["file", "row"], how="left", maintain_order="left"))
    return pl.concat(staged), pl.concat([part.rejects for part in parts])


def test_every_job_has_figures() -> None:
    assert sorted(path.name for path in JOBS.glob("*.yaml")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_job_sorts_its_rows_as_expected(name: str, tmp_path: Path) -> None:
    records, rejects = mapped(name, tmp_path)
    first = rejects.unique(["file", "row"], keep="first", maintain_order=True)
    found = Figures(
        records.height, int((~records["key"].is_first_distinct()).sum()), dict(first["code"].value_counts().iter_rows())
    )
    assert found == EXPECTED[name]
    assert not set(records["row"]) & set(first["row"])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_job_names_every_column_of_its_file_once(name: str, tmp_path: Path) -> None:
    job, source, mapping = bound(name, tmp_path)
    used = columns_of([one.rule for one in mapping.bound])
    assert used | set(job.ignore) == set(source.columns)
    assert used & set(job.ignore) == set()


def test_jobs_have_names_of_their_own_and_tell_editors_their_schema() -> None:
    names = [read_job(JOBS / name).name for name in EXPECTED]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    for name in EXPECTED:
        first_line = (JOBS / name).read_text("utf-8").splitlines()[0]
        assert first_line == "# yaml-language-server: $schema=job.schema.json", name


def test_the_shared_map_is_the_one_that_is_explained() -> None:
    assert read_job(JOBS / "import_contacts_xlsx.yaml").rules == read_job(JOBS / "import_contacts.yaml").rules


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "ndjson"])
def test_the_four_formats_hold_the_same_records(ending: str, tmp_path: Path) -> None:
    expected, wrong = mapped("import_contacts.yaml", tmp_path)
    records, rejects = mapped(f"import_contacts_{ending}.yaml", tmp_path)
    assert records.drop("row").equals(expected.drop("row"))
    assert rejects.drop("row").equals(wrong.drop("row"))
    # NDJSON has no header: its first row is line 1.
    shift = 1 if ending == "ndjson" else 0
    assert (records["row"] + shift).to_list() == expected["row"].to_list()


def test_what_only_looks_odd_arrives_as_it_was_meant(tmp_path: Path) -> None:
    records, _ = mapped("import_contacts.yaml", tmp_path)
    notes = "\n".join(records["notes"].drop_nulls())
    for text in ("no answer\nsecond call", '=HYPERLINK("https://', 'said "maybe"', "=2 sites"):
        assert text in notes
    row = dict(zip(records["row"], records.iter_rows(named=True), strict=True))
    assert row[64]["companySize"] == "Fifty"  # written 11–50, with a dash
    assert row[65]["email"] == row[65]["email"].strip() == row[65]["key"]  # blanks around it
    assert "12500.50" in records["customFields.Budget"].to_list()
    assert records["phone"].drop_nulls().str.starts_with("+").all()


def test_sizes_are_made_of_head_counts(tmp_path: Path) -> None:
    _, source, _ = bound("import_prospecting.yaml", tmp_path)
    records, _ = mapped("import_prospecting.yaml", tmp_path)
    counts = pl.concat(
        pl.DataFrame({"row": chunk.row_numbers, "count": chunk.frame["# Employees"]}) for chunk in source.chunks()
    )
    pairs = records.join(counts, on="row").select("count", "companySize").unique().drop_nulls()
    known = {
        "1": "SelfEmployed", "2": "Ten", "7": "Ten", "10": "Ten", "23": "Fifty", "50": "Fifty", "51": "TwoHundred",
        "180": "TwoHundred", "430": "FiveHundred", "950": "OneThousand", "1500": "FiveThousand",
        "5000": "FiveThousand", "7200": "TenThousand", "12000": "OverTenThousand",
    }  # fmt: skip
    found = dict(pairs.iter_rows())
    assert len(found) >= 8
    assert found == {count: known[count] for count in found}


def test_people_who_opted_out_are_not_sent(tmp_path: Path) -> None:
    _, source, _ = bound("import_crm.yaml", tmp_path)
    chunk = next(source.chunks())
    out = set(chunk.row_numbers.filter(chunk.frame["Email Opt Out"] == "1"))
    records, rejects = mapped("import_crm.yaml", tmp_path)
    assert len(out) == 4
    assert out <= set(rejects["row"])
    assert out & set(records["row"]) == set()


def test_labels_of_an_address_book_become_lists(tmp_path: Path) -> None:
    records, _ = mapped("import_address_book.yaml", tmp_path)
    groups = [json.loads(fill(group, json.dumps)) if group else {} for group in records["group"].unique()]
    lists = [group["shared"]["options"]["listIds"] for group in groups if group]
    assert sorted(lists) == [
        ["contact_lists:Fair 2026"],
        ["contact_lists:Fair 2026", "contact_lists:Webinar"],
        ["contact_lists:Newsletter"],
        ["contact_lists:Webinar"],
    ]
    assert {} in groups


def test_addresses_lie_in_the_domains_kept_for_examples() -> None:
    stray = re.compile(r"@(?!(?:[a-z0-9-]+\.)*example\.(?:com|org|net)\b)[A-Za-z0-9-]+\.[A-Za-z]")
    for path in [*SAMPLES.glob("*.csv"), SAMPLES / "contacts.ndjson"]:
        text = path.read_text("utf-8").lower()
        assert stray.findall(text) == [], path.name
    assert stray.findall("x@example.com.net y@somewhere.com") != []


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "make_samples.py"), str(tmp_path)], check=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in SAMPLES.iterdir() if path.suffix in (".csv", ".ndjson", ".parquet", ".xlsx")}
    for path in [*tmp_path.glob("*.csv"), *tmp_path.glob("*.ndjson")]:
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes(), path.name
