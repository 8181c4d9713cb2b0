"""`mm-trader simulate`: the simulator as a program.

`add_parser` and `run` are what the top-level command line uses. A configuration error is one line on stderr and exit
status 2; SIGTERM and SIGINT end it cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Any

import uvloop

from .config import ConfigError, SimulatorConfig
from .settings import load_config
from .simulator import Simulator

EXAMPLE = """\
example:
  mm-trader simulate --port 9443 --account demo:DEMOKEY:DEMOSECRET:ETH=10,BTC=1,USDC=50000
  curl 'http://127.0.0.1:9443/api/v3/ticker/bookTicker?symbol=ETHUSDC'

A secret on the command line shows in `ps`: prefer --account-file (one NAME:KEY:SECRET:BALANCES a line) or
--accounts-from-env PREFIX (every variable PREFIX… holds one). SECRET may be ed25519=PUBLIC (base64 or a .pem file).
Every option may also stand in a YAML file (--config) under its own name; the command line wins.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `simulate` to the top-level command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "simulate",
        help="run a simulated Binance venue, spot or USD-M futures",
        description="A Binance venue in one process, spot or USD-M futures: REST, WebSocket API, streams and user data on one port.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate`."""
    add = parser.add_argument
    add("--port", type=int, metavar="N", help="port to listen on; 0 picks a free one (default 9443)")
    add("--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    add(
        "--account",
        action="append",
        metavar="NAME:KEY:SECRET:ETH=10,USDC=50000",
        help="an account; repeatable",
    )
    add("--account-file", action="append", metavar="FILE", help="file with one account a line; repeatable")
    add("--accounts-from-env", metavar="PREFIX", help="read accounts from variables that begin with PREFIX")
    add("--product", metavar="PRODUCT", help="spot, or usdm for USD-M perpetual futures (default spot)")
    add("--symbols", metavar="LIST", help="symbols to trade (default ETHUSDC,BTCUSDC)")
    add(
        "--market",
        nargs="+",
        metavar="SPEC",
        help="seeded:SEED[:PRESET] (presets: calm, toxic, or a .yaml file) or replay:FILE[@SYMBOL] [FILE…]",
    )
    add("--speed", type=float, metavar="X", help="run the market X times faster than the clock (default 1)")
    add("--maker-commission", metavar="RATE", help="for every account, as in 0.001 (default: the market's)")
    add("--taker-commission", metavar="RATE", help="for every account, as in 0.001 (default: the market's)")
    add("--stp", metavar="MODE", help="default self-trade prevention (default EXPIRE_MAKER)")
    add("--leverage", type=int, metavar="N", help="usdm: of every account at first (default 20)")
    add("--funding-rate", metavar="RATE", help="usdm: longs pay shorts at each settlement (default 0.0001)")
    add(
        "--funding-interval",
        type=float,
        metavar="S",
        help="usdm: seconds between settlements (default 28800)",
    )
    add("--scenario", metavar="FILE", help="YAML file of timed admin actions to run from the start")
    add("--config", metavar="FILE", help="YAML file of these options")


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    try:
        config, steps = load_config(vars(args))
        return uvloop.run(_serve(config, steps))
    except ConfigError as error:
        print(f"mm-trader simulate: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"mm-trader simulate: --port: cannot listen: {error.strerror or error}", file=sys.stderr)
        return 2


async def _serve(config: SimulatorConfig, steps: list[dict[str, Any]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(config) as sim:
        if steps:
            sim.admin.run_scenario(steps)
        print(
            f"simulating {', '.join(sim.engine.markets)} on {sim.url} "
            f"(accounts: {', '.join(sim.client_accounts) or 'none'})",
            flush=True,
        )
        await stop.wait()
    return 0


def main(argv: list[str] | None = None) -> int:
    """The simulator without the rest of `mm-trader`."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_trader.venue.simulator",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    return run(parser.parse_args(argv))
