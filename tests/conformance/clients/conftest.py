"""A simulator as a program, and client libraries' own environments, for flows that run outside this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
CALM = HERE.parents[2] / "configs" / "markets" / "calm.yaml"
FLOW_S = 100
Flow = Callable[..., Any]


def still_market(folder: Path) -> str:
    """A market whose price and traders stand still, so that only the client's orders trade with each other."""
    preset = yaml.safe_load(CALM.read_text())
    preset |= dict.fromkeys(
        ("volatility_bp_sqrt_s", "trend_bp_s", "jump_per_s", "noise_per_s", "informed_per_s"), 0.0
    )
    path = folder / "still.yaml"
    path.write_text(yaml.safe_dump(preset))
    return f"seeded:1:{path}"


@pytest.fixture
def simulate() -> Iterator[Callable[..., str]]:
    """Start `mm-trader simulate` with these options; its address. Two accounts, `alpha` and `beta`, keys in capitals."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> str:
        accounts = [
            part
            for name in ("alpha", "beta")
            for part in ("--account", f"{name}:{name.upper()}KEY:{name}-secret:ETH=10,BTC=1,USDC=50000")
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "mm_trader.venue.simulator", "--port", "0", *accounts, *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " on http" in line, line
        return line.split(" on ")[1].split()[0]

    yield start
    for process in running:
        process.terminate()
    for process in running:
        assert process.wait(10) == 0


@pytest.fixture
def flow() -> Flow:
    """Run `flow_<library>.py WHAT URL …` in the library's own environment; the observations that it printed."""

    def run(library: str, what: str, url: str, *more: str) -> Any:
        python = subprocess.run(
            [HERE / "client-env", library], check=True, capture_output=True, text=True
        ).stdout.strip()
        script = HERE / f"flow_{library.replace('-', '_')}.py"
        environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        done = subprocess.run(
            [python, "-I", script, what, url, *more],
            capture_output=True,
            text=True,
            timeout=FLOW_S,
            env=environ,
        )
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout.splitlines()[-1])

    return run
