"""One bench: our side and its references, in one run, in turns; medians, ratios, versions, as a table and as JSON."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tests.bench.measure import Failed, Taken

LIBRARIES = ("aiohttp", "polars", "orjson", "uvloop", "requests", "dlt", "singer-sdk")


@dataclass(frozen=True, slots=True)
class Side:
    """Who takes part.

    Attributes:
        run: Does the work once and says what it took.
        share: How much of the work it does, for those too slow to do all of it; its time is scaled.
        optional: Whether it may be missing, because what it needs is not installed.
    """

    name: str
    run: Callable[[], Taken]
    share: float = 1.0
    optional: bool = False


@dataclass(slots=True)
class Contest:
    """What a bench compares.

    Attributes:
        ours: Name of our side.
        wanted: Reference -> (at least, goal): how many times as fast as it we want to be.
    """

    title: str
    ours: str
    sides: Sequence[Side]
    wanted: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def hold(self, rounds: int) -> dict[str, object]:
        """Rounds in turns; what came out."""
        taken: dict[str, list[Taken]] = {}
        missing = {}
        for number in range(rounds):
            for side in self.sides:
                if side.name in missing:
                    continue
                try:
                    one = side.run()
                except Failed as why:
                    if not side.optional:
                        raise
                    missing[side.name] = str(why).strip().splitlines()[-1]
                    continue
                scaled = Taken(one.wall_s / side.share, one.cpu_s / side.share, one.peak_mib)
                taken.setdefault(side.name, []).append(scaled)
                print(f"  round {number + 1}: {side.name} {scaled.wall_s:.2f} s", flush=True)
        return self._summary(taken, missing, rounds)

    def _summary(self, taken: dict[str, list[Taken]], missing: dict[str, str], rounds: int) -> dict[str, object]:
        ours_s = statistics.median(one.wall_s for one in taken[self.ours])
        lines = []
        for name, all_of_it in taken.items():
            wall_s = statistics.median(one.wall_s for one in all_of_it)
            least, goal = self.wanted.get(name, (0.0, 0.0))
            lines.append(
                {
                    "side": name,
                    "wall_s": round(wall_s, 3),
                    "spread_s": [
                        round(min(one.wall_s for one in all_of_it), 3),
                        round(max(one.wall_s for one in all_of_it), 3),
                    ],
                    "cpu_s": round(statistics.median(one.cpu_s for one in all_of_it), 3),
                    "peak_mib": round(statistics.median(one.peak_mib for one in all_of_it), 1),
                    "ours_is_times_as_fast": round(wall_s / ours_s, 3),
                    "at_least": least,
                    "goal": goal,
                }
            )
        return {"bench": self.title, "rounds": rounds, "sides": lines, "missing": missing, "versions": versions()}


def versions() -> dict[str, str]:
    """What it was measured with."""
    found = {"python": platform.python_version(), "machine": f"{platform.machine()}, {platform.system()}"}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def show(summary: dict[str, object]) -> None:
    """The table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary['bench']} (median of {summary['rounds']})", title_justify="left")
    for head in ("side", "wall s", "fastest to slowest", "CPU s", "peak MiB", "ours / it", "at least", "goal"):
        table.add_column(head, justify="left" if head == "side" else "right")
    sides: list[dict[str, object]] = summary["sides"]  # type: ignore[assignment]
    for line in sides:
        low, high = line["spread_s"]  # type: ignore[misc]
        table.add_row(
            *(str(line["side"]), f"{line['wall_s']:.2f}", f"{low:.2f} - {high:.2f}"),
            *(f"{line['cpu_s']:.2f}", f"{line['peak_mib']:.0f}", f"{line['ours_is_times_as_fast']:.2f}"),
            *(f"{line[word] or ''}" for word in ("at_least", "goal")),
        )
    console = Console(width=120)
    console.print(table)
    for name, why in summary["missing"].items():  # type: ignore[attr-defined]
        console.print(f"{name} did not take part: {why}")
    console.print(", ".join(f"{name} {version}" for name, version in summary["versions"].items()))  # type: ignore[attr-defined]


def save(summary: dict[str, object], path: Path) -> None:
    """Appends it as a line of JSON."""
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(summary) + "\n")
