"""The demo: a simulator and a trader in one process, over a real loopback socket, with state in memory. Seconds to the first quotes.

Nothing is rigged: `calm` and `toxic` are parameter sets of the simulator's one generator, and the trader is the one that runs in a pod.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
import uvloop

from mm_api.trader_config import LoggingConfig, TraderConfig
from mm_trader.core.clock import Clock
from mm_trader.core.commands import Place
from mm_trader.shell import logs
from mm_trader.shell.app import App
from mm_trader.shell.demo.snapshot import Snapshot, take
from mm_trader.shell.demo.text import plain_line, summary
from mm_trader.shell.errors import ConfigError
from mm_trader.venue.binance import BinanceGateway, Credentials
from mm_trader.venue.port import VenueGateway
from mm_trader.venue.simulator.config import ConfigError as SimulatorConfigError
from mm_trader.venue.simulator.config import (
    MarketConfig,
    SimulatorConfig,
    parse_account,
    parse_symbols,
)
from mm_trader.venue.simulator.simulator import Simulator

BALANCES = "ETH=10,BTC=1,USDC=50000"
REFRESH_S = 0.25
PLAIN_EVERY_S = 1.0
log = structlog.get_logger("demo")


def run_demo(*, seconds: float | None, preset: str, seed: int, symbols: Sequence[str], plain: bool) -> int:
    """Run until Ctrl-C or for `seconds`; the exit status."""
    with tempfile.TemporaryDirectory(prefix="mm-demo-") as directory:
        log_file = Path(directory) / "trader.log"
        with log_file.open("a", encoding="utf-8") as stream:
            logs.configure(LoggingConfig(level="INFO"), stdout=stream, trader="demo")
            try:
                return uvloop.run(_demo(Path(directory), log_file, seconds, preset, seed, symbols, plain))
            except (ConfigError, SimulatorConfigError) as error:
                sys.stderr.write(f"mm-trader demo: {error}\n")
                return 2


def demo_config(simulator: Simulator, directory: Path, symbols: Sequence[str]) -> TraderConfig:
    """The trader's config in the demo: defaults of the product, small enough limits to see them work."""
    return TraderConfig.model_validate(
        {
            "name": "demo",
            "identity": "sim.demo",
            "symbols": list(symbols),
            "venue": {
                "environment": "simulator",
                "restUrl": simulator.url,
                "wsApiUrl": f"{simulator.ws_url}/ws-api/v3",
                "streamUrl": simulator.ws_url,
            },
            "risk": {"capital": "10000"},
            "lease": {"managed": False},
            "journalDir": str(directory / "journal"),
            "admin": {"port": 0},
        }
    )


async def _demo(
    directory: Path,
    log_file: Path,
    seconds: float | None,
    preset: str,
    seed: int,
    symbols: Sequence[str],
    plain: bool,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    key, secret = secrets.token_hex(16), secrets.token_hex(16)
    venue_config = SimulatorConfig(
        accounts=(parse_account(f"demo:{key}:{secret}:{BALANCES}"),),
        symbols=parse_symbols(",".join(symbols)),
        market=MarketConfig(seed=str(seed), preset=preset),
    )
    async with Simulator(venue_config) as simulator:

        def gateway(config: TraderConfig, clock: Clock, before_send: Callable[[Place], None]) -> VenueGateway:
            return BinanceGateway(
                config.venue, clock, before_send=before_send, credentials=Credentials(key, secret)
            )

        config = demo_config(simulator, directory, symbols)
        app = App(config, "demo", gateway_factory=gateway)
        began = loop.time()
        await app.start()
        hint = f"venue {simulator.url}   status http://127.0.0.1:{app.admin.port}/status   log {log_file}"
        try:
            await _show(app, stop, seconds, hint, plain=plain or not sys.stdout.isatty())
        finally:
            last = take(app, loop.time() - began)
            zero = await app.stop("demo over")
        sys.stdout.write(summary(last, preset, zero))
    return 0 if zero else 1


async def _show(app: App, stop: asyncio.Event, seconds: float | None, hint: str, *, plain: bool) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    if plain:
        sys.stdout.write(hint + "\n")
        await _repeat(
            lambda: _write_line(plain_line(take(app, loop.time() - began))), PLAIN_EVERY_S, stop, seconds
        )
        return
    from mm_trader.shell.demo.live import LiveView

    with LiveView(hint) as view:
        await _repeat(lambda: view.show(take(app, loop.time() - began)), REFRESH_S, stop, seconds)


def _write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _repeat(
    work: Callable[[], None], every_s: float, stop: asyncio.Event, seconds: float | None
) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds if seconds is not None else float("inf")
    while not stop.is_set() and loop.time() < ends:
        work()
        try:
            async with asyncio.timeout(min(every_s, max(ends - loop.time(), 0.001))):
                await stop.wait()
        except TimeoutError:
            continue


__all__ = ["Snapshot", "demo_config", "run_demo"]
