"""What a plan costs: calls, and the wall clock the quota makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from bulkreply.catalog import Catalog
from bulkreply.net.client import Client
from bulkreply.plan.knowledge import Known
from bulkreply.quota import Forecast
from bulkreply.sizes import BatchSizes
from bulkreply.stage import Stage
from bulkreply.targets import Target
from bulkreply.wire.route import route_of


def sendable_by_group(stage: Stage) -> dict[str, int]:
    """Records per group; duplicates are taken off the largest, which is near enough for a forecast."""
    groups = dict(stage.groups)
    if groups and stage.duplicates:
        largest = max(groups, key=lambda group: groups[group])
        groups[largest] = max(0, groups[largest] - stage.duplicates)
    return groups


def count_writes(target: Target, stage: Stage, sizes: BatchSizes | None) -> dict[str, int]:
    """Calls that carry records by operation label, if nothing has to be repeated; without sizes, one per record."""
    calls: dict[str, int] = {}
    for group, count in sendable_by_group(stage).items():
        operation = route_of(group, target).operation
        needed = ceil(count / sizes.now(operation)) if sizes is not None else count
        calls[operation.label] = calls.get(operation.label, 0) + needed
    return calls


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan costs, if nothing has to be repeated.

    Attributes:
        batches: Calls that carry records.
        calls: All calls by operation label.
        forecast: Wall clock and quota pauses; None when the account is not known.
        saved_s: How much longer one call per record would take, None likewise.
    """

    batches: int
    calls: Mapping[str, int]
    forecast: Forecast | None
    saved_s: float | None


def cost_of(
    client: Client | None, catalog: Catalog, target: Target, stage: Stage, wanted: int, calls: Mapping[str, int]
) -> Cost:
    """The cost of sending what is staged.

    Args:
        wanted: Records per call the job asks for, 0 for what is known to work; no growth is promised.
        calls: The calls besides those that carry records.
    """
    writes = count_writes(target, stage, BatchSizes(client.account_name if client else "none", wanted))
    singles = count_writes(target, stage, None)
    made, alone = added(calls, writes), added(calls, singles)
    forecast = foresee(client, catalog, made)
    longer = foresee(client, catalog, alone) if singles != writes else forecast
    saved_s = max(0.0, longer.duration_s - forecast.duration_s) if forecast and longer else None
    return Cost(sum(writes.values()), made, forecast, saved_s)


def added(calls: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Calls by operation label, of two kinds together."""
    return dict(calls) | {label: calls.get(label, 0) + number for label, number in more.items()}


def count_others(
    target: Target, known: Known, stage: Stage, new_names: Mapping[str, tuple[str, ...]]
) -> dict[str, int]:
    """Calls of a run that carry no records, by operation label, if nothing has to be repeated."""
    calls = {"v3.users.whoami": 1} | known.calls
    for object_name, names in new_names.items():
        calls[f"{target.api}.{object_name}.create"] = len(names)
    if known.new_fields:
        calls[f"{target.api}.custom_fields.create"] = len(known.new_fields)
    spec, mode = target.spec, target.mode
    if spec is None or mode is None or spec.lookup is None or not (mode.only or mode.known):
        return calls
    if not target.by_id:
        sweep = spec.operations[spec.lookup.sweep]
        calls[sweep.label] = calls.get(sweep.label, 0) + 1 + stage.sendable // max(1, sweep.paging.page_max or 1000)
    changed = target.known or target.operation
    reads = spec.lookup.detail or ("get" if target.by_id and "get" in spec.operations else "")
    if changed.merges and reads:
        detail = spec.operations[reads]
        calls[detail.label] = calls.get(detail.label, 0) + stage.sendable
    return calls


def rate_classes(catalog: Catalog, calls: Mapping[str, int]) -> dict[str, int]:
    """Calls per rate class."""
    found: dict[str, int] = {}
    for label, count in calls.items():
        api, object_name, name = label.split(".")
        operation = catalog.object(object_name, api).operations.get(name)
        lane = catalog.api(api).lane(operation) if operation else f"{api}.default"
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
    lane = client.lane(target.operation)
    return tuple(f"{used} of {window}" for window, used in client.quota.spent(lane))
