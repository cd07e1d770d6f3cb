"""Memory stays flat: what 100,000 rows need, and a million do not need much more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOB = """
job: many
from: {file: many.csv}
to: {object: contacts, batch: 100}
map: {email: Email, firstName: First, lastName: Last, company: Company, title: Title, phone: Phone, notes: Comment}
"""


def write_rows(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write("Email,First,Last,Company,Title,Phone,Comment\n")
        for i in range(rows):
            out.write(
                f"user{i}@example{i % 97}.com,F{i % 999},L{i % 77},Company {i % 5000},Buyer,+49 {i:09},note {i}\n"
            )


@pytest.mark.parametrize(("rows", "most_mib"), [(100_000, 400), pytest.param(1_000_000, 450, marks=pytest.mark.slow)])
def test_peak_memory(sandbox: Start, bulkreply: Bulkreply, rows: int, most_mib: int) -> None:
    server = sandbox("--limits", "none")
    write_rows(bulkreply.folder / "many.csv", rows)
    bulkreply.write("job.yaml", JOB)
    code, peak_mib, seconds = bulkreply.measured("run", "job.yaml", "--base-url", server.url, "--limits", "none")
    report = bulkreply.report("many")
    print(f"\n{rows:,} rows: peak {peak_mib:.0f} MiB, {seconds:.1f} s of CPU")
    assert code == 0
    assert report["rows"]["created"] == rows
    assert report["requests"]["by_operation"]["v3.contacts.import"] == rows / 100
    assert peak_mib < most_mib
