"""`sandbox`."""

from __future__ import annotations

from pathlib import Path

from bulkreply.cli.show import talk
from bulkreply.errors import UsageProblem
from bulkreply.sandbox import SandboxOptions, serve


def sandbox(
    port: int,
    limits: str,
    windows: str,
    keys: list[str],
    switches: list[str],
    faults: list[str],
    latency_ms: str,
    seed: int,
    seed_contacts: int,
    state: Path | None,
) -> int:
    """Serves until it is stopped."""
    low, _, high = latency_ms.partition("-")
    options = SandboxOptions(
        limits=limits,
        windows=windows,
        keys=tuple(keys),
        switches=_pairs(switches, "--switch"),
        faults={name: _number(share, "--fault") for name, share in _pairs(faults, "--fault").items()},
        latency_ms=(_number(low, "--latency-ms"), _number(high or low, "--latency-ms")),
        seed=seed,
        seed_contacts=seed_contacts,
        state=state,
    )

    def ready(url: str) -> None:
        talk.print(f"sandbox listening on {url}   stop it with Ctrl-C")
        talk.print(f"  next, elsewhere: REPLY_API_KEY={keys[0]} bulkreply run JOB --base-url {url}")

    serve(options, port, ready)
    return 0


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, separator, _ in pairs:
        if not separator:
            raise UsageProblem(f"{option} {name}: write it as name=value")
    return {name: value for name, _, value in pairs}


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageProblem(f"{option}: {text!r} is not a number") from None
