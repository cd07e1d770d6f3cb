"""What other schedulers are told: a systemd service, a crontab line, a GitHub workflow, Kubernetes cron jobs.

None of them holds a key: each names the environment variable, and says where its value belongs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bulkreply.errors import UsageProblem
from bulkreply.schedule.timetable import Schedule

WRITTEN = "# Written by: bulkreply schedule install"
_ENVIRONMENT = ".config/bulkreply/environment"


@dataclass(frozen=True, slots=True)
class Placed:
    """A schedule, and the environment variable its key comes from."""

    schedule: Schedule
    variable: str


def systemd(placed: Sequence[Placed]) -> str:
    """A service of the user that keeps the scheduler running."""
    command = (sys.executable, "-m", "bulkreply", "schedule", "run")
    words = " ".join(_systemd_word(word).replace("$", "$$") for word in command)
    state = os.environ.get("XDG_STATE_HOME")
    kept = [f"Environment={_systemd_word(f'XDG_STATE_HOME={state}')}"] if state else []
    return _lines(
        f"{WRITTEN} --systemd",
        "# Keep it as ~/.config/systemd/user/bulkreply.service, then:",
        "#   systemctl --user daemon-reload && systemctl --user enable --now bulkreply.service",
        "#   loginctl enable-linger          # it also runs while you are not logged in",
        *_key_lines(placed),
        "[Unit]",
        "Description=bulkreply schedules",
        "",
        "[Service]",
        f"ExecStart={words}",
        f"EnvironmentFile=%h/{_ENVIRONMENT}",
        *kept,
        "UMask=0077",
        "Restart=on-failure",
        "RestartSec=30",
        "RestartPreventExitStatus=2",
        "SuccessExitStatus=130 143",
        "# It stops its runs in good order: only it is asked to stop.",
        "KillMode=mixed",
        "TimeoutStopSec=120",
        "",
        "[Install]",
        "WantedBy=default.target",
    )


def crontab(placed: Sequence[Placed]) -> str:
    """A line that looks every minute what is due."""
    words = shlex.join([sys.executable, "-m", "bulkreply", "schedule", "run", "--once"])
    state = os.environ.get("XDG_STATE_HOME")
    kept = f"XDG_STATE_HOME={shlex.quote(state)} " if state else ""
    command = f'set -a; . "$HOME/{_ENVIRONMENT}"; {kept}{words}'
    return _lines(
        f"{WRITTEN} --cron",
        "# Add it with `crontab -e`. Every minute it runs what is due; `bulkreply schedule list` shows when that is.",
        *_key_lines(placed),
        "* * * * * " + command.replace("%", r"\%"),
    )


def github_actions(placed: Sequence[Placed]) -> str:
    """A workflow with a job for each schedule.

    Raises:
        UsageProblem: There is no schedule, or two that a workflow cannot tell apart.
    """
    schedules = _needed(placed)
    zones: dict[str, str] = {}
    for schedule in schedules:
        if zones.setdefault(schedule.cron.portable, schedule.cron.zone) != schedule.cron.zone:
            problem = f"a workflow cannot tell {schedule.cron.portable!r} in two time zones apart"
            raise UsageProblem(problem, hint="name one schedule, and write a workflow for each")
    times = [
        line
        for cron, zone in zones.items()
        for line in (f"    - cron: {json.dumps(cron)}", f"      timezone: {json.dumps(zone)}")
    ]
    return _lines(
        f"{WRITTEN} --github-actions",
        "# Keep it as .github/workflows/bulkreply.yaml of the repository that holds the jobs.",
        f"# Keys are not in here; add as secrets of the repository: {', '.join(_variables(placed))}",
        "# GitHub keeps no run folder: an unfinished run is begun anew the next time.",
        "name: bulkreply",
        "on:",
        "  schedule:",
        *times,
        "  workflow_dispatch:",
        "permissions:",
        "  contents: read",
        "jobs:",
        *(line for one in placed for line in _workflow_job(one)),
    )


def kubernetes(placed: Sequence[Placed], image: str) -> str:
    """A CronJob for each schedule.

    Raises:
        UsageProblem: There is no schedule.
    """
    _needed(placed)
    lines = " and ".join(f"{name}=…" for name in _variables(placed))
    head = _lines(
        f"{WRITTEN} --kubernetes",
        f"# Keys are not in here: kubectl create secret generic bulkreply --from-env-file=FILE   (it holds {lines})",
        "# Job files: kubectl create configmap bulkreply-jobs --from-file=FOLDER   (they are mounted as /jobs)",
        "# Run folders and the count of the quota are in the PersistentVolumeClaim bulkreply; mount input files too.",
    )
    return head + "---\n".join(_cron_job(one, image) for one in placed)


def write_unit(path: Path, text: str) -> None:
    """Writes what was asked for; over an older one of ours, never over anything else.

    Raises:
        UsageProblem: Something else is there, or it cannot be written.
    """
    try:
        if path.exists() and not path.read_text("utf-8", "replace").startswith(WRITTEN):
            raise UsageProblem(f"{path} is there already", hint="remove it, or give another --write PATH")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from None


def _workflow_job(placed: Placed) -> list[str]:
    schedule, cron = placed.schedule, placed.schedule.cron.portable
    job = os.path.relpath(schedule.job, schedule.folder)
    account = ["--account", schedule.account] if schedule.account else []
    words = shlex.join(["bulkreply", "run", job, "--json", *account, "--max-wait", "5h"])
    name = re.sub(r"[^A-Za-z0-9_-]", "-", schedule.name)
    when = f"github.event_name == 'workflow_dispatch' || github.event.schedule == '{cron}'"
    return [
        f"  {name if name[0].isalpha() else f'job-{name}'}:",
        f"    if: {json.dumps(when)}",
        "    runs-on: ubuntu-latest",
        "    timeout-minutes: 350",
        "    concurrency:",
        f"      group: {json.dumps(f'bulkreply-{name}')}",
        "      cancel-in-progress: false",
        "    steps:",
        "      - uses: actions/checkout@v4",
        "      - uses: actions/setup-python@v5",
        "        with:",
        '          python-version: "3.12"',
        "      - run: pip install bulkreply",
        f"      - run: {json.dumps(words)}",
        "        env:",
        f"          {placed.variable}: ${{{{ secrets.{placed.variable} }}}}",
    ]


def _cron_job(placed: Placed, image: str) -> str:
    schedule = placed.schedule
    account = ["--account", schedule.account] if schedule.account else []
    words = ["bulkreply", "run", f"/jobs/{schedule.job.name}", "--json", *account, "--runs", "/state/runs"]
    name = re.sub(r"[^a-z0-9]+", "-", schedule.name.lower()).strip("-")[:40].strip("-")
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {json.dumps(f"bulkreply-{name}")}
spec:
  schedule: {json.dumps(schedule.cron.portable)}
  timeZone: {json.dumps(schedule.cron.zone)}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: bulkreply
              image: {json.dumps(image)}
              command: {json.dumps(words, ensure_ascii=False)}
              env:
                - name: {placed.variable}
                  valueFrom:
                    secretKeyRef:
                      name: bulkreply
                      key: {placed.variable}
                - name: XDG_STATE_HOME
                  value: /state
              volumeMounts:
                - name: state
                  mountPath: /state
                - name: jobs
                  mountPath: /jobs
                  readOnly: true
          volumes:
            - name: state
              persistentVolumeClaim:
                claimName: bulkreply
            - name: jobs
              configMap:
                name: bulkreply-jobs
"""


def _key_lines(placed: Sequence[Placed]) -> list[str]:
    lines = " and ".join(f"{name}=…" for name in _variables(placed))
    return [f"# Keys are not in here: ~/{_ENVIRONMENT} (chmod 600) holds {lines}"]


def _variables(placed: Sequence[Placed]) -> list[str]:
    return sorted({one.variable for one in placed}) or ["REPLY_API_KEY"]


def _needed(placed: Sequence[Placed]) -> list[Schedule]:
    if not placed:
        raise UsageProblem("there is no schedule yet", hint="bulkreply schedule add JOB --cron …")
    return [one.schedule for one in placed]


def _systemd_word(word: str) -> str:
    word = word.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{word}"' if re.search(r"[\s\"']", word) else word


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
