"""A singer-sdk target fed by a CSV tap: one POST to V1 a record. Needs `singer-sdk requests`. `URL FILE`"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import requests
from singer_sdk import typing as th
from singer_sdk.sinks import RecordSink
from singer_sdk.target_base import Target

from tests.bench.files import record


class PeopleSink(RecordSink):
    """One request a record."""

    session = requests.Session()

    def process_record(self, record: dict, context: dict) -> None:  # type: ignore[type-arg]
        answer = self.session.post(self.config["url"] + "/v1/people", json=record, headers={"X-Api-Key": "bench"})
        answer.raise_for_status()


class ReplyTarget(Target):
    """The target."""

    name = "target-reply-bench"
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()
    default_sink_class = PeopleSink


def messages(file: str) -> io.StringIO:
    """What the tap says."""
    schema = {"type": "object", "properties": {"email": {"type": "string"}}, "additionalProperties": True}
    lines = [json.dumps({"type": "SCHEMA", "stream": "people", "schema": schema, "key_properties": ["email"]})]
    with Path(file).open(encoding="utf-8", newline="") as text:
        for cells in csv.DictReader(text):
            lines.append(json.dumps({"type": "RECORD", "stream": "people", "record": record(cells)}))
    return io.StringIO("\n".join(lines) + "\n")


if __name__ == "__main__":
    ReplyTarget(config={"url": sys.argv[1]}).listen(messages(sys.argv[2]))
