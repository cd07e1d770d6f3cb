"""What lies on disk is for its owner only, whatever the umask; names and links lead nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkreply.errors import LedgerUnusable, UsageProblem
from bulkreply.runs import create_run, find_run
from bulkreply.secrets import private_folder
from tests.support import REPOSITORY, Bulkreply, SandboxProcess, start_sandbox


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """The umask that hides nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxProcess]:
    process = start_sandbox(
        "--limits", "none", "--key", "canary-key-7f3a9d51c2", "--state", str(tmp_path / "sandbox.state")
    )
    yield process
    process.stop()


def test_state_runs_and_exports_are_private_with_any_umask(
    open_to_all: None, server: SandboxProcess, bulkreply: Bulkreply
) -> None:
    bulkreply.settings["XDG_STATE_HOME"] = str(bulkreply.folder / "above" / "state")
    job = str(REPOSITORY / "jobs" / "import_contacts.yaml")
    assert bulkreply("run", job, "--base-url", server.url, "--set", "policy.settle_s=0.2").code == 3
    export = ("export", "contacts", "-o", "all.csv", "--base-url", server.url)
    assert bulkreply(*export, "--incremental").code == 0
    job = "job: nightly\nfrom: {object: contacts}\nto: {file: x.csv}\n"
    assert bulkreply("schedule", "add", str(bulkreply.write("nightly.yaml", job)), "--cron", "@daily").code == 0
    looked = 0
    for path in bulkreply.folder.rglob("*"):
        if path.name == "nightly.yaml" or path.is_symlink():
            continue
        looked += 1
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert looked > 25


def test_a_private_folder_is_private_from_its_first_part_on(open_to_all: None, tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "b" / "c")
    assert [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "a").rglob("*"))] == [0o700, 0o700]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_a_run_stays_in_its_folder(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for job in ("../../evil", "/etc/evil", "..", "a/../../evil"):
        assert create_run(runs, job, 1.0).path.resolve().parent.parent == runs
    for name in ("../evil", "..", "*", "[a-z]*"):
        with pytest.raises((UsageProblem, LedgerUnusable)):
            find_run(runs, name)


def test_an_export_does_not_write_through_a_link(server: SandboxProcess, bulkreply: Bulkreply) -> None:
    kept = bulkreply.write("kept.txt", "mine")
    (bulkreply.folder / "all.csv").symlink_to(kept)
    (bulkreply.folder / ".all.csv.part").symlink_to(bulkreply.write("other.txt", "mine too"))
    done = bulkreply("export", "contacts", "-o", "all.csv", "--base-url", server.url)
    assert kept.read_text() == "mine"
    assert (bulkreply.folder / "other.txt").read_text() == "mine too", done.err
