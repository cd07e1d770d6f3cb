"""The whole program under scaled limits: the server's own log never shows a window above its limit, and no 429."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from tests.support import Bulkreply, SandboxProcess

Start = Callable[..., SandboxProcess]
JOB = "job: NAME\nfrom: {file: NAME.csv}\nto: {object: contacts, batch: 1}\nmap: {email: Email, firstName: First}\n"


def most_in_a_window(times: list[float], period_s: float) -> int:
    window: deque[float] = deque()
    most = 0
    for time in times:
        window.append(time)
        while window[0] <= time - period_s:
            window.popleft()
        most = max(most, len(window))
    return most


def lay_out(bulkreply: Bulkreply, name: str, rows: int) -> str:
    lines = [f"{name}{i}@example.com,F" for i in range(rows)]
    bulkreply.write(f"{name}.csv", "\n".join(["Email,First", *lines]) + "\n")
    return str(bulkreply.write(f"{name}.yaml", JOB.replace("NAME", name)))


@pytest.mark.parametrize("windows", ["sliding", "fixed"])
def test_one_process(sandbox: Start, bulkreply: Bulkreply, windows: str) -> None:
    limits = "25/500ms,150/6s"
    server = sandbox("--limits", limits, "--windows", windows, "--latency-ms", "2", "10")
    done = bulkreply("run", lay_out(bulkreply, "one", 290), "--base-url", server.url, "--limits", limits)
    assert done.code == 0, done.err
    log = server.ask("requests")
    assert 429 not in log["statuses"]
    assert most_in_a_window(log["times"], 0.5) <= (25 if windows == "sliding" else 50)
    assert most_in_a_window(log["times"], 6.0) <= (150 if windows == "sliding" else 300)
    took_s = log["times"][-1] - log["times"][0]
    print(f"\n{windows}: {len(log['times'])} calls in {took_s:.2f} s, optimum 8.0 to 8.5 s")
    assert took_s < 12


def test_two_processes_share_the_quota_of_their_account(sandbox: Start, bulkreply: Bulkreply) -> None:
    limits = "25/500ms,150/6s"
    server = sandbox("--limits", limits, "--latency-ms", "2", "10")
    jobs = [lay_out(bulkreply, name, 110) for name in ("left", "right")]
    running = [bulkreply.start("run", job, "--base-url", server.url, "--limits", limits) for job in jobs]
    assert [process.wait(60) for process in running] == [0, 0]
    log = server.ask("requests")
    assert len(server.ask("contacts")) == 220
    assert 429 not in log["statuses"]
    assert most_in_a_window(log["times"], 0.5) <= 25
    assert most_in_a_window(log["times"], 6.0) <= 150


@pytest.mark.slow
def test_the_limits_of_the_issue(sandbox: Start, bulkreply: Bulkreply) -> None:
    limits = "100/1s,3000/60s"
    server = sandbox("--limits", limits, "--latency-ms", "5", "20")
    job = lay_out(bulkreply, "long", 6500)
    done = bulkreply("run", job, "--base-url", server.url, "--limits", limits, "--parallel", "16", timeout_s=400)
    assert done.code == 0, done.err
    log = server.ask("requests")
    assert 429 not in log["statuses"]
    assert most_in_a_window(log["times"], 1.0) <= 100
    assert most_in_a_window(log["times"], 60.0) <= 3000
    took_s = log["times"][-1] - log["times"][0]
    optimum_s = 120 + 4  # 3,000 at once in bursts of 100 a second, a pause, twice; then five more bursts
    print(f"\n{len(log['times'])} calls in {took_s:.1f} s, {optimum_s / took_s:.1%} of the allowed rate")
    assert optimum_s / took_s >= 0.97
