"""What a sweep remembers: later looks read little, and never say that something is absent which is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkreply.net.swept import Costly, Swept
from bulkreply.wire.paging import Page

SIZE = 4


@dataclass
class Listing:
    """Records in their order, read page by page."""

    records: list[dict[str, Any]]
    reads: list[int] = field(default_factory=list)

    async def read(self, number: int) -> Page:
        self.reads.append(number)
        end = (number + 1) * SIZE
        return Page(tuple(self.records[number * SIZE : end]), end < len(self.records), len(self.records))

    def sweep(self, swept: Swept) -> None:
        for number in range(max(1, -(-len(self.records) // SIZE))):
            page = asyncio.run(self.read(number))
            swept.note(number, page.records, [key_of(one) for one in page.records])
        self.reads.clear()

    def look(self, swept: Swept, *keys: str, most: int = 0) -> set[str] | None:
        found = asyncio.run(swept.look(set(keys), self.read, key_of, most))
        return None if found is None else {key_of(one) for one in found} & set(keys)


def key_of(record: Any) -> str:
    return str(record["name"])


def people(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"n{number}"} for number in numbers]


def swept_over(*numbers: int) -> tuple[Listing, Swept]:
    listing, swept = Listing(people(*numbers)), Swept("id", SIZE)
    listing.sweep(swept)
    return listing, swept


def test_only_what_came_since_is_read() -> None:
    listing, swept = swept_over(*range(1, 23))
    listing.records += people(30, 31, 32)
    assert listing.look(swept, "n31", "n99") == {"n31"}
    assert listing.reads == [5, 6]
    assert listing.look(swept, "n32", "n99") == {"n32"}, "what was read is remembered too"


def test_the_page_of_a_known_record_is_read_again() -> None:
    listing, swept = swept_over(*range(1, 23))
    assert listing.look(swept, "n6", "n22") == {"n6", "n22"}
    assert listing.reads == [1, 5]


@pytest.mark.parametrize("gone", [2, 21])
def test_a_record_that_went_makes_it_start_anew(gone: int) -> None:
    listing, swept = swept_over(*range(1, 23))
    listing.records = [one for one in listing.records if one["id"] != gone] + people(30, 31)
    assert listing.look(swept, "n31") is None


def test_a_record_that_came_in_between_makes_it_start_anew() -> None:
    listing, swept = swept_over(*range(1, 23))
    listing.records.insert(3, people(40)[0])
    assert listing.look(swept, "n40") is None


@pytest.mark.parametrize("numbers", [(3, 2, 1, 4, 5, 6), (9, 8, 7, 6, 5, 4), (1, 2, 3, 4, 4, 5)])
def test_another_order_is_no_proof(numbers: tuple[int, ...]) -> None:
    listing, swept = swept_over(*numbers)
    assert swept.pages_of({"n1"}) is None
    assert listing.look(swept, "n1") is None


def test_ids_that_are_texts_are_no_order() -> None:
    listing, swept = Listing([{"id": f"{n:03}", "name": f"n{n}"} for n in range(9)]), Swept("id", SIZE)
    listing.sweep(swept)
    assert swept.pages_of({"n1"}) is None


def test_newer_records_out_of_order_are_no_proof() -> None:
    listing, swept = swept_over(*range(10, 32))
    listing.records += people(5)
    assert listing.look(swept, "n99") is None
    listing.sweep(swept)
    assert swept.pages_of({"n99"}) is None


def test_a_sweep_anew_is_remembered_again() -> None:
    listing, swept = swept_over(3, 2, 1)
    listing.records = people(*range(1, 10))
    listing.sweep(swept)
    assert swept.pages_of({"n99"}) == {2}


def test_many_new_records_are_not_worth_a_few_keys() -> None:
    listing, swept = swept_over(*range(1, 23))
    listing.records += people(*range(30, 90))
    with pytest.raises(Costly):
        listing.look(swept, "n99", "n98", most=2)


@given(
    st.lists(st.integers(1, 60), unique=True, max_size=30),
    st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(1, 60), st.integers(0, 30)), max_size=6),
    st.sets(st.integers(1, 90), min_size=1, max_size=5),
)
def test_one_change_never_hides_a_record(
    first: list[int], changes: list[tuple[str, int, int]], wanted: set[int]
) -> None:
    listing, swept = swept_over(*sorted(first))
    for what, number, at in changes[:1]:
        if what == "add" and number not in first:
            listing.records.insert(at, people(number)[0])
        elif what == "remove":
            listing.records = [one for one in listing.records if one["id"] != number]
    listing.records += people(*range(70, 70 + len(changes)))
    keys = {f"n{number}" for number in wanted}
    found = listing.look(swept, *keys)
    assert found is None or found == keys & {key_of(one) for one in listing.records}
