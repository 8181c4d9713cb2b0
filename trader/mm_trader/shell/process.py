"""One trader as a process: event loop, signals, exit status.

0: stopped when asked, nothing open at the venue. 1: it could not work, or could not confirm that nothing is open. 2: the config has to be changed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop

import mm_trader
from mm_api.trader_config import TraderConfig
from mm_api.versions import NewerSchemaError
from mm_trader.shell import logs
from mm_trader.shell.app import App
from mm_trader.shell.errors import ConfigError, JournalInUseError
from mm_trader.shell.holder import resolve_holder

EXIT_OK, EXIT_FAILED, EXIT_CONFIG = 0, 1, 2
log = structlog.get_logger("process")


def run_trader(config: TraderConfig, holder: str | None, source: str) -> int:
    """Run until SIGTERM or SIGINT; the exit status. `source`: the config file, for messages and to be watched."""
    try:
        logs.configure(config.logging, trader=config.name, identity=config.identity)
    except OSError as error:
        return _fail(f"{source}: logging: {error.filename} cannot be opened: {error.strerror}", EXIT_CONFIG)
    try:
        journal_dir = Path(config.journal_dir)
        journal_dir.mkdir(parents=True, exist_ok=True)
        who = resolve_holder(holder, os.environ, journal_dir)
        app = App(config, who, config_file=Path(source))
    except ConfigError as error:
        return _fail(f"{source}: {error}", EXIT_CONFIG)
    except OSError as error:
        return _fail(f"{source}: journalDir: {config.journal_dir}: {error.strerror}", EXIT_CONFIG)
    try:
        return uvloop.run(serve(app))
    except JournalInUseError as error:
        return _fail(f"{source}: journalDir: {error}", EXIT_FAILED)
    except NewerSchemaError as error:
        return _fail(f"{source}: journalDir: {error}", EXIT_CONFIG)
    except OSError as error:
        return _fail(f"{source}: {_what_failed(error)}", EXIT_FAILED)


async def serve(app: App) -> int:
    """Start, run until told to stop or until the app fails, stop. The exit status."""
    stop = asyncio.Event()
    told: list[str] = []

    def on_signal(number: signal.Signals) -> None:
        log.info("signal_received", signal=number.name)
        told.append(number.name)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    loop.add_signal_handler(signal.SIGHUP, app.reloader.reload)
    log.info(
        "trader_starting",
        version=mm_trader.__version__,
        symbols=app.config.symbols,
        revision=app.config.revision,
        scope=app.config.scope,
        epoch=app.config.epoch,
        environment=app.config.venue.environment.value,
        store=app.store.name,
        holder=app.progress.holder,
    )
    app.collector.watch()
    await _first_of(app.start(), stop)
    warm = asyncio.create_task(_calm_the_collector(app))
    await _first_of(app.failed.wait(), stop)
    warm.cancel()
    failed = app.failed.is_set()
    zero = await app.stop(app.gave_up or ("InternalError" if failed else (told[0] if told else "Stopped")))
    log.info("trader_stopped", nothing_open=zero)
    return EXIT_FAILED if failed or app.session.orders_perhaps_open else EXIT_OK


async def _first_of(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> None:
    """Wait for the work or for the signal to stop; the work's error is raised."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    elif task.exception() is not None:
        task.result()


async def _calm_the_collector(app: App) -> None:
    """Once it may trade, everything long-lived is there."""
    await app.session.ready.wait()
    app.collector.calm()


def _what_failed(error: OSError) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"admin: cannot listen: {error.strerror or error}"


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"mm-trader: {message}\n")
    return status
