"""The staging area: groups, positions, rows of one key, and what is said when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from bulkreply.errors import DiskFatal, LedgerUnusable
from bulkreply.mapping import REJECT_SCHEMA, reject_frame
from bulkreply.outcomes import Outcome
from bulkreply.records import Reject
from bulkreply.slots import named
from bulkreply.stage import Stage, StageWriter, Verdicts
from bulkreply.stage.duplicates import Policy
from bulkreply.stage.writer import PART_ROWS
from bulkreply.wire.layout import RECORD_SCHEMA

Row = tuple[int, str, str, dict[str, object]]
NO_REJECTS = pl.DataFrame(schema=REJECT_SCHEMA)


def in_lists(*ids: int) -> str:
    """The group of contacts that go into lists."""
    return json.dumps({"shared": {"options": {"listIds": list(ids)}}}, separators=(",", ":"))


FAIR, WEB = in_lists(71), in_lists(72)


def records(rows: list[Row], file: int = 0) -> pl.DataFrame:
    made = [(file, row, key, group, json.dumps(body), None, None) for row, key, group, body in rows]
    return pl.DataFrame(made, schema=RECORD_SCHEMA, orient="row")


def staged(folder: Path, rows: list[Row], policy: Policy = "first") -> tuple[Stage, Verdicts]:
    writer = StageWriter(folder / "stage")
    writer.add(records(rows), NO_REJECTS)
    return writer.finish(policy)


def everything(stage: Stage) -> pl.DataFrame:
    return stage.records(pl.Series("position", range(stage.positions), dtype=pl.UInt32))


def sent(stage: Stage, verdicts: Verdicts) -> list[tuple[int, str, dict[str, object]]]:
    """`(row, group, body)` of what calls will carry."""
    left = everything(stage).filter(~pl.col("position").is_in(list(verdicts.outcomes)))
    return [(row, group, json.loads(body)) for row, group, body in left.select("row", "group", "body").iter_rows()]


def said(stage: Stage, verdicts: Verdicts) -> dict[int, tuple[Outcome, str, str]]:
    """What is said of rows that are not sent, by row number."""
    rows = everything(stage)["row"].to_list()
    return {rows[at]: words for at, words in verdicts.outcomes.items()}


def test_groups_stay_together_and_positions_run_through(tmp_path: Path) -> None:
    rows: list[Row] = [(2, "a", FAIR, {}), (3, "b", "", {}), (4, "c", FAIR, {}), (5, "d", "", {})]
    stage, verdicts = staged(tmp_path, rows)
    assert verdicts.outcomes == {}
    assert everything(stage)["group"].to_list() == ["", "", FAIR, FAIR]
    assert everything(stage)["row"].to_list() == [3, 5, 2, 4]
    assert everything(stage)["position"].to_list() == [0, 1, 2, 3]
    assert stage.groups == {FAIR: 2, "": 2}
    assert (stage.read, stage.positions, stage.sendable) == (4, 4, 4)


def test_a_large_group_fills_parts_of_its_own(tmp_path: Path) -> None:
    writer = StageWriter(tmp_path / "stage")
    half = PART_ROWS // 2 + 1
    for first in (0, half):
        writer.add(records([(first + i, f"k{first + i}", FAIR, {}) for i in range(half)]), NO_REJECTS)
    writer.add(records([(9_999_999, "last", "", {})]), NO_REJECTS)
    stage, _ = writer.finish("first")
    assert [(part.first, part.rows) for part in stage.parts] == [(0, 2 * half), (2 * half, 1)]
    found = stage.records(pl.Series("position", [0, half, 2 * half], dtype=pl.UInt32))
    assert found["row"].to_list() == [0, half, 9_999_999]


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    stage, _ = staged(tmp_path, [(2, "a", FAIR, {"x": 1}), (3, "a", "", {})])
    assert Stage.load(stage.folder) == stage
    (stage.folder / "stage.json").unlink()
    assert Stage.load(stage.folder) is None


def test_files_are_private(tmp_path: Path) -> None:
    stage, _ = staged(tmp_path, [(2, "a", "", {})])
    assert stage.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in stage.folder.iterdir()} == {0o600}


TWINS: list[Row] = [
    (2, "ann", FAIR, {"email": "ann", "title": "Buyer"}),
    (3, "bob", "", {"email": "bob"}),
    (4, "ann", WEB, {"email": "ann", "title": "Chief", "phone": "1"}),
    (5, "ann", "", {"email": "ann", "phone": "2", "city": None}),
]


def test_the_first_of_a_key_is_sent(tmp_path: Path) -> None:
    stage, verdicts = staged(tmp_path, TWINS, "first")
    assert sorted(row for row, _, _ in sent(stage, verdicts)) == [2, 3]
    skipped = (Outcome.SKIPPED, "row.duplicate", "same key as row 2")
    assert said(stage, verdicts) == {4: skipped, 5: skipped}
    assert (stage.duplicates, stage.sendable) == (2, 2)


def test_the_last_of_a_key_is_sent(tmp_path: Path) -> None:
    stage, verdicts = staged(tmp_path, TWINS, "last")
    assert sorted(row for row, _, _ in sent(stage, verdicts)) == [3, 5]
    assert said(stage, verdicts)[2] == (Outcome.SKIPPED, "row.duplicate", "same key as row 5")


def test_none_of_a_key_is_sent(tmp_path: Path) -> None:
    stage, verdicts = staged(tmp_path, TWINS, "error")
    assert [row for row, _, _ in sent(stage, verdicts)] == [3]
    refused = (Outcome.REJECTED, "row.duplicate", "rows 2, 4, 5 have the same key")
    assert said(stage, verdicts) == dict.fromkeys((2, 4, 5), refused)


def test_rows_of_a_key_become_one_record(tmp_path: Path) -> None:
    stage, verdicts = staged(tmp_path, TWINS, "merge")
    merged = {"email": "ann", "title": "Buyer", "phone": "1", "city": None}
    assert sent(stage, verdicts) == [(3, "", {"email": "bob"}), (2, in_lists(71, 72), merged)]
    into = (Outcome.SKIPPED, "row.duplicate", "merged into row 2")
    assert said(stage, verdicts) == {4: into, 5: into}
    assert (stage.read, stage.positions, stage.sendable) == (4, 4, 2)
    assert sum(stage.groups.values()) == stage.positions
    assert FAIR not in stage.groups


@pytest.mark.parametrize("body", ["", "1001", '"7b0f2c54-1111-4222-8333-9a0000000001"'])
def test_keys_of_records_are_the_same_after_merging(tmp_path: Path, body: str) -> None:
    writer = StageWriter(tmp_path / "stage")
    rows = records([(2, "a", "", {}), (3, "a", "", {})]).with_columns(pl.lit(body).alias("body"))
    writer.add(rows, NO_REJECTS)
    stage, verdicts = writer.finish("merge")
    assert everything(stage).filter(pl.col("row") == 2)["body"].to_list() == [body]
    assert said(stage, verdicts) == {3: (Outcome.SKIPPED, "row.duplicate", "merged into row 2")}


def test_names_to_be_created_survive_merging(tmp_path: Path) -> None:
    acme, fair = named("accounts", 'Acme, "Inc"'), named("contact_lists", "Fair")
    made = [
        (0, 2, "a", "", f'{{"email":"a","accountId":{acme}}}', None, None),
        (0, 3, "a", f'{{"shared":{{"options":{{"listIds":[{fair}]}}}}}}', '{"email":"a","city":"Ulm"}', None, None),
    ]
    writer = StageWriter(tmp_path / "stage", names=True)
    writer.add(pl.DataFrame(made, schema=RECORD_SCHEMA, orient="row"), NO_REJECTS)
    stage, _ = writer.finish("merge")
    merged = everything(stage).filter(pl.col("row") == 2).row(0, named=True)
    assert merged["body"] == f'{{"email":"a","accountId":{acme},"city":"Ulm"}}'
    assert merged["group"] == f'{{"shared":{{"options":{{"listIds":[{fair}]}}}}}}'
    assert stage.slots() == {("accounts", 'Acme, "Inc"'), ("contact_lists", "Fair")}


def test_custom_fields_of_one_key_are_joined_by_title(tmp_path: Path) -> None:
    def custom(**named: str) -> dict[str, object]:
        return {"customFields": [{"name": name, "value": value} for name, value in named.items()]}

    stage, verdicts = staged(
        tmp_path, [(2, "a", "", custom(A="1", B="2")), (3, "a", "", custom(B="3", C="4"))], "merge"
    )
    assert [body for _, _, body in sent(stage, verdicts)] == [custom(A="1", B="2", C="4")]


def test_merging_across_parts_and_files_keeps_every_row(tmp_path: Path) -> None:
    writer = StageWriter(tmp_path / "stage")
    writer.add(records([(i, f"k{i}", FAIR, {f"f{i}": i}) for i in range(2, PART_ROWS + 2)]), NO_REJECTS)
    writer.add(records([(2, "k2", WEB, {"late": 1}), (3, f"k{PART_ROWS + 1}", "", {"late": 2})], file=1), NO_REJECTS)
    stage, verdicts = writer.finish("merge")
    assert stage.positions == PART_ROWS + 2
    rows = everything(stage).select("file", "row").rows()
    assert sorted(rows) == sorted([*((0, i) for i in range(2, PART_ROWS + 2)), (1, 2), (1, 3)])
    assert {rows[at] for at in verdicts.outcomes} == {(1, 2), (1, 3)}
    bodies = {row: body for row, _, body in sent(stage, verdicts)}
    assert bodies[2] == {"f2": 2, "late": 1}
    assert bodies[PART_ROWS + 1] == {f"f{PART_ROWS + 1}": PART_ROWS + 1, "late": 2}


@pytest.mark.parametrize("policy", ["first", "last", "merge", "error"])
def test_records_without_a_key_are_never_twins(tmp_path: Path, policy: Policy) -> None:
    stage, verdicts = staged(tmp_path, [(2, "", "", {}), (3, "", "", {})], policy)
    assert verdicts.outcomes == {}
    assert stage.sendable == 2


def test_rejects_count_rows_not_problems(tmp_path: Path) -> None:
    writer = StageWriter(tmp_path / "stage")
    problems = [
        Reject(3, "E", "email", "email.invalid", "no"),
        Reject(3, "F", "firstName", "value.required", "no"),
        Reject(5, "E", "email", "email.invalid", "no"),
        Reject(3, "E", "email", "email.invalid", "no", file=1),
    ]
    writer.add(records([(2, "a", "", {})]), reject_frame(problems[:2]))
    writer.add(records([(4, "b", "", {})]), reject_frame(problems[2:]))
    stage, _ = writer.finish("first")
    assert (stage.read, stage.invalid, stage.positions) == (5, 3, 2)
    assert stage.invalid_by_code == {"email.invalid": 3}
    assert list(stage.invalid_rows()) == [(0, 3), (0, 5), (1, 3)]
    assert stage.rejects().height == 4


def test_only_the_wanted_rows_are_kept(tmp_path: Path) -> None:
    writer = StageWriter(tmp_path / "stage", keep={(0, 3), (0, 9)})
    writer.add(
        records([(2, "a", "", {}), (3, "b", "", {})]),
        reject_frame([Reject(9, "", "", "x", ""), Reject(8, "", "", "x", "")]),
    )
    stage, _ = writer.finish("first")
    assert (stage.read, stage.positions, stage.invalid) == (2, 1, 1)
    assert everything(stage)["row"].to_list() == [3]


def test_an_empty_input(tmp_path: Path) -> None:
    stage, verdicts = StageWriter(tmp_path / "stage").finish("merge")
    assert (stage.read, stage.positions, stage.groups, verdicts.outcomes) == (0, 0, {}, {})
    assert list(stage.invalid_rows()) == []


def test_leavings_of_an_earlier_attempt_are_cleared(tmp_path: Path) -> None:
    staged(tmp_path, [(2, "a", "", {}), (3, "b", "", {})])
    stage, _ = staged(tmp_path, [(7, "c", "", {})])
    assert everything(stage)["row"].to_list() == [7]


def test_a_damaged_part_is_said_to_be_so(tmp_path: Path) -> None:
    stage, _ = staged(tmp_path, [(2, "a", "", {})])
    part = stage.folder / stage.parts[0].name
    whole = part.read_bytes()
    for spoiled in (b"", whole[: len(whole) // 2], b"x" * len(whole)):
        part.write_bytes(spoiled)
        with pytest.raises(LedgerUnusable):
            stage.frame(stage.parts[0])
    records([(2, "a", "", {}), (3, "b", "", {})]).write_ipc(part)
    with pytest.raises(LedgerUnusable):
        stage.frame(stage.parts[0])


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFatal):
        StageWriter(tmp_path / "file" / "stage")
