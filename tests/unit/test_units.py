"""What other schedulers are told, as they would read it."""

from __future__ import annotations

import configparser
import shlex
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bulkreply.errors import UsageProblem
from bulkreply.schedule import Cron, Schedule
from bulkreply.schedule.units import Placed, crontab, github_actions, kubernetes, systemd, write_unit


def placed(
    name: str = "nightly",
    cron: str = "0 6 * * 1-5",
    zone: str = "Europe/Berlin",
    *,
    job: str = "/work here/jobs/contacts.yaml",
    account: str = "",
    variable: str = "REPLY_API_KEY",
) -> Placed:
    folder = Path("/work here")
    return Placed(Schedule(name, Path(job), Cron.read(cron, zone), folder, folder / "runs", account), variable)


BOTH = [placed(), placed("7 Days", "0 5 * * 5-7", "America/New_York", account="second", variable="SECOND_KEY")]


def test_a_systemd_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", '/var/my "100%" $tate')
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(systemd(BOTH))
    service = unit["Service"]
    assert shlex.split(service["ExecStart"]) == [sys.executable, "-m", "bulkreply", "schedule", "run"]
    assert service["EnvironmentFile"] == "%h/.config/bulkreply/environment"
    assert service["Environment"] == r'"XDG_STATE_HOME=/var/my \"100%%\" $tate"'
    assert "holds REPLY_API_KEY=… and SECOND_KEY=…" in systemd(BOTH)
    assert "REPLY_API_KEY=…" in systemd([]), "the service is there for schedules to come"


def test_a_crontab_line_hides_percent_signs_from_cron(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/100%")
    *comments, line = crontab(BOTH).splitlines()
    assert all(comment.startswith("#") for comment in comments)
    assert line.startswith('* * * * * set -a; . "$HOME/.config/bulkreply/environment"; XDG_STATE_HOME=/var/100\\% ')
    assert line.endswith(" -m bulkreply schedule run --once")


def test_a_workflow() -> None:
    workflow = YAML(typ="safe", pure=True).load(github_actions(BOTH))
    assert workflow["on"]["schedule"] == [
        {"cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"},
        {"cron": "0 5 * * 0,5,6", "timezone": "America/New_York"},
    ]
    assert list(workflow["jobs"]) == ["nightly", "job-7-Days"]
    nightly, other = workflow["jobs"].values()
    assert nightly["if"].endswith("github.event.schedule == '0 6 * * 1-5'")
    assert nightly["steps"][-1] == {
        "run": "bulkreply run jobs/contacts.yaml --json --max-wait 5h",
        "env": {"REPLY_API_KEY": "${{ secrets.REPLY_API_KEY }}"},
    }
    assert "--account second" in other["steps"][-1]["run"]
    assert other["steps"][-1]["env"] == {"SECOND_KEY": "${{ secrets.SECOND_KEY }}"}


def test_a_workflow_is_not_made_of_what_it_cannot_tell_apart() -> None:
    with pytest.raises(UsageProblem, match="two time zones"):
        github_actions([placed(), placed("other", "0 6 * * mon-fri".replace("mon-fri", "1-5"), "Asia/Tokyo")])
    assert github_actions([placed(), placed("other")]).count("timezone:") == 1


def test_cron_jobs_of_a_cluster() -> None:
    documents = list(YAML(typ="safe", pure=True).load_all(kubernetes(BOTH, "registry.example/bulkreply:1")))
    assert [one["metadata"]["name"] for one in documents] == ["bulkreply-nightly", "bulkreply-7-days"]
    spec = documents[1]["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == (
        "0 5 * * 0,5,6",
        "America/New_York",
        "Forbid",
    )
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/bulkreply:1"
    assert container["command"] == [
        "bulkreply", "run", "/jobs/contacts.yaml", "--json", "--account", "second", "--runs", "/state/runs"
    ]  # fmt: skip
    assert container["env"][0] == {
        "name": "SECOND_KEY",
        "valueFrom": {"secretKeyRef": {"name": "bulkreply", "key": "SECOND_KEY"}},
    }


@pytest.mark.parametrize("name", ["nightly", "Nächtlich_2", "x" * 90])
def test_names_of_cron_jobs_are_labels(name: str) -> None:
    (document,) = YAML(typ="safe", pure=True).load_all(kubernetes([placed(name)], "bulkreply"))
    label = document["metadata"]["name"]
    assert len(label) <= 52
    assert label.isascii()
    assert label == label.lower().strip("-")
    assert label.replace("-", "").isalnum()


def test_without_schedules_there_is_nothing_to_hand_over() -> None:
    for make in (lambda: github_actions([]), lambda: kubernetes([], "bulkreply")):
        with pytest.raises(UsageProblem, match="no schedule yet"):
            make()


def test_a_unit_replaces_its_like_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "unit"
    write_unit(path, systemd(BOTH))
    write_unit(path, crontab(BOTH))
    assert path.read_text("utf-8") == crontab(BOTH)
    path.write_text("mine", "utf-8")
    with pytest.raises(UsageProblem, match="is there already"):
        write_unit(path, crontab(BOTH))
    with pytest.raises(UsageProblem, match="cannot be written"):
        write_unit(path / "below", crontab(BOTH))
    assert path.read_text("utf-8") == "mine"
