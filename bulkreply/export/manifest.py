"""What stands beside an exported file: what it holds, from when, how complete, and that it is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulkreply import __version__
from bulkreply.clock import iso_utc
from bulkreply.errors import DiskFatal
from bulkreply.export.deliver import Delivered
from bulkreply.export.plan import ExportPlan
from bulkreply.files.placing import new_file, publish


def manifest_of(
    plan: ExportPlan,
    done: Delivered,
    window_s: tuple[float, float],
    account: str,
    doubts: list[str],
    changes: Mapping[str, int],
) -> dict[str, Any]:
    """The manifest of an export.

    Args:
        window_s: When the first and the last page were read, Unix seconds.
        account: Fingerprint of the account, never its key.
        doubts: What could not be proven complete; empty when everything was.
        changes: Records inserted, updated and deleted, of an incremental run.
    """
    return {
        "manifest_version": 1,
        "bulkreply": __version__,
        "object": plan.spec.name,
        "api": plan.spec.api,
        "operation": plan.operation.label,
        "where": dict(plan.job.source.where),
        "complete": not doubts,
        "doubts": doubts,
        "incremental": plan.job.source.incremental,
        "changes": dict(changes),
        "rows": done.rows,
        "schema": {plan.spec.name: {name: str(kind) for name, kind in plan.shape.kinds.items()}},
        "read_from": iso_utc(window_s[0]),
        "read_to": iso_utc(window_s[1]),
        "account": account,
        "files": {Path(name).name: {"sha256": digest} for name, digest in done.hashes.items()},
    }


def write_manifest(manifest: Mapping[str, Any], file: Path) -> Path:
    """Writes it beside the main file of the export, `contacts.csv.manifest.json`.

    Raises:
        DiskFatal: The disk refused.
    """
    final = file.with_name(file.name + ".manifest.json")
    part = final.with_name(f".{final.name}.part")
    try:
        with os.fdopen(new_file(part), "w", encoding="utf-8") as out:
            json.dump(manifest, out, indent=2, ensure_ascii=False)
            out.write("\n")
    except OSError as error:
        raise DiskFatal(f"{final.name} cannot be written: {error.strerror}") from None
    publish(part, final)
    return final
