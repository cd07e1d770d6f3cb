"""Reading ahead changes when items are made, never which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bulkreply.ahead import ahead


def test_the_same_items_in_the_same_order() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter(()))) == []


def noting(made: list[int]) -> Iterator[int]:
    """Numbers, each noted when it is made."""
    for number in range(100):
        made.append(number)
        yield number


def test_no_more_than_one_is_made_before_it_is_asked_for() -> None:
    made: list[int] = []
    for taken, item in enumerate(ahead(noting(made))):
        assert item == taken
        assert len(made) <= taken + 2


def test_an_error_comes_in_its_place_and_nothing_after_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the disk is gone")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="the disk is gone"):
        next(found)


def test_leaving_early_ends_the_reading() -> None:
    made: list[int] = []
    found = ahead(noting(made))
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    count = len(made)
    assert count <= 2
    assert len(made) == count
