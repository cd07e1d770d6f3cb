"""`python -m bulkreply.sandbox`: the stand-in as a process of its own, for tests."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bulkreply.sandbox import SandboxOptions, serve


def _pairs(texts: list[str]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in texts)


def main() -> None:
    """Reads the options and serves."""
    parser = argparse.ArgumentParser(prog="python -m bulkreply.sandbox")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", default="100/60s,3000/1h")
    parser.add_argument("--windows", default="sliding")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--switch", action="append", default=[])
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--latency-ms", type=float, nargs=2, default=(0.0, 0.0))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seed-contacts", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--ten-seconds", type=float)
    given = parser.parse_args()
    options = SandboxOptions(
        limits=given.limits,
        windows=given.windows,
        keys=tuple(given.key or ["sandbox"]),
        switches=_pairs(given.switch),
        faults={name: float(share) for name, share in _pairs(given.fault).items()},
        latency_ms=tuple(given.latency_ms),
        seed=given.seed,
        seed_contacts=given.seed_contacts,
        state=given.state,
        ten_seconds_s=given.ten_seconds,
    )

    def ready(url: str) -> None:
        sys.stdout.write(f"sandbox listening on {url}\n")
        sys.stdout.flush()

    serve(options, given.port, ready)


if __name__ == "__main__":
    main()
