"""`mm-trader simulate`: the simulator as a program.

`add_parser` and `run` are what the top-level command line uses. A configuration error is one line on stderr and exit
status 2; SIGTERM and SIGINT end it cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import sys
from typing import Any

import uvloop

from .actions import ActionError
from .config import ConfigError, SimulatorConfig
from .options import add_options
from .settings import load_config
from .simulator import Simulator

ABOUT = (
    "A Binance venue in one process, spot or USD-M futures: REST, WebSocket API, streams and user data on one port, "
    "and a page that shows it."
)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `simulate` to the top-level command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "simulate",
        help="run a simulated Binance venue, spot or USD-M futures",
        description=ABOUT,
    )
    add_options(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    try:
        config, steps = load_config(vars(args))
        return uvloop.run(_serve(config, steps))
    except ConfigError as error:
        print(f"mm-trader simulate: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        option = "--host" if isinstance(error, socket.gaierror) else "--port"
        print(f"mm-trader simulate: {option}: cannot listen: {error.strerror or error}", file=sys.stderr)
        return 2


def calm_collector() -> None:
    """Look for reference cycles seldom: orders and events make none, and each look walks the whole history of orders."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _serve(config: SimulatorConfig, steps: list[dict[str, Any]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(config) as sim:
        calm_collector()
        try:
            sim.admin.run_scenario(steps)
        except ActionError as error:
            raise ConfigError(f"--scenario: {error}") from error
        print(
            f"simulating {', '.join(sim.engine.markets)} on {sim.url} "
            f"(accounts: {', '.join(sim.client_accounts) or 'none'})",
            flush=True,
        )
        await stop.wait()
    return 0


def main(argv: list[str] | None = None) -> int:
    """The simulator without the rest of `mm-trader`."""
    parser = argparse.ArgumentParser(prog="python -m mm_trader.venue.simulator", description=ABOUT)
    add_options(parser)
    return run(parser.parse_args(argv))
