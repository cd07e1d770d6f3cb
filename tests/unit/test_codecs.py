"""Codecs as tables: what a cell becomes, and what is refused."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkreply.catalog import Catalog, Field
from bulkreply.codecs import CODECS, Codec, codec_for, fold, json_text

SIZE = Catalog().object("contacts").fields["companySize"]


def read(codec: Codec, cell: str | None) -> str | None:
    frame = pl.DataFrame({"cell": [cell]}, schema={"cell": pl.String})
    value = frame.select(codec.read(pl.col("cell")).cast(pl.String).alias("value"))["value"][0]
    assert codec.column(frame["cell"]).to_list() == [value]
    return value


def named(name: str, date_format: str = "", max_length: int = 0) -> Codec:
    return codec_for(Field(name="f", type="text"), as_type=name, date_format=date_format, max_length=max_length)


TABLE: list[tuple[str, str, str | None]] = [
    ("text", "0044", "0044"),
    ("text", "a\x00b", "a\x00b"),
    ("boolean", "Yes", "true"),
    ("boolean", "X", "true"),
    ("boolean", "0", "false"),
    ("boolean", "OFF", "false"),
    ("boolean", "maybe", None),
    ("boolean", "10", None),
    ("integer", "+17", "17"),
    ("integer", "-3", "-3"),
    ("integer", "007", "7"),
    ("integer", "999999999999999999", "999999999999999999"),
    ("integer", "9999999999999999999", None),
    ("integer", "1.0", None),
    ("integer", "1e3", None),
    ("integer", "1 000", None),
    ("integer", "٣", None),
    ("number", "1.50", "1.50"),
    ("number", "+0.5", "0.5"),
    ("number", "-2", "-2"),
    ("number", "1,5", None),
    ("number", "1.", None),
    ("number", ".5", None),
    ("number", "0044", None),
    ("number", "NaN", None),
    ("number", "1e9", None),
    ("number", "1٣", None),
    ("id", "7", "7"),
    ("id", "0", None),
    ("id", "07", None),
    ("id", "-1", None),
    ("id", "1٣", None),
    ("url", "https://example.com/a?b=c", "https://example.com/a?b=c"),
    ("url", "linkedin.com/in/someone", "linkedin.com/in/someone"),
    ("url", "example", None),
    ("url", "see example.com", None),
    ("email", "Ann.Lee+x@Example.co.uk", "Ann.Lee+x@Example.co.uk"),
    ("email", "a@b", None),
    ("email", "a..b@example.com", None),
    ("email", "a@example.com, b@example.com", None),
    ("email", "x" * 65 + "@example.com", None),
    ("date", "2026-02-28", "2026-02-28"),
    ("date", "2026-02-30", None),
    ("date", "2026-2-3", None),
    ("date", "03/01/2026", None),
    ("date", "2026-02-28T10:00", None),
    ("datetime", "2026-02-28", "2026-02-28"),
    ("datetime", "2026-02-28T10:00:00Z", "2026-02-28T10:00:00Z"),
    ("datetime", "2026-02-28 23:59:59.123+02:00", "2026-02-28 23:59:59.123+02:00"),
    ("datetime", "2026-02-28T24:00", None),
    ("datetime", "2026-02-28T10:61", None),
    ("datetime", "2026-13-01T10:00", None),
]


@pytest.mark.parametrize(("name", "cell", "canonical"), TABLE)
def test_reading(name: str, cell: str, canonical: str | None) -> None:
    assert read(named(name), cell) == canonical


@pytest.mark.parametrize("name", [*CODECS, "date", "datetime"])
def test_blank_stays_blank(name: str) -> None:
    assert read(named(name), None) is None


@pytest.mark.parametrize(
    ("name", "form", "cell", "canonical"),
    [
        ("date", "%d.%m.%Y", "28.02.2026", "2026-02-28"),
        ("date", "%d.%m.%Y", "30.02.2026", None),
        ("date", "%m/%d/%Y", "02/28/2026", "2026-02-28"),
        ("datetime", "%d.%m.%Y %H:%M", "28.02.2026 07:05", "2026-02-28T07:05:00"),
        ("datetime", "%d.%m.%Y %H:%M %z", "28.02.2026 07:05 +0200", "2026-02-28T05:05:00Z"),
        ("datetime", "%d.%m.%Y", "2026-02-28", None),
    ],
)
def test_dates_in_the_files_own_form(name: str, form: str, cell: str, canonical: str | None) -> None:
    assert read(named(name, form), cell) == canonical


@pytest.mark.parametrize(
    ("cell", "canonical"),
    [
        ("Ten", "Ten"),
        ("TEN", "Ten"),
        ("2-10", "Ten"),
        ("2 – 10", "Ten"),
        ("self employed", "SelfEmployed"),
        ("1,001-5,000", "FiveThousand"),
        ("10,001+", "OverTenThousand"),
        ("eleven", None),
        ("", None),
    ],
)
def test_enum_values_and_their_aliases(cell: str, canonical: str | None) -> None:
    assert read(codec_for(SIZE), cell) == canonical


@pytest.mark.parametrize("value", SIZE.values)
def test_every_enum_value_reads_as_itself(value: str) -> None:
    codec = codec_for(SIZE)
    assert read(codec, value) == value == read(codec, f" {value.upper()}_")
    assert value in codec.expects


def test_length_is_counted_in_characters() -> None:
    codec = named("text", max_length=3)
    assert read(codec, "äöü") == "äöü"
    assert read(codec, "äöüß") is None
    assert codec.expects == "at most 3 characters"


@pytest.mark.parametrize(
    ("cell", "canonical"),
    [
        ("jörg@bücher.com", "jörg@bücher.com"),
        ("Ann@EXAMPLE.com", "Ann@example.com"),
        ("no at sign", None),
    ],
)
def test_the_second_look_at_an_address(cell: str, canonical: str | None) -> None:
    second = CODECS["email"].second_look
    assert second is not None
    found, why = second(cell)
    assert found == canonical
    assert bool(why) == (canonical is None)


def test_an_unknown_codec_is_an_error() -> None:
    with pytest.raises(KeyError):
        named("colour")


def test_a_reference_is_read_as_the_id_it_stands_for() -> None:
    """Names are looked up before (mapping/names.py)."""
    references = [field for spec in Catalog() for field in spec.fields.values() if field.object]
    assert {codec_for(field).name for field in references} == {"id", "uuid"}
    assert all(codec_for(field).name == field.type for field in references)


@pytest.mark.parametrize("name", ["boolean", "integer", "number", "id"])
@given(cell=st.text("0123456789٣+-.eE _xytrufalsnoYN", max_size=8))
def test_whatever_stands_bare_in_a_request_is_json(name: str, cell: str) -> None:
    canonical = read(CODECS[name], cell)
    if canonical is not None:
        assert json.loads(canonical) is not None


@given(st.lists(st.text(), max_size=5))
def test_escaped_text_is_json_text(cells: list[str]) -> None:
    escaped = json_text(pl.Series("c", cells, dtype=pl.String)).to_list()
    assert [json.loads(f'"{cell}"') for cell in escaped] == cells


def test_folding() -> None:
    assert fold("1,001 — 5_000") == "1001-5000"


@pytest.mark.parametrize("name", [*CODECS, "enum", "short"])
@given(cells=st.lists(st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["yes", "No", "7", "Ten", "ten "]))))
def test_a_column_is_read_as_each_of_its_cells(name: str, cells: list[str | None]) -> None:
    codec = {"enum": codec_for(SIZE), "short": named("text", max_length=5)}.get(name) or CODECS[name]
    column = pl.Series("cell", cells, dtype=pl.String)
    assert codec.column(column).to_list() == [read(codec, cell) for cell in cells]
