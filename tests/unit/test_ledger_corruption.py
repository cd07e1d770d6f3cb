"""Ledgers spoiled at random: no row that was not done is done, and none that was sent is taken for never sent."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from bulkreply.ledger.sums import Sums
from tests.ledgers import Credulous, Heard, Real, listen, real_ledger, spoil

LEDGERS = 6


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> list[Real]:
    folder = tmp_path_factory.mktemp("whole")
    return [real_ledger(folder / f"{seed}.sqlite", seed) for seed in range(LEDGERS)]


def heard_of(seed: int, reals: list[Real], folder: Path, sums: type[Sums] = Sums) -> Heard:
    chance, path = random.Random(seed), folder / "spoiled.sqlite"
    real, other = chance.sample(reals, 2)
    spoil(path, real, other, chance)
    return listen(path, real.truth, sums)


def test_a_whole_ledger_says_what_is_true(reals: list[Real], tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    for real in reals:
        path.write_bytes(real.whole)
        assert listen(path, real.truth) == Heard()
        assert len(real.whole) > 8 * 4096 < len(real.before), "too small to be spoiled in many ways"
        assert real.truth.open


@pytest.mark.parametrize("first", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1000, 21_000, 1000))])
def test_nothing_false_is_believed_and_nothing_lost(first: int, reals: list[Real], tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + (700 if first == 0 else 1000)):
        heard = heard_of(seed, reals, tmp_path)
        assert not heard.wrong, f"seed {seed}: {sorted(heard.wrong)[:9]} are done, and were not"
        assert not heard.lost, f"seed {seed}: {sorted(heard.lost)[:9]} would be sent again without a look"
        assert not heard.lies, f"seed {seed}: {heard.lies[:3]}"
        seen["refused" if heard.refused else "read"] += 1
    print(f"\n{sum(seen.values())} spoiled ledgers: {dict(seen)}")
    assert min(seen["refused"], seen["read"]) > 100, seen


def test_without_checksums_rows_become_done_that_were_not(reals: list[Real], tmp_path: Path) -> None:
    """The canary: the same spoiled ledgers, with the checksum off."""
    heard = [heard_of(seed, reals, tmp_path, Credulous) for seed in range(300)]
    counts = [sum(bool(getattr(one, name)) for one in heard) for name in ("wrong", "lost", "lies")]
    print(f"\nchecksum off, 300 spoiled ledgers: {counts} with wrong outcomes, lost rows, false reasons or facts")
    assert counts[0] > 10, "what is done to the ledgers is harmless: the test proves nothing"
    assert counts[2] > 0
