"""Records at Reply are looked up the cheaper way: one by one where they are few, by one sweep where they are many."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOB = """
job: known
from: {file: contacts.csv}
to: {object: contacts, mode: update}
map: {email: Email, firstName: First}
"""
HELD = 3500


@pytest.mark.parametrize(
    ("rows", "reads"),
    [
        (2, 2),  # each is asked for
        (3, 3),  # a sweep of four pages would cost more
        (200, 4),  # four pages hold them all
    ],
)
def test_the_fewest_reads(sandbox: Start, bulkreply: Bulkreply, rows: int, reads: int) -> None:
    server = sandbox("--limits", "none", "--seed-contacts", str(HELD))
    held = [one["email"] for one in server.ask("contacts")]
    wanted = held[:: max(1, HELD // rows)][:rows]
    bulkreply.write("contacts.csv", "Email,First\n" + "".join(f"{email},F\n" for email in wanted))
    done = bulkreply("run", str(bulkreply.write("job.yaml", JOB)), "--base-url", server.url, "--limits", "none")
    assert done.code == 0, done.err
    report = bulkreply.report("known")
    assert report["rows"]["updated"] == rows
    asked = [one for one in server.ask("requests")["targets"] if "/v3/contacts" in one and "import" not in one]
    assert len(asked) == reads, asked
