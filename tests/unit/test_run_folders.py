"""What a kill leaves behind in the folder of a job goes when the job is begun again; what somebody may need stays."""

from __future__ import annotations

from pathlib import Path

from bulkreply.ledger import Ledger
from bulkreply.runs import RunFolder, create_run

NOW_S = 1_790_000_000.0


def begun(runs: Path, state: str, *files: str) -> RunFolder:
    """A run with a ledger, staged rows and these files."""
    run = create_run(runs, "night", NOW_S)
    ledger = Ledger.create(run.ledger_path)
    with ledger.transaction():
        ledger.note(state=state)
    ledger.close()
    run.stage_folder.mkdir()
    for name in ("stage/rows.arrow", *files):
        (run.path / name).write_text("rows")
    return run


def test_a_start_that_was_killed_leaves_no_rows_behind(tmp_path: Path) -> None:
    killed = create_run(tmp_path, "night", NOW_S)
    for name in ("ledger.part", "job.yaml", "stdin.input", "pages.sqlite"):
        (killed.path / name).write_text("rows")
    other = create_run(tmp_path, "day", NOW_S)
    fresh = create_run(tmp_path, "night", NOW_S)
    assert (killed.path.exists(), fresh.path.is_dir(), other.path.is_dir()) == (False, True, True)


def test_an_end_that_was_killed_leaves_no_rows_behind(tmp_path: Path) -> None:
    read = ("stdin.input", "pages.sqlite", "pages.sqlite-journal")
    killed = begun(tmp_path, "finished", *read, "results.csv", "report.json")
    create_run(tmp_path, "night", NOW_S)
    assert sorted(path.name for path in killed.path.iterdir()) == ["ledger.sqlite", "report.json", "results.csv"]


def test_what_may_be_needed_stays(tmp_path: Path) -> None:
    doubtful, damaged = begun(tmp_path, "finished", "unknown.csv"), begun(tmp_path, "finished")
    damaged.ledger_path.write_bytes(b"no ledger")
    open_runs = [begun(tmp_path, state) for state in ("running", "paused", "failed")]
    lost = begun(tmp_path, "finished", "log.jsonl")
    lost.ledger_path.unlink()
    create_run(tmp_path, "night", NOW_S)
    for run in (doubtful, damaged, *open_runs, lost):
        assert (run.stage_folder / "rows.arrow").is_file(), run
