"""Memory of exports stays flat: a million contacts need little more than twenty thousand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
LARGE = pytest.mark.slow


@pytest.mark.parametrize(
    ("rows", "most_mib"),
    [(20_000, 300), pytest.param(200_000, 350, marks=LARGE), pytest.param(10**6, 450, marks=LARGE)],
)
@pytest.mark.parametrize("form", ["csv", "parquet", pytest.param("incremental", marks=LARGE)])
def test_peak_memory(form: str, rows: int, most_mib: int, sandbox: Start, bulkreply: Bulkreply) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", str(rows))
    name = "many.csv" if form == "incremental" else f"many.{form}"
    source = f"{{object: contacts, incremental: {str(form == 'incremental').lower()}}}"
    bulkreply.write("job.yaml", f"job: many\nfrom: {source}\nto: {{file: {name}}}\n")
    for _ in range(2 if form == "incremental" else 1):
        code, peak_mib, seconds = bulkreply.measured("run", "job.yaml", "--base-url", server.url, "--limits", "none")
        print(f"\n{rows:,} rows, {form}: peak {peak_mib:.0f} MiB, {seconds:.1f} s of CPU")
        assert code == 0
        assert peak_mib < most_mib
    if form != "incremental":
        assert bulkreply.report("many")["rows"]["exported"] == rows
