"""The stand-in against the hand-written wire samples: where they differ, the sample is right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from ruamel.yaml import YAML

from bulkreply.sandbox import Sandbox, SandboxOptions
from bulkreply.sandbox.store import Job, Workspace
from tests.wire import world

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))
VOLATILE = {"addingDate", "createdAt", "lastModifiedAt", "startedAt", "finishedAt", "jobId", "detail", "title", "next"}
VOLATILE |= {"updatedAt", "created", "previous", "message", "category", "phoneStatus", "errorCode", "importSessionId"}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def matches(expected: Any, actual: Any, path: str = "") -> None:
    """Everything the sample says stands in the answer; the answer may say more."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), path
        for name, value in expected.items():
            assert name in actual, f"{path}/{name} is missing"
            if name not in VOLATILE and not (name == "id" and isinstance(value, int)):
                matches(value, actual[name], f"{path}/{name}")
    elif isinstance(expected, list):
        assert isinstance(actual, list), path
        assert len(expected) == len(actual), path
        for i, (one, other) in enumerate(zip(expected, actual, strict=True)):
            matches(one, other, f"{path}/{i}")
    elif isinstance(expected, str) and expected.startswith("{"):
        assert isinstance(json.loads(actual), dict), path
    else:
        assert expected == actual, f"{path}: {actual!r} instead of {expected!r}"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
async def test_the_stand_in_answers_as_the_sample_says(path: Path) -> None:
    if path.stem in world.SKIPPED:
        pytest.skip(world.SKIPPED[path.stem])
    sample = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    options = SandboxOptions(limits="none", keys=("known",), switches=world.SWITCHES.get(path.stem, {}))
    async with Sandbox(options) as sandbox, aiohttp.ClientSession() as session:
        workspace = sandbox.stand_in.workspaces["known"]
        world.furnish(workspace)
        world.SETUP.get(path.stem, lambda _: None)(workspace)
        unknown_key = "unauthorized" in sample["covers"] and "acting_user" not in sample["covers"]
        for exchange in sample["exchanges"]:
            request, response = exchange["request"], exchange["response"]
            key = "wrong" if unknown_key else "known"
            headers = {name: str(text).replace("${KEY}", key) for name, text in request["headers"].items()}
            target = _renamed(request["path"], workspace)
            url = sandbox.url + target + ("?" + urlencode(request["query"]) if request.get("query") else "")
            body = json.dumps(request["body"], default=str) if "body" in request else None
            if "parts" in request:
                del headers["Content-Type"]  # it has to name the boundary
                body = _form(request["parts"])
            async with session.request(request["method"], url, data=body, headers=headers) as answer:
                text = await answer.text()
                assert answer.status == response["status"], text
                for name in ("Content-Type", "WWW-Authenticate", "Location"):
                    if name in response.get("headers", {}) and name != "Location":
                        assert answer.headers[name].replace(" ", "") == response["headers"][name].replace(" ", "")
                if "body" in response:
                    matches(_plain(response["body"]), json.loads(text) if text else None)
                elif "body_text" in response:
                    assert DAY.sub("a day", text) == DAY.sub("a day", response["body_text"])


def _form(parts: list[dict[str, str]]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    for part in parts:
        kind = part.get("content_type")
        form.add_field(part["name"], part["text"], filename=part.get("filename"), content_type=kind)
    return form


def _renamed(target: str, workspace: Workspace) -> str:
    """Background jobs get ids of their own."""
    head, _, tail = target.rpartition("/")
    jobs: dict[str, Job] = workspace.jobs
    return f"{head}/{next(iter(jobs))}" if head == "/v3/background-jobs" and jobs and "-" in tail else target


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
