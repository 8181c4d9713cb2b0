"""All fuzz targets by name. A module of targets gives `TARGETS` (bytes in, raises what is a finding) and `seeds(name)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gateway_targets
import order_targets
import simulator_targets

MODULES = (simulator_targets, order_targets, gateway_targets)
TARGETS: dict[str, Callable[[bytes], None]] = {n: f for module in MODULES for n, f in module.TARGETS.items()}


def seeds(target: str) -> Iterator[bytes]:
    """Inputs to begin from."""
    for module in MODULES:
        if target in module.TARGETS:
            yield from module.seeds(target)
