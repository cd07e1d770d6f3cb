"""What a plan costs: calls, and the wall clock the quota makes of them."""

from __future__ import annotations

from collections.abc import Mapping

from bulkreply.catalog import Catalog
from bulkreply.net.client import Client
from bulkreply.plan.knowledge import Known
from bulkreply.plan.target import Target
from bulkreply.quota import Forecast
from bulkreply.stage import Stage


def sendable_by_group(stage: Stage) -> dict[str, int]:
    """Records per group; duplicates are taken off the largest, which is near enough for a forecast."""
    groups = dict(stage.groups)
    if groups and stage.duplicates:
        largest = max(groups, key=lambda group: groups[group])
        groups[largest] = max(0, groups[largest] - stage.duplicates)
    return groups


def count_calls(
    target: Target, known: Known, stage: Stage, batches: int, new_names: Mapping[str, tuple[str, ...]]
) -> dict[str, int]:
    """All calls of a run by operation label, if nothing has to be repeated."""
    calls = {"v3.users.whoami": 1} | known.calls | {target.operation.label: batches}
    for object_name, names in new_names.items():
        calls[f"{target.spec.api}.{object_name}.create"] = len(names)
    if known.new_fields:
        calls[f"{target.spec.api}.custom_fields.create"] = len(known.new_fields)
    if target.mode.only and target.spec.lookup:
        lookup = target.spec.operations[target.spec.lookup.sweep]
        calls[lookup.label] = calls.get(lookup.label, 0) + 1 + stage.sendable // max(1, lookup.paging.page_max or 1000)
    return calls


def rate_classes(catalog: Catalog, calls: Mapping[str, int]) -> dict[str, int]:
    """Calls per rate class."""
    found: dict[str, int] = {}
    for label, count in calls.items():
        api, object_name, name = label.split(".")
        operation = catalog.object(object_name, api).operations.get(name)
        lane = f"{api}.{operation.rate_class if operation else 'default'}"
        found[lane] = found.get(lane, 0) + count
    return found


def foresee(client: Client | None, catalog: Catalog, calls: Mapping[str, int]) -> Forecast | None:
    """Wall clock and pauses, None when the account is not known."""
    if client is None:
        return None
    return client.quota.forecast(rate_classes(catalog, calls), concurrency=client.patience.width)


def spent(client: Client | None, target: Target) -> tuple[str, ...]:
    """What other runs have used of the quota windows up to now."""
    if client is None:
        return ()
    lane = f"{target.spec.api}.{target.operation.rate_class}"
    return tuple(f"{used} of {window}" for window, used in client.quota.spent(lane))
